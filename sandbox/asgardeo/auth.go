package asgardeo

import (
	"net/http"
	"slices"
	"strings"
)

// authorize checks token, organization and scopes of a call, and says which
// organization it works on (FACTS.md sections 0, 1.3 and 11).
func (s *Simulator) authorize(c *call, rt *route) (reply, bool) {
	c.org = s.rootID
	if rt.public {
		if c.pathOrg != "" {
			c.org = c.pathOrg
		}
		return reply{}, true
	}
	t := s.bearer(c)
	if t == nil {
		return s.refusal(c, http.StatusUnauthorized, "Missing or invalid access token."), false
	}
	c.token = t
	if c.pathOrg != "" && c.pathOrg != t.org {
		return s.refusal(c, http.StatusForbidden, "The token is for another organization."), false
	}
	if c.orgPath {
		c.org = t.org
	} else if t.org != s.rootID {
		return s.refusal(c, http.StatusForbidden, "Operation is not permitted. You do not have permissions to make this request."), false
	}
	if !s.allowed(c, rt) {
		return s.refusal(c, http.StatusForbidden, "Operation is not permitted. You do not have permissions to make this request."), false
	}
	if o := s.org(c.org); c.orgPath && c.org != s.rootID && o.ready.After(s.clock.Now()) && c.family == "scim2" {
		return s.scimError(http.StatusInternalServerError, "", "Error while accessing the user store DEFAULT."), false
	}
	return reply{}, true
}

// allowed tells whether a token has the scope a route asks for here.
func (s *Simulator) allowed(c *call, rt *route) bool {
	scope := rt.root
	switch {
	case rt.user && c.token.userID == "":
		return false
	case rt.resend:
		scope = s.q.ResendScope
	case c.orgPath:
		scope = rt.org
	}
	return scope == "" || slices.Contains(c.token.scopes, scope)
}

// bearer finds the living token of a request; a token of another root tenant
// is as good as none.
func (s *Simulator) bearer(c *call) *token {
	scheme, value, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || c.tenant != s.o.Root {
		return nil
	}
	return s.living(strings.TrimSpace(value))
}

func (s *Simulator) living(value string) *token {
	t := s.tokens[value]
	if t == nil || !t.expires.After(s.clock.Now()) || s.org(t.org) == nil {
		return nil
	}
	return t
}
