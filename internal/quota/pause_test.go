package quota_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"usher/internal/quota"
)

// A refusal by the vendor closes the scope for every connection and every
// organization, also for those who wait already, until the time it named.
func TestPauseIsForEverybody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := quota.New(nil)
		defer r.Close()
		d := calls(2, 10*time.Second)
		one, err1 := r.Open("one", d, nil, time.Hour)
		two, err2 := r.Open("two", d, nil, 5*time.Second)
		other, err3 := r.Open("other", quota.Declaration{}, nil, 0)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for range 2 {
			acquire(t, one, "a").Release(true)
		}
		var wg sync.WaitGroup
		for n := range 4 { // these wait for their turn already
			wg.Go(func() {
				acquire(t, one, fmt.Sprint(n)).Release(true)
				if took := time.Since(start); took < 30*time.Second {
					t.Errorf("a call went %v after the vendor had refused everything for 30s", took)
				}
			})
		}
		synctest.Wait()
		if got := one.Pause(t.Context(), 30*time.Second); got != 30*time.Second {
			t.Errorf("paused for %v", got)
		}
		time.Sleep(time.Second)
		_, err := two.Acquire(in(t, "b"), "GET", "/")
		refused(t, err, 29*time.Second)
		if took := time.Since(start); took != time.Second {
			t.Errorf("the refusal took %v", took)
		}
		acquire(t, other, "b").Release(true)
		wg.Wait()
		if took := time.Since(start); took > 41*time.Second {
			t.Errorf("all went within %v", took)
		}
	})
}

func TestPauseLengths(t *testing.T) {
	t.Parallel()
	type step struct {
		after, said, want time.Duration
	}
	cases := []struct {
		name  string
		steps []step
	}{
		{"as said", []step{{0, 7 * time.Second, 7 * time.Second}}},
		{"bounded", []step{{0, 24 * time.Hour, time.Hour}}},
		{"never shortened", []step{{0, 30 * time.Second, 30 * time.Second}, {time.Second, 2 * time.Second, 29 * time.Second}}},
		{"lengthened", []step{{0, 30 * time.Second, 30 * time.Second}, {time.Second, time.Minute, time.Minute}}},
		{"unsaid, twice as long each time", []step{
			{0, 0, time.Second}, {time.Second, 0, 2 * time.Second}, {2 * time.Second, 0, 4 * time.Second}, {4 * time.Second, 0, 8 * time.Second},
		}},
		{"unsaid, calls that were under way together", []step{{0, 0, time.Second}, {0, 0, time.Second}, {0, 0, time.Second}, {time.Second, 0, 2 * time.Second}}},
		{"unsaid, until the vendor counts anew", []step{{59500 * time.Millisecond, 0, 500 * time.Millisecond}}},
		{"unsaid, forgotten after a while", []step{{0, 0, time.Second}, {time.Second, 0, 2 * time.Second}, {70 * time.Second, 0, time.Second}}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // which begins at a full minute
				l := open(t, calls(100, time.Minute), 2*time.Hour)
				for n, s := range tc.steps {
					time.Sleep(s.after)
					if got := l.Pause(t.Context(), s.said); got != s.want {
						t.Errorf("step %d: paused for %v, want %v", n, got, s.want)
					}
					if n < len(tc.steps)-1 {
						continue
					}
					start := time.Now()
					acquire(t, l, "a").Release(true)
					if took := time.Since(start); took != s.want {
						t.Errorf("the next call waited %v, want %v", took, s.want)
					}
				}
			})
		})
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	two := quota.Declaration{Scope: "vendor", Quotas: []quota.Quota{
		{Class: "a", Limit: quota.Limit{Calls: 1, Window: time.Minute}, Counts: func(_, path string) bool { return path == "a" }},
		{Class: "b", Limit: quota.Limit{Calls: 1, Window: time.Minute}, Counts: func(_, path string) bool { return path == "b" }},
	}}
	cases := []struct {
		name      string
		overrides map[string]quota.Limit
		a, b      int // calls that pass within a minute, of 5
	}{
		{"none", nil, 1, 1},
		{"one class", map[string]quota.Limit{"a": {Calls: 3}}, 3, 1},
		{"no limit", map[string]quota.Limit{"a": {}}, 5, 1},
		{"all", map[string]quota.Limit{quota.All: {}}, 5, 5},
		{"all but one", map[string]quota.Limit{quota.All: {}, "b": {Calls: 2}}, 5, 2},
		{"window", map[string]quota.Limit{"a": {Calls: 1, Window: time.Second}}, 5, 1},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := quota.New(nil)
				defer r.Close()
				l, err := r.Open("one", two, tc.overrides, 0)
				if err != nil {
					t.Fatal(err)
				}
				passed := map[string]int{}
				for range 5 {
					for _, class := range []string{"a", "b"} {
						if p, err := l.Acquire(t.Context(), "GET", class); err == nil {
							passed[class]++
							p.Release(true)
						}
					}
					time.Sleep(2 * time.Second)
				}
				if passed["a"] != tc.a || passed["b"] != tc.b {
					t.Errorf("got %v", passed)
				}
			})
		})
	}
	r := quota.New(nil)
	if _, err := r.Open("one", two, nil, 0); err != nil {
		t.Fatal(err)
	}
	_, err := r.Open("two", two, map[string]quota.Limit{"b": {Calls: 9}}, 0)
	if err == nil || err.Error() != "connections one and two share the vendor's limits (vendor) and must set the same for b" {
		t.Errorf("got %v", err)
	}
}

