package quota_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"usher/internal/quota"
)

// flood makes calls until one is refused, and returns how many were not.
func flood(t *testing.T, ctx context.Context, l *quota.Limiter, organization string) (passed int) {
	t.Helper()
	for {
		p, err := l.Acquire(quota.WithOrganization(ctx, organization), "POST", "/")
		if err != nil {
			return passed
		}
		p.Release(true)
		passed++
	}
}

// Nobody uses up an hour's limit for the others by being first, and who is alone
// has all of it.
func TestOneLeavesSomeForOthers(t *testing.T) {
	t.Parallel()
	const limit, kept = 100, 5
	once := func(t *testing.T, l *quota.Limiter, organization string) { acquire(t, l, organization).Release(true) }
	for _, tc := range []struct {
		name   string
		before func(t *testing.T, l *quota.Limiter)
		want   int
	}{
		{"alone", func(*testing.T, *quota.Limiter) {}, limit},
		{"beside another", func(t *testing.T, l *quota.Limiter) { once(t, l, "other") }, limit - 1 - kept},
		{"beside one that came first, long ago", func(t *testing.T, l *quota.Limiter) {
			once(t, l, "other")
			time.Sleep(100 * time.Hour)
		}, limit - kept},
		{"beside one whose call was not sent", func(t *testing.T, l *quota.Limiter) { acquire(t, l, "other").Release(false) }, limit - kept},
		{"beside calls for no organization", func(t *testing.T, l *quota.Limiter) {
			once(t, l, "one")
			once(t, l, "")
		}, limit - 2},
		{"after its own work in the background", func(t *testing.T, l *quota.Limiter) {
			once(t, l, "other")
			for range 85 {
				p, err := l.Acquire(quota.WithPatience(in(t, "one"), 0), "POST", "/")
				if err != nil {
					t.Error(err)
				}
				p.Release(true)
			}
		}, limit - 1 - 85},
		{"after calls of its own that were not sent", func(t *testing.T, l *quota.Limiter) {
			once(t, l, "other")
			for range limit {
				acquire(t, l, "one").Release(false)
			}
			if had := flood(t, quota.WithPatience(t.Context(), 0), l, "batch"); had != limit-1-kept {
				t.Errorf("the background had %d", had)
			}
		}, kept},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := open(t, calls(limit, time.Hour), 0)
				tc.before(t, l)
				if had := flood(t, t.Context(), l, "one"); had != tc.want {
					t.Errorf("it had %d of %d, want %d", had, limit, tc.want)
				}
			})
		})
	}
}

// What one has left is for those who have had little, also in the next hour,
// until what it used is that long ago.
func TestWhatIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, calls(100, time.Hour), 0)
		acquire(t, l, "small").Release(true)
		time.Sleep(50 * time.Minute)
		if had := flood(t, t.Context(), l, "large"); had != 94 {
			t.Errorf("it had %d", had)
		}
		for range 2 {
			acquire(t, l, "small").Release(true)
		}
		acquire(t, l, "new").Release(true)
		time.Sleep(11 * time.Minute) // the very first one counts no longer
		if had := flood(t, t.Context(), l, "large"); had != 0 {
			t.Errorf("it had %d of what is left for others", had)
		}
		acquire(t, l, "new").Release(true)
		time.Sleep(50 * time.Minute)
		if had := flood(t, t.Context(), l, "large"); had != 94 {
			t.Errorf("it had %d in the next hour", had)
		}
		acquire(t, l, "small").Release(true)
		time.Sleep(3 * time.Hour)
		for range 25 { // half of its part
			acquire(t, l, "large").Release(true)
		}
		if had := flood(t, quota.WithPatience(t.Context(), 0), l, "batch"); had != 70 {
			t.Errorf("the background had %d", had)
		}
		if had := flood(t, t.Context(), l, "large"); had != 0 {
			t.Errorf("it had %d more than its part", had)
		}
		if had := flood(t, t.Context(), l, "small"); had != 5 {
			t.Errorf("the other had %d of what is left", had)
		}
	})
}

// Who has used much comes after those who have not, like the background.
func TestMuchUsedGivesWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, calls(20, time.Second), time.Hour)
		large := []string{"a", "b", "c", "d", "e"}
		for _, organization := range large {
			for range 3 {
				acquire(t, l, organization).Release(true)
			}
		}
		var order turns
		for _, organization := range large {
			for range 10 {
				go order.take(t, t.Context(), l, organization)
			}
		}
		synctest.Wait()
		for range 6 {
			go order.take(t, t.Context(), l, "small")
		}
		synctest.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(order.all) != 56 || order.count(5+20, "small") != 6 {
			t.Errorf("got %v", order.all)
		}
	})
}
