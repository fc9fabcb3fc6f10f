package workos

import (
	"net/http"
	"slices"
)

func membershipID(m *membership) string { return m.id }

// viewMembership is a membership as REST answers have it (FACTS.md section 7).
func (s *Simulator) viewMembership(m *membership) object {
	v := s.membershipEvent(m)
	if o := find(s.orgs, func(o *organization) bool { return o.id == m.organization }); o != nil {
		v["organization_name"] = o.name
	}
	if u := s.user(m.user); u != nil {
		v["user"] = viewUser(u)
	}
	if s.q.OmitNewFields {
		delete(v, "roles")
		delete(v, "user")
	}
	return v
}

// membershipEvent is a membership as events have it: without user and
// organization name.
func (s *Simulator) membershipEvent(m *membership) object {
	slugs := s.inPriority(m)
	roles := []object{}
	for _, slug := range slugs {
		roles = append(roles, object{"slug": slug})
	}
	return object{"object": "organization_membership", "id": m.id, "user_id": m.user, "organization_id": m.organization, "status": m.status,
		"directory_managed": m.directory, "custom_attributes": object{}, "role": object{"slug": slugs[0]}, "roles": roles,
		"created_at": stamp(m.created), "updated_at": stamp(m.updated)}
}

// inPriority lists a membership's roles; the first is the primary one.
func (s *Simulator) inPriority(m *membership) []string {
	var out []string
	for _, r := range s.rolesIn(m.organization) {
		if slices.Contains(m.roles, r.slug) {
			out = append(out, r.slug)
		}
	}
	if len(out) == 0 {
		return m.roles // of an organization that is going
	}
	return out
}

func (s *Simulator) emitMembership(what string, m *membership) {
	s.emit("organization_membership."+what, m.organization, s.membershipEvent(m))
}

// listMemberships shows active ones unless asked otherwise (FACTS.md section 7).
func (s *Simulator) listMemberships(c *call) reply {
	user, org, statuses := c.query.Get("user_id"), c.query.Get("organization_id"), commaList(c, "statuses")
	for _, status := range statuses {
		if !slices.Contains([]string{statusActive, statusInactive, statusPending}, status) {
			return invalid(problem{Field: "statuses", Code: "invalid_enum"})
		}
	}
	switch {
	case user == "" && org == "":
		return badRequest("missing_user_id_or_organization_id")
	case org != "" && s.organization(org) == nil:
		return s.notFound("Organization", org)
	case user != "" && s.user(user) == nil:
		return s.notFound("User", user)
	case len(statuses) == 0:
		statuses = []string{statusActive}
	}
	rows := slices.DeleteFunc(slices.Clone(s.memberships), func(m *membership) bool {
		return user != "" && m.user != user || org != "" && m.organization != org || !slices.Contains(statuses, m.status)
	})
	return listReply(s, c, rows, membershipID, s.viewMembership)
}

// withMembership does something with the membership that a path names.
func (s *Simulator) withMembership(c *call, do func(*membership) reply) reply {
	m := s.membership(c.params["id"])
	if m == nil || s.organization(m.organization) == nil {
		return s.notFound("OrganizationMembership", c.params["id"])
	}
	return do(m)
}

func (s *Simulator) getMembership(c *call) reply {
	return s.withMembership(c, func(m *membership) reply { return ok(s.viewMembership(m)) })
}

// deleteMembership is for good, also for the last administrator.
func (s *Simulator) deleteMembership(c *call) reply {
	return s.withMembership(c, func(m *membership) reply {
		s.dropMembership(m)
		return empty(s.q.DeleteStatus)
	})
}

// dropMembership removes a membership and, unless Quirks say otherwise, takes
// back the invitation that waits for it.
func (s *Simulator) dropMembership(m *membership) {
	s.memberships = slices.DeleteFunc(s.memberships, func(x *membership) bool { return x == m })
	s.emitMembership("deleted", m)
	if s.q.DeletionKeepsInvitation {
		return
	}
	for _, i := range s.invitations {
		if i.membership == m.id && s.state(i) == statusPending {
			s.revoke(i)
		}
	}
}

func (s *Simulator) deactivateMembership(c *call) reply {
	return s.switchMembership(c, statusInactive, "cannot_deactivate_pending_organization_membership")
}

