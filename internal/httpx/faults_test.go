package httpx_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"usher/identity"
	"usher/internal/httpx"
)

// want is everything that matters about an error.
type want struct {
	code   identity.Code
	acted  bool
	status int
}

func check(t *testing.T, err error, w want) {
	t.Helper()
	var failure *httpx.Error
	if !errors.As(err, &failure) {
		t.Fatalf("got %v, want an *httpx.Error", err)
	}
	if got := (want{failure.IdentityCode(), failure.MayHaveActed(), failure.Status}); got != w {
		t.Errorf("got %+v, want %+v: %v", got, w, err)
	}
}

// A try ends when its time is up, wherever the vendor stops.
func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		before string // sent before the vendor goes silent
		status int
	}{
		{"nothing", "", 0},
		{"half a header", "HTTP/1.1 200 OK\r\nContent-", 0},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", 200},
		{"endless 1xx", "HTTP/1.1 103 Early Hints\r\n\r\n", 0},
	}
	for _, tc := range cases {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(tc.name+" "+method, func(t *testing.T) {
				t.Parallel()
				var calls atomic.Int32
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					calls.Add(1)
					conn, _, err := w.(http.Hijacker).Hijack()
					if err != nil {
						panic(err)
					}
					defer conn.Close()
					_, _ = io.WriteString(conn, tc.before)
					_, _ = io.Copy(io.Discard, conn) // until the client goes away
				}))
				defer server.Close()
				c := client(&slept{}, func(o *httpx.Options) { o.Timeout = time.Second })
				_, err := c.Do(t.Context(), httpx.Call{Op: "test", Method: method, URL: server.URL})
				write := method == http.MethodPost
				check(t, err, want{identity.CodeProviderTimeout, write, tc.status})
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v does not wrap the deadline", err)
				}
				if n := calls.Load(); (n == 1) != write {
					t.Errorf("%d calls", n)
				}
			})
		}
	}
}

// The caller's cancellation ends a call under way; a write may have happened.
func TestCancelledUnderWay(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 3)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	defer server.Close()
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-arrived; cancel() }()
		_, err := client(&slept{}).Do(ctx, httpx.Call{Op: "test", Method: method, URL: server.URL})
		check(t, err, want{identity.CodeProviderTimeout, method == http.MethodDelete, 0})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v does not wrap the cancellation", err)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A transport that does not report its progress may have sent the call: a
// write is not repeated on its word.
func TestTransportThatReportsNothing(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		call  httpx.Call
		calls int
		want  want
	}{
		{httpx.Call{Method: http.MethodPost}, 1, want{identity.CodeProviderUnavailable, true, 0}},
		{httpx.Call{Method: http.MethodPost, Repeatable: true}, 3, want{identity.CodeProviderUnavailable, false, 0}},
		{httpx.Call{Method: http.MethodGet}, 3, want{identity.CodeProviderUnavailable, false, 0}},
	} {
		calls := 0
		c := client(&slept{}, func(o *httpx.Options) {
			o.Transport = roundTripper(func(*http.Request) (*http.Response, error) { calls++; return nil, io.ErrUnexpectedEOF })
		})
		tc.call.Op, tc.call.URL = "test", "http://vendor.example/"
		_, err := c.Do(t.Context(), tc.call)
		check(t, err, tc.want)
		if calls != tc.calls {
			t.Errorf("%s: %d calls, want %d", tc.call.Method, calls, tc.calls)
		}
	}
}

// A redirect is an answer, even one that leads nowhere: nothing is asked of
// where it points, and no credential gets there.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s was asked with %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	for _, location := range []string{elsewhere.URL, "/there", "", "http://[broken", "%zz"} {
		for _, code := range []int{301, 302, 303, 307, 308} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				var calls atomic.Int32
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					calls.Add(1)
					w.Header()["Location"] = []string{location}
					w.WriteHeader(code)
				}))
				response, err := client(&slept{}).Do(t.Context(), httpx.Call{
					Op: "test", Method: method, URL: server.URL, Body: []byte("{}"), Header: http.Header{"Authorization": {"Bearer t"}},
				})
				if err != nil || response.Status != code || calls.Load() != 1 {
					t.Errorf("%s, %d to %q: %+v, %v after %d calls", method, code, location, response, err, calls.Load())
				}
				server.Close()
			}
		}
	}
}

