package workos

import (
	"slices"
	"strings"
)

// AddOrganization makes an organization and returns its id.
func (s *Simulator) AddOrganization(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	o := &organization{id: s.newID("org"), name: name, created: now, updated: now}
	s.orgs = append(s.orgs, o)
	s.emit("organization.created", o.id, s.viewOrganization(o))
	return o.id
}

// AddRole makes a role and returns its slug: of the environment (no
// organization), or a custom one of an organization. It goes last in the order
// of priority; an existing one is left as it is.
func (s *Simulator) AddRole(organization, slug, name string, permissions ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.role(organization, slug) != nil {
		return slug
	}
	for _, p := range permissions {
		if s.permission(p) == nil {
			now := s.clock.Now()
			s.permissions = append(s.permissions, &permission{id: s.newID("perm"), slug: p, name: p, resource: resourceOrganization, created: now, updated: now})
		}
	}
	r := s.newRole(organization, slug, name)
	r.permissions = slices.Clone(permissions)
	s.roles = append(s.roles, r)
	return slug
}

// SetPriority puts the environment roles of these slugs first, in this order.
func (s *Simulator) SetPriority(slugs ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rank := func(r *role) int {
		if i := slices.Index(slugs, r.slug); i >= 0 && r.organization == "" {
			return i
		}
		return len(slugs)
	}
	slices.SortStableFunc(s.roles, func(a, b *role) int { return rank(a) - rank(b) })
}

// SetDefaultRole says which role somebody gets whom nobody gave one; "member"
// at the start.
func (s *Simulator) SetDefaultRole(slug string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.defaultRole = slug
}

// Person is a user as AddUser takes it.
type Person struct {
	Email     string
	FirstName string
	LastName  string
	Password  string // empty: none, so that he cannot sign in by password
}

// AddUser makes a user with a verified address and returns its id.
func (s *Simulator) AddUser(p Person) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &user{email: p.Email, verified: true, password: p.Password}
	if p.FirstName != "" {
		u.first = &p.FirstName
	}
	if p.LastName != "" {
		u.last = &p.LastName
	}
	if name := strings.TrimSpace(p.FirstName + " " + p.LastName); name != "" {
		u.name = &name
	}
	return s.addUser(u).id
}

// AddMember makes a user an active member of an organization and returns the
// membership's id; empty when user, organization or a role is unknown.
func (s *Simulator) AddMember(organizationID, userID string, roles ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.user(userID) == nil || s.organization(organizationID) == nil || len(roles) == 0 {
		return ""
	}
	for _, slug := range roles {
		if s.assignable(organizationID, slug) == nil {
			return ""
		}
	}
	return s.addMembership(userID, organizationID, statusActive, roles...).id
}

// SetDirectoryManaged makes a membership one of Directory Sync's.
func (s *Simulator) SetDirectoryManaged(membershipID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.membership(membershipID); m != nil {
		m.directory = true
	}
}
