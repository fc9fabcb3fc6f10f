package workos_test

import (
	"context"
	"errors"
	"net"
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
	"usher/providers/providertest"
	"usher/providers/workos"
	"usher/sandbox/fault"
	"usher/sandbox/sandboxtest"
	simulator "usher/sandbox/workos"
	"usher/sandbox/workos/contract"
)

const simulatorKey = "sk_test_0fTheSimulator"

// letters keeps the simulator's mails.
type letters struct{ sandboxtest.Mailbox }

// links returns the links mailed to an address, oldest first.
func (l *letters) links(email string) (links []string) {
	for _, m := range l.All() {
		if m.Kind == simulator.MailInvitation && identity.SameEmail(m.To, email, identity.EmailLowercase) {
			links = append(links, m.Link)
		}
	}
	return links
}

// The adapter and the simulator were written apart, both from the vendor's
// facts: together they pass the suite, with every request and every answer
// valid against the vendor's document, whatever nobody has seen of the vendor.
func TestConformanceOnTheSimulator(t *testing.T) {
	t.Parallel()
	loaded := contract.NewValidator(t)
	quirks := map[string]func(*simulator.Quirks){
		"as by default":       func(*simulator.Quirks) {},
		"renews what is sent": func(q *simulator.Quirks) { q.ResendRotatesToken, q.ResendExtends = true, true },
		"strict": func(q *simulator.Quirks) {
			q.RefuseUnknownFields, q.RefuseUnknownCursor, q.BeforeOnFirstPage, q.NotFoundWithoutCode = true, true, true, true
			q.EventsOrder, q.LowerEmails, q.FoldEmails = "asc", true, true
		},
		"memberships come and go": func(q *simulator.Quirks) {
			q.RevokeKeepsMembership, q.ExpiryRemovesMembership, q.StubsHidden = true, true, true
			q.LowerEmails, q.FoldEmails = false, false
		},
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
	server := httptest.NewUnstartedServer(nil)
	base := "http://" + server.Listener.Addr().String()
	sim := simulator.New(simulator.Options{BaseURL: base, Mail: mails, Quirks: &q})
	sim.AddKey(simulatorKey)
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
	one, two := sim.AddOrganization("One"), sim.AddOrganization("Two")
	sim.AddRole("", "admin", "Admin")
	const memberEmail = "member@example.com"
	sim.AddMember(one, sim.AddUser(simulator.Person{Email: memberEmail}), "member")
	config := &workos.Config{BaseURL: base, APIKey: simulatorKey, CallTimeout: "3s", EventWait: "0s"}
	if problems := config.Validate(); len(problems) > 0 {
		t.Fatal(problems)
	}
	line := &line{}
	quotas := quota.New(&quota.Options{Now: sim.Now})
	p, err := config.Open(providers.Deps{
		Connection: "under-test", Roles: map[string]string{"admin": "admin", "member": "member"},
		EmailRule: identity.EmailLowercase, Now: sim.Now, Quotas: quotas, LimitWait: time.Second,
		Limits: map[string]quota.Limit{quota.All: {}}, Transport: line.transport(),
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
			links := mails.links(email)
			if len(links) == 0 {
				t.Fatalf("nothing was mailed to %s", email)
			}
			if _, err := sim.Accept(links[len(links)-1], ""); err != nil {
				t.Fatal(err)
			}
		},
		Elsewhere: func(t *testing.T, org identity.OrgRef, email, role string) {
			inviteElsewhere(t, base, org.ProviderID, email, role)
		},
		Invitations: func(_ *testing.T, email string) int { return len(mails.links(email)) },
		Expire:      func(*testing.T) { sim.Injector().Clock().Advance(8 * 24 * time.Hour) },
		Secrets:     func() []string { return []string{simulatorKey, "invitation_token"} },
		Fail: func(t *testing.T, f providertest.Failure) {
			line.down.Store(f == providertest.Unreachable)
			failSimulator(t, sim, f)
		},
		Timeout: 30 * time.Second,
		Calls:   func() int { return int(calls.Load()) },
		Pass:    func(_ *testing.T, d time.Duration) { sim.Injector().Clock().Advance(d) },
	}
}

// line is the way to the simulator. While it is down nobody listens there.
type line struct{ down atomic.Bool }

func (l *line) transport() *http.Transport {
	var dialer net.Dialer
	return &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if l.down.Load() {
			return nil, errors.New("nobody listens")
		}
		return dialer.DialContext(ctx, network, address)
	}}
}

// inviteElsewhere sends an invitation as a script at the vendor would.
func inviteElsewhere(t *testing.T, base, org, email, role string) {
	t.Helper()
	body := `{"email":"` + email + `","organization_id":"` + org + `","role_slug":"` + role + `"}`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/user_management/invitations", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+simulatorKey)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Fatalf("invited elsewhere: %d", answer.StatusCode)
	}
}

func failSimulator(t *testing.T, sim *simulator.Simulator, f providertest.Failure) {
	t.Helper()
	rule := fault.Fault{Match: fault.Match{Method: "POST", Path: "/user_management/invitations$"}, Times: -1}
	switch f {
	case providertest.Back:
		sim.Injector().Clear()
		return
	case providertest.Refused:
		rule.Do = fault.Action{Status: 429, Headers: map[string]string{"Retry-After": "7"}}
	case providertest.Credentials:
		rule.Do = fault.Action{Status: 401, Body: `{"message":"Unauthorized"}`}
	case providertest.ServerError:
		rule.Do = fault.Action{Status: 500, Body: `{"message":"Internal Server Error"}`}
	case providertest.AnswerLost:
		rule.Do = fault.Action{Cut: "after"}
	case providertest.NotJSON:
		rule.Do = fault.Action{HTML: true}
	case providertest.EndlessBody:
		rule.Do = fault.Action{Endless: true}
	case providertest.Hang:
		rule.Do = fault.Action{Hang: true}
	case providertest.Unreachable:
		return // see line
	}
	if _, err := sim.Injector().Add(rule); err != nil {
		t.Fatal(err)
	}
}
