package clerk

import (
	"slices"
	"time"
)

func (s *Simulator) memberView(m *membership) map[string]any {
	permissions := []string{}
	for _, p := range m.role.permissions {
		permissions = append(permissions, p.key)
	}
	u := m.user
	return map[string]any{
		"object": "organization_membership", "id": m.id, "role": m.role.key, "role_name": m.role.name, "permissions": permissions,
		"public_metadata": m.public, "private_metadata": m.private, "organization": s.orgView(m.org),
		"public_user_data": map[string]any{
			"user_id": u.id, "first_name": u.first, "last_name": u.last, "profile_image_url": s.imageURL(u.id), "image_url": s.imageURL(u.id),
			"has_image": false, "identifier": u.identifier(), "username": u.username, "banned": u.banned, "deprovisioned": false,
		},
		"created_at": ms(m.created), "updated_at": ms(m.updated),
	}
}

func (s *Simulator) memberList(c *call, keep func(*membership) bool) (any, *failure) {
	list, f := sorted(c, filter(s.members, func(m *membership) bool { return s.shown(m.created) && keep(m) }),
		peopleOrders(func(m *membership) *user { return m.user }, func(m *membership) time.Time { return m.created }))
	if f != nil {
		return nil, f
	}
	return paged(c, list, s.memberView)
}

// listMemberships lists an organization's members (FACTS.md section 6.2).
func (s *Simulator) listMemberships(c *call) (any, *failure) {
	o, f := s.orgOf(c)
	if f != nil {
		return nil, f
	}
	people, f := s.peopleFilter(c)
	if f != nil {
		return nil, f
	}
	roles, f := c.listed("role")
	if f != nil {
		return nil, f
	}
	return s.memberList(c, func(m *membership) bool {
		return m.org == o && people(m.user) && (len(roles) == 0 || slices.Contains(roles, m.role.key))
	})
}

func (s *Simulator) listAllMemberships(c *call) (any, *failure) {
	return s.memberList(c, func(*membership) bool { return true })
}

func (s *Simulator) listUserMemberships(c *call) (any, *failure) {
	u, f := s.userOf(c)
	if f != nil {
		return nil, f
	}
	return s.memberList(c, func(m *membership) bool { return m.user == u })
}

// assignable finds a role of an organization's role set; one outside of it is
// as good as unknown (FACTS.md section 11, trap 12).
func (s *Simulator) assignable(o *organization, key string) (*role, *failure) {
	if r := find(o.roleSet.roles, func(r *role) bool { return r.key == key }); r != nil {
		return r, nil
	}
	return nil, notFound("role", "param_name", "role")
}

// postMembership makes a user a member at once, without an invitation.
func (s *Simulator) postMembership(c *call) (any, *failure) {
	in, f := c.read(need("user_id"), need("role"), objectOrNil("public_metadata"), objectOrNil("private_metadata"))
	if f != nil {
		return nil, f
	}
	o, f := s.orgOf(c)
	if f != nil {
		return nil, f
	}
	u := s.user(in.text("user_id"))
	if u == nil {
		return nil, notFound("user", "param_name", "user_id")
	}
	r, f := s.assignable(o, in.text("role"))
	if f != nil {
		return nil, f
	}
	if s.member(o, u.id) != nil {
		return nil, refuse("already_a_member_in_organization", "User "+u.id+" is already a member of the organization.")
	}
	if s.q.ExclusiveMembership && find(s.members, func(m *membership) bool { return m.user == u }) != nil {
		return nil, refuse("exclusive_organization_membership", "The user is in another organization.")
	}
	if f := s.room(o, 1); f != nil {
		return nil, f
	}
	m := s.join(o, u, r, in.object("public_metadata"), in.object("private_metadata"))
	for _, i := range s.pendingOf(o) {
		if !u.hasAddress(i.address) || s.q.MembershipSettles == "keep" {
			continue
		}
		i.status, i.updated = statusAccepted, s.clock.Now()
		if s.q.MembershipSettles == "revoke" {
			i.status = statusRevoked
		}
	}
	return s.memberView(m), nil
}

// room refuses more people than an organization, or what it pays for, may
// have; pending invitations count (FACTS.md section 6.1).
func (s *Simulator) room(o *organization, more int) *failure {
	limit := o.limit
	if seats := s.q.BillingSeats; seats > 0 && (limit == 0 || seats < limit) {
		limit = seats
	}
	if taken := len(s.membersOf(o)) + len(s.pendingOf(o)); limit > 0 && taken+more > limit {
		return refuse("organization_membership_quota_exceeded", "The organization has reached its limit of members and outstanding invitations.")
	}
	return nil
}

func (s *Simulator) join(o *organization, u *user, r *role, public, private map[string]any) *membership {
	now := s.clock.Now()
	m := &membership{id: s.newID("orgmem"), org: o, user: u, role: r, public: public, private: private, created: now, updated: now}
	s.members = append(s.members, m)
	return m
}

// memberOf is the membership of the path.
func (s *Simulator) memberOf(c *call) (*membership, *failure) {
	o, f := s.orgOf(c)
	if f != nil {
		return nil, f
	}
	if m := s.member(o, c.params["user"]); m != nil {
		return m, nil
	}
	return nil, notFound("membership")
}

// last tells whether nobody else has the least rights an organization needs.
func (s *Simulator) last(m *membership) bool {
	return m.role.least() && find(s.members, func(other *membership) bool { return other.org == m.org && other != m && other.role.least() }) == nil
}

func lastOne() *failure {
	return refuse("organization_minimum_permissions_needed", "There has to be at least one member with the minimum set of permissions.")
}

func (s *Simulator) patchMembership(c *call) (any, *failure) {
	in, f := c.read(need("role"))
	if f != nil {
		return nil, f
	}
	m, f := s.memberOf(c)
	if f != nil {
		return nil, f
	}
	r, f := s.assignable(m.org, in.text("role"))
	switch {
	case f != nil:
		return nil, f
	case m.managed:
		return nil, refuse("organization_membership_managed_by_scim", "The membership is managed by a directory.")
	case s.last(m) && !r.least():
		return nil, lastOne()
	}
	m.role, m.updated = r, s.clock.Now()
	return s.memberView(m), nil
}

// deleteMembership answers with the membership that was.
func (s *Simulator) deleteMembership(c *call) (any, *failure) {
	m, f := s.memberOf(c)
	switch {
	case f != nil:
		return nil, f
	case m.managed:
		return nil, refuse("organization_membership_managed_by_scim", "The membership is managed by a directory.")
	case s.last(m):
		return nil, lastOne()
	}
	s.members = filter(s.members, func(other *membership) bool { return other != m })
	return s.memberView(m), nil
}

func (s *Simulator) patchMembershipMetadata(c *call) (any, *failure) {
	in, f := c.metadataBody(false, (&membership{}).metadata())
	if f != nil {
		return nil, f
	}
	m, f := s.memberOf(c)
	if f != nil {
		return nil, f
	}
	mergeMetadata(in, m.metadata())
	m.updated = s.clock.Now()
	return s.memberView(m), nil
}
