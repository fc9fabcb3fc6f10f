package asgardeo_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/contracttest"
	"usher/internal/simtest"
	"usher/providers"
	"usher/providers/asgardeo"
	"usher/providers/providertest"
	"usher/sandbox"
	simulator "usher/sandbox/asgardeo"
	"usher/sandbox/asgardeo/contract"
	"usher/sandbox/fault"
	"usher/sandbox/sandboxtest"
	"usher/sandbox/stage"
)

// letters keeps the simulator's mails.
type letters struct{ sandboxtest.Mailbox }

func (l *letters) to(email, kind string) []stage.Mail {
	return l.Mails(func(m stage.Mail) bool {
		return identity.SameEmail(m.To, email, identity.EmailLowercase) && (kind == "" || m.Kind == kind)
	})
}

// The adapter and the simulator were written apart, both from the vendor's
// facts: together they pass the suite, with every request and every answer
// valid against the vendor's documents, whatever the server's quirks.
func TestConformanceOnTheSimulator(t *testing.T) {
	t.Parallel()
	loaded := contract.NewValidator(t)
	quirks := map[string]func(*simulator.Quirks){
		"as by default": func(*simulator.Quirks) {},
		"newer server": func(q *simulator.Quirks) {
			q.EmailsAsObjects, q.SCIMAsJSON, q.EmptyResources, q.ExtensionBooleans = true, true, true, true
		},
		"older server": func(q *simulator.Quirks) { q.EnterpriseExtension, q.TotalResults = true, "page" },
		"odd totals":   func(q *simulator.Quirks) { q.TotalResults, q.WildcardEq = "larger", true },
	}
	for name, change := range quirks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Harness{Open: func(t *testing.T) *providertest.Vendor {
				return openSimulator(t, loaded.Fresh(t), change)
			}})
		})
	}
}

func openSimulator(t *testing.T, v *contracttest.Validator, change func(*simulator.Quirks)) *providertest.Vendor {
	q := simulator.DefaultQuirks()
	change(&q)
	mails := &letters{}
	site := simtest.Serve(t, v, func(base string) *simulator.Simulator {
		return simulator.New(simulator.Options{Root: "rootorg", BaseURL: base, Mail: mails, Quirks: &q})
	})
	sim, base := site.Sim, site.Base+"/t/rootorg"
	app := sim.AddApplication(simulator.App{Name: "Team App"})
	sim.AddRole("", "Administrator", app.ID)
	sim.AddRole("", "Member", app.ID)
	one, two := sim.AddOrganization("One", ""), sim.AddOrganization("Two", "")
	sim.AddMember(one, sim.AddUser(simulator.Person{Email: simtest.MemberEmail}), "Member")
	config := &asgardeo.Config{
		BaseURL: base, ClientID: app.ClientID, ClientSecret: identity.Secret(app.ClientSecret),
		Application: "Team App", CallTimeout: "2s", LagWait: "0s",
	}
	names := map[string]string{"admin": "Administrator", "member": "Member"}
	vendor := site.Vendor(site.Open(t, config, providers.Deps{Roles: names, EmailRule: identity.EmailLowercase}), one, two, 72*time.Hour)
	vendor.Accept = func(t *testing.T, _ identity.OrgRef, email string) {
		for _, m := range mails.to(email, "") {
			if _, err := (&sandbox.Person{}).Open(t.Context(), m.Link); err != nil && !strings.Contains(err.Error(), "400") {
				t.Fatalf("open %q: %v", m.Subject, err)
			}
		}
	}
	vendor.Elsewhere = func(t *testing.T, org identity.OrgRef, email, role string) {
		sim.AddUser(simulator.Person{Email: email})
		inviteElsewhere(t, base, app, org.ProviderID, email, sim.RoleID(org.ProviderID, names[role]))
	}
	vendor.Invitations = func(_ *testing.T, email string) int { return len(mails.to(email, simulator.MailGuestInvitation)) }
	vendor.Secrets = func() []string { return []string{app.ClientSecret, "confirmationCode"} }
	vendor.Fail = site.Fail(fault.Match{Method: "POST", Path: "/guests/invite$"},
		`{"code":401,"message":"Unauthorized"}`, `{"code":"OUI-65001","message":"Unable to create the invitation."}`)
	return vendor
}

// inviteElsewhere sends an invitation as a script at the vendor would.
func inviteElsewhere(t *testing.T, base string, app simulator.App, org, email, role string) {
	t.Helper()
	token := func(form url.Values) string {
		form.Set("client_id", app.ClientID)
		form.Set("client_secret", app.ClientSecret)
		form.Set("scope", "internal_org_guest_mgt_invite_add")
		answer := sandboxtest.Send(t, http.DefaultClient, sandboxtest.NewRequest(t, http.MethodPost, base+"/oauth2/token", form))
		if answer.Text("access_token") == "" {
			t.Fatalf("no token: %d", answer.Status)
		}
		return answer.Text("access_token")
	}
	root := token(url.Values{"grant_type": {"client_credentials"}})
	switched := token(url.Values{"grant_type": {"organization_switch"}, "token": {root}, "switching_organization": {org}})
	request := sandboxtest.NewRequest(t, http.MethodPost, base+"/o/api/server/v1/guests/invite",
		`{"usernames":["`+email+`"],"roles":["`+role+`"],"properties":[{"key":"manageNotificationsInternally","value":"true"}]}`)
	request.Header.Set("Authorization", "Bearer "+switched)
	if answer := sandboxtest.Send(t, http.DefaultClient, request); !strings.Contains(answer.Raw, "Successful") {
		t.Fatalf("invited elsewhere: %d %s", answer.Status, answer.Raw)
	}
}
