package quota

import (
	"context"
	"slices"
	"time"
)

// take asks the store for a slot, unless its last answer still holds. s.mu is
// held.
func (s *scope) take(ctx context.Context, l *lane) (Slot, error) {
	now := s.r.options.Now()
	if now.Before(l.after) {
		return nil, nil
	}
	slot, wait, err := s.r.options.Store.Take(ctx, s.name, l.budgets)
	if slot == nil && err == nil {
		l.after = now.Add(max(wait, time.Millisecond))
	}
	return slot, err
}

// rouse makes sure that the waiting calls are looked at now. s.mu is held.
func (s *scope) rouse(ctx context.Context) {
	if s.wake != nil {
		s.wake()
		return
	}
	// The dispatcher serves everybody; it does not end with who started it.
	lasting := context.WithoutCancel(ctx)
	s.wake = func() {}
	s.r.running.Go(func() { s.dispatch(lasting) })
}

// dispatch gives turns until nobody waits.
func (s *scope) dispatch(ctx context.Context) {
	for {
		nap, wake := context.WithCancel(ctx)
		s.mu.Lock()
		s.serve(ctx)
		if s.waiting == 0 {
			s.wake = nil
			s.mu.Unlock()
			wake()
			return
		}
		wait := s.soonest()
		s.wake = wake
		s.mu.Unlock()
		_ = s.r.options.Sleep(nap, wait) // being woken is as good
		wake()
	}
}

// interactiveTurns is how many turns interactive calls have while the background
// waits too, before it has one.
const interactiveTurns = 3

// serve gives out every turn that there is budget for: to interactive calls
// first, up to their share, then lane by lane, and within a lane organization by
// organization.
func (s *scope) serve(ctx context.Context) {
	for {
		background := s.streak >= interactiveTurns
		if !s.turn(ctx, background) && !s.turn(ctx, !background) {
			return
		}
	}
}

// turn gives one turn to the background or to interactive calls; false if there
// is none.
func (s *scope) turn(ctx context.Context, background bool) bool {
	for n := range s.order {
		at := (s.next + n) % len(s.order)
		l := s.order[at]
		if l.background != background || l.empty() {
			continue
		}
		slot, err := s.take(ctx, l)
		if slot == nil && err == nil {
			continue
		}
		l.next().outcome <- outcome{slot, err}
		s.wait(-1)
		s.next = at + 1
		s.streak++
		if background || !s.waits(true, ^uint64(0)) {
			s.streak = 0
		}
		return true
	}
	return false
}

// waits reports whether anybody of the background, or anybody else, waits for
// one of these classes.
func (s *scope) waits(background bool, mask uint64) bool {
	return slices.ContainsFunc(s.order, func(l *lane) bool {
		return l.background == background && l.mask&mask != 0 && !l.empty()
	})
}

// soonest is how long it is until a lane with waiting calls may go on.
func (s *scope) soonest() time.Duration {
	now, soonest := s.r.options.Now(), s.period
	for _, l := range s.order {
		if !l.empty() {
			soonest = min(soonest, l.after.Sub(now))
		}
	}
	return max(soonest, time.Millisecond)
}

func (s *scope) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, l := range s.order {
		for !l.empty() {
			l.next().outcome <- outcome{err: errClosed}
			s.wait(-1)
		}
	}
	if s.wake != nil {
		s.wake()
	}
}
