package sandbox

import "usher/sandbox/clerk"

// The simulated Clerk's role keys.
const (
	clerkAdministrator = "org:admin"
	clerkMember        = "org:member"
)

// clerkMemberLimit is how many members, invited ones among them, the vendor
// lets an organization have unless its plan lifts the limit.
const clerkMemberLimit = 5

// openClerk builds a development instance with one organization and two people
// in it. Without limits organizations take any number of people.
func openClerk(s seed) *vendor {
	sim := clerk.New(clerk.Options{BaseURL: s.url, Now: s.opts.Now, Mail: mailer{s.sender}, Logger: s.opts.Logger, Limits: s.limits})
	limit := 0
	if s.limits {
		limit = clerkMemberLimit
	}
	sim.SetMemberLimit(limit)
	org := sim.AddOrganization(clerk.Org{Name: organizationName, Slug: s.row.slug, MemberLimit: limit})
	admin := sim.AddUser(clerk.Person{Email: AdministratorEmail, FirstName: "Demo", LastName: "Admin"})
	member := sim.AddUser(clerk.Person{Email: MemberEmail, FirstName: "Demo", LastName: "Member"})
	sim.AddMember(org, admin, clerkAdministrator)
	sim.AddMember(org, member, clerkMember)
	return &vendor{
		handler:      sim,
		organization: s.organization(org),
		provider:     s.row.provider,
		settings:     map[string]any{"base_url": s.url, "secret_key": sim.SecretKey()},
		roles: []RoleFacts{
			{Key: RoleAdmin, Provider: clerkAdministrator, GrantableBy: []string{RoleAdmin}},
			{Key: RoleMember, Provider: clerkMember},
		},
		env: []EnvVar{{"URL", s.url}, {"SECRET_KEY", sim.SecretKey()}, {"ORGANIZATION_ID", org}},
	}
}

// Clerk returns the Clerk simulator.
func (s *Sandbox) Clerk() *clerk.Simulator {
	for _, v := range s.vendors {
		if sim, ok := v.handler.(*clerk.Simulator); ok {
			return sim
		}
	}
	return nil
}
