package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"usher/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ourAudience = "usher"

// The keys of all tests: making them is slow.
var (
	firstKey  = sync.OnceValue(newRSA)
	secondKey = sync.OnceValue(newRSA)
	curveKey  = sync.OnceValue(func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		return k
	})
)

func newRSA() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

// clock is a clock that only tests move.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Date(2030, 5, 17, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) Advance(d time.Duration) { c.nanos.Add(int64(d)) }

// testIssuer is an issuer whose every answer a test decides.
type testIssuer struct {
	*httptest.Server
	url         string
	discoveries atomic.Int64
	fetches     atomic.Int64

	mu    sync.Mutex
	keys  []jose.JSONWebKey
	trick http.HandlerFunc // answers everything, if set
}

func newTestIssuer(t testing.TB, keys ...jose.JSONWebKey) *testIssuer {
	t.Helper()
	i := &testIssuer{keys: keys}
	i.Server = httptest.NewServer(i)
	i.url = i.Server.URL
	t.Cleanup(i.Server.Close)
	return i
}

func (i *testIssuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	keys, trick := i.keys, i.trick
	i.mu.Unlock()
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		i.discoveries.Add(1)
	case "/jwks":
		i.fetches.Add(1)
	}
	if trick != nil {
		trick(w, r)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		writeJSON(w, map[string]any{"issuer": i.url, "jwks_uri": i.url + "/jwks"})
	case "/jwks":
		writeJSON(w, jose.JSONWebKeySet{Keys: keys})
	default:
		http.NotFound(w, r)
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (i *testIssuer) publish(keys ...jose.JSONWebKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// play has a handler answer everything; nil ends that.
func (i *testIssuer) play(trick http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.trick = trick
}

// requests is how often the issuer was asked for anything.
func (i *testIssuer) requests() int64 { return i.discoveries.Load() + i.fetches.Load() }

func public(kid string, key crypto.Signer) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key.Public(), KeyID: kid, Use: "sig"}
}

// config is a plain configuration that accepts the issuer's tokens.
func (i *testIssuer) config(name string) IssuerConfig {
	return IssuerConfig{Name: name, Issuer: i.url, Audiences: []string{ourAudience}}
}

// open makes an Authenticator that is closed with the test, after its first
// fetches are done.
func open(t testing.TB, o *Options, issuers ...IssuerConfig) *Authenticator {
	t.Helper()
	if o == nil {
		o = &Options{}
	}
	a, err := New(issuers, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	a.warming.Wait()
	return a
}

type fields map[string]any

// claims returns the claims of a good token, changed by with: a nil value
// takes a claim out.
func claims(issuer string, now time.Time, with fields) fields {
	c := fields{
		"iss": issuer, "sub": "alice", "aud": ourAudience, "client_id": "app",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(), "jti": "1",
	}
	return changed(c, with)
}

func changed(c, with fields) fields {
	c = maps.Clone(c)
	for name, v := range with {
		if v == nil {
			delete(c, name)
		} else {
			c[name] = v
		}
	}
	return c
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// compact joins a token by hand, so that it may be as wrong as can be.
func compact(header, payload []byte, sign func([]byte) []byte) string {
	input := encode(header) + "." + encode(payload)
	return input + "." + encode(sign([]byte(input)))
}

func rs256(key *rsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		b, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		if err != nil {
			panic(err)
		}
		return b
	}
}

func ps256(key *rsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		b, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		if err != nil {
			panic(err)
		}
		return b
	}
}

func es256(key *ecdsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			panic(err)
		}
		out := make([]byte, 64)
		r.FillBytes(out[:32])
		s.FillBytes(out[32:])
		return out
	}
}

func eddsa(key ed25519.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte { return ed25519.Sign(key, input) }
}

// mint signs claims with RS256 under a kid.
func mint(kid string, key *rsa.PrivateKey, c fields) string {
	return compact(mustJSON(fields{"alg": "RS256", "kid": kid, "typ": "at+jwt"}), mustJSON(c), rs256(key))
}

// why returns the reason a token was refused for, after checking the error's
// outward face.
func why(t testing.TB, p *Principal, err error) reason {
	t.Helper()
	if err == nil {
		t.Errorf("accepted: %+v", p)
		return ""
	}
	if p != nil {
		t.Errorf("a principal beside the error %v", err)
	}
	var e *identity.Error
	if !errors.As(err, &e) || e.Code != identity.CodeUnauthenticated {
		t.Errorf("error is %#v, want code unauthenticated", err)
		return ""
	}
	var r *refusal
	if !errors.As(err, &r) {
		t.Errorf("no cause for the log in %v", err)
		return ""
	}
	if e.Detail != r.reason.detail() || e.Detail == "" {
		t.Errorf("detail %q is not the reason's text", e.Detail)
	}
	return r.reason
}
