package workos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
	"usher/sandbox/fault"
)

const (
	baseURL = "https://api.workos.com"
	orgOne  = "org_01EHZNVPK3SFK441A1RGBFSHRT"
	orgTwo  = "org_01HE8GSH8FQPASKSY27THRKRBP"
	apiKey  = "sk_test_s3cr3tOfTheGateway"
)

// vendor is a small WorkOS written from FACTS.md, with a switch for what
// nobody has seen of the real one. It is an http.RoundTripper.
type vendor struct {
	*scripted.Vendor

	next        int
	users       []*user
	rows        []*invitation
	memberships []*membership
	events      []*event
	mails       map[string]int

	// What nobody has seen live (FACTS.md section 16).
	rotate       bool // a resend renews token and expiry
	lazyExpiry   bool // an invitation that has run out stays pending until it is withdrawn
	lateEvents   int  // how many questions the log is behind
	noEvents     bool // the key may not read the log
	bareRows     bool // invitations without role_slug
	bareMembers  bool // memberships without user and roles
	foreign      bool // lists hold rows of another organization
	otherAddress bool // the address filter does not filter
	statusless   bool // nor does the filter of statuses
}

type user struct {
	id, email string
	verified  bool
}

type invitation struct {
	id, email, state, org, role, accepter, locale string
	created, expires                              time.Time
	ended                                         *time.Time
	days                                          int
}

type membership struct {
	id, user, org, status string
	roles                 []string
}

type event struct {
	row *invitation
	at  time.Time
}

func newVendor() *vendor {
	v := &vendor{Vendor: scripted.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), mails: map[string]int{}}
	v.Marks = http.Header{fault.Header: {"injected"}, "Content-Type": {"application/json"}}
	return v
}

func (v *vendor) mailed(to string) int {
	v.Lock()
	defer v.Unlock()
	return v.mails[strings.ToLower(to)]
}

func (v *vendor) id(prefix string) string {
	v.next++
	return fmt.Sprintf("%s_01J%023d", prefix, v.next)
}

// person returns the account of an address, which it makes if there is none.
func (v *vendor) person(email string) *user {
	n := slices.IndexFunc(v.users, func(u *user) bool { return strings.EqualFold(u.email, email) })
	if n >= 0 {
		return v.users[n]
	}
	u := &user{id: v.id("user"), email: email}
	v.users = append(v.users, u)
	return u
}

func (v *vendor) addMember(org, email, status string, roles ...string) *membership {
	v.Lock()
	defer v.Unlock()
	u := v.person(email)
	u.verified = true
	m := &membership{id: v.id("om"), user: u.id, org: org, status: status, roles: roles}
	v.memberships = append(v.memberships, m)
	return m
}

// elsewhere makes an invitation as the dashboard would.
func (v *vendor) elsewhere(org, email, role string) *invitation {
	v.Lock()
	defer v.Unlock()
	return v.make(org, email, role, 7)
}

func (v *vendor) make(org, email, role string, days int) *invitation {
	row := &invitation{
		id: v.id("invitation"), email: email, state: "pending", org: org, role: role, days: days,
		created: v.Clock.Now(), expires: v.Clock.Now().Add(time.Duration(days) * day),
	}
	v.rows = append(v.rows, row)
	v.memberships = append(v.memberships, &membership{id: v.id("om"), user: v.person(email).id, org: org, status: "pending", roles: []string{role}})
	v.mails[strings.ToLower(email)]++
	return row
}

// accept is what the invitee does on the vendor's page; as may be another
// address of the same company.
func (v *vendor) accept(org, email, as string) error {
	v.Lock()
	defer v.Unlock()
	for _, row := range v.rows {
		if row.org != org || !strings.EqualFold(row.email, email) || v.stateOf(row) != "pending" {
			continue
		}
		invited, who := v.person(row.email), v.person(as)
		who.verified = true
		for _, m := range v.memberships {
			if m.org == org && m.user == invited.id {
				m.user, m.status = who.id, "active"
			}
		}
		row.accepter = who.id
		v.end(row, "accepted")
		return nil
	}
	return errors.New("no pending invitation of " + email)
}

