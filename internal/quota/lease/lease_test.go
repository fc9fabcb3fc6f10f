package lease_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"usher/internal/quota"
	"usher/internal/quota/lease"
	"usher/ledger"
)

// page is a ledger in memory that several instances share.
type page struct {
	mu     sync.Mutex
	budget ledger.Budget
}

// book is one instance's way to it.
type book struct {
	*page
	holder string
	shared bool
}

func (b *book) Instance() string { return b.holder }
func (b *book) Shared() bool     { return b.shared }

func (b *book) Budget(context.Context, string) (*ledger.Budget, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.budget
	got.Now = time.Now()
	return &got, nil
}

func (b *book) ChangeBudget(_ context.Context, _ string, fn func(*ledger.Budget)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.budget.Now = time.Now()
	fn(&b.budget)
	return nil
}

func bulk() quota.Declaration {
	return quota.Declaration{Scope: "vendor", Quotas: []quota.Quota{{Class: "bulk", Limit: quota.Limit{Calls: 50, Window: time.Hour}}}}
}

func instance(t *testing.T, b lease.Book) (*quota.Limiter, func()) {
	t.Helper()
	store := lease.Open(t.Context(), b, nil)
	r := quota.New(&quota.Options{Store: store})
	l, err := r.Open("one", bulk(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return l, func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Of a limit by the hour at least nine tenths are used by the background, of one
// instance or of two together.
func TestLittleIsLeftUnused(t *testing.T) {
	t.Parallel()
	for _, instances := range []int{1, 2} {
		t.Run(fmt.Sprint(instances), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				shared := &page{}
				ctx, cancel := context.WithCancel(quota.WithPatience(t.Context(), 1000*time.Hour))
				var made atomic.Int64
				var running sync.WaitGroup
				for n := range instances {
					l, done := instance(t, &book{page: shared, holder: fmt.Sprint(n), shared: instances > 1})
					defer done()
					for range 4 {
						running.Go(func() {
							for {
								p, err := l.Acquire(ctx, "POST", "/")
								if err != nil {
									return
								}
								time.Sleep(300 * time.Millisecond)
								made.Add(1)
								p.Release(true)
							}
						})
					}
				}
				const hours = 20
				time.Sleep(hours * time.Hour)
				cancel()
				running.Wait()
				if n := made.Load(); n < hours*50*9/10 || n > (hours+1)*50 {
					t.Errorf("%d calls in %d hours", n, hours)
				}
			})
		})
	}
}

// A pause is obeyed by the other instance within a second.
func TestPauseOfAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared := &page{}
		one, done := instance(t, &book{page: shared, holder: "one", shared: true})
		defer done()
		two, done := instance(t, &book{page: shared, holder: "two", shared: true})
		defer done()
		p, err := two.Acquire(t.Context(), "POST", "/")
		if err != nil {
			t.Fatal(err)
		}
		p.Release(false) // it has a leased call
		one.Pause(t.Context(), time.Minute)
		time.Sleep(time.Second)
		if _, err := two.Acquire(t.Context(), "POST", "/"); err == nil {
			t.Error("a call went during the pause of another instance")
		}
		time.Sleep(time.Minute)
		p, err = two.Acquire(t.Context(), "POST", "/")
		if err != nil {
			t.Error(err)
		}
		p.Release(true)
	})
}

// What was used of a limit is known after a restart, on a real ledger.
func TestRestart(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "usher.db")
	if _, err := ledger.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	made := 0
	for range 3 {
		led, err := ledger.Open(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		l, done := instance(t, led)
		for range 20 {
			if p, err := l.Acquire(t.Context(), "POST", "/"); err == nil {
				made++
				p.Release(true)
			}
		}
		done()
		if err := led.Close(); err != nil {
			t.Error(err)
		}
	}
	if made != 50 {
		t.Errorf("%d calls of 50 went", made)
	}
}
