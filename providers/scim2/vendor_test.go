package scim2

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/testclock"
	"usher/providers"
	"usher/providers/providertest"
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
	clock *testclock.Clock

	mu            sync.Mutex
	users, groups map[string]map[string]any
	order         []string // of ids
	versions      map[string]int
	next          int
	calls         []string // method and path, without the base
	requests      []string // and with query and body
	faults        []*mishap
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

// mishap makes one call go wrong.
type mishap struct {
	call   string // begins with, e.g. "POST /Users"
	skip   int
	times  int // 0: once; -1: always
	status int
	body   string
	header http.Header
	acts   bool // the vendor acts first
	cut    bool // no answer
	half   bool // half an answer
	hang   bool
}

func newVendor() *vendor {
	v := &vendor{
		clock: testclock.At(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
		users: map[string]map[string]any{}, groups: map[string]map[string]any{}, versions: map[string]int{},
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
	v.mu.Lock()
	defer v.mu.Unlock()
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
	v.mu.Lock()
	defer v.mu.Unlock()
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
	v.mu.Lock()
	defer v.mu.Unlock()
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
	v.mu.Lock()
	defer v.mu.Unlock()
	text, _ := json.Marshal(what)
	return string(text)
}

// writes returns the calls that change something, in their order.
func (v *vendor) writes() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(v.calls), func(c string) bool { return strings.HasPrefix(c, "GET ") || strings.HasPrefix(c, "POST /token") })
}

// asked returns the requests made since the last time, and forgets them.
func (v *vendor) asked() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := v.requests
	v.requests, v.calls = nil, nil
	return all
}

func (v *vendor) inject(m mishap) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if m.times == 0 {
		m.times = 1
	}
	v.faults = append(v.faults, &m)
}

func (v *vendor) heal() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults = nil
}

func (v *vendor) mishap(call string) *mishap {
	for _, m := range v.faults {
		switch {
		case !strings.HasPrefix(call, m.call) || m.times == 0:
		case m.skip > 0:
			m.skip--
		default:
			m.times--
			return m
		}
	}
	return nil
}

// RoundTrip implements http.RoundTripper.
func (v *vendor) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	path := strings.TrimPrefix(r.URL.Path, "/scim/v2")
	call := r.Method + " " + path
	v.mu.Lock()
	v.calls = append(v.calls, call)
	v.requests = append(v.requests, strings.TrimSpace(call+" "+r.URL.RawQuery+" "+string(body)))
	m := v.mishap(call)
	if v.before != nil {
		v.before(v, r.Method, path)
	}
	v.mu.Unlock()
	trace := httptrace.ContextClientTrace(r.Context())
	trace.GetConn(r.URL.Host)
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
		v.serve(answer, r, path, body)
		v.mu.Unlock()
	}
	switch {
	case m == nil:
		return answer.Result(), nil
	case m.cut:
		return nil, io.ErrUnexpectedEOF
	case m.half:
		whole := answer.Body.Bytes()
		broken := &http.Response{StatusCode: answer.Code, Header: answer.Header(), Request: r, ContentLength: int64(len(whole))}
		broken.Body = io.NopCloser(io.MultiReader(bytes.NewReader(whole[:len(whole)/2]), failing{}))
		return broken, nil
	}
	header := m.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: m.status, Header: header, Body: io.NopCloser(strings.NewReader(m.body)), Request: r}, nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

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
		Connection: "under-test", EmailRule: identity.EmailLowercase, Transport: v, Now: v.clock.Now,
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
	p, err := c.open(d, seams{sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }, jitter: func() float64 { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
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
