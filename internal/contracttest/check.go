package contracttest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const maxKept = 4 << 20 // of a body

// Check looks at a request, and returns what will look at its answer.
type Check func(r *http.Request, body []byte) func(status int, header http.Header, got []byte)

// Middleware checks what a server receives and answers, but for the admin
// surface of simulators.
func (c Check) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_sandbox/") {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // the client is gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		check := c(r, body)
		tee := &teeWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(tee, r)
		check(tee.status, w.Header(), tee.body.Bytes())
	})
}

// RoundTripper checks what a client sends and is answered, once it has read an
// answer to its end. base may be nil.
func (c Check) RoundTripper(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		var body []byte
		if r.Body != nil {
			var err error
			if body, err = io.ReadAll(r.Body); err != nil {
				return nil, fmt.Errorf("read request: %w", err)
			}
			r = r.Clone(r.Context())
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		check := c(r, body)
		answer, err := base.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		answer.Body = &teeBody{ReadCloser: answer.Body, done: func(got []byte) { check(answer.StatusCode, answer.Header, got) }}
		return answer, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// teeWriter keeps what goes out.
type teeWriter struct {
	http.ResponseWriter
	status int
	wrote  bool
	body   bytes.Buffer
}

func (w *teeWriter) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *teeWriter) Write(b []byte) (int, error) {
	w.wrote = true
	if w.body.Len() < maxKept {
		w.body.Write(b)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the real writer.
func (w *teeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// teeBody keeps what is read and hands it over at the end.
type teeBody struct {
	io.ReadCloser
	got  bytes.Buffer
	done func([]byte)
}

func (b *teeBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.got.Len() < maxKept {
		b.got.Write(p[:n])
	}
	if errors.Is(err, io.EOF) && b.done != nil {
		b.done(b.got.Bytes())
		b.done = nil
	}
	return n, err
}
