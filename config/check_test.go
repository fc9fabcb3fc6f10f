package config_test

import (
	"strings"
	"testing"
)

const (
	demo = `listen: 127.0.0.1:0
allow_demo_issuer: true
issuers:
  - name: demo
    issuer: http://127.0.0.1:9000
    audiences: [usher]
    demo: true
connections:
  - name: one
    provider: asgardeo
    issuers: [demo]
    roles:
      member: {provider: Member}
    settings:
      base_url: http://localhost:9001/t/acme
      client_id: abc
      client_secret: s3cret
      application: App
`
)

// The demo issuer is good on loopback, where the configuration says so, and
// nowhere else.
func TestDemoIssuer(t *testing.T) {
	t.Parallel()
	const why = "must be on loopback, since a demo issuer is accepted"
	for _, tc := range []struct {
		name, line, by string
		want           []string
	}{
		{"all on loopback", "", "", nil},
		{"IPv6", "listen: 127.0.0.1:0", "listen: '[::1]:0'", nil},
		{"by name", "listen: 127.0.0.1:0", "listen: localhost:8080", nil},
		{"not allowed", "allow_demo_issuer: true", "allow_demo_issuer: false", []string{"7 issuers[0].demo: the demo issuer is refused unless allow_demo_issuer is true"}},
		{"not mentioned", "allow_demo_issuer: true", "log: {level: info}", []string{"7 issuers[0].demo: the demo issuer is refused unless allow_demo_issuer is true"}},
		{"listens everywhere", "listen: 127.0.0.1:0", "listen: 0.0.0.0:8080", []string{"1 listen: " + why}},
		{"listens on no host", "listen: 127.0.0.1:0", "listen: ':8080'", []string{"1 listen: " + why}},
		{"listens on a name", "listen: 127.0.0.1:0", "listen: localhost.example.com:8080", []string{"1 listen: " + why}},
		{"public", "listen: 127.0.0.1:0", "public_url: https://usher.example.com", []string{"1 public_url: " + why}},
		{"remote vendor", "      base_url: http://localhost:9001/t/acme", "      base_url: https://api.asgardeo.io/t/acme", []string{"15 connections[0].settings.base_url: " + why}},
		{"remote issuer", "    issuer: http://127.0.0.1:9000", "    issuer: https://issuer.example.com", []string{
			"5 issuers[0].issuer: " + why, `7 issuers[0].demo: a demo issuer must be on loopback, and "https://issuer.example.com" is not`,
		}},
		{"remote keys", "    demo: true", "    demo: true\n    jwks_url: https://issuer.example.com/keys", []string{"8 issuers[0].jwks_url: " + why}},
		{"remote introspection", "    demo: true", "    demo: true\n    introspection: {client_id: a, client_secret: b, endpoint: 'https://issuer.example.com/i'}", []string{"8 issuers[0].introspection.endpoint: " + why}},
		{"remote sessions", "    demo: true", "    demo: true\n  - name: nile\n    issuer: http://127.0.0.1:1/v2\n    preset: nile\n    session: {url: 'https://nile.example.com', origin: 'https://app.example.com'}", []string{"11 issuers[1].session.url: " + why}},
		{"another issuer that is remote", "    demo: true", "    demo: true\n  - name: second\n    issuer: https://issuer.example.com\n    audiences: [x]", []string{"9 issuers[1].issuer: " + why}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			text := demo
			if tc.line != "" {
				text = strings.Replace(demo, tc.line+"\n", tc.by+"\n", 1)
			}
			wants(t, text, tc.want)
		})
	}
}

// Permission alone changes nothing: without a demo issuer the gateway may be
// anywhere.
func TestAllowedButNoDemoIssuer(t *testing.T) {
	t.Parallel()
	wants(t, least+"allow_demo_issuer: true\nlisten: 0.0.0.0:80\n", nil)
}

