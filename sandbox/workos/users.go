package workos

import (
	"net/http"
	"slices"
)

func userID(u *user) string { return u.id }

func viewUser(u *user) object {
	return object{"object": "user", "id": u.id, "email": u.email, "email_verified": u.verified,
		"first_name": u.first, "last_name": u.last, "name": u.name, "profile_picture_url": nil, "external_id": u.external,
		"metadata": texts(u.metadata), "last_sign_in_at": stampOrNull(u.signedIn), "locale": u.locale,
		"created_at": stamp(u.created), "updated_at": stamp(u.updated)}
}

// listUsers filters by exact address and by active membership (FACTS.md section 8).
func (s *Simulator) listUsers(c *call) reply {
	email, org := c.query.Get("email"), c.query.Get("organization_id")
	if org == "" {
		org = c.query.Get("organization")
	}
	rows := slices.DeleteFunc(slices.Clone(s.users), func(u *user) bool {
		if u.stub && s.q.StubsHidden || email != "" && !s.same(u.email, email) {
			return true
		}
		m := s.membershipOf(u.id, org)
		return org != "" && (m == nil || m.status != statusActive)
	})
	return listReply(s, c, rows, userID, viewUser)
}

func (s *Simulator) getUser(c *call) reply {
	u := s.user(c.params["id"])
	if u == nil {
		return s.notFound("User", c.params["id"])
	}
	return ok(viewUser(u))
}

func (s *Simulator) userByExternalID(id string) *user {
	return find(s.users, func(u *user) bool { return u.external != nil && *u.external == id })
}

func (s *Simulator) getUserByExternalID(c *call) reply {
	u := s.userByExternalID(c.params["external"])
	if u == nil {
		return s.notFound("User", c.params["external"])
	}
	return ok(viewUser(u))
}

// deleteUser removes a person with all memberships. Somebody whom a directory
// manages cannot be deleted here.
func (s *Simulator) deleteUser(c *call) reply {
	u := s.user(c.params["id"])
	if u == nil {
		return s.notFound("User", c.params["id"])
	}
	mine := func(m *membership) bool { return m.user == u.id }
	if slices.ContainsFunc(s.memberships, func(m *membership) bool { return mine(m) && m.directory }) {
		return refusal(http.StatusConflict, "user_deletion_not_allowed")
	}
	for _, m := range slices.Clone(s.memberships) {
		if mine(m) {
			s.dropMembership(m)
		}
	}
	s.sessions = slices.DeleteFunc(s.sessions, func(x *session) bool { return x.user == u.id })
	s.users = slices.DeleteFunc(s.users, func(x *user) bool { return x == u })
	s.emit("user.deleted", "", viewUser(u))
	return empty(s.q.DeleteStatus)
}

// addUser makes a user and tells everybody.
func (s *Simulator) addUser(u *user) *user {
	u.id, u.created = s.newID("user"), s.clock.Now()
	u.updated = u.created
	s.users = append(s.users, u)
	s.emit("user.created", "", viewUser(u))
	return u
}
