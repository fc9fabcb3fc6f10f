package clerk

import (
	"encoding/json"
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
)

const (
	baseURL = "https://api.clerk.example"
	orgOne  = "org_2g7np7Hrk0SN6kj5EDMLDaKNL0A"
	orgTwo  = "org_2g7np7Hrk0SN6kj5EDMLDaKNL0B"
	secret  = "sk_test_s3cr3tOfTheGateway"
	ticket  = "eyJhbGciOiJSUzI1NiJ9.dGlja2V0.c2ln"
	// injected marks an answer that was made by a fault.
	injected = "X-Test-Injected"
)

// vendor is a small Clerk written from FACTS.md, with a switch for everything
// that is not known of the real one. It is an http.RoundTripper.
type vendor struct {
	*scripted.Vendor

	next  int
	orgs  map[string]*organization
	users []*user
	mails map[string]int
	// bodies are those of the creations, as they came.
	bodies []map[string]any

	replaces  bool // a second pending invitation takes the place of the first
	saysOld   bool // expired invitations are still called pending
	oldStay   bool // and are, until they are revoked: they are in the way of others
	noOrgID   bool // invitations do not name their organization
	noSets    bool // organizations have no role set
	anything  bool // filters are not obeyed
	late      int  // so many lists do not show new invitations yet
	seats     int  // how many members and pending invitations there may be; 0: any number
	wrongOrg  bool // rows are said to be another organization's
	userNames bool // people sign in with user names
	partial   bool // of a bulk call, what stands before a refused row is made
	shuffles  bool // answers to bulk calls are in another order
	dislikes  []string
	answers   func([]map[string]any) []map[string]any // what bulk calls answer instead
}

type organization struct {
	invitations []*invitation
	members     []*member
	roles       []string // those of its role set
}

type invitation struct {
	id, email, role, status string
	public, private         map[string]any
	created, expires        time.Time
}

type member struct {
	id, user, role string
	private        map[string]any
	created        time.Time
}

type user struct {
	id, email string
	verified  bool
}

func newVendor() *vendor {
	v := &vendor{Vendor: scripted.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), orgs: map[string]*organization{}, mails: map[string]int{}}
	v.Marks = http.Header{injected: {"yes"}}
	for _, id := range []string{orgOne, orgTwo} {
		v.orgs[id] = &organization{roles: []string{"org:admin", "org:member", "org:billing"}}
	}
	return v
}

func (v *vendor) mailed(to string) (n int) {
	v.With(func() { n = v.mails[strings.ToLower(to)] })
	return n
}

// rows are an organization's invitations of an address in a status; empty: any.
func (v *vendor) rows(org, email, status string) (found []*invitation) {
	v.With(func() {
		for _, i := range v.orgs[org].invitations {
			if i.email == email && (status == "" || v.statusOf(i) == status) {
				found = append(found, i)
			}
		}
	})
	return found
}

func (v *vendor) id(prefix string) string {
	v.next++
	return fmt.Sprintf("%s_%027d", prefix, v.next)
}

func (v *vendor) addMember(org, email, role string) (u *user) {
	v.With(func() { u = v.join(v.orgs[org], email, role, nil) })
	return u
}

// join makes the owner of an address a member, with the address verified.
func (v *vendor) join(o *organization, email, role string, private map[string]any) *user {
	n := slices.IndexFunc(v.users, func(u *user) bool { return u.email == email })
	if n < 0 {
		n = len(v.users)
		v.users = append(v.users, &user{id: v.id("user"), email: email, verified: true})
	}
	o.members = append(o.members, &member{id: v.id("orgmem"), user: v.users[n].id, role: role, private: private, created: v.Clock.Now()})
	return v.users[n]
}

// invite makes an invitation, as the vendor's dashboard does too.
func (v *vendor) invite(org string, i invitation) *invitation {
	i.id, i.status, i.created = v.id("orginv"), "pending", v.Clock.Now()
	if i.expires.IsZero() {
		i.expires = v.Clock.Now().Add(30 * 24 * time.Hour)
	}
	for _, m := range []*map[string]any{&i.public, &i.private} {
		if *m == nil {
			*m = map[string]any{}
		}
	}
	o := v.orgs[org]
	o.invitations = append(o.invitations, &i)
	return &i
}

func (v *vendor) statusOf(i *invitation) string {
	if i.status == "pending" && !v.oldStay && !i.expires.After(v.Clock.Now()) {
		return "expired"
	}
	return i.status
}

func (v *vendor) accept(org, email string) (err error) {
	v.With(func() {
		o := v.orgs[org]
		for _, i := range o.invitations {
			if i.email == email && v.statusOf(i) == "pending" {
				i.status = "accepted"
				v.join(o, i.email, i.role, i.private)
				return
			}
		}
		err = errors.New("no pending invitation of " + email)
	})
	return err
}

func opOf(r *http.Request) string {
	path := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	shape := r.Method + " " + path[0]
	for n := 2; n < len(path); n += 2 {
		shape += " " + path[n]
	}
	one := len(path)%2 == 0
	switch {
	case shape == "POST organizations invitations" && one:
		return "bulk"
	case shape == "POST organizations invitations":
		return "create"
	case shape == "GET organizations invitations" && one:
		return "get"
	case shape == "GET organizations invitations":
		return "list"
	case shape == "POST organizations invitations revoke":
		return "revoke"
	case shape == "GET organizations memberships":
		return "members"
	case shape == "GET users":
		return "users"
	case shape == "GET organizations" && one:
		return "organization"
	case shape == "GET role_sets" && one:
		return "set"
	case shape == "GET organization_roles":
		return "roles"
	default:
		return "unknown " + r.Method + " " + r.URL.Path
	}
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

func problem(code string, meta map[string]any) string {
	text, _ := json.Marshal(map[string]any{
		"errors":         []any{map[string]any{"code": code, "message": "m " + ticket, "long_message": "l somebody@example.com", "meta": meta}},
		"clerk_trace_id": "trace-1",
	})
	return string(text)
}

// rig is an adapter on a vendor.
type rig struct {
	*vendor
	p *Provider
	t *testing.T
}

func newRig(t *testing.T, change func(*vendor, *Config, *providers.Deps)) *rig {
	t.Helper()
	v := newVendor()
	c := &Config{BaseURL: baseURL, SecretKey: secret, CallTimeout: "2s"}
	d := providers.Deps{
		Connection: "test", Transport: v, Now: v.Clock.Now, EmailRule: identity.EmailLowercase,
		Roles: map[string]string{"admin": "org:admin", "member": "org:member", "gone": "org:not_in_the_set"},
	}
	if change != nil {
		change(v, c, &d)
	}
	p := scripted.Open[*Provider](t, v.Vendor, c, d)
	return &rig{vendor: v, p: p, t: t}
}

func org(id string) identity.OrgRef {
	return identity.OrgRef{ID: "org_" + id[len(id)-1:], ProviderID: id}
}

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

// client is the adapter as the house uses it.
func (r *rig) client() *providers.Client {
	return providers.NewClient("c", r.p, &providers.ClientOptions{Logger: slog.New(slog.NewTextHandler(r.t.Output(), nil)), Now: r.Clock.Now})
}

func wantCode(t *testing.T, err error, want identity.Code) {
	t.Helper()
	if got := identity.CodeOf(err); got != want {
		t.Fatalf("code %q, want %q (error: %v)", got, want, err)
	}
}
