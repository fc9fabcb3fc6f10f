package workos

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const keyBits = 2048

// keys is the application's signing key with its certificate, made when it is
// first needed.
type keys struct {
	once        sync.Once
	key         *rsa.PrivateKey
	certificate *x509.Certificate
	err         error
}

func (k *keys) private() (*rsa.PrivateKey, *x509.Certificate, error) {
	k.once.Do(func() {
		if k.key == nil {
			if k.key, k.err = rsa.GenerateKey(rand.Reader, keyBits); k.err != nil {
				return
			}
		}
		// Long enough for any simulated clock.
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "WorkOS sandbox"},
			NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
		}
		raw, err := x509.CreateCertificate(rand.Reader, template, template, k.key.Public(), k.key)
		if err == nil {
			k.certificate, err = x509.ParseCertificate(raw)
		}
		k.err = err
	})
	return k.key, k.certificate, k.err
}

// issuer is the iss of access tokens (FACTS.md section 11).
func (s *Simulator) issuer(base string) string {
	base = strings.TrimSuffix(base, "/")
	switch s.q.TokenIssuer {
	case "client":
		return base + "/user_management/" + s.o.ClientID
	case "host":
		return base
	}
	return s.q.TokenIssuer
}

func (s *Simulator) keyID() string {
	return "sso_oidc_key_pair_" + strings.TrimPrefix(s.o.ClientID, "client_")
}

// reserved are the claims that no template changes.
func reserved() []string { return []string{"iss", "sub", "exp", "iat", "nbf", "jti"} }

// accessToken signs an access token for a session. It is empty without a key,
// which only a broken random source causes.
func (s *Simulator) accessToken(base string, x *session) string {
	key, _, err := s.keys.private()
	if err != nil {
		return ""
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: s.keyID()}}, nil)
	if err != nil {
		return ""
	}
	now := s.clock.Now()
	claims := object{}
	if m := s.membershipOf(x.user, x.organization); m != nil && m.status == statusActive {
		roles := s.inPriority(m)
		claims["org_id"], claims["role"], claims["roles"] = m.organization, roles[0], roles
		claims["permissions"] = s.permissionsOf(m)
	}
	if s.q.TokenAudience != "" {
		claims["aud"] = s.q.TokenAudience
	}
	claims["sid"] = x.id
	maps.Copy(claims, s.q.TokenClaims)
	for _, name := range reserved() {
		delete(claims, name)
	}
	claims["iss"], claims["sub"], claims["jti"] = s.issuer(base), x.user, strings.TrimPrefix(s.newID("jti"), "jti_")
	claims["iat"], claims["exp"] = now.Unix(), now.Unix()+int64(s.q.TokenLifeSeconds)
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return ""
	}
	return token
}

// permissionsOf are those of the roles that apply to a whole organization.
func (s *Simulator) permissionsOf(m *membership) []string {
	all := []string{}
	for _, slug := range m.roles {
		if r := s.assignable(m.organization, slug); r != nil {
			all = append(all, r.permissions...)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}

// jwks is public; each client has its own (FACTS.md section 11).
func (s *Simulator) jwks(c *call) reply {
	if c.params["client"] != s.o.ClientID {
		return s.notFound("Application", c.params["client"])
	}
	key, certificate, err := s.keys.private()
	if err != nil {
		return messageReply(http.StatusInternalServerError, "Internal Server Error")
	}
	sum := sha256.Sum256(certificate.Raw)
	return ok(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{
		Key: key.Public(), KeyID: s.keyID(), Algorithm: string(jose.RS256), Use: "sig",
		Certificates: []*x509.Certificate{certificate}, CertificateThumbprintSHA256: sum[:],
	}}})
}
