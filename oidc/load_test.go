package oidc

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// badAnswer is what an issuer answers instead of its documents.
type badAnswer struct {
	name  string
	trick func(*testIssuer) http.HandlerFunc
	want  string
}

// document answers everything with a changed discovery document.
func document(change fields) func(*testIssuer) http.HandlerFunc {
	return func(i *testIssuer) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, changed(fields{"issuer": i.url, "jwks_uri": i.url + "/jwks"}, change))
		}
	}
}

// always answers everything with h.
func always(h http.HandlerFunc) func(*testIssuer) http.HandlerFunc {
	return func(*testIssuer) http.HandlerFunc { return h }
}

// keysAnswer leaves discovery alone and answers with h for keys.
func keysAnswer(h http.HandlerFunc) func(*testIssuer) http.HandlerFunc {
	return func(i *testIssuer) http.HandlerFunc {
		good := document(nil)(i)
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/jwks" {
				h(w, r)
				return
			}
			good(w, r)
		}
	}
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(s)) }
}

func endless(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := w.Write([]byte(strings.Repeat(" ", 64<<10))); err != nil {
			return
		}
	}
}

func slow(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func half(w http.ResponseWriter, r *http.Request) {
	_, _ = w.Write([]byte(`{"keys":[`))
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func badAnswers(elsewhere string) []badAnswer {
	return []badAnswer{
		{"HTML", always(text("<html>Please sign in</html>")), classNotJSON},
		{"an empty body", always(text("")), classNotJSON},
		{"a list", always(text("[]")), classNotJSON},
		{"not found", always(http.NotFound), classStatus},
		{"no answer", always(slow), classTimeout},
		{"endless", always(endless), classTooLong},
		{"cut", always(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), classConnect},
		{"redirected to another host", always(http.RedirectHandler(elsewhere+"/jwks", http.StatusFound).ServeHTTP), classConnect},
		{"redirected in circles", always(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }), classConnect},
		{"another issuer's document", document(fields{"issuer": "https://evil.example"}), classMismatch},
		{"the issuer with a slash", func(i *testIssuer) http.HandlerFunc { return document(fields{"issuer": i.url + "/"})(i) }, classMismatch},
		{"no issuer", document(fields{"issuer": nil}), classMismatch},
		{"no jwks_uri", document(fields{"jwks_uri": nil}), classMismatch},
		{"jwks_uri over http", document(fields{"jwks_uri": "http://keys.example/jwks"}), classMismatch},
		{"jwks_uri is a file", document(fields{"jwks_uri": "file:///etc/passwd"}), classMismatch},
		{"jwks_uri with credentials", document(fields{"jwks_uri": "https://a:b@keys.example/jwks"}), classMismatch},
		{"keys: HTML", keysAnswer(text("<html>")), classNotJSON},
		{"keys: endless", keysAnswer(endless), classTooLong},
		{"keys: stuck half way", keysAnswer(half), classTimeout},
		{"keys: another document", keysAnswer(text(`{"issuer":"x"}`)), classNotJSON},
		{"keys: error", keysAnswer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }), classStatus},
	}
}

func TestBadAnswers(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("followed to another host") }))
	t.Cleanup(elsewhere.Close)
	for _, tt := range badAnswers(elsewhere.URL) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			i := newTestIssuer(t, public("k", firstKey()))
			i.play(tt.trick(i))
			timeout := 5 * time.Second
			if tt.want == classTimeout {
				timeout = time.Second
			}
			a := open(t, &Options{Now: clock.Now, Timeout: timeout}, i.config("i"))
			if got := a.Issuers()[0].LastError; got != tt.want {
				t.Errorf("error class %q, want %q", got, tt.want)
			}
			token := mint("k", firstKey(), claims(i.url, clock.Now(), nil))
			p, err := a.Authenticate(t.Context(), token)
			if got := why(t, p, err); got != reasonKeysUnavailable {
				t.Errorf("%q: %v", got, err)
			}
			i.play(nil)
			clock.Advance(backoffFirst)
			if _, err := a.Authenticate(t.Context(), token); err != nil {
				t.Errorf("the issuer came to its senses: %v", err)
			}
		})
	}
}

