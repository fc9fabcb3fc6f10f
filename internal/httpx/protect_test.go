package httpx_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"usher/identity"
	"usher/internal/httpx"
	"usher/internal/quota"
)

// limited is a client behind a vendor's limit, in a bubble's time.
func limited(t *testing.T, r *quota.Registry, n int, wait time.Duration, transport roundTripper) *httpx.Client {
	t.Helper()
	l, err := r.Open(t.Name(), quota.Declaration{Scope: "vendor", Quotas: []quota.Quota{
		{Class: "calls", Limit: quota.Limit{Calls: n, Window: time.Minute}},
	}}, nil, wait)
	if err != nil {
		t.Fatal(err)
	}
	return httpx.New(&httpx.Options{Transport: transport, Limiter: l, Jitter: func() float64 { return 1 }})
}

func registry(t *testing.T) *quota.Registry {
	r := quota.New(&quota.Options{Jitter: func() float64 { return 1 }})
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func get(ctx context.Context, c *httpx.Client) (*httpx.Response, error) {
	return c.Do(ctx, httpx.Call{Op: "test", Method: "GET", URL: "http://vendor.example/"})
}

// Every try takes from the vendor's budget, repetitions too. A call without
// budget is not sent, and its error says so and when to come back.
func TestEveryTryCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := limited(t, registry(t), 4, 10*time.Second, func(r *http.Request) (*http.Response, error) {
			calls++
			return answering(503, "")(r)
		})
		for range 2 { // three tries, then the last one of the budget
			if r, err := get(t.Context(), c); err != nil || r.Status != 503 {
				t.Fatalf("got %+v, %v", r, err)
			}
		}
		if calls != 4 {
			t.Fatalf("%d tries, want 4: the budget's", calls)
		}
		start := time.Now()
		_, err := c.Do(t.Context(), httpx.Call{Op: "test", Method: "POST", URL: "http://vendor.example/"})
		check(t, err, want{identity.CodeProviderRateLimited, false, 0})
		var failure *httpx.Error
		if errors.As(err, &failure); failure.RetryAfter() != 60*time.Second {
			t.Errorf("retry after %v", failure.RetryAfter())
		}
		if calls != 4 || time.Since(start) != 0 {
			t.Errorf("%d calls, after %v", calls, time.Since(start))
		}
	})
}

// A vendor's refusal stops every client of the scope, for the time it named or
// for one that grows.
func TestRefusalStopsEverybody(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		status int
		header []string
		tries  int           // of the refused call
		pause  time.Duration // for others, when that call has its answer
	}{
		{"429 with a long wait", 429, []string{"Retry-After", "30"}, 1, 30 * time.Second},
		{"429 with a short wait", 429, []string{"Retry-After", "2"}, 3, 2 * time.Second},
		{"429 without a wait", 429, nil, 3, 4 * time.Second},
		{"503 with a wait", 503, []string{"Retry-After", "30"}, 1, 30 * time.Second},
		{"503", 503, nil, 3, 0},
		{"500 with a wait", 500, []string{"Retry-After", "30"}, 1, 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, tries := registry(t), 0
				refused := limited(t, r, 100, time.Minute, func(r *http.Request) (*http.Response, error) {
					tries++
					answer, err := answering(tc.status, "")(r)
					for n := 0; n < len(tc.header); n += 2 {
						answer.Header.Set(tc.header[n], tc.header[n+1])
					}
					return answer, err
				})
				other := limited(t, r, 100, time.Minute, answering(200, ""))
				if answer, err := get(t.Context(), refused); err != nil || answer.Status != tc.status || tries != tc.tries {
					t.Errorf("got %+v, %v after %d tries", answer, err, tries)
				}
				start := time.Now()
				if _, err := get(t.Context(), other); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took != tc.pause {
					t.Errorf("another client waited %v, want %v", took, tc.pause)
				}
			})
		})
	}
}

// Waiting for a turn ends with the caller, and nothing is sent then.
func TestCallerLeavesTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := limited(t, registry(t), 1, time.Hour, func(r *http.Request) (*http.Response, error) {
			calls++
			return answering(200, "")(r)
		})
		if _, err := get(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := get(ctx, c)
		check(t, err, want{identity.CodeProviderTimeout, false, 0})
		if !errors.Is(err, context.Canceled) || calls != 1 {
			t.Errorf("got %v after %d calls", err, calls)
		}
	})
}

// A call that is held back after it has waited for its turn gives the turn back.
func TestHeldBackAfterWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		breaker := httpx.NewBreaker(&httpx.BreakerOptions{Jitter: func() float64 { return 1 }})
		l, err := registry(t).Open(t.Name(), quota.Declaration{Scope: "vendor", Quotas: []quota.Quota{
			{Class: "calls", Limit: quota.Limit{Calls: 1, Window: time.Minute}},
		}}, nil, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		c := httpx.New(&httpx.Options{Transport: roundTripper(answering(200, "")), Limiter: l, Breaker: breaker, Attempts: 1})
		failing := httpx.New(&httpx.Options{Transport: roundTripper(dropped), Breaker: breaker, Attempts: 1})
		if _, err := get(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		waited := make(chan error)
		go func() {
			_, err := get(t.Context(), c)
			waited <- err
		}()
		time.Sleep(58 * time.Second)
		for range 10 {
			_, _ = get(t.Context(), failing)
		}
		check(t, <-waited, want{identity.CodeProviderUnavailable, false, 0})
		time.Sleep(10 * time.Second)
		began := time.Now()
		if _, err := get(t.Context(), c); err != nil || time.Since(began) != 0 {
			t.Errorf("%v after waiting for %v", err, time.Since(began))
		}
	})
}

// A call that found no connection was not seen, and costs no budget.
func TestUnsentTriesAreFree(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := registry(t).Open("one", quota.Declaration{Quotas: []quota.Quota{{Class: "calls", Limit: quota.Limit{Calls: 1, Window: time.Hour}}}}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := client(&slept{}, func(o *httpx.Options) { o.Limiter = l })
	for range 3 {
		_, err := c.Do(t.Context(), httpx.Call{Op: "test", Method: "POST", URL: "http://" + address})
		check(t, err, want{identity.CodeProviderUnavailable, false, 0})
	}
}

// In an outage a fifth of the calls is repeated, and a few more.
func TestRepetitionsAreBounded(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		calls, most, least int
	}{{1, 2, 2}, {5, 10, 10}, {1000, 210, 200}} {
		synctest.Test(t, func(t *testing.T) {
			tries, allowed, denied := 0, 0, 0
			c := httpx.New(&httpx.Options{
				Transport: roundTripper(func(*http.Request) (*http.Response, error) { tries++; return nil, net.ErrClosed }),
				Repeats: httpx.NewRepeats(time.Now, func(ok bool) {
					if ok {
						allowed++
					} else {
						denied++
					}
				}),
				Sleep: func(context.Context, time.Duration) error { return nil },
			})
			for range tc.calls {
				_, _ = get(t.Context(), c)
			}
			repeated := tries - tc.calls
			if repeated > tc.most || repeated < tc.least || allowed != repeated {
				t.Errorf("%d calls: %d repetitions, want %d to %d; %d allowed", tc.calls, repeated, tc.least, tc.most, allowed)
			}
			time.Sleep(time.Minute) // forgotten
			before := tries
			if _, _ = get(t.Context(), c); tries-before != 3 {
				t.Errorf("%d tries after a while", tries-before)
			}
		})
	}
}