func TestServer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"port too high", "listen: 127.0.0.1:65536", []string{`16 listen: "127.0.0.1:65536" has no port from 0 to 65535`}},
		{"port by name", "listen: 127.0.0.1:http", []string{`16 listen: "127.0.0.1:http" has no port from 0 to 65535`}},
		{"a URL", "listen: http://127.0.0.1:80", []string{`16 listen: "http://127.0.0.1:80" is not an address and port such as 127.0.0.1:8080`}},
		{"no port", "listen: localhost", []string{`16 listen: "localhost" is not an address and port such as 127.0.0.1:8080`}},
		{"every address", "listen: ':80'", nil},
		{"public_url without scheme", "public_url: usher.example.com", []string{"16 public_url: must be an absolute URL"}},
		{"public_url plain", "public_url: http://usher.example.com", []string{"16 public_url: must be https, or http on loopback"}},
		{"public_url with a user", "public_url: https://u:p@usher.example.com", []string{"16 public_url: must not hold credentials"}},
		{"public_url with a fragment", "public_url: 'https://usher.example.com#x'", []string{"16 public_url: must not have a fragment"}},
		{"public_url with a query", "public_url: 'https://usher.example.com?a=b'", []string{"16 public_url: must not have a query"}},
		{"public_url with an empty query", "public_url: 'https://usher.example.com/x?'", []string{"16 public_url: must not have a query"}},
		{"public_url beyond ASCII", "public_url: https://bücher.example.com", []string{"16 public_url: must be in plain ASCII: links in mails begin with it"}},
		{"public_url with a quotation mark", "public_url: \"https://usher.example.com/a'b\"", []string{"16 public_url: must be in plain ASCII: links in mails begin with it"}},
		{"public_url with a path", "public_url: https://xn--bcher-kva.example.com:8443/in/vites", nil},
		{"ledger of another kind", "ledger: {url: 'mysql://x/y'}", []string{"16 ledger.url: must be sqlite: and the path of a file, as in sqlite:usher.db, or postgres://user:password@host:5432/database"}},
		{"ledger without a path", "ledger: {url: 'sqlite:'}", []string{"16 ledger.url: must be sqlite: and the path of a file, as in sqlite:usher.db, or postgres://user:password@host:5432/database"}},
		{"ledger without a database", "ledger: {url: 'postgres://user:pass@host:5432'}", []string{"16 ledger.url: must be sqlite: and the path of a file, as in sqlite:usher.db, or postgres://user:password@host:5432/database"}},
		{"ledger on Postgres", "ledger: {url: 'postgres://user:pass@host:5432/usher?sslmode=disable'}", nil},
		{"body too small", "limits: {body_bytes: 1}", []string{"16 limits.body_bytes: must be from 1024 to 1048576"}},
		{"too many requests", "limits: {requests_per_minute: 1000001}", []string{"16 limits.requests_per_minute: must be from 0 to 1000000"}},
		{"negative requests", "limits: {requests_per_minute: -1}", []string{"16 limits.requests_per_minute: must be from 0 to 1000000"}},
		{"no limit", "limits: {requests_per_minute: 0}", nil},
		{"no burst", "limits: {request_burst: 0}", []string{"16 limits.request_burst: must be from 1 to 100000"}},
		{"endless burst", "limits: {request_burst: 100001}", []string{"16 limits.request_burst: must be from 1 to 100000"}},
		{"too many mails", "limits: {mails: 1001}", []string{"16 limits.mails: must be from 0 to 1000"}},
		{"negative mails", "limits: {mails: -1}", []string{"16 limits.mails: must be from 0 to 1000"}},
		{"short window", "limits: {mail_window: 1ms}", []string{"16 limits.mail_window: must be from 1s to 24h0m0s"}},
		{"negative bad tokens", "limits: {failed_tokens: -1}", []string{"16 limits.failed_tokens: must be from 0 to 100000"}},
		{"no window of bad tokens", "limits: {failed_tokens_window: 0s}", []string{"16 limits.failed_tokens_window: must be from 1s to 24h0m0s"}},
		{"proxies", "trusted_proxies: [10.0.0.0/8, 192.0.2.1, '::1', '2001:db8::/32']", nil},
		{"proxies by name", "trusted_proxies: [proxy.example.com]", []string{`16 trusted_proxies[0]: "proxy.example.com" must be an address or a network such as 10.0.0.0/8`}},
		{"proxy within a network", "trusted_proxies: ['::1', 10.0.0.1/8]", []string{`16 trusted_proxies[1]: "10.0.0.1/8" is neither one address nor a network: 10.0.0.0/8 would be one`}},
		{"every proxy", "trusted_proxies: [0.0.0.0/0]", []string{`16 trusted_proxies[0]: "0.0.0.0/0" is everybody: name the proxies`}},
		{"body too large", "limits: {body_bytes: 1048577}", []string{"16 limits.body_bytes: must be from 1024 to 1048576"}},
		{"negative grace", "shutdown_grace: -1s", []string{"16 shutdown_grace: must be from 0s to 10m0s"}},
		{"endless grace", "shutdown_grace: 1h", []string{"16 shutdown_grace: must be from 0s to 10m0s"}},
		{"no grace", "shutdown_grace: 0s", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			wants(t, least+tc.text+"\n", tc.want)
		})
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	second := "  - {name: one, provider: asgardeo, issuers: [main], roles: {m: {provider: M}}, settings: {base_url: 'https://a.example', client_id: a, client_secret: b, application: c}}"
	for _, tc := range []struct {
		name, line, by string
		want           []string
	}{
		{"name", "  - name: one", "  - name: One_1", []string{"6 connections[0].name: must be 1 to 63 lower-case letters, digits and inner hyphens"}},
		{"same name", "      application: App", "      application: App\n" + second, []string{`16 connections[1].name: "one" is already that of connections[0]`}},
		{"issuer twice", "    issuers: [main]", "    issuers: [main, main]", []string{`8 connections[0].issuers[1]: "main" is there twice`}},
		{"acts as somebody else", "    issuers: [main]", "    issuers: [main]\n    act_as: root", []string{`9 connections[0].act_as: "root" is not one of service, caller`}},
		{"register", "    issuers: [main]", "    issuers: [main]\n    register: always", []string{`9 connections[0].register: "always" is not one of manual, auto`}},
		{"emails", "    issuers: [main]", "    issuers: [main]\n    emails: gmail", []string{`9 connections[0].emails: "gmail" is not one of lowercase, exact`}},
		{"too patient", "    issuers: [main]", "    issuers: [main]\n    timeout: 6m", []string{"9 connections[0].timeout: must be from 1s to 5m0s"}},
		{"limits", "    issuers: [main]", "    issuers: [main]\n    timeout: 5s\n    limit_wait: 5s\n    compare_every: 0s\n    limits:\n      scim2: {calls: 400}\n      bulk: {calls: 0, window: 2m}\n      all: {calls: 100, window: 1s}", nil},
		{"bad limits", "    issuers: [main]", "    issuers: [main]\n    timeout: 5s\n    limit_wait: 6m\n    compare_every: 59s\n    limits:\n      scim: {calls: 1}\n      server: {window: 2m}\n      oauth2: {calls: -1}\n      bulk: {calls: 1, window: 1ms}", []string{
			"10 connections[0].limit_wait: must be from 0s to 5m0s",
			"11 connections[0].compare_every: must be from 1m0s to 24h0m0s, or 0s for never",
			"13 connections[0].limits.scim: the provider asgardeo has no such class of calls: did you mean scim2?",
			"14 connections[0].limits.server.calls: is missing",
			"15 connections[0].limits.oauth2.calls: must be from 0 to 1000000",
			"16 connections[0].limits.bulk.window: must be from 1s to 24h0m0s",
		}},
		{"redirect", "    issuers: [main]", "    issuers: [main]\n    redirect_urls: ['/welcome', 'http://app.example.com', 'javascript:alert(1)']", []string{
			"9 connections[0].redirect_urls[0]: must be an absolute URL",
			"9 connections[0].redirect_urls[1]: must be https, or http on loopback",
			"9 connections[0].redirect_urls[2]: must be an absolute URL",
		}},
		{"grantable by", "      member: {provider: Member}", "      member: {provider: Member, grantable_by: [admin, 'a b']}", []string{
			`10 connections[0].roles.member.grantable_by[1]: "a b" is not a portable role: lower-case letters, digits, _ and -, beginning with a letter`,
		}},
		{"a role of the same name", "      member: {provider: Member}", "      member:", nil},
		{"no settings", "    settings:", "    settings: {}\n    colours:", []string{
			"11 connections[0].settings.application: is missing", "11 connections[0].settings.base_url: is missing",
			"11 connections[0].settings.client_id: is missing", "11 connections[0].settings.client_secret: is missing",
			"12 connections[0].colours: unknown key (known: name, provider, issuers, act_as, register, emails, timeout, limits, limit_wait, compare_every, accept_url, redirect_urls, roles, settings)",
		}},
		{"the adapter's own rules", "      base_url: https://api.asgardeo.io/t/acme", "      base_url: http://api.asgardeo.io\n      organization_scopes: [a, 'b c']\n      lag_wait: long", []string{
			"12 connections[0].settings.base_url: must be https unless the host is loopback",
			"13 connections[0].settings.organization_scopes[1]: is one scope, without blanks",
			"14 connections[0].settings.lag_wait: is not a duration such as 500ms, 5s or 72h",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			wants(t, with(t, tc.line, tc.by), tc.want)
		})
	}
}

