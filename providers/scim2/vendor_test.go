package scim2

import (
	"bytes"
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
	base   = "https://id.example.com/scim/v2"
	secret = "a-bearer-token-of-the-test"
	acme   = "0a-acme"
	beta   = "0b-beta"
)

// vendor is a small SCIM service, written from RFC 7643 and RFC 7644. Every
// test says what it can do.
type vendor struct {
	*scripted.Vendor

	users, groups map[string]map[string]any
	order         []string // of ids
	versions      map[string]int
	next          int
	requests      []string // Calls, with query and body
	tokens        int
	bearer        string // what is taken now
	before        func(v *vendor, method, path string)
	made          int // users
	old           map[string]map[string]any
	stale         map[string]int

	patch, filter, etag bool
	silent              bool            // has no ServiceProviderConfig
	refuses             map[string]bool // attributes, and "or", that filters may not hold
	blind               map[string]bool // attributes that never match
	widens              bool            // filters are taken and not heeded
	firstOnly           bool            // of a filter only the first part is read
	exact               bool            // user names are compared by case, though they are unique without
	most                int             // resources on a page; 0: as many as asked
	hidden              string          // members are shown: "" always, "single" not in lists, "named" where asked for, "never"
	approves            bool            // users are made after somebody's approval
	lax                 bool            // user names need not be unique
	lag                 int             // reads of a group that show it as it was before it was written
	deaf                bool            // memberships are taken and not carried out
}

func newVendor() *vendor {
	v := &vendor{
		Vendor: scripted.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
		users:  map[string]map[string]any{}, groups: map[string]map[string]any{}, versions: map[string]int{},
		old: map[string]map[string]any{}, stale: map[string]int{}, refuses: map[string]bool{}, blind: map[string]bool{}, bearer: secret, patch: true, filter: true, etag: true,
	}
	for id, name := range map[string]string{acme: "Acme", beta: "Beta"} {
		v.addGroup(id, name)
		v.addGroup(id+"-adm", name+": Admin")
		v.addGroup(id+"-mem", name+": Member")
	}
	return v
}

func (v *vendor) addGroup(id, name string, members ...string) {
	var list []any
	for _, m := range members {
		list = append(list, map[string]any{"value": m, "type": "User"})
	}
	v.groups[id] = map[string]any{"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "id": id, "displayName": name, "members": list}
	v.order = append(v.order, id)
}

// addUser adds an account; mails beside the user name are listed.
func (v *vendor) addUser(userName string, mails ...string) string {
	v.Lock()
	defer v.Unlock()
	return v.user(map[string]any{"userName": userName, "emails": list(mails)})
}

func list(mails []string) []any {
	var all []any
	for n, m := range mails {
		all = append(all, map[string]any{"value": m, "primary": n == 0})
	}
	return all
}

func (v *vendor) user(u map[string]any) string {
	v.next++
	id := fmt.Sprintf("u%04d", v.next)
	u["id"] = id
	v.users[id] = u
	v.order = append(v.order, id)
	return id
}

func (v *vendor) join(group, user string) {
	v.Lock()
	defer v.Unlock()
	v.add(group, map[string]any{"value": user, "type": "User"})
}

func (v *vendor) add(group string, member map[string]any) {
	g := v.groups[group]
	members, _ := g["members"].([]any)
	if !slices.ContainsFunc(members, func(m any) bool { return m.(map[string]any)["value"] == member["value"] }) {
		g["members"] = append(members[:len(members):len(members)], member)
		v.versions[group]++
	}
}

// members returns the ids in a group.
func (v *vendor) members(group string) []string {
	v.Lock()
	defer v.Unlock()
	ids := []string{}
	members, _ := v.groups[group]["members"].([]any)
	for _, m := range members {
		ids = append(ids, fmt.Sprint(m.(map[string]any)["value"]))
	}
	slices.Sort(ids)
	return ids
}

// shown is everything there is, for comparisons.
func (v *vendor) shown(what map[string]map[string]any) string {
	v.Lock()
	defer v.Unlock()
	text, _ := json.Marshal(what)
	return string(text)
}

// writes returns the calls that change something, in their order.
func (v *vendor) writes() []string {
	v.Lock()
	defer v.Unlock()
	return slices.DeleteFunc(slices.Clone(v.Calls), func(c string) bool { return strings.HasPrefix(c, "GET ") || strings.HasPrefix(c, "POST /token") })
}

// asked returns the requests made since the last time, and forgets them.
func (v *vendor) asked() []string {
	v.Lock()
	defer v.Unlock()
	all := v.requests
	v.requests, v.Calls = nil, nil
	return all
}

// RoundTrip implements http.RoundTripper.
func (v *vendor) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	path := strings.TrimPrefix(r.URL.Path, "/scim/v2")
	op := r.Method + " " + path
	v.With(func() { v.requests = append(v.requests, strings.TrimSpace(op+" "+r.URL.RawQuery+" "+string(body))) })
	return v.Carry(r, op, func(w http.ResponseWriter) { v.serve(w, r, path, body) })
}

// rig is a vendor with one connection to it.
type rig struct {
	*vendor
	p      *Provider
	c      *providers.Client
	mailer *providertest.Mailer
	log    *bytes.Buffer
}

func config() *Config { return &Config{BaseURL: base, Token: secret, CallTimeout: "2s"} }

func deps(v *vendor) providers.Deps {
	return providers.Deps{
		Connection: "under-test", EmailRule: identity.EmailLowercase, Transport: v, Now: v.Clock.Now,
		Roles:  map[string]string{"admin": "{organization}: Admin", "member": "{organization}: Member"},
		Mailer: &providertest.Mailer{}, Logger: slog.New(slog.DiscardHandler),
	}
}

func newRig(t *testing.T, change func(v *vendor, c *Config, d *providers.Deps)) *rig {
	t.Helper()
	v := newVendor()
	r := &rig{vendor: v, log: &bytes.Buffer{}}
	c, d := config(), deps(v)
	d.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	if change != nil {
		change(v, c, &d)
	}
	r.mailer = d.Mailer.(*providertest.Mailer)
	p := scripted.Open[*Provider](t, v.Vendor, c, d)
	r.p, r.c = p, providers.NewClient("under-test", p, &providers.ClientOptions{Timeout: 20 * time.Second, Logger: d.Logger})
	return r
}

func org(id string) identity.OrgRef { return identity.OrgRef{ID: "org_" + id, ProviderID: id} }

// request is an invitation to Acme.
func request(t *testing.T, email string, roles ...string) providers.InviteRequest {
	t.Helper()
	return (&providertest.Vendor{Org: org(acme)}).Request(t, email, roles...)
}

func accepting(t *testing.T, email string, roles ...string) providers.AcceptRequest {
	t.Helper()
	return providers.AcceptRequest{InviteRequest: request(t, email, roles...)}
}

func wantCode(t *testing.T, err error, want identity.Code) {
	t.Helper()
	if got := identity.CodeOf(err); got != want {
		t.Fatalf("code %q, want %q: %v", got, want, err)
	}
}

func unknown(err error) bool {
	var known *identity.Error
	return errors.As(err, &known) && known.Unknown
}
