package api

import (
	"fmt"
	"testing"
	"time"
)

// TestAFloodOfPrincipalsStaysBounded, and takes nothing from the one that is
// at work meanwhile.
func TestAFloodOfPrincipalsStaysBounded(t *testing.T) {
	t.Parallel()
	l, err := newLimiter(RateLimit{PerMinute: 1, Burst: 2})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	busy := "busy"
	l.take(busy, now)
	l.take(busy, now)
	for n := range 3 * maxPrincipals {
		l.take(fmt.Sprint(n), now)
		if n%(maxPrincipals/2) == 0 {
			if ok, _, _ := l.take(busy, now); ok {
				t.Fatalf("after %d others the busy one starts anew", n)
			}
		}
	}
	if n := l.buckets.Len(); n != maxPrincipals {
		t.Errorf("%d buckets are kept, want %d", n, maxPrincipals)
	}
}

// BenchmarkLimit is what the limit adds to a request.
func BenchmarkLimit(b *testing.B) {
	l, err := newLimiter(RateLimit{PerMinute: 6000, Burst: 500})
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		l.take("somebody", now)
	}
}