// A rule for an issuer's client cannot reach into a connection that does not
// trust the issuer.
func TestServicesNeedTrust(t *testing.T) {
	t.Parallel()
	second := "    audiences: [usher]\n  - name: second\n    issuer: https://second.example.com\n    audiences: [usher]\n    services:\n      - client: c\n        grant: [invites:read]\n        organizations: [{connection: one, all: true}]"
	wants(t, with(t, "    audiences: [usher]", second), []string{
		`11 issuers[1].services[0].organizations[0].connection: connection "one" does not list the issuer "second" in its issuers`,
	})
}

func TestOrganizations(t *testing.T) {
	t.Parallel()
	const slug = "A slug is 1 to 63 lower-case letters, digits and inner hyphens."
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"good", "  - {slug: a, connection: one, provider_id: x}\n  - {slug: b, connection: one, provider_id: y}", nil},
		{"me", "  - {slug: me, connection: one, provider_id: x}", []string{"17 organizations[0].slug: This slug is reserved."}},
		{"like an id", "  - {slug: org_1, connection: one, provider_id: x}", []string{"17 organizations[0].slug: " + slug}},
		{"upper case", "  - {slug: Acme, connection: one, provider_id: x}", []string{"17 organizations[0].slug: " + slug}},
		{"nothing", "  - {}", []string{"17 organizations[0].connection: is missing", "17 organizations[0].provider_id: is missing", "17 organizations[0].slug: is missing"}},
		{"same slug", "  - {slug: a, connection: one, provider_id: x}\n  - {slug: a, connection: one, provider_id: y}", []string{`18 organizations[1].slug: "a" is already that of organizations[0]`}},
		{"same organization", "  - {slug: a, connection: one, provider_id: x}\n  - {slug: b, connection: one, provider_id: x}", []string{"18 organizations[1].provider_id: organizations[0] is the same organization of this connection"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			wants(t, least+"organizations:\n"+tc.text+"\n", tc.want)
		})
	}
}
