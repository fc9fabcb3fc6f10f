package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	defaultTimeout = 10 * time.Second
	maxDocument    = 512 << 10 // bytes of a discovery document or key set
	maxHeader      = 64 << 10
	maxRedirects   = 3
)

// The classes of IssuerStatus.LastError.
const (
	classTimeout  = "timeout"
	classConnect  = "connect"
	classStatus   = "status"
	classTooLong  = "too_long"
	classNotJSON  = "not_json"
	classMismatch = "mismatch"
	classClosed   = "closed"
)

// fetchError is a fetch that went wrong.
type fetchError struct {
	class  string
	err    error
	status int           // of the answer, where it is at fault; otherwise 0
	page   bool          // the answer is HTML
	retry  time.Duration // its Retry-After in seconds; otherwise 0
}

// Error implements error.
func (e *fetchError) Error() string { return e.class + ": " + e.err.Error() }

// Unwrap returns the cause.
func (e *fetchError) Unwrap() error { return e.err }

func failed(class, format string, args ...any) *fetchError {
	return &fetchError{class: class, err: fmt.Errorf(format, args...)}
}

// classOf returns the class of a fetch's error, "" for nil.
func classOf(err error) string {
	var f *fetchError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &f):
		return f.class
	default:
		return classConnect
	}
}

// fetcher gets documents from issuers.
type fetcher struct {
	client  *http.Client
	direct  *http.Client // follows no redirects: what it sends is secret
	timeout time.Duration
	own     *http.Transport // closed with us; nil: the client is somebody else's
}

func newFetcher(client *http.Client, timeout time.Duration) *fetcher {
	f := &fetcher{timeout: timeout}
	if f.timeout <= 0 {
		f.timeout = defaultTimeout
	}
	var c http.Client
	if client != nil {
		c = *client
	} else {
		f.own = &http.Transport{
			DialContext:            (&net.Dialer{Timeout: f.timeout}).DialContext,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           64,
			MaxIdleConnsPerHost:    defaultInquiries,
			IdleConnTimeout:        30 * time.Second,
			TLSHandshakeTimeout:    f.timeout,
			MaxResponseHeaderBytes: maxHeader,
		}
		c.Transport = f.own
	}
	c.CheckRedirect = sameOrigin
	c.Jar = nil
	f.client = &c
	direct := c
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	f.direct = &direct
	return f
}

// sameOrigin follows a few redirects within one origin: another host's keys
// are not the issuer's.
func sameOrigin(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return errors.New("too many redirects")
	case next.URL.Scheme != first.Scheme || next.URL.Host != first.Host:
		return errors.New("redirected to another host")
	default:
		return nil
	}
}

func (f *fetcher) close() {
	if f.own != nil {
		f.own.CloseIdleConnections()
	}
}

// get reads one JSON document into v.
func (f *fetcher) get(ctx context.Context, url string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return failed(classConnect, "%w", err)
	}
	body, err := f.read(f.client, r, maxDocument)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return failed(classNotJSON, "GET %s: %w", url, err)
	}
	return nil
}

// read returns the body of a request's answer, which must be 200 and have no
// more bytes than limit.
func (f *fetcher) read(client *http.Client, r *http.Request, limit int64) ([]byte, error) {
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Cache-Control", "no-cache")
	answer, err := client.Do(r)
	if err != nil {
		return nil, transportError(r.Context(), err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		e := failed(classStatus, "%s %s: status %d", r.Method, r.URL, answer.StatusCode)
		e.status, e.page = answer.StatusCode, isPage(answer.Header)
		if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
			e.retry = time.Duration(min(seconds, 3600)) * time.Second
		}
		return nil, e
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	switch {
	case err != nil:
		return nil, transportError(r.Context(), fmt.Errorf("%s %s: %w", r.Method, r.URL, err))
	case int64(len(body)) > limit:
		return nil, failed(classTooLong, "%s %s: the answer is longer than %d bytes", r.Method, r.URL, limit)
	}
	return body, nil
}

func isPage(h http.Header) bool {
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return kind == "text/html"
}

func transportError(ctx context.Context, err error) *fetchError {
	var n net.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return failed(classClosed, "%w", err)
	case ctx.Err() != nil, errors.As(err, &n) && n.Timeout():
		return failed(classTimeout, "%w", err)
	default:
		return failed(classConnect, "%w", err)
	}
}

// lifetime is the context of background work: it ends when the channel is
// closed.
type lifetime <-chan struct{}

// Deadline implements context.Context.
func (l lifetime) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (l lifetime) Done() <-chan struct{} { return l }

// Err implements context.Context.
func (l lifetime) Err() error {
	select {
	case <-l:
		return context.Canceled
	default:
		return nil
	}
}

// Value implements context.Context.
func (l lifetime) Value(any) any { return nil }
