package sandbox

import "usher/sandbox/nile"

// nileServiceEmail is the user that the gateway acts as: Nile has no service
// key, so it signs in as a member of the tenant.
const nileServiceEmail = "usher-service@example.com"

// openNile builds a database with one tenant, two people in it, and the
// gateway's own user as a third member. Nile has no roles.
func openNile(s seed) *vendor {
	sim := nile.New(nile.Options{BaseURL: s.url, Now: s.opts.Now, Mail: mailer{s.sender}, Logger: s.opts.Logger})
	password := secret()
	tenant := sim.AddTenant(organizationName)
	for _, p := range []nile.Person{
		{Email: nileServiceEmail, Password: password, Name: "usher", Verified: true},
		{Email: AdministratorEmail, Password: secret(), Name: "Demo Admin", GivenName: "Demo", FamilyName: "Admin", Verified: true},
		{Email: MemberEmail, Password: secret(), Name: "Demo Member", GivenName: "Demo", FamilyName: "Member", Verified: true},
	} {
		sim.AddMember(tenant, sim.AddUser(p))
	}
	return &vendor{
		handler:      sim,
		organization: s.organization(tenant),
		provider:     s.row.provider,
		emails:       "exact", // addresses are compared byte by byte
		settings: map[string]any{
			"base_url": sim.URL(), "origin": sim.AppURL(), "email": nileServiceEmail, "password": password,
		},
		roles: []RoleFacts{{Key: RoleMember}},
		env: []EnvVar{
			{"URL", sim.URL()}, {"EMAIL", nileServiceEmail}, {"PASSWORD", password}, {"TENANT_ID", tenant},
		},
	}
}

// Nile returns the Nile simulator.
func (s *Sandbox) Nile() *nile.Simulator {
	for _, v := range s.vendors {
		if sim, ok := v.handler.(*nile.Simulator); ok {
			return sim
		}
	}
	return nil
}
