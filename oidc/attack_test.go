package oidc

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// attack is a token that must not be accepted.
type attack struct {
	name string
	want reason
	make func(f *field) string
}

// field is where attacks happen: one issuer with an RSA and an EC key, another
// with its own, and a listener that nobody may be lured to.
type field struct {
	clock *clock
	ours  *testIssuer
	other *testIssuer
	lure  string
}

func (f *field) claims(with fields) fields { return claims(f.ours.url, f.clock.Now(), with) }

// header makes a token with good claims and a header of one's own.
func (f *field) header(h fields) string {
	return compact(mustJSON(h), mustJSON(f.claims(nil)), rs256(firstKey()))
}

// with makes a token that is good but for its claims.
func (f *field) with(with fields) string { return mint("rsa", firstKey(), f.claims(with)) }

// raw makes a token with good header and claims written by hand.
func (f *field) raw(payload string) string {
	return compact([]byte(`{"alg":"RS256","kid":"rsa","typ":"at+jwt"}`), []byte(payload), rs256(firstKey()))
}

func (f *field) good() string { return f.with(nil) }

func jose256(extra fields) fields {
	return changed(fields{"alg": "RS256", "kid": "rsa", "typ": "at+jwt"}, extra)
}

func hs256(secret []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		m := hmac.New(sha256.New, secret)
		m.Write(input)
		return m.Sum(nil)
	}
}

func publicPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(firstKey().Public())
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func unsigned([]byte) []byte { return nil }

