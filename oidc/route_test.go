package oidc

import (
	"context"
	"strings"
	"testing"
)

// An opaque token is shown to one issuer alone, or to none.
func TestRoutesOfOpaqueTokens(t *testing.T) {
	t.Parallel()
	clock := newClock()
	issuers := map[string]*askedIssuer{}
	configure := func(name string, prefixes ...string) IssuerConfig {
		i := newAskedIssuer(t)
		issuers[name] = i
		c := i.config(name)
		c.Introspection.Prefixes = prefixes
		return c
	}
	jwts := newTestIssuer(t, public("k", secondKey()))
	a := open(t, &Options{
		Now:   clock.Now,
		Trust: map[string][]string{"plain1": {"c1", "both"}, "plain2": {"c2", "both"}, "prefixed": {"c1", "c3"}, "jwts": {"c4"}},
		Connection: func(_ context.Context, organization string) string {
			connection, _ := strings.CutPrefix(organization, "of-")
			return connection
		},
	}, configure("plain1"), configure("plain2"), configure("prefixed", "pre_", "quo.te.d_", "zzz"), configure("second", "pro_"), jwts.config("jwts"))
	for _, i := range issuers {
		for _, token := range []string{"tok", "pre_1", "pro_1", "quo.te.d_1", "zzz", "a.b"} {
			i.say(token, i.active(clock.Now(), nil))
		}
	}
	for _, tt := range []struct {
		name, token, organization, want string
		refused                         reason
	}{
		{"prefix", "pre_1", "", "prefixed", ""},
		{"prefix, whatever the path", "pre_1", "of-c2", "prefixed", ""},
		{"another prefix that is near", "pro_1", "", "second", ""},
		{"prefix with the shape of a JWT", "quo.te.d_1", "", "prefixed", ""},
		{"nothing but the prefix", "zzz", "", "prefixed", ""},
		{"path", "tok", "of-c1", "plain1", ""},
		{"another path", "tok", "of-c2", "plain2", ""},
		{"one dot", "a.b", "of-c1", "plain1", ""},
		{"no path", "tok", "", "", reasonUnroutable},
		{"a path of nobody", "tok", "of-", "", reasonUnroutable},
		{"a connection that trusts nobody asked", "tok", "of-c4", "", reasonUnroutable},
		{"a connection that trusts only one with prefixes", "tok", "of-c3", "", reasonUnroutable},
		{"a connection that trusts both", "tok", "of-both", "", reasonUnroutable},
		{"a JWT's shape", "a.b.c", "of-c1", "", reasonMalformed},
		{"encrypted", "a.b.c.d.e", "of-c1", "", reasonMalformed},
		{"nearly a prefix", "pre", "", "", reasonUnroutable},
		{"a line break", "to\nk", "of-c1", "", reasonMalformed},
		{"beyond ASCII", "tök", "of-c1", "", reasonMalformed},
		{"nothing", "", "of-c1", "", reasonMissing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := map[string]int64{}
			for name, i := range issuers {
				before[name] = i.inquiries.Load()
			}
			a.memory.tokens.Purge()
			if tt.refused != "" {
				refusedFor(t, a, from(oneAddress, tt.organization), tt.token, tt.refused)
			} else if p := accepted(t, a, from(oneAddress, tt.organization), tt.token); p != nil && p.Issuer != issuers[tt.want].url {
				t.Errorf("a principal of %s", p.Issuer)
			}
			for name, i := range issuers {
				want := before[name]
				if name == tt.want {
					want++
				}
				i.wantInquiries(t, want)
			}
		})
	}
}

