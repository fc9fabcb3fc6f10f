package oidc

import (
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"usher/identity"
)

type noNetwork struct{}

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no network here")
}

func goodConfig() IssuerConfig {
	return IssuerConfig{Name: "main", Issuer: "https://issuer.example/x", Audiences: []string{"app"}}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	read := []identity.Permission{identity.InvitesRead}
	offline := &Options{HTTP: &http.Client{Transport: noNetwork{}}}
	for _, tt := range []struct {
		name   string
		change func(c *IssuerConfig)
		want   []string // "path: beginning or part of the message"
	}{
		{"the least", func(*IssuerConfig) {}, nil},
		{"all of it", func(c *IssuerConfig) { *c = asgardeoConfig() }, nil},
		{"loopback over http", func(c *IssuerConfig) { c.Issuer, c.Demo = "http://127.0.0.1:8080/issuer", true }, nil},
		{"loopback over http, IPv6", func(c *IssuerConfig) { c.Issuer = "http://[::1]:8080" }, nil},
		{"loopback over http, by name", func(c *IssuerConfig) { c.Issuer = "http://localhost:8080" }, nil},
		{"parties instead of audiences", func(c *IssuerConfig) { c.Audiences, c.AuthorizedParties = nil, []string{"app"} }, nil},
		{"claims not taken", func(c *IssuerConfig) { c.Claims.Email = "-" }, nil},

		{"nothing", func(c *IssuerConfig) { *c = IssuerConfig{} }, []string{"name: is missing", "issuer: is missing", "audiences: is missing"}},
		{"a name for no label", func(c *IssuerConfig) { c.Name = "main\n" }, []string{"name: may have"}},
		{"http", func(c *IssuerConfig) { c.Issuer = "http://issuer.example" }, []string{"issuer: is http"}},
		{"http, nearly loopback", func(c *IssuerConfig) { c.Issuer = "http://127.0.0.1.example" }, []string{"issuer: is http"}},
		{"no address", func(c *IssuerConfig) { c.Issuer = "issuer.example" }, []string{"issuer: is not an absolute address"}},
		{"credentials", func(c *IssuerConfig) { c.Issuer = "https://u:p@issuer.example" }, []string{"issuer: must not hold credentials"}},
		{"fragment", func(c *IssuerConfig) { c.Issuer = "https://issuer.example#x" }, []string{"issuer: must not have a fragment"}},
		{"ftp", func(c *IssuerConfig) { c.Issuer = "ftp://issuer.example" }, []string{"issuer: is not an https address"}},
		{"demo elsewhere", func(c *IssuerConfig) { c.Demo = true }, []string{"demo: a demo issuer must be on loopback"}},
		{"preset of a later version", func(c *IssuerConfig) { c.Preset = "auth0" }, []string{`preset: "auth0" is not built into this version`}},
		{"both addresses", func(c *IssuerConfig) { c.DiscoveryURL, c.JWKSURL = "https://a.example", "https://b.example" }, []string{"discovery_url: is not used"}},
		{"discovery over http", func(c *IssuerConfig) { c.DiscoveryURL = "http://a.example" }, []string{"discovery_url: is http"}},
		{"keys over http", func(c *IssuerConfig) { c.JWKSURL = "http://a.example" }, []string{"jwks_url: is http"}},
		{"algorithms", func(c *IssuerConfig) {
			c.Algorithms = []string{"RS256", "HS256", "none", "NONE", "hs512", "RS1", "", "RS256"}
		}, []string{
			"algorithms[1]: only asymmetric", "algorithms[2]: only asymmetric", "algorithms[3]: only asymmetric",
			"algorithms[4]: only asymmetric", "algorithms[5]: is not known", "algorithms[6]: is not known", "algorithms[7]: is there twice",
		}},
		{"empty words", func(c *IssuerConfig) {
			c.Audiences, c.AuthorizedParties, c.Types = []string{""}, []string{"a", "a"}, []string{" JWT"}
		}, []string{"audiences[0]: is empty", "authorized_parties[1]: is there twice", "types[0]: is empty or has blanks"}},
		{"leeway", func(c *IssuerConfig) { c.Leeway = 121 * time.Second }, []string{"leeway: 2m1s is not between"}},
		{"negative leeway", func(c *IssuerConfig) { c.Leeway = -1 }, []string{"leeway: "}},
		{"paths", func(c *IssuerConfig) { c.Claims = ClaimsConfig{Organization: "a..b", Email: `x\y`} },
			[]string{"claims.organization: has an empty name", `claims.email: has a \`}},
		{"roles", func(c *IssuerConfig) { c.Roles = map[string]string{"Admin": ""} }, []string{"roles.Admin: needs"}},
		{"permissions", func(c *IssuerConfig) {
			c.Permissions = []PermissionRule{
				{Grant: read}, {Scope: "a b", Grant: read}, {Role: "admin", Grant: read}, {Scope: "s"},
				{Scope: "s", Grant: []identity.Permission{"invites:read", "invites:*", "invites:read"}},
			}
		}, []string{
			"permissions[0]: names neither scope nor role", "permissions[1].scope: is not one scope", "permissions[2].role: is a portable role that no entry",
			"permissions[3].grant: is missing", "permissions[4].grant[1]: is not a permission", "permissions[4].grant[2]: is there twice",
		}},
		{"services", func(c *IssuerConfig) {
			c.Services = []ServiceRule{
				{Role: "admin", Grant: read},
				{Client: "a", Grant: read, Organizations: []OrganizationRule{{All: true}, {Connection: "c"}, {Connection: "c", All: true, Only: []string{"x"}}, {Connection: "c", Only: []string{""}}}},
				{Client: "a", Grant: read}, {Client: "a", Subject: "s"},
			}
		}, []string{
			"services[0]: names neither client nor subject",
			"services[1].organizations[0].connection: is missing", "services[1].organizations[1]: gives no organization",
			"services[1].organizations[2].only: contradicts all", "services[1].organizations[3].only[0]: is empty",
			"services[2]: is for the same client and subject as services[1]", "services[3].grant: is missing",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := goodConfig()
			tt.change(&c)
			checkProblems(t, c.Validate(), "", tt.want)
			checkProblems(t, Validate([]IssuerConfig{c}), "issuers[0].", tt.want)
			if a, err := New([]IssuerConfig{c}, offline); len(tt.want) > 0 && err == nil {
				t.Errorf("New takes it: %v", a.Close())
			} else if len(tt.want) > 0 && strings.Count(err.Error(), "\n")+1 != len(tt.want) {
				t.Errorf("New says %v", err)
			} else if len(tt.want) == 0 && err != nil {
				t.Errorf("New says %v", err)
			} else if err == nil {
				_ = a.Close()
			}
		})
	}
}

func checkProblems(t *testing.T, got []error, prefix string, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("problems %q, want %q", got, want)
	}
	for i, err := range got {
		path, message, _ := strings.Cut(want[i], ": ")
		var c *ConfigError
		if !errors.As(err, &c) || c.Path != prefix+path || !strings.Contains(c.Message, message) {
			t.Errorf("problem %d is %q, want %q at %s", i, err, message, prefix+path)
		}
	}
}

func TestValidateManyIssuers(t *testing.T) {
	t.Parallel()
	same, other := goodConfig(), goodConfig()
	other.Name = "other"
	third := goodConfig()
	third.Issuer += "/"
	checkProblems(t, Validate([]IssuerConfig{goodConfig(), same, other, third}), "", []string{
		`issuers[1].name: "main" is already that of issuers[0]`,
		"issuers[1].issuer: is already that of issuers[0]",
		"issuers[2].issuer: is already that of issuers[0]",
		"issuers[3].name: is already that of issuers[0]",
	})
	if got := Validate(nil); len(got) != 0 {
		t.Errorf("no issuers: %q", got)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	claims := ClaimsConfig{Scopes: "scope", Roles: "roles", Email: "email", EmailVerified: "email_verified", Client: "client_id"}
	plain := goodConfig()
	plain.Types, plain.Algorithms, plain.Leeway, plain.Claims = []string{"at+jwt", "JWT"}, []string{"RS256"}, 30*time.Second, claims
	plain.DiscoveryURL = "https://issuer.example/x/.well-known/openid-configuration"
	if got := goodConfig().withDefaults(); !reflect.DeepEqual(got, plain) {
		t.Errorf("without preset\n%+v\nwant\n%+v", got, plain)
	}
	asgardeo := goodConfig()
	asgardeo.Preset, asgardeo.Claims.Scopes, asgardeo.Issuer = PresetAsgardeo, "permissions", "https://issuer.example/"
	want := plain
	want.Preset, want.Types, want.Issuer = PresetAsgardeo, []string{"at+jwt"}, "https://issuer.example/"
	want.DiscoveryURL = "https://issuer.example/.well-known/openid-configuration"
	want.Claims.Organization, want.Claims.Scopes = "org_id", "permissions"
	if got := asgardeo.withDefaults(); !reflect.DeepEqual(got, want) {
		t.Errorf("preset asgardeo\n%+v\nwant\n%+v", got, want)
	}
}

// The keys of the configuration file are the json tags.
func TestConfigFromYAML(t *testing.T) {
	t.Parallel()
	const text = `
name: main
issuer: https://api.asgardeo.io/t/acme/oauth2/token
preset: asgardeo
audiences: [app]
authorized_parties: []
algorithms: [RS256]
types: [at+jwt, JWT]
leeway: 30s
demo: false
claims: {organization: org_id, scopes: scope, roles: roles, email: email, email_verified: email_verified, client: client_id}
roles: {Administrator: admin}
permissions:
  - scope: invites.write
    grant: [invites:read, invites:write]
services:
  - client: abc123
    role: admin
    grant: [invites:read]
    organizations:
      - {connection: prod, all: true}
      - {connection: other, only: [org_123, acme]}
`
	var got IssuerConfig
	if err := yaml.UnmarshalWithOptions([]byte(text), &got, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	want := IssuerConfig{
		Name: "main", Issuer: "https://api.asgardeo.io/t/acme/oauth2/token", Preset: PresetAsgardeo,
		Audiences: []string{"app"}, AuthorizedParties: []string{}, Algorithms: []string{"RS256"}, Types: []string{"at+jwt", "JWT"}, Leeway: 30 * time.Second,
		Claims:      ClaimsConfig{"org_id", "scope", "roles", "email", "email_verified", "client_id"},
		Roles:       map[string]string{"Administrator": "admin"},
		Permissions: []PermissionRule{{Scope: "invites.write", Grant: []identity.Permission{identity.InvitesRead, identity.InvitesWrite}}},
		Services: []ServiceRule{{Client: "abc123", Role: "admin", Grant: []identity.Permission{identity.InvitesRead},
			Organizations: []OrganizationRule{{Connection: "prod", All: true}, {Connection: "other", Only: []string{"org_123", "acme"}}}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read\n%+v\nwant\n%+v", got, want)
	}
	if problems := got.Validate(); len(problems) > 0 {
		t.Error(problems)
	}
}