// What is wrong with a call is known before anything is sent, and not quoted.
func TestCallsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	cases := map[string]httpx.Call{
		"method":       {Method: "GE T", URL: "http://127.0.0.1/?q=s3cr3t"},
		"URL":          {Method: "GET", URL: "http://127.0.0.1:bad/?q=s3cr3t"},
		"relative":     {Method: "GET", URL: "/path?q=s3cr3t"},
		"scheme":       {Method: "GET", URL: "file:///s3cr3t"},
		"credential":   {Method: "GET", URL: "http://user:s3cr3t@127.0.0.1/"},
		"header value": {Method: "POST", URL: "http://127.0.0.1/", Header: http.Header{"Authorization": {"Bearer s3cr3t\r\nX: y"}}},
		"header name":  {Method: "POST", URL: "http://127.0.0.1/", Header: http.Header{"s3cr3t: y\r\n": {"x"}}},
	}
	for name, call := range cases {
		calls := 0
		call.Op = "test"
		_, err := client(&slept{}, func(o *httpx.Options) {
			o.Transport = roundTripper(func(*http.Request) (*http.Response, error) { calls++; return nil, io.EOF })
		}).Do(t.Context(), call)
		check(t, err, want{identity.CodeInternal, false, 0})
		if calls != 0 || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v after %d calls", name, err, calls)
		}
	}
}

// A broken answer is quoted by net/http: no secret and no flood of it is.
func TestErrorTextsAreRedactedAndCut(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(cut("HTTP/1.1 client_secret=s3cr3t " + strings.Repeat("x", 5000) + "\r\n\r\n"))
	defer server.Close()
	_, err := client(&slept{}).Do(t.Context(), httpx.Call{Op: "test", Method: "POST", URL: server.URL + "/?email=a@example.com"})
	check(t, err, want{identity.CodeProviderError, true, 0})
	if text := err.Error(); strings.Contains(text, "s3cr3t") || strings.Contains(text, "a@example.com") || len(text) > 700 {
		t.Errorf("%d bytes: %s", len(text), text)
	}
}

// An answer that announces more than it may have is not read at all.
func TestAnnouncedLength(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(cut("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"))
	defer server.Close()
	var calls atomic.Int32
	c := client(&slept{}, func(o *httpx.Options) { o.Observe = func(httpx.Observation) { calls.Add(1) } })
	_, err := c.Do(t.Context(), httpx.Call{Op: "test", Method: "GET", URL: server.URL})
	check(t, err, want{identity.CodeProviderError, false, 200})
	response, err := c.Do(t.Context(), httpx.Call{Op: "test", Method: "HEAD", URL: server.URL})
	if err != nil || response.Status != 200 || len(response.Body) != 0 {
		t.Errorf("HEAD: %+v, %v", response, err)
	}
	if calls.Load() != 2 {
		t.Errorf("%d calls: an answer that is too long is not asked for again", calls.Load())
	}
}

// Waits double, with jitter, and a wait above MaxWait is not begun.
func TestWaits(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		header []string
		jitter float64
		want   []time.Duration
	}{
		{"back-off", nil, 1, []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond}},
		{"back-off, least", nil, 0, []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond}},
		{"garbage", []string{"Retry-After", "soon"}, 1, []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond}},
		{"seconds", []string{"Retry-After", "2"}, 1, []time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second}},
		{"date", []string{"Retry-After", "Sat, 21 Nov 2026 09:00:03 GMT"}, 1, []time.Duration{3 * time.Second, 3 * time.Second, 3 * time.Second}},
		{"too long", []string{"Retry-After", "6"}, 1, nil},
		{"huge", []string{"Retry-After", strings.Repeat("9", 40)}, 1, nil},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(status(429, tc.header...))
			defer server.Close()
			s := &slept{}
			c := client(s, func(o *httpx.Options) {
				o.Attempts, o.Jitter = 4, func() float64 { return tc.jitter }
				o.Now = func() time.Time { return time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC) }
			})
			response, err := c.Do(t.Context(), httpx.Call{Op: "test", Method: "POST", URL: server.URL})
			if err != nil || response.Status != 429 || !reflect.DeepEqual(s.waits, tc.want) {
				t.Errorf("got %+v, %v after waits %v, want %v", response, err, s.waits, tc.want)
			}
		})
	}
}

