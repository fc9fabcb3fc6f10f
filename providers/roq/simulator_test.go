package roq_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/quota"
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
	server := httptest.NewUnstartedServer(nil)
	base := "http://" + server.Listener.Addr().String()
	sim := simulator.New(simulator.Options{APIKey: "key-of-the-environment", BaseURL: base, Mail: mails})
	if err := sim.SetQuirks(quirks); err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	checked := v.Middleware(sim)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		// The vendor's times are in milliseconds, and no two calls fall into one.
		sim.Injector().Clock().Advance(time.Millisecond)
		checked.ServeHTTP(w, r)
	})
	server.Start()
	t.Cleanup(func() {
		sim.Injector().Clear()
		server.Close()
	})
	sim.AddRole(simulator.Role{Key: "boss", Name: "Boss", Invites: []string{"staff"}, Permissions: []string{"*"}})
	sim.AddRole(simulator.Role{Key: "staff", Name: "Staff"})
	one, two := sim.AddTenant("One"), sim.AddTenant("Two")
	const memberEmail = "member@example.com"
	inviter := sim.AddUser(simulator.User{Email: "inviter@example.com", TenantID: one, Roles: []string{"boss"}})
	sim.AddUser(simulator.User{Email: memberEmail, TenantID: one, Roles: []string{"staff"}})
	yes := true
	config := &roq.Config{
		BaseURL: base, EnvironmentID: sim.EnvironmentID(), APIKey: identity.Secret(sim.APIKey()), InviterID: inviter,
		InviterAnyTenant: &yes, ResendShows: &yes, CallTimeout: "2s",
	}
	change(config)
	if problems := config.Validate(); len(problems) > 0 {
		t.Fatal(problems)
	}
	quotas := quota.New(&quota.Options{Now: sim.Now})
	names := map[string]string{"admin": "boss", "member": "staff"}
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
			// Another application of the environment, with an adapter of its own.
			other, err := config.Open(providers.Deps{Connection: "elsewhere", Roles: names, EmailRule: identity.EmailLowercase, Now: sim.Now})
			if err != nil {
				t.Fatal(err)
			}
			v := &providertest.Vendor{Org: org}
			if _, err := other.Invite(t.Context(), v.Request(t, email, role)); err != nil {
				t.Fatal(err)
			}
		},
		Invitations: func(_ *testing.T, email string) int { return len(mails.to(email)) },
		Expire:      func(*testing.T) { sim.Injector().Clock().Advance(25 * time.Hour) },
		Secrets:     func() []string { return []string{sim.APIKey(), "eyJ", "token="} },
		Fail:        func(t *testing.T, f providertest.Failure) { failSimulator(t, sim, f) },
		Timeout:     8 * time.Second,
		Calls:       func() int { return int(calls.Load()) },
		Pass:        func(_ *testing.T, d time.Duration) { sim.Injector().Clock().Advance(d) },
	}
}

func failSimulator(t *testing.T, sim *simulator.Simulator, f providertest.Failure) {
	t.Helper()
	rule := fault.Fault{Match: fault.Match{Method: "POST", Body: "mutation"}, Times: -1}
	switch f {
	case providertest.Back:
		sim.Injector().Clear()
		return
	case providertest.Refused:
		rule.Do = fault.Action{Status: 429, Headers: map[string]string{"Retry-After": "7"}}
	case providertest.Credentials:
		rule.Do = fault.Action{Status: 401, Body: `{"statusCode":401,"message":"Unauthorized","error":"Unauthorized"}`}
	case providertest.ServerError:
		rule.Do = fault.Action{Status: 500, Body: `{"statusCode":500,"message":"Internal server error"}`}
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
