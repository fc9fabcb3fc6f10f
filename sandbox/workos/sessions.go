package workos

import (
	"net/http"
	"slices"
	"time"
)

// sessionLife is how long a session can be refreshed; FACTS.md does not say.
const sessionLife = 30 * 24 * time.Hour

type session struct {
	id, user, organization, method string
	refresh                        string // the refresh token, which changes with each use
	agent                          string
	ended, expires, created        time.Time
}

func sessionID(x *session) string { return x.id }

func (s *Simulator) sessionStatus(x *session) string {
	switch {
	case !x.ended.IsZero():
		return "revoked"
	case !s.clock.Now().Before(x.expires):
		return "expired"
	}
	return "active"
}

func (s *Simulator) viewSession(x *session) object {
	m := object{"object": "session", "id": x.id, "user_id": x.user, "auth_method": x.method, "status": s.sessionStatus(x),
		"ip_address": nil, "user_agent": orNull(x.agent), "expires_at": stamp(x.expires), "ended_at": stampOrNull(x.ended),
		"created_at": stamp(x.created), "updated_at": stamp(x.created)}
	if !x.ended.IsZero() {
		m["updated_at"] = stamp(x.ended)
	}
	if x.organization != "" {
		m["organization_id"] = x.organization
	}
	return m
}

// newSession signs a user in.
func (s *Simulator) newSession(u *user, organization, method, agent string) *session {
	now := s.clock.Now()
	u.signedIn, u.stub = now, false
	x := &session{id: s.newID("session"), user: u.id, organization: organization, method: method, agent: agent,
		refresh: newSecret(25), created: now, expires: now.Add(sessionLife)}
	s.sessions = append(s.sessions, x)
	s.emit("session.created", organization, s.viewSession(x))
	return x
}

// listSessions lists the active ones of a user.
func (s *Simulator) listSessions(c *call) reply {
	u := s.user(c.params["id"])
	if u == nil {
		return s.notFound("User", c.params["id"])
	}
	rows := slices.DeleteFunc(slices.Clone(s.sessions), func(x *session) bool {
		return x.user != u.id || s.sessionStatus(x) != statusActive
	})
	return listReply(s, c, rows, sessionID, s.viewSession)
}

// revokeSession ends a session; access tokens that are out live on until their exp.
func (s *Simulator) revokeSession(c *call) reply {
	f := s.read(c)
	id := f.needed("session_id")
	if _, bad := f.refused(); bad {
		return messageReply(http.StatusBadRequest, notValid) // the document has no 422 here
	}
	x := find(s.sessions, func(x *session) bool { return x.id == id })
	if x == nil {
		return messageReply(http.StatusBadRequest, "Session not found: '"+id+"'.")
	}
	if x.ended.IsZero() {
		x.ended = s.clock.Now()
		s.emit("session.revoked", x.organization, s.viewSession(x))
	}
	return empty(http.StatusOK)
}

// UserToken signs a user in, with an organization or without one, and returns
// the access token; empty when the user is unknown. Without an active
// membership the token has no organization.
func (s *Simulator) UserToken(userID, organizationID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(userID)
	if u == nil {
		return ""
	}
	return s.accessToken(s.o.BaseURL, s.newSession(u, organizationID, "password", ""))
}
