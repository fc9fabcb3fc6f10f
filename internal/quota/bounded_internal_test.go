package quota

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever many organizations leave behind is gone when they are: no queues,
// no goroutine, and of the budget's use no more than its limit.
func TestNothingIsKeptOfOrganizations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := New(nil)
		l, err := r.Open("one", Declaration{Quotas: []Quota{{Class: "calls", Limit: Limit{Calls: 10, Window: time.Second}}}}, nil, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		const organizations = 2000
		for n := range organizations {
			go func() {
				ctx, cancel := context.WithTimeout(WithOrganization(t.Context(), fmt.Sprint(n)), time.Duration(n)*time.Millisecond+time.Second)
				defer cancel()
				p, err := l.Acquire(ctx, "GET", "/")
				if err == nil {
					p.Release(true)
				}
			}()
		}
		synctest.Wait()
		s := l.scope
		if n := len(s.lane(kind{mask: 1}).queues); n < organizations/2 {
			t.Fatalf("%d organizations wait, the test is about many", n)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		spent := r.options.Store.(*memory).spent["connection one\ncalls"]
		if len(s.order) != 1 || len(s.order[0].queues) != 0 || s.order[0].turns.Len() != 0 || s.waiting != 0 || s.wake != nil ||
			spent.underway != 0 || cap(spent.back) > 40 {
			t.Errorf("left: %+v, %+v, %+v", s, s.order[0], spent)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

// However many organizations call, only so many are counted, and no longer than
// they matter.
func TestSharesAreBounded(t *testing.T) {
	t.Parallel()
	s, now := newShares(Limit{Calls: 100, Window: time.Hour}), time.Now()
	for range 3 {
		for n := range 2 * mostShares {
			s.add(fmt.Sprint(n), now, 1)
			s.add(fmt.Sprint(n), now, -1)
			s.add(fmt.Sprint(n), now, -1)
		}
		if len(s.since) != mostShares || len(s.before) > mostShares || s.exceeded("0", now) || s.exceeded("beyond", now) {
			t.Fatalf("%d and %d are kept", len(s.since), len(s.before))
		}
		now = now.Add(s.Window)
	}
	if s.turn(now.Add(2 * s.Window)); len(s.since) != 0 || len(s.before) != 0 {
		t.Errorf("%d and %d are left", len(s.since), len(s.before))
	}
}