// A jwks_uri over http is for issuers on loopback, wherever it points.
func TestKeysOverHTTPOnlyForLoopbackIssuers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		issuer, address string
		good            bool
	}{
		{"https://issuer.example", "https://keys.example/jwks", true},
		{"https://issuer.example", "http://127.0.0.1/jwks", false},
		{"https://issuer.example", "http://localhost/jwks", false},
		{"http://127.0.0.1:1", "http://127.0.0.1:2/jwks", true},
		{"http://[::1]:1", "http://[::1]:1/jwks", true},
		{"http://127.0.0.1:1", "http://127.0.0.1.example/jwks", false},
		{"http://127.0.0.1:1", "//127.0.0.1/jwks", false},
		{"http://127.0.0.1:1", "", false},
	} {
		s := &keySet{issuer: tt.issuer}
		if why := s.badEndpoint(tt.address); (why == "") != tt.good {
			t.Errorf("issuer %s, keys at %q: %q", tt.issuer, tt.address, why)
		}
	}
}

func TestRedirectWithinTheHostIsFollowed(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t)
	i.play(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			writeJSON(w, fields{"issuer": i.url, "jwks_uri": i.url + "/old"})
		case "/old":
			http.Redirect(w, r, "/jwks", http.StatusMovedPermanently)
		default:
			writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public("k", firstKey())}})
		}
	})
	a := open(t, &Options{Now: clock.Now}, i.config("i"))
	if _, err := a.Authenticate(t.Context(), mint("k", firstKey(), claims(i.url, clock.Now(), nil))); err != nil {
		t.Error(err)
	}
}

func TestKeysThatMoveAreDiscoveredAgain(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t)
	at := "/jwks"
	var mu sync.Mutex
	i.play(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			writeJSON(w, fields{"issuer": i.url, "jwks_uri": i.url + at})
		case at:
			writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public(at, firstKey())}})
		default:
			http.NotFound(w, r)
		}
	})
	a := open(t, &Options{Now: clock.Now}, i.config("i"))
	mu.Lock()
	at = "/moved"
	mu.Unlock()
	clock.Advance(time.Second)
	token := mint("/moved", firstKey(), claims(i.url, clock.Now(), nil))
	p, err := a.Authenticate(t.Context(), token) // finds the old address dead
	if got := why(t, p, err); got != reasonUnknownKey {
		t.Error(got)
	}
	clock.Advance(keyCooldown)
	if _, err := a.Authenticate(t.Context(), token); err != nil {
		t.Error(err)
	}
}

func TestConfiguredKeysURLSkipsDiscovery(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t, public("k", firstKey()))
	c := i.config("i")
	c.Issuer, c.JWKSURL = "https://issuer.example", i.url+"/jwks"
	a := open(t, &Options{Now: clock.Now}, c)
	if _, err := a.Authenticate(t.Context(), mint("k", firstKey(), claims(c.Issuer, clock.Now(), nil))); err != nil {
		t.Error(err)
	}
	if n := i.discoveries.Load(); n != 0 {
		t.Errorf("%d discoveries", n)
	}
}

func TestDiscoveryElsewhere(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t)
	issuer := i.url + "/t/acme/oauth2/token"
	i.play(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/t/acme/config":
			writeJSON(w, fields{"issuer": issuer, "jwks_uri": i.url + "/k"})
		case "/k":
			writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public("k", firstKey())}})
		default:
			t.Errorf("asked for %s", r.URL.Path)
		}
	})
	c := i.config("i")
	c.Issuer, c.DiscoveryURL = issuer, i.url+"/t/acme/config"
	a := open(t, &Options{Now: clock.Now}, c)
	if _, err := a.Authenticate(t.Context(), mint("k", firstKey(), claims(issuer, clock.Now(), nil))); err != nil {
		t.Error(err)
	}
}

