package quota

import (
	"context"
	"time"
)

// Pace is one kind of call under its scope's limits, for who plans many of them.
// The zero value is not limited. It may be used concurrently.
type Pace struct {
	limiter *Limiter
	mask    uint64
	each    int // calls; 0 is 1
}

// Pace returns the pace of a call. A nil *Limiter limits nothing.
func (l *Limiter) Pace(method, path string) Pace {
	if l == nil {
		return Pace{}
	}
	return Pace{limiter: l, mask: l.mask(method, path)}
}

// Each returns the pace of what takes n such calls.
func (p Pace) Each(n int) Pace {
	p.each = n
	return p
}

// Limit returns the tightest of the limits that the call counts in, as far as
// they are for the background; no calls: it counts in none.
func (p Pace) Limit() (tightest Limit) {
	if p.limiter == nil {
		return Limit{}
	}
	for n, b := range p.limiter.scope.budgets {
		if p.mask&(1<<n) == 0 {
			continue
		}
		b.Calls -= Kept(b.Calls)
		if tightest.Calls == 0 || float64(b.Calls)*tightest.Window.Seconds() < float64(tightest.Calls)*b.Window.Seconds() {
			tightest = b.Limit
		}
	}
	if tightest.Calls > 0 && p.each > 1 {
		tightest.Calls = max(tightest.Calls/p.each, 1)
	}
	return tightest
}

// Wait returns how long it is until such a call of the background can have its
// turn, as far as is known; 0: now. Nothing is taken: somebody else may have it then.
func (p Pace) Wait(ctx context.Context) (time.Duration, error) {
	if p.limiter == nil {
		return 0, nil
	}
	return p.limiter.scope.peek(ctx, kind{mask: p.mask, background: true})
}

// peek takes a slot and gives it back, which tells what is known of the store.
func (s *scope) peek(ctx context.Context, k kind) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, errClosed
	}
	l := s.lane(k)
	if l.empty() {
		slot, err := s.take(ctx, l)
		if err != nil {
			return 0, err
		}
		if slot != nil {
			slot.Release(false)
			return 0, nil
		}
	}
	return max(l.after.Sub(s.r.options.Now()), time.Millisecond), nil
}