func headerAttacks() []attack {
	h := func(name string, want reason, extra fields) attack {
		return attack{name, want, func(f *field) string { return f.header(jose256(extra)) }}
	}
	own := func(f *field, extra fields) string { // signed by the attacker's key
		return compact(mustJSON(jose256(extra)), mustJSON(f.claims(nil)), rs256(secondKey()))
	}
	return []attack{
		{"alg none", reasonMalformed, func(f *field) string {
			return compact(mustJSON(jose256(fields{"alg": "none"})), mustJSON(f.claims(nil)), unsigned)
		}},
		{"alg none with a signature", reasonAlgorithm, func(f *field) string { return f.header(jose256(fields{"alg": "none"})) }},
		h("alg None", reasonAlgorithm, fields{"alg": "None"}),
		h("alg missing", reasonMalformed, fields{"alg": nil}),
		h("alg not a string", reasonMalformed, fields{"alg": 256}),
		h("alg in another case", reasonAlgorithm, fields{"alg": "rs256"}),
		h("alg not in the list", reasonAlgorithm, fields{"alg": "RS512"}),
		{"HS256 keyed with the public key's PEM", reasonAlgorithm, func(f *field) string {
			return compact(mustJSON(jose256(fields{"alg": "HS256"})), mustJSON(f.claims(nil)), hs256(publicPEM()))
		}},
		{"an HMAC under the name RS256", reasonSignature, func(f *field) string {
			return compact(mustJSON(jose256(nil)), mustJSON(f.claims(nil)), hs256(publicPEM()))
		}},
		{"RS256 with the kid of the EC key", reasonUnknownKey, func(f *field) string { return f.header(jose256(fields{"kid": "ec"})) }},
		{"ES256 with the kid of the RSA key", reasonUnknownKey, func(f *field) string {
			return compact(mustJSON(jose256(fields{"alg": "ES256"})), mustJSON(f.claims(nil)), es256(curveKey()))
		}},
		{"PS256 with the RS256 key, not in the list", reasonAlgorithm, func(f *field) string {
			return compact(mustJSON(jose256(fields{"alg": "PS256"})), mustJSON(f.claims(nil)), ps256(firstKey()))
		}},
		{"an all-zero ECDSA signature", reasonSignature, func(f *field) string {
			return compact(mustJSON(jose256(fields{"alg": "ES256", "kid": "ec"})), mustJSON(f.claims(nil)), func([]byte) []byte { return make([]byte, 64) })
		}},
		h("an ID token by typ", reasonType, fields{"typ": "id+jwt"}),
		h("a logout token by typ", reasonType, fields{"typ": "logout+jwt"}),
		h("a client assertion by typ", reasonType, fields{"typ": "client-authentication+jwt"}),
		h("typ with a longer name", reasonType, fields{"typ": "at+jwt2"}),
		h("typ not a string", reasonMalformed, fields{"typ": []string{"at+jwt"}}),
		h("kid unknown", reasonUnknownKey, fields{"kid": "nobody"}),
		h("kid of the other issuer", reasonUnknownKey, fields{"kid": "other"}),
		h("kid missing where two keys could fit", reasonUnknownKey, fields{"kid": nil}),
		h("kid climbs paths", reasonUnknownKey, fields{"kid": "../../../../dev/null"}),
		h("kid injects SQL", reasonUnknownKey, fields{"kid": "x' UNION SELECT 'key"}),
		h("kid is an address", reasonUnknownKey, fields{"kid": "http://127.0.0.1/keys"}),
		h("kid huge", reasonMalformed, fields{"kid": strings.Repeat("k", 4096)}),
		h("kid with a line break", reasonMalformed, fields{"kid": "rsa\nlevel=ERROR"}),
		h("kid with a zero byte", reasonMalformed, fields{"kid": "rsa\x00"}),
		h("kid a number", reasonMalformed, fields{"kid": 1}),
		h("crit", reasonMalformed, fields{"crit": []string{"exp"}, "exp": 1}),
		h("crit empty", reasonMalformed, fields{"crit": []string{}}),
		h("b64 false", reasonMalformed, fields{"b64": false}),
		h("zip", reasonMalformed, fields{"zip": "DEF"}),
		h("cty JWT", reasonMalformed, fields{"cty": "JWT"}),
		{"embedded jwk", reasonSignature, func(f *field) string {
			return own(f, fields{"jwk": jose.JSONWebKey{Key: secondKey().Public(), KeyID: "rsa"}})
		}},
		{"embedded jwk with a kid of its own", reasonUnknownKey, func(f *field) string {
			return own(f, fields{"kid": "mine", "jwk": jose.JSONWebKey{Key: secondKey().Public(), KeyID: "mine"}})
		}},
		{"jku", reasonSignature, func(f *field) string { return own(f, fields{"jku": f.lure + "/jwks"}) }},
		{"jku with a kid of its own", reasonUnknownKey, func(f *field) string {
			return own(f, fields{"kid": "mine", "jku": f.lure + "/jwks"})
		}},
		{"x5u", reasonSignature, func(f *field) string { return own(f, fields{"x5u": f.lure + "/cert.pem"}) }},
		{"header is a list", reasonMalformed, func(f *field) string {
			return compact([]byte(`[{"alg":"RS256"}]`), mustJSON(f.claims(nil)), rs256(firstKey()))
		}},
		{"header names alg twice", reasonMalformed, func(f *field) string {
			return compact([]byte(`{"alg":"RS256","alg":"none","kid":"rsa","typ":"at+jwt"}`), mustJSON(f.claims(nil)), rs256(firstKey()))
		}},
		{"header names kid twice, once escaped", reasonMalformed, func(f *field) string {
			return compact([]byte(`{"alg":"RS256","kid":"rsa","k\u0069d":"ec","typ":"at+jwt"}`), mustJSON(f.claims(nil)), rs256(firstKey()))
		}},
	}
}