func (v *vendor) end(row *invitation, state string) {
	at := v.Clock.Now()
	row.state, row.ended = state, &at
}

func (v *vendor) stateOf(row *invitation) string {
	if row.state == "pending" && !v.lazyExpiry && !row.expires.After(v.Clock.Now()) {
		return "expired"
	}
	return row.state
}

// revoked withdraws an invitation as the dashboard would.
func (v *vendor) revoked(row *invitation) {
	v.Lock()
	defer v.Unlock()
	v.end(row, "revoked")
	v.forget(row)
}

// forget takes the pending membership of an invitation away.
func (v *vendor) forget(row *invitation) {
	who := v.person(row.email).id
	v.memberships = slices.DeleteFunc(v.memberships, func(m *membership) bool {
		return m.org == row.org && m.user == who && m.status == "pending"
	})
}

// find returns the invitations of an address, as they were made.
func (v *vendor) find(email string) []invitation {
	v.Lock()
	defer v.Unlock()
	var found []invitation
	for _, row := range v.rows {
		if strings.EqualFold(row.email, email) {
			found = append(found, *row)
		}
	}
	return found
}

// RoundTrip implements http.RoundTripper.
func (v *vendor) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	op := opOf(r)
	return v.Carry(r, op, func(w http.ResponseWriter) { v.serve(w, r, op, body) })
}

// rig is an adapter on a vendor. Everything that passes between them is held
// against the vendor's document, where that is to be had.
type rig struct {
	*vendor
	p     *Provider
	t     *testing.T
	slept time.Duration
}

func config() *Config { return &Config{APIKey: apiKey, CallTimeout: "2s"} }

func deps(v *vendor) providers.Deps {
	return providers.Deps{
		Connection: "test", Transport: v, Now: v.Clock.Now, EmailRule: identity.EmailLowercase,
		Roles: map[string]string{"admin": "org-admin", "member": "member"},
	}
}

func newRig(t *testing.T, change func(*Config, *providers.Deps)) *rig {
	t.Helper()
	v := newVendor()
	c, d := config(), deps(v)
	if change != nil {
		change(c, &d)
	}
	r := &rig{vendor: v, t: t}
	if document := documents(); document != nil {
		d.Transport = document.Fresh(t).RoundTripper(d.Transport)
	}
	d.Sleep = func(ctx context.Context, d time.Duration) error {
		r.slept += d
		return v.Sleep(ctx, d)
	}
	r.p = scripted.Open[*Provider](t, v.Vendor, c, d)
	return r
}

// client is the connection as the house uses it.
func (r *rig) client() *providers.Client {
	return providers.NewClient("test", r.p, &providers.ClientOptions{
		Now: r.Clock.Now, Logger: slog.New(slog.NewTextHandler(r.t.Output(), nil)),
	})
}

func org(id string) identity.OrgRef { return identity.OrgRef{ID: "org_of_" + id[4:8], ProviderID: id} }

func (r *rig) request(email string, roles ...string) providers.InviteRequest {
	r.t.Helper()
	address, err := identity.ParseEmail(email)
	if err != nil {
		r.t.Fatal(err)
	}
	if len(roles) == 0 {
		roles = []string{"member"}
	}
	return providers.InviteRequest{
		InviteID: "inv_1", Org: org(orgOne), Address: address, EmailKey: address.Key(identity.EmailLowercase),
		Roles: roles, Notify: true, Attempt: 1, Journal: providertest.NewJournal(),
	}
}

// resend is a request to send an invitation again.
func resend(r providers.InviteRequest, sent *providers.Sent) providers.ResendRequest {
	r.Journal, r.Reference = providertest.NewJournal(), sent.Reference
	r.Attempt++
	r.ExpiresAt = nil
	return providers.ResendRequest{InviteRequest: r, ProviderID: sent.ProviderID}
}

func wantCode(t *testing.T, err error, want identity.Code) {
	t.Helper()
	if got := identity.CodeOf(err); got != want {
		t.Fatalf("code %q, want %q (error: %v)", got, want, err)
	}
}
