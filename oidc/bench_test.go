package oidc

import (
	"crypto"
	"fmt"
	"testing"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
)

// A remembered token: the way of nearly every request.
func BenchmarkRemembered(b *testing.B) {
	clock := newClock()
	i := newTestIssuer(b, public("k", firstKey()))
	a := open(b, &Options{Now: clock.Now, Trust: map[string][]string{"i": {"c"}}}, i.config("i"))
	token := mint("k", firstKey(), claims(i.url, clock.Now(), asgardeoExtras()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRememberedParallel(b *testing.B) {
	clock := newClock()
	i := newTestIssuer(b, public("k", firstKey()))
	a := open(b, &Options{Now: clock.Now}, i.config("i"))
	token := mint("k", firstKey(), claims(i.url, clock.Now(), asgardeoExtras()))
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := a.Authenticate(b.Context(), token); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	clock := newClock()
	i := newTestIssuer(b, public("rsa", firstKey()), public("ec", curveKey()))
	c := i.config("i")
	c.Algorithms = []string{"RS256", "ES256"}
	a := open(b, &Options{Now: clock.Now}, c)
	payload := mustJSON(claims(i.url, clock.Now(), asgardeoExtras()))
	for _, bb := range []struct{ name, token string }{
		{"RS256", compact([]byte(`{"alg":"RS256","kid":"rsa","typ":"at+jwt"}`), payload, rs256(firstKey()))},
		{"ES256", compact([]byte(`{"alg":"ES256","kid":"ec","typ":"at+jwt"}`), payload, es256(curveKey()))},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, refused := a.verify(b.Context(), bb.token, clock.Now(), source{}); refused != nil {
					b.Fatal(refused)
				}
			}
		})
	}
}

// go-oidc alone, to compare with BenchmarkVerify/RS256.
func BenchmarkReference(b *testing.B) {
	now := time.Now()
	only := &gooidc.StaticKeySet{PublicKeys: []crypto.PublicKey{firstKey().Public()}}
	v := gooidc.NewVerifier("https://issuer.example", only, &gooidc.Config{ClientID: ourAudience})
	token := mint("k", firstKey(), claims("https://issuer.example", now, asgardeoExtras()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

// What a caller without a good token can make us do.
func BenchmarkRefuse(b *testing.B) {
	clock := newClock()
	i := newTestIssuer(b, public("k", firstKey()))
	a := open(b, &Options{Now: clock.Now}, i.config("i"))
	for _, bb := range []struct{ name, token string }{
		{"unknown issuer", mint("k", firstKey(), claims("https://evil.example", clock.Now(), nil))},
		{"unknown key", mint("x", firstKey(), claims(i.url, clock.Now(), nil))},
		{"bad signature", mint("k", secondKey(), claims(i.url, clock.Now(), nil))},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Authenticate(b.Context(), bb.token); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

// Cost must not grow with the number of issuers.
func BenchmarkIssuers(b *testing.B) {
	clock := newClock()
	i := newTestIssuer(b, public("k", firstKey()))
	for _, n := range []int{1, 1000} {
		var configs []IssuerConfig
		for k := range n {
			c := i.config(fmt.Sprint("i", k))
			c.Issuer, c.JWKSURL = fmt.Sprint(i.url, "/", k), i.url+"/jwks"
			configs = append(configs, c)
		}
		a := open(b, &Options{Now: clock.Now}, configs...)
		token := mint("k", firstKey(), claims(configs[n/2].Issuer, clock.Now(), nil))
		for _, mode := range []string{"remembered", "verified"} {
			b.Run(fmt.Sprint(mode, "/", n), func(b *testing.B) {
				for b.Loop() {
					if mode == "verified" {
						a.memory.tokens.Purge()
					}
					if _, err := a.Authenticate(b.Context(), token); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func asgardeoExtras() fields {
	return fields{
		"org_id": "10084a8d-113f-4211-a0d5-efe36b082211", "org_name": "Acme", "user_org": "root", "aut": "APPLICATION_USER",
		"scope": "openid internal_org_user_mgt_list internal_org_guest_mgt_invite_add", "email": "a@example.com", "email_verified": true,
	}
}
