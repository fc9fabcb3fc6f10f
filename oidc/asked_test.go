package oidc

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// askedIssuer is a testIssuer that can be asked about opaque tokens.
type askedIssuer struct {
	*testIssuer
	inquiries atomic.Int64
	busiest   atomic.Int64 // requests under way at once
	endpoint  *httptest.Server

	mu      sync.Mutex
	answers map[string]any // by token; another token is not active
	handler http.HandlerFunc
}

func newAskedIssuer(t testing.TB) *askedIssuer {
	t.Helper()
	i := &askedIssuer{testIssuer: newTestIssuer(t, public("k", firstKey())), answers: map[string]any{}}
	var under atomic.Int64
	i.endpoint = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.inquiries.Add(1)
		if n := under.Add(1); n > i.busiest.Load() {
			i.busiest.Store(n)
		}
		defer under.Add(-1)
		i.mu.Lock()
		handler, answer := i.handler, i.answers[r.FormValue("token")]
		i.mu.Unlock()
		switch {
		case handler != nil:
			handler(w, r)
		case answer != nil:
			writeJSON(w, answer)
		default:
			writeJSON(w, fields{"active": false})
		}
	}))
	t.Cleanup(i.endpoint.Close)
	return i
}

// say has the issuer answer so about a token.
func (i *askedIssuer) say(token string, answer any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answers[token] = answer
}

// handle has a handler answer every question; nil ends that.
func (i *askedIssuer) handle(h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.handler = h
}

func (i *askedIssuer) config(name string) IssuerConfig {
	c := i.testIssuer.config(name)
	c.Introspection = IntrospectionConfig{Endpoint: i.endpoint.URL, ClientID: "us", ClientSecret: "s3cret"}
	return c
}

// active is a good answer.
func (i *askedIssuer) active(now time.Time, with fields) fields {
	return changed(fields{
		"active": true, "iss": i.url, "sub": "alice", "aud": ourAudience, "client_id": "app", "token_type": "Bearer",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}, with)
}

func (i *askedIssuer) wantInquiries(t *testing.T, want int64) {
	t.Helper()
	if got := i.inquiries.Load(); got != want {
		t.Errorf("asked %d times, want %d", got, want)
	}
}

// from is the origin of a request.
func from(address, organization string) Origin {
	return Origin{Source: netip.MustParseAddr(address), Organization: organization}
}

// accepted fails unless a token is good.
func accepted(t *testing.T, a *Authenticator, o Origin, token string) *Principal {
	t.Helper()
	p, err := a.Authenticate(WithOrigin(t.Context(), o), token)
	if err != nil {
		t.Errorf("%s is refused: %v", token, err)
	}
	return p
}

// refusedFor fails unless a token is refused for a reason.
func refusedFor(t *testing.T, a *Authenticator, o Origin, token string, want reason) {
	t.Helper()
	p, err := a.Authenticate(WithOrigin(t.Context(), o), token)
	if got := why(t, p, err); got != want {
		t.Errorf("%s is refused for %q, want %q: %v", cut(token), got, want, err)
	}
}
