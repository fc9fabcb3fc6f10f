package oidc

import (
	"context"
	"strings"
	"testing"
)

// A session is shown to one issuer alone, found by its shape and the path or
// by the application's prefix; and no issuer of tokens is shown one of Nile's.
func TestRoutesOfSessions(t *testing.T) {
	t.Parallel()
	clock := newClock()
	niles := map[string]*askedNile{}
	configure := func(name string, prefixes ...string) IssuerConfig {
		niles[name] = newAskedNile(t, clock)
		c := niles[name].config(name)
		c.Session.Prefixes = prefixes
		return c
	}
	opaque, jwts := newAskedIssuer(t), newTestIssuer(t, public("k", firstKey()))
	all := []IssuerConfig{configure("one"), configure("two"), configure("prefixed", "nile3~"), opaque.config("opaque"), jwts.config("jwts")}
	a := open(t, &Options{
		Now:   clock.Now,
		Trust: map[string][]string{"one": {"c1", "both"}, "two": {"c2", "both"}, "prefixed": {"c1", "c3"}, "opaque": {"c4", "mixed"}, "jwts": {"c5"}},
		Connection: func(_ context.Context, organization string) string {
			connection, _ := strings.CutPrefix(organization, "of-")
			return connection
		},
	}, all...)
	const someUUID = "8f14e45f-ceea-467a-9a36-dedd4bea2543"
	sealed := sealedWith(nileHeader, "")
	for _, n := range niles {
		n.handle(text(`{"id":"u","tenants":[]}`))
	}
	for _, token := range []string{"tok", someUUID, strings.ToUpper(someUUID)} {
		opaque.say(token, opaque.active(clock.Now(), nil))
	}
	for _, tt := range []struct {
		name, token, organization, want string
		refused                         reason
		sent                            string // to Nile, where it is not the token
	}{
		{"encrypted, by the path", sealed, "of-c1", "one", "", ""},
		{"encrypted, by another path", sealed, "of-c2", "two", "", ""},
		{"a UUID, by the path", someUUID, "of-c2", "two", "", ""},
		{"a UUID on the path of opaque tokens", someUUID, "of-c4", "opaque", "", ""},
		{"an opaque token needs no path", "tok", "", "opaque", "", ""},
		{"an opaque token on Nile's path", "tok", "of-c1", "opaque", "", ""},
		{"a UUID in capitals is no session", strings.ToUpper(someUUID), "of-c1", "opaque", "", ""},
		{"by prefix, whatever the path", "nile3~" + sealed, "of-c1", "prefixed", "", sealed},
		{"a UUID by prefix", "nile3~" + someUUID, "", "prefixed", "", someUUID},
		{"another word by prefix", "nile3~word", "", "prefixed", "", "word"},
		{"encrypted, no path", sealed, "", "", reasonUnroutable, ""},
		{"a UUID, no path", someUUID, "", "", reasonUnroutable, ""},
		{"a path of nobody", sealed, "of-", "", reasonUnroutable, ""},
		{"a connection that trusts both", sealed, "of-both", "", reasonUnroutable, ""},
		{"encrypted, on the path of opaque tokens", sealed, "of-c4", "", reasonUnroutable, ""},
		{"encrypted, on the path of JWTs", sealed, "of-c5", "", reasonUnroutable, ""},
		{"a connection that trusts one with prefixes alone", sealed, "of-c3", "", reasonUnroutable, ""},
		{"nothing but the prefix", "nile3~", "of-c1", "", reasonMalformed, ""},
		{"too long behind the prefix", "nile3~" + strings.Repeat("x", maxSession+1), "of-c1", "", reasonMalformed, ""},
		{"a second cookie behind the prefix", "nile3~" + someUUID + ";nile.tenant-id=x", "of-c1", "", reasonMalformed, ""},
		{"a quoted cookie behind the prefix", `nile3~"` + someUUID + `"`, "of-c1", "", reasonMalformed, ""},
		{"a JWT", mint("k", secondKey(), claims(jwts.url, clock.Now(), nil)), "of-c1", "", reasonSignature, ""},
		{"a JWT that names Nile", mint("k", firstKey(), claims(niles["one"].url, clock.Now(), nil)), "of-c1", "", reasonUnknownIssuer, ""},
		{"encrypted by another issuer", sealedWith(`{"alg":"dir","enc":"A256GCM","iss":"https://other.example"}`, ""), "of-c1", "", reasonMalformed, ""},
		{"encrypted in another way", sealedWith(`{"alg":"dir","enc":"A128CBC-HS256"}`, ""), "of-c1", "", reasonMalformed, ""},
		{"encrypted with a key agreed on", sealedWith(`{"alg":"ECDH-ES","enc":"A256GCM"}`, ""), "of-c1", "", reasonMalformed, ""},
		{"encrypted for a key", sealedWith(`{"alg":"RSA-OAEP","enc":"A256GCM"}`, encode([]byte("key"))), "of-c1", "", reasonMalformed, ""},
		{"alg dir with an encrypted key", sealedWith(nileHeader, encode([]byte("key"))), "of-c1", "", reasonMalformed, ""},
		{"alg twice", sealedWith(`{"alg":"dir","alg":"dir","enc":"A256GCM"}`, ""), "of-c1", "", reasonMalformed, ""},
		{"header is no object", sealedWith(`["dir"]`, ""), "of-c1", "", reasonMalformed, ""},
		{"header padded", strings.Replace(sealed, ".", "=.", 1), "of-c1", "", reasonMalformed, ""},
		{"no tag", sealed[:strings.LastIndex(sealed, ".")+1], "of-c1", "", reasonMalformed, ""},
		{"too long", sealed + strings.Repeat("A", maxSession), "of-c1", "", reasonMalformed, ""},
		{"six parts", sealed + ".x", "of-c1", "", reasonMalformed, ""},
		{"dots alone", "....", "of-c1", "", reasonMalformed, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := map[string]int64{"opaque": opaque.inquiries.Load()}
			for name, n := range niles {
				before[name] = n.inquiries.Load()
			}
			a.memory.tokens.Purge()
			o := from(oneAddress, tt.organization)
			sent := tt.token
			if tt.sent != "" {
				sent = tt.sent
			}
			if tt.refused != "" {
				refusedFor(t, a, o, tt.token, tt.refused)
			} else if p := accepted(t, a, o, tt.token); p != nil && p.Token != sent {
				t.Errorf("the principal's token is %q", p.Token)
			}
			for name, n := range niles {
				want := before[name]
				if name == tt.want {
					want++
					if got := n.asked().Header.Get("Cookie"); got != nileCookieSecure+"="+sent {
						t.Errorf("asked with the cookie %s", got)
					}
				}
				n.wantInquiries(want)
			}
			if tt.want == "opaque" {
				before["opaque"]++
			}
			opaque.wantInquiries(t, before["opaque"])
		})
	}
	if n := jwts.fetches.Load(); n > 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

// One session issuer alone needs no path, and what one database says of a
// session is nothing to another.
func TestSessionsOfTwoDatabases(t *testing.T) {
	t.Parallel()
	clock := newClock()
	one, two := newAskedNile(t, clock), newAskedNile(t, clock)
	session := one.sim.MagicSession(one.person("ada@example.com"))
	alone := open(t, &Options{Now: clock.Now}, one.config("one"))
	accepted(t, alone, Origin{}, session)
	a := open(t, &Options{
		Now: clock.Now, Trust: map[string][]string{"one": {"c1"}, "two": {"c2"}},
		Connection: func(_ context.Context, organization string) string { return organization },
	}, one.config("one"), two.config("two"))
	accepted(t, a, from(oneAddress, "c1"), session)
	refusedFor(t, a, from(oneAddress, "c2"), session, reasonInactive)
	accepted(t, a, from(oneAddress, "c1"), session)
	two.wantInquiries(1)
}
