package asgardeo_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/contracttest"
	"usher/internal/quota"
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
	server := httptest.NewUnstartedServer(nil)
	base := "http://" + server.Listener.Addr().String()
	sim := simulator.New(simulator.Options{Root: "rootorg", BaseURL: base, Mail: mails, Quirks: &q})
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
	app := sim.AddApplication(simulator.App{Name: "Team App"})
	sim.AddRole("", "Administrator", app.ID)
	sim.AddRole("", "Member", app.ID)
	one, two := sim.AddOrganization("One", ""), sim.AddOrganization("Two", "")
	const memberEmail = "member@example.com"
	sim.AddMember(one, sim.AddUser(simulator.Person{Email: memberEmail}), "Member")
	config := &asgardeo.Config{
		BaseURL: base + "/t/rootorg", ClientID: app.ClientID, ClientSecret: identity.Secret(app.ClientSecret),
		Application: "Team App", CallTimeout: "2s", LagWait: "0s",
	}
	if problems := config.Validate(); len(problems) > 0 {
		t.Fatal(problems)
	}
	quotas := quota.New(&quota.Options{Now: sim.Now})
	p, err := config.Open(providers.Deps{
		Connection: "under-test", Roles: map[string]string{"admin": "Administrator", "member": "Member"},
		EmailRule: identity.EmailLowercase, Now: sim.Now, Quotas: quotas, LimitWait: time.Second,
		Limits: map[string]quota.Limit{quota.All: {}},
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
			for _, m := range mails.to(email, "") {
				if _, err := (&sandbox.Person{}).Open(t.Context(), m.Link); err != nil && !strings.Contains(err.Error(), "400") {
					t.Fatalf("open %q: %v", m.Subject, err)
				}
			}
		},
		Elsewhere: func(t *testing.T, org identity.OrgRef, email, role string) {
			sim.AddUser(simulator.Person{Email: email})
			id := sim.RoleID(org.ProviderID, map[string]string{"admin": "Administrator", "member": "Member"}[role])
			inviteElsewhere(t, base+"/t/rootorg", app, org.ProviderID, email, id)
		},
		Invitations: func(_ *testing.T, email string) int { return len(mails.to(email, simulator.MailGuestInvitation)) },
		Expire:      func(*testing.T) { sim.Injector().Clock().Advance(73 * time.Hour) },
		Secrets:     func() []string { return []string{app.ClientSecret, "confirmationCode"} },
		Fail:        func(t *testing.T, f providertest.Failure) { failSimulator(t, sim, f) },
		Timeout:     8 * time.Second,
		Calls:       func() int { return int(calls.Load()) },
		Pass:        func(_ *testing.T, d time.Duration) { sim.Injector().Clock().Advance(d) },
	}
}

// inviteElsewhere sends an invitation as a script at the vendor would.
func inviteElsewhere(t *testing.T, base string, app simulator.App, org, email, role string) {
	t.Helper()
	const scope = "internal_org_guest_mgt_invite_add"
	token := func(form url.Values) string {
		form.Set("client_id", app.ClientID)
		form.Set("client_secret", app.ClientSecret)
		form.Set("scope", scope)
		answer, err := http.PostForm(base+"/oauth2/token", form)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var body struct {
			Token string `json:"access_token"`
		}
		if err := json.NewDecoder(answer.Body).Decode(&body); err != nil || body.Token == "" {
			t.Fatalf("no token: %d %v", answer.StatusCode, err)
		}
		return body.Token
	}
	root := token(url.Values{"grant_type": {"client_credentials"}})
	switched := token(url.Values{"grant_type": {"organization_switch"}, "token": {root}, "switching_organization": {org}})
	body := `{"usernames":["` + email + `"],"roles":["` + role + `"],"properties":[{"key":"manageNotificationsInternally","value":"true"}]}`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/o/api/server/v1/guests/invite", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+switched)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(text), "Successful") {
		t.Fatalf("invited elsewhere: %d %s %v", answer.StatusCode, text, err)
	}
}

func failSimulator(t *testing.T, sim *simulator.Simulator, f providertest.Failure) {
	t.Helper()
	rule := fault.Fault{Match: fault.Match{Method: "POST", Path: "/guests/invite$"}, Times: -1}
	switch f {
	case providertest.Back:
		sim.Injector().Clear()
		return
	case providertest.Refused:
		rule.Do = fault.Action{Status: 429, Headers: map[string]string{"Retry-After": "7"}}
	case providertest.Credentials:
		rule.Do = fault.Action{Status: 401, Body: `{"code":401,"message":"Unauthorized"}`}
	case providertest.ServerError:
		rule.Do = fault.Action{Status: 500, Body: `{"code":"OUI-65001","message":"Unable to create the invitation."}`}
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
