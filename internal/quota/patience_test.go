package quota_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"usher/internal/quota"
)

// turns records who had theirs, in order.
type turns struct {
	mu  sync.Mutex
	all []string
}

func (o *turns) take(t *testing.T, ctx context.Context, l *quota.Limiter, organization string) {
	p, err := l.Acquire(quota.WithOrganization(ctx, organization), "GET", "/")
	if err != nil {
		t.Errorf("%s: %v", organization, err)
	}
	o.mu.Lock()
	o.all = append(o.all, organization)
	o.mu.Unlock()
	p.Release(true)
}

// count returns how many of the first n turns an organization had.
func (o *turns) count(n int, organization string) (had int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, who := range o.all[:min(n, len(o.all))] {
		if who == organization {
			had++
		}
	}
	return had
}

// Interactive calls go first while the background waits, and the background has
// every fourth turn.
func TestBackgroundGivesWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, calls(1, time.Second), time.Hour)
		acquire(t, l, "first").Release(true)
		var order turns
		background := quota.WithPatience(t.Context(), 0)
		for range 50 {
			go order.take(t, background, l, "batch")
		}
		synctest.Wait()
		for range 30 {
			go order.take(t, t.Context(), l, "people")
		}
		synctest.Wait()
		time.Sleep(200 * time.Second)
		synctest.Wait()
		if len(order.all) != 80 || order.all[0] != "people" || order.count(4, "batch") != 1 || order.count(40, "people") != 30 {
			t.Errorf("got %v", order.all)
		}
	})
}

// A single call of somebody else has its turn within two, whatever waits.
func TestOneCallAmongMany(t *testing.T) {
	t.Parallel()
	for name, waiting := range map[string]func(context.Context) context.Context{
		"of another organization": func(ctx context.Context) context.Context { return ctx },
		"in the background":       func(ctx context.Context) context.Context { return quota.WithPatience(ctx, 10000*time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const many, window = 10000, time.Second
				slot := window + 10*time.Millisecond
				l := open(t, calls(1, window), 10000*time.Hour)
				ctx, cancel := context.WithCancel(waiting(in(t, "large")))
				defer cancel()
				for range many {
					go func() {
						if p, err := l.Acquire(ctx, "GET", "/"); err == nil {
							p.Release(true)
						}
					}()
				}
				for range 20 {
					time.Sleep(10*slot + slot/3)
					start := time.Now()
					acquire(t, l, "small").Release(true)
					if took := time.Since(start); took > 2*slot {
						t.Errorf("it waited %v", took)
					}
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}

// The background leaves some of a limit, so that others need not wait.
func TestBackgroundLeavesSome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, calls(40, time.Minute), 0)
		ctx, passed := quota.WithPatience(t.Context(), 0), 0
		for range 50 {
			if p, err := l.Acquire(ctx, "GET", "/"); err == nil {
				passed++
				p.Release(true)
			}
		}
		if passed != 38 {
			t.Errorf("the background had %d of 40", passed)
		}
		for range 2 {
			acquire(t, l, "a").Release(true)
		}
		_, err := l.Acquire(t.Context(), "GET", "/")
		refused(t, err, 61*time.Second)
		time.Sleep(61 * time.Second)
		p, err := l.Acquire(ctx, "GET", "/")
		if err != nil {
			t.Error(err)
		}
		p.Release(true)
	})
}

// Patience is for waiting alone: however long an operation waits for its turns,
// it has its own time besides.
func TestPatience(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		patience time.Duration // -1: none
		timeout  time.Duration // of the operation; 0: none
		deadline time.Duration // of who asks for it; 0: none
		used     time.Duration // how long ago the one slot was used
		waits    time.Duration // -1: refused
		left     time.Duration // at least, for the call
	}{
		{"none", -1, 30 * time.Second, 0, 30 * time.Second, -1, 0},
		{"longer than the connection's wait", time.Hour, 0, 0, 0, 60600 * time.Millisecond, 0},
		{"shorter than the connection's wait", time.Second, 0, 0, 55 * time.Second, 5600 * time.Millisecond, 0},
		{"too short", 20 * time.Second, 30 * time.Second, 0, 30 * time.Second, -1, 0},
		{"longer than the operation", time.Minute, 30 * time.Second, 0, 10 * time.Second, 50600 * time.Millisecond, 39 * time.Second},
		{"bounded by the deadline", time.Hour, 30 * time.Second, 20 * time.Second, 30 * time.Second, -1, 0},
		{"within the deadline", time.Hour, 30 * time.Second, 40 * time.Second, 30 * time.Second, 30600 * time.Millisecond, 9 * time.Second},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := open(t, calls(1, time.Minute), 10*time.Second)
				acquire(t, l, "a").Release(true)
				time.Sleep(tc.used)
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if tc.deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, tc.deadline)
				}
				defer cancel()
				if tc.patience >= 0 {
					ctx = quota.WithPatience(ctx, tc.patience)
				}
				if tc.timeout > 0 {
					ctx, cancel = quota.WithTimeout(ctx, tc.timeout)
				}
				defer cancel()
				start := time.Now()
				p, err := l.Acquire(ctx, "GET", "/")
				p.Release(true)
				var none *quota.Refused
				switch took := time.Since(start); {
				case tc.waits < 0 && !errors.As(err, &none):
					t.Errorf("it took %v: %v", took, err)
				case tc.waits >= 0 && (err != nil || took != tc.waits):
					t.Errorf("it took %v, want %v: %v", took, tc.waits, err)
				}
				if deadline, ok := ctx.Deadline(); ok && err == nil && time.Until(deadline) < tc.left {
					t.Errorf("%v are left for the call, want %v", time.Until(deadline), tc.left)
				}
			})
		})
	}
}

// An operation's patience is for all its calls together.
func TestPatienceOfAnOperation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, calls(1, time.Minute), 0)
		acquire(t, l, "a").Release(true)
		ctx, cancel := quota.WithTimeout(quota.WithPatience(t.Context(), 90*time.Second), 5*time.Minute)
		defer cancel()
		var got []string
		for range 2 {
			p, err := l.Acquire(ctx, "GET", "/")
			p.Release(true)
			got = append(got, fmt.Sprint(err == nil))
		}
		if fmt.Sprint(got) != "[true false]" {
			t.Errorf("got %v", got)
		}
	})
}

// What the background gives back is for who waits, not for the background's next
// call, which comes in the same moment.
func TestBackgroundGivesWayAtOnce(t *testing.T) {
	t.Parallel()
	for range 20 { // it is open whether the dispatcher comes first
		synctest.Test(t, func(t *testing.T) {
			l := open(t, calls(1, time.Minute), time.Hour)
			ctx := quota.WithPatience(t.Context(), time.Hour)
			p, err := l.Acquire(ctx, "GET", "/")
			if err != nil {
				t.Fatal(err)
			}
			var order turns
			go order.take(t, t.Context(), l, "people")
			synctest.Wait()
			p.Release(false)
			order.take(t, ctx, l, "batch")
			if order.all[0] != "people" {
				t.Errorf("got %v", order.all)
			}
		})
	}
}
