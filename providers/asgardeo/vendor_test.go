package asgardeo

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
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
	baseURL  = "https://api.asgardeo.example/t/acme"
	rootOrg  = "root-0000"
	orgOne   = "10084a8d-113f-4211-a0d5-efe36b082211"
	orgTwo   = "c7af5764-ceb9-4f64-8848-f04520df99ef"
	secret   = "s3cr3t-of-the-gateway"
	typeSCIM = "application/scim+json"
)

// vendor is a small Asgardeo written from FACTS.md. It is an
// http.RoundTripper.
type vendor struct {
	*scripted.Vendor

	next    int
	users   []*person
	orgs    map[string]*suborg
	revoked map[string]bool
	dropped []string // scopes that are never granted
	opaque  map[string]map[string]any
	hide    bool   // tokens are opaque
	wrong   string // organization tokens are for this one instead
	mails   map[string]int
	life    time.Duration
	asked   []string // scopes of token requests
}

type person struct {
	id, userName, email, state, verified string
	given                                string
}

type suborg struct {
	rows    []*row
	members []*joined
	roles   map[string]string // name → id
	app     string
}

type row struct {
	id, username, email string
	roles               []string
	expires             time.Time
}

type joined struct {
	id, userName, email, managedOrg string
	roles                           []string
}

func newVendor() *vendor {
	v := &vendor{
		Vendor: scripted.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), orgs: map[string]*suborg{}, revoked: map[string]bool{},
		opaque: map[string]map[string]any{}, mails: map[string]int{}, life: 72 * time.Hour,
	}
	for _, id := range []string{orgOne, orgTwo} {
		v.orgs[id] = &suborg{
			app:   "app-in-" + id[:4],
			roles: map[string]string{"Administrator": "adm-" + id[:4], "Team Member": "mem-" + id[:4], "Research and Development": "rnd-" + id[:4]},
		}
	}
	return v
}

func (v *vendor) mailed(kind, to string) int {
	v.Lock()
	defer v.Unlock()
	return v.mails[kind+" "+strings.ToLower(to)]
}

func (v *vendor) addUser(p person) *person {
	v.Lock()
	defer v.Unlock()
	v.next++
	p.id = fmt.Sprintf("user-%03d", v.next)
	v.users = append(v.users, &p)
	return &p
}

func (v *vendor) addMember(org, address string, roles ...string) {
	p := v.addUser(person{userName: "DEFAULT/" + address, email: address})
	v.Lock()
	defer v.Unlock()
	v.join(v.orgs[org], p.userName, p.email, roles)
}

func (v *vendor) join(o *suborg, userName, email string, roles []string) {
	v.next++
	o.members = append(o.members, &joined{
		id: fmt.Sprintf("shared-%03d", v.next), userName: userName, email: email, managedOrg: rootOrg, roles: roles,
	})
}

func (v *vendor) accept(org, address string) error {
	v.Lock()
	defer v.Unlock()
	o := v.orgs[org]
	for n, r := range o.rows {
		if strings.EqualFold(r.username, address) && r.expires.After(v.Clock.Now()) {
			o.rows = slices.Delete(o.rows, n, n+1)
			v.join(o, "DEFAULT/"+r.username, r.email, r.roles)
			return nil
		}
	}
	return errors.New("no pending invitation of " + address)
}

func opOf(r *http.Request, form url.Values) string {
	path := strings.TrimPrefix(r.URL.Path, "/t/acme")
	filtered := r.URL.Query().Has("filter")
	switch {
	case path == "/oauth2/token" && form.Get("grant_type") == "client_credentials":
		return "token"
	case path == "/oauth2/token":
		return "switch"
	case path == "/oauth2/introspect":
		return "introspect"
	case path == "/scim2/Users" && r.Method == http.MethodPost:
		return "create"
	case path == "/scim2/Users":
		return "find"
	case path == "/o/scim2/Users" && filtered:
		return "member"
	case path == "/o/scim2/Users":
		return "members"
	case path == "/o/scim2/v2/Roles":
		return "roles"
	case strings.HasPrefix(path, "/o/scim2/v2/Roles/"):
		return "role"
	case path == "/o/api/server/v1/applications":
		return "applications"
	case path == "/o/api/server/v1/guests/invite":
		return "invite"
	case path == "/o/api/server/v1/guests/invitations":
		return "list"
	case strings.HasPrefix(path, "/o/api/server/v1/guests/invitations/"):
		return "delete"
	case path == "/api/identity/user/v1.0/resend-code":
		return "resend"
	default:
		return "unknown " + r.Method + " " + path
	}
}

// RoundTrip implements http.RoundTripper.
func (v *vendor) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, _ := url.ParseQuery(string(body))
	op := opOf(r, form)
	return v.Carry(r, op, func(w http.ResponseWriter) { v.serve(w, r, op, form, body) })
}

// rig is an adapter on a vendor.
type rig struct {
	*vendor
	p *Provider
	t *testing.T
}

func config() *Config {
	return &Config{
		BaseURL: baseURL, ClientID: "gateway", ClientSecret: secret, Application: "Team App", LagWait: "5s", CallTimeout: "2s",
	}
}

func deps(v *vendor) providers.Deps {
	return providers.Deps{
		Connection: "test", Transport: v, Now: v.Clock.Now, EmailRule: identity.EmailLowercase,
		Roles: map[string]string{"admin": "Administrator", "member": "Team Member"},
	}
}

func newRig(t *testing.T, change func(*Config, *providers.Deps)) *rig {
	t.Helper()
	v := newVendor()
	c, d := config(), deps(v)
	if change != nil {
		change(c, &d)
	}
	p := scripted.Open[*Provider](t, v.Vendor, c, d)
	return &rig{vendor: v, p: p, t: t}
}

func org(id string) identity.OrgRef { return identity.OrgRef{ID: "org_" + id[:4], ProviderID: id} }

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
		Roles: roles, Notify: true, Journal: providertest.NewJournal(),
	}
}

func wantCode(t *testing.T, err error, want identity.Code) {
	t.Helper()
	if got := identity.CodeOf(err); got != want {
		t.Fatalf("code %q, want %q (error: %v)", got, want, err)
	}
}
