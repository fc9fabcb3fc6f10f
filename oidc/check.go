package oidc

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"time"
)

const (
	// maxSubject is OpenID Connect Core section 2's limit for sub.
	maxSubject = 255
	// maxSeconds is the last second of the year 9999.
	maxSeconds = 253402300799
)

// policy is what an issuer's tokens must look like.
type policy struct {
	issuer            string
	algorithms        []string
	types             []string // normalized
	leeway            time.Duration
	audiences         []string
	authorizedParties []string
	azpOnly           bool // client_id never stands in for azp
	// session is the preset's own check, which may put the claims into other
	// words; nil: none.
	session func(map[string]any) (map[string]any, error)
}

func newPolicy(c IssuerConfig) policy {
	p := policy{
		issuer: c.Issuer, algorithms: c.Algorithms, leeway: c.Leeway,
		audiences: c.Audiences, authorizedParties: c.AuthorizedParties,
		azpOnly: c.Preset == PresetClerk, session: c.claimsCheck(),
	}
	for _, t := range c.Types {
		p.types = append(p.types, normalType(t))
	}
	return p
}

// check does everything that needs no key. It leaves the claims in the words
// that the mapping reads.
func (p *policy) check(t *token, now time.Time) *refusal {
	if !slices.Contains(p.algorithms, t.header.alg) {
		return refuse(reasonAlgorithm, "algorithm %s is not accepted", cut(t.header.alg))
	}
	if r := p.checkType(t); r != nil {
		return r
	}
	if r := p.checkTime(t.claims, now, true); r != nil {
		return r
	}
	if r := checkSubject(t.claims); r != nil {
		return r
	}
	if r := p.checkAudience(t.claims); r != nil {
		return r
	}
	return p.checkSession(t)
}

// errWrongAudience is a preset's word that a token is for somebody else.
var errWrongAudience = errors.New("the token was issued to another client")

func (p *policy) checkSession(t *token) *refusal {
	if p.session == nil {
		return nil
	}
	claims, err := p.session(t.claims)
	switch {
	case errors.Is(err, errWrongAudience):
		return refuse(reasonAudience, "%w", err)
	case err != nil:
		return refuse(reasonClaims, "%w", err)
	}
	t.claims = claims
	return nil
}

// checkType accepts access tokens only. Many issuers give ID tokens the typ
// JWT as well, so a token that does not call itself an access token must not
// have the marks of another kind.
func (p *policy) checkType(t *token) *refusal {
	typ := normalType(t.header.typ)
	if typ == "" {
		typ = "jwt"
	}
	if !slices.Contains(p.types, typ) {
		return refuse(reasonType, "typ %s is not accepted", cut(t.header.typ))
	}
	if typ == "at+jwt" {
		return nil
	}
	return checkMarks(t.claims)
}

// checkMarks refuses what has the marks of another kind of token.
func checkMarks(claims map[string]any) *refusal {
	// OpenID Connect Core sections 2 and 3.3.2.11; Financial-grade API part 2
	// section 5.1; Back-Channel Logout section 2.4.
	for _, mark := range []string{"nonce", "at_hash", "c_hash", "s_hash", "events"} {
		if _, ok := claims[mark]; ok {
			return refuse(reasonType, "the claim %s says that this is not an access token", mark)
		}
	}
	// What issuers add that give every token the typ JWT (Keycloak, Cognito).
	for _, name := range []string{"typ", "token_use"} {
		kind, _ := claims[name].(string)
		switch strings.ToLower(kind) {
		case "id", "refresh", "offline", "logout":
			return refuse(reasonType, "the claim %s says that this is not an access token", name)
		}
	}
	return nil
}

// checkTime checks the dates; exp must be there where expires says so.
func (p *policy) checkTime(claims map[string]any, now time.Time, expires bool) *refusal {
	for _, c := range []struct {
		name     string
		required bool
		reason   reason
		holds    func(time.Time) bool
	}{
		{"exp", expires, reasonExpired, func(exp time.Time) bool { return now.Before(exp.Add(p.leeway)) }},
		{"nbf", false, reasonNotYetValid, func(nbf time.Time) bool { return !now.Add(p.leeway).Before(nbf) }},
		{"iat", false, reasonNotYetValid, func(iat time.Time) bool { return !now.Add(p.leeway).Before(iat) }},
	} {
		at, err := numericDate(claims, c.name)
		switch {
		case errors.Is(err, errNoClaim) && !c.required:
		case err != nil:
			return refuse(reasonClaims, "%s: %w", c.name, err)
		case !c.holds(at):
			return refuse(c.reason, "%s is %s, and it is %s", c.name, at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

var (
	errNoClaim  = errors.New("is missing")
	errNotADate = errors.New("is not a number of seconds")
)

// numericDate reads a NumericDate (RFC 7519 section 2).
func numericDate(claims map[string]any, name string) (time.Time, error) {
	v, ok := claims[name]
	if !ok {
		return time.Time{}, errNoClaim
	}
	n, ok := v.(json.Number)
	if !ok {
		return time.Time{}, errNotADate
	}
	seconds, err := n.Float64()
	if err != nil || !(seconds >= 0 && seconds <= maxSeconds) {
		return time.Time{}, errNotADate
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*float64(time.Second))), nil
}

func checkSubject(claims map[string]any) *refusal {
	sub, ok := claims["sub"].(string)
	switch {
	case !ok || strings.TrimSpace(sub) == "":
		return refuse(reasonClaims, "sub is missing or not a string")
	case len(sub) > maxSubject:
		return refuse(reasonClaims, "sub has %d bytes", len(sub))
	case strings.ContainsFunc(sub, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return refuse(reasonClaims, "sub contains a control character")
	}
	return nil
}

// checkAudience demands every list that is configured.
func (p *policy) checkAudience(claims map[string]any) *refusal {
	aud, err := audience(claims)
	if err != nil {
		return refuse(reasonClaims, "aud: %w", err)
	}
	if len(p.audiences) > 0 && !contains(aud, p.audiences...) {
		return refuse(reasonAudience, "aud does not hold one of ours")
	}
	azp, err := optionalText(claims, "azp")
	if err != nil {
		return refuse(reasonClaims, "azp: %w", err)
	}
	if p.azpOnly {
		return p.checkParty(azp)
	}
	client, err := optionalText(claims, "client_id")
	if err != nil {
		return refuse(reasonClaims, "client_id: %w", err)
	}
	if azp != "" && client != "" && azp != client {
		return refuse(reasonClaims, "azp and client_id contradict each other")
	}
	if azp == "" {
		azp = client
	}
	return p.checkParty(azp)
}

func (p *policy) checkParty(azp string) *refusal {
	if len(p.authorizedParties) > 0 && !slices.Contains(p.authorizedParties, azp) {
		return refuse(reasonAudience, "azp %s is not one of ours", cut(azp))
	}
	return nil
}

// contains reports whether a list holds one of some values.
func contains(list []string, some ...string) bool {
	return slices.ContainsFunc(some, func(s string) bool { return slices.Contains(list, s) })
}

// audience reads aud: a string or an array of strings (RFC 7519 section
// 4.1.3). It may be absent.
func audience(claims map[string]any) ([]string, error) {
	switch v := claims["aud"].(type) {
	case nil:
		return nil, nil
	case string:
		return []string{v}, nil
	case []any:
		var all []string
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, errors.New("holds something else than strings")
			}
			all = append(all, s)
		}
		return all, nil
	default:
		return nil, errors.New("is neither a string nor an array")
	}
}

func optionalText(claims map[string]any, name string) (string, error) {
	switch v := claims[name].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		return "", errors.New("is not a string")
	}
}
