package ledger

import (
	"context"
	"errors"
	"sync"
	"time"
)

// debt is what has to be written and could not be when it was known.
type debt struct {
	fn     func(*Tx) error
	owed   func() (settled func()) // may be nil
	shared bool                    // a group has it, and knows its fate
}

// debts are those of a ledger, oldest first.
type debts struct {
	mu     sync.Mutex
	list   []debt
	paying bool // somebody tries
	ended  bool // nobody will
	ctx    context.Context
	stop   context.CancelFunc
	payer  sync.WaitGroup
}

// payEach is between two tries.
const payEach = time.Second

// Persist runs fn as Write does, and goes on where the database is in the way:
// then it returns why, and fn is run again, until it is committed, or refuses by
// itself, or the ledger is closed. It is for what has happened already, and is
// nowhere else. owed may be nil; it is called once, before Persist returns, if fn
// is going to be run again, and what it returns when it will not be any more.
//
// fn must be fit for being run when an earlier run has been committed after all.
func (l *Ledger) Persist(ctx context.Context, fn func(*Tx) error, owed func() (settled func())) error {
	return l.persist(ctx, fn, owed, true)
}

// PersistAhead runs fn as WriteAhead does. If its commit fails later on account of
// the database, fn is run again as Persist does; owed is called then.
func (l *Ledger) PersistAhead(ctx context.Context, fn func(*Tx) error, owed func() (settled func())) error {
	return l.persist(ctx, fn, owed, false)
}

func (l *Ledger) persist(ctx context.Context, fn func(*Tx) error, owed func() func(), await bool) error {
	d := &debt{fn: fn, owed: owed}
	err := l.run(ctx, share{fn: fn, await: await, owed: d})
	if !d.shared && Passes(err) {
		l.owe(*d)
	}
	return err
}

// owe takes a debt up.
func (l *Ledger) owe(d debt) {
	settled := func() {}
	if d.owed != nil {
		settled = d.owed()
	}
	d.owed = func() func() { return settled }
	o := &l.debts
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		settled()
		return
	}
	o.list = append(o.list, d)
	if !o.paying {
		o.paying = true
		o.payer.Go(l.pay)
	}
}

// pay tries until nothing is owed.
func (l *Ledger) pay() {
	o := &l.debts
	each := time.NewTicker(payEach)
	defer each.Stop()
	for {
		select {
		case <-o.ctx.Done():
			return
		case <-each.C:
		}
		if l.payOff(o.ctx) {
			return
		}
	}
}

// payOff writes what is owed, as far as the database lets it. It reports that
// nothing is owed any more.
func (l *Ledger) payOff(ctx context.Context) bool {
	o := &l.debts
	for {
		o.mu.Lock()
		if len(o.list) == 0 {
			o.paying = false
			o.mu.Unlock()
			return true
		}
		d := o.list[0]
		o.mu.Unlock()
		err := l.Write(ctx, d.fn)
		if Passes(err) || ctx.Err() != nil {
			return false
		}
		if err != nil {
			l.log.InfoContext(ctx, "ledger: what could not be written before is not wanted any more", "error", err)
		}
		o.mu.Lock()
		o.list = o.list[1:]
		o.mu.Unlock()
		d.owed()()
	}
}

// settleDebts ends the trying, with a last try.
func (l *Ledger) settleDebts(ctx context.Context) {
	o := &l.debts
	o.mu.Lock()
	o.ended = true
	o.mu.Unlock()
	o.stop()
	o.payer.Wait()
	if !l.payOff(ctx) {
		l.log.ErrorContext(ctx, "ledger: what could not be written is lost", "changes", len(o.list), "error", errOwed)
		for _, d := range o.list {
			d.owed()()
		}
		o.list = nil
	}
}

// errOwed is the fate of what is owed at the end.
var errOwed = errors.New("the ledger was closed before its database let it be written")
