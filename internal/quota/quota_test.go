package quota_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"usher/internal/quota"
)

// calls limits all calls together.
func calls(n int, window time.Duration) quota.Declaration {
	return quota.Declaration{Scope: "vendor", Quotas: []quota.Quota{{Class: "calls", Limit: quota.Limit{Calls: n, Window: window}}}}
}

func open(t *testing.T, d quota.Declaration, wait time.Duration) *quota.Limiter {
	t.Helper()
	r := quota.New(&quota.Options{Jitter: func() float64 { return 1 }})
	t.Cleanup(func() { _ = r.Close() })
	l, err := r.Open("one", d, nil, wait)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func in(t *testing.T, organization string) context.Context {
	return quota.WithOrganization(t.Context(), organization)
}

// acquire has a turn for one call, which must come.
func acquire(t *testing.T, l *quota.Limiter, organization string) *quota.Permit {
	t.Helper()
	p, err := l.Acquire(in(t, organization), "GET", "/")
	if err != nil {
		t.Error(err)
	}
	return p
}

func refused(t *testing.T, err error, after time.Duration) {
	t.Helper()
	var r *quota.Refused
	if !errors.As(err, &r) || r.After != after {
		t.Errorf("got %v, want to be refused for %v", err, after)
	}
}

// seen is when a vendor counted calls.
type seen struct {
	mu    sync.Mutex
	times []time.Time
}

func (s *seen) call() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times = append(s.times, time.Now())
}

// most returns how many calls the fullest window held, wherever it begins.
func (s *seen) most(window time.Duration) int {
	slices.SortFunc(s.times, time.Time.Compare)
	most, first := 0, 0
	for n := range s.times {
		for s.times[n].Sub(s.times[first]) >= window {
			first++
		}
		most = max(most, n-first+1)
	}
	return most
}

// However many organizations call, whenever, and however long calls take: no
// window of the vendor's holds more than the limit, wherever it begins. And
// little of the limit is left unused.
func TestNoWindowHoldsMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 1))
				limit, window := 1+random.IntN(30), time.Minute
				l := open(t, calls(limit, window), 1000*time.Hour)
				var vendor seen
				var wg sync.WaitGroup
				const total = 300
				start := time.Now()
				for n := range total {
					begin := time.Duration(random.Int64N(int64(2 * window)))
					if seed%2 == 0 { // bursts at the edges
						begin = time.Duration(random.IntN(3))*window - time.Duration(random.IntN(2))*time.Millisecond
					}
					before, behind := time.Duration(random.Int64N(int64(3*time.Second))), time.Duration(random.Int64N(int64(3*time.Second)))
					wg.Go(func() {
						time.Sleep(begin)
						p := acquire(t, l, fmt.Sprint(n%17))
						time.Sleep(before)
						vendor.call()
						time.Sleep(behind)
						p.Release(true)
					})
				}
				wg.Wait()
				if most := vendor.most(window); most > limit || len(vendor.times) != total {
					t.Errorf("%d calls, %d of them within %v; the limit is %d", len(vendor.times), most, window, limit)
				}
				rounds := (total + limit - 1) / limit
				longest := 2*window + time.Duration(rounds)*(window+time.Second+6*time.Second)
				if took := time.Since(start); took > longest {
					t.Errorf("it took %v, want %v at most: budget was lost", took, longest)
				}
			})
		})
	}
}

// An organization that asks for much does not keep others from their turn.
func TestOrganizationsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, calls(1, time.Second), time.Hour)
		var mu sync.Mutex
		var order []string
		ask := func(organization string) {
			p := acquire(t, l, organization)
			mu.Lock()
			order = append(order, organization)
			mu.Unlock()
			p.Release(true)
		}
		for range 100 {
			go ask("large")
		}
		synctest.Wait()
		for n := range 30 {
			go ask(fmt.Sprintf("small%d", n))
		}
		synctest.Wait()
		time.Sleep(1000 * time.Second)
		synctest.Wait()
		var last int
		for n, organization := range order {
			if strings.HasPrefix(organization, "small") {
				last = n
			}
		}
		if len(order) != 130 || last > 32 {
			t.Errorf("%d calls; the last of the small organizations was number %d, want 32 at most: %v", len(order), last, order[:40])
		}
	})
}

