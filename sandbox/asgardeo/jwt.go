package asgardeo

import (
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const keyID = "asgardeo-sandbox"

// issuer is the token endpoint's URL; it stays the root's after a switch
// (FACTS.md section 13).
func (s *Simulator) issuer(base string) string {
	return strings.TrimSuffix(base, "/") + "/t/" + s.o.Root + "/oauth2/token"
}

// sign makes a token's JWT. Without a key, which only a broken random source
// causes, the token stays opaque.
func (s *Simulator) sign(t *token, base string) string {
	key, err := s.key()
	if err != nil {
		return t.value
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: keyID}},
		(&jose.SignerOptions{}).WithType("at+jwt"))
	if err != nil {
		return t.value
	}
	claims := map[string]any{
		"iss": s.issuer(base), "sub": t.subject(), "azp": t.app.ClientID, "client_id": t.app.ClientID, "aud": t.app.ClientID,
		"iat": t.issued.Unix(), "nbf": t.issued.Unix(), "exp": t.expires.Unix(), "jti": t.jti, "aut": t.kind(),
	}
	if s.q.ScopeArray {
		claims["scope"] = append([]string{}, t.scopes...)
	} else {
		claims["scope"] = strings.Join(t.scopes, " ")
	}
	if t.userOrg != "" && t.org != s.rootID { // absent in plain root tokens
		claims["user_org"] = t.userOrg
	}
	s.describeOrg(claims, t)
	value, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return t.value
	}
	return value
}

func (s *Simulator) jwks(*call) reply {
	key, err := s.key()
	if err != nil {
		return oauthError(http.StatusInternalServerError, "server_error", "No key.")
	}
	return jsonReply(http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: key.Public(), KeyID: keyID, Algorithm: string(jose.RS256), Use: "sig"},
	}})
}

func (s *Simulator) discovery(c *call) reply {
	home := c.base + "/t/" + s.o.Root + "/oauth2"
	return jsonReply(http.StatusOK, map[string]any{
		"issuer":                                s.issuer(c.base),
		"token_endpoint":                        home + "/token",
		"jwks_uri":                              home + "/jwks",
		"introspection_endpoint":                home + "/introspect",
		"revocation_endpoint":                   home + "/revoke",
		"authorization_endpoint":                home + "/authorize",
		"grant_types_supported":                 []string{grantClient, grantSwitch},
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
	})
}
