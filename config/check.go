package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/identity"
	"usher/internal/loopback"
	"usher/oidc"
	"usher/providers"
)

// Bounds of what may be configured.
const (
	minBody, maxBody       = 1 << 10, 1 << 20
	maxGrace               = 10 * time.Minute
	maxMails               = 1000
	maxFailedTokens        = 100000
	minFailedTokensWindow  = time.Second
	maxFailedTokensWindow  = 24 * time.Hour
	minMailWindow          = time.Second
	maxMailWindow          = 24 * time.Hour
	minTimeout, maxTimeout = time.Second, 5 * time.Minute
	maxRequests            = 1_000_000
	maxBurst               = 100_000
)

var (
	connectionName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	roleKey        = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	problemPath    = regexp.MustCompile(`^([a-z0-9_]+(?:\[\d+\])?(?:\.[a-z0-9_]+(?:\[\d+\])?)*): (.+)$`)
)

// cross checks what has been decoded: each part by its own rules, then the
// names that refer to one another. Places that could not be decoded are not
// blamed again.
func (d *decoder) cross(c *Config) {
	d.server(c)
	d.foreign("", oidc.Validate(c.Issuers))
	for i := range c.Connections {
		d.connection(c, i)
	}
	for i := range c.Issuers {
		d.services(c, i)
	}
	for i := range c.Organizations {
		d.organization(c, i)
	}
	d.demo(c)
}

// once reports a problem unless the place has one already.
func (d *decoder) once(path, format string, args ...any) {
	if !d.blamed(path) {
		d.problem(path, format, args...)
	}
}

// foreign takes over problems of another package: *oidc.ConfigError, or texts
// that begin with the path of a field and a colon.
func (d *decoder) foreign(prefix string, problems []error) {
	known := slices.Clone(d.problems)
	for _, err := range problems {
		path, text := prefix, err.Error()
		var structured *oidc.ConfigError
		if errors.As(err, &structured) {
			path, text = join(prefix, structured.Path), structured.Message
		} else if m := problemPath.FindStringSubmatch(text); m != nil {
			path, text = join(prefix, m[1]), m[2]
		}
		if !(&decoder{problems: known}).blamed(path) {
			d.problem(path, "%s", text)
		}
	}
}

func (d *decoder) server(c *Config) {
	if host, port, err := net.SplitHostPort(c.Listen); err != nil {
		d.once("listen", "%q is not an address and port such as 127.0.0.1:8080", c.Listen)
	} else if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		d.once("listen", "%q has no port from 0 to 65535", c.Listen)
	} else if strings.ContainsAny(host, "/ ") {
		d.once("listen", "%q has no host name or address before its port", c.Listen)
	}
	if c.PublicURL != "" {
		if why := badBase(c.PublicURL); why != "" {
			d.once("public_url", "%s", why)
		}
	}
	for i, proxy := range c.TrustedProxies {
		if _, err := parseNetwork(proxy); err != nil {
			d.once(fmt.Sprintf("trusted_proxies[%d]", i), "%q %s", proxy, err)
		}
	}
	if why := c.Ledger.URL.problem(); why != "" {
		d.once("ledger.url", "%s", why)
	}
	if c.Mail != nil {
		d.foreign("mail", c.Mail.Validate())
	}
	d.callers(c.Limits)
	d.tracing(c)
	if c.ShutdownGrace < 0 || c.ShutdownGrace > maxGrace {
		d.once("shutdown_grace", "must be from 0s to %s", maxGrace)
	}
}

// badURL says what is wrong with the address of a page or service, or "".
func badURL(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return "must be an absolute URL"
	case u.User != nil:
		return "must not hold credentials"
	case strings.Contains(s, "#"):
		return "must not have a fragment"
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback.Is(u.Hostname())):
		return "must be https, or http on loopback"
	default:
		return ""
	}
}

// badBase says what is wrong with the address that links in mails begin with, or
// "". The mails insist on the same characters.
func badBase(s string) string {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'<>\\^`{|}", r) }
	switch why := badURL(s); {
	case why != "":
		return why
	case strings.Contains(s, "?"):
		return "must not have a query"
	case strings.ContainsFunc(s, odd):
		return "must be in plain ASCII: links in mails begin with it"
	default:
		return ""
	}
}

func (d *decoder) connection(c *Config, i int) {
	one, at := &c.Connections[i], fmt.Sprintf("connections[%d]", i)
	if one.Name != "" && !connectionName.MatchString(one.Name) {
		d.once(at+".name", "must be 1 to 63 lower-case letters, digits and inner hyphens")
	}
	first := slices.IndexFunc(c.Connections, func(o Connection) bool { return o.Name == one.Name })
	if first < i && one.Name != "" {
		d.once(at+".name", "%q is already that of connections[%d]", one.Name, first)
	}
	for j, name := range one.Issuers {
		path := fmt.Sprintf("%s.issuers[%d]", at, j)
		switch {
		case !slices.ContainsFunc(c.Issuers, func(o oidc.IssuerConfig) bool { return o.Name == name }):
			d.once(path, "there is no issuer %q", name)
		case slices.Index(one.Issuers, name) < j:
			d.once(path, "%q is there twice", name)
		}
	}
	if one.Timeout < minTimeout || one.Timeout > maxTimeout {
		d.once(at+".timeout", "must be from %s to %s", minTimeout, maxTimeout)
	}
	for j, page := range one.RedirectURLs {
		if why := badURL(page); why != "" {
			d.once(fmt.Sprintf("%s.redirect_urls[%d]", at, j), "%s", why)
		}
	}
	d.roles(one, at+".roles")
	if one.AcceptURL != "" {
		if why := badURL(one.AcceptURL); why != "" {
			d.once(at+".accept_url", "%s", why)
		}
	}
	if one.Settings != nil {
		d.needs(c, one)
		d.foreign(at+".settings", one.Settings.Validate())
		d.limits(one, at)
	}
}

