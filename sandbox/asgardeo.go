package sandbox

import "usher/sandbox/asgardeo"

// The simulated Asgardeo's names: root organization, application, roles.
const (
	asgardeoRoot          = "sandbox"
	asgardeoApplication   = "Team App"
	asgardeoAdministrator = "Administrator"
	asgardeoMember        = "Member"
)

// openAsgardeo builds a root organization with one business application for
// the gateway, its two roles, and one sub-organization with two people.
func openAsgardeo(s seed) *vendor {
	sim := asgardeo.New(asgardeo.Options{
		Root: asgardeoRoot, BaseURL: s.url, Now: s.opts.Now, Mail: mailer{s.sender},
		Logger: s.opts.Logger, Limits: s.limits,
	})
	app := sim.AddApplication(asgardeo.App{Name: asgardeoApplication, ClientID: secret(), ClientSecret: secret()})
	sim.AddRole("", asgardeoAdministrator, app.ID)
	sim.AddRole("", asgardeoMember, app.ID)
	org := sim.AddOrganization(organizationName, "")
	admin := sim.AddUser(asgardeo.Person{Email: AdministratorEmail, GivenName: "Demo", FamilyName: "Admin"})
	member := sim.AddUser(asgardeo.Person{Email: MemberEmail, GivenName: "Demo", FamilyName: "Member"})
	sim.AddMember(org, admin, asgardeoAdministrator)
	sim.AddMember(org, member, asgardeoMember)
	base := s.url + "/t/" + asgardeoRoot
	return &vendor{
		handler:      sim,
		organization: s.organization(org),
		provider:     s.row.provider,
		settings: map[string]any{
			"base_url": base, "client_id": app.ClientID, "client_secret": app.ClientSecret, "application": asgardeoApplication,
		},
		roles: []RoleFacts{
			{Key: RoleAdmin, Provider: asgardeoAdministrator, GrantableBy: []string{RoleAdmin}},
			{Key: RoleMember, Provider: asgardeoMember},
		},
		env: []EnvVar{
			{"URL", base}, {"CLIENT_ID", app.ClientID}, {"CLIENT_SECRET", app.ClientSecret}, {"ORGANIZATION_ID", org},
		},
	}
}
