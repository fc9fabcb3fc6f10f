package e2e

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// forgery is a token that must be refused.
type forgery struct {
	name  string
	token func(b *besieged) string
}

// forgeries are bad JWTs of every kind: over HTTP, against the binary.
func forgeries(t *testing.T) []forgery {
	t.Helper()
	stolen, err := rsa.GenerateKey(rand.Reader, 2048) // the attacker's own
	if err != nil {
		t.Fatal(err)
	}
	header := func(name string, h claimSet) forgery {
		return forgery{name, func(b *besieged) string { return b.main.token(h, nil) }}
	}
	claim := func(name string, with claimSet) forgery {
		return forgery{name, func(b *besieged) string { return b.main.token(nil, with) }}
	}
	own := func(name string, h func(b *besieged) claimSet) forgery {
		return forgery{name, func(b *besieged) string { return b.main.signed(h(b), mustJSON(b.main.claims(nil)), rs256(stolen)) }}
	}
	raw := func(name, format string) forgery {
		return forgery{name, func(b *besieged) string {
			good := string(mustJSON(b.main.claims(nil)))
			return b.main.signed(nil, []byte(fmt.Sprintf(format, good[1:len(good)-1])), rs256(b.main.rsa))
		}}
	}
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).Unix() }
	return []forgery{
		{"alg none", func(b *besieged) string {
			return b.main.signed(claimSet{"alg": "none"}, mustJSON(b.main.claims(nil)), func(string) []byte { return nil })
		}},
		header("alg none, signed", claimSet{"alg": "none"}),
		{"HS256 keyed with the public key", func(b *besieged) string {
			der, err := x509.MarshalPKIXPublicKey(b.main.rsa.Public())
			if err != nil {
				t.Fatal(err)
			}
			key := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
			return b.main.signed(claimSet{"alg": "HS256"}, mustJSON(b.main.claims(nil)), func(input string) []byte {
				m := hmac.New(sha256.New, key)
				m.Write([]byte(input))
				return m.Sum(nil)
			})
		}},
		header("alg not in the list", claimSet{"alg": "RS512"}),
		header("kid of a key of another type", claimSet{"kid": "ec"}),
		claim("wrong issuer", claimSet{"iss": "https://evil.example"}),
		claim("no issuer", claimSet{"iss": nil}),
		{"issuer with a slash", func(b *besieged) string { return b.main.token(nil, claimSet{"iss": b.main.url + "/"}) }},
		{"issuer mix-up: another issuer's name, our key", func(b *besieged) string { return b.main.token(nil, claimSet{"iss": b.down.url}) }},
		{"issuer mix-up: our name, another issuer's key", func(b *besieged) string { return b.down.token(nil, claimSet{"iss": b.main.url}) }},
		claim("wrong audience", claimSet{"aud": "another"}),
		claim("no audience", claimSet{"aud": nil}),
		claim("wrong azp", claimSet{"azp": "another", "client_id": nil}),
		claim("wrong client_id and no azp", claimSet{"client_id": "another"}),
		claim("neither azp nor client_id", claimSet{"client_id": nil}),
		claim("azp contradicts client_id", claimSet{"azp": "another"}),
		header("wrong typ", claimSet{"typ": "logout+jwt"}),
		claim("expired", claimSet{"exp": ago(31 * time.Second)}),
		claim("no exp", claimSet{"exp": nil}),
		claim("not yet valid", claimSet{"nbf": ago(-time.Minute)}),
		claim("issued in the future", claimSet{"iat": ago(-time.Minute)}),
		claim("no sub", claimSet{"sub": nil}),
		claim("sub is a list", claimSet{"sub": []string{"backend"}}),
		header("unknown kid", claimSet{"kid": "nobody"}),
		header("kid climbs paths", claimSet{"kid": "../../../../dev/null"}),
		header("kid injects SQL", claimSet{"kid": "x' UNION SELECT 'key"}),
		{"kid is an address", func(b *besieged) string { return b.main.token(claimSet{"kid": b.main.url + "/lure"}, nil) }},
		header("kid with a line break", claimSet{"kid": "rsa\r\nX-Evil: 1"}),
		header("kid huge", claimSet{"kid": strings.Repeat("k", 4000)}),
		own("embedded jwk", func(*besieged) claimSet {
			return claimSet{"jwk": jose.JSONWebKey{Key: stolen.Public(), KeyID: "rsa"}}
		}),
		own("jku", func(b *besieged) claimSet { return claimSet{"jku": b.main.url + "/lure/jwks"} }),
		own("jku with a kid of its own", func(b *besieged) claimSet { return claimSet{"kid": "mine", "jku": b.main.url + "/lure/jwks"} }),
		own("x5u", func(b *besieged) claimSet { return claimSet{"x5u": b.main.url + "/lure/cert.pem"} }),
		header("crit", claimSet{"crit": []string{"exp"}}),
		header("b64", claimSet{"b64": false}),
		header("nested by cty", claimSet{"cty": "JWT"}),
		{"nested", func(b *besieged) string { return b.main.signed(nil, []byte(b.main.good()), rs256(b.main.rsa)) }},
		{"encrypted", func(b *besieged) string { return b.main.good() + ".x.y" }},
		claim("huge", claimSet{"padding": strings.Repeat("x", 16<<10)}),
		raw("sub twice", `{%s,"sub":"root"}`),
		raw("sub twice, once escaped", `{%s,"s\u0075b":"root"}`),
		raw("a member twice, further in", `{%s,"o":{"id":"a","id":"b"}}`),
		raw("nested too deeply", `{%s,"x":`+strings.Repeat("[", 60)+strings.Repeat("]", 60)+`}`),
		header("an ID token by typ", claimSet{"typ": "id+jwt"}),
		{"an ID token by its claims", func(b *besieged) string { return b.main.token(claimSet{"typ": "JWT"}, claimSet{"nonce": "n"}) }},
		{"claims changed under the signature", func(b *besieged) string {
			parts := strings.Split(b.main.good(), ".")
			parts[1] = encode(mustJSON(b.main.claims(claimSet{"sub": "root"})))
			return strings.Join(parts, ".")
		}},
	}
}

