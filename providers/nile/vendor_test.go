package nile

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"usher/providers/providertest/scripted"
)

const (
	origin   = "https://app.example.com"
	database = "/v2/databases/01000000-0000-7000-8000-000000000000"
	baseURL  = "https://us-west-2.api.thenile.example" + database
	orgOne   = "01a1fbe3-0927-7b69-9587-83c6a12dbb14"
	orgTwo   = "01a1fbe3-10a2-72de-9f64-ba40eeed8b15"
	service  = "usher@example.com"
	password = "p4ssw0rd-of-the-gateway"
	pageLink = "https://usher.example.com/v1/invites/callback/secret-of-the-link"
	// injected marks an answer that was made by a fault.
	injected = "X-Test-Injected"
)

// vendor is a small Nile Auth written from FACTS.md, with a switch for what can
// differ between servers. It is an http.RoundTripper.
type vendor struct {
	*scripted.Vendor

	next    int
	tenants map[string]*tenant
	users   []*user
	mails   map[string][]string   // links, by address as the vendor has it
	forms   []map[string][]string // of the invitations, as they came

	sessions map[string]*user
	life     time.Duration // of a session
	noExpiry bool          // cookies do not say when they expire
	plain    bool          // cookies have no prefix, whatever the request says
	broken   bool          // signing in does not work for anybody

	smtp     string // what the mail server refuses with; empty: it takes everything
	template bool   // there is a template for the mail
	mailer   bool   // there is a mail server
	unruly   bool   // lists hold the rows of all tenants
	wrong    bool   // what is made is said to be another tenant's
	dbBroken bool   // accepting meets a database error
}

type tenant struct {
	id      string
	members []*user
	invites []*invite
}

type user struct {
	id, email, password, given, family string
	verified                           bool
}

type invite struct {
	id, token, email, by string
	expires              time.Time
}

func newVendor() *vendor {
	v := &vendor{
		Vendor: scripted.New(time.Date(2026, 11, 21, 2, 15, 21, 0, time.UTC)), tenants: map[string]*tenant{}, mails: map[string][]string{},
		sessions: map[string]*user{}, life: 30 * 24 * time.Hour, template: true, mailer: true,
	}
	v.Marks = http.Header{injected: {"yes"}}
	for _, id := range []string{orgOne, orgTwo} {
		v.tenants[id] = &tenant{id: id}
		v.join(id, service, true).password = password
	}
	return v
}

// links are those that went to an address, in any spelling of it.
func (v *vendor) links(to string) (links []string) {
	v.With(func() {
		for email, sent := range v.mails {
			if strings.EqualFold(email, to) {
				links = append(links, sent...)
			}
		}
	})
	return links
}

// rows are a tenant's invitations of an address.
func (v *vendor) rows(tenant, email string) (found []invite) {
	v.With(func() {
		for _, i := range v.tenants[tenant].invites {
			if i.email == email {
				found = append(found, *i)
			}
		}
	})
	return found
}

func (v *vendor) uuid(version int) string {
	v.next++
	return fmt.Sprintf("01a1fbe3-%04x-%d000-8000-%012x", v.next&0xffff, version, v.next)
}

// hex makes something that looks like a token.
func (v *vendor) hex() string {
	v.next++
	return fmt.Sprintf("%064x", v.next)
}

func (v *vendor) user(email string) *user {
	n := slices.IndexFunc(v.users, func(u *user) bool { return u.email == email })
	if n < 0 {
		n = len(v.users)
		v.users = append(v.users, &user{id: v.uuid(7), email: email})
	}
	return v.users[n]
}

// join makes the owner of an address a member.
func (v *vendor) join(tenant, email string, verified bool) *user {
	u := v.user(email)
	u.verified = u.verified || verified
	t := v.tenants[tenant]
	t.members = append(t.members, u)
	return u
}

func (v *vendor) leave(tenant, email string) {
	t := v.tenants[tenant]
	t.members = slices.DeleteFunc(t.members, func(u *user) bool { return u.email == email })
}

func (t *tenant) has(u *user) bool { return slices.Contains(t.members, u) }

func (t *tenant) holds(email string) bool {
	return slices.ContainsFunc(t.members, func(u *user) bool { return u.email == email })
}

// invite makes an invitation, or sends it again, as any member can.
func (v *vendor) invite(t *tenant, by *user, email string) *invite {
	n := slices.IndexFunc(t.invites, func(i *invite) bool { return i.email == email })
	i := &invite{id: v.uuid(4), email: email, by: by.id}
	if n >= 0 { // rows move when they are written (FACTS.md section 9, 11)
		i = t.invites[n]
		t.invites = slices.Delete(t.invites, n, n+1)
	}
	t.invites = append(t.invites, i)
	i.token, i.expires = v.hex(), v.Clock.Now().Add(7*24*time.Hour+time.Duration(v.next)*time.Millisecond)
	return i
}

// elsewhere makes an invitation as the application itself would.
func (v *vendor) elsewhere(tenant, by, email string) (i *invite) {
	v.With(func() { i = v.invite(v.tenants[tenant], v.user(by), email) })
	return i
}

var shapes = []struct {
	method string
	path   *regexp.Regexp
	op     string
}{
	{"GET", regexp.MustCompile(`^/auth/csrf$`), "csrf"},
	{"POST", regexp.MustCompile(`^/auth/callback/credentials$`), "signin"},
	{"GET", regexp.MustCompile(`^/me$`), "me"},
	{"GET", regexp.MustCompile(`^/tenants/[^/]+/users$`), "users"},
	{"GET", regexp.MustCompile(`^/tenants/[^/]+/invites$`), "list"},
	{"POST", regexp.MustCompile(`^/tenants/[^/]+/invite$`), "invite"},
	{"PUT", regexp.MustCompile(`^/tenants/[^/]+/invite$`), "accept"},
	{"DELETE", regexp.MustCompile(`^/tenants/[^/]+/invite/[^/]+$`), "delete"},
}

func opOf(r *http.Request) string {
	for _, s := range shapes {
		if r.Method == s.method && s.path.MatchString(strings.TrimPrefix(r.URL.Path, database)) {
			return s.op
		}
	}
	return "unknown " + r.Method + " " + r.URL.Path
}

// RoundTrip implements http.RoundTripper.
func (v *vendor) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	op := opOf(r)
	return v.Carry(r, op, func(w http.ResponseWriter) { v.serve(w, r, op, string(body)) })
}
