package oidc

import (
	"errors"
	"net/url"
	"strings"
)

// The addresses of WorkOS that name a client (contracts/workos/FACTS.md
// section 11).
const (
	workosIssuerPath = "/user_management/"
	workosKeysPath   = "/sso/jwks/"
)

// workosClient returns the client that an address names after a path, at its
// end, or "".
func workosClient(address, path string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	_, client, found := strings.Cut(u.Path, path)
	if !found || strings.Contains(client, "/") {
		return ""
	}
	return client
}

// workosKeys returns where the keys of an issuer of the long form are: there is
// one set a client. Empty: the issuer does not name its client.
func workosKeys(issuer string) string {
	if workosClient(issuer, workosIssuerPath) == "" {
		return ""
	}
	return strings.Replace(issuer, workosIssuerPath, workosKeysPath, 1)
}

// workosAccess returns the check of an AuthKit access token. Its claims come
// back with the client in client_id, and role in roles where there is no list;
// roles and permissions without an organization are left out.
func workosAccess(client string, audiences []string) func(map[string]any) (map[string]any, error) {
	return func(claims map[string]any) (map[string]any, error) {
		if v, ok := claims["client_id"]; ok && v != client {
			return nil, errWrongAudience
		}
		// Tokens have no aud as a rule. One that is there must be ours, as RFC
		// 7519 section 4.1.3 demands.
		aud, err := audience(claims)
		if err != nil {
			return nil, err
		}
		if len(audiences) == 0 && len(aud) > 0 && !contains(aud, client) {
			return nil, errWrongAudience
		}
		active := map[string]any{"client_id": client}
		if v, ok := claims["org_id"]; ok {
			if id, _ := v.(string); id == "" {
				return nil, errors.New("org_id is not a string")
			}
			active["org_id"] = v
			for _, name := range []string{"role", "roles", "permissions"} {
				if v, ok := claims[name]; ok {
					active[name] = v
				}
			}
			if role, ok := claims["role"].(string); ok && active["roles"] == nil {
				active["roles"] = []any{role}
			}
		}
		return withClaims(claims, active, "client_id", "org_id", "role", "roles", "permissions"), nil
	}
}

// checkWorkOS makes sure that the key set is one client's: nothing else in the
// vendor's tokens says whom they are for.
func (c IssuerConfig) checkWorkOS(p *problems) {
	named := workosClient(c.Issuer, workosIssuerPath)
	switch keys := workosClient(c.JWKSURL, workosKeysPath); {
	case c.DiscoveryURL != "":
		p.add("discovery_url", "is not used with preset workos: each client has a key set of its own, at jwks_url")
	case c.JWKSURL == "" && named == "":
		p.add("jwks_url", "is missing: the issuer does not name the client, so the address must, as in https://api.workos.com/sso/jwks/client_…")
	case c.JWKSURL != "" && keys == "":
		p.add("jwks_url", "%q does not end in /sso/jwks/ and the client", c.JWKSURL)
	case c.JWKSURL != "" && named != "" && keys != named:
		p.add("jwks_url", "is the key set of %s, and the issuer is that of %s", keys, named)
	}
}
