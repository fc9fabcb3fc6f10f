package oidc

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
)

// checkNile checks the session section, and that nothing is configured which a
// session does not have: it would not do what it says.
func (c IssuerConfig) checkNile(p *problems) {
	for _, unused := range []struct {
		name  string
		value any
	}{
		{"discovery_url", c.DiscoveryURL}, {"jwks_url", c.JWKSURL}, {"audiences", c.Audiences}, {"authorized_parties", c.AuthorizedParties},
		{"algorithms", c.Algorithms}, {"types", c.Types}, {"leeway", c.Leeway}, {"introspection", c.Introspection}, {"claims", c.Claims},
	} {
		if v := reflect.ValueOf(unused.value); !v.IsZero() {
			p.add(unused.name, "is not used with preset nile: a session is no token, and Nile is asked about it")
		}
	}
	if len(c.Roles) > 0 {
		p.add("roles", "is not used with preset nile, which tells no roles: set session.role")
	}
	for i, r := range c.Permissions {
		if r.Scope != "" {
			p.add(fmt.Sprintf("permissions[%d].scope", i), "never holds with preset nile: a session has no scopes")
		}
	}
	for i, s := range c.Services {
		if s.Client != "" {
			p.add(fmt.Sprintf("services[%d].client", i), "never holds with preset nile, which tells no client: name the subject")
		}
	}
	c.Session.check(p.at("session"))
}

func (c SessionConfig) check(p *problems) {
	switch why := badAddress(c.URL); {
	case c.URL == "":
		p.add("url", "is missing")
	case why != "":
		p.add("url", "%q %s", c.URL, why)
	case strings.Contains(c.URL, "?"):
		p.add("url", "%q must not have a query: /me is asked below it", c.URL)
	}
	switch why := badAddress(c.Origin); {
	case c.Origin == "":
		p.add("origin", "is missing")
	case why != "":
		p.add("origin", "%q %s", c.Origin, why)
	default:
		if u, err := url.Parse(c.Origin); err != nil || c.Origin != u.Scheme+"://"+u.Host {
			p.add("origin", "%q is no origin: scheme, host and port alone", c.Origin)
		}
	}
	if c.Role != strings.TrimSpace(c.Role) {
		p.add("role", "%q has blanks at its ends", c.Role)
	}
	p.prefixes(c.Prefixes)
	p.inquiries(c.Timeout, c.Concurrency, c.Failures)
}
