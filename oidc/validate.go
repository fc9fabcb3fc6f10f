package oidc

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"usher/identity"
)

const (
	defaultLeeway = 30 * time.Second
	maxLeeway     = 2 * time.Minute
)

// Validate returns every problem of the issuers' configuration as
// *ConfigError, none if it is good. Paths begin with issuers[i].
func Validate(issuers []IssuerConfig) []error {
	p := &problems{}
	names, urls := map[string]int{}, map[string]int{}
	for i, c := range issuers {
		at := p.at("issuers[%d]", i)
		c.check(at)
		at.once(names, c.Name, i, "name")
		at.once(urls, c.Issuer, i, "issuer")
	}
	checkPrefixes(issuers, p)
	return *p.list()
}

// Validate returns every problem of one issuer's configuration as
// *ConfigError, with paths relative to it.
func (c IssuerConfig) Validate() []error {
	p := &problems{}
	c.check(p)
	return *p.list()
}

// problems collects what is wrong below one path.
type problems struct {
	prefix string
	all    *[]error
}

func (p *problems) list() *[]error {
	if p.all == nil {
		p.all = new([]error)
	}
	return p.all
}

func (p *problems) at(format string, args ...any) *problems {
	return &problems{prefix: p.path(fmt.Sprintf(format, args...)), all: p.list()}
}

func (p *problems) path(name string) string {
	if p.prefix == "" || name == "" {
		return p.prefix + name
	}
	return p.prefix + "." + name
}

func (p *problems) add(name, format string, args ...any) {
	all := p.list()
	*all = append(*all, &ConfigError{Path: p.path(name), Message: fmt.Sprintf(format, args...)})
}

// once complains about a value that an earlier issuer has already.
func (p *problems) once(seen map[string]int, value string, i int, name string) {
	if value == "" {
		return
	}
	if first, ok := seen[value]; ok {
		p.add(name, "%q is already that of issuers[%d]", value, first)
		return
	}
	seen[value] = i
}

// words checks a list of non-empty, distinct strings.
func (p *problems) words(name string, list []string) {
	for i, s := range list {
		switch {
		case s == "" || s != strings.TrimSpace(s):
			p.add(fmt.Sprintf("%s[%d]", name, i), "is empty or has blanks at its ends")
		case slices.Index(list, s) < i:
			p.add(fmt.Sprintf("%s[%d]", name, i), "%q is there twice", s)
		}
	}
}

func (c IssuerConfig) check(p *problems) {
	switch {
	case c.Name == "":
		p.add("name", "is missing")
	case len(c.Name) > 64 || strings.ContainsFunc(c.Name, notInName):
		p.add("name", "may have up to 64 letters, digits, dots, dashes and underscores")
	}
	if c.Preset != "" && !slices.Contains(presets(), c.Preset) {
		p.add("preset", "%q is not built into this version: asgardeo, clerk, workos, nile or none, with claims configured by hand", c.Preset)
	}
	c.checkAddresses(p)
	p.words("audiences", c.Audiences)
	p.words("authorized_parties", c.AuthorizedParties)
	if c.Preset == PresetWorkOS {
		c.checkWorkOS(p)
	} else if c.Preset != PresetNile && len(c.Audiences) == 0 && len(c.AuthorizedParties) == 0 {
		p.add("audiences", "is missing: without audiences or authorized_parties every token of the issuer would do, whomever it was issued for")
	}
	c.checkHeader(p)
	if c.Leeway < 0 || c.Leeway > maxLeeway {
		p.add("leeway", "%s is not between 0s and %s", c.Leeway, maxLeeway)
	}
	if c.Preset == PresetNile {
		c.checkNile(p)
	} else {
		c.checkIntrospection(p.at("introspection"))
		if !reflect.ValueOf(c.Session).IsZero() {
			p.add("session", "is for preset nile alone")
		}
	}
	c.checkClaims(p)
	c.checkPermissions(p)
	c.checkServices(p)
}

func notInName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
}

func (c IssuerConfig) checkAddresses(p *problems) {
	if c.Issuer == "" {
		p.add("issuer", "is missing")
	} else if why := badAddress(c.Issuer); why != "" {
		p.add("issuer", "%q %s", c.Issuer, why)
	} else if c.Demo && !loopbackAddress(c.Issuer) {
		p.add("demo", "a demo issuer must be on loopback, and %q is not", c.Issuer)
	}
	if c.DiscoveryURL != "" && c.JWKSURL != "" {
		p.add("discovery_url", "is not used together with jwks_url: drop one of the two")
	}
	for _, a := range []struct{ name, value string }{{"discovery_url", c.DiscoveryURL}, {"jwks_url", c.JWKSURL}} {
		if a.value == "" {
			continue
		}
		if why := badAddress(a.value); why != "" {
			p.add(a.name, "%q %s", a.value, why)
		}
	}
}