// Every bad token answers 401, its problem code and a challenge; together they
// fetch no address that a token names, ask about none of them, and fetch each
// key set once more at most.
func TestForgedTokens(t *testing.T) {
	t.Parallel()
	b := besiege(t, map[string]any{})
	before := []int64{b.main.asked(), b.down.asked()}
	for _, f := range forgeries(t) {
		token := f.token(b)
		t.Run(f.name, func(t *testing.T) {
			b.present(t, token, "").refused(t, token)
		})
	}
	for i, f := range []*forger{b.main, b.down} {
		if n := f.asked() - before[i]; n > 1 {
			t.Errorf("issuer %d was asked %d times because of all of them", i, n)
		}
		if n := f.lured.Load(); n != 0 {
			t.Errorf("issuer %d was lured %d times", i, n)
		}
	}
	b.present(t, b.main.good(), "").is(t, http.StatusOK)
}

// A key that the issuer took back verifies nothing any more, remembered tokens
// included.
func TestRotatedOutKey(t *testing.T) {
	t.Parallel()
	b := besiege(t, map[string]any{})
	old := b.main.good()
	b.present(t, old, "").is(t, http.StatusOK)
	fresh, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	b.main.change(func() { b.main.keys = []jose.JSONWebKey{{Key: fresh.Public(), KeyID: "fresh", Use: "sig"}} })
	fetched := b.main.fetches.Load()
	b.present(t, b.main.signed(claimSet{"kid": "fresh"}, mustJSON(b.main.claims(nil)), rs256(fresh)), "").is(t, http.StatusOK)
	b.present(t, old, "").refused(t, old)
	another := b.main.good()
	b.present(t, another, "").refused(t, another)
	if n := b.main.fetches.Load() - fetched; n != 1 {
		t.Errorf("the key set was fetched %d times", n)
	}
}