func claimAttacks() []attack {
	c := func(name string, want reason, with func(f *field) fields) attack {
		return attack{name, want, func(f *field) string { return f.with(with(f)) }}
	}
	set := func(name string, want reason, claim string, value any) attack {
		return c(name, want, func(*field) fields { return fields{claim: value} })
	}
	after := func(f *field, d time.Duration) int64 { return f.clock.Now().Add(d).Unix() }
	return []attack{
		set("iss unknown", reasonUnknownIssuer, "iss", "https://evil.example"),
		set("iss missing", reasonUnknownIssuer, "iss", nil),
		set("iss not a string", reasonUnknownIssuer, "iss", []string{"x"}),
		c("iss with a slash more", reasonUnknownIssuer, func(f *field) fields { return fields{"iss": f.ours.url + "/"} }),
		c("iss in another case", reasonUnknownIssuer, func(f *field) fields { return fields{"iss": strings.ToUpper(f.ours.url)} }),
		c("iss of the other issuer, our key", reasonUnknownKey, func(f *field) fields { return fields{"iss": f.other.url} }),
		set("aud of somebody else", reasonAudience, "aud", "another"),
		set("aud of somebody else in a list", reasonAudience, "aud", []string{"another", "usher2", "USHER"}),
		set("aud missing", reasonAudience, "aud", nil),
		set("aud empty", reasonAudience, "aud", []string{}),
		set("aud a number", reasonClaims, "aud", 1),
		set("aud a mixed list", reasonClaims, "aud", []any{ourAudience, 1}),
		set("azp contradicts client_id", reasonClaims, "azp", "another"),
		set("azp not a string", reasonClaims, "azp", []string{"app"}),
		set("client_id not a string", reasonClaims, "client_id", 7),
		set("sub missing", reasonClaims, "sub", nil),
		set("sub empty", reasonClaims, "sub", ""),
		set("sub blank", reasonClaims, "sub", "  "),
		set("sub a number", reasonClaims, "sub", 42),
		set("sub too long", reasonClaims, "sub", strings.Repeat("s", 256)),
		set("sub with a line break", reasonClaims, "sub", "alice\nroot"),
		set("exp missing", reasonClaims, "exp", nil),
		set("exp a string", reasonClaims, "exp", "4102444800"),
		set("exp negative", reasonClaims, "exp", -1),
		set("exp beyond all calendars", reasonClaims, "exp", 1e300),
		set("exp null", reasonClaims, "exp", []any{nil}[0]),
		c("expired, and the leeway is over", reasonExpired, func(f *field) fields { return fields{"exp": after(f, -30*time.Second)} }),
		c("nbf beyond the leeway", reasonNotYetValid, func(f *field) fields { return fields{"nbf": after(f, 31*time.Second)} }),
		set("nbf a string", reasonClaims, "nbf", "0"),
		c("iat beyond the leeway", reasonNotYetValid, func(f *field) fields { return fields{"iat": after(f, 31*time.Second)} }),
		set("iat an object", reasonClaims, "iat", fields{}),
	}
}

// idTokens are tokens of another kind with the header of many issuers' access
// tokens.
func idTokens() []attack {
	var all []attack
	for claim, value := range map[string]any{
		"nonce": "n", "at_hash": "h", "c_hash": "h", "s_hash": "h", "typ": "ID", "token_use": "id",
		"events": fields{"http://schemas.openid.net/event/backchannel-logout": fields{}},
	} {
		for _, typ := range []any{"JWT", nil} {
			all = append(all, attack{fmt.Sprintf("claim %s under typ %v", claim, typ), reasonType, func(f *field) string {
				return compact(mustJSON(jose256(fields{"typ": typ})), mustJSON(f.claims(fields{claim: value})), rs256(firstKey()))
			}})
		}
	}
	return append(all, attack{"a refresh token", reasonType, func(f *field) string {
		return compact(mustJSON(jose256(fields{"typ": "JWT"})), mustJSON(f.claims(fields{"typ": "Refresh"})), rs256(firstKey()))
	}})
}

