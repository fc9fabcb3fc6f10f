package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
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
	spoilt  error     // what the first failed statement said
}

// Now returns the transaction's instant: the same at each call, UTC, in
// microseconds.
func (t *Tx) Now() time.Time { return t.now }

// turn is whose turn it is to write. Those that wait for it together share one
// transaction of the database: making a commit durable costs more than all that
// is done before it, and costs the same for one as for many.
type turn struct {
	line    line
	open    *group                  // what the next one joins; nil: begin one
	late    time.Duration           // how long what nobody waits for may go uncommitted
	refused refusal                 // of the last beginning that failed after a long wait
	lost    atomic.Pointer[refusal] // of the last commit that failed, of what was written ahead
}

// refusal is why no transaction could be begun, or committed.
type refusal struct {
	at  time.Time
	err error
}

// longWait is what makes a refusal count for all who waited meanwhile: each of
// them would wait as long, one after the other.
const longWait = time.Second

// maxGroup bounds how many share a commit.
const maxGroup = 64

// group is a transaction of the database that several share, one after the
// other.
type group struct {
	conn    *sql.Conn
	tx      *sql.Tx
	name    string      // of the transaction, where the database names it
	alive   int64       // until when it lets this instance live; zero: as before
	back    bool        // the instance's time was over when it began
	size    int         // who have done their part
	awaited bool        // some of them wait for the commit
	urgent  bool        // and not in the background
	ahead   bool        // some of them do not
	late    *time.Timer // commits for those who do not wait; nil while nobody needs it

	changed []altered
	debts   []debt        // what is tried again if the commit fails
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
	return l.run(ctx, share{fn: fn, await: true})
}

// WriteAhead runs fn as Write does and does not wait for the commit: the
// changes are seen by every later transaction at once, by other readers once
// they are committed, and survive a crash once a later Write has returned nil.
// Without one they are committed soon. Where that fails it is as if fn had
// never run, and only the log says so: use it for what is worth nothing without
// a Write that follows and builds on it.
func (l *Ledger) WriteAhead(ctx context.Context, fn func(*Tx) error) error {
	return l.run(ctx, share{fn: fn})
}

// share is one member's part of a transaction.
type share struct {
	fn    func(*Tx) error
	await bool  // for the commit
	owed  *debt // if the database is in the way; nil: nothing
}

// LostAhead returns why changes that were written ahead could not be committed, the
// last time that happened: for who finds that its own are not there. Nil: never.
func (l *Ledger) LostAhead() error {
	return l.lostSince(time.Time{})
}

// lostSince is LostAhead, as far as that happened after a time.
func (l *Ledger) lostSince(from time.Time) error {
	if lost := l.turn.lost.Load(); lost != nil && lost.at.After(from) {
		return failed("commit transaction", lost.err)
	}
	return nil
}

func (l *Ledger) run(ctx context.Context, p share) error {
	came := time.Now()
	l.mu.RLock()
	if l.closed {
		l.mu.RUnlock()
		return failed("begin transaction", sql.ErrConnDone)
	}
	if err := l.takeTurn(ctx); err != nil {
		return failed("begin transaction", err)
	}
	defer l.mu.RUnlock()
	g, err := l.join(ctx, p, came)
	if g == nil {
		return err
	}
	<-g.done
	if g.err != nil {
		return failed("commit transaction", g.err)
	}
	return err
}

// takeTurn waits for the caller's turn, or with ctx. Whoever is waited for may
// have left the commit to who waits: one that gives up still sees to that, and
// then to the caller's read lock.
func (l *Ledger) takeTurn(ctx context.Context) error {
	mine := l.turn.line.wait(inBackground(ctx))
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	go func() {
		defer l.mu.RUnlock()
		<-mine
		l.end(ctx)
		l.turn.line.next()
	}()
	return ctx.Err()
}

// join does one member's part of a transaction and gives the turn away. It
// returns the transaction if its fate is to be waited for, and the part's own
// error: one that may come from what others have changed and not committed yet
// is true only once they have.
func (l *Ledger) join(ctx context.Context, p share, came time.Time) (*group, error) {
	defer l.turn.line.next()
	defer l.end(ctx)
	if err := ctx.Err(); err != nil {
		return nil, failed("begin transaction", err)
	}
	if l.turn.open == nil {
		if r := l.turn.refused; r.err != nil && r.at.After(came) {
			return nil, failed("begin transaction", r.err)
		}
		begun := time.Now()
		g, err := l.begin(ctx)
		if err != nil {
			if time.Since(begun) > longWait {
				l.turn.refused = refusal{at: time.Now(), err: err}
			}
			return nil, failed("begin transaction", err)
		}
		l.turn.open = g
	}
	g, await := l.turn.open, p.await
	err := l.part(ctx, g, p)
	if err != nil {
		await = g.size > 0
	} else {
		g.ahead = g.ahead || !await
	}
	if !await {
		return nil, err
	}
	g.awaited = true
	g.urgent = g.urgent || !inBackground(ctx)
	return g, err
}

