package oidc

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"usher/identity"
)

// mapping turns an issuer's verified claims into principals.
type mapping struct {
	issuer string
	trust  []string // the connections that trust the issuer, sorted
	// aut: the aut claim says whether a token is an application's own
	// (FACTS.md section 13).
	aut bool

	organization, scopes, roles, email, emailVerified, client path

	everybody   string // the portable role of every person; empty: none
	portable    map[string]string
	permissions []PermissionRule
	services    []ServiceRule
}

func newMapping(c IssuerConfig, trust []string) (*mapping, error) {
	m := &mapping{
		issuer: c.Issuer, trust: slices.Compact(slices.Sorted(slices.Values(trust))), aut: c.Preset == PresetAsgardeo,
		everybody: c.Session.Role, portable: c.Roles, permissions: c.Permissions, services: c.Services,
	}
	for _, f := range []struct {
		text string
		to   *path
	}{
		{c.Claims.Organization, &m.organization}, {c.Claims.Scopes, &m.scopes}, {c.Claims.Roles, &m.roles},
		{c.Claims.Email, &m.email}, {c.Claims.EmailVerified, &m.emailVerified}, {c.Claims.Client, &m.client},
	} {
		var err error
		if *f.to, err = parsePath(f.text); err != nil {
			return nil, fmt.Errorf("claim path %q: %w", f.text, err)
		}
	}
	return m, nil
}

// principal maps claims that have passed policy.check. Token is left empty.
func (m *mapping) principal(claims map[string]any, expires time.Time) *Principal {
	p := &Principal{Issuer: m.issuer, ClientID: m.client.text(claims), Expires: expires, Permissions: map[identity.Permission]bool{}}
	p.Subject, _ = claims["sub"].(string)
	if p.ClientID == "" {
		p.ClientID, _ = claims["azp"].(string)
	}
	p.Email = m.provenEmail(claims)
	if rules := m.servicesOf(p, claims); len(rules) > 0 {
		serve(p, rules)
		return p
	}
	m.claimed(p, claims)
	return p
}

// provenEmail returns the address, if the issuer has verified it and somebody
// trusts the issuer's word.
func (m *mapping) provenEmail(claims map[string]any) string {
	if len(m.trust) == 0 || !m.emailVerified.yes(claims) {
		return ""
	}
	email := m.email.text(claims)
	if _, err := identity.ParseEmail(email); err != nil {
		return ""
	}
	return email
}

// claimed fills in what the token itself says.
func (m *mapping) claimed(p *Principal, claims map[string]any) {
	organizations := m.organization.texts(claims)
	for _, connection := range m.trust {
		for _, id := range organizations {
			p.Access.Claimed = append(p.Access.Claimed, identity.Alias{Connection: connection, ProviderID: id})
		}
	}
	roles := map[string]bool{}
	if m.everybody != "" {
		roles[m.everybody] = true
	}
	for _, role := range m.roles.texts(claims) {
		if key, ok := m.portable[role]; ok {
			roles[key] = true
		}
	}
	p.Roles = slices.Sorted(maps.Keys(roles))
	scopes := m.scopes.words(claims)
	for _, r := range m.permissions {
		if (r.Scope == "" || scopes[r.Scope]) && (r.Role == "" || roles[r.Role]) {
			p.grant(r.Grant)
		}
	}
}

func (p *Principal) grant(list []identity.Permission) {
	for _, g := range list {
		p.Permissions[g] = true
	}
}

// servicesOf returns the rules that hold for the token's client.
func (m *mapping) servicesOf(p *Principal, claims map[string]any) []ServiceRule {
	var rules []ServiceRule
	for _, r := range m.services {
		switch {
		case r.Subject != "" && r.Subject != p.Subject:
		case r.Client != "" && r.Client != p.ClientID:
		case r.Subject == "" && !m.ownToken(p, claims):
		default:
			rules = append(rules, r)
		}
	}
	return rules
}

// ownToken reports whether a token was issued to a client for itself, and not
// for a person who signed in through it: RFC 9068 section 2.2 makes sub the
// client then.
func (m *mapping) ownToken(p *Principal, claims map[string]any) bool {
	if m.aut {
		if aut, ok := claims["aut"]; ok {
			return aut == "APPLICATION"
		}
	}
	return p.Subject == p.ClientID
}

// serve fills in what the rules give, and nothing else.
func serve(p *Principal, rules []ServiceRule) {
	for _, r := range rules {
		p.grant(r.Grant)
		if r.Role != "" && !slices.Contains(p.Roles, r.Role) {
			p.Roles = append(p.Roles, r.Role)
		}
		for _, o := range r.Organizations {
			p.Access.Rules = append(p.Access.Rules, identity.AccessRule{
				Connection: o.Connection, All: o.All, Organizations: o.Only,
			})
		}
	}
	slices.Sort(p.Roles)
}
