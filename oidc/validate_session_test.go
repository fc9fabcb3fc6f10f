package oidc

import (
	"testing"
	"time"

	"usher/identity"
)

func TestValidateSession(t *testing.T) {
	t.Parallel()
	const unused = "is not used with preset nile"
	for _, tt := range []struct {
		name   string
		change func(c *IssuerConfig)
		want   []string
	}{
		{"the least", func(*IssuerConfig) {}, nil},
		{"all of it", func(c *IssuerConfig) {
			c.Session = SessionConfig{"https://n.example/v2/databases/x/", "http://localhost:3000", "member", true, []string{"n_"}, maxInquiryTime, 256, 1}
			c.Permissions = []PermissionRule{{Role: "member", Grant: []identity.Permission{identity.InvitesRead}}}
		}, nil},
		{"nothing", func(c *IssuerConfig) { c.Session = SessionConfig{} }, []string{"session.url: is missing", "session.origin: is missing"}},
		{"for another preset", func(c *IssuerConfig) { c.Preset, c.Audiences = PresetNone, []string{"x"} }, []string{"session: is for preset nile alone"}},
		{"over http", func(c *IssuerConfig) { c.Session.URL, c.Session.Origin = "http://n.example", "http://app.example" },
			[]string{"session.url: is http", "session.origin: is http"}},
		{"a query", func(c *IssuerConfig) { c.Session.URL += "?x" }, []string{"session.url: must not have a query"}},
		{"no origins", func(c *IssuerConfig) { c.Session.Origin += "/" }, []string{"session.origin: is no origin"}},
		{"a path", func(c *IssuerConfig) { c.Session.Origin += "/x" }, []string{"session.origin: is no origin"}},
		{"capitals", func(c *IssuerConfig) { c.Session.Origin = "HTTPS://app.example" }, []string{"session.origin: is no origin"}},
		{"blanks", func(c *IssuerConfig) { c.Session.Role = " member" }, []string{"session.role: "}},
		{"of tokens", func(c *IssuerConfig) {
			*c = IssuerConfig{
				Name: c.Name, Issuer: c.Issuer, Preset: PresetNile, Session: c.Session,
				DiscoveryURL: "https://x.example", JWKSURL: "https://x.example", Audiences: []string{"x"}, AuthorizedParties: []string{"x"},
				Algorithms: []string{"RS256"}, Types: []string{"JWT"}, Leeway: time.Second, Introspection: IntrospectionConfig{ClientID: "x", ClientSecret: "x"},
				Claims: ClaimsConfig{Roles: "roles"}, Roles: map[string]string{"a": "b"},
				Permissions: []PermissionRule{{Scope: "s", Grant: []identity.Permission{identity.InvitesRead}}, {Role: "other", Grant: []identity.Permission{identity.InvitesRead}}},
				Services:    []ServiceRule{{Client: "x", Grant: []identity.Permission{identity.InvitesRead}}},
			}
		}, []string{
			"discovery_url: is not used together",
			"discovery_url: " + unused, "jwks_url: " + unused, "audiences: " + unused, "authorized_parties: " + unused, "algorithms: " + unused,
			"types: " + unused, "leeway: " + unused, "introspection: " + unused, "claims: " + unused, "roles: " + unused,
			"permissions[0].scope: never holds", "services[0].client: never holds", "permissions[1].role: is a portable role that no entry",
		}},
		{"prefixes", func(c *IssuerConfig) { c.Session.Prefixes = []string{"eyJ", "x"} }, []string{"session.prefixes: is how JWTs begin", "session.prefixes: is no prefix"}},
		{"bounds", func(c *IssuerConfig) {
			c.Session.Timeout, c.Session.Concurrency, c.Session.Failures = maxInquiryTime+1, 1, -1
		}, []string{"session.timeout: ", "session.concurrency: ", "session.failures: "}},
	} {
		c := IssuerConfig{Name: "nile", Issuer: "https://n.example", Preset: PresetNile, Session: SessionConfig{URL: "https://n.example", Origin: "https://app.example"}}
		tt.change(&c)
		t.Run(tt.name, func(t *testing.T) { checkProblems(t, c.Validate(), "", tt.want) })
	}
	one := goodConfig()
	one.Introspection = IntrospectionConfig{ClientID: "us", ClientSecret: "s", Prefixes: []string{"at_"}}
	two := IssuerConfig{Name: "two", Issuer: "https://two.example", Preset: PresetNile, Session: SessionConfig{URL: "https://n.example", Origin: "https://app.example", Prefixes: []string{"at_x"}}}
	checkProblems(t, Validate([]IssuerConfig{one, two}), "", []string{`issuers[1].session.prefixes[0]: "at_x" and "at_" of issuers[0] can`})
}
