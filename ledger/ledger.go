package ledger

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"usher/identity"
)

// Options are what a Ledger may be given. All may be left out.
type Options struct {
	Now    func() time.Time // the clock; default time.Now
	Logger *slog.Logger     // default: none
	// Instance names this opening of the ledger: who holds its leases and
	// claims. Default: a fresh random name, which it should be outside tests.
	Instance string
}

// Ledger is an open ledger. All its methods may be called concurrently.
type Ledger struct {
	now      func() time.Time
	log      *slog.Logger
	instance string

	read   *statements // many connections, read-only
	writer *sql.DB     // one connection
	write  *statements // of writer
	lock   *os.File

	turn turn
	kept *kept

	mu     sync.RWMutex // held for reading by Write, for writing by Close
	closed bool
}

// Open opens the ledger at url, "sqlite:" and the path of a file, for this
// process alone. Its schema must be up: see Up. What is wrong with the file is
// a *FileError that says what to do.
func Open(ctx context.Context, url string, o *Options) (*Ledger, error) {
	if o == nil {
		o = &Options{}
	}
	f, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	if err := f.mustExist(); err != nil {
		return nil, err
	}
	lock, err := f.lock()
	if err != nil {
		return nil, err
	}
	l := &Ledger{now: o.Now, log: o.Logger, instance: o.Instance, lock: lock, turn: turn{taken: make(chan struct{}, 1)}}
	if l.now == nil {
		l.now = time.Now
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if l.instance == "" {
		l.instance = identity.NewID("ins_")
	}
	if err := l.open(ctx, f); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Ledger) open(ctx context.Context, f *file) (err error) {
	if err := f.mustBeWritable(); err != nil {
		return err
	}
	if l.writer, err = f.connect(modeWrite, 1); err != nil {
		return err
	}
	if err := f.mustBeUp(ctx, l.writer); err != nil {
		return err
	}
	l.write = newStatements(l.writer)
	if err := l.write.prepare(ctx, writeStatements()...); err != nil {
		return f.diagnose(err)
	}
	readers, err := f.connect(modeRead, max(4, 2*runtime.GOMAXPROCS(0)))
	if err != nil {
		return err
	}
	l.read = newStatements(readers)
	l.kept, err = newKept()
	return err
}

// Close waits for the transaction under way, closes the ledger and lets other
// processes have it. It may be called again.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	if l.kept != nil {
		l.kept.clear()
	}
	var errs []error
	if l.read != nil {
		errs = append(errs, l.read.close(), l.read.db.Close())
	}
	if l.write != nil {
		errs = append(errs, l.write.close())
	}
	if l.writer != nil { // last, so that it empties the write-ahead log
		errs = append(errs, l.writer.Close())
	}
	errs = append(errs, unlockFile(l.lock))
	return failed("close ledger", errors.Join(errs...))
}

// Ready reports whether the ledger answers.
func (l *Ledger) Ready(ctx context.Context) error {
	var n int
	return failed("ask ledger", l.read.row(ctx, `SELECT COUNT(*) FROM organizations WHERE id = ''`).Scan(&n))
}

// Now returns the ledger's time: UTC, in microseconds.
func (l *Ledger) Now() time.Time { return instant(l.now()) }
