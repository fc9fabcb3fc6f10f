package clerk

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	sessionToken    = 60 * time.Second  // a token's life unless asked otherwise
	sessionCategory = "cl_B7d4PD111AAA" // header cat of session tokens, by which the vendor's SDK knows them
)

// sign makes a JWT of the instance's: RS256, typ JWT, kid, and cat unless empty.
func (s *Simulator) sign(claims map[string]any, category string) (string, error) {
	key, err := s.key()
	if err != nil {
		return "", fmt.Errorf("make key: %w", err)
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if category != "" {
		options = options.WithHeader("cat", category)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: s.instanceID}}, options)
	if err != nil {
		return "", fmt.Errorf("make signer: %w", err)
	}
	value, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return value, nil
}

// jwks serves the keys under both addresses (FACTS.md section 9).
func (s *Simulator) jwks(*call) (any, *failure) {
	key, err := s.key()
	if err != nil {
		return nil, refuse("internal_clerk_error", "There is no key.")
	}
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: key.Public(), KeyID: s.instanceID, Algorithm: string(jose.RS256), Use: "sig"},
	}}, nil
}

// tokenSpec is a session token to make.
type tokenSpec struct {
	base, session string
	user          *user
	org           string // active organization; empty: none
	version       int
	life          time.Duration
	party         string // azp
	pending       bool
}

// mint makes a session token of either version (FACTS.md section 9).
func (s *Simulator) mint(t tokenSpec) (string, error) {
	now := s.clock.Now()
	claims := map[string]any{
		"iss": t.base, "sub": t.user.id, "sid": t.session, "iat": now.Unix(), "exp": now.Add(cmp.Or(t.life, sessionToken)).Unix(),
		"nbf": now.Unix() - int64(s.q.NotBeforeSkewS), "fva": []int{0, -1},
	}
	if t.party != "" {
		claims["azp"] = t.party
	}
	if t.pending {
		claims["sts"] = "pending"
	}
	var m *membership
	if o := s.org(t.org); o != nil {
		m = s.member(o, t.user.id)
	}
	if t.version == 1 {
		claimsV1(claims, m)
	} else {
		claims["v"], claims["jti"], claims["pla"] = 2, newTraceID(), "u:free_user"
		claimsV2(claims, m)
	}
	return s.sign(claims, sessionCategory)
}

func claimsV1(claims map[string]any, m *membership) {
	if m == nil {
		return
	}
	permissions := []string{}
	for _, p := range m.role.custom() {
		permissions = append(permissions, p.key)
	}
	claims["org_id"], claims["org_slug"], claims["org_role"], claims["org_permissions"] = m.org.id, m.org.slug, m.role.key, permissions
}

// claimsV2 packs permissions: per lists their names, fea the features, and fpm
// has one number for each feature, with a bit for each name.
func claimsV2(claims map[string]any, m *membership) {
	if m == nil {
		return
	}
	o := map[string]any{"id": m.org.id, "slg": m.org.slug, "rol": strings.TrimPrefix(m.role.key, "org:")}
	claims["o"] = o
	var names, features []string
	masks := map[string]int{}
	for _, p := range m.role.custom() {
		_, name := p.split()
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, p := range m.role.custom() {
		feature, name := p.split()
		if !slices.Contains(features, feature) {
			features = append(features, feature)
		}
		masks[feature] |= 1 << slices.Index(names, name)
	}
	if len(features) == 0 {
		return
	}
	slices.Sort(features)
	var fea, fpm []string
	for _, feature := range features {
		fea, fpm = append(fea, "o:"+feature), append(fpm, fmt.Sprint(masks[feature]))
	}
	claims["fea"], o["per"], o["fpm"] = strings.Join(fea, ","), strings.Join(names, ","), strings.Join(fpm, ",")
}

// custom are the permissions that tokens carry: never the system's.
func (r *role) custom() []*permission {
	return filter(r.permissions, func(p *permission) bool { return !p.system })
}

// split takes org:feature:name apart.
func (p *permission) split() (feature, name string) {
	feature, name, _ = strings.Cut(strings.TrimPrefix(p.key, "org:"), ":")
	return feature, name
}
