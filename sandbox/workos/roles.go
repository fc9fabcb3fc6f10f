package workos

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const resourceOrganization = "organization"

func viewRole(r *role) object {
	kind := "EnvironmentRole"
	if r.organization != "" {
		kind = "OrganizationRole"
	}
	return object{"slug": r.slug, "object": "role", "id": r.id, "name": r.name, "description": r.description, "type": kind,
		"resource_type_slug": r.resource, "permissions": append([]string{}, r.permissions...), "created_at": stamp(r.created), "updated_at": stamp(r.updated)}
}

// newRole makes a role of the environment (no organization) or of an
// organization, without adding it.
func (s *Simulator) newRole(organization, slug, name string) *role {
	now := s.clock.Now()
	return &role{id: s.newID("role"), organization: organization, slug: slug, name: name, resource: resourceOrganization, created: now, updated: now}
}

// rolesIn lists the roles of an organization in priority order: the
// environment's, then its own. An empty id lists the environment's alone.
func (s *Simulator) rolesIn(organization string) []*role {
	var out []*role
	for _, r := range s.roles {
		if r.organization == "" {
			out = append(out, r)
		}
	}
	for _, r := range s.roles {
		if organization != "" && r.organization == organization {
			out = append(out, r)
		}
	}
	return out
}

func (s *Simulator) role(organization, slug string) *role {
	return find(s.rolesIn(organization), func(r *role) bool { return r.slug == slug })
}

// assignable finds a role that memberships can have (FACTS.md section 9).
func (s *Simulator) assignable(organization, slug string) *role {
	r := s.role(organization, slug)
	if r == nil || r.resource != resourceOrganization {
		return nil
	}
	return r
}

func (s *Simulator) listRoles(*call) reply { return plainList(s.rolesIn(""), viewRole) }

func (s *Simulator) getRole(c *call) reply {
	r := s.role("", c.params["slug"])
	if r == nil {
		return s.notFound("Role", c.params["slug"])
	}
	return ok(viewRole(r))
}

func (s *Simulator) listOrganizationRoles(c *call) reply {
	if s.organization(c.params["organization"]) == nil {
		return s.notFound("Organization", c.params["organization"])
	}
	return plainList(s.rolesIn(c.params["organization"]), viewRole)
}

func (s *Simulator) listOrganizationRolesByOldPath(c *call) reply {
	if !s.q.OldRolesPath {
		return messageReply(http.StatusNotFound, "Not Found")
	}
	return s.listOrganizationRoles(c)
}

func (s *Simulator) getOrganizationRole(c *call) reply {
	r, p, found := s.roleOfCall(c)
	if !found {
		return p
	}
	return ok(viewRole(r))
}

// roleOfCall finds the role that a path names, of the environment or of the
// path's organization.
func (s *Simulator) roleOfCall(c *call) (*role, reply, bool) {
	org, inside := c.params["organization"]
	if inside && s.organization(org) == nil {
		return nil, s.notFound("Organization", org), false
	}
	r := s.role(org, c.params["slug"])
	if r == nil {
		return nil, s.notFound("Role", c.params["slug"]), false
	}
	return r, reply{}, true
}

// ownRole is roleOfCall for changes: below an organization they are for custom
// roles alone.
func (s *Simulator) ownRole(c *call) (*role, reply, bool) {
	r, p, found := s.roleOfCall(c)
	if found && r.organization != c.params["organization"] {
		return nil, badRequest("bad_request"), false
	}
	return r, p, found
}

// roleBody is what creating a role takes.
type roleBody struct {
	slug, name, resource string
	description          *string
}

func (s *Simulator) readRole(c *call, custom bool) (roleBody, reply, bool) {
	f := s.read(c)
	b := roleBody{name: f.needed("name"), resource: resourceOrganization}
	if custom {
		b.slug = f.text("slug")
	} else {
		b.slug = f.needed("slug")
	}
	b.description, _ = f.nullable("description")
	if r := f.text("resource_type_slug"); r != "" {
		b.resource = r
	}
	f.atMost("name", &b.name, 48)
	f.atMost("slug", &b.slug, 48)
	f.atMost("resource_type_slug", &b.resource, 48)
	f.atMost("description", b.description, 150)
	word := regexp.MustCompile(`^[a-z0-9_-]+$`)
	if b.slug != "" && (!word.MatchString(b.slug) || custom && !strings.HasPrefix(b.slug, "org-")) {
		f.wrong("slug", "invalid_slug")
	}
	p, bad := f.refused()
	return b, p, !bad
}

func (s *Simulator) postRole(c *call) reply {
	b, p, fine := s.readRole(c, false)
	if !fine {
		return p
	}
	if s.role("", b.slug) != nil {
		return refusal(http.StatusConflict, "role_slug_conflict")
	}
	return s.addRole("", b)
}

func (s *Simulator) postOrganizationRole(c *call) reply {
	b, p, fine := s.readRole(c, true)
	if !fine {
		return p
	}
	org := c.params["organization"]
	if s.organization(org) == nil {
		return s.notFound("Organization", org)
	}
	if b.slug == "" {
		b.slug = "org-" + slugOf(b.name) + "-" + strings.ToLower(newSecret(6))
	}
	if s.role(org, b.slug) != nil {
		return refusal(http.StatusConflict, "organization_role_slug_conflict")
	}
	return s.addRole(org, b)
}

func slugOf(name string) string {
	slug := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "-")
	return strings.Trim(slug[:min(len(slug), 30)], "-")
}

func (s *Simulator) addRole(organization string, b roleBody) reply {
	r := s.newRole(organization, b.slug, b.name)
	r.description, r.resource = b.description, b.resource
	s.roles = append(s.roles, r)
	s.emitRole("created", r)
	return created(viewRole(r))
}

func (s *Simulator) patchRole(c *call) reply { return s.patchOrganizationRole(c) }

func (s *Simulator) patchOrganizationRole(c *call) reply {
	f := s.read(c)
	name := f.text("name")
	description, hasDescription := f.nullable("description")
	f.atMost("name", &name, 48)
	f.atMost("description", description, 150)
	if p, bad := f.refused(); bad {
		return p
	}
	r, p, found := s.ownRole(c)
	if !found {
		return p
	}
	if name != "" {
		r.name = name
	}
	if hasDescription {
		r.description = description
	}
	return s.roleChanged(r)
}

func (s *Simulator) roleChanged(r *role) reply {
	r.updated = s.clock.Now()
	s.emitRole("updated", r)
	return ok(viewRole(r))
}

func (s *Simulator) deleteOrganizationRole(c *call) reply {
	r, p, found := s.ownRole(c)
	if !found {
		return p
	}
	has := func(m *membership) bool { return m.organization == r.organization && slices.Contains(m.roles, r.slug) }
	if slices.ContainsFunc(s.memberships, has) {
		return refusal(http.StatusConflict, "role_has_assignments")
	}
	s.roles = slices.DeleteFunc(s.roles, func(x *role) bool { return x == r })
	s.emitRole("deleted", r)
	return empty(http.StatusNoContent)
}

// emitRole tells of a role; custom ones have events of their own.
func (s *Simulator) emitRole(what string, r *role) {
	m := object{"object": "role", "slug": r.slug, "resource_type_slug": r.resource, "permissions": append([]string{}, r.permissions...),
		"created_at": stamp(r.created), "updated_at": stamp(r.updated)}
	name := "role."
	if r.organization != "" {
		name = "organization_role."
		m["object"], m["organization_id"], m["name"], m["description"] = "organization_role", r.organization, r.name, r.description
	}
	s.emit(name+what, r.organization, m)
}
