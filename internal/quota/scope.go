package quota

import (
	"context"
	"errors"
	"sync"
	"time"
)

// scope is what one vendor counts together, and everybody who waits for it.
type scope struct {
	name    string
	owner   string // the connection that opened it
	period  time.Duration
	budgets []Budget
	shares  []*shares // of budgets
	r       *Registry

	mu      sync.Mutex
	lanes   map[kind]*lane
	order   []*lane
	next    int // of order: who is asked first
	streak  int // how many turns the background has waited through
	waiting int
	wake    context.CancelFunc // ends the dispatcher's sleep; nil: there is none
	closed  bool
	until   time.Time     // the end of the last pause
	unsaid  time.Duration // the length of the last pause that the vendor did not name
}

func newScope(r *Registry, d Declaration, owner string, budgets []Budget) *scope {
	s := &scope{name: d.Scope, owner: owner, period: d.Period, budgets: budgets, r: r, lanes: map[kind]*lane{}}
	for _, b := range budgets {
		r.options.Observer.Limited(d.Scope, b.Class, b.Limit)
		s.shares = append(s.shares, newShares(b.Limit))
	}
	r.options.Observer.Waiting(d.Scope, 0)
	return s
}

// errClosed is the error of calls after Registry.Close.
var errClosed = errors.New("the gateway is closing")

// lane returns where calls of a kind wait.
func (s *scope) lane(k kind) *lane {
	l, ok := s.lanes[k]
	if !ok {
		l = &lane{kind: k, queues: map[string]*queue{}}
		for n, b := range s.budgets {
			if k.mask&(1<<n) == 0 {
				continue
			}
			if k.background {
				b.Kept = Kept(b.Calls)
			}
			l.budgets = append(l.budgets, b)
		}
		s.lanes[k], s.order = l, append(s.order, l)
	}
	return l
}

func (s *scope) acquire(ctx context.Context, mask uint64, patience time.Duration) (*Permit, error) {
	start := s.r.options.Now()
	p := &Permit{scope: s, organization: Organization(ctx), mask: mask, background: isBackground(ctx)}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed
	}
	l := s.lane(kind{mask: mask, background: p.background || s.exceeded(p, start)})
	if l.empty() && !(l.background && s.waits(false, mask)) {
		if slot, err := s.take(ctx, l); slot != nil || err != nil {
			s.mu.Unlock()
			return s.passed(p, l, slot, err, 0)
		}
	}
	if wait := l.after.Sub(start); wait > patience {
		s.mu.Unlock()
		return nil, s.refused(wait, 0)
	}
	w := l.join(p.organization)
	s.wait(1)
	s.rouse(ctx)
	s.mu.Unlock()

	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case o := <-w.outcome:
		return s.passed(p, l, o.slot, o.err, s.r.options.Now().Sub(start))
	case <-patient.Done():
		return s.giveUp(ctx, p, l, w, start)
	}
}

// giveUp ends the waiting of a call that ran out of patience, or whose caller
// left. A slot that came at the same moment is used, or given back.
func (s *scope) giveUp(ctx context.Context, p *Permit, l *lane, w *waiter, start time.Time) (*Permit, error) {
	now := s.r.options.Now()
	s.mu.Lock()
	left := l.leave(w)
	if left {
		s.wait(-1)
		if s.waiting == 0 && s.wake != nil {
			s.wake()
		}
	}
	after := l.after.Sub(now)
	s.mu.Unlock()
	if !left {
		o := <-w.outcome
		if ctx.Err() == nil || o.err != nil {
			return s.passed(p, l, o.slot, o.err, now.Sub(start))
		}
		s.mu.Lock()
		s.giveBack(o.slot, false)
		s.mu.Unlock()
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	return nil, s.refused(after, now.Sub(start))
}

func (s *scope) passed(p *Permit, l *lane, slot Slot, err error, waited time.Duration) (*Permit, error) {
	if err != nil {
		return nil, err
	}
	s.r.options.Observer.Waited(s.name, waited, true)
	for _, b := range l.budgets {
		s.r.options.Observer.Passed(s.name, b.Class)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(p, 1)
	p.slot = slot
	return p, nil
}

// exceeded reports whether the organization has used so much of a class that
// others come first.
func (s *scope) exceeded(p *Permit, now time.Time) bool {
	for n, used := range s.shares {
		if p.mask&(1<<n) != 0 && used.exceeded(p.organization, now) {
			return true
		}
	}
	return false
}

// count changes what the organization has used by single calls.
func (s *scope) count(p *Permit, calls int) {
	if p.background || p.organization == "" {
		return
	}
	now := s.r.options.Now()
	for n, used := range s.shares {
		if p.mask&(1<<n) != 0 {
			used.add(p.organization, now, calls)
		}
	}
}

func (s *scope) refused(after, waited time.Duration) error {
	s.r.options.Observer.Waited(s.name, waited, false)
	seconds := (max(after, time.Second) + time.Second - 1).Truncate(time.Second)
	return &Refused{Scope: s.name, After: seconds}
}

// release ends a call that had its turn.
func (s *scope) release(p *Permit, sent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !sent {
		s.count(p, -1)
	}
	s.giveBack(p.slot, sent)
}

// giveBack gives a slot back to the store. Others may go earlier than it was
// known before. s.mu is held.
func (s *scope) giveBack(slot Slot, sent bool) {
	slot.Release(sent)
	if sent {
		return
	}
	for _, l := range s.order {
		l.after = time.Time{}
	}
	if s.wake != nil {
		s.wake()
	}
}

func (s *scope) pause(ctx context.Context, said time.Duration) time.Duration {
	now := s.r.options.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	length := said
	if length <= 0 {
		if now.Before(s.until) { // calls that were under way together
			return s.until.Sub(now)
		}
		length = s.guess(now)
	}
	if until := now.Add(length); until.After(s.until) {
		s.until = until
		s.r.options.Observer.Paused(s.name, until)
	}
	for _, l := range s.order {
		if l.after.Before(s.until) {
			l.after = s.until
		}
	}
	s.r.options.Store.Pause(ctx, s.name, length)
	return s.until.Sub(now)
}

// guess is how long to pause where the vendor does not say.
func (s *scope) guess(now time.Time) time.Duration {
	const first = time.Second
	if now.Sub(s.until) > s.period {
		s.unsaid = 0
	}
	s.unsaid = min(max(2*s.unsaid, first), s.period)
	anew := now.Truncate(s.period).Add(s.period).Sub(now)
	return min(time.Duration(float64(s.unsaid)*(0.5+s.r.options.Jitter()/2)), anew)
}

// wait changes how many wait.
func (s *scope) wait(n int) {
	s.waiting += n
	s.r.options.Observer.Waiting(s.name, s.waiting)
}