func (s *Simulator) reactivateMembership(c *call) reply {
	return s.switchMembership(c, statusActive, "cannot_reactivate_pending_organization_membership")
}

// switchMembership is no change, and no event, where the status is so already.
func (s *Simulator) switchMembership(c *call, status, refused string) reply {
	return s.withMembership(c, func(m *membership) reply {
		switch m.status {
		case statusPending:
			return badRequest(refused)
		case status:
		default:
			s.setStatus(m, status)
		}
		return ok(s.viewMembership(m))
	})
}

func (s *Simulator) setStatus(m *membership, status string) {
	m.status, m.updated = status, s.clock.Now()
	s.emitMembership("updated", m)
}

func (s *Simulator) postMembership(c *call) reply {
	f := s.read(c)
	userID, orgID := f.needed("user_id"), f.needed("organization_id")
	slugs, _ := readRoles(f)
	if p, bad := f.refused(); bad {
		return p
	}
	u, o := s.user(userID), s.organization(orgID)
	switch {
	case u == nil:
		return s.notFound("User", userID)
	case o == nil:
		return s.notFound("Organization", orgID)
	}
	if p, bad := s.refuseRoles(orgID, slugs); bad {
		return p
	}
	if len(slugs) == 0 {
		slugs = []string{s.defaultRole}
	}
	m := s.membershipOf(u.id, o.id)
	switch {
	case m == nil:
		return created(s.viewMembership(s.addMembership(u.id, o.id, statusActive, slugs...)))
	case m.status == statusPending:
		return badRequest("cannot_reactivate_pending_organization_membership")
	case m.status == statusActive && s.q.DuplicateMembership == "conflict":
		return messageReply(http.StatusConflict, "The user is already a member of the organization.")
	case m.status == statusActive:
		return badRequest(s.q.DuplicateMembership)
	}
	m.roles = slugs
	s.setStatus(m, statusActive)
	return created(s.viewMembership(m))
}

func (s *Simulator) addMembership(user, organization, status string, roles ...string) *membership {
	now := s.clock.Now()
	m := &membership{id: s.newID("om"), user: user, organization: organization, status: status, roles: roles, created: now, updated: now}
	s.memberships = append(s.memberships, m)
	s.emitMembership("created", m)
	return m
}

func (s *Simulator) putMembership(c *call) reply {
	f := s.read(c)
	slugs, sent := readRoles(f)
	if p, bad := f.refused(); bad {
		return p
	}
	return s.withMembership(c, func(m *membership) reply {
		if p, bad := s.refuseRoles(m.organization, slugs); bad {
			return p
		}
		if sent {
			m.roles, m.updated = slugs, s.clock.Now()
			s.emitMembership("updated", m)
		}
		return ok(s.viewMembership(m))
	})
}

// readRoles reads role_slug or role_slugs, which exclude each other.
func readRoles(f *fields) (slugs []string, sent bool) {
	slugs, several := f.texts("role_slugs")
	one := f.text("role_slug")
	_, single := f.m["role_slug"]
	switch {
	case single && several:
		f.wrong("role_slugs", "role_slug_and_role_slugs")
	case several && len(slugs) == 0:
		f.wrong("role_slugs", "required")
	case single:
		slugs = []string{one}
	}
	unique := []string{}
	for _, slug := range slugs {
		if !slices.Contains(unique, slug) {
			unique = append(unique, slug)
		}
	}
	return unique, single || several
}

// refuseRoles checks roles for a membership; here invalid_role is 422.
func (s *Simulator) refuseRoles(organization string, slugs []string) (reply, bool) {
	if len(slugs) > 1 && !s.q.MultipleRoles {
		return refusal(http.StatusUnprocessableEntity, "multiple_roles_not_enabled"), true
	}
	for _, slug := range slugs {
		switch r := s.role(organization, slug); {
		case r == nil:
			return jsonReply(http.StatusUnprocessableEntity, object{"code": "invalid_role", "message": "Role '" + slug + "' is not a valid role."}), true
		case r.resource != resourceOrganization:
			return jsonReply(http.StatusUnprocessableEntity, object{"code": "sub_resource_scoped_role_not_allowed", "message": notProcessed, "role_slug": slug}), true
		}
	}
	return reply{}, false
}
