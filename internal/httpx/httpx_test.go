package httpx_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/httpx"
)

// slept records the waits a client asks for instead of waiting.
type slept struct {
	mu    sync.Mutex
	waits []time.Duration
}

func (s *slept) sleep(ctx context.Context, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits = append(s.waits, d)
	return ctx.Err()
}

func client(s *slept, change ...func(*httpx.Options)) *httpx.Client {
	o := &httpx.Options{Sleep: s.sleep, Timeout: time.Second, MaxBody: 1 << 16, Jitter: func() float64 { return 1 }}
	for _, c := range change {
		c(o)
	}
	return httpx.New(o)
}

// cut answers n bytes of raw text and drops the connection.
func cut(raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, raw)
		_ = conn.Close()
	}
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for n := 0; n < len(header); n += 2 {
			w.Header().Set(header[n], header[n+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"ok":true}`)
	}
}

// Which calls are tried again, how often, and what the last answer is.
func TestRepetition(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		method string
		first  http.HandlerFunc // then 200
		calls  int32
		status int           // 0: an error
		code   identity.Code // of the error
		acted  bool
	}{
		{"503, read", "GET", status(503), 2, 200, "", false},
		{"503, write", "POST", status(503), 1, 503, "", false},
		{"502, read", "GET", status(502), 2, 200, "", false},
		{"500, read", "GET", status(500), 1, 500, "", false},
		{"429, write", "POST", status(429), 2, 200, "", false},
		{"429, write, wait too long", "POST", status(429, "Retry-After", "60"), 1, 429, "", false},
		{"cut, read", "GET", cut(""), 2, 200, "", false},
		{"cut, write", "POST", cut(""), 1, 0, identity.CodeProviderUnavailable, true},
		{"cut in the body, read", "GET", cut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), 2, 200, "", false},
		{"cut in the body, write", "POST", cut("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"), 1, 0, identity.CodeProviderError, true},
		{"not HTTP, write", "POST", cut("garbage\r\n\r\n"), 1, 0, identity.CodeProviderError, true},
		{"redirect", "GET", status(302, "Location", "/elsewhere"), 1, 302, "", false},
		{"400", "GET", status(400), 1, 400, "", false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if calls.Add(1) == 1 {
					tc.first(w, r)
					return
				}
				status(200)(w, r)
			}))
			defer server.Close()
			response, err := client(&slept{}).Do(t.Context(), httpx.Call{Op: "test", Method: tc.method, URL: server.URL, Body: []byte("{}")})
			if got := calls.Load(); got != tc.calls {
				t.Errorf("%d calls, want %d", got, tc.calls)
			}
			var failure *httpx.Error
			switch {
			case tc.status == 0 && (!errors.As(err, &failure) || failure.Code != tc.code || failure.MayHaveActed() != tc.acted):
				t.Errorf("got %+v, %v", response, err)
			case tc.status != 0 && (err != nil || response.Status != tc.status):
				t.Errorf("got %+v, %v; want status %d", response, err, tc.status)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s := &slept{}
	_, err = client(s).Do(t.Context(), httpx.Call{Op: "test", Method: "POST", URL: "http://" + address + "/?filter=secret@example.com"})
	var failure *httpx.Error
	if !errors.As(err, &failure) || failure.Code != identity.CodeProviderUnavailable || failure.Acted {
		t.Errorf("got %v", err)
	}
	if len(s.waits) != 2 {
		t.Errorf("waited %v, want two waits: nothing was sent, so a write may be repeated", s.waits)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error holds the query: %v", err)
	}
}

func TestNoAnswerInTime(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "POST"} {
		release := make(chan struct{})
		var calls atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			calls.Add(1)
			<-release
		}))
		c := client(&slept{}, func(o *httpx.Options) { o.Timeout = time.Second })
		_, err := c.Do(t.Context(), httpx.Call{Op: "test", Method: method, URL: server.URL})
		var failure *httpx.Error
		if !errors.As(err, &failure) || failure.Code != identity.CodeProviderTimeout || failure.Acted != (method == "POST") {
			t.Errorf("%s: got %v", method, err)
		}
		if want := map[string]int32{"GET": 3, "POST": 1}[method]; calls.Load() != want {
			t.Errorf("%s: %d calls, want %d", method, calls.Load(), want)
		}
		close(release)
		server.Close()
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	cases := map[string]http.HandlerFunc{
		"endless": func(w http.ResponseWriter, r *http.Request) {
			chunk := []byte(strings.Repeat("x", 4096))
			for r.Context().Err() == nil {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		},
		"compressed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, 10<<20))
			_ = z.Close()
		},
		"header flood": func(w http.ResponseWriter, _ *http.Request) {
			for n := range 2000 {
				w.Header().Set(fmt.Sprintf("X-%d", n), strings.Repeat("x", 100))
			}
		},
	}
	for name, handler := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(handler)
			defer server.Close()
			_, err := client(&slept{}).Do(t.Context(), httpx.Call{Op: "test", Method: "POST", URL: server.URL})
			var failure *httpx.Error
			if !errors.As(err, &failure) || !failure.Acted {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A wait that does not fit the caller's deadline is not begun.
func TestWaitsFitTheDeadline(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		status(429, "Retry-After", "4")(w, r)
	}))
	defer server.Close()
	s := &slept{}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	response, err := client(s).Do(ctx, httpx.Call{Op: "test", Method: "GET", URL: server.URL})
	if err != nil || response.Status != 429 || calls.Load() != 1 || len(s.waits) != 0 {
		t.Errorf("%+v, %v after %d calls and waits %v", response, err, calls.Load(), s.waits)
	}
	response, err = client(s).Do(t.Context(), httpx.Call{Op: "test", Method: "GET", URL: server.URL})
	if err != nil || response.Status != 429 || calls.Load() != 4 || fmt.Sprint(s.waits) != "[4s 4s]" {
		t.Errorf("%+v, %v after %d calls and waits %v", response, err, calls.Load(), s.waits)
	}
}

func TestCancelledCallIsNotSent(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client(&slept{}).Do(ctx, httpx.Call{Op: "test", Method: "POST", URL: server.URL})
	var failure *httpx.Error
	if !errors.As(err, &failure) || failure.Acted || calls.Load() != 0 {
		t.Errorf("got %v after %d calls", err, calls.Load())
	}
}

// After warm-up no request opens a connection.
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(status(200))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	c := client(&slept{})
	run := func(n int) {
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				for range n {
					if _, err := c.Do(t.Context(), httpx.Call{Op: "test", Method: "POST", URL: server.URL, Body: []byte("{}")}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
	}
	run(20)
	warm := opened.Load()
	run(125)
	if more := opened.Load() - warm; more > 2 {
		t.Errorf("%d connections opened in 2,000 requests after warm-up", more)
	}
}

// A kept connection that the vendor has closed does not make a write happen
// twice, whichever side notices first.
func TestStaleConnection(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var posts atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { // answers one request, swallows the second and hangs up
				defer conn.Close()
				reader := bufio.NewReader(conn)
				for n := range 2 {
					request, err := http.ReadRequest(reader)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, request.Body)
					posts.Add(1)
					if n == 0 {
						_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
					}
				}
			}()
		}
	}()
	c := client(&slept{})
	call := httpx.Call{Op: "test", Method: "POST", URL: "http://" + listener.Addr().String(), Body: []byte("{}")}
	if _, err := c.Do(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	_, err = c.Do(t.Context(), call)
	var failure *httpx.Error
	if !errors.As(err, &failure) || !failure.Acted || posts.Load() != 2 {
		t.Errorf("got %v after %d posts, want an uncertain error after 2", err, posts.Load())
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	html := &httpx.Response{Status: 200, Body: []byte("<html>" + strings.Repeat("x", 1000) + " token=abcdef")}
	var v map[string]any
	err := html.JSON(httpx.Call{Op: "test", Method: "POST"}, &v)
	var failure *httpx.Error
	if !errors.As(err, &failure) || failure.Code != identity.CodeProviderError || !failure.Acted || len(err.Error()) > 500 {
		t.Errorf("got %v", err)
	}
	if err := html.JSON(httpx.Call{Op: "test", Method: "GET"}, &v); !errors.As(err, &failure) || failure.Acted {
		t.Errorf("a read acted: %v", err)
	}
	if err := (&httpx.Response{Body: []byte(`{"a":1}`)}).JSON(httpx.Call{}, &v); err != nil || v["a"] != 1.0 {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestStatusTables(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]identity.Code{
		400: identity.CodeProviderError, 401: identity.CodeProviderCredentials, 403: identity.CodeProviderCredentials, 404: identity.CodeNotFound,
		408: identity.CodeProviderTimeout, 429: identity.CodeProviderRateLimited, 500: identity.CodeProviderError, 502: identity.CodeProviderError,
		503: identity.CodeProviderUnavailable, 504: identity.CodeProviderTimeout, 302: identity.CodeProviderError,
	} {
		if got := httpx.StatusCode(code); got != want {
			t.Errorf("%d: got %s, want %s", code, got, want)
		}
		acted := code >= 500 || code == 408 || code < 400
		if httpx.ActedStatus("POST", code) != acted || httpx.ActedStatus("GET", code) {
			t.Errorf("%d: a write acted: %v", code, httpx.ActedStatus("POST", code))
		}
	}
}