// Opaque tokens: good, revoked, for somebody else, unknown; each is asked about
// once, and only the issuer that the prefix or the path leads to is asked.
func TestOpaqueTokens(t *testing.T) {
	t.Parallel()
	b := besiege(t, map[string]any{})
	b.main.change(func() {
		b.main.opaque["good"] = b.main.active(nil)
		b.main.opaque["for-another"] = b.main.active(claimSet{"aud": "another"})
		b.main.opaque["of-another"] = b.main.active(claimSet{"iss": b.down.url})
		b.main.opaque["refresh"] = b.main.active(claimSet{"token_type": "refresh_token"})
		b.main.opaque["expired"] = b.main.active(claimSet{"exp": 1})
		b.main.opaque["nobody"] = b.main.active(claimSet{"sub": ""})
		b.lone.opaque["good"] = b.lone.active(nil)
		b.down.opaque["down_good"] = b.down.active(nil)
	})
	asked := b.main.inquiries.Load()
	for range 3 {
		b.present(t, "good", "").is(t, http.StatusOK)
		b.present(t, "down_good", "").is(t, http.StatusOK)
	}
	bad := []string{"revoked", "for-another", "of-another", "refresh", "expired", "nobody", "a.b", "' or 1=1", strings.Repeat("x", 10000)}
	for _, token := range bad {
		for range 3 {
			v := b.present(t, token, "")
			if strings.Contains(token, " ") {
				v.is(t, http.StatusUnauthorized) // no token at all
				continue
			}
			v.refused(t, token)
		}
	}
	if n := b.main.inquiries.Load() - asked; n != int64(len(bad)) { // without the one that is no token, with the good one
		t.Errorf("asked %d times about %d tokens", n, len(bad))
	}
	if n := b.down.inquiries.Load(); n != 1 {
		t.Errorf("the other issuer was asked %d times", n)
	}
	// Where the path does not tell, nobody is shown the token.
	for _, path := range []string{"/v1/organizations", "/v1/organizations/current", "/v1/organizations/nobodys/invites"} {
		b.want(b.ask("GET", path, nil, "Authorization", "Bearer good"), http.StatusUnauthorized, "unauthenticated")
	}
	if n := b.lone.inquiries.Load(); n != 0 {
		t.Errorf("an issuer that nobody trusts was shown %d tokens", n)
	}
}

// An issuer that answers HTML or not at all: 401 with Retry-After for what it
// would have to be asked about, while everything else goes on.
func TestIssuerDown(t *testing.T) {
	t.Parallel()
	b := besiege(t, map[string]any{})
	b.down.change(func() { b.down.html = true })
	check := func(token string) {
		t.Helper()
		v := b.present(t, token, "")
		v.refused(t, token)
		if v.retry == "" {
			t.Errorf("no Retry-After in %+v", v)
		}
	}
	check("down_html")
	b.down.server.Close()
	check("down_closed")
	unknown := b.down.token(claimSet{"kid": "new"}, nil)
	b.present(t, unknown, "").refused(t, unknown)
	b.present(t, b.down.good(), "").is(t, http.StatusOK) // with the keys at hand
	b.present(t, b.main.good(), "").is(t, http.StatusOK)
	if said := b.gateway.output.String(); !strings.Contains(said, "cannot be asked about tokens") || strings.Contains(said, "down_html") || strings.Contains(said, "s3cret") {
		t.Errorf("the log says %s", said)
	}
	metrics, err := b.try(http.MethodGet, "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`usher_issuer_introspections_total{issuer="down",outcome="not_json"} 1`, `usher_issuer_introspections_total{issuer="down",outcome="connect"} 1`,
		`usher_token_verifications_total{issuer="down",outcome="issuer_unavailable"} 2`,
	} {
		if !strings.Contains(metrics.text, line) {
			t.Errorf("no %s in the metrics", line)
		}
	}
}
