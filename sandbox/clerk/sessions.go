package clerk

import (
	"cmp"
	"time"
)

const (
	sessionLife   = 7 * 24 * time.Hour
	shortestToken = 30 // seconds
	longestToken  = 315360000
)

func (s *Simulator) sessionStatus(one *session) string {
	switch {
	case one.revoked:
		return statusRevoked
	case !one.expires.After(s.clock.Now()):
		return statusExpired
	}
	return "active"
}

func (s *Simulator) sessionView(one *session) map[string]any {
	var org any
	if one.org != "" {
		org = one.org
	}
	return map[string]any{
		"object": "session", "id": one.id, "user_id": one.user.id, "client_id": one.client, "actor": nil, "status": s.sessionStatus(one),
		"last_active_organization_id": org, "last_active_at": ms(one.updated), "expire_at": ms(one.expires),
		"abandon_at": ms(one.expires.Add(sessionLife)), "created_at": ms(one.created), "updated_at": ms(one.updated),
	}
}

// listSessions needs a user or a client to look for.
func (s *Simulator) listSessions(c *call) (any, *failure) {
	user, client, status := c.query("user_id"), c.query("client_id"), c.query("status")
	if user == "" && client == "" {
		return nil, refuse("form_param_missing", "Either client_id or user_id is required.", "param_name", "user_id")
	}
	envelope, _, f := c.flag("paginated")
	if f != nil {
		return nil, f
	}
	list, f := sorted(c, filter(s.sessions, func(one *session) bool {
		return (user == "" || one.user.id == user) && (client == "" || one.client == client) && (status == "" || s.sessionStatus(one) == status)
	}), map[string]func(a, b *session) int{"created_at": func(a, b *session) int { return a.created.Compare(b.created) }})
	if f != nil {
		return nil, f
	}
	if envelope {
		return paged(c, list, s.sessionView)
	}
	page, f := cut(c, list)
	if f != nil {
		return nil, f
	}
	return views(page, s.sessionView), nil
}

// postSession signs a user in, on development instances alone (FACTS.md section 9).
func (s *Simulator) postSession(c *call) (any, *failure) {
	in, f := c.read(need("user_id"), plain("active_organization_id"))
	if f != nil {
		return nil, f
	}
	if s.o.Production {
		return nil, invalid("user_id", "Sessions cannot be created on production instances.")
	}
	u := s.user(in.text("user_id"))
	if u == nil {
		return nil, notFound("user", "param_name", "user_id")
	}
	org := in.text("active_organization_id")
	if o := s.org(org); org != "" && (o == nil || s.member(o, u.id) == nil) {
		return nil, notFound("organization", "param_name", "active_organization_id")
	}
	return s.sessionView(s.signIn(u, org)), nil
}

// signIn opens a session. Without an organization the one of the newest
// membership is active (FACTS.md section 6.2).
func (s *Simulator) signIn(u *user, org string) *session {
	now := s.clock.Now()
	if org == "" {
		for _, m := range s.members {
			if m.user == u {
				org = m.org.id
			}
		}
	}
	one := &session{id: s.newID("sess"), client: s.newID("client"), user: u, org: org, created: now, updated: now, expires: now.Add(sessionLife)}
	s.sessions = append(s.sessions, one)
	u.signedIn, u.active = now, now
	return one
}

// sessionOf is the session of the path.
func (s *Simulator) sessionOf(c *call) (*session, *failure) {
	if one := find(s.sessions, func(one *session) bool { return one.id == c.params["session"] }); one != nil {
		return one, nil
	}
	return nil, notFound("session")
}

func (s *Simulator) getSession(c *call) (any, *failure) {
	one, f := s.sessionOf(c)
	if f != nil {
		return nil, f
	}
	return s.sessionView(one), nil
}

func (s *Simulator) revokeSession(c *call) (any, *failure) {
	one, f := s.sessionOf(c)
	if f != nil {
		return nil, f
	}
	one.revoked, one.updated = true, s.clock.Now()
	return s.sessionView(one), nil
}

// postToken makes a token of an active session.
func (s *Simulator) postToken(c *call) (any, *failure) {
	in, f := c.read(integer("expires_in_seconds", shortestToken, longestToken))
	if f != nil {
		return nil, f
	}
	one, f := s.sessionOf(c)
	if f != nil {
		return nil, f
	}
	if s.sessionStatus(one) != "active" {
		return nil, refuse("authentication_invalid", "The session is not active.")
	}
	version := cmp.Or(s.q.TokenVersion, 2)
	if s.q.TokenVersion == 0 && c.version < versionTokens2 {
		version = 1
	}
	token, err := s.mint(tokenSpec{base: c.base, session: one.id, user: one.user, org: one.org, version: version,
		life: time.Duration(in.number("expires_in_seconds", 0)) * time.Second})
	if err != nil {
		return nil, refuse("internal_clerk_error", "The token cannot be signed.")
	}
	return map[string]any{"object": "token", "jwt": token}, nil
}
