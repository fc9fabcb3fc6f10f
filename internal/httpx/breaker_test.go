package httpx_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/httpx"
	"usher/internal/quota"
	"usher/internal/testclock"
)

// breakerRig is a client with a breaker, and a vendor that does what it is told.
type breakerRig struct {
	t      *testing.T
	clock  *testclock.Clock
	client *httpx.Client
	calls  int
	states []httpx.BreakerState
	answer func(*http.Request) (*http.Response, error)
}

func newBreakerRig(t *testing.T) *breakerRig {
	r := &breakerRig{t: t, clock: testclock.At(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC))}
	breaker := httpx.NewBreaker(&httpx.BreakerOptions{
		Now: r.clock.Now, Jitter: func() float64 { return 1 }, Changed: func(s httpx.BreakerState) { r.states = append(r.states, s) },
	})
	r.client = client(&slept{}, func(o *httpx.Options) {
		o.Attempts, o.Breaker, o.Now = 1, breaker, r.clock.Now
		o.Timeout, o.MaxBody = 200*time.Millisecond, 10
		o.Transport = roundTripper(func(request *http.Request) (*http.Response, error) {
			r.calls++
			return r.answer(request)
		})
	})
	return r
}

func answering(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1, Request: r}, nil
	}
}

func silent(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func dropped(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

// call makes a write, which nobody repeats.
func (r *breakerRig) call(ctx context.Context) error {
	_, err := r.client.Do(ctx, httpx.Call{Op: "test", Method: "POST", URL: "http://vendor.example/"})
	return err
}

// stopped reports whether the breaker holds a call back, and checks what its
// caller is told.
func (r *breakerRig) stopped(after time.Duration) bool {
	r.t.Helper()
	before := r.calls
	err := r.call(r.t.Context())
	if r.calls != before {
		return false
	}
	check(r.t, err, want{identity.CodeProviderUnavailable, false, 0})
	var failure *httpx.Error
	if errors.As(err, &failure) && failure.RetryAfter() != after {
		r.t.Errorf("retry after %v, want %v", failure.RetryAfter(), after)
	}
	return true
}

func TestWhatOpensTheBreaker(t *testing.T) {
	t.Parallel()
	gone, leave := context.WithCancel(t.Context())
	leave()
	leaving := func(t *testing.T) context.Context { // cancelled under way
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		return ctx
	}
	hurried := func(t *testing.T) context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	patient := func(t *testing.T) context.Context { return t.Context() }
	cases := []struct {
		name     string
		answer   func(*http.Request) (*http.Response, error)
		ctx      func(*testing.T) context.Context
		up, down int // calls answered 200, then the others
		opens    bool
	}{
		{"no answer", dropped, patient, 0, 10, true},
		{"out of time", silent, patient, 0, 10, true},
		{"500", answering(500, ""), patient, 0, 10, true},
		{"503", answering(503, ""), patient, 0, 10, true},
		{"too few", dropped, patient, 0, 9, false},
		{"half of them", dropped, patient, 10, 10, true},
		{"less than half", dropped, patient, 12, 11, false},
		{"400", answering(400, ""), patient, 0, 50, false},
		{"404", answering(404, ""), patient, 0, 50, false},
		{"429", answering(429, ""), patient, 0, 50, false},
		{"too long", answering(200, "more than ten bytes"), patient, 0, 50, false},
		{"the caller had left", dropped, func(*testing.T) context.Context { return gone }, 0, 50, false},
		{"the caller left under way", silent, leaving, 0, 20, false},
		{"the caller was in a hurry", silent, hurried, 0, 20, false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newBreakerRig(t)
			r.answer = answering(200, "")
			for range tc.up {
				_ = r.call(t.Context())
			}
			r.answer = tc.answer
			for range tc.down {
				_ = r.call(tc.ctx(t))
			}
			r.answer = answering(200, "")
			if stopped := r.stopped(5 * time.Second); stopped != tc.opens {
				t.Errorf("stopped: %v, want %v", stopped, tc.opens)
			}
		})
	}
}

// A caller whose time runs out after the vendor kept it waiting counts; one who
// leaves does not, however long it waited.
func TestCallersWhoWaitedLong(t *testing.T) {
	t.Parallel()
	for _, leaves := range []bool{false, true} {
		r := newBreakerRig(t)
		for range 10 {
			ctx, end := testclock.Expiring(t.Context())
			if leaves {
				ctx, end = context.WithCancel(t.Context())
			}
			r.answer = func(request *http.Request) (*http.Response, error) {
				r.clock.Advance(time.Second)
				end()
				return silent(request)
			}
			_ = r.call(ctx)
		}
		r.answer = answering(200, "")
		if r.stopped(5*time.Second) == leaves {
			t.Errorf("leaving: %v, the breaker does the opposite", leaves)
		}
	}
}

// Failures of long ago do not add up.
func TestBreakerForgets(t *testing.T) {
	t.Parallel()
	r := newBreakerRig(t)
	r.answer = dropped
	for range 50 {
		_ = r.call(t.Context())
		r.clock.Advance(4 * time.Second)
	}
	if r.calls != 50 || len(r.states) != 0 {
		t.Errorf("%d calls, states %v", r.calls, r.states)
	}
}

// One organization whose calls fail does not stop those of others that are
// answered; where nobody is, or more than one is not, the vendor is down.
func TestBreakerAndOrganizations(t *testing.T) {
	t.Parallel()
	type step struct {
		organization string
		fails        bool
		times        int
		then         time.Duration // passes
	}
	good := func(organization string, then time.Duration) step { return step{organization, false, 1, then} }
	bad := func(organization string, times int, then time.Duration) step {
		return step{organization, true, times, then}
	}
	for _, tc := range []struct {
		name  string
		steps []step
		opens bool
	}{
		{"another is answered meanwhile", []step{bad("a", 5, time.Second), good("b", time.Second), bad("a", 20, 0)}, false},
		{"many others are", []step{bad("a", 5, time.Second), good("b", time.Second), good("c", time.Second), good("a", 0), bad("a", 20, 0)}, false},
		{"it goes on", []step{
			bad("a", 9, 20*time.Second), good("b", 5*time.Second), bad("a", 9, 20*time.Second), good("b", 5*time.Second), bad("a", 20, 0),
		}, false},
		{"another was answered before", []step{good("b", time.Second), bad("a", 10, 0)}, true},
		{"another was answered before it began again", []step{bad("a", 1, 35*time.Second), good("b", 5*time.Second), bad("a", 10, 0)}, true},
		{"another was answered, and long ago", []step{bad("a", 1, 15*time.Second), good("b", 10*time.Second), bad("a", 1, 21*time.Second), bad("a", 10, 0)}, true},
		{"it is answered itself", []step{bad("a", 5, time.Second), good("a", time.Second), bad("a", 5, 0)}, true},
		{"another fails as well", []step{bad("a", 5, time.Second), good("b", time.Second), bad("a", 5, time.Second), bad("b", 4, 0)}, true},
		{"a third fails as well", []step{bad("c", 1, time.Second), bad("a", 5, time.Second), good("b", time.Second), bad("a", 5, 0)}, true},
		{"a third failed, long ago", []step{bad("c", 1, 31*time.Second), bad("a", 5, time.Second), good("b", time.Second), bad("a", 5, 0)}, false},
		{"nobody says for whom", []step{bad("", 5, time.Second), good("", time.Second), bad("", 5, 0)}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newBreakerRig(t)
			for _, s := range tc.steps {
				if r.answer = answering(200, ""); s.fails {
					r.answer = dropped
				}
				for range s.times {
					_ = r.call(quota.WithOrganization(t.Context(), s.organization))
				}
				r.clock.Advance(s.then)
			}
			r.answer = answering(200, "")
			if stopped := r.stopped(5 * time.Second); stopped != tc.opens {
				t.Errorf("stopped: %v, want %v", stopped, tc.opens)
			}
		})
	}
}

