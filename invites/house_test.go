package invites_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/testclock"
	"usher/invites"
	"usher/ledger"
	"usher/providers"
	"usher/providers/memory"
)

// house is a service over a fresh ledger and an in-memory vendor.
type house struct {
	t       *testing.T
	clock   *testclock.Clock
	vendor  *memory.Vendor
	url     string
	options memory.Options
	ledger  *ledger.Ledger
	service *invites.Service
	org     *identity.Organization
	other   *identity.Organization
	admin   invites.Caller
	tick    chan time.Time
	every   time.Duration // how often pending invites are compared; 0: never
	timeout time.Duration // of one operation at the vendor
}

const life = 72 * time.Hour

func build(t *testing.T, change ...func(*memory.Options)) *house {
	t.Helper()
	h := &house{
		t: t, clock: testclock.Running(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)), tick: make(chan time.Time), timeout: 30 * time.Second,
		url:     "sqlite:" + filepath.Join(t.TempDir(), "usher.db"),
		options: memory.Options{Roles: map[string]string{"admin": "Administrator", "member": "Member"}},
		admin: invites.Caller{
			Actor:  identity.Actor{Issuer: "https://issuer.example", Subject: "admin"},
			Access: identity.Access{Rules: []identity.AccessRule{{Connection: "main", All: true}}},
			Roles:  []string{"admin"},
		},
	}
	for _, c := range change {
		c(&h.options)
	}
	h.vendor = memory.NewVendor(h.clock.Now, life)
	h.vendor.AddOrganization("one")
	h.vendor.AddOrganization("two")
	h.vendor.AddMember("one", "member@example.com", "Member")
	if _, err := ledger.Up(t.Context(), h.url); err != nil {
		t.Fatal(err)
	}
	h.open()
	h.org = h.bind("one", "acme")
	h.other = h.bind("two", "other")
	return h
}

// open starts the service; close and open again is a restart.
func (h *house) open() { h.serve(func(*invites.Options) {}) }

func (h *house) serve(change func(*invites.Options)) {
	h.t.Helper()
	var err error
	log := slog.New(slog.NewTextHandler(h.t.Output(), nil))
	h.ledger, err = ledger.Open(h.t.Context(), h.url, &ledger.Options{Now: h.clock.Now, Logger: log})
	if err != nil {
		h.t.Fatal(err)
	}
	client := providers.NewClient("main", memory.New(h.vendor, h.options), &providers.ClientOptions{Timeout: h.timeout, Now: h.clock.Now, Logger: log})
	options := &invites.Options{Logger: log, SettleTimeout: 30 * time.Second, Tick: h.tick}
	change(options)
	h.service, err = invites.New(h.t.Context(), h.ledger, []*invites.Connection{{
		Name: "main", Client: client,
		Roles:        map[string]invites.RoleRule{"admin": {GrantableBy: []string{"admin"}}, "member": {}},
		RedirectURLs: []string{"https://app.example.com/welcome"}, CompareEvery: h.every,
	}}, options)
	if err != nil {
		h.t.Fatal(err)
	}
	service, l := h.service, h.ledger
	h.t.Cleanup(func() { closeHouse(h.t, service, l) })
}

// patient is a house that waits for its vendor for as long as a test may take.
func patient(t *testing.T) *house {
	t.Helper()
	h := build(t)
	closeHouse(t, h.service, h.ledger)
	h.timeout = 10 * time.Minute
	return h
}

func closeHouse(t *testing.T, s *invites.Service, l *ledger.Ledger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func (h *house) bind(providerID, slug string) *identity.Organization {
	h.t.Helper()
	org, err := h.service.Bind(h.t.Context(), invites.NewOrganization{Connection: "main", ProviderID: providerID, Slug: slug})
	if err != nil {
		h.t.Fatal(err)
	}
	return org
}

func request(email string, roles ...string) invites.SendRequest {
	if len(roles) == 0 {
		roles = []string{"member"}
	}
	return invites.SendRequest{Email: email, Roles: roles}
}

func (h *house) send(email string) *identity.Invite {
	h.t.Helper()
	i, err := h.service.Send(h.t.Context(), h.admin, h.org, request(email))
	if err != nil {
		h.t.Fatalf("send %s: %v", email, err)
	}
	return i
}

// get reads the ledger and nothing else: reading through the service may start
// a comparison with the vendor.
func (h *house) get(id string) *identity.Invite {
	h.t.Helper()
	i, err := h.ledger.Invite(h.t.Context(), h.org.ID, id)
	if err != nil {
		h.t.Fatal(err)
	}
	if i.History, err = h.ledger.History(h.t.Context(), id); err != nil {
		h.t.Fatal(err)
	}
	return i
}

func (h *house) refresh() {
	h.t.Helper()
	if _, err := h.service.List(h.t.Context(), h.admin, h.org, invites.ListRequest{Refresh: true}); err != nil {
		h.t.Fatalf("refresh: %v", err)
	}
}

func (h *house) want(id string, state identity.State, reason string) {
	h.t.Helper()
	if i := h.get(id); i.State != state || i.StateReason != reason {
		h.t.Errorf("the invite is %s (%q), want %s (%q)", i.State, i.StateReason, state, reason)
	}
}

func (h *house) mails(email string, want int) {
	h.t.Helper()
	if got := h.vendor.Mails("one", email); got != want {
		h.t.Errorf("%d mails to %s, want %d", got, email, want)
	}
}

// about reports whether two times are the same but for the looks at the clock
// in between.
func about(a, b time.Time) bool { return a.Sub(b).Abs() < time.Second/2 }

func wantCode(t *testing.T, err error, want identity.Code) *identity.Error {
	t.Helper()
	if got := identity.CodeOf(err); got != want {
		t.Fatalf("code %q, want %q (error: %v)", got, want, err)
	}
	known, _ := err.(*identity.Error)
	return known
}

// history returns the states an invite went through.
func history(i *identity.Invite) []identity.State {
	var states []identity.State
	for _, e := range i.History {
		states = append(states, e.State)
	}
	return states
}

func wantHistory(t *testing.T, i *identity.Invite, want ...identity.State) {
	t.Helper()
	if got := history(i); !slices.Equal(got, want) {
		t.Errorf("history %v, want %v", got, want)
	}
}

// beginAttempt leaves the ledger as a process leaves it that dies between the
// beginning of a resend and its first step.
func (h *house) beginAttempt(i *identity.Invite) {
	h.t.Helper()
	must(h.t, h.ledger.Write(h.t.Context(), func(tx *ledger.Tx) error {
		row, err := tx.Invite(i.OrganizationID, i.ID)
		if err != nil {
			return err
		}
		row.State, row.Attempt = identity.StateSending, row.Attempt+1
		if err := tx.UpdateInvite(row); err != nil {
			return err
		}
		return tx.Lease(row.ID, time.Hour)
	}))
}
