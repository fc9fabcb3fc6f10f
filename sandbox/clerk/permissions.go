package clerk

import (
	"cmp"
	"regexp"
	"strings"
)

const systemPrefix = "org:sys_"

// systemPermissions are an instance's own, by key with their names (FACTS.md section 7).
func systemPermissions() [][2]string {
	return [][2]string{
		{"org:sys_profile:manage", "Manage organization"}, {"org:sys_profile:delete", "Delete organization"},
		{permissionRead, "Read members"}, {permissionManage, "Manage members"},
		{"org:sys_domains:read", "Read domains"}, {"org:sys_domains:manage", "Manage domains"},
		{"org:sys_billing:read", "Read billing"}, {"org:sys_billing:manage", "Manage billing"},
		{"org:sys_entconns:manage", "Manage enterprise connections"},
	}
}

func permissionView(p *permission) map[string]any {
	kind := "user"
	if p.system {
		kind = "system"
	}
	return map[string]any{"object": "permission", "id": p.id, "name": p.name, "key": p.key, "description": p.description, "type": kind,
		"created_at": ms(p.created), "updated_at": ms(p.updated)}
}

func (s *Simulator) listPermissions(c *call) (any, *failure) {
	query := c.query("query")
	list, f := sorted(c, filter(s.permissions, func(p *permission) bool {
		return query == "" || p.id == query || folded(p.name, query) || folded(p.key, query)
	}), map[string]func(a, b *permission) int{
		"created_at": func(a, b *permission) int { return a.created.Compare(b.created) },
		"name":       func(a, b *permission) int { return cmp.Compare(a.name, b.name) },
		"key":        func(a, b *permission) int { return cmp.Compare(a.key, b.key) },
	})
	if f != nil {
		return nil, f
	}
	return paged(c, list, permissionView)
}

// checkPermissionKey holds a key against org:feature:action, unique and not the system's.
func (s *Simulator) checkPermissionKey(p *permission, key string) *failure {
	switch {
	case strings.HasPrefix(key, systemPrefix), !regexp.MustCompile(`^org:[a-z0-9_]+:[a-z0-9_]+$`).MatchString(key):
		return badFormat("key", "key has to be org:feature:action, and not one of the system's.")
	case find(s.permissions, func(o *permission) bool { return o != p && o.key == key }) != nil:
		return refuse("form_identifier_exists", "That key is taken. Please try another.", "param_name", "key")
	}
	return nil
}

func (s *Simulator) postPermission(c *call) (any, *failure) {
	in, f := c.read(need("name"), need("key"), plain("description"))
	if f != nil {
		return nil, f
	}
	now := s.clock.Now()
	p := &permission{id: s.newID("perm"), name: in.text("name"), key: in.text("key"), description: in.text("description"), created: now, updated: now}
	if f := s.checkPermissionKey(p, p.key); f != nil {
		return nil, f
	}
	s.permissions = append(s.permissions, p)
	return permissionView(p), nil
}

// permissionOf is the permission of the path; changing refuses the system's.
func (s *Simulator) permissionOf(c *call, changing bool) (*permission, *failure) {
	p := find(s.permissions, func(p *permission) bool { return p.id == c.params["permission"] })
	switch {
	case p == nil:
		return nil, notFound("permission", "param_name", "permission_id")
	case changing && p.system:
		return nil, refuse("authorization_invalid", "System permissions cannot be changed.")
	}
	return p, nil
}

func (s *Simulator) getPermission(c *call) (any, *failure) {
	p, f := s.permissionOf(c, false)
	if f != nil {
		return nil, f
	}
	return permissionView(p), nil
}

func (s *Simulator) patchPermission(c *call) (any, *failure) {
	in, f := c.read(plain("name"), plain("key"), plain("description"))
	if f != nil {
		return nil, f
	}
	p, f := s.permissionOf(c, true)
	if f != nil {
		return nil, f
	}
	if in.has("key") {
		if f := s.checkPermissionKey(p, in.text("key")); f != nil {
			return nil, f
		}
		p.key = in.text("key")
	}
	if in.has("name") {
		p.name = in.text("name")
	}
	if in.has("description") {
		p.description = in.text("description")
	}
	p.updated = s.clock.Now()
	return permissionView(p), nil
}

func (s *Simulator) deletePermission(c *call) (any, *failure) {
	p, f := s.permissionOf(c, true)
	if f != nil {
		return nil, f
	}
	s.permissions = filter(s.permissions, func(o *permission) bool { return o != p })
	for _, r := range s.roles {
		r.permissions = filter(r.permissions, func(o *permission) bool { return o != p })
	}
	return map[string]any{"object": "permission", "id": p.id, "deleted": true}, nil
}
