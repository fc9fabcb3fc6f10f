package sandbox

import "usher/sandbox/roq"

// openROQ builds an environment with its two roles and one tenant with two
// people, of whom the administrator is the inviter that ROQ wants named.
func openROQ(s seed) *vendor {
	sim := roq.New(roq.Options{APIKey: secret(), BaseURL: s.url, Now: s.opts.Now, Mail: mailer{s.sender}, Logger: s.opts.Logger})
	sim.AddRole(roq.Role{Key: RoleAdmin, Name: "Admin", Invites: []string{RoleMember}, Permissions: []string{"*"}})
	sim.AddRole(roq.Role{Key: RoleMember, Name: "Member"})
	tenant := sim.AddTenant(organizationName)
	admin := sim.AddUser(roq.User{Email: AdministratorEmail, TenantID: tenant, FirstName: "Demo", LastName: "Admin", Roles: []string{RoleAdmin}})
	sim.AddUser(roq.User{Email: MemberEmail, TenantID: tenant, FirstName: "Demo", LastName: "Member", Roles: []string{RoleMember}})
	return &vendor{
		handler:      sim,
		organization: s.organization(tenant),
		provider:     s.row.provider,
		settings: map[string]any{
			"base_url": s.url, "environment_id": sim.EnvironmentID(), "api_key": sim.APIKey(), "inviter_id": admin,
		},
		roles: []RoleFacts{
			{Key: RoleAdmin, Provider: RoleAdmin, GrantableBy: []string{RoleAdmin}},
			{Key: RoleMember, Provider: RoleMember},
		},
		env: []EnvVar{
			{"URL", s.url}, {"ENVIRONMENT_ID", sim.EnvironmentID()}, {"API_KEY", sim.APIKey()}, {"TENANT_ID", tenant}, {"INVITER_ID", admin},
		},
	}
}

// ROQ returns the ROQ simulator.
func (s *Sandbox) ROQ() *roq.Simulator {
	for _, v := range s.vendors {
		if sim, ok := v.handler.(*roq.Simulator); ok {
			return sim
		}
	}
	return nil
}
