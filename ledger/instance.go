package ledger

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// An instance is one opening of the ledger. It holds leases and claims, and those
// live no longer than it does. Where one process alone may have the ledger open,
// an instance lives until it is closed, and all others are dead. Elsewhere it
// lives for a while, and each of its transactions makes that longer where needed;
// while there are none a heartbeat does.
const (
	keepAlive = `INSERT INTO instances (id, alive_until, opened_at) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until`
	endInstance = `DELETE FROM instances WHERE id = $1`
	// Nobody but this one is alive where it has the ledger for itself.
	endOthers = `DELETE FROM instances WHERE id <> $1 AND alive_until <= $2`
)

func instanceStatements() []string { return []string{keepAlive, endInstance, endOthers} }

// defaultTTL is how long an instance lives without a sign. It gives one each third
// of that, or more often while it writes, so that more than half is left when a
// process that is stuck in a transaction keeps all from writing: until the server
// gives it up, which takes less (idleInTransaction).
const defaultTTL = 9 * time.Second

// forgetAfter is how long a dead instance's row stays, for people to look at.
const forgetAfter = 24 * time.Hour

const forever = math.MaxInt64

// liveness is what an instance knows about its own life.
type liveness struct {
	ttl   time.Duration             // zero: for ever
	until atomic.Int64              // as committed last, in microseconds
	back  atomic.Pointer[time.Time] // when it was last found to live again after its time was over
	lapse atomic.Int64              // how often it was
	died  chan struct{}             // holds one: another instance was seen to die
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// Alive reports whether this instance is known to be alive. While it is not,
// others may take over what it holds: nothing may be begun at a vendor.
func (l *Ledger) Alive() bool { return micros(l.Now()) < l.life.until.Load() }

// Returned reports that this instance was itself not alive a moment ago, mostly
// because the database was away for all. The others have not had the time to say
// that they live: none of them is to be taken for dead now.
func (l *Ledger) Returned() bool {
	back := l.life.back.Load()
	return back != nil && time.Since(*back) < l.life.ttl
}

// Lapses returns how often this instance was found to live again after its time was
// over. Whoever finds another number than before was not alive all the time between:
// others may have taken over what it held.
func (l *Ledger) Lapses() int64 { return l.life.lapse.Load() }

// due reports whether the instance's life must be made longer, and until when.
// A clock that has gone back is no reason to live longer.
func (v *liveness) due(now time.Time) (until int64, due bool) {
	if v.ttl == 0 {
		return forever, v.until.Load() != forever
	}
	left := time.Duration(v.until.Load()-micros(now)) * time.Microsecond
	return micros(now.Add(v.ttl)), left < v.ttl*8/9 || left > v.ttl
}

// live makes the instance's life longer in a group's transaction, where needed.
func (l *Ledger) live(ctx context.Context, g *group) error {
	whole, now := context.WithoutCancel(ctx), l.Now()
	until, due := l.life.due(now)
	if !due || l.closed {
		return nil
	}
	own := &Tx{ctx: whole, caller: whole, tx: g.tx, led: l, now: now}
	if _, err := own.exec(keepAlive, l.instance, until, micros(own.now)); err != nil {
		return err
	}
	g.alive = until
	was := l.life.until.Load()
	g.back = was != 0 && was <= micros(now)
	return nil
}

// lives notes what a committed transaction says about this instance's life.
func (v *liveness) lives(g *group) {
	if g.back {
		now := time.Now()
		v.back.Store(&now)
		v.lapse.Add(1)
	}
	if g.alive != 0 {
		v.until.Store(g.alive)
	}
}

// register makes the instance known, and begins the heartbeat.
func (l *Ledger) register(ctx context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.life.stop = stop
	dead := int64(forever)
	if l.life.ttl != 0 {
		dead = micros(l.Now().Add(-forgetAfter))
	}
	err := l.Write(ctx, func(t *Tx) error {
		_, err := t.exec(endOthers, l.instance, dead)
		return err
	})
	if err != nil || l.life.ttl == 0 {
		return err
	}
	var others watch
	next := l.look(ctx, &others)
	l.life.done.Go(func() { l.heartbeat(background, &others, next) })
	return nil
}

// heartbeat keeps an idle instance alive, and its clock the database's, and looks
// for others that die.
func (l *Ledger) heartbeat(ctx context.Context, others *watch, next time.Duration) {
	beats := time.NewTicker(l.life.ttl / 3)
	defer beats.Stop()
	looks := time.NewTimer(next)
	defer looks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beats.C:
			l.beat(ctx)
		case <-looks.C:
		}
		looks.Reset(l.look(ctx, others))
	}
}

func (l *Ledger) beat(ctx context.Context) {
	err := l.setClock(ctx)
	if err == nil {
		err = l.Write(ctx, func(*Tx) error { return nil })
	}
	if err != nil && ctx.Err() == nil {
		l.log.ErrorContext(ctx, "ledger: this instance could not say that it is alive", "alive", l.Alive(), "error", err)
	}
}

// fallSilent ends the heartbeat.
func (l *Ledger) fallSilent() {
	if l.life.stop != nil {
		l.life.stop()
	}
	l.life.done.Wait()
}

// resign ends the instance's life while the ledger is being closed: what it holds
// may be taken over at once. If that cannot be said, its time runs out.
func (l *Ledger) resign(ctx context.Context) {
	if l.life.stop == nil || l.life.ttl == 0 {
		return
	}
	g, err := l.begin(ctx)
	if err == nil {
		own := &Tx{ctx: ctx, caller: ctx, tx: g.tx, led: l, now: l.Now()}
		_, err = own.exec(endInstance, l.instance)
		if err == nil {
			err = g.tx.Commit()
		}
		l.release(ctx, g.tx.Rollback)
		l.release(ctx, g.conn.Close)
	}
	if err != nil {
		l.log.WarnContext(ctx, "ledger: this instance could not say that it ends", "error", err)
	}
}
