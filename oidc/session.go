package oidc

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

// maxSession is how long a session may be: what browsers keep of a cookie (RFC
// 6265 section 6.1).
const maxSession = 4096

// The names of the session's cookie (contracts/nile/FACTS.md section 2).
const (
	nileCookie       = "nile.session-token"
	nileCookieSecure = "__Secure-" + nileCookie
)

// nileSession asks Nile whose a session is: GET /me with the session as the
// cookie (contracts/nile/FACTS.md sections 2 and 3). Nothing else can tell:
// there are no keys, and encrypted sessions outlive the user's deletion.
type nileSession struct {
	me      string // the address
	origin  string
	cookie  string // its name, which must fit secure, or there is no session
	secure  string // true or false
	believe bool   // what users may have said of their addresses
	fetcher *fetcher
}

func newNileSession(c SessionConfig, f *fetcher) *nileSession {
	s := &nileSession{
		me: strings.TrimSuffix(c.URL, "/") + "/me", origin: c.Origin, cookie: nileCookie, secure: "false",
		believe: c.TrustEmails, fetcher: f,
	}
	if strings.HasPrefix(c.Origin, "https://") {
		s.cookie, s.secure = nileCookieSecure, "true"
	}
	return s
}

func (s *nileSession) shapes() []shape { return []shape{shapeUUID, shapeSealed} }

// strips: the prefix is the application's word, Nile's sessions have none.
func (s *nileSession) strips() bool { return true }

// fits takes what can stand in a Cookie header and end nothing there.
func (s *nileSession) fits(token string) bool {
	return token != "" && len(token) <= maxSession && !strings.ContainsFunc(token, notInToken)
}

func (s *nileSession) ask(ctx context.Context, token string) (map[string]any, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.me, nil)
	if err != nil {
		return nil, failed(classConnect, "%w", err)
	}
	r.Header.Set("nile-origin", s.origin)
	r.Header.Set("nile-secure-cookies", s.secure)
	r.Header.Set("Cookie", s.cookie+"="+token)
	body, err := s.fetcher.read(s.fetcher.direct, r, maxAnswer)
	var f *fetchError
	if errors.As(err, &f) && f.deniesSession() {
		return map[string]any{"active": false}, nil
	}
	if err != nil {
		return nil, err
	}
	user, err := decodeObject(body) // JSON, though it is sent as text/plain
	if err != nil {
		return nil, failed(classNotJSON, "GET %s: %w", s.me, err)
	}
	claims, err := nileClaims(user, s.believe)
	if err != nil {
		return nil, failed(classMismatch, "GET %s: %w", s.me, err)
	}
	return claims, nil
}

// deniesSession reports an answer of Nile's own that there is no such session
// (401) or no such user any more (404). A page for people comes from something
// before it, or from an address that is not its.
func (e *fetchError) deniesSession() bool {
	return (e.status == http.StatusUnauthorized || e.status == http.StatusNotFound) && !e.page
}

// nileClaims puts a user into the words of tokens. Nothing is made of what is
// not named here. emailVerified is when the address was verified, or null; but
// users may set it themselves (PUT /me, contracts/nile/openapi.yaml), and then
// it proves nothing.
func nileClaims(user map[string]any, believe bool) (map[string]any, error) {
	tenants, ok := user["tenants"].([]any)
	if !ok {
		return nil, errors.New("the answer is no user's: tenants is not a list")
	}
	for _, t := range tenants {
		if id, _ := t.(string); id == "" || len(id) > maxSubject {
			return nil, errors.New("tenants holds something else than ids")
		}
	}
	claims := map[string]any{"active": true, "sub": user["id"], "tenants": tenants, "email_verified": false}
	if email, ok := user["email"].(string); ok {
		claims["email"] = email
	}
	if at, ok := user["emailVerified"].(string); ok && believe {
		_, err := time.Parse(time.RFC3339, at)
		claims["email_verified"] = err == nil
	}
	return claims, nil
}
