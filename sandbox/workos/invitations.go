package workos

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

const day = 24 * time.Hour

func invitationID(i *invitation) string { return i.id }

// state is an invitation's state now: its time runs out on its own, without
// an event (FACTS.md section 6.2).
func (s *Simulator) state(i *invitation) string {
	switch {
	case !i.accepted.IsZero():
		return stateAccepted
	case !i.revoked.IsZero():
		return stateRevoked
	case !s.clock.Now().Before(i.expires):
		return stateExpired
	}
	return statusPending
}

// invitationEvent is an invitation as events have it: without token and link.
func (s *Simulator) invitationEvent(i *invitation) object {
	v := object{"object": "invitation", "id": i.id, "email": i.email, "state": s.state(i),
		"accepted_at": stampOrNull(i.accepted), "revoked_at": stampOrNull(i.revoked), "expires_at": stamp(i.expires),
		"organization_id": orNull(i.organization), "inviter_user_id": orNull(i.inviter), "accepted_user_id": orNull(i.acceptedBy),
		"role_slug": orNull(i.role), "created_at": stamp(i.created), "updated_at": stamp(i.updated)}
	// The role is the membership's as it is now, not as it was sent.
	if m := s.membership(i.membership); m != nil {
		v["role_slug"] = s.inPriority(m)[0]
	}
	if s.q.OmitNewFields {
		delete(v, "role_slug")
	}
	return v
}

func (s *Simulator) viewInvitation(base string, i *invitation) object {
	v := s.invitationEvent(i)
	v["token"], v["accept_invitation_url"] = i.token, s.invitationLink(base, i)
	return v
}

// invitationLink is the environment's page with the token added.
func (s *Simulator) invitationLink(base string, i *invitation) string {
	link := base + invitationPage
	if s.o.InvitationURL != "" {
		link = s.o.InvitationURL
	}
	sep := "?"
	if strings.Contains(link, "?") {
		sep = "&"
	}
	return link + sep + "invitation_token=" + url.QueryEscape(i.token)
}

func (s *Simulator) listInvitations(c *call) reply {
	email, org := c.query.Get("email"), c.query.Get("organization_id")
	if c.query.Has("email") && !isEmail(email) {
		return invalid(problem{Field: "email", Code: "invalid_email"})
	}
	rows := slices.DeleteFunc(slices.Clone(s.invitations), func(i *invitation) bool {
		return org != "" && i.organization != org || email != "" && !s.same(i.email, email)
	})
	return listReply(s, c, rows, invitationID, func(i *invitation) object { return s.viewInvitation(c.base, i) })
}

func (s *Simulator) getInvitation(c *call) reply {
	return s.withInvitation(c, func(*invitation) (reply, bool) { return reply{}, true })
}

func (s *Simulator) getInvitationByToken(c *call) reply {
	i := find(s.invitations, func(i *invitation) bool { return i.token == c.params["token"] })
	if i == nil {
		return s.notFound("Invitation", c.params["token"])
	}
	return ok(s.viewInvitation(c.base, i))
}

// withInvitation does something with the invitation that a path names and
// answers it as it is then, unless do refuses.
func (s *Simulator) withInvitation(c *call, do func(*invitation) (reply, bool)) reply {
	i := s.invitation(c.params["id"])
	if i == nil {
		return s.notFound("Invitation", c.params["id"])
	}
	if p, done := do(i); !done {
		return p
	}
	return ok(s.viewInvitation(c.base, i))
}

// revokeInvitation is for pending ones (FACTS.md section 13.9).
func (s *Simulator) revokeInvitation(c *call) reply {
	return s.withInvitation(c, func(i *invitation) (reply, bool) {
		if s.state(i) != statusPending {
			return badRequest("invite_not_pending"), false
		}
		s.revoke(i)
		if m := s.membership(i.membership); m != nil && m.status == statusPending && !s.q.RevokeKeepsMembership {
			s.dropMembership(m)
		}
		return reply{}, true
	})
}

func (s *Simulator) revoke(i *invitation) {
	i.revoked = s.clock.Now()
	i.updated = i.revoked
	s.emit("invitation.revoked", i.organization, s.invitationEvent(i))
}

// resendInvitation mails a pending invitation again. The body is an object,
// which may be empty; other ones are switched (FACTS.md sections 13.10 and 14).
func (s *Simulator) resendInvitation(c *call) reply {
	raw := strings.TrimSpace(string(c.body))
	if raw == "null" && s.q.ResendTakesNull || raw == "" && s.q.ResendTakesEmpty {
		c.body = []byte("{}")
	}
	f := s.read(c)
	f.oneOf("locale", locales())
	if p, bad := f.refused(); bad {
		return p
	}
	return s.withInvitation(c, func(i *invitation) (reply, bool) {
		switch state := s.state(i); {
		case state == stateAccepted:
			return badRequest("invite_accepted"), false
		case state == stateRevoked:
			return badRequest("invite_revoked"), false
		case state == stateExpired:
			return badRequest("invite_expired"), false
		case s.undeliverable(i.email):
			return badRequest("email_domain_not_deliverable"), false
		}
		if p, spent := s.quotaSpent(); spent {
			return p, false
		}
		i.updated = s.clock.Now()
		if s.q.ResendRotatesToken {
			i.token = newSecret(25)
		}
		if s.q.ResendExtends {
			i.expires = i.updated.Add(time.Duration(i.days) * day)
		}
		s.mailInvitation(c, i)
		s.emit("invitation.resent", i.organization, s.invitationEvent(i))
		return reply{}, true
	})
}

// acceptInvitation accepts with the API key alone, in the name of whom the
// address belongs to (FACTS.md section 6.3).
func (s *Simulator) acceptInvitation(c *call) reply {
	return s.withInvitation(c, func(i *invitation) (reply, bool) {
		if s.state(i) != statusPending {
			return badRequest("invite_not_pending"), false
		}
		if i.organization != "" && s.membership(i.membership) == nil {
			return badRequest("invalid_invite"), false // its membership was deleted
		}
		u := s.userByEmail(i.email)
		if u == nil {
			u = s.addUser(&user{email: i.email, stub: true})
		}
		s.accept(i, u)
		return reply{}, true
	})
}

// accept lets a user have a pending invitation. If the user is not the one it
// was sent to, the waiting membership becomes his.
func (s *Simulator) accept(i *invitation, u *user) {
	i.accepted, i.acceptedBy = s.clock.Now(), u.id
	i.updated = i.accepted
	if m := s.membership(i.membership); m != nil {
		other := s.membershipOf(u.id, m.organization)
		if other != nil && other != m {
			s.dropMembership(m)
			i.membership, m = other.id, other
		}
		m.user = u.id
		if m.status != statusActive {
			s.setStatus(m, statusActive)
		}
	}
	s.emit("invitation.accepted", i.organization, s.invitationEvent(i))
}
