package ledger

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"time"

	"modernc.org/sqlite"
)

// wal is SQLite's write-ahead log: what is committed and not in the database's file
// yet. SQLite would bring it there within the commit that finds the log long, which
// then, and all who wait behind it, waits for the disk three times instead of once.
// Whoever has the turn counts.
type wal struct {
	db      *sql.DB // one connection, opened when it is needed first
	most    int     // pages
	pages   int     // since the log began
	due     int     // how many those are when the log is to be shortened
	working bool    // it is being shortened
}

const (
	// longLog is how many pages the log may have before it is shortened, 8 MiB.
	longLog = 2000
	// tooLong is how many times as many it may have while somebody always reads.
	tooLong = 4
	// readerTime is for how long those who read from a log that is too long are
	// waited for at a time, and readerTimes how often. Most read for less.
	readerTime  = 5 * time.Millisecond
	readerTimes = 10
)

func (f *file) wal() (*wal, error) {
	db, err := f.connect(modeLog, 1)
	if err != nil {
		return nil, err
	}
	w := &wal{db: db, most: longLog, due: longLog}
	switch info, err := os.Stat(f.path + "-wal"); {
	case err == nil: // what a process left that was killed
		w.pages = int(info.Size() / 4096)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, errors.Join(f.diagnose(err), db.Close())
	}
	return w, nil
}

// add counts the pages that a connection has written since it was asked last, and
// reports that the log is to be shortened.
func (w *wal) add(conn *sql.Conn) bool {
	pages := w.most // if that cannot be said
	_ = conn.Raw(func(driver any) error {
		if c, ok := driver.(sqlite.DBStatus); ok {
			if written, _, err := c.Status(sqlite.DBStatusCacheWrite, true); err == nil {
				pages = written
			}
		}
		return nil
	})
	w.pages += pages
	return w.pages >= w.due && !w.working
}

// The ways to bring pages into the database's file: as far as nobody reads what they
// replace there, and wholly, which fails at once where somebody still reads from the
// log or writes.
const (
	passive = `PRAGMA wal_checkpoint(PASSIVE)`
	restart = `PRAGMA wal_checkpoint(RESTART)`
)

func (w *wal) checkpoint(ctx context.Context, how string) (done bool, err error) {
	var busy, all, brought int
	err = w.db.QueryRowContext(ctx, how).Scan(&busy, &all, &brought)
	return busy == 0, err
}

// shorten brings the log's pages into the database's file: nearly all beside who
// writes, and what was written meanwhile while nobody does. Then whoever writes next
// begins the log anew. Somebody who reads from it is in the way, and is waited for
// only once the log has become too long.
func (l *Ledger) shorten() {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return
	}
	ctx := context.Background()
	_, err := l.wal.checkpoint(ctx, passive)
	<-l.turn.line.wait(false)
	defer l.turn.line.next()
	if l.turn.open != nil {
		l.commit(ctx)
	}
	w, done := l.wal, false
	if err == nil {
		done, err = w.checkpoint(ctx, restart)
	}
	for n := 0; err == nil && !done && w.pages >= tooLong*w.most; n++ {
		if n == readerTimes {
			err = errReader
			break
		}
		time.Sleep(readerTime)
		done, err = w.checkpoint(ctx, restart)
	}
	if err != nil {
		l.log.WarnContext(ctx, "ledger: the write-ahead log could not be shortened", "pages", w.pages, "error", err)
	}
	if done {
		w.pages = 0
	}
	w.due, w.working = w.pages+w.most, false
}

// errReader is why a log goes on that is too long.
var errReader = errors.New("somebody has been reading from it all the time")
