package httpx

import (
	"math/rand/v2"
	"sync"
	"time"
)

// BreakerState is whether a Breaker lets calls through.
type BreakerState int

// The states of a Breaker.
const (
	BreakerClosed   BreakerState = iota // calls go through
	BreakerHalfOpen                     // one call at a time, to see whether the vendor is back
	BreakerOpen                         // none
)

// When a Breaker opens, and for how long.
const (
	breakerTime  = 30 * time.Second // what is looked at
	breakerCalls = 10               // fewer calls in it say nothing
	breakerShare = 2                // one in so many failed: it opens
	breakerFirst = 5 * time.Second  // open at first; twice as long after each probe that fails
	breakerMost  = time.Minute
)

// BreakerOptions configures NewBreaker. A nil pointer means all defaults.
type BreakerOptions struct {
	Now    func() time.Time
	Jitter func() float64 // in [0,1)
	// Changed is told each change of state. It must not block.
	Changed func(BreakerState)
}

// Breaker stops calls to a vendor that does not answer, so that callers get
// their answer at once and the vendor gets time. It opens when at least half of
// ten or more calls of the last 30 seconds found no answer, ran out of time or
// got a 5xx; but not for the failures of one organization alone while another is
// answered. After 5 seconds, and up to a minute if it goes on, single calls are
// let through; the first that is answered closes it. A nil *Breaker lets
// everything through. It may be used concurrently.
type Breaker struct {
	options BreakerOptions

	mu       sync.Mutex
	state    BreakerState
	era      int // counts changes of state: what began in an earlier one says nothing
	recent   tally
	up, down callers   // of recent
	until    time.Time // open until
	length   time.Duration
	probing  bool
}

// NewBreaker returns a closed breaker. o may be nil.
func NewBreaker(o *BreakerOptions) *Breaker {
	b := &Breaker{recent: newTally(breakerTime)}
	if o != nil {
		b.options = *o
	}
	if b.options.Now == nil {
		b.options.Now = time.Now
	}
	if b.options.Jitter == nil {
		b.options.Jitter = rand.Float64
	}
	if b.options.Changed == nil {
		b.options.Changed = func(BreakerState) {}
	}
	return b
}

// verdict is what a try says about the vendor.
type verdict int

const (
	saysNothing verdict = iota
	saysUp
	saysDown
)

// refuses returns how long nothing may be sent; 0: it may.
func (b *Breaker) refuses() time.Duration {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closedFor(b.options.Now())
}

// closedFor is how long no call may begin. b.mu is held.
func (b *Breaker) closedFor(now time.Time) time.Duration {
	switch {
	case b.state == BreakerOpen && now.Before(b.until):
		return b.until.Sub(now)
	case b.state == BreakerHalfOpen && b.probing:
		return time.Second
	default:
		return 0
	}
}

// begin lets a try for an organization through, or says how long none may be
// sent. What it returns must be told how the try ended, once.
func (b *Breaker) begin(organization string) (end func(verdict), wait time.Duration) {
	if b == nil {
		return func(verdict) {}, 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if wait := b.closedFor(b.options.Now()); wait > 0 {
		return nil, wait
	}
	if b.state == BreakerOpen {
		b.become(BreakerHalfOpen)
	}
	b.probing = b.state == BreakerHalfOpen
	era := b.era
	return func(v verdict) { b.end(era, organization, v) }, 0
}

func (b *Breaker) end(era int, organization string, v verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if era != b.era {
		return
	}
	now := b.options.Now()
	b.probing = false
	switch {
	case v == saysNothing:
	case b.state == BreakerHalfOpen && v == saysUp:
		b.length, b.recent, b.up, b.down = 0, newTally(breakerTime), callers{}, callers{}
		b.become(BreakerClosed)
	case b.state == BreakerHalfOpen:
		b.open(now)
	case v == saysUp:
		b.recent.add(now, 1, 0)
		b.up.note(organization, now)
	default:
		b.recent.add(now, 1, 1)
		b.down.note(organization, now)
		if all, bad := b.recent.sum(now); all >= breakerCalls && bad*breakerShare >= all && !b.down.alone(&b.up, now) {
			b.open(now)
		}
	}
}

// callers are the two organizations that were noted last.
type callers struct {
	last, other struct {
		organization string
		since, at    time.Time // the first and the last note, of those less than breakerTime apart
	}
}

func (c *callers) note(organization string, now time.Time) {
	if c.last.organization != organization {
		c.other = c.last
	}
	if c.last.organization != organization || now.Sub(c.last.at) >= breakerTime {
		c.last.organization, c.last.since = organization, now
	}
	c.last.at = now
}

// alone reports whether the failures of the last breakerTime are those of one
// organization, and another has been answered since they began.
func (c *callers) alone(up *callers, now time.Time) bool {
	if now.Sub(c.other.at) < breakerTime {
		return false
	}
	another := up.last
	if another.organization == c.last.organization {
		another = up.other
	}
	return now.Sub(another.at) < breakerTime && another.at.After(c.last.since)
}

// open stops all calls: for a time that differs from one process to the next,
// so that their probes come apart.
func (b *Breaker) open(now time.Time) {
	b.length = min(max(2*b.length, breakerFirst), breakerMost)
	b.until = now.Add(time.Duration(float64(b.length) * (0.75 + b.options.Jitter()/4)))
	b.become(BreakerOpen)
}

func (b *Breaker) become(s BreakerState) {
	b.state, b.probing = s, false
	b.era++
	b.options.Changed(s)
}
