package clerk

// defaultMemberLimit is an organization's limit unless a plan lifts it (FACTS.md section 6.1).
const defaultMemberLimit = 5

// addDefaults gives a new instance its permissions, its two roles and the role
// set with both (FACTS.md section 7).
func (s *Simulator) addDefaults() {
	now := s.clock.Now()
	var read []*permission
	for _, p := range systemPermissions() {
		made := &permission{id: s.newID("perm"), key: p[0], name: p[1], description: p[1], system: true, created: now, updated: now}
		s.permissions = append(s.permissions, made)
		if p[0] == permissionRead || p[0] == "org:sys_billing:read" {
			read = append(read, made)
		}
	}
	admin := &role{id: s.newID("role"), name: "Admin", key: "org:admin", permissions: append([]*permission{}, s.permissions...), created: now, updated: now}
	member := &role{id: s.newID("role"), name: "Member", key: "org:member", permissions: read, created: now, updated: now}
	s.roles = []*role{admin, member}
	s.roleSets = []*roleSet{{id: s.newID("roleset"), name: "Default", key: "role_set:default", initial: true,
		roles: []*role{admin, member}, member: member, creator: admin, created: now, updated: now}}
	s.settings = settings{enabled: true, adminDelete: true, memberLimit: defaultMemberLimit, domainRole: member}
}

func (s *Simulator) settingsView() map[string]any {
	modes := append([]string{}, s.settings.enrollment...)
	return map[string]any{
		"object": "organization_settings", "enabled": s.settings.enabled, "max_allowed_memberships": s.settings.memberLimit,
		"max_allowed_roles": rolesAllowed, "max_role_sets_allowed": 10, "max_allowed_domains": 10, "max_allowed_permissions": 50,
		"creator_role": s.initialSet().creator.key, "admin_delete_enabled": s.settings.adminDelete, "domains_enabled": s.settings.domains,
		"slug_disabled": s.settings.slugsOff, "domains_enrollment_modes": modes, "domains_default_role": s.settings.domainRole.key,
		"initial_role_set_key": s.initialSet().key,
	}
}

func (s *Simulator) getSettings(*call) (any, *failure) { return s.settingsView(), nil }

func (s *Simulator) patchSettings(c *call) (any, *failure) {
	in, f := c.read(boolean("enabled"), integer("max_allowed_memberships", 0, 0), boolean("admin_delete_enabled"), boolean("domains_enabled"),
		boolean("slug_disabled"), field{name: "domains_enrollment_modes", kind: kindTexts, oneOf: []string{"automatic_invitation", "automatic_suggestion"}},
		text("creator_role_id"), text("domains_default_role_id"))
	if f != nil {
		return nil, f
	}
	next, creator := s.settings, s.initialSet().creator
	for param, to := range map[string]**role{"creator_role_id": &creator, "domains_default_role_id": &next.domainRole} {
		if !in.given(param) {
			continue
		}
		r := find(s.initialSet().roles, func(r *role) bool { return r.id == in.text(param) })
		if r == nil {
			return nil, notFound("role", "param_name", param)
		}
		if param == "creator_role_id" && !r.creates() {
			return nil, invalid(param, "The role is not fit for an organization's creator.")
		}
		*to = r
	}
	next.enabled = in.isTrue("enabled", next.enabled)
	next.memberLimit = in.number("max_allowed_memberships", next.memberLimit)
	next.adminDelete = in.isTrue("admin_delete_enabled", next.adminDelete)
	next.domains = in.isTrue("domains_enabled", next.domains)
	next.slugsOff = in.isTrue("slug_disabled", next.slugsOff)
	if in.has("domains_enrollment_modes") {
		next.enrollment = in.texts("domains_enrollment_modes")
	}
	s.settings, s.initialSet().creator = next, creator
	return s.settingsView(), nil
}
