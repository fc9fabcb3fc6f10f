package nile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
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
// differ between servers and for every way in which one call can go wrong. It is
// an http.RoundTripper.
type vendor struct {
	mu      sync.Mutex
	clock   time.Time
	next    int
	tenants map[string]*tenant
	users   []*user
	mails   map[string][]string // links, by address as the vendor has it
	calls   []string
	forms   []map[string][]string // of the invitations, as they came
	faults  []*mishap

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

// mishap makes one call go wrong.
type mishap struct {
	op     string
	skip   int
	times  int // 0: once; -1: always
	status int
	body   string
	header http.Header
	acts   bool // the vendor acts first
	cut    bool // no answer
	half   bool // the right answer, cut in the middle
	refuse bool // nobody listens
	hang   bool
	long   bool   // a body without end
	before func() // runs first, under the lock; the call then goes its way
}

func newVendor() *vendor {
	v := &vendor{
		clock: time.Date(2026, 11, 21, 2, 15, 21, 0, time.UTC), tenants: map[string]*tenant{}, mails: map[string][]string{},
		sessions: map[string]*user{}, life: 30 * 24 * time.Hour, template: true, mailer: true,
	}
	for _, id := range []string{orgOne, orgTwo} {
		v.tenants[id] = &tenant{id: id}
		v.join(id, service, true).password = password
	}
	return v
}

func (v *vendor) now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.clock
}

func (v *vendor) advance(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.clock = v.clock.Add(d)
}

// with changes the vendor under its lock.
func (v *vendor) with(change func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change()
}

func (v *vendor) inject(m mishap) {
	if m.times == 0 {
		m.times = 1
	}
	v.with(func() { v.faults = append(v.faults, &m) })
}

// count returns how many calls of an operation arrived.
func (v *vendor) count(op string) (n int) {
	v.with(func() {
		for _, call := range v.calls {
			if call == op {
				n++
			}
		}
	})
	return n
}

func (v *vendor) total() (n int) {
	v.with(func() { n = len(v.calls) })
	return n
}

// links are those that went to an address, in any spelling of it.
func (v *vendor) links(to string) (links []string) {
	v.with(func() {
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
	v.with(func() {
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
	i.token, i.expires = v.hex(), v.clock.Add(7*24*time.Hour+time.Duration(v.next)*time.Millisecond)
	return i
}

// elsewhere makes an invitation as the application itself would.
func (v *vendor) elsewhere(tenant, by, email string) (i *invite) {
	v.with(func() { i = v.invite(v.tenants[tenant], v.user(by), email) })
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
	v.mu.Lock()
	v.calls = append(v.calls, op)
	m := v.mishap(op)
	if m != nil && m.before != nil {
		m.before()
		m = nil
	}
	v.mu.Unlock()
	trace := httptrace.ContextClientTrace(r.Context())
	trace.GetConn(r.URL.Host)
	if m != nil && m.refuse {
		return nil, errors.New("dial: connection refused")
	}
	trace.GotConn(httptrace.GotConnInfo{})
	if m != nil && m.hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	answer := httptest.NewRecorder()
	if m == nil || m.acts {
		v.mu.Lock()
		v.serve(answer, r, op, string(body))
		v.mu.Unlock()
	}
	if m == nil {
		return answer.Result(), nil
	}
	return m.answer(r.Context(), answer)
}

// answer is what comes instead of the right answer.
func (m *mishap) answer(ctx context.Context, right *httptest.ResponseRecorder) (*http.Response, error) {
	if m.cut {
		return nil, io.ErrUnexpectedEOF
	}
	if m.half {
		whole, result := right.Body.String(), right.Result()
		result.Header.Set(injected, "yes")
		result.Body = io.NopCloser(io.MultiReader(strings.NewReader(whole[:len(whole)*2/3]), torn{}))
		return result, nil
	}
	answer := httptest.NewRecorder()
	for name, values := range m.header {
		answer.Header()[name] = values
	}
	answer.Header().Set(injected, "yes")
	answer.WriteHeader(m.status)
	answer.WriteString(m.body)
	result := answer.Result()
	if m.long {
		result.Body = io.NopCloser(endless{ctx})
	}
	return result, nil
}

type torn struct{}

func (torn) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type endless struct{ ctx context.Context }

func (e endless) Read(p []byte) (int, error) {
	for n := range p {
		p[n] = ' '
	}
	return len(p), e.ctx.Err()
}

func (v *vendor) mishap(op string) *mishap {
	for n, m := range v.faults {
		if m.op != op && m.op != "*" {
			continue
		}
		if m.skip > 0 {
			m.skip--
			continue
		}
		if m.times--; m.times == 0 {
			v.faults = slices.Delete(v.faults, n, n+1)
		}
		return m
	}
	return nil
}
