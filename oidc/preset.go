package oidc

import "strings"

// noClaim as a path means that the thing is not taken from the token.
const noClaim = "-"

// withDefaults fills in what the configuration leaves open: from the preset,
// then from the common names of RFC 9068 and OpenID Connect.
func (c IssuerConfig) withDefaults() IssuerConfig {
	if c.Preset == PresetAsgardeo {
		// FACTS.md section 13: access tokens are at+jwt, org_id is the
		// organization the token is for. After a switch of organization older
		// servers put the wrong roles in; they count only where the
		// configuration maps them.
		fill(&c.Claims.Organization, "org_id")
		if len(c.Types) == 0 {
			c.Types = []string{"at+jwt"}
		}
	}
	if len(c.Types) == 0 {
		c.Types = []string{"at+jwt", "JWT"}
	}
	if len(c.Algorithms) == 0 {
		c.Algorithms = []string{"RS256"}
	}
	if c.Leeway == 0 {
		c.Leeway = defaultLeeway
	}
	if c.DiscoveryURL == "" && c.JWKSURL == "" {
		c.DiscoveryURL = strings.TrimSuffix(c.Issuer, "/") + "/.well-known/openid-configuration"
	}
	fill(&c.Claims.Scopes, "scope")
	fill(&c.Claims.Roles, "roles")
	fill(&c.Claims.Email, "email")
	fill(&c.Claims.EmailVerified, "email_verified")
	fill(&c.Claims.Client, "client_id")
	return c
}

func fill(s *string, value string) {
	if *s == "" {
		*s = value
	}
}