// Keys of the wrong kind among an issuer's keys neither verify nor disturb.
func TestUnusableKeysArePassedOver(t *testing.T) {
	t.Parallel()
	clock := newClock()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skipf("1024-bit keys cannot be made here: %v", err)
	}
	encryption := public("enc", secondKey())
	encryption.Use = "enc"
	other := public("alg", secondKey())
	other.Algorithm = "RS512"
	i := newTestIssuer(t)
	i.play(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/jwks" {
			writeJSON(w, fields{"issuer": i.url, "jwks_uri": i.url + "/jwks"})
			return
		}
		writeJSON(w, fields{"keys": []any{
			fields{"kty": "OKP", "crv": "Ed448", "kid": "strange", "x": "AA"},
			fields{"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
			"not even an object",
			jose.JSONWebKey{Key: []byte("a shared secret, published by mistake"), KeyID: "oct"},
			jose.JSONWebKey{Key: secondKey(), KeyID: "private"},
			encryption, other, public("small", small), public("ec", curveKey()),
			public("good", firstKey()),
		}})
	})
	a := open(t, &Options{Now: clock.Now}, i.config("i"))
	for kid, key := range map[string]*rsa.PrivateKey{"enc": secondKey(), "alg": secondKey(), "small": small, "private": secondKey(), "broken": secondKey()} {
		p, err := a.Authenticate(t.Context(), mint(kid, key, claims(i.url, clock.Now(), nil)))
		if got := why(t, p, err); got != reasonUnknownKey {
			t.Errorf("kid %s: %q", kid, got)
		}
	}
	if _, err := a.Authenticate(t.Context(), mint("good", firstKey(), claims(i.url, clock.Now(), nil))); err != nil {
		t.Errorf("the good key: %v", err)
	}
	// It is the only one that fits, so a token need not name it.
	noKid := compact([]byte(`{"alg":"RS256","typ":"at+jwt"}`), mustJSON(claims(i.url, clock.Now(), nil)), rs256(firstKey()))
	if _, err := a.Authenticate(t.Context(), noKid); err != nil {
		t.Errorf("without kid: %v", err)
	}
}

// An issuer that withdraws all its keys means it.
func TestNoKeysAtAll(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t, public("k", firstKey()))
	a := open(t, &Options{Now: clock.Now}, i.config("i"))
	token := mint("k", firstKey(), claims(i.url, clock.Now(), nil))
	if _, err := a.Authenticate(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	i.play(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) })
	clock.Advance(time.Second)
	_, _ = a.Authenticate(t.Context(), mint("x", firstKey(), claims(i.url, clock.Now(), nil)))
	p, err := a.Authenticate(t.Context(), token)
	if got := why(t, p, err); got != reasonUnknownKey {
		t.Error(got)
	}
}

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	clock := newClock()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := newTestIssuer(t, public("rsa", firstKey()), public("ec", curveKey()), public("ed", ed))
	c := i.config("i")
	c.Algorithms = []string{"RS256", "PS256", "ES256", "EdDSA"}
	a := open(t, &Options{Now: clock.Now}, c)
	for _, tt := range []struct {
		alg, kid string
		sign     func([]byte) []byte
	}{
		{"RS256", "rsa", rs256(firstKey())}, {"PS256", "rsa", ps256(firstKey())},
		{"ES256", "ec", es256(curveKey())}, {"EdDSA", "ed", eddsa(ed)},
	} {
		header := mustJSON(fields{"alg": tt.alg, "kid": tt.kid})
		if _, err := a.Authenticate(t.Context(), compact(header, mustJSON(claims(i.url, clock.Now(), nil)), tt.sign)); err != nil {
			t.Errorf("%s: %v", tt.alg, err)
		}
	}
}

func TestFits(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	huge := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 16000), E: 65537}
	keys := map[string]any{
		"rsa": firstKey().Public(), "p256": curveKey().Public(), "p384": p384.Public(), "ed": ed.Public(),
		"huge": huge, "private": firstKey(), "secret": []byte("secret"),
	}
	want := map[string]string{
		"RS256": "rsa", "RS384": "rsa", "RS512": "rsa", "PS256": "rsa", "PS384": "rsa", "PS512": "rsa",
		"ES256": "p256", "ES384": "p384", "ES512": "", "EdDSA": "ed",
	}
	for _, alg := range algorithms() {
		for name, key := range keys {
			if got := fits(alg, &jose.JSONWebKey{Key: key}); got != (want[alg] == name) {
				t.Errorf("%s with key %s: %t", alg, name, got)
			}
		}
	}
}
