package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// forger is an issuer in the test's own process. It signs whatever it is told
// to, and counts who asks it for keys and about opaque tokens.
type forger struct {
	url         string
	server      *httptest.Server
	rsa         *rsa.PrivateKey
	ec          *ecdsa.PrivateKey
	discoveries atomic.Int64
	fetches     atomic.Int64
	inquiries   atomic.Int64
	lured       atomic.Int64 // at addresses that only tokens name

	mu     sync.Mutex
	keys   []jose.JSONWebKey
	opaque map[string]any // answers about tokens; of others: not active
	any    map[string]any // answers about tokens that begin so
	html   bool           // everything is a page that asks to sign in
}

func newForger(t *testing.T) *forger {
	t.Helper()
	f := &forger{opaque: map[string]any{}}
	var err error
	if f.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if f.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	f.keys = []jose.JSONWebKey{{Key: f.rsa.Public(), KeyID: "rsa", Use: "sig"}, {Key: f.ec.Public(), KeyID: "ec", Use: "sig"}}
	f.server = httptest.NewServer(f)
	f.url = f.server.URL
	t.Cleanup(f.server.Close)
	return f
}

func (f *forger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var answer any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		f.discoveries.Add(1)
		answer = map[string]any{"issuer": f.url, "jwks_uri": f.url + "/jwks", "introspection_endpoint": f.url + "/introspect"}
	case "/jwks":
		f.fetches.Add(1)
		answer = jose.JSONWebKeySet{Keys: f.keys}
	case "/introspect":
		f.inquiries.Add(1)
		answer = map[string]any{"active": false}
		if client, secret, _ := r.BasicAuth(); client != "usher" || secret != "s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if known, ok := f.opaque[r.PostFormValue("token")]; ok {
			answer = known
		}
		for prefix, known := range f.any {
			if strings.HasPrefix(r.PostFormValue("token"), prefix) {
				answer = known
			}
		}
	default:
		f.lured.Add(1)
		http.NotFound(w, r)
		return
	}
	if f.html {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>Please sign in</html>"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// change edits the issuer while nobody asks it.
func (f *forger) change(edit func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	edit()
}

// asked is how often anything was asked: keys, discovery, opaque tokens.
func (f *forger) asked() int64 {
	return f.discoveries.Load() + f.fetches.Load() + f.inquiries.Load()
}

type claimSet map[string]any

// claims are those of a backend's good token, changed by with: a nil value
// takes one out.
func (f *forger) claims(with claimSet) claimSet {
	now := time.Now()
	c := claimSet{
		"iss": f.url, "sub": "backend", "client_id": "backend", "aud": "usher", "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	maps.Copy(c, with)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// good is a token that is accepted.
func (f *forger) good() string { return f.token(nil, nil) }

// token signs with the RSA key, and with whatever header and claims.
func (f *forger) token(header, with claimSet) string {
	return f.signed(header, mustJSON(f.claims(with)), rs256(f.rsa))
}

func (f *forger) signed(header claimSet, payload []byte, sign func(string) []byte) string {
	h := claimSet{"alg": "RS256", "kid": "rsa", "typ": "at+jwt"}
	maps.Copy(h, header)
	maps.DeleteFunc(h, func(_ string, v any) bool { return v == nil })
	input := encode(mustJSON(h)) + "." + encode(payload)
	return input + "." + encode(sign(input))
}

// unproven is a token whose signature is noise: what fails before a signature
// is looked at needs none, and noise is quickly made.
func (f *forger) unproven(header, with claimSet) string {
	return f.signed(header, mustJSON(f.claims(with)), func(string) []byte {
		noise := make([]byte, 256)
		_, _ = rand.Read(noise)
		return noise
	})
}

func rs256(key *rsa.PrivateKey) func(string) []byte {
	return func(input string) []byte {
		sum := sha256.Sum256([]byte(input))
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		if err != nil {
			panic(err)
		}
		return signature
	}
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// active is the answer about a backend's opaque token.
func (f *forger) active(with claimSet) claimSet {
	c := f.claims(claimSet{"active": true, "token_type": "Bearer"})
	maps.Copy(c, with)
	return c
}
