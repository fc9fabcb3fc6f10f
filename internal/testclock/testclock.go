// Package testclock is a time that tests move by hand.
package testclock

import (
	"sync"
	"time"
)

// Clock is safe for concurrent use. The zero value stands at the year 1.
type Clock struct {
	mu   sync.Mutex
	at   time.Time
	step time.Duration
}

// At returns a clock that stands at a time.
func At(at time.Time) *Clock { return &Clock{at: at} }

// Running returns a clock that a look moves by a microsecond: as on a real one,
// of two things the later one has the later time.
func Running(at time.Time) *Clock { return &Clock{at: at, step: time.Microsecond} }

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(c.step)
	return c.at
}

// Advance moves the clock forward.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