// Deadlines are the machine's, also for a client in another time.
func TestDeadlineWithForeignClock(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(status(429))
	defer server.Close()
	for _, shift := range []time.Duration{-100 * time.Hour, 100 * time.Hour} {
		s := &slept{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := client(s, func(o *httpx.Options) { o.Now = func() time.Time { return time.Now().Add(shift) } }).
			Do(ctx, httpx.Call{Op: "test", Method: "GET", URL: server.URL})
		cancel()
		if err != nil || len(s.waits) != 2 {
			t.Errorf("clock %v off: waits %v, %v", shift, s.waits, err)
		}
	}
}

func TestObservations(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			cut("")(w, r)
			return
		}
		status(404)(w, r)
	}))
	defer server.Close()
	var seen []httpx.Observation
	var now time.Time
	c := client(&slept{}, func(o *httpx.Options) {
		o.Observe = func(o httpx.Observation) { seen = append(seen, o) }
		o.Now = func() time.Time { now = now.Add(time.Second); return now }
	})
	if _, err := c.Do(t.Context(), httpx.Call{Op: "get user", Method: "GET", URL: server.URL + "/Users?filter=secret"}); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(server.URL, "http://")
	expected := []httpx.Observation{
		{Op: "get user", Method: "GET", Host: host, Duration: time.Second, Code: identity.CodeProviderUnavailable},
		{Op: "get user", Method: "GET", Host: host, Duration: time.Second, Status: 404},
	}
	if !reflect.DeepEqual(seen, expected) {
		t.Errorf("got %+v, want %+v", seen, expected)
	}
}

// keepAlive answers the first request on each connection; what happens to the
// second is up to then.
func keepAlive(t *testing.T, posts *atomic.Int32, then func(net.Conn)) string {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	var mu sync.Mutex
	served := map[string]bool{}
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		posts.Add(1)
		mu.Lock()
		again := served[r.RemoteAddr]
		served[r.RemoteAddr] = true
		mu.Unlock()
		if !again {
			_, _ = io.WriteString(w, "{}")
			return
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		then(conn)
	})
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// A write on a kept connection that breaks after it was sent happens once,
// also where net/http would send it again on its own account.
func TestKeptConnectionBreaksUnderWrite(t *testing.T) {
	t.Parallel()
	ends := map[string]func(net.Conn){
		"closed": func(c net.Conn) { _ = c.Close() },
		"reset":  func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() },
	}
	for name, end := range ends {
		for _, key := range []string{"", "Idempotency-Key", "X-Idempotency-Key"} {
			for _, body := range []string{"{}", ""} {
				t.Run(fmt.Sprintf("%s %s %q", name, key, body), func(t *testing.T) {
					t.Parallel()
					var posts atomic.Int32
					call := httpx.Call{Op: "test", Method: "POST", URL: keepAlive(t, &posts, end), Body: []byte(body), Header: http.Header{}}
					if key != "" {
						call.Header.Set(key, "k")
					}
					c := client(&slept{})
					if _, err := c.Do(t.Context(), call); err != nil {
						t.Fatal(err)
					}
					_, err := c.Do(t.Context(), call)
					check(t, err, want{identity.CodeProviderUnavailable, true, 0})
					if posts.Load() != 2 {
						t.Errorf("%d posts arrived, want 2", posts.Load())
					}
				})
			}
		}
	}
}

// A kept connection that the vendor closes while it is idle: each write
// arrives once at most. It may fail where its sending and the closing cross,
// and then it says that it may have happened.
func TestKeptConnectionClosedWhileIdle(t *testing.T) {
	t.Parallel()
	var posts atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		posts.Add(1)
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	c := client(&slept{})
	for n := range 50 {
		before := posts.Load()
		_, err := c.Do(t.Context(), httpx.Call{Op: "test", Method: "POST", URL: server.URL, Body: []byte("{}")})
		arrived := posts.Load() - before
		switch {
		case err == nil && arrived != 1, arrived > 1:
			t.Errorf("call %d: %d posts arrived, %v", n, arrived, err)
		case err != nil:
			check(t, err, want{identity.CodeProviderUnavailable, true, 0})
		}
		server.CloseClientConnections()
	}
}

// No failure leaves a goroutine behind. Not parallel: others' would be seen.
func TestNoGoroutineStays(t *testing.T) {
	before := goleak.IgnoreCurrent()
	transport := httpx.NewTransport()
	c := client(&slept{}, func(o *httpx.Options) { o.Transport, o.Timeout = transport, 500*time.Millisecond })
	for _, handler := range []http.HandlerFunc{
		status(200), status(503), cut(""), cut("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
		func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
		func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("x", 4096)); err != nil {
					return
				}
			}
		},
	} {
		server := httptest.NewServer(handler)
		for _, method := range []string{"GET", "POST"} {
			_, _ = c.Do(t.Context(), httpx.Call{Op: "test", Method: method, URL: server.URL})
		}
		server.CloseClientConnections()
		server.Close()
	}
	transport.CloseIdleConnections()
	goleak.VerifyNone(t, before)
}
