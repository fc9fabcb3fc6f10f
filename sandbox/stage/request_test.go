package stage_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"usher/sandbox/stage"
)

func TestBase(t *testing.T) {
	t.Parallel()
	plain, secure := httptest.NewRequest("GET", "http://x.example/a", nil), httptest.NewRequest("GET", "http://x.example/a", nil)
	secure.TLS = &tls.ConnectionState{}
	for _, tt := range []struct {
		fixed string
		r     *http.Request
		want  string
	}{
		{"", plain, "http://x.example"},
		{"", secure, "https://x.example"},
		{"http://y.example", secure, "http://y.example"},
	} {
		if got := stage.Base(tt.fixed, tt.r); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, path string
		want          map[string]string // nil: no match
	}{
		{"/users", "/users", map[string]string{}},
		{"/users/{id}/roles/{role}", "/users/7/roles/x", map[string]string{"id": "7", "role": "x"}},
		{"/users/{id}", "/users/", nil},
		{"/users/{id}", "/users/7/roles", nil},
		{"/users/{id}", "/groups/7", nil},
		{"", "", map[string]string{}},
	} {
		if got, ok := stage.Match(tt.pattern, strings.Split(tt.path, "/")); ok != (tt.want != nil) || !maps.Equal(got, tt.want) {
			t.Errorf("%s with %s: got %v %v, want %v", tt.pattern, tt.path, got, ok, tt.want)
		}
	}
}

// aborts reports whether a request is given up.
func aborts(do func()) (aborted bool) {
	defer func() { aborted = recover() == http.ErrAbortHandler }()
	do()
	return false
}

func TestBody(t *testing.T) {
	t.Parallel()
	read := func(in io.Reader) ([]byte, bool) {
		return stage.Body(httptest.NewRecorder(), httptest.NewRequest("POST", "/", in), 4)
	}
	if got, fits := read(strings.NewReader("1234")); string(got) != "1234" || !fits {
		t.Errorf("got %q %v", got, fits)
	}
	if got, fits := read(strings.NewReader("12345")); got != nil || fits {
		t.Errorf("too long: got %q %v", got, fits)
	}
	if !aborts(func() { read(iotest.ErrReader(io.ErrUnexpectedEOF)) }) {
		t.Error("half a request acts")
	}
}

func TestBeforeWrite(t *testing.T) {
	t.Parallel()
	var waited time.Duration
	gone := errors.New("gone")
	sleep := stage.Sleep(func(_ context.Context, d time.Duration) error {
		waited += d
		return gone
	})
	for _, tt := range []struct {
		name, method string
		ms           int
		aborts       bool
	}{
		{"a read", "GET", 5, false},
		{"a read of the head", "HEAD", 5, false},
		{"no delay", "POST", 0, false},
		{"a write", "POST", 5, true},
	} {
		if got := aborts(func() { sleep.BeforeWrite(httptest.NewRequest(tt.method, "/", nil), tt.ms) }); got != tt.aborts {
			t.Errorf("%s: given up: %v, want %v", tt.name, got, tt.aborts)
		}
	}
	if waited != 5*time.Millisecond {
		t.Errorf("waited %v", waited)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var timer stage.Sleep
	if err := timer.Pause(ended, 0); err != nil {
		t.Errorf("no time: %v", err)
	}
	if err := timer.Pause(ended, 3600000); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who left: %v", err)
	}
}