// From an outage to its end: nothing is sent, then single probes, whose failure
// makes the next come later, and whose success lets everything through.
func TestBreakerThroughAnOutage(t *testing.T) {
	t.Parallel()
	r := newBreakerRig(t)
	r.answer = dropped
	for range 10 {
		_ = r.call(t.Context())
	}
	for _, open := range []time.Duration{5, 10, 20, 40, 60, 60} {
		open *= time.Second
		if !r.stopped(open) {
			t.Fatalf("a call went through, open for %v", open)
		}
		r.clock.Advance(open - 1500*time.Millisecond)
		if !r.stopped(2 * time.Second) {
			t.Fatalf("a call went through %v after it opened", open-1500*time.Millisecond)
		}
		r.clock.Advance(1500 * time.Millisecond)
		if before := r.calls; r.call(t.Context()) == nil || r.calls != before+1 {
			t.Fatal("no probe went through")
		}
	}
	r.clock.Advance(time.Minute)
	r.answer = answering(200, "")
	for range 20 {
		if err := r.call(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.answer = dropped // what was before is forgotten
	for range 9 {
		_ = r.call(t.Context())
	}
	if r.stopped(0) {
		t.Error("the breaker opened on failures of before")
	}
	o, h := httpx.BreakerOpen, httpx.BreakerHalfOpen
	if want := []httpx.BreakerState{o, h, o, h, o, h, o, h, o, h, o, h, o, h, httpx.BreakerClosed}; !slices.Equal(r.states, want) {
		t.Errorf("got states %v, want %v", r.states, want)
	}
}

// While a probe is under way, everybody else is stopped. A probe whose caller
// leaves makes room for another one, and what began before the breaker opened
// decides nothing.
func TestProbesAreSingle(t *testing.T) {
	t.Parallel()
	r := newBreakerRig(t)
	late := make(chan struct{})
	entered := make(chan struct{}, 1)
	held := func(release <-chan struct{}, then func(*http.Request) (*http.Response, error)) func(*http.Request) (*http.Response, error) {
		return func(request *http.Request) (*http.Response, error) {
			entered <- struct{}{}
			<-release
			return then(request)
		}
	}
	var wg sync.WaitGroup
	r.answer = held(late, answering(200, ""))
	wg.Go(func() { _ = r.call(t.Context()) })
	<-entered
	r.answer = dropped
	for range 10 {
		_ = r.call(t.Context())
	}
	r.clock.Advance(5 * time.Second)

	ctx, cancel := context.WithCancel(t.Context())
	r.answer = silent
	probing := make(chan error, 1)
	r.answer = func(request *http.Request) (*http.Response, error) {
		entered <- struct{}{}
		return silent(request)
	}
	go func() { probing <- r.call(ctx) }()
	<-entered
	for range 3 {
		if !r.stopped(time.Second) {
			t.Error("a second call went through beside the probe")
		}
	}
	close(late) // an answer to a call of before
	wg.Wait()
	if !r.stopped(time.Second) {
		t.Error("an answer to a call of before ended the probe")
	}
	cancel()
	<-probing
	r.answer = answering(200, "")
	if err := r.call(t.Context()); err != nil {
		t.Errorf("no probe after one whose caller left: %v", err)
	}
	if got := r.states[len(r.states)-1]; got != httpx.BreakerClosed {
		t.Errorf("state %v", got)
	}
}

// A try that ends in a panic says nothing about the vendor, and keeps nobody out.
func TestPanicEndsTheProbe(t *testing.T) {
	t.Parallel()
	r := newBreakerRig(t)
	r.answer = dropped
	for range 10 {
		_ = r.call(t.Context())
	}
	r.clock.Advance(5 * time.Second)
	r.answer = func(*http.Request) (*http.Response, error) { panic("as planned") }
	func() {
		defer func() {
			if recover() == nil {
				t.Error("nothing was probed")
			}
		}()
		_ = r.call(t.Context())
	}()
	r.answer = answering(200, "")
	if err := r.call(t.Context()); err != nil {
		t.Errorf("after a probe that ended in a panic: %v", err)
	}
}
