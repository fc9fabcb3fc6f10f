package roq

import (
	"slices"
	"time"
)

// Role is a role as AddRole takes it.
type Role struct {
	Key         string
	Name        string
	Description string
	System      bool // isSystemManaged
	// Invites are the keys of other roles that it may invite; its own it always may.
	Invites []string
	// Permissions are the root fields of mutations that a user of this role may
	// use with his own token; "*" is all. Reading, accepting and changing oneself
	// need none.
	Permissions []string
}

func (r *role) permits(field string) bool {
	return slices.Contains(r.Permissions, "*") || slices.Contains(r.Permissions, field)
}

// AddRole makes a role of the environment and returns its id.
func (s *Simulator) AddRole(r Role) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	made := &role{Role: r, id: s.newID(), created: now, updated: now}
	s.roles = append(s.roles, made)
	return made.id
}

// AddTenant makes a tenant and returns its id. The first one is the default.
func (s *Simulator) AddTenant(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addTenant(name, nil).id
}

// User is a user as AddUser takes it.
type User struct {
	Email     string
	Reference string // made when empty
	TenantID  string // empty: of no tenant
	FirstName string
	LastName  string
	Password  string
	Roles     []string // keys; those that do not exist are passed over
	Inactive  bool
}

// AddUser makes a user without any check and returns its id.
func (s *Simulator) AddUser(in User) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	u := &user{id: s.newID(), email: in.Email, reference: in.Reference, password: in.Password, active: !in.Inactive, confirmed: true, created: now, updated: now}
	if u.reference == "" {
		u.reference = s.newID()
	}
	u.tenant, u.first, u.last = filled(in.TenantID), filled(in.FirstName), filled(in.LastName)
	s.assign(u, in.Roles)
	s.users = append(s.users, u)
	return u.id
}

// Group is a user group as AddGroup takes it.
type Group struct {
	Name      string
	Reference string   // made when empty
	Type      string   // groups of one type share a userGroupType
	Roles     []string // keys
	Users     []string // ids
}

// AddGroup makes a user group and returns its id.
func (s *Simulator) AddGroup(in Group) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	g := &group{id: s.newID(), name: in.Name, reference: in.Reference, kind: in.Type, users: slices.Clone(in.Users), created: now, updated: now}
	if g.reference == "" {
		g.reference = s.newID()
	}
	if other := find(s.groups, func(o *group) bool { return o.kind == in.Type }); other != nil {
		g.typeID = other.typeID
	} else {
		g.typeID = s.newID()
	}
	for _, key := range in.Roles {
		if r := s.roleByKey(key); r != nil {
			g.roles = append(g.roles, r.id)
		}
	}
	s.groups = append(s.groups, g)
	return g.id
}

// UserToken makes an access token of a user, as a log-in would.
func (s *Simulator) UserToken(userID string, life time.Duration) (string, error) {
	return s.sign(userID, life)
}

func filled(v string) *string {
	if v == "" {
		return nil
	}
	return &v
}
