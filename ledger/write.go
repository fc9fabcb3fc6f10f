package ledger

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"
)

// Tx is a transaction under way. It is used by one goroutine, and not after
// the function it was given to has returned.
type Tx struct {
	ctx    context.Context // the transaction's; it does not outlive Write
	caller context.Context // asked between statements
	tx     *sql.Tx
	led    *Ledger
	now    time.Time

	changed []altered // rows that memory must forget
}

// Now returns the transaction's instant: the same at each call, UTC, in
// microseconds.
func (t *Tx) Now() time.Time { return t.now }

// turn is whose turn it is to write. Those that wait for it together share one
// transaction of the database: making a commit durable costs more than all that
// is done before it, and costs the same for one as for many.
type turn struct {
	taken   chan struct{} // holds one element while somebody has the turn
	waiting atomic.Int64
	open    *group // what the next one joins; nil: begin one
}

// maxGroup bounds how many share a commit.
const maxGroup = 64

// group is a transaction of the database that several share, one after the
// other.
type group struct {
	conn *sql.Conn
	tx   *sql.Tx
	size int // who have done their part

	changed []altered
	done    chan struct{} // closed when the fate is known
	err     error         // valid then
}

// What parts the members of a group: any of them can be undone alone.
const (
	setSavepoint  = `SAVEPOINT member`
	keepSavepoint = `RELEASE member`
	undoSavepoint = `ROLLBACK TO member`
)

func turnStatements() []string { return []string{setSavepoint, keepSavepoint, undoSavepoint} }

// Write runs fn in one transaction and commits it; once Write has returned
// nil, the changes survive any crash. Transactions run one after the other. If
// fn returns an error or panics, or ctx is cancelled before the commit,
// nothing has changed. fn's error is returned as it is.
//
// fn gives up at the first error of a Tx method that it cannot explain, and
// must not call the Ledger itself: it would wait for its own end.
func (l *Ledger) Write(ctx context.Context, fn func(*Tx) error) error {
	l.mu.RLock()
	if l.closed {
		l.mu.RUnlock()
		return failed("begin transaction", sql.ErrConnDone)
	}
	if err := l.takeTurn(ctx); err != nil {
		return failed("begin transaction", err)
	}
	defer l.mu.RUnlock()
	g, err := l.join(ctx, fn)
	if err != nil {
		return err
	}
	<-g.done
	return failed("commit transaction", g.err)
}

// takeTurn waits for the caller's turn, or with ctx. Whoever is waited for may
// have left the commit to who waits: one that gives up still sees to that, and
// then to the caller's read lock.
func (l *Ledger) takeTurn(ctx context.Context) error {
	l.turn.waiting.Add(1)
	select {
	case l.turn.taken <- struct{}{}:
		l.turn.waiting.Add(-1)
		return nil
	case <-ctx.Done():
	}
	go func() {
		defer l.mu.RUnlock()
		l.turn.taken <- struct{}{}
		l.turn.waiting.Add(-1)
		l.end(ctx)
		<-l.turn.taken
	}()
	return ctx.Err()
}

// join does one member's part of a transaction and gives the turn away. What it
// returns is that part's own error; whether the transaction is committed is the
// group's to say.
func (l *Ledger) join(ctx context.Context, fn func(*Tx) error) (*group, error) {
	defer func() { <-l.turn.taken }()
	defer l.end(ctx)
	if err := ctx.Err(); err != nil {
		return nil, failed("begin transaction", err)
	}
	if l.turn.open == nil {
		g, err := l.begin(ctx)
		if err != nil {
			return nil, failed("begin transaction", err)
		}
		l.turn.open = g
	}
	g := l.turn.open
	return g, l.part(ctx, g, fn)
}

// begin opens the transaction of a group. It outlives the context of who
// happened to begin it.
func (l *Ledger) begin(ctx context.Context) (*group, error) {
	whole := context.WithoutCancel(ctx)
	conn, err := l.writer.Conn(whole)
	if err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(whole, nil)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &group{conn: conn, tx: tx, done: make(chan struct{})}, nil
}

// part runs one member's function. Whatever it does wrong, by returning an
// error, by panicking or by ending its goroutine, is undone alone.
func (l *Ledger) part(ctx context.Context, g *group, fn func(*Tx) error) (err error) {
	// Interrupting a statement would cost the connection with everything
	// prepared on it; statements are short, so ctx is asked between them.
	whole := context.WithoutCancel(ctx)
	own := &Tx{ctx: whole, caller: whole, tx: g.tx, led: l, now: l.Now()}
	given := *own
	given.caller = ctx
	shared := g.size > 0
	if shared {
		if _, err := own.exec(setSavepoint); err != nil {
			return failed("begin transaction", err)
		}
	}
	kept := false
	defer func() {
		switch {
		case kept:
			g.size++
			g.changed = append(g.changed, given.changed...)
		case !shared:
			l.drop(ctx, g, errUndone)
		default:
			_, undo := own.exec(undoSavepoint)
			_, release := own.exec(keepSavepoint)
			if undo != nil || release != nil {
				l.drop(ctx, g, errors.Join(undo, release))
			}
		}
	}()
	if err := fn(&given); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return failed("commit transaction", err)
	}
	if shared {
		if _, err := own.exec(keepSavepoint); err != nil {
			return failed("commit transaction", err)
		}
	}
	kept = true
	return nil
}

// errUndone is the fate of a group whose only member has undone its part.
var errUndone = errors.New("undone")

// end commits the open group, unless somebody waits who will join it.
func (l *Ledger) end(ctx context.Context) {
	g := l.turn.open
	if g == nil || (l.turn.waiting.Load() > 0 && g.size < maxGroup) {
		return
	}
	l.turn.open = nil
	g.err = g.tx.Commit() // a commit that goes wrong has rolled back
	l.kept.drop(g.changed)
	l.release(ctx, g.conn.Close)
	close(g.done)
}

// drop undoes a group as a whole.
func (l *Ledger) drop(ctx context.Context, g *group, why error) {
	l.turn.open = nil
	g.err = why
	l.release(ctx, g.tx.Rollback)
	l.release(ctx, g.conn.Close)
	close(g.done)
}

func (l *Ledger) release(ctx context.Context, fn func() error) {
	if err := fn(); err != nil && !errors.Is(err, sql.ErrTxDone) && !errors.Is(err, sql.ErrConnDone) {
		l.log.ErrorContext(ctx, "ledger: ending a transaction", "error", err)
	}
}