// What one issuer said of a token is nothing to another one.
func TestOpaqueTokensOfTwoIssuers(t *testing.T) {
	t.Parallel()
	clock := newClock()
	one, two := newAskedIssuer(t), newAskedIssuer(t)
	a := open(t, &Options{
		Now: clock.Now, Trust: map[string][]string{"one": {"c1"}, "two": {"c2"}},
		Connection: func(_ context.Context, organization string) string { return organization },
	}, one.config("one"), two.config("two"))
	one.say("tok", one.active(clock.Now(), fields{"sub": "alice"}))
	two.say("tok", two.active(clock.Now(), fields{"sub": "mallory"}))
	for _, want := range []struct{ connection, issuer, subject string }{
		{"c2", two.url, "mallory"}, {"c1", one.url, "alice"}, {"c2", two.url, "mallory"},
	} {
		if p := accepted(t, a, from(oneAddress, want.connection), "tok"); p != nil && (p.Issuer != want.issuer || p.Subject != want.subject) {
			t.Errorf("%+v, want %+v", p, want)
		}
	}
	one.wantInquiries(t, 1)
	two.wantInquiries(t, 1)
	// One's word for another issuer's token does not count either.
	one.say("foreign", two.active(clock.Now(), nil))
	refusedFor(t, a, from(oneAddress, "c1"), "foreign", reasonClaims)
}

// Without introspection everything but a JWT is malformed.
func TestOpaqueTokensWithoutIntrospection(t *testing.T) {
	t.Parallel()
	a := open(t, nil, newTestIssuer(t, public("k", firstKey())).config("i"))
	refusedFor(t, a, from(oneAddress, "x"), "8f14e45fceea367a9a36dedd4bea2543", reasonMalformed)
}

func TestValidateIntrospection(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(c *IssuerConfig)
		want   []string
	}{
		{"the least", func(*IssuerConfig) {}, nil},
		{"all of it", func(c *IssuerConfig) {
			c.Introspection = IntrospectionConfig{"https://i.example/x", "us", "s", ClientSecretPost, []string{"a_", "b+/="}, maxInquiryTime, 256, 1}
		}, nil},
		{"no client", func(c *IssuerConfig) { c.Introspection.ClientID = "" }, []string{"introspection.client_id: is missing"}},
		{"no secret", func(c *IssuerConfig) { c.Introspection.ClientSecret = "" }, []string{"introspection.client_secret: is missing"}},
		{"another authentication", func(c *IssuerConfig) { c.Introspection.ClientAuth = "private_key_jwt" }, []string{"introspection.client_auth: "}},
		{"over http", func(c *IssuerConfig) { c.Introspection.Endpoint = "http://i.example/x" }, []string{"introspection.endpoint: is http"}},
		{"nobody tells where", func(c *IssuerConfig) { c.JWKSURL = "https://i.example/k" }, []string{"introspection.endpoint: is missing"}},
		{"preset of JWTs", func(c *IssuerConfig) {
			c.Preset, c.Introspection.Endpoint, c.AuthorizedParties = PresetClerk, "https://i.example/x", []string{"x"}
		}, []string{"introspection: preset clerk is for JWTs"}},
		{"prefixes", func(c *IssuerConfig) { c.Introspection.Prefixes = []string{"", "x", "a b", "ey", "eyJhbGci", "ok_"} }, []string{
			"introspection.prefixes[0]: is empty", "introspection.prefixes: is no prefix", "introspection.prefixes: is no prefix",
			"introspection.prefixes: is no prefix", "introspection.prefixes: is how JWTs begin", "introspection.prefixes: is how JWTs begin",
		}},
		{"bounds", func(c *IssuerConfig) {
			c.Introspection.Timeout, c.Introspection.Concurrency, c.Introspection.Failures = maxInquiryTime+1, 1, -1
		}, []string{"introspection.timeout: ", "introspection.concurrency: ", "introspection.failures: "}},
	} {
		c := goodConfig()
		c.Introspection = IntrospectionConfig{ClientID: "us", ClientSecret: "s"}
		tt.change(&c)
		t.Run(tt.name, func(t *testing.T) { checkProblems(t, c.Validate(), "", tt.want) })
	}
	one, two := goodConfig(), goodConfig()
	two.Name, two.Issuer = "two", "https://two.example"
	one.Introspection = IntrospectionConfig{ClientID: "us", ClientSecret: "s", Prefixes: []string{"at_", "rt_"}}
	two.Introspection = IntrospectionConfig{ClientID: "us", ClientSecret: "s", Prefixes: []string{"at_x", "at", "ot_"}}
	checkProblems(t, Validate([]IssuerConfig{one, two}), "", []string{
		`issuers[1].introspection.prefixes[0]: "at_x" and "at_" of issuers[0] can`, `issuers[1].introspection.prefixes[1]: "at" and "at_" of issuers[0] can`,
	})
}
