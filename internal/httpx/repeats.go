package httpx

import (
	"sync"
	"time"
)

// How much may be repeated.
const (
	repeatsTime  = 10 * time.Second
	repeatsShare = 5  // one in so many calls
	repeatsFloor = 10 // and this many in any case
)

// Repeats bounds how many calls of a connection are repeated: a fifth of the
// calls of the last ten seconds, and ten more. So an outage is not multiplied
// by everybody's repetitions. A nil *Repeats bounds nothing. It may be used
// concurrently.
type Repeats struct {
	now      func() time.Time
	observed func(allowed bool)

	mu     sync.Mutex
	recent tally
}

// NewRepeats returns a budget that nothing is taken from yet. observed, which
// may be nil, is told of each repetition whether it was allowed.
func NewRepeats(now func() time.Time, observed func(allowed bool)) *Repeats {
	if observed == nil {
		observed = func(bool) {}
	}
	return &Repeats{now: now, observed: observed, recent: newTally(repeatsTime)}
}

// call counts a call.
func (r *Repeats) call() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recent.add(r.now(), 1, 0)
}

// take takes one repetition from the budget, if it holds one.
func (r *Repeats) take() bool {
	if r == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	calls, repeats := r.recent.sum(now)
	allowed := repeats < calls/repeatsShare+repeatsFloor
	if allowed {
		r.recent.add(now, 0, 1)
	}
	r.observed(allowed)
	return allowed
}