// begin opens the transaction of a group. It outlives the context of who
// happened to begin it. A connection that was cut while nobody used it is
// noticed now, and replaced.
func (l *Ledger) begin(ctx context.Context) (*group, error) {
	g, err := l.beginOnce(ctx)
	if err != nil && l.db.lost(err) {
		g, err = l.beginOnce(ctx)
	}
	if err != nil {
		return nil, trouble(l.db, err)
	}
	if err := l.live(ctx, g); err != nil {
		l.release(ctx, g.tx.Rollback)
		return nil, errors.Join(err, g.conn.Close())
	}
	return g, nil
}

func (l *Ledger) beginOnce(ctx context.Context) (*group, error) {
	whole := context.WithoutCancel(ctx)
	conn, err := l.writer.Conn(whole)
	if err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(whole, nil)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	name, err := l.db.enter(whole, l.write, tx)
	if err != nil {
		l.release(ctx, tx.Rollback)
		return nil, errors.Join(err, conn.Close())
	}
	return &group{conn: conn, tx: tx, name: name, done: make(chan struct{})}, nil
}

// part runs one member's function. Whatever it does wrong, by returning an
// error, by panicking or by ending its goroutine, is undone alone.
func (l *Ledger) part(ctx context.Context, g *group, p share) (err error) {
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
			if p.owed != nil {
				p.owed.shared = true
				g.debts = append(g.debts, *p.owed)
			}
		case !shared:
			l.drop(ctx, g, errUndone)
		default:
			_, undo := own.exec(undoSavepoint)
			_, release := own.exec(keepSavepoint)
			if undo != nil || release != nil {
				l.drop(ctx, g, errors.Join(given.spoilt, undo, release))
			}
		}
	}()
	if err := p.fn(&given); err != nil {
		return err
	}
	if err := cmp.Or(ctx.Err(), given.spoilt); err != nil {
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

// lateTime is turn.late outside of tests.
const lateTime = 2 * time.Millisecond

// end commits the open group, unless somebody waits who will join it, or nobody
// waits for the commit: then it is left for the next one, or for its timer. Who is
// not in the background does not wait for the parts of those that are.
func (l *Ledger) end(ctx context.Context) {
	g := l.turn.open
	if g == nil || (l.turn.line.waits(g.urgent) && g.size < maxGroup) {
		return
	}
	if !g.awaited && g.size < maxGroup {
		if g.late == nil {
			g.late = time.AfterFunc(l.turn.late, l.catchUp)
		}
		return
	}
	l.commit(ctx)
}

// catchUp commits what nobody has waited for.
func (l *Ledger) catchUp() {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return
	}
	<-l.turn.line.wait(false)
	defer l.turn.line.next()
	if l.turn.open != nil {
		l.commit(context.Background())
	}
}

// commit ends the open group.
func (l *Ledger) commit(ctx context.Context) {
	g := l.turn.open
	g.err = g.tx.Commit() // a commit that goes wrong has rolled back
	if g.err != nil && l.db.lost(g.err) {
		g.err = l.askFate(ctx, g, g.err)
	}
	g.err = trouble(l.db, g.err)
	if g.err == nil {
		l.life.lives(g)
		if l.wal != nil && l.wal.add(g.conn) {
			l.wal.working = true
			go l.shorten()
		}
	}
	l.kept.drop(g.changed)
	l.finish(ctx, g)
}

// fateTime bounds how long what became of a commit is asked for.
const fateTime = 5 * time.Second

// askFate returns nil where a commit whose answer was lost has been carried out
// all the same, and otherwise why not.
func (l *Ledger) askFate(ctx context.Context, g *group, why error) error {
	l.release(ctx, g.conn.Close)
	for end := time.Now().Add(fateTime); ; time.Sleep(fateTime / 50) {
		committed, err := l.askFateOnce(ctx, g.name)
		switch {
		case err == nil && committed:
			return nil
		case err == nil:
			return why
		case time.Now().After(end):
			return fmt.Errorf("it is not known whether it was committed: %w", errors.Join(l.db.diagnose(err), why))
		}
	}
}

func (l *Ledger) askFateOnce(ctx context.Context, name string) (bool, error) {
	asking, err := l.beginOnce(ctx)
	if err != nil {
		return false, err
	}
	defer l.release(ctx, asking.conn.Close)
	defer l.release(ctx, asking.tx.Rollback)
	return l.db.fate(context.WithoutCancel(ctx), l.write, asking.tx, name)
}

// drop undoes a group as a whole.
func (l *Ledger) drop(ctx context.Context, g *group, why error) {
	g.err = why
	l.release(ctx, g.tx.Rollback)
	l.finish(ctx, g)
}

// finish lets a group go whose fate is known.
func (l *Ledger) finish(ctx context.Context, g *group) {
	l.turn.open = nil
	if g.late != nil {
		g.late.Stop()
	}
	l.release(ctx, g.conn.Close)
	if g.err != nil && g.ahead {
		l.turn.lost.Store(&refusal{at: time.Now(), err: g.err})
		l.log.ErrorContext(ctx, "ledger: changes that nobody waited for could not be committed", "error", g.err)
	}
	if Passes(g.err) {
		for _, d := range g.debts {
			l.owe(d)
		}
	}
	close(g.done)
}

func (l *Ledger) release(ctx context.Context, fn func() error) {
	if err := fn(); err != nil && !errors.Is(err, sql.ErrTxDone) && !errors.Is(err, sql.ErrConnDone) && !l.db.lost(err) {
		l.log.ErrorContext(ctx, "ledger: ending a transaction", "error", err)
	}
}
