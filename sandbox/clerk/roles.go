package clerk

import (
	"cmp"
	"regexp"
	"slices"
)

const permissionDelete = "org:sys_profile:delete"

// creates tells whether a role has what an organization's creator needs.
func (r *role) creates() bool { return r.least() && r.holds(permissionDelete) }

func roleView(r *role) map[string]any {
	return map[string]any{"object": "role", "id": r.id, "name": r.name, "key": r.key, "description": r.description,
		"is_creator_eligible": r.creates(), "permissions": views(r.permissions, permissionView),
		"created_at": ms(r.created), "updated_at": ms(r.updated)}
}

// listRoles lists the roles of the instance; which of them an organization can
// assign is its role set's matter (FACTS.md section 7).
func (s *Simulator) listRoles(c *call) (any, *failure) {
	query := c.query("query")
	list, f := sorted(c, filter(s.roles, func(r *role) bool {
		return query == "" || r.id == query || folded(r.name, query) || folded(r.key, query)
	}), map[string]func(a, b *role) int{
		"created_at": func(a, b *role) int { return a.created.Compare(b.created) },
		"name":       func(a, b *role) int { return cmp.Compare(a.name, b.name) },
		"key":        func(a, b *role) int { return cmp.Compare(a.key, b.key) },
	})
	if f != nil {
		return nil, f
	}
	return paged(c, list, roleView)
}

func (s *Simulator) checkRoleKey(r *role, key string) *failure {
	switch {
	case !regexp.MustCompile(`^org:[a-z0-9_]+$`).MatchString(key):
		return badFormat("key", "key has to be org: and lower-case letters, digits and underscores.")
	case find(s.roles, func(o *role) bool { return o != r && o.key == key }) != nil:
		return refuse("form_identifier_exists", "That key is taken. Please try another.", "param_name", "key")
	}
	return nil
}

// permissionsByID are the permissions a body lists.
func (s *Simulator) permissionsByID(ids []string) ([]*permission, *failure) {
	out := []*permission{}
	for _, id := range ids {
		p := find(s.permissions, func(p *permission) bool { return p.id == id })
		if p == nil {
			return nil, notFound("permission", "param_name", "permissions")
		}
		out = append(out, p)
	}
	return out, nil
}

// rolesAllowed is how many roles an instance may have beside the default two.
const rolesAllowed = 10

func (s *Simulator) postRole(c *call) (any, *failure) {
	permissions := texts("permissions")
	permissions.null = true
	in, f := c.read(need("name"), need("key"), text("description"), permissions, boolean("include_in_initial_role_set"))
	if f != nil {
		return nil, f
	}
	if len(s.roles) >= rolesAllowed+2 {
		return nil, refuse("authorization_invalid", "The instance has as many roles as it may have.")
	}
	now := s.clock.Now()
	r := &role{id: s.newID("role"), name: in.text("name"), key: in.text("key"), description: in.pointer("description"), created: now, updated: now}
	if f := s.checkRoleKey(r, r.key); f != nil {
		return nil, f
	}
	if r.permissions, f = s.permissionsByID(in.texts("permissions")); f != nil {
		return nil, f
	}
	s.roles = append(s.roles, r)
	if in.isTrue("include_in_initial_role_set", false) {
		set := s.initialSet()
		set.roles = append(set.roles, r)
	}
	return roleView(r), nil
}

// roleOf is the role of the path.
func (s *Simulator) roleOf(c *call) (*role, *failure) {
	if r := find(s.roles, func(r *role) bool { return r.id == c.params["role"] }); r != nil {
		return r, nil
	}
	return nil, notFound("role", "param_name", "organization_role_id")
}

func (s *Simulator) getRole(c *call) (any, *failure) {
	r, f := s.roleOf(c)
	if f != nil {
		return nil, f
	}
	return roleView(r), nil
}

// patchRole changes a role everywhere: members and invitations follow its key.
func (s *Simulator) patchRole(c *call) (any, *failure) {
	permissions := texts("permissions")
	permissions.null = true
	in, f := c.read(text("name"), text("key"), text("description"), permissions)
	if f != nil {
		return nil, f
	}
	r, f := s.roleOf(c)
	if f != nil {
		return nil, f
	}
	next := *r
	if in.given("key") {
		if f := s.checkRoleKey(r, in.text("key")); f != nil {
			return nil, f
		}
		next.key = in.text("key")
	}
	if in.given("permissions") {
		if next.permissions, f = s.permissionsByID(in.texts("permissions")); f != nil {
			return nil, f
		}
	}
	if in.given("name") {
		next.name = in.text("name")
	}
	if in.has("description") {
		next.description = in.pointer("description")
	}
	next.updated = s.clock.Now()
	*r = next
	return roleView(r), nil
}

// deleteRole refuses roles that anything still depends on.
func (s *Simulator) deleteRole(c *call) (any, *failure) {
	r, f := s.roleOf(c)
	switch {
	case f != nil:
		return nil, f
	case find(s.members, func(m *membership) bool { return m.role == r }) != nil:
		return nil, refuse("organization_role_assigned_members", "The role is assigned to members.")
	case find(s.invitations, func(i *invitation) bool { return i.role == r && s.statusOf(i) == statusPending }) != nil:
		return nil, refuse("organization_role_exists_in_invitations", "The role is the role of pending invitations.")
	case s.settings.domainRole == r, find(s.roleSets, func(set *roleSet) bool { return set.member == r || set.creator == r }) != nil:
		return nil, refuse("organization_role_used_as_default", "The role is a default role.")
	}
	s.roles = filter(s.roles, func(o *role) bool { return o != r })
	for _, set := range s.roleSets {
		set.roles = filter(set.roles, func(o *role) bool { return o != r })
	}
	return map[string]any{"object": "role", "id": r.id, "deleted": true}, nil
}

func (s *Simulator) assignPermission(c *call) (any, *failure) {
	r, f := s.roleOf(c)
	if f != nil {
		return nil, f
	}
	p, f := s.permissionOf(c, false)
	if f != nil {
		return nil, f
	}
	if slices.Contains(r.permissions, p) {
		return nil, refuse("conflict", "The role has the permission already.")
	}
	r.permissions, r.updated = append(r.permissions, p), s.clock.Now()
	return roleView(r), nil
}

func (s *Simulator) removePermission(c *call) (any, *failure) {
	r, f := s.roleOf(c)
	if f != nil {
		return nil, f
	}
	p, f := s.permissionOf(c, false)
	if f != nil {
		return nil, f
	}
	if !slices.Contains(r.permissions, p) {
		return nil, notFound("permission", "param_name", "permission_id")
	}
	r.permissions, r.updated = filter(r.permissions, func(o *permission) bool { return o != p }), s.clock.Now()
	return roleView(r), nil
}
