package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/api"
	"usher/identity"
	"usher/internal/testclock"
	"usher/invites"
	"usher/ledger"
	"usher/oidc"
	"usher/providers"
	"usher/providers/memory"
)

// The tokens of the house and who holds them.
const (
	admin    = "token-admin"    // every organization of connection main, every permission
	reader   = "token-reader"   // the same organizations, reading only
	outsider = "token-outsider" // every permission, no organization
	single   = "token-single"   // the organization acme by its claim, every permission
	helper   = "token-helper"   // every permission, but holds no role that may grant admin
)

const issuer = "https://issuer.example"

// house is the API over a fresh ledger and an in-memory vendor.
type house struct {
	t        testing.TB
	clock    *testclock.Clock
	url      string
	vendor   *memory.Vendor
	options  memory.Options
	log      *logBuffer
	registry *prometheus.Registry
	auth     authenticator
	change   []func(*api.Options)

	ledger  *ledger.Ledger
	service *invites.Service
	api     *api.API
	acme    *identity.Organization
	other   *identity.Organization
}

// logBuffer collects log lines of several goroutines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

var _ api.Authenticator = (*oidc.Authenticator)(nil)

// authenticator knows a few tokens.
type authenticator map[string]*oidc.Principal

func (a authenticator) Authenticate(_ context.Context, token string) (*oidc.Principal, error) {
	if token == "token-panic" {
		panic("the authenticator fell over on Bearer " + token)
	}
	if token == "token-broken" {
		return nil, errors.New("the authenticator is broken")
	}
	p, ok := a[token]
	if !ok {
		return nil, &identity.Error{Code: identity.CodeUnauthenticated, Detail: "The token is not valid.", Err: io.ErrUnexpectedEOF}
	}
	return p, nil
}

func principals() authenticator {
	everything := map[identity.Permission]bool{}
	for _, p := range identity.Permissions() {
		everything[p] = true
	}
	reading := map[identity.Permission]bool{identity.InvitesRead: true, identity.MembersRead: true, identity.ConnectionsRead: true}
	all := identity.Access{Rules: []identity.AccessRule{{Connection: "main", All: true}}}
	claim := identity.Access{Claimed: []identity.Alias{{Connection: "main", ProviderID: "one"}}}
	return authenticator{
		admin:    {Issuer: issuer, Subject: "admin@example.com", Email: "admin@example.com", Access: all, Permissions: everything, Roles: []string{"admin"}, Token: admin},
		reader:   {Issuer: issuer, Subject: "reader", Access: all, Permissions: reading, Token: reader},
		outsider: {Issuer: issuer, Subject: "outsider", Permissions: everything, Roles: []string{"admin"}, Token: outsider},
		single:   {Issuer: issuer, Subject: "single", Access: claim, Permissions: everything, Roles: []string{"admin"}, Token: single},
		helper:   {Issuer: issuer, Subject: "helper", Access: all, Permissions: everything, Roles: []string{"member"}, Token: helper},
	}
}

const inviteLife = 72 * time.Hour

func build(t testing.TB, change ...func(*api.Options)) *house {
	t.Helper()
	return buildOn(t, "sqlite:"+filepath.Join(t.TempDir(), "usher.db"), change...)
}

// buildOn is build over a ledger that is not there yet.
func buildOn(t testing.TB, url string, change ...func(*api.Options)) *house {
	t.Helper()
	h := &house{
		t: t, clock: testclock.At(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)), change: change,
		url:  url,
		log:  &logBuffer{},
		auth: principals(),
		options: memory.Options{
			Roles:  map[string]string{"admin": "Administrator", "member": "Member"},
			Fields: providers.Fields{MaxRoles: 2},
		},
	}
	h.vendor = memory.NewVendor(h.clock.Now, inviteLife)
	for _, id := range []string{"one", "two", "three"} {
		h.vendor.AddOrganization(id)
	}
	h.vendor.AddMember("one", "member@example.com", "Member")
	if _, err := ledger.Up(t.Context(), h.url); err != nil {
		t.Fatal(err)
	}
	h.open()
	h.acme = h.bind("one", "acme")
	h.other = h.bind("two", "other")
	t.Cleanup(h.close)
	// Once compared with the vendor, acme is not compared in the background
	// while a test looks at it: the clock stands still.
	_, err := h.service.List(t.Context(), invites.Caller{}, h.acme, invites.ListRequest{Refresh: true})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// twin is another instance over the same ledger and the same vendor.
func (h *house) twin() *house {
	h.t.Helper()
	other := *h
	other.open()
	h.t.Cleanup(other.close)
	return &other
}

