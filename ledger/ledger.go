package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"usher/identity"
)

// Options are what a Ledger may be given. All may be left out.
type Options struct {
	Now    func() time.Time // the clock; default: the database server's, or time.Now where there is none
	Logger *slog.Logger     // default: none
	// InstanceTTL is how long this opening of the ledger counts as alive without
	// a sign of life, where others may have the ledger open as well. It gives one
	// three times as often. Default: 9 seconds.
	InstanceTTL time.Duration
	// Instance names this opening of the ledger: who holds its leases and
	// claims. Default: a fresh random name, which it should be outside tests.
	Instance string
}

// Ledger is an open ledger. All its methods may be called concurrently.
type Ledger struct {
	clock    clock
	log      *slog.Logger
	instance string
	life     liveness

	read   *statements // many connections, read-only
	writer *sql.DB     // one connection
	write  *statements // of writer
	db     database
	leave  func() error // lets other processes have the database

	turn  turn
	debts debts
	kept  *kept
	wal   *wal // nil: none of ours

	mu     sync.RWMutex // held for reading by Write, for writing by Close
	closed bool
}

// Open opens the ledger at url: "sqlite:" and the path of a file, for this
// process alone, or the URL of a Postgres database, beside other processes. Its
// schema must be up: see Up. What is wrong with the database is a *DatabaseError
// that says what to do.
func Open(ctx context.Context, url string, o *Options) (*Ledger, error) {
	if o == nil {
		o = &Options{}
	}
	d, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	if !d.present() {
		return nil, d.wrong("does not exist", remedyUp, nil)
	}
	leave, err := d.reserve()
	if err != nil {
		return nil, err
	}
	l := &Ledger{log: o.Logger, instance: o.Instance, db: d, leave: leave, turn: turn{late: lateTime}}
	l.clock.given = o.Now
	l.debts.ctx, l.debts.stop = context.WithCancel(context.WithoutCancel(ctx))
	if d.shared() {
		l.life.ttl, l.life.died = cmp.Or(o.InstanceTTL, defaultTTL), make(chan struct{}, 1)
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if l.instance == "" {
		l.instance = identity.NewID("ins_")
	}
	if err := l.open(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Ledger) open(ctx context.Context) (err error) {
	if l.writer, err = l.db.connect(modeWrite, 1); err != nil {
		return err
	}
	if err := mustBeUp(ctx, l.db, l.writer); err != nil {
		return err
	}
	l.write = newStatements(l.db, l.writer)
	if err := l.write.prepare(ctx, slices.Concat(writeStatements(), l.db.statements())...); err != nil {
		return l.db.diagnose(err)
	}
	readers, err := l.db.connect(modeRead, max(4, 2*runtime.GOMAXPROCS(0)))
	if err != nil {
		return err
	}
	l.read = newStatements(l.db, readers)
	if l.wal, err = l.db.wal(); err != nil {
		return err
	}
	if l.kept, err = newKept(l.db.shared()); err != nil {
		return err
	}
	if err := l.setClock(ctx); err != nil {
		return err
	}
	return l.db.diagnose(l.register(ctx))
}

// Close waits for the transaction under way, commits what nobody waits for,
// closes the ledger and lets other processes have it. It may be called again.
func (l *Ledger) Close() error {
	l.fallSilent()
	l.settleDebts(context.Background())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	if l.turn.open != nil {
		l.commit(context.Background())
	}
	l.resign(context.Background())
	if l.kept != nil {
		l.kept.clear()
	}
	var errs []error
	if l.read != nil {
		errs = append(errs, l.read.close(), l.read.db.Close())
	}
	if l.wal != nil {
		errs = append(errs, l.wal.db.Close())
	}
	if l.write != nil {
		errs = append(errs, l.write.close())
	}
	if l.writer != nil { // last, so that it empties the write-ahead log
		errs = append(errs, l.writer.Close())
	}
	errs = append(errs, l.leave())
	return failed("close ledger", errors.Join(errs...))
}

// Ready reports whether the ledger answers.
func (l *Ledger) Ready(ctx context.Context) error {
	var n int
	return failed("ask ledger", l.read.row(ctx, `SELECT COUNT(*) FROM organizations WHERE id = ''`).Scan(&n))
}

// Now returns the ledger's time: UTC, in microseconds.
func (l *Ledger) Now() time.Time { return instant(l.clock.now()) }

func (l *Ledger) setClock(ctx context.Context) error {
	return l.clock.set(ctx, func(ctx context.Context) (int64, error) { return l.db.time(ctx, l.read.db) })
}
