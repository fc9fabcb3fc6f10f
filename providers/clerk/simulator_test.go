package clerk_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/contracttest"
	"usher/internal/quota"
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
	server := httptest.NewUnstartedServer(nil)
	base := "http://" + server.Listener.Addr().String()
	sim := simulator.New(simulator.Options{BaseURL: base, Mail: mails, Production: true})
	if err := sim.SetQuirks(quirks); err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	checked := v.Middleware(sim)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		checked.ServeHTTP(w, r)
	})
	server.Start()
	t.Cleanup(func() {
		sim.Injector().Clear()
		server.Close()
	})
	sim.SetMemberLimit(0)
	one, two := sim.AddOrganization(simulator.Org{Name: "One"}), sim.AddOrganization(simulator.Org{Name: "Two"})
	const memberEmail = "member@example.com"
	sim.AddMember(one, sim.AddUser(simulator.Person{Email: memberEmail}), "org:member")
	config := &clerk.Config{BaseURL: base, SecretKey: identity.Secret(sim.SecretKey()), CallTimeout: "2s", LagWait: "0s"}
	if problems := config.Validate(); len(problems) > 0 {
		t.Fatal(problems)
	}
	quotas := quota.New(&quota.Options{Now: sim.Now})
	names := map[string]string{"admin": "org:admin", "member": "org:member"}
	p, err := config.Open(providers.Deps{
		Connection: "under-test", Roles: names, EmailRule: identity.EmailLowercase, Now: sim.Now, Quotas: quotas,
		LimitWait: time.Second, Limits: map[string]quota.Limit{quota.All: {}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.Close(), quotas.Close()); err != nil {
			t.Error(err)
		}
	})
	return &providertest.Vendor{
		Provider: p, Org: identity.OrgRef{ID: "org_1", ProviderID: one}, Other: identity.OrgRef{ID: "org_2", ProviderID: two},
		MemberEmail: memberEmail,
		Accept: func(t *testing.T, _ identity.OrgRef, email string) {
			sent := mails.to(email)
			if _, err := (&sandbox.Person{}).Open(t.Context(), sent[len(sent)-1].Link); err != nil {
				t.Fatal(err)
			}
		},
		Elsewhere: func(t *testing.T, org identity.OrgRef, email, role string) {
			body := `{"email_address":"` + email + `","role":"` + names[role] + `"}`
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/organizations/"+org.ProviderID+"/invitations", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+sim.SecretKey())
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("Clerk-API-Version", "2026-05-12")
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = answer.Body.Close() }()
			if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
				t.Fatalf("invited elsewhere: %d, %v", answer.StatusCode, err)
			}
		},
		Invitations: func(_ *testing.T, email string) int { return len(mails.to(email)) },
		Expire:      func(*testing.T) { sim.Injector().Clock().Advance(31 * 24 * time.Hour) },
		Secrets:     func() []string { return []string{sim.SecretKey(), "eyJ", "ticket="} },
		Fail:        func(t *testing.T, f providertest.Failure) { failSimulator(t, sim, f) },
		Timeout:     8 * time.Second,
		Calls:       func() int { return int(calls.Load()) },
		Pass:        func(_ *testing.T, d time.Duration) { sim.Injector().Clock().Advance(d) },
	}
}

func failSimulator(t *testing.T, sim *simulator.Simulator, f providertest.Failure) {
	t.Helper()
	rule := fault.Fault{Match: fault.Match{Method: "POST", Path: "/invitations(/bulk)?$"}, Times: -1}
	switch f {
	case providertest.Back:
		sim.Injector().Clear()
		return
	case providertest.Refused:
		rule.Do = fault.Action{Status: 429, Headers: map[string]string{"Retry-After": "7"}}
	case providertest.Credentials:
		rule.Do = fault.Action{Status: 401, Body: `{"errors":[{"code":"clerk_key_invalid","message":"no","long_message":"no"}]}`}
	case providertest.ServerError:
		rule.Do = fault.Action{Status: 500, Body: `{"errors":[{"code":"internal_clerk_error","message":"no","long_message":"no"}]}`}
	case providertest.AnswerLost:
		rule.Do = fault.Action{Cut: "after"}
	case providertest.NotJSON:
		rule.Do = fault.Action{HTML: true}
	case providertest.EndlessBody:
		rule.Do = fault.Action{Endless: true}
	case providertest.Hang:
		rule.Do = fault.Action{Hang: true}
	case providertest.Unreachable:
		rule.Match = fault.Match{Path: "/"}
		rule.Do = fault.Action{Status: 503}
	}
	if _, err := sim.Injector().Add(rule); err != nil {
		t.Fatal(err)
	}
}
