package config_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/config"
	"usher/identity"
	"usher/oidc"
	"usher/providers/all"
	"usher/providers/asgardeo"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	got := mustParse(t, least)
	want := &config.Config{
		Listen: "127.0.0.1:8080",
		Ledger: config.Ledger{URL: "sqlite:usher.db", AutoUp: true},
		Log:    config.Log{Level: "info", Format: "json"},
		Audit:  config.Audit{Enabled: true},
		Limits: config.Limits{
			BodyBytes: 65536, RequestsPerMinute: 6000, RequestBurst: 500, Mails: 5, MailWindow: 10 * time.Minute,
			FailedTokens: 60, FailedTokensWindow: time.Minute,
		},
		ShutdownGrace: 30 * time.Second,
		Issuers:       []oidc.IssuerConfig{{Name: "main", Issuer: "https://issuer.example.com", Audiences: []string{"usher"}}},
		Connections: []config.Connection{{
			Name: "one", Provider: "asgardeo", Issuers: []string{"main"}, ActAs: "service", Register: "manual",
			Emails: identity.EmailLowercase, Timeout: 30 * time.Second, LimitWait: 10 * time.Second, CompareEvery: 10 * time.Minute,
			Roles: map[string]config.Role{"member": {Provider: "Member"}},
			Settings: &asgardeo.Config{
				BaseURL: "https://api.asgardeo.io/t/acme", ClientID: "abc", ClientSecret: "s3cret", Application: "App",
			},
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%#v\nwant\n%#v", got, want)
	}
}

func TestEverythingSet(t *testing.T) {
	t.Parallel()
	got := mustParse(t, `
listen: 0.0.0.0:${PORT}
public_url: https://usher.example.com
allow_demo_issuer: false
ledger: {url: "sqlite:/var/lib/usher.db", auto_up: false}
log: {level: warn, format: text}
limits: {body_bytes: 2048, requests_per_minute: 0, request_burst: 7, mails: 0, mail_window: 1h, failed_tokens: 0, failed_tokens_window: 5m}
trusted_proxies: [10.0.0.0/8, "::1"]
audit: {enabled: false, file: audit.jsonl}
tracing: {endpoint: "https://collector.example.com:4318", sample_ratio: 0.25, headers: {x-key: "${KEY}"}, trust_callers: true}
shutdown_grace: 1m30s
issuers:
  - name: main
    issuer: https://issuer.example.com
    authorized_parties: [app]
    algorithms: [ES256]
    types: [JWT]
    leeway: 5s
    introspection: {client_id: us, client_secret: "${ASKING}", client_auth: client_secret_post, prefixes: [tok_], timeout: 2s, concurrency: 4, failures: 10, endpoint: "https://issuer.example.com/introspect"}
    claims: {organization: o.id}
    roles: {Boss: admin}
    permissions:
      - {role: admin, grant: ["invites:read"]}
    services:
      - client: backend
        subject: svc
        role: admin
        grant: [invites:read, invites:write]
        organizations: [{connection: one, only: [acme]}]
  - name: nile
    issuer: https://nile.example.com/v2/databases/1
    preset: nile
    session: {url: "https://nile.example.com/v2/databases/1", origin: "https://app.example.com", role: member, trust_emails: true, prefixes: [n_], timeout: 2s, concurrency: 4, failures: 10}
    permissions:
      - {role: member, grant: ["invites:read"]}
connections:
  - name: one
    provider: asgardeo
    issuers: [main]
    act_as: caller
    register: auto
    emails: exact
    timeout: 5s
    limits: {all: {calls: 0}, bulk: {calls: 2, window: 90s}}
    limit_wait: 3s
    compare_every: 30m
    redirect_urls: ["https://app.example.com/welcome", "http://localhost:3000/x"]
    roles:
      admin: {provider: Administrator, grantable_by: [admin, owner]}
      nobody: {provider: Nobody, grantable_by: []}
    settings: {base_url: http://127.0.0.1:1/t/acme, client_id: a, client_secret: b, application: App, send_names: false, token_cache_size: 7}
organizations:
  - {slug: acme, name: Acme, connection: one, provider_id: "10084a8d"}
`, "PORT", "9000", "ASKING", "s3cret", "KEY", "s3cret")
	no, none, two := false, 0, 2
	want := &config.Config{
		Listen: "0.0.0.0:9000", PublicURL: "https://usher.example.com",
		Ledger: config.Ledger{URL: "sqlite:/var/lib/usher.db"}, Log: config.Log{Level: "warn", Format: "text"},
		Audit: config.Audit{File: "audit.jsonl"},
		Tracing: &config.Tracing{
			Endpoint: "https://collector.example.com:4318", SampleRatio: 0.25, Headers: map[string]identity.Secret{"x-key": "s3cret"}, TrustCallers: true,
		},
		Limits: config.Limits{BodyBytes: 2048, RequestBurst: 7, MailWindow: time.Hour, FailedTokensWindow: 5 * time.Minute}, TrustedProxies: []string{"10.0.0.0/8", "::1"}, ShutdownGrace: 90 * time.Second,
		Issuers: []oidc.IssuerConfig{{
			Name: "main", Issuer: "https://issuer.example.com", AuthorizedParties: []string{"app"}, Algorithms: []string{"ES256"},
			Types: []string{"JWT"}, Leeway: 5 * time.Second, Claims: oidc.ClaimsConfig{Organization: "o.id"},
			Introspection: oidc.IntrospectionConfig{
				Endpoint: "https://issuer.example.com/introspect", ClientID: "us", ClientSecret: "s3cret", ClientAuth: oidc.ClientSecretPost,
				Prefixes: []string{"tok_"}, Timeout: 2 * time.Second, Concurrency: 4, Failures: 10,
			},
			Roles:       map[string]string{"Boss": "admin"},
			Permissions: []oidc.PermissionRule{{Role: "admin", Grant: []identity.Permission{identity.InvitesRead}}},
			Services: []oidc.ServiceRule{{
				Client: "backend", Subject: "svc", Role: "admin", Grant: []identity.Permission{identity.InvitesRead, identity.InvitesWrite},
				Organizations: []oidc.OrganizationRule{{Connection: "one", Only: []string{"acme"}}},
			}},
		}, {
			Name: "nile", Issuer: "https://nile.example.com/v2/databases/1", Preset: oidc.PresetNile,
			Session: oidc.SessionConfig{
				URL: "https://nile.example.com/v2/databases/1", Origin: "https://app.example.com", Role: "member", TrustEmails: true,
				Prefixes: []string{"n_"}, Timeout: 2 * time.Second, Concurrency: 4, Failures: 10,
			},
			Permissions: []oidc.PermissionRule{{Role: "member", Grant: []identity.Permission{identity.InvitesRead}}},
		}},
		Connections: []config.Connection{{
			Name: "one", Provider: "asgardeo", Issuers: []string{"main"}, ActAs: "caller", Register: "auto", Emails: identity.EmailExact,
			Timeout: 5 * time.Second, LimitWait: 3 * time.Second, CompareEvery: 30 * time.Minute,
			Limits:       map[string]config.VendorLimit{"all": {Calls: &none}, "bulk": {Calls: &two, Window: 90 * time.Second}},
			RedirectURLs: []string{"https://app.example.com/welcome", "http://localhost:3000/x"},
			Roles: map[string]config.Role{
				"admin":  {Provider: "Administrator", GrantableBy: []string{"admin", "owner"}},
				"nobody": {Provider: "Nobody", GrantableBy: []string{}},
			},
			Settings: &asgardeo.Config{
				BaseURL: "http://127.0.0.1:1/t/acme", ClientID: "a", ClientSecret: "b", Application: "App", SendNames: &no, TokenCacheSize: 7,
			},
		}},
		Organizations: []config.Organization{{Slug: "acme", Name: "Acme", Connection: "one", ProviderID: "10084a8d"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// One run shows every problem, each with its line, in the order of the file.
func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	wants(t, `listen: nowhere
listn: 127.0.0.1:1
log: {level: loud}
issuers:
  - name: main
    issuer: http://issuer.example.com
    audiences: [usher]
    algorithms: [RS256, HS256]
    leeway: long
  - name: main
    issuer: https://other.example.com
    audiences: [usher]
    services:
      - client: backend
        grant: [invites:read, invites:rule]
        organizations: [{connection: two, all: true}]
connections:
  - name: one
    provider: asgardeo
    issuers: [main, third]
    timeout: 1ms
    roles:
      Admin: {provider: Administrator}
      member: {}
    settings:
      base_url: https://api.asgardeo.io/t/acme
      client_id: ${MISSING}
      client_secret: file:/does/not/exist
      aplication: App
  - provider: keycloak
organizations:
  - {slug: current, connection: three, provider_id: x}
  - {slug: acme, connection: one, provider_id: y, provider_id: z}
`, []string{
		`1 listen: "nowhere" is not an address and port such as 127.0.0.1:8080`,
		`2 listn: unknown key: did you mean listen?`,
		`3 log.level: "loud" is not one of debug, info, warn, error`,
		`6 issuers[0].issuer: "http://issuer.example.com" is http, which is for loopback only: use https`,
		`8 issuers[0].algorithms[1]: "HS256" is refused: only asymmetric signatures prove who issued a token (RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA)`,
		`9 issuers[0].leeway: must be a duration such as 30s or 5m`,
		`10 issuers[1].name: "main" is already that of issuers[0]`,
		`15 issuers[1].services[0].grant[1]: "invites:rule" is not a permission of this version: use invites:read, invites:write, members:read, organizations:write, connections:read`,
		`16 issuers[1].services[0].organizations[0].connection: there is no connection "two"`,
		`20 connections[0].issuers[1]: there is no issuer "third"`,
		`21 connections[0].timeout: must be from 1s to 5m0s`,
		`23 connections[0].roles.Admin: "Admin" is not a portable role: lower-case letters, digits, _ and -, beginning with a letter`,
		`25 connections[0].settings.application: is missing`,
		`27 connections[0].settings.client_id: the environment variable MISSING is not set`,
		`28 connections[0].settings.client_secret: the file /does/not/exist does not exist`,
		`29 connections[0].settings.aplication: unknown key: did you mean application?`,
		`30 connections[1].issuers: is missing`,
		`30 connections[1].name: is missing`,
		`30 connections[1].provider: "keycloak" is not built into this version: ` + strings.Join(slices.Sorted(maps.Keys(all.Table())), ", "),
		`30 connections[1].roles: is missing`,
		`32 organizations[0].connection: there is no connection "three"`,
		`32 organizations[0].slug: This slug is reserved.`,
		`33 organizations[1].provider_id: is there twice, first on line 33`,
	})
}

func TestSyntax(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", "1 : is empty: usher config example prints one to start from"},
		{"only a comment", "# nothing\n", "1 : is empty: usher config example prints one to start from"},
		{"not a mapping", "- 1\n- 2\n", "1 : must be a mapping of keys to values"},
		{"plain text", "hello\n", "1 : must be a mapping of keys to values"},
		{"not YAML", "listen: x\nissuers: [1\nb: 2\n", "3 : not valid YAML: ',' or ']' must be specified"},
		{"tab", "log:\n\tlevel: info\n", "2 : not valid YAML: found character '\t' that cannot start any token"},
		{"two documents", least + "---\nlisten: x\n", "17 : holds more than one YAML document"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			wants(t, tc.text, []string{tc.want})
		})
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"text for a list", with(t, "    audiences: [usher]", "    audiences: usher"), []string{"4 issuers[0].audiences: must be a list"}},
		{"list for text", least + "listen: [1]\n", []string{"16 listen: must be text"}},
		{"number for text", least + "listen: 8080\n", []string{"16 listen: must be text: put it in quotes"}},
		{"true for text", with(t, "      client_id: abc", "      client_id: true"), []string{"13 connections[0].settings.client_id: must be text: put it in quotes"}},
		{"text for true", least + "allow_demo_issuer: yes\n", []string{"16 allow_demo_issuer: must be true or false"}},
		{"text for a number", least + "limits: {body_bytes: many}\n", []string{"16 limits.body_bytes: must be a whole number"}},
		{"fraction", least + "limits: {body_bytes: 2048.5}\n", []string{"16 limits.body_bytes: must be a whole number"}},
		{"too large a number", least + "limits: {body_bytes: 9999999999999999999}\n", []string{"16 limits.body_bytes: is a number out of range"}},
		{"number for a duration", least + "shutdown_grace: 30\n", []string{"16 shutdown_grace: must be a duration such as 30s or 5m"}},
		{"mapping for a list", with(t, "    audiences: [usher]", "    audiences: {a: b}"), []string{"4 issuers[0].audiences: must be a list"}},
		{"list for a mapping", least + "log: [info]\n", []string{"16 log: must be a mapping of keys to values"}},
		{"empty entry", with(t, "    audiences: [usher]", "    audiences:\n      - usher\n      -"), []string{"6 issuers[0].audiences[1]: is empty"}},
		{"empty list", with(t, "    issuers: [main]", "    issuers: []"), []string{"8 connections[0].issuers: needs at least one entry"}},
		{"nothing after a key", with(t, "    issuers: [main]", "    issuers:"), []string{"8 connections[0].issuers: is missing"}},
		{"nothing after settings", with(t, "      application: App", "      application:"), []string{"15 connections[0].settings.application: is missing"}},
		{"alias", with(t, "    issuers: [main]", "    issuers: *x"), []string{"8 connections[0].issuers: anchors, aliases and merge keys are not supported: write the value out"}},
		{"anchor", least + "listen: &x 127.0.0.1:1\n", []string{"16 listen: anchors, aliases and merge keys are not supported: write the value out"}},
		{"tag", least + "listen: !!str 127.0.0.1:1\n", []string{"16 listen: tags such as !!str are not supported"}},
		{"merge key", least + "log:\n  <<: {level: info}\n", []string{"17 log.?: keys must be plain words; anchors, aliases and merge keys are not supported"}},
		{"repeated section", least + "log: {level: info}\nlog: {level: warn}\n", []string{"17 log: is there twice, first on line 16"}},
		{"far-off key", least + "colour: red\n", []string{"16 colour: unknown key (known: listen, public_url, allow_demo_issuer, ledger, log, audit, tracing, limits, trusted_proxies, shutdown_grace, issuers, connections, mail, organizations)"}},
		{"key in another case", least + "Listen: 127.0.0.1:1\n", []string{"16 Listen: unknown key: did you mean listen?"}},
		{"nothing of what is needed", "listen: 127.0.0.1:1\n", []string{"1 issuers: is missing", `1 mail: is needed: usher mails the invitations of the connection "local" itself`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			wants(t, tc.text, tc.want)
		})
	}
}

// A long value over several lines is text like any other.
func TestLongText(t *testing.T) {
	t.Parallel()
	c := mustParse(t, with(t, "      client_secret: s3cret", "      client_secret: >-\n        one\n        two"))
	if got := c.Connections[0].Settings.(*asgardeo.Config).ClientSecret.Reveal(); got != "one two" {
		t.Errorf("got %q", got)
	}
}

func TestProblemText(t *testing.T) {
	t.Parallel()
	_, err := config.Parse([]byte("listen: x\n"), config.Options{File: "a/usher.yaml"})
	if first, _, _ := strings.Cut(err.Error(), "\n"); first != "a/usher.yaml:1: connections: is missing" {
		t.Errorf("got %q", first)
	}
	_, err = config.Parse(nil, config.Options{})
	if want := "configuration:1: is empty: usher config example prints one to start from"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}
