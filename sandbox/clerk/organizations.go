package clerk

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const longestName = 256

func (s *Simulator) orgView(o *organization) map[string]any {
	out := map[string]any{
		"object": "organization", "id": o.id, "name": o.name, "slug": o.slug, "image_url": s.imageURL(o.id), "has_image": false,
		"max_allowed_memberships": o.limit, "admin_delete_enabled": o.adminDelete,
		"public_metadata": o.public, "private_metadata": o.private, "role_set_key": o.roleSet.key,
		"created_at": ms(o.created), "updated_at": ms(o.updated),
	}
	if o.createdBy != "" {
		out["created_by"] = o.createdBy
	}
	return out
}

// countedView adds what a call asks to have counted.
func (s *Simulator) countedView(c *call) (func(*organization) map[string]any, *failure) {
	count, _, f := c.flag("include_members_count")
	if f != nil {
		return nil, f
	}
	missing, _, f := c.flag("include_missing_member_with_elevated_permissions")
	if f != nil {
		return nil, f
	}
	return func(o *organization) map[string]any {
		out := s.orgView(o)
		members := s.membersOf(o)
		if count {
			out["members_count"], out["pending_invitations_count"] = len(members), len(s.pendingOf(o))
		}
		if missing {
			out["missing_member_with_elevated_permissions"] = find(members, func(m *membership) bool { return m.role.least() }) == nil
		}
		return out
	}, nil
}

// orgOf is the organization of the path, by id alone.
func (s *Simulator) orgOf(c *call) (*organization, *failure) {
	if o := s.org(c.params["org"]); o != nil {
		return o, nil
	}
	return nil, refuse(s.q.UnknownOrganization, "The given organization was not found.")
}

// getOrganization takes a slug as well, as nothing else does (FACTS.md section 6.1).
func (s *Simulator) getOrganization(c *call) (any, *failure) {
	view, f := s.countedView(c)
	if f != nil {
		return nil, f
	}
	name := c.params["org"]
	o := find(s.orgs, func(o *organization) bool { return o.id == name || o.slug == name })
	if o == nil {
		return nil, refuse(s.q.UnknownOrganization, "The given organization was not found.")
	}
	return view(o), nil
}

func (s *Simulator) listOrganizations(c *call) (any, *failure) {
	view, f := s.countedView(c)
	if f != nil {
		return nil, f
	}
	own, f := c.signed("organization_id")
	if f != nil {
		return nil, f
	}
	with, f := c.signed("user_id")
	if f != nil {
		return nil, f
	}
	query := c.query("query")
	list, f := sorted(c, filter(s.orgs, func(o *organization) bool {
		var users []string
		for _, m := range s.membersOf(o) {
			users = append(users, m.user.id)
		}
		return s.shown(o.made) && own(o.id) && with(users...) && (query == "" || o.id == query || folded(o.name, query) || folded(o.slug, query))
	}), map[string]func(a, b *organization) int{
		"created_at":    func(a, b *organization) int { return a.created.Compare(b.created) },
		"name":          func(a, b *organization) int { return cmp.Compare(a.name, b.name) },
		"members_count": func(a, b *organization) int { return cmp.Compare(len(s.membersOf(a)), len(s.membersOf(b))) },
	})
	if f != nil {
		return nil, f
	}
	return paged(c, list, view)
}

// postOrganization makes an organization; without created_by it has no members.
func (s *Simulator) postOrganization(c *call) (any, *failure) {
	in, f := c.read(need("name"), text("slug"), text("created_by"), objectOrNil("public_metadata"), objectOrNil("private_metadata"),
		integer("max_allowed_memberships", 0, 0), text("created_at"), text("role_set_key"))
	if f != nil {
		return nil, f
	}
	now := s.clock.Now()
	o := &organization{id: s.newID("org"), limit: s.settings.memberLimit, adminDelete: s.settings.adminDelete, roleSet: s.initialSet(),
		public: in.object("public_metadata"), private: in.object("private_metadata"), created: now, updated: now, made: now}
	if f := s.describe(o, in); f != nil {
		return nil, f
	}
	var creator *user
	if by := in.text("created_by"); by != "" {
		if creator = s.user(by); creator == nil {
			return nil, refuse("organization_creator_not_found", "The creator of the organization was not found.", "param_name", "created_by")
		}
		o.createdBy = creator.id
	}
	if o.slug == "" {
		o.slug = s.freeSlug(o.name)
	}
	s.orgs = append(s.orgs, o)
	if creator != nil {
		s.join(o, creator, o.roleSet.creator, map[string]any{}, map[string]any{})
	}
	return s.orgView(o), nil
}

