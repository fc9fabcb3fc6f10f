package sandbox

import "usher/sandbox/scim2"

// The simulated SCIM service's groups: one is the organization, one is each of
// its roles.
const (
	scim2Administrators = organizationName + ": Admin"
	scim2Members        = organizationName + ": Member"
)

// openSCIM2 builds a service with two users, a group that is the organization
// and a group for each of its roles.
func openSCIM2(s seed) *vendor {
	sim := scim2.New(scim2.Options{BaseURL: s.url, Token: secret(), Now: s.opts.Now, Limits: s.limits})
	admin := sim.AddUser(scim2.Person{Email: AdministratorEmail, GivenName: "Demo", FamilyName: "Admin"})
	member := sim.AddUser(scim2.Person{Email: MemberEmail, GivenName: "Demo", FamilyName: "Member"})
	org := sim.AddGroup(organizationName, admin, member)
	sim.AddGroup(scim2Administrators, admin)
	sim.AddGroup(scim2Members, member)
	base := s.url + sim.Path()
	return &vendor{
		handler:      sim,
		organization: s.organization(org),
		provider:     s.row.provider,
		settings:     map[string]any{"base_url": base, "token": sim.Token()},
		roles: []RoleFacts{
			{Key: RoleAdmin, Provider: scim2Administrators, GrantableBy: []string{RoleAdmin}},
			{Key: RoleMember, Provider: scim2Members},
		},
		env: []EnvVar{{"URL", base}, {"TOKEN", sim.Token()}},
	}
}

// SCIM2 returns the simulator of a SCIM 2.0 service.
func (s *Sandbox) SCIM2() *scim2.Simulator {
	for _, v := range s.vendors {
		if sim, ok := v.handler.(*scim2.Simulator); ok {
			return sim
		}
	}
	return nil
}
