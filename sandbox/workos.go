package sandbox

import "usher/sandbox/workos"

// openWorkOS builds an environment with its two roles and one organization with
// two people.
func openWorkOS(s seed) *vendor {
	key, client := "sk_test_"+secret(), "client_"+secret()
	sim := workos.New(workos.Options{
		ClientID: client, BaseURL: s.url, Now: s.opts.Now, Mail: mailer{s.sender}, Logger: s.opts.Logger, Limits: s.limits,
	})
	sim.AddKey(key)
	sim.AddRole("", RoleAdmin, "Admin")
	sim.SetPriority(RoleAdmin, RoleMember)
	org := sim.AddOrganization(organizationName)
	admin := sim.AddUser(workos.Person{Email: AdministratorEmail, FirstName: "Demo", LastName: "Admin"})
	member := sim.AddUser(workos.Person{Email: MemberEmail, FirstName: "Demo", LastName: "Member"})
	sim.AddMember(org, admin, RoleAdmin)
	sim.AddMember(org, member, RoleMember)
	return &vendor{
		handler:      sim,
		organization: s.organization(org),
		provider:     s.row.provider,
		settings:     map[string]any{"base_url": s.url, "api_key": key},
		roles: []RoleFacts{
			{Key: RoleAdmin, Provider: RoleAdmin, GrantableBy: []string{RoleAdmin}},
			{Key: RoleMember, Provider: RoleMember},
		},
		env: []EnvVar{{"URL", s.url}, {"API_KEY", key}, {"CLIENT_ID", client}, {"ORGANIZATION_ID", org}},
	}
}

// WorkOS returns the WorkOS simulator.
func (s *Sandbox) WorkOS() *workos.Simulator {
	for _, v := range s.vendors {
		if sim, ok := v.handler.(*workos.Simulator); ok {
			return sim
		}
	}
	return nil
}
