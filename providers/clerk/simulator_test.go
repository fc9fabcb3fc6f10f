package clerk_test

import (
	"net/http"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/contracttest"
	"usher/internal/simtest"
	"usher/providers"
	"usher/providers/clerk"
	"usher/providers/providertest"
	"usher/sandbox"
	simulator "usher/sandbox/clerk"
	"usher/sandbox/clerk/contract"
	"usher/sandbox/fault"
	"usher/sandbox/sandboxtest"
	"usher/sandbox/stage"
)

// letters keeps the simulator's mails.
type letters struct{ sandboxtest.Mailbox }

func (l *letters) to(email string) []stage.Mail {
	return l.Mails(func(m stage.Mail) bool {
		return identity.SameEmail(m.To, email, identity.EmailLowercase) && m.Kind == simulator.MailOrganizationInvitation
	})
}

// The adapter and the simulator were written apart, both from the vendor's
// facts: together they pass the suite, with every exchange valid against the
// vendor's document, whatever the server's quirks.
func TestConformanceOnTheSimulator(t *testing.T) {
	t.Parallel()
	loaded := contract.NewValidator(t)
	for name, quirks := range map[string]func(*simulator.Quirks){
		"as by default":                    func(*simulator.Quirks) {},
		"replaces":                         func(q *simulator.Quirks) { q.Duplicates = "replace" },
		"expired ones are called pending":  func(q *simulator.Quirks) { q.ExpiredAsPending = true },
		"other codes":                      func(q *simulator.Quirks) { q.DuplicateCode, q.DuplicateStatus = "duplicate_record", 422 },
		"a part of a refused bulk is kept": func(q *simulator.Quirks) { q.BulkPartial = true },
		"a part is kept, and replaces":     func(q *simulator.Quirks) { q.BulkPartial, q.Duplicates = true, "replace" },
		"organizations are hidden": func(q *simulator.Quirks) {
			q.UnknownOrganization, q.UnknownInvitation = "organization_not_found_or_unauthorized", "organization_invitation_not_found"
		},
		"a refusal of one status in a list": func(q *simulator.Quirks) { q.OneStatus = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Harness{Open: func(t *testing.T) *providertest.Vendor {
				return openSimulator(t, loaded.Fresh(t), quirks)
			}})
		})
	}
}

func openSimulator(t *testing.T, v *contracttest.Validator, quirks func(*simulator.Quirks)) *providertest.Vendor {
	mails := &letters{}
	site := simtest.Serve(t, v, func(base string) *simulator.Simulator {
		return simulator.New(simulator.Options{BaseURL: base, Mail: mails, Production: true})
	})
	sim := site.Sim
	if err := sim.SetQuirks(quirks); err != nil {
		t.Fatal(err)
	}
	sim.SetMemberLimit(0)
	one, two := sim.AddOrganization(simulator.Org{Name: "One"}), sim.AddOrganization(simulator.Org{Name: "Two"})
	sim.AddMember(one, sim.AddUser(simulator.Person{Email: simtest.MemberEmail}), "org:member")
	config := &clerk.Config{BaseURL: site.Base, SecretKey: identity.Secret(sim.SecretKey()), CallTimeout: "2s", LagWait: "0s"}
	names := map[string]string{"admin": "org:admin", "member": "org:member"}
	vendor := site.Vendor(site.Open(t, config, providers.Deps{Roles: names, EmailRule: identity.EmailLowercase}), one, two, 30*24*time.Hour)
	vendor.Accept = func(t *testing.T, _ identity.OrgRef, email string) {
		if _, err := (&sandbox.Person{}).Open(t.Context(), sandboxtest.Last(t, mails.to(email)).Link); err != nil {
			t.Fatal(err)
		}
	}
	vendor.Elsewhere = func(t *testing.T, org identity.OrgRef, email, role string) {
		request := sandboxtest.NewRequest(t, http.MethodPost, site.Base+"/v1/organizations/"+org.ProviderID+"/invitations",
			map[string]string{"email_address": email, "role": names[role]})
		request.Header.Set("Authorization", "Bearer "+sim.SecretKey())
		request.Header.Set("Clerk-API-Version", "2026-05-12")
		if answer := sandboxtest.Send(t, http.DefaultClient, request); answer.Status != http.StatusOK {
			t.Fatalf("invited elsewhere: %d %s", answer.Status, answer.Raw)
		}
	}
	vendor.Invitations = func(_ *testing.T, email string) int { return len(mails.to(email)) }
	vendor.Secrets = func() []string { return []string{sim.SecretKey(), "eyJ", "ticket="} }
	vendor.Fail = site.Fail(fault.Match{Method: "POST", Path: "/invitations(/bulk)?$"},
		`{"errors":[{"code":"clerk_key_invalid","message":"no","long_message":"no"}]}`,
		`{"errors":[{"code":"internal_clerk_error","message":"no","long_message":"no"}]}`)
	return vendor
}