// describe checks and sets what a body says about an organization, which is
// unchanged if something is refused.
func (s *Simulator) describe(o *organization, in body) *failure {
	next := *o
	if in.given("name") {
		next.name = strings.TrimSpace(in.text("name"))
		if f := checkName(next.name); f != nil {
			return f
		}
	}
	if in.given("slug") {
		next.slug = in.text("slug")
		if f := s.checkSlug(o, next.slug); f != nil {
			return f
		}
	}
	if in.given("role_set_key") {
		next.roleSet = s.roleSet(in.text("role_set_key"))
		if next.roleSet == nil {
			return notFound("role set", "param_name", "role_set_key")
		}
		for _, m := range s.membersOf(o) {
			if !slices.Contains(next.roleSet.roles, m.role) {
				return invalid("role_set_key", "A member has a role that is not in the role set.")
			}
		}
	}
	if f := in.stamp("created_at", &next.created); f != nil {
		return f
	}
	next.limit = in.number("max_allowed_memberships", next.limit)
	next.adminDelete = in.isTrue("admin_delete_enabled", next.adminDelete)
	*o = next
	return nil
}

// checkName refuses what the document rules out: URLs, HTML, more than 256 letters.
func checkName(name string) *failure {
	switch {
	case name == "":
		return refuse("form_param_nil", "name must not be empty.", "param_name", "name")
	case len([]rune(name)) > longestName:
		return refuse("form_param_max_length_exceeded", "name must not exceed 256 characters.", "param_name", "name")
	case strings.ContainsAny(name, "<>"), strings.Contains(name, "://"), strings.HasPrefix(strings.ToLower(name), "www."):
		return badFormat("name", "name must not contain URLs or HTML.")
	}
	return nil
}

func (s *Simulator) checkSlug(o *organization, slug string) *failure {
	switch {
	case s.settings.slugsOff:
		return refuse("organization_slugs_disabled", "Organization slugs are not enabled for this instance.")
	case !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(slug):
		return badFormat("slug", "slug can hold lower-case letters, digits and dashes only.")
	case find(s.orgs, func(other *organization) bool { return other.id != o.id && other.slug == slug }) != nil:
		return refuse("form_identifier_exists", "That slug is taken. Please try another.", "param_name", "slug")
	}
	return nil
}

// freeSlug makes the slug of an organization that came without one.
func (s *Simulator) freeSlug(name string) string {
	slug := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "-"), "-")
	slug += "-" + strconv.FormatInt(s.clock.Now().Unix(), 10)
	for find(s.orgs, func(o *organization) bool { return o.slug == slug }) != nil {
		slug += "-1"
	}
	return slug
}

// patchOrganization changes an organization; from version 2026-05-12 on
// without metadata.
func (s *Simulator) patchOrganization(c *call) (any, *failure) {
	fields := []field{text("name"), text("slug"), integer("max_allowed_memberships", 0, 0), boolean("admin_delete_enabled"), text("created_at"), text("role_set_key")}
	if c.version < versionNoMetadata {
		fields = append(fields, object("public_metadata"), object("private_metadata"))
	}
	in, f := c.read(fields...)
	if f != nil {
		return nil, f
	}
	o, f := s.orgOf(c)
	if f != nil {
		return nil, f
	}
	if f := s.describe(o, in); f != nil {
		return nil, f
	}
	replaceMetadata(in, o.metadata())
	o.updated = s.clock.Now()
	return s.orgView(o), nil
}

// deleteOrganization also removes memberships and invitations, and clears the
// organization from sessions.
func (s *Simulator) deleteOrganization(c *call) (any, *failure) {
	o, f := s.orgOf(c)
	if f != nil {
		return nil, f
	}
	s.orgs = filter(s.orgs, func(other *organization) bool { return other != o })
	s.members = filter(s.members, func(m *membership) bool { return m.org != o })
	s.invitations = filter(s.invitations, func(i *invitation) bool { return i.org != o })
	for _, one := range s.sessions {
		if one.org == o.id {
			one.org = ""
		}
	}
	return map[string]any{"object": "organization", "id": o.id, "slug": o.slug, "deleted": true}, nil
}
