package workos

import (
	"net/http"
	"regexp"
	"slices"
)

func viewPermission(p *permission) object {
	return object{"object": "permission", "id": p.id, "slug": p.slug, "name": p.name, "description": p.description, "system": false,
		"resource_type_slug": p.resource, "created_at": stamp(p.created), "updated_at": stamp(p.updated)}
}

func (s *Simulator) permission(slug string) *permission {
	return find(s.permissions, func(p *permission) bool { return p.slug == slug })
}

func (s *Simulator) listPermissions(c *call) reply {
	return listReply(s, c, s.permissions, func(p *permission) string { return p.id }, viewPermission)
}

func (s *Simulator) getPermission(c *call) reply {
	p := s.permission(c.params["slug"])
	if p == nil {
		return s.notFound("Permission", c.params["slug"])
	}
	return ok(viewPermission(p))
}

func (s *Simulator) postPermission(c *call) reply {
	f := s.read(c)
	now := s.clock.Now()
	p := &permission{slug: f.needed("slug"), name: f.needed("name"), resource: f.text("resource_type_slug"), created: now, updated: now}
	p.description, _ = f.nullable("description")
	f.atMost("slug", &p.slug, 48)
	f.atMost("name", &p.name, 48)
	f.atMost("description", p.description, 150)
	if p.slug != "" && !regexp.MustCompile(`^[a-z0-9_:.*-]+$`).MatchString(p.slug) {
		f.wrong("slug", "invalid_slug")
	}
	if refused, bad := f.refused(); bad {
		return refused
	}
	if s.permission(p.slug) != nil {
		return refusal(http.StatusConflict, "permission_slug_conflict")
	}
	if p.resource == "" {
		p.resource = resourceOrganization
	}
	p.id = s.newID("perm")
	s.permissions = append(s.permissions, p)
	s.emit("permission.created", "", viewPermission(p))
	return created(viewPermission(p))
}

func (s *Simulator) patchPermission(c *call) reply {
	f := s.read(c)
	name := f.text("name")
	description, hasDescription := f.nullable("description")
	f.atMost("name", &name, 48)
	f.atMost("description", description, 150)
	if refused, bad := f.refused(); bad {
		return refused
	}
	p := s.permission(c.params["slug"])
	if p == nil {
		return s.notFound("Permission", c.params["slug"])
	}
	if name != "" {
		p.name = name
	}
	if hasDescription {
		p.description = description
	}
	p.updated = s.clock.Now()
	s.emit("permission.updated", "", viewPermission(p))
	return ok(viewPermission(p))
}

// deletePermission takes a permission from all roles too.
func (s *Simulator) deletePermission(c *call) reply {
	p := s.permission(c.params["slug"])
	if p == nil {
		return s.notFound("Permission", c.params["slug"])
	}
	s.permissions = slices.DeleteFunc(s.permissions, func(x *permission) bool { return x == p })
	for _, r := range s.roles {
		r.permissions = slices.DeleteFunc(r.permissions, func(slug string) bool { return slug == p.slug })
	}
	s.emit("permission.deleted", "", viewPermission(p))
	return empty(http.StatusNoContent)
}

func (s *Simulator) putRolePermissions(c *call) reply {
	f := s.read(c)
	slugs, present := f.texts("permissions")
	if !present {
		f.wrong("permissions", "required")
	}
	if p, bad := f.refused(); bad {
		return p
	}
	r, p, found := s.ownRole(c)
	if !found {
		return p
	}
	for _, slug := range slugs {
		if s.permission(slug) == nil {
			return s.notFound("Permission", slug)
		}
	}
	r.permissions = slices.Compact(slices.Sorted(slices.Values(slugs)))
	return s.roleChanged(r)
}

func (s *Simulator) postRolePermission(c *call) reply {
	f := s.read(c)
	slug := f.needed("slug")
	if p, bad := f.refused(); bad {
		return p
	}
	r, p, found := s.ownRole(c)
	if !found {
		return p
	}
	if s.permission(slug) == nil {
		return s.notFound("Permission", slug)
	}
	if slices.Contains(r.permissions, slug) {
		return ok(viewRole(r))
	}
	r.permissions = append(r.permissions, slug)
	return s.roleChanged(r)
}

func (s *Simulator) deleteRolePermission(c *call) reply {
	r, p, found := s.ownRole(c)
	if !found {
		return p
	}
	i := slices.Index(r.permissions, c.params["permission"])
	if i < 0 {
		return s.notFound("Permission", c.params["permission"])
	}
	r.permissions = slices.Delete(r.permissions, i, i+1)
	return s.roleChanged(r)
}
