package oidc

import (
	"strings"
	"time"
)

// noClaim as a path means that the thing is not taken from the token.
const noClaim = "-"

// withDefaults fills in what the configuration leaves open: from the preset,
// then from the common names of RFC 9068 and OpenID Connect.
func (c IssuerConfig) withDefaults() IssuerConfig {
	switch c.Preset {
	case PresetAsgardeo:
		// FACTS.md section 13: access tokens are at+jwt, org_id is the
		// organization the token is for. After a switch of organization older
		// servers put the wrong roles in; they count only where the
		// configuration maps them.
		fill(&c.Claims.Organization, "org_id")
		if len(c.Types) == 0 {
			c.Types = []string{"at+jwt"}
		}
	case PresetClerk:
		c.clerkDefaults()
	case PresetWorkOS:
		c.workosDefaults()
	case PresetNile:
		c.nileDefaults()
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
	if c.Introspection.on() {
		c.Introspection = c.Introspection.withDefaults()
	}
	fill(&c.Claims.Scopes, "scope")
	fill(&c.Claims.Roles, "roles")
	fill(&c.Claims.Email, "email")
	fill(&c.Claims.EmailVerified, "email_verified")
	fill(&c.Claims.Client, "client_id")
	return c
}

func (c IntrospectionConfig) withDefaults() IntrospectionConfig {
	if c.ClientAuth == "" {
		c.ClientAuth = ClientSecretBasic
	}
	inquiryDefaults(&c.Timeout, &c.Concurrency, &c.Failures)
	return c
}

func inquiryDefaults(timeout *time.Duration, concurrency, failures *int) {
	if *timeout == 0 {
		*timeout = defaultInquiryTime
	}
	if *concurrency == 0 {
		*concurrency = defaultInquiries
	}
	if *failures == 0 {
		*failures = defaultInquiryFails
	}
}

// clerkDefaults are those of contracts/clerk/FACTS.md section 9. The claims are
// named as clerkSession leaves them, the same for both versions of the token.
// A session token has no e-mail address of its own.
func (c *IssuerConfig) clerkDefaults() {
	if len(c.Types) == 0 {
		c.Types = []string{"JWT"}
	}
	if c.Leeway == 0 {
		c.Leeway = 5 * time.Second // the skew of the vendor's own verifiers
	}
	if c.DiscoveryURL == "" {
		fill(&c.JWKSURL, strings.TrimSuffix(c.Issuer, "/")+"/.well-known/jwks.json")
	}
	fill(&c.Claims.Organization, "org_id")
	fill(&c.Claims.Roles, "org_role")
	fill(&c.Claims.Scopes, "org_permissions")
	fill(&c.Claims.Client, "azp")
	fill(&c.Claims.Email, noClaim)
}

// workosDefaults are those of contracts/workos/FACTS.md section 11.
func (c *IssuerConfig) workosDefaults() {
	if c.DiscoveryURL == "" {
		fill(&c.JWKSURL, workosKeys(c.Issuer))
	}
	fill(&c.Claims.Organization, "org_id")
	fill(&c.Claims.Scopes, "permissions")
	fill(&c.Claims.Email, noClaim)
}

// nileDefaults name the claims as nileClaims writes them. Nile has no roles and
// no scopes that it tells (contracts/nile/FACTS.md section 3).
func (c *IssuerConfig) nileDefaults() {
	inquiryDefaults(&c.Session.Timeout, &c.Session.Concurrency, &c.Session.Failures)
	c.Claims = ClaimsConfig{
		Organization: "tenants", Email: "email", EmailVerified: "email_verified",
		Scopes: noClaim, Roles: noClaim, Client: noClaim,
	}
}

// claimsCheck returns the preset's check of a token's claims, which may also
// put them into other words. nil: there is none.
func (c IssuerConfig) claimsCheck() func(map[string]any) (map[string]any, error) {
	switch c.Preset {
	case PresetClerk:
		return clerkSession
	case PresetWorkOS:
		return workosAccess(workosClient(c.JWKSURL, workosKeysPath), c.Audiences)
	default:
		return nil
	}
}

func fill(s *string, value string) {
	if *s == "" {
		*s = value
	}
}