func formAttacks() []attack {
	part := func(name string, change func(parts []string)) attack {
		return attack{name, reasonMalformed, func(f *field) string {
			parts := strings.Split(f.good(), ".")
			change(parts)
			return strings.Join(parts, ".")
		}}
	}
	text := func(name string, want reason, change func(string) string) attack {
		return attack{name, want, func(f *field) string { return change(f.good()) }}
	}
	json := func(name, format string) attack {
		return attack{name, reasonMalformed, func(f *field) string {
			good := string(mustJSON(f.claims(nil)))
			return f.raw(fmt.Sprintf(format, good[1:len(good)-1]))
		}}
	}
	return []attack{
		text("nothing", reasonMissing, func(string) string { return "" }),
		text("opaque", reasonMalformed, func(string) string { return "8f14e45f-ceea-367a-9a36-dedd4bea2543" }),
		text("dots alone", reasonMalformed, func(string) string { return ".." }),
		text("with the word Bearer", reasonMalformed, func(s string) string { return "Bearer " + s }),
		text("a blank at the end", reasonMalformed, func(s string) string { return s + " " }),
		text("a line break at the end", reasonMalformed, func(s string) string { return s + "\n" }),
		text("a fourth part", reasonMalformed, func(s string) string { return s + ".x" }),
		text("five parts: encrypted", reasonMalformed, func(s string) string { return s + ".x.y" }),
		text("too long", reasonTooLong, func(s string) string { return s + strings.Repeat("A", maxToken) }),
		text("dots without end", reasonTooLong, func(string) string { return strings.Repeat(".", 1<<20) }),
		text("JSON serialization", reasonMalformed, func(s string) string {
			p := strings.Split(s, ".")
			return string(mustJSON(fields{"protected": p[0], "payload": p[1], "signature": p[2]}))
		}),
		part("no signature", func(p []string) { p[2] = "" }),
		part("no claims", func(p []string) { p[1] = "" }),
		part("signature padded", func(p []string) { p[2] += "==" }),
		part("header padded", func(p []string) { p[0] += "=" }),
		part("standard alphabet", func(p []string) { p[2] = "+/" + p[2][2:] }),
		part("a line break inside", func(p []string) { p[2] = p[2][:8] + "\r\n" + p[2][8:] }),
		part("bits after the end of the signature", func(p []string) { // 256 bytes: the last character holds two bits
			last := strings.IndexByte(alphabet, p[2][len(p[2])-1])
			p[2] = p[2][:len(p[2])-1] + string(alphabet[last|1])
		}),
		{"signature cut short", reasonSignature, func(f *field) string { s := f.good(); return s[:len(s)-2] }},
		{"signature of another token", reasonSignature, func(f *field) string {
			a, b := strings.Split(f.good(), "."), strings.Split(f.with(fields{"sub": "root"}), ".")
			return b[0] + "." + b[1] + "." + a[2]
		}},
		{"claims changed", reasonSignature, func(f *field) string {
			p := strings.Split(f.good(), ".")
			p[1] = encode(mustJSON(f.claims(fields{"sub": "root"})))
			return strings.Join(p, ".")
		}},
		{"nested: claims are a token", reasonMalformed, func(f *field) string { return f.raw(f.good()) }},
		json("claims are a list", `[{%s}]`),
		json("claims followed by more", `{%s}{"sub":"root"}`),
		json("sub twice", `{%s,"sub":"root"}`),
		json("iss twice, once escaped", `{%s,"i\u0073s":"x"}`),
		json("a member twice, further in", `{%s,"o":{"id":"a","id":"b"}}`),
		json("not UTF-8", "{%s,\"x\":\"\xff\"}"),
		json("cut off", `{%s`),
		json("nested too deeply", `{%s,"x":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`}`),
	}
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func TestAttacks(t *testing.T) {
	t.Parallel()
	var lured atomic.Int64
	lure := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		lured.Add(1)
		writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public("mine", secondKey()), public("rsa", secondKey())}})
	}))
	defer lure.Close()
	extra := newRSA()
	f := &field{clock: newClock(), lure: lure.URL}
	f.ours = newTestIssuer(t, public("rsa", firstKey()), public("rsa2", extra), public("ec", curveKey()))
	f.other = newTestIssuer(t, public("other", secondKey()))
	config := f.ours.config("ours")
	config.Algorithms = []string{"RS256", "ES256"}
	a := open(t, &Options{Now: f.clock.Now}, config, f.other.config("other"))
	f.clock.Advance(time.Second)

	fetched, fetchedOther := f.ours.fetches.Load(), f.other.fetches.Load()
	for _, group := range [][]attack{headerAttacks(), claimAttacks(), idTokens(), formAttacks()} {
		for _, at := range group {
			t.Run(at.name, func(t *testing.T) {
				p, err := a.Authenticate(t.Context(), at.make(f))
				if got := why(t, p, err); got != at.want {
					t.Errorf("refused for %q, want %q: %v", got, at.want, err)
				}
			})
		}
	}
	if _, err := a.Authenticate(t.Context(), f.good()); err != nil {
		t.Errorf("the token that all these are made from is refused: %v", err)
	}
	for _, h := range []fields{{"jku": f.lure, "x5u": f.lure, "jwk": jose.JSONWebKey{Key: secondKey().Public()}}, {"typ": "Application/AT+JWT"}, {"typ": "JWT"}, {"typ": nil}} {
		if _, err := a.Authenticate(t.Context(), f.header(jose256(h))); err != nil {
			t.Errorf("header %v of a good token: %v", h, err)
		}
	}
	if n := lured.Load(); n != 0 {
		t.Errorf("tokens lured us to another address %d times", n)
	}
	if n := f.ours.fetches.Load() - fetched; n > 1 {
		t.Errorf("all these tokens made %d fetches of the key set, want one at most", n)
	}
	if n := f.other.fetches.Load() - fetchedOther; n > 1 {
		t.Errorf("all these tokens made %d fetches of the other issuer's key set, want one at most", n)
	}
	if n := f.ours.discoveries.Load(); n != 1 {
		t.Errorf("%d discoveries, want one", n)
	}
}

// A token that one configuration accepts means nothing to another, even where
// two issuers share a key.
func TestIssuerMixUp(t *testing.T) {
	t.Parallel()
	clock := newClock()
	one, two := newTestIssuer(t, public("k", firstKey())), newTestIssuer(t, public("k", firstKey()))
	strict := two.config("two")
	strict.Audiences = []string{"only two"}
	a := open(t, &Options{Now: clock.Now}, one.config("one"), strict)
	if p, err := a.Authenticate(t.Context(), mint("k", firstKey(), claims(one.url, clock.Now(), nil))); err != nil || p.Issuer != one.url {
		t.Errorf("issuer one's token: %+v, %v", p, err)
	}
	p, err := a.Authenticate(t.Context(), mint("k", firstKey(), claims(two.url, clock.Now(), nil)))
	if got := why(t, p, err); got != reasonAudience {
		t.Errorf("a token of issuer two for issuer one's audience: %q", got)
	}
}

// No attacker's text gets into what callers see, and no token into any text.
func TestErrorsHoldNoToken(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t, public("k", firstKey()))
	a := open(t, &Options{Now: clock.Now}, i.config("i"))
	hostile := "<script>" + strings.Repeat("x", 300)
	for _, token := range []string{
		mint("k", secondKey(), claims(i.url, clock.Now(), nil)),
		mint("k", firstKey(), claims(hostile, clock.Now(), nil)),
		mint(hostile[:200], firstKey(), claims(i.url, clock.Now(), nil)),
		base64.StdEncoding.EncodeToString([]byte(hostile)),
	} {
		_, err := a.Authenticate(t.Context(), token)
		if err == nil {
			t.Fatal("accepted")
		}
		for _, part := range strings.Split(token, ".") {
			if strings.Contains(err.Error(), part) {
				t.Errorf("the error quotes the token: %v", err)
			}
		}
		if strings.Contains(err.Error(), strings.Repeat("x", 150)) {
			t.Errorf("the error quotes without end: %v", err)
		}
	}
}
