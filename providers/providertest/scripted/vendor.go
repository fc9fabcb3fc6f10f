package scripted

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/internal/testclock"
	"usher/providers"
)

// Vendor is the shared part of a vendor. Its lock guards Calls and whatever the
// vendor that embeds it keeps; calls are served under it. Methods take it
// themselves, unless they say otherwise.
type Vendor struct {
	sync.Mutex
	// Clock is the vendor's time and its adapter's. It has a lock of its own.
	Clock *testclock.Clock
	// Calls are the operations that were called, in their order, whatever became
	// of them.
	Calls []string
	// Marks are headers of every answer that a mishap made or cut, which those
	// of the mishap itself replace. A vendor whose document is checked marks what
	// the document cannot know; nil: none.
	Marks http.Header

	mishaps []*Mishap
}

// New returns a vendor whose clock stands at a time.
func New(at time.Time) *Vendor { return &Vendor{Clock: testclock.At(at)} }

// Sleep is a wait of the adapter's that takes the vendor's time and none of the
// test's.
func (v *Vendor) Sleep(ctx context.Context, d time.Duration) error {
	v.Clock.Advance(d)
	return ctx.Err()
}

// Open opens a connection as its configuration does, until the test ends. Waits
// that are not set are as short as chance makes them, and take the vendor's time.
func Open[P providers.Provider](t *testing.T, v *Vendor, c providers.Config, d providers.Deps) P {
	t.Helper()
	if d.Sleep == nil {
		d.Sleep = v.Sleep
	}
	d.Jitter = func() float64 { return 0 }
	p, err := c.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p.(P)
}

// With does something while no call is being served.
func (v *Vendor) With(do func()) {
	v.Lock()
	defer v.Unlock()
	do()
}

// Count returns how many calls of an operation arrived.
func (v *Vendor) Count(op string) (n int) {
	v.With(func() {
		for _, call := range v.Calls {
			if call == op {
				n++
			}
		}
	})
	return n
}

// Total returns how many calls arrived.
func (v *Vendor) Total() (n int) {
	v.With(func() { n = len(v.Calls) })
	return n
}

// Inject adds a mishap. Of several that fit a call, the first one is met.
func (v *Vendor) Inject(m Mishap) {
	if m.Times == 0 {
		m.Times = 1
	}
	v.With(func() { v.mishaps = append(v.mishaps, &m) })
}

// Heal takes all mishaps away.
func (v *Vendor) Heal() {
	v.With(func() { v.mishaps = nil })
}

// arrive records a call and returns the mishap that it meets; nil: none.
func (v *Vendor) arrive(op string) *Mishap {
	v.Lock()
	defer v.Unlock()
	v.Calls = append(v.Calls, op)
	for n, m := range v.mishaps {
		if !m.fits(op) {
			continue
		}
		if m.Skip > 0 {
			m.Skip--
			continue
		}
		if m.Times--; m.Times == 0 {
			v.mishaps = slices.Delete(v.mishaps, n, n+1)
		}
		return m
	}
	return nil
}

func (m *Mishap) fits(op string) bool {
	if begin, ok := strings.CutSuffix(m.Op, "*"); ok {
		return strings.HasPrefix(op, begin)
	}
	return op == m.Op
}