// needs checks that what a connection's provider needs of the house is there.
func (d *decoder) needs(c *Config, one *Connection) {
	n, ok := one.Settings.(providers.Needer)
	if !ok {
		return
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if n.Needs().Links && c.PublicURL == "" && (err != nil || !loopback.Is(host)) {
		d.once("public_url", "is needed: invitees of the connection %q accept by a link to it", one.Name)
	}
	if n.Needs().Mail && c.Mail == nil {
		d.once("mail", "is needed: usher mails the invitations of the connection %q itself", one.Name)
	}
}

func (d *decoder) roles(c *Connection, at string) {
	const want = "%q is not a portable role: lower-case letters, digits, _ and -, beginning with a letter"
	for _, key := range slices.Sorted(maps.Keys(c.Roles)) {
		if !roleKey.MatchString(key) {
			d.once(join(at, key), want, key)
		}
		for i, by := range c.Roles[key].GrantableBy {
			if !roleKey.MatchString(by) {
				d.once(fmt.Sprintf("%s.grantable_by[%d]", join(at, key), i), want, by)
			}
		}
	}
}

// services checks that the rules of an issuer's clients name connections that
// trust this issuer: a connection's own list decides whom it serves.
func (d *decoder) services(c *Config, i int) {
	issuer := &c.Issuers[i]
	for j, rule := range issuer.Services {
		for k, o := range rule.Organizations {
			path := fmt.Sprintf("issuers[%d].services[%d].organizations[%d].connection", i, j, k)
			n := slices.IndexFunc(c.Connections, func(x Connection) bool { return x.Name == o.Connection })
			switch {
			case o.Connection == "":
			case n < 0:
				d.once(path, "there is no connection %q", o.Connection)
			case !slices.Contains(c.Connections[n].Issuers, issuer.Name):
				d.once(path, "connection %q does not list the issuer %q in its issuers", o.Connection, issuer.Name)
			}
		}
	}
}

func (d *decoder) organization(c *Config, i int) {
	one, at := &c.Organizations[i], fmt.Sprintf("organizations[%d]", i)
	if one.Slug != "" {
		if err := identity.CheckSlug(one.Slug); err != nil {
			d.once(at+".slug", "%s", detail(err))
		}
	}
	for j, other := range c.Organizations[:i] {
		if other.Slug == one.Slug && one.Slug != "" {
			d.once(at+".slug", "%q is already that of organizations[%d]", one.Slug, j)
		}
		if other.ProviderID == one.ProviderID && other.Connection == one.Connection && one.ProviderID != "" {
			d.once(at+".provider_id", "organizations[%d] is the same organization of this connection", j)
		}
	}
	if one.Connection != "" && !slices.ContainsFunc(c.Connections, func(x Connection) bool { return x.Name == one.Connection }) {
		d.once(at+".connection", "there is no connection %q", one.Connection)
	}
}

func detail(err error) string {
	var e *identity.Error
	if errors.As(err, &e) && e.Detail != "" {
		return e.Detail
	}
	return err.Error()
}

// demo confines the sandbox's issuer, whose keys protect nothing, to
// configurations that say so and reach no further than this machine.
func (d *decoder) demo(c *Config) {
	first := slices.IndexFunc(c.Issuers, func(i oidc.IssuerConfig) bool { return i.Demo })
	if first < 0 {
		return
	}
	if !c.AllowDemoIssuer {
		d.once(fmt.Sprintf("issuers[%d].demo", first), "the demo issuer is refused unless allow_demo_issuer is true")
		return
	}
	const why = "must be on loopback, since a demo issuer is accepted"
	if host, _, err := net.SplitHostPort(c.Listen); err == nil && !loopback.Is(host) {
		d.once("listen", why)
	}
	if remote(c.PublicURL) {
		d.once("public_url", why)
	}
	if c.Mail != nil && !loopback.Is(c.Mail.Host) {
		d.once("mail.host", why)
	}
	for i, issuer := range c.Issuers {
		for key, address := range map[string]string{"issuer": issuer.Issuer, "discovery_url": issuer.DiscoveryURL, "jwks_url": issuer.JWKSURL, "introspection.endpoint": issuer.Introspection.Endpoint, "session.url": issuer.Session.URL} {
			if remote(address) {
				d.once(fmt.Sprintf("issuers[%d].%s", i, key), why)
			}
		}
	}
	for i, connection := range c.Connections {
		for _, key := range remoteSettings(connection.Settings) {
			d.once(fmt.Sprintf("connections[%d].settings.%s", i, key), why)
		}
	}
}

// remote reports whether a text is the URL of another machine.
func remote(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Host != "" && !loopback.Is(u.Hostname())
}

// remoteSettings lists the settings that hold the URL of another machine.
func remoteSettings(settings providers.Config) []string {
	v := reflect.Indirect(reflect.ValueOf(settings))
	if v.Kind() != reflect.Struct {
		return nil
	}
	var keys []string
	for _, f := range fieldsOf(v.Type()) {
		if field := v.FieldByIndex(f.index); field.Kind() == reflect.String && remote(field.String()) {
			keys = append(keys, f.Key)
		}
	}
	return keys
}