// open starts everything over the ledger file; close and open is a restart.
func (h *house) open() {
	h.t.Helper()
	var err error
	log := slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	quiet := slog.New(slog.DiscardHandler)
	h.ledger, err = ledger.Open(h.t.Context(), h.url, &ledger.Options{Now: h.clock.Now, Logger: quiet})
	if err != nil {
		h.t.Fatal(err)
	}
	client := providers.NewClient("main", memory.New(h.vendor, h.options),
		&providers.ClientOptions{Timeout: time.Minute, Now: h.clock.Now, Logger: quiet})
	spare := providers.NewClient("spare", memory.New(h.vendor, h.options), &providers.ClientOptions{Logger: quiet})
	h.service, err = invites.New(h.t.Context(), h.ledger, []*invites.Connection{{
		Name: "main", Client: client,
		Roles:        map[string]invites.RoleRule{"admin": {GrantableBy: []string{"admin"}}, "member": {}},
		RedirectURLs: []string{"https://app.example.com/welcome"},
	}, {Name: "spare", Client: spare}}, &invites.Options{Logger: quiet, Tick: make(chan time.Time)})
	if err != nil {
		h.t.Fatal(err)
	}
	h.registry = prometheus.NewRegistry()
	o := api.Options{
		Service: h.service, Auth: h.auth, Ledger: h.ledger, Logger: log,
		Registry: h.registry, Version: "1.2.3", Now: h.clock.Now,
	}
	for _, c := range h.change {
		c(&o)
	}
	if h.api, err = api.New(o); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) close() {
	if err := h.service.Close(context.WithoutCancel(h.t.Context())); err != nil {
		h.t.Error(err)
	}
	if err := h.ledger.Close(); err != nil {
		h.t.Error(err)
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

// answer is what came back.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

// do makes one request. headers are name and value in turn.
func (h *house) do(token, method, path, body string, headers ...string) answer {
	h.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, path, reader)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", mediaTypeOf(method, path))
	}
	for n := 0; n < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	return h.serve(r)
}

// mediaTypeOf is what a test's body is unless it says so.
func mediaTypeOf(method, path string) string {
	if method == "POST" && strings.HasSuffix(path, "/invite-batches") {
		return "application/x-ndjson"
	}
	return "application/json"
}

func (h *house) serve(r *http.Request) answer {
	h.t.Helper()
	w := httptest.NewRecorder()
	h.api.ServeHTTP(w, r)
	h.checkContract(r, w)
	return answer{t: h.t, status: w.Code, header: w.Header(), body: w.Body.String()}
}

// fields decodes the body.
func (a answer) fields() map[string]any {
	a.t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		a.t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return m
}

func (a answer) text(name string) string {
	a.t.Helper()
	s, _ := a.fields()[name].(string)
	return s
}

// is checks the status and, of a problem, the code.
func (a answer) is(status int, code string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("got status %d, want %d: %s", a.status, status, a.body)
	}
	if status >= 400 {
		if got := a.header.Get("Content-Type"); got != "application/problem+json" {
			a.t.Fatalf("got a problem of type %q: %s", got, a.body)
		}
		if got := a.text("code"); got != code {
			a.t.Fatalf("got code %q, want %q: %s", got, code, a.body)
		}
		if a.text("request_id") != a.header.Get("X-Request-Id") && a.header.Get("Idempotency-Replayed") == "" {
			a.t.Fatalf("the request id of the body is not that of the header: %s", a.body)
		}
	}
	return a
}

// at checks that a problem names exactly these fields, in this order.
func (a answer) at(fields ...string) answer {
	a.t.Helper()
	var p struct{ Errors []map[string]string }
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		a.t.Fatal(err)
	}
	got := []string{}
	for _, e := range p.Errors {
		switch {
		case e["parameter"] != "":
			got = append(got, "?"+e["parameter"])
		case e["header"] != "":
			got = append(got, e["header"])
		default:
			got = append(got, e["pointer"])
		}
	}
	if strings.Join(got, " ") != strings.Join(fields, " ") {
		a.t.Fatalf("got errors at %q, want %q: %s", got, fields, a.body)
	}
	return a
}

const invitesPath = "/v1/organizations/acme/invites"

const jane = `{"email":"jane@example.com","roles":["member"]}`

// send invites an address to acme and returns the invite's id.
func (h *house) send(email string) string {
	h.t.Helper()
	return h.do(admin, "POST", invitesPath, `{"email":"`+email+`","roles":["member"]}`).is(201, "").text("id")
}

// on returns the house for use in a subtest.
func on(t *testing.T, h *house) *house {
	t.Helper()
	within := *h
	within.t = t
	return &within
}

func newRequest(method, path string) *http.Request { return httptest.NewRequest(method, path, nil) }

// readCloser is a body of unknown length.
type readCloser struct{ io.Reader }

func (readCloser) Close() error { return nil }
