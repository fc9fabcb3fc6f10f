package sandbox

import (
	"context"

	"usher/sandbox/asgardeo"
	"usher/sandbox/mail"
)

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
		Root: asgardeoRoot, BaseURL: s.url, Now: s.opts.Now, Mail: asgardeoMailer{s.sender},
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

// asgardeoMailer sends the simulator's mails by SMTP. A mail that is due goes
// out even if the caller whose request caused it has gone away meanwhile.
type asgardeoMailer struct{ sender *mail.Sender }

// Send implements asgardeo.Mailer.
func (m asgardeoMailer) Send(ctx context.Context, a asgardeo.Mail) error {
	return m.sender.Send(context.WithoutCancel(ctx), mail.Outgoing{
		Kind: a.Kind, To: a.To, Subject: a.Subject, Text: a.Text, HTML: a.HTML,
	})
}
