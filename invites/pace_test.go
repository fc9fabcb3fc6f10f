package invites_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"usher/identity"
	"usher/internal/quota"
	"usher/providers"
	"usher/providers/asgardeo"
	"usher/providers/nile"
	"usher/providers/scim2"
	"usher/providers/workos"
	simulatedasgardeo "usher/sandbox/asgardeo"
	simulatednile "usher/sandbox/nile"
	simulatedscim2 "usher/sandbox/scim2"
	simulatedworkos "usher/sandbox/workos"
)

func limitedAsgardeo() *backend {
	vendor := simulatedasgardeo.New(simulatedasgardeo.Options{Root: "acme", BaseURL: "https://asgardeo.example", Limits: true})
	app := vendor.AddApplication(simulatedasgardeo.App{Name: "Team App"})
	vendor.AddRole("", "Member", app.ID)
	return &backend{
		vendor: vendor, role: "Member", emails: identity.EmailLowercase,
		config: &asgardeo.Config{
			BaseURL: "https://asgardeo.example/t/acme", ClientID: app.ClientID, ClientSecret: identity.Secret(app.ClientSecret), Application: "Team App",
		},
		organization: func(name string) string { return vendor.AddOrganization(name, "") },
		mails:        func() int { return vendor.State().MailsByKind[simulatedasgardeo.MailGuestInvitation] },
	}
}

// limitedWorkOS has a fifth of the vendor's writes, which are many.
func limitedWorkOS() *backend {
	const key = "sk_test_of_the_simulator"
	vendor := simulatedworkos.New(simulatedworkos.Options{BaseURL: "https://workos.example", Limits: true})
	vendor.AddKey(key)
	return &backend{
		vendor: vendor, role: "member", emails: identity.EmailLowercase,
		config:       &workos.Config{BaseURL: "https://workos.example", APIKey: key},
		limits:       map[string]quota.Limit{"writes": {Calls: 100}},
		organization: vendor.AddOrganization,
		mails:        func() int { return vendor.State().MailsByKind[simulatedworkos.MailInvitation] },
	}
}

// limitedNile has the limits that an operator set: the vendor's are not known.
func limitedNile() *backend {
	const email, password = "usher@example.com", "the password of the service"
	vendor := simulatednile.New(simulatednile.Options{BaseURL: "https://nile.example"})
	user := vendor.AddUser(simulatednile.Person{Email: email, Password: password, Verified: true})
	return &backend{
		vendor: vendor, emails: identity.EmailExact,
		config: &nile.Config{BaseURL: vendor.URL(), Origin: vendor.AppURL(), Email: email, Password: password},
		limits: map[string]quota.Limit{"calls": {Calls: 100, Window: time.Minute}},
		organization: func(name string) string {
			tenant := vendor.AddTenant(name)
			vendor.AddMember(tenant, user)
			return tenant
		},
		mails: func() int { return len(vendor.State().Mails) },
	}
}

// counter counts the mails that usher sends itself.
type counter struct{ mails atomic.Int64 }

// MailInvitation implements providers.Mailer.
func (c *counter) MailInvitation(context.Context, providers.InviteRequest, *time.Time) error {
	c.mails.Add(1)
	return nil
}

// limitedSCIM2 has the limit that an operator set: the protocol knows none.
func limitedSCIM2() *backend {
	vendor := simulatedscim2.New(simulatedscim2.Options{BaseURL: "https://scim.example"})
	member := vendor.AddUser(simulatedscim2.Person{Email: "member@example.com"})
	mailer := &counter{}
	return &backend{
		vendor: vendor, role: "{organization}: Member", emails: identity.EmailLowercase,
		config: &scim2.Config{BaseURL: "https://scim.example" + vendor.Path(), Token: identity.Secret(vendor.Token())},
		limits: map[string]quota.Limit{"calls": {Calls: 100, Window: time.Minute}},
		mailer: mailer,
		organization: func(name string) string {
			vendor.AddGroup(name+": Member", member)
			return vendor.AddGroup(name, member)
		},
		mails: func() int { return int(mailer.mails.Load()) },
	}
}

// What a batch of people who are new at the vendor is said to take when it is
// sent in comes true under the limits of each vendor that has some, and under
// those that an operator set.
func TestEstimateUnderEachVendorsLimits(t *testing.T) {
	if testing.Short() {
		t.Skip("a volume suite")
	}
	for name, tc := range map[string]struct {
		open func() *backend
		rows int
	}{
		"asgardeo": {limitedAsgardeo, 300},
		"nile":     {limitedNile, 200},
		"scim2":    {limitedSCIM2, 130},
		"workos":   {limitedWorkOS, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newLimited(t, tc.open())
				b, begun, estimated := w.publish(tc.rows)
				w.finish(b, tc.rows, begun, estimated, time.Second)
				if n := w.backend.mails(); n != tc.rows {
					t.Errorf("%d mails", n)
				}
			})
		})
	}
}