// Closing ends all waiting and leaves nothing running, which the bubble of the
// test would not let pass.
func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := quota.New(nil)
		l, err := r.Open("one", calls(1, time.Minute), nil, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		acquire(t, l, "a").Release(true)
		errs := make(chan error, 5)
		for range cap(errs) {
			go func() { _, err := l.Acquire(t.Context(), "GET", "/"); errs <- err }()
		}
		synctest.Wait()
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		for range cap(errs) {
			if err := <-errs; err == nil {
				t.Error("a call passed")
			}
		}
		if _, err := l.Acquire(t.Context(), "GET", "/"); err == nil {
			t.Error("a call passed after the end")
		}
	})
}

// broken is a store that cannot be asked.
type broken struct{ err atomic.Pointer[error] }

func (b *broken) Take(context.Context, string, []quota.Budget) (quota.Slot, time.Duration, error) {
	if err := b.err.Load(); err != nil {
		return nil, 0, *err
	}
	return nil, time.Second, nil
}
func (*broken) Pause(context.Context, string, time.Duration) {}

// A store that fails fails the calls: nothing is sent without its word.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &broken{}
		r := quota.New(&quota.Options{Store: store})
		defer r.Close()
		l, err := r.Open("one", calls(1, time.Minute), nil, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		waits := make(chan error, 1)
		go func() { _, err := l.Acquire(t.Context(), "GET", "/"); waits <- err }()
		synctest.Wait()
		gone := errors.New("gone")
		store.err.Store(&gone)
		time.Sleep(time.Second)
		if err := <-waits; !errors.Is(err, gone) {
			t.Errorf("got %v", err)
		}
		if _, err := l.Acquire(t.Context(), "GET", "/"); !errors.Is(err, gone) {
			t.Errorf("got %v", err)
		}
	})
}

// counted counts the slots that are out, and lets a test act at the moment one
// is given.
type counted struct {
	out   atomic.Int64
	given func()
}

func (c *counted) Take(context.Context, string, []quota.Budget) (quota.Slot, time.Duration, error) {
	if c.out.Load() > 0 {
		return nil, time.Second, nil
	}
	c.out.Add(1)
	c.given()
	return c, 0, nil
}
func (*counted) Pause(context.Context, string, time.Duration) {}
func (c *counted) Release(bool)                               { c.out.Add(-1) }

// A slot that comes in the moment its caller leaves is given back.
func TestSlotForSomebodyWhoJustLeft(t *testing.T) {
	t.Parallel()
	for range 50 { // it is open which of the two a waiting call sees first
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			store := &counted{given: func() {}}
			r := quota.New(&quota.Options{Store: store})
			defer r.Close()
			l, err := r.Open("one", calls(1, time.Minute), nil, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			first := acquire(t, l, "a")
			go func() {
				p, _ := l.Acquire(ctx, "GET", "/")
				p.Release(false)
			}()
			synctest.Wait()
			store.given = cancel
			first.Release(false)
			synctest.Wait()
			if n := store.out.Load(); n != 0 {
				t.Fatalf("%d slots are lost", n)
			}
		})
	}
}
