package quota

import (
	"context"
	"time"
)

// Pace is what one thing takes of its scope's limits, one call or several, for
// who plans many of them. The zero value is not limited. It may be used
// concurrently.
type Pace struct {
	limiter *Limiter
	calls   []calls
}

// calls are so many calls that count in the same classes.
type calls struct {
	mask uint64
	n    int
}

// Pace returns the pace of a call. A nil *Limiter limits nothing.
func (l *Limiter) Pace(method, path string) Pace {
	if l == nil {
		return Pace{}
	}
	return Pace{limiter: l, calls: []calls{{l.mask(method, path), 1}}}
}

// Each returns the pace of what takes n times as much.
func (p Pace) Each(n int) Pace {
	each := Pace{limiter: p.limiter}
	for _, c := range p.calls {
		each.calls = append(each.calls, calls{c.mask, n * c.n})
	}
	return each
}

// And returns the pace of what takes both. The other is of the same limiter.
func (p Pace) And(other Pace) Pace {
	both := Pace{limiter: p.limiter}
	both.calls = append(append(both.calls, p.calls...), other.calls...)
	return both
}

// Limit returns how many of it the tightest of the limits that it counts in lets
// through, as far as they are for the background; no calls: it counts in none.
func (p Pace) Limit() (tightest Limit) {
	if p.limiter == nil {
		return Limit{}
	}
	for n, b := range p.limiter.scope.budgets {
		takes := 0
		for _, c := range p.calls {
			if c.mask&(1<<n) != 0 {
				takes += c.n
			}
		}
		if takes == 0 {
			continue
		}
		b.Calls = max((b.Calls-Kept(b.Calls))/takes, 1)
		if tightest.Calls == 0 || float64(b.Calls)*tightest.Window.Seconds() < float64(tightest.Calls)*b.Window.Seconds() {
			tightest = b.Limit
		}
	}
	return tightest
}

// Wait returns how long it is until each of its calls can have its turn in the
// background, as far as is known; 0: now. Nothing is taken: somebody else may
// have it then.
func (p Pace) Wait(ctx context.Context) (longest time.Duration, err error) {
	for _, c := range p.calls {
		wait, err := p.limiter.scope.peek(ctx, kind{mask: c.mask, background: true})
		if err != nil {
			return 0, err
		}
		longest = max(longest, wait)
	}
	return longest, nil
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
