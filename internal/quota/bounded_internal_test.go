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
