package roq_test

import (
	"net/http"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/simtest"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/roq"
	"usher/sandbox"
	"usher/sandbox/fault"
	simulator "usher/sandbox/roq"
	"usher/sandbox/roq/contract"
	"usher/sandbox/sandboxtest"
	"usher/sandbox/stage"
)

// letters keeps the simulator's mails.
type letters struct{ sandboxtest.Mailbox }

func (l *letters) to(email string) []stage.Mail {
	return l.Mails(func(m stage.Mail) bool {
		return identity.SameEmail(m.To, email, identity.EmailLowercase) && m.Kind == simulator.MailInvitation
	})
}

// The adapter and the simulator were written apart, both from the vendor's
// facts: together they pass the suite, with every exchange valid against the
// vendor's schema, whatever the server's quirks.
func TestConformanceOnTheSimulator(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		quirks func(*simulator.Quirks)
		config func(*roq.Config)
	}{
		"as by default":  {func(*simulator.Quirks) {}, func(*roq.Config) {}},
		"odd answers":    {func(q *simulator.Quirks) { q.RowsReversed, q.NullLists, q.TokenStatus = true, true, 200 }, func(*roq.Config) {}},
		"new tokens":     {func(q *simulator.Quirks) { q.ResendNewToken, q.ResendNewTokenID = true, true }, func(*roq.Config) {}},
		"late expiry":    {func(q *simulator.Quirks) { q.ExpiryJobMinutes = -1 }, func(*roq.Config) {}},
		"older instance": {func(*simulator.Quirks) {}, func(c *roq.Config) { c.Operations = "v1" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Harness{Open: func(t *testing.T) *providertest.Vendor {
				return openSimulator(t, contract.NewValidator(t), tt.quirks, tt.config)
			}})
		})
	}
}

func openSimulator(t *testing.T, v *contract.Validator, quirks func(*simulator.Quirks), change func(*roq.Config)) *providertest.Vendor {
	mails := &letters{}
	site := simtest.Serve(t, ticking{v}, func(base string) *simulator.Simulator {
		return simulator.New(simulator.Options{APIKey: "key-of-the-environment", BaseURL: base, Mail: mails})
	})
	sim := site.Sim
	if err := sim.SetQuirks(quirks); err != nil {
		t.Fatal(err)
	}
	sim.AddRole(simulator.Role{Key: "boss", Name: "Boss", Invites: []string{"staff"}, Permissions: []string{"*"}})
	sim.AddRole(simulator.Role{Key: "staff", Name: "Staff"})
	one, two := sim.AddTenant("One"), sim.AddTenant("Two")
	inviter := sim.AddUser(simulator.User{Email: "inviter@example.com", TenantID: one, Roles: []string{"boss"}})
	sim.AddUser(simulator.User{Email: simtest.MemberEmail, TenantID: one, Roles: []string{"staff"}})
	yes := true
	config := &roq.Config{
		BaseURL: site.Base, EnvironmentID: sim.EnvironmentID(), APIKey: identity.Secret(sim.APIKey()), InviterID: inviter,
		InviterAnyTenant: &yes, ResendShows: &yes, CallTimeout: "2s",
	}
	change(config)
	names := map[string]string{"admin": "boss", "member": "staff"}
	vendor := site.Vendor(site.Open(t, config, providers.Deps{Roles: names, EmailRule: identity.EmailLowercase}), one, two, 24*time.Hour)
	vendor.Accept = func(t *testing.T, _ identity.OrgRef, email string) {
		if _, err := (&sandbox.Person{}).Open(t.Context(), sandboxtest.Last(t, mails.to(email)).Link); err != nil {
			t.Fatal(err)
		}
	}
	vendor.Elsewhere = func(t *testing.T, org identity.OrgRef, email, role string) {
		// Another application of the environment, with an adapter of its own.
		other, err := config.Open(providers.Deps{Connection: "elsewhere", Roles: names, EmailRule: identity.EmailLowercase, Now: sim.Now})
		if err != nil {
			t.Fatal(err)
		}
		v := &providertest.Vendor{Org: org}
		if _, err := other.Invite(t.Context(), v.Request(t, email, role)); err != nil {
			t.Fatal(err)
		}
	}
	vendor.Invitations = func(_ *testing.T, email string) int { return len(mails.to(email)) }
	vendor.Secrets = func() []string { return []string{sim.APIKey(), "eyJ", "token="} }
	vendor.Fail = site.Fail(fault.Match{Method: "POST", Body: "mutation"},
		`{"statusCode":401,"message":"Unauthorized","error":"Unauthorized"}`, `{"statusCode":500,"message":"Internal server error"}`)
	return vendor
}

// ticking checks exchanges on a clock that each of them moves: the vendor's times
// are in milliseconds, and no two calls fall into one.
type ticking struct{ *contract.Validator }

func (c ticking) Middleware(next http.Handler) http.Handler {
	checked := c.Validator.Middleware(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.(*simulator.Simulator).Injector().Clock().Advance(time.Millisecond)
		checked.ServeHTTP(w, r)
	})
}
