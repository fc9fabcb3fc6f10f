package sandbox

import (
	"cmp"
	"context"
	"net/http"

	"usher/sandbox/mail"
	"usher/sandbox/stage"
)

// The portable roles of the demo world.
const (
	RoleAdmin  = "admin"
	RoleMember = "member"
)

// The two people who are in every demo organization from the start.
const (
	AdministratorEmail = "demo-admin@example.com"
	MemberEmail        = "demo-member@example.com"
)

// vendorRow is one simulated vendor. A further one is a further row.
type vendorRow struct {
	provider string // the adapter's name, and the connection's
	slug     string
	open     func(seed seed) *vendor
}

// vendorTable lists the vendors that are simulated, in the order in which they
// are listed everywhere and take their ports. Rows are only ever appended.
func vendorTable() []vendorRow {
	return []vendorRow{
		{provider: "asgardeo", slug: "acme-asgardeo", open: openAsgardeo},
		{provider: "clerk", slug: "acme-clerk", open: openClerk},
		{provider: "nile", slug: "acme-nile", open: openNile},
		{provider: "roq", slug: "acme-roq", open: openROQ},
		{provider: "workos", slug: "acme-workos", open: openWorkOS},
		{provider: "scim2", slug: "acme-scim2", open: openSCIM2},
	}
}

// seed is what a vendor gets to build its world from.
type seed struct {
	row    vendorRow
	url    string // where the simulator will be reached, without a trailing slash
	limits bool
	opts   *Options
	sender *mail.Sender
}

// organization returns the demo organization under the vendor's id of it.
func (s seed) organization(providerID string) Organization {
	return Organization{Slug: s.row.slug, Name: organizationName, Connection: s.row.provider, ProviderID: providerID}
}

const organizationName = "Acme"

// vendor is one simulated vendor with its demo organization.
type vendor struct {
	handler      http.Handler
	organization Organization
	provider     string
	emails       string         // how addresses are compared; empty: lowercase
	settings     map[string]any // the adapter's
	roles        []RoleFacts
	env          []EnvVar // names without the prefix USHER_SANDBOX_<PROVIDER>_
}

func (s *Sandbox) startVendor(ctx context.Context, row vendorRow, slot int, sender *mail.Sender) (*vendor, error) {
	site, err := s.sites.listen(ctx, slot)
	if err != nil {
		return nil, err
	}
	v := row.open(seed{row: row, url: site.url, limits: s.limits, opts: s.sites.opts, sender: sender})
	s.sites.serve(site, v.handler)
	return v, nil
}

// mailer sends a simulator's mails by SMTP. A mail that is due goes out even if
// the caller whose request caused it has gone away meanwhile.
type mailer struct{ sender *mail.Sender }

// Send implements stage.Mailer.
func (m mailer) Send(ctx context.Context, s stage.Mail) error {
	return m.sender.Send(context.WithoutCancel(ctx), mail.Outgoing{Kind: s.Kind, To: s.To, Subject: s.Subject, Text: s.Text, HTML: s.HTML})
}

func (v *vendor) connection() ConnectionFacts {
	f := ConnectionFacts{
		Name: v.organization.Connection, Provider: v.provider, Issuers: []string{issuerName},
		ActAs: "service", Emails: cmp.Or(v.emails, "lowercase"), Settings: map[string]any{},
	}
	for key, value := range v.settings {
		f.Settings[key] = value
	}
	for _, r := range v.roles {
		r.GrantableBy = append([]string(nil), r.GrantableBy...)
		f.Roles = append(f.Roles, r)
	}
	return f
}
