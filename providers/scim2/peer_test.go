package scim2_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/nodetest"
	"usher/internal/testclock"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/scim2"
	simulator "usher/sandbox/scim2"
)

const memberEmail = "member@example.com"

// service is a SCIM service with two organizations, of which the first has a
// member, and its clock.
type service struct {
	url, token, one, two string
	clock                *testclock.Clock
}

// conform holds the adapter to the suite at a service.
func conform(t *testing.T, start func(t *testing.T) service, change func(*scim2.Config)) {
	providertest.Run(t, providertest.Harness{Open: func(t *testing.T) *providertest.Vendor {
		s := start(t)
		config := &scim2.Config{BaseURL: s.url, Token: identity.Secret(s.token)}
		change(config)
		if problems := config.Validate(); len(problems) > 0 {
			t.Fatal(problems)
		}
		mailer := &providertest.Mailer{}
		p, err := config.Open(providers.Deps{
			Connection: "under-test", Roles: map[string]string{"admin": "{organization}: Admin", "member": "{organization}: Member"},
			EmailRule: identity.EmailLowercase, Now: s.clock.Now, Mailer: mailer,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := errors.Join(p.Close()); err != nil {
				t.Error(err)
			}
		})
		return &providertest.Vendor{
			Provider: p, Org: identity.OrgRef{ID: "org_1", ProviderID: s.one}, Other: identity.OrgRef{ID: "org_2", ProviderID: s.two},
			MemberEmail: memberEmail, Mailer: mailer, Timeout: 20 * time.Second,
			Expire: func(*testing.T) { s.clock.Advance(8 * 24 * time.Hour) },
		}
	}})
}

func startClock() *testclock.Clock {
	return testclock.At(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC))
}

// TestConformanceOnSomebodyElsesService: scimmy-routers, which we did not write.
func TestConformanceOnSomebodyElsesService(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*scim2.Config){
		"as it says": func(*scim2.Config) {},
		"whole writes": func(c *scim2.Config) {
			no := false
			c.Patch = &no
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conform(t, startPeer, change)
		})
	}
}

func startPeer(t *testing.T) service {
	t.Helper()
	text := func(v any) string {
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	type object = map[string]any
	member := []object{{"value": "user-1"}}
	s := service{token: "token-of-the-peer", one: "group-1", two: "group-2", clock: startClock()}
	s.url = nodetest.Serve(t, "../../internal/nodetest/scim/peer.mjs", map[string]string{
		"TOKEN": s.token,
		"USERS": text([]object{{"id": "user-1", "userName": memberEmail, "emails": []object{{"value": memberEmail, "primary": true}}}}),
		"GROUPS": text([]object{
			{"id": s.one, "displayName": "One", "members": member}, {"id": s.two, "displayName": "Two"},
			{"displayName": "One: Admin"}, {"displayName": "One: Member", "members": member},
			{"displayName": "Two: Admin"}, {"displayName": "Two: Member"},
		}),
	})
	return s
}

// The adapter and the simulator were written apart, both from the RFCs: together
// they pass the suite, whatever the service can do.
func TestConformanceOnTheSimulator(t *testing.T) {
	t.Parallel()
	for name, quirks := range map[string]func(*simulator.Quirks){
		"as by default":  func(*simulator.Quirks) {},
		"no PATCH":       func(q *simulator.Quirks) { q.NoPatch = true },
		"no entity tags": func(q *simulator.Quirks) { q.NoPatch, q.NoETag = true, true },
		"no filters":     func(q *simulator.Quirks) { q.Filters = "none" },
		"no discovery":   func(q *simulator.Quirks) { q.NoDiscovery = true },
		"odd answers": func(q *simulator.Quirks) {
			q.PatchNoContent, q.NumericStatus, q.AsJSON, q.StringBooleans = true, true, true, true
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conform(t, func(t *testing.T) service { return startSimulator(t, quirks) }, func(*scim2.Config) {})
		})
	}
}

func startSimulator(t *testing.T, quirks func(*simulator.Quirks)) service {
	t.Helper()
	clock := startClock()
	sim := simulator.New(simulator.Options{Token: "token-of-the-simulator", Now: clock.Now})
	if err := sim.SetQuirks(quirks); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(func() {
		sim.Injector().Clear()
		server.Close()
	})
	member := sim.AddUser(simulator.Person{Email: memberEmail})
	s := service{url: server.URL + sim.Path(), token: sim.Token(), clock: clock}
	s.one, s.two = sim.AddGroup("One", member), sim.AddGroup("Two")
	for _, group := range []string{"One: Admin", "Two: Admin", "Two: Member"} {
		sim.AddGroup(group)
	}
	sim.AddGroup("One: Member", member)
	return s
}
