package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"usher/identity"
	"usher/invites"
	"usher/ledger"
	"usher/oidc"
)

const headerRequestID = "X-Request-Id"

// The length of an X-Request-Id that is taken over from the caller.
const (
	minRequestID = 8
	maxRequestID = 128
)

// request is what is known about a request from its first byte to its log
// line. It belongs to the request's goroutine.
type request struct {
	id      string
	method  string // as the client asked; HEAD is routed as GET
	started time.Time
	trace   string // id of its trace; empty: none is made

	principal    *oidc.Principal // nil until authenticated
	organization string          // id; empty until resolved
	invite       string          // id of the invite that was accepted, or that a problem was about; empty: none
	replayed     bool
	code         identity.Code // of the problem that was answered; empty: none
	failure      error         // its cause, for the log
	gone         bool          // the client went away before the answer
}

type requestKey struct{}

// requestOf returns the request of a context; one that has none gets an empty
// one, so that no error path can fail for want of it.
func requestOf(ctx context.Context) *request {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		return r
	}
	return &request{}
}

// prepare gives a request its id. HEAD becomes GET: the server leaves the body
// out by itself.
func (a *API) prepare(r *http.Request) *http.Request {
	known := &request{id: r.Header.Get(headerRequestID), method: r.Method, started: a.now()}
	if !saneRequestID(known.id) {
		known.id = identity.NewID("req_")
	}
	r = r.WithContext(context.WithValue(r.Context(), requestKey{}, known))
	if r.Method == http.MethodHead {
		r.Method = http.MethodGet
	}
	return r
}

// saneRequestID allows what is safe in headers, logs and shells.
func saneRequestID(id string) bool {
	if len(id) < minRequestID || len(id) > maxRequestID {
		return false
	}
	for _, c := range []byte(id) {
		if !wordByte(c) && c != '.' {
			return false
		}
	}
	return true
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// call is what the guard has established when a handler runs.
type call struct {
	caller   invites.Caller
	admitted bool                   // known, and within its rate
	org      *identity.Organization // nil on routes without {org}
	key      string                 // Idempotency-Key; empty: none
	claim    *ledger.Claim          // nil without a key
	query    url.Values             // of a link that is followed
	upload   *invites.BatchUpload   // the file of a request whose body is one
}

type callKey struct{}

// callOf returns the call of a handler's context. A context without one
// belongs to nobody: the empty caller may see nothing.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{org: &identity.Organization{}}
}