// badAddress says what is wrong with an address keys may depend on, or "".
func badAddress(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return "is not an absolute address"
	case u.User != nil:
		return "must not hold credentials"
	case u.Fragment != "" || strings.Contains(s, "#"):
		return "must not have a fragment"
	case u.Scheme == "https":
		return ""
	case u.Scheme != "http":
		return "is not an https address"
	case !loopbackHost(u.Hostname()):
		return "is http, which is for loopback only: use https"
	default:
		return ""
	}
}

func loopbackHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func loopbackAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && loopbackHost(u.Hostname())
}

func (c IssuerConfig) checkHeader(p *problems) {
	for i, a := range c.Algorithms {
		at := fmt.Sprintf("algorithms[%d]", i)
		switch {
		case slices.Index(c.Algorithms, a) < i:
			p.add(at, "%q is there twice", a)
		case strings.EqualFold(a, "none") || strings.HasPrefix(strings.ToUpper(a), "HS"):
			p.add(at, "%q is refused: only asymmetric signatures prove who issued a token (%s)", a, strings.Join(algorithms(), ", "))
		case !slices.Contains(algorithms(), a):
			p.add(at, "%q is not known: use one of %s", a, strings.Join(algorithms(), ", "))
		}
	}
	p.words("types", c.Types)
}

func (c IssuerConfig) checkClaims(p *problems) {
	for _, f := range []struct{ name, value string }{
		{"organization", c.Claims.Organization}, {"scopes", c.Claims.Scopes}, {"roles", c.Claims.Roles},
		{"email", c.Claims.Email}, {"email_verified", c.Claims.EmailVerified}, {"client", c.Claims.Client},
	} {
		if _, err := parsePath(f.value); err != nil {
			p.add("claims."+f.name, "%q %s", f.value, err)
		}
	}
	for _, role := range slices.Sorted(maps.Keys(c.Roles)) {
		if role == "" || c.Roles[role] == "" {
			p.add("roles."+role, "needs the token's role and the portable role it stands for")
		}
	}
}

func (c IssuerConfig) checkPermissions(p *problems) {
	portable := append(slices.Collect(maps.Values(c.Roles)), c.Session.Role)
	for i, r := range c.Permissions {
		at := p.at("permissions[%d]", i)
		if r.Scope == "" && r.Role == "" {
			at.add("", "names neither scope nor role, and so would hold for everybody")
		}
		if strings.ContainsAny(r.Scope, " \t\r\n") {
			at.add("scope", "%q is not one scope: it contains blanks", r.Scope)
		}
		if r.Role != "" && !slices.Contains(portable, r.Role) {
			at.add("role", "%q is a portable role that no entry of roles yields", r.Role)
		}
		at.grant(r.Grant)
	}
}

func (p *problems) grant(list []identity.Permission) {
	if len(list) == 0 {
		p.add("grant", "is missing: the rule gives nothing")
	}
	for i, g := range list {
		at := fmt.Sprintf("grant[%d]", i)
		switch {
		case !slices.Contains(identity.Permissions(), g):
			p.add(at, "%q is not a permission of this version: use %s", g, permissionNames())
		case slices.Index(list, g) < i:
			p.add(at, "%q is there twice", g)
		}
	}
}

func permissionNames() string {
	var names []string
	for _, g := range identity.Permissions() {
		names = append(names, string(g))
	}
	return strings.Join(names, ", ")
}

func (c IssuerConfig) checkServices(p *problems) {
	type who struct{ client, subject string }
	seen := map[who]int{}
	for i, s := range c.Services {
		at := p.at("services[%d]", i)
		w := who{s.Client, s.Subject}
		if first, ok := seen[w]; ok && w != (who{}) {
			at.add("", "is for the same client and subject as services[%d]", first)
		} else {
			seen[w] = i
		}
		if w == (who{}) {
			at.add("", "names neither client nor subject, and so would hold for everybody")
		}
		at.grant(s.Grant)
		for j, o := range s.Organizations {
			o.check(at.at("organizations[%d]", j))
		}
	}
}

func (o OrganizationRule) check(p *problems) {
	if o.Connection == "" {
		p.add("connection", "is missing")
	}
	switch {
	case o.All && len(o.Only) > 0:
		p.add("only", "contradicts all: drop one of the two")
	case !o.All && len(o.Only) == 0:
		p.add("", "gives no organization: set all, or list some in only")
	}
	p.words("only", o.Only)
}
