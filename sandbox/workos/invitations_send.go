package workos

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// sent is what sending an invitation takes.
type sent struct {
	email, organization, role, inviter string
	days                               int
}

func (s *Simulator) sendInvitation(c *call) reply {
	f := s.read(c)
	in := sent{email: f.email("email", true), organization: f.text("organization_id"), role: f.text("role_slug"), inviter: f.text("inviter_user_id"), days: 7}
	f.oneOf("locale", locales())
	if days, present := f.number("expires_in_days"); present {
		in.days = days
	}
	if p, bad := f.refused(); bad {
		return p
	}
	if p, bad := s.refuseInvitation(in); bad {
		return p
	}
	if p, spent := s.quotaSpent(); spent {
		return p
	}
	i := s.invite(in)
	s.mailInvitation(c, i)
	return created(s.viewInvitation(c.base, i))
}

// refuseInvitation checks in the order of FACTS.md section 15.
func (s *Simulator) refuseInvitation(in sent) (reply, bool) {
	switch {
	case in.days < 1:
		return badRequest("expires_in_days_too_short"), true
	case in.days > 30:
		return badRequest("expires_in_days_too_long"), true
	case in.organization != "" && s.organization(in.organization) == nil:
		return s.notFound("Organization", in.organization), true
	case in.inviter != "" && s.user(in.inviter) == nil && !s.q.InviterUnchecked:
		return s.notFound("User", in.inviter), true
	case in.role != "" && in.organization != "" && s.assignable(in.organization, in.role) == nil,
		in.role != "" && in.organization == "" && s.q.RefuseRoleWithoutOrg:
		return badRequest("invalid_role"), true
	case slices.Contains(s.q.BlockedOrganizations, in.organization) && in.organization != "":
		return badRequest("organization_blocked_from_sending_invites"), true
	case s.undeliverable(in.email):
		return badRequest("email_domain_not_deliverable"), true
	}
	u := s.userByEmail(in.email)
	if in.organization == "" && u != nil && !u.stub {
		if s.q.UserExistsWithoutCode {
			return messageReply(http.StatusBadRequest, "User already exists"), true
		}
		return badRequest("user_already_exists"), true
	}
	if u != nil && in.organization != "" {
		m := s.membershipOf(u.id, in.organization)
		if m != nil && (m.status == statusActive || m.status == statusInactive && s.q.InviteInactive == "refuse") {
			return badRequest("user_already_organization_member"), true
		}
	}
	waits := func(i *invitation) bool {
		return s.same(i.email, in.email) && i.organization == in.organization && s.state(i) == statusPending
	}
	if !slices.ContainsFunc(s.invitations, waits) {
		return reply{}, false
	}
	if in.organization == "" {
		return badRequest("email_already_invited"), true
	}
	return badRequest("email_already_invited_to_organization"), true
}

// invite makes an invitation and, for an organization, the pending membership
// behind it, with a user if there is none of that address.
func (s *Simulator) invite(in sent) *invitation {
	now := s.clock.Now()
	i := &invitation{id: s.newID("invitation"), email: in.email, token: newSecret(25), organization: in.organization, inviter: in.inviter,
		days: in.days, expires: now.Add(time.Duration(in.days) * day), created: now, updated: now}
	if in.organization != "" {
		if in.role == "" {
			in.role = s.defaultRole
		}
		i.role = in.role
		u := s.userByEmail(in.email)
		if u == nil {
			u = s.addUser(&user{email: in.email, stub: true})
		}
		m := s.membershipOf(u.id, in.organization)
		switch {
		case m == nil:
			m = s.addMembership(u.id, in.organization, statusPending, in.role)
		case !slices.Equal(m.roles, []string{in.role}):
			m.roles, m.updated = []string{in.role}, now
			s.emitMembership("updated", m)
		}
		i.membership = m.id
	}
	s.invitations = append(s.invitations, i)
	s.emit("invitation.created", i.organization, s.invitationEvent(i))
	return i
}

func (s *Simulator) undeliverable(email string) bool {
	return slices.ContainsFunc(s.q.UndeliverableDomains, func(d string) bool { return strings.EqualFold(d, emailDomain(email)) })
}
