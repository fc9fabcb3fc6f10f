package nile

import (
	"net/http"
	"slices"
	"strings"

	"usher/sandbox/stage"
)

// route is one operation of the vendor's API (FACTS.md section 3).
type route struct {
	method, pattern string
	open            bool // answers without a session; so does everything below /auth/
	do              func(*call) reply
}

func (s *Simulator) table() []route {
	return slices.Concat(s.authRoutes(), s.userRoutes(), s.tenantRoutes(), s.inviteRoutes())
}

func (s *Simulator) authRoutes() []route {
	return []route{
		{method: "GET", pattern: "/auth/providers", do: s.providers},
		{method: "GET", pattern: "/auth/csrf", do: s.csrf},
		{method: "GET", pattern: "/auth/session", do: s.getSession},
		{method: "GET", pattern: "/auth/session/token", do: s.getSession},
		{method: "POST", pattern: "/auth/session/token", do: s.getSession},
		{method: "POST", pattern: "/auth/signin", do: s.signInNowhere},
		{method: "POST", pattern: "/auth/signin/{provider}", do: s.signIn},
		{method: "POST", pattern: "/auth/callback/credentials", do: s.passwordSignIn},
		{method: "GET", pattern: "/auth/callback/email", do: s.magicLink},
		{method: "POST", pattern: "/auth/signout", do: s.signOut},
		{method: "POST", pattern: "/auth/reset-password", do: s.requestReset},
		{method: "GET", pattern: "/auth/reset-password", do: s.openReset},
		{method: "PUT", pattern: "/auth/reset-password", do: s.resetPassword},
		{method: "POST", pattern: "/auth/verify-email", do: s.requestVerification},
		{method: "GET", pattern: "/auth/verify-email", do: s.verifyEmail},
	}
}

func (s *Simulator) userRoutes() []route {
	return []route{
		{method: "GET", pattern: "/me", do: s.getMe},
		{method: "PUT", pattern: "/me", do: s.putMe},
		{method: "DELETE", pattern: "/me", do: s.deleteMe},
		{method: "POST", pattern: "/signup", open: true, do: s.signUp},
		{method: "POST", pattern: "/users", open: true, do: s.postUser},
		{method: "GET", pattern: "/users/{user}/tenants", do: s.listTenants},
	}
}

func (s *Simulator) tenantRoutes() []route {
	return []route{
		{method: "POST", pattern: "/tenants", do: s.postTenant},
		{method: "GET", pattern: "/tenants/{tenant}", do: s.getTenant},
		{method: "PUT", pattern: "/tenants/{tenant}", do: s.putTenant},
		{method: "DELETE", pattern: "/tenants/{tenant}", do: s.deleteTenant},
		{method: "GET", pattern: "/tenants/{tenant}/users", do: s.listMembers},
		{method: "POST", pattern: "/tenants/{tenant}/users", do: s.postMember},
		{method: "PUT", pattern: "/tenants/{tenant}/users/{user}", do: s.putMember},
		{method: "PUT", pattern: "/tenants/{tenant}/users/{user}/link", do: s.link},
		{method: "DELETE", pattern: "/tenants/{tenant}/users/{user}/link", do: s.unlink},
	}
}

func (s *Simulator) inviteRoutes() []route {
	return []route{
		{method: "GET", pattern: "/tenants/{tenant}/invites", do: s.listInvites},
		{method: "POST", pattern: "/tenants/{tenant}/invite", do: s.postInvite},
		{method: "PUT", pattern: "/tenants/{tenant}/invite", open: true, do: s.acceptInvite},
		{method: "DELETE", pattern: "/tenants/{tenant}/invite/{invite}", do: s.deleteInvite},
	}
}

// match finds a call's route. A known path with another method is 405 with an
// empty body, anything else the framework's page; below /auth/ the sign-in
// library answers instead.
func (s *Simulator) match(c *call) (*route, reply) {
	method := c.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	parts := strings.Split(c.rest, "/")
	known := false
	for i := range s.routes {
		rt := &s.routes[i]
		params, ok := stage.Match(rt.pattern, parts)
		if !ok || s.q.NoInviteRoutes && strings.Contains(rt.pattern, "/invite") {
			continue
		}
		known = true
		if rt.method == method {
			c.params = params
			return rt, reply{}
		}
	}
	switch {
	case strings.HasPrefix(c.rest, "/auth/") && (method == http.MethodGet || method == http.MethodPost):
		return nil, unsupportedAction(method)
	case known:
		return nil, empty(http.StatusMethodNotAllowed)
	}
	return nil, notFoundPage()
}

// unsupportedAction is the sign-in library's answer to what it does not know,
// a provider that is not configured among it.
func unsupportedAction(method string) reply {
	return text(http.StatusBadRequest, "Error: This action with HTTP "+method+" is not supported by NextAuth.js")
}