// Who leaves does not take a slot along, also when it comes at that moment.
func TestCancelledWaitersLoseNoSlot(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2))
			const window = time.Second
			hold := window + 10*time.Millisecond // with the margin
			l := open(t, calls(1, window), time.Hour)
			acquire(t, l, "first").Release(true)
			start := time.Now()
			var served []time.Duration
			var mu sync.Mutex
			leaving := 0
			for n := range 40 {
				ctx, cancel := context.WithCancel(in(t, fmt.Sprint(n%5)))
				leaves := random.IntN(2) == 0
				if leaves {
					leaving++
					at := time.Duration(1+random.IntN(10)) * hold // exactly when a slot comes
					time.AfterFunc(at, cancel)
				}
				go func() {
					defer cancel()
					p, err := l.Acquire(ctx, "GET", "/")
					switch {
					case err == nil:
						mu.Lock()
						served = append(served, time.Since(start))
						mu.Unlock()
						p.Release(true)
					case !leaves || !errors.Is(err, context.Canceled):
						t.Errorf("got %v", err)
					}
				}()
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			for n, at := range served {
				if want := time.Duration(n+1) * hold; at != want {
					t.Fatalf("seed %d: call %d went at %v, want %v: %v", seed, n, at, want, served)
				}
			}
			if len(served) < 40-leaving {
				t.Errorf("seed %d: %d were served, %d stayed", seed, len(served), 40-leaving)
			}
		})
	}
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		wait     time.Duration
		deadline time.Duration // 0: none
		used     time.Duration // how long ago the one slot was used
		waits    time.Duration // -1: refused
		after    time.Duration
	}{
		{"in time", 10 * time.Second, 0, 55 * time.Second, 5600 * time.Millisecond, 0},
		{"beyond the longest wait, at once", 10 * time.Second, 0, 20 * time.Second, -1, 41 * time.Second},
		{"beyond the deadline, at once", time.Hour, 10 * time.Second, 20 * time.Second, -1, 41 * time.Second},
		{"before the deadline, but no time for the call", time.Hour, 6500 * time.Millisecond, 55 * time.Second, -1, 6 * time.Second},
		{"with time for the call", time.Hour, 8 * time.Second, 55 * time.Second, 5600 * time.Millisecond, 0},
		{"no patience at all", 0, 0, 55 * time.Second, -1, 6 * time.Second},
		{"no patience needed", 0, 0, 61 * time.Second, 0, 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := open(t, calls(1, time.Minute), tc.wait)
				acquire(t, l, "a").Release(true)
				time.Sleep(tc.used)
				ctx, start := in(t, "b"), time.Now()
				if tc.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tc.deadline)
					defer cancel()
				}
				p, err := l.Acquire(ctx, "GET", "/")
				if tc.waits < 0 {
					refused(t, err, tc.after)
					tc.waits = 0
				} else if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took != tc.waits {
					t.Errorf("it took %v, want %v", took, tc.waits)
				}
				p.Release(true)
			})
		})
	}
}

// A queue that is too long for somebody's patience ends in a refusal, not in a
// call that comes too late.
func TestLongQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, calls(1, time.Second), 3500*time.Millisecond)
		start, passed, vain := time.Now(), 0, 0
		var mu sync.Mutex
		for n := range 10 {
			go func() {
				p, err := l.Acquire(in(t, fmt.Sprint(n)), "GET", "/")
				p.Release(true)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					passed++
					return
				}
				vain++
				refused(t, err, time.Second)
				if took := time.Since(start); took != 3500*time.Millisecond {
					t.Errorf("refused after %v", took)
				}
			}()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if passed != 4 || vain != 6 {
			t.Errorf("%d passed and %d were refused", passed, vain)
		}
	})
}

// A call that was not sent gives its budget back, to somebody who waits.
func TestUnsentCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, calls(2, time.Minute), time.Hour)
		acquire(t, l, "a").Release(true)
		p := acquire(t, l, "a")
		done := make(chan time.Time, 1)
		go func() { acquire(t, l, "b").Release(true); done <- time.Now() }()
		time.Sleep(time.Second)
		p.Release(false)
		p.Release(false) // the second time counts for nothing
		if since := time.Since(<-done); since != 0 {
			t.Errorf("%v", since)
		}
		start := time.Now()
		acquire(t, l, "c").Release(true)
		if took := time.Since(start); took != 59*time.Second+600*time.Millisecond {
			t.Errorf("the next one waited %v", took)
		}
	})
}

// Classes are counted apart, and a call may count in two. Who waits for one
// class holds nobody back in another.
func TestClasses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		below := func(prefix string) func(string, string) bool {
			return func(method, path string) bool { return method != "HEAD" && strings.HasPrefix(path, prefix) }
		}
		l := open(t, quota.Declaration{Quotas: []quota.Quota{
			{Class: "scim", Limit: quota.Limit{Calls: 3, Window: time.Minute}, Counts: below("/scim")},
			{Class: "bulk", Limit: quota.Limit{Calls: 1, Window: time.Minute}, Counts: below("/scim/Bulk")},
			{Class: "idle", Counts: below("/")},
		}}, time.Second)
		steps := []struct {
			method, path string
			passes       bool
		}{
			{"POST", "/scim/Bulk", true},
			{"POST", "/scim/Bulk", false}, // bulk is used up
			{"GET", "/scim/Users", true},
			{"GET", "/scim/Users", true},
			{"GET", "/scim/Users", false}, // the bulk call counted here as well
			{"GET", "/other", true},
			{"HEAD", "/scim/Bulk", true},
		}
		for n, s := range steps {
			p, err := l.Acquire(t.Context(), s.method, s.path)
			p.Release(true)
			if (err == nil) != s.passes {
				t.Errorf("step %d: %v", n, err)
			}
		}
	})
}

// Two lanes that share a class get the same from it.
func TestLanesTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, quota.Declaration{Quotas: []quota.Quota{
			{Class: "all", Limit: quota.Limit{Calls: 1, Window: time.Second}},
			{Class: "posts", Limit: quota.Limit{Calls: 1000, Window: time.Second}, Counts: func(m, _ string) bool { return m == "POST" }},
		}}, time.Hour)
		count := map[string]int{}
		var mu sync.Mutex
		for _, method := range []string{"GET", "POST"} {
			for range 50 {
				go func() {
					p, err := l.Acquire(t.Context(), method, "/")
					if err != nil {
						return // the registry closes
					}
					mu.Lock()
					count[method]++
					mu.Unlock()
					p.Release(true)
				}()
			}
		}
		time.Sleep(21 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if d := count["GET"] - count["POST"]; d < -1 || d > 1 || count["GET"] < 9 {
			t.Errorf("got %v", count)
		}
	})
}
