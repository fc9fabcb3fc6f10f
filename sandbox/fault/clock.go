package fault

import (
	"sync"
	"time"
)

// Clock is a time source that can be moved forward. It is safe for concurrent use.
type Clock struct {
	now    func() time.Time
	mu     sync.Mutex
	offset time.Duration
}

// NewClock reads time from now; nil means time.Now.
func NewClock(now func() time.Time) *Clock {
	if now == nil {
		now = time.Now
	}
	return &Clock{now: now}
}

// Now is the source's time plus everything advanced so far, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now().UTC().Add(c.offset)
}

// Advance moves the clock forward and returns the new time. A negative
// duration is ignored: simulated time never runs backwards.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	c.offset += max(d, 0)
	c.mu.Unlock()
	return c.Now()
}
