package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"usher/config"
	"usher/internal/testclock"
	"usher/providers"
	"usher/providers/all"
	"usher/providers/memory"
	"usher/sandbox"
	"usher/sandbox/fault"
	"usher/sandbox/mail"
)

// TestEquivalence holds every backend to one behaviour: the same requests over
// HTTP on every demo organization, the same answers, problem codes and states.
// What may differ is what the organization's capability document says, and the
// cases hold that document to what happens, in both directions. No case knows
// a provider's name.
func TestEquivalence(t *testing.T) {
	t.Parallel()
	cases := equivalenceCases()
	if len(cases) < 60 {
		t.Fatalf("%d cases", len(cases))
	}
	shared := openBackends(t)
	for _, b := range shared.backends {
		t.Run(b.connection.Name, func(t *testing.T) {
			t.Parallel()
			for _, c := range cases {
				t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
					on := b
					if c.alone {
						on = openBackends(t).backend(t, b.connection.Name)
					}
					c.run(on.at(t))
				})
			}
		})
	}
}

// equivalenceCase is one behaviour.
type equivalenceCase struct {
	name string
	run  func(b *backend)
	// alone: the case moves the clock or breaks the vendor, and has a world of
	// its own.
	alone bool
}

// backends is one world: every demo organization behind one gateway whose clock
// only looks move.
type backends struct {
	clock    *testclock.Clock
	sandbox  *sandbox.Sandbox
	url      string
	memory   *memory.Vendor
	backends []*backend
}

// backend is one demo organization and the connection it lives in.
type backend struct {
	*backends
	t            *testing.T
	connection   sandbox.ConnectionFacts
	organization sandbox.Organization
	tokens       map[string]string
	people       *atomic.Int64
}

const (
	asAdmin    = "admin"
	asReader   = "reader"
	asOutsider = "outsider"
	asMember   = "member" // of the organization, with every permission and the role member
	asPerson   = "person" // of the organization, with every permission and the role admin
)

// memoryConfig puts the reference adapter behind the same face.
type memoryConfig struct {
	vendor *memory.Vendor
}

func (c *memoryConfig) Validate() []error { return nil }

func (c *memoryConfig) Open(d providers.Deps) (providers.Provider, error) {
	return memory.New(c.vendor, memory.Options{Roles: d.Roles, EmailRule: d.EmailRule, Fields: providers.Fields{ExpiresAt: true, MaxLife: 30 * 24 * time.Hour}}), nil
}

const pageOfTheApplication = "https://app.example.com/welcome"

func openBackends(t *testing.T) *backends {
	t.Helper()
	w := &backends{clock: testclock.Running(time.Now().UTC().Truncate(time.Second))}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	var err error
	if w.sandbox, err = sandbox.Start(context.WithoutCancel(t.Context()), &sandbox.Options{Now: w.clock.Now, Logger: log}); err != nil {
		t.Fatal(err)
	}
	facts := w.sandbox.Facts()
	w.addMemory(&facts)
	text, err := worldConfig(facts, "127.0.0.1:0", "sqlite:"+filepath.Join(t.TempDir(), "usher.db"), "error")
	if err != nil {
		t.Fatal(err)
	}
	table := all.Table()
	table["memory"] = func() providers.Config { return &memoryConfig{w.memory} }
	parsed, err := config.Parse(text, config.Options{File: "test", Providers: table})
	if err != nil {
		t.Fatal(err)
	}
	for n := range parsed.Connections {
		parsed.Connections[n].RedirectURLs = []string{pageOfTheApplication}
		parsed.Connections[n].Timeout = 6 * time.Second
	}
	g, err := openGatewayAt(context.WithoutCancel(t.Context()), parsed, log, io.Discard, w.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	w.url = g.url()
	soft, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ready, served := make(chan struct{}), make(chan error, 1)
	go func() {
		served <- g.serve(soft, context.WithoutCancel(soft), func() error { close(ready); return nil })
	}()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-served, w.sandbox.Close()); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-served:
		t.Fatal(err)
	}
	for n, c := range facts.Connections {
		w.backends = append(w.backends, &backend{
			backends: w, connection: c, organization: facts.Organizations[n], people: &atomic.Int64{},
		})
	}
	return w
}

const memoryOrganization = "acme-in-memory"

// addMemory gives the reference adapter an organization like the others.
func (all *backends) addMemory(f *sandbox.Facts) {
	all.memory = memory.NewVendor(all.clock.Now, 72*time.Hour)
	all.memory.AddOrganization(memoryOrganization)
	all.memory.AddMember(memoryOrganization, sandbox.AdministratorEmail, "Administrator")
	all.memory.AddMember(memoryOrganization, sandbox.MemberEmail, "Member")
	f.Connections = append(f.Connections, sandbox.ConnectionFacts{
		Name: "memory", Provider: "memory", Issuers: f.Connections[0].Issuers, ActAs: "service", Emails: "lowercase",
		Roles: []sandbox.RoleFacts{
			{Key: sandbox.RoleAdmin, Provider: "Administrator", GrantableBy: []string{sandbox.RoleAdmin}}, {Key: sandbox.RoleMember, Provider: "Member"},
		},
	})
	f.Organizations = append(f.Organizations, sandbox.Organization{Slug: "acme-memory", Name: "Acme", Connection: "memory", ProviderID: memoryOrganization})
	for n := range f.Issuer.Services {
		f.Issuer.Services[n].Organizations = append(f.Issuer.Services[n].Organizations, sandbox.AccessFacts{Connection: "memory", All: true})
	}
}

func (all *backends) backend(t *testing.T, name string) *backend {
	t.Helper()
	for _, b := range all.backends {
		if b.connection.Name == name {
			return b
		}
	}
	t.Fatalf("no backend %s", name)
	return nil
}

func (b *backend) at(t *testing.T) *backend {
	own := *b
	own.t, own.tokens = t, map[string]string{}
	return &own
}

// token mints a token of a kind, good for the time of the world's clock.
func (b *backend) token(as string) string {
	b.t.Helper()
	if known := b.tokens[as]; known != "" {
		return known
	}
	r := sandbox.TokenRequest{Kind: as}
	switch as {
	case asPerson:
		r.Kind = asAdmin
	case asMember:
		r.Kind = asAdmin
		r.Claims = map[string]any{"roles": []string{"member"}}
	}
	if as == asPerson || as == asMember {
		// The claim names the organization as its vendor does.
		if r.Claims == nil {
			r.Claims = map[string]any{}
		}
		r.Organizations = []string{b.sandbox.Organizations()[0].Slug}
		r.Claims["org_id"] = b.organization.ProviderID
	}
	token, err := b.sandbox.Token(r)
	if err != nil {
		b.t.Fatal(err)
	}
	b.tokens[as] = token.Value
	return token.Value
}

// reply is an answer.
type reply struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	text   string
}

// ask sends one request as an administrator, or with the headers given.
func (b *backend) ask(method, path string, body any, headers ...string) *reply {
	b.t.Helper()
	return b.askAs(asAdmin, method, path, body, headers...)
}

func (b *backend) askAs(as, method, path string, body any, headers ...string) *reply {
	b.t.Helper()
	var text []byte
	switch v := body.(type) {
	case nil:
	case string:
		text = []byte(v)
	default:
		var err error
		if text, err = json.Marshal(v); err != nil {
			b.t.Fatal(err)
		}
	}
	if !strings.HasPrefix(path, "/v1/") {
		path = "/v1/organizations/" + b.organization.Slug + path
	}
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, bytes.NewReader(text))
	if err != nil {
		b.t.Fatal(err)
	}
	if as != "" {
		request.Header.Set("Authorization", "Bearer "+b.token(as))
	}
	if len(text) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	for n := 0; n < len(headers); n += 2 {
		request.Header.Set(headers[n], headers[n+1])
	}
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	answer, err := io.ReadAll(got.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return &reply{b.t, method + " " + path, got.StatusCode, got.Header, string(answer)}
}

// is checks the status and, of a problem, its code.
func (r *reply) is(status int, code string) *reply {
	r.t.Helper()
	if r.status != status || r.status >= 400 && r.str("code") != code {
		r.t.Fatalf("%s: %d %s, want %d %s", r.what, r.status, r.text, status, code)
	}
	if r.status >= 400 && (r.header.Get("Content-Type") != "application/problem+json" || r.str("request_id") == "" || r.str("detail") == "") {
		r.t.Errorf("%s: not a whole problem: %s", r.what, r.text)
	}
	return r
}

// at checks which field a problem names.
func (r *reply) at(field string) *reply {
	r.t.Helper()
	errs, _ := r.fields()["errors"].([]any)
	for _, e := range errs {
		named, _ := e.(map[string]any)
		if named["pointer"] == field || named["parameter"] == field || named["header"] == field {
			return r
		}
	}
	r.t.Errorf("%s: %s does not name %s", r.what, r.text, field)
	return r
}

func (r *reply) fields() map[string]any {
	r.t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(r.text), &m); err != nil {
		r.t.Fatalf("%s: %d %s: %v", r.what, r.status, r.text, err)
	}
	return m
}

func (r *reply) str(name string) string {
	r.t.Helper()
	s, _ := r.fields()[name].(string)
	return s
}

// items are the objects of a list.
func (r *reply) items() []map[string]any {
	r.t.Helper()
	var list []map[string]any
	data, _ := r.fields()["data"].([]any)
	for _, item := range data {
		list = append(list, item.(map[string]any))
	}
	return list
}

// someone is an address that nobody else uses.
func (b *backend) someone() string {
	return fmt.Sprintf("%s-%d@example.com", b.connection.Name, b.people.Add(1))
}

type object = map[string]any

// invitation is a request to send one.
func invitation(email string, more ...object) object {
	body := object{"email": email, "roles": []string{sandbox.RoleMember}}
	for _, m := range more {
		for name, value := range m {
			body[name] = value
		}
	}
	return body
}

// send sends an invitation that has to be taken.
func (b *backend) send(email string, more ...object) *reply {
	b.t.Helper()
	return b.ask("POST", "/invites", invitation(email, more...)).is(201, "")
}

func (b *backend) invite(id string) *reply {
	b.t.Helper()
	return b.ask("GET", "/invites/"+id, nil).is(200, "")
}

// state compares with the vendor and tells an invite's state.
func (b *backend) state(id string) string {
	b.t.Helper()
	b.ask("GET", "/invites?refresh=true&limit=1", nil).is(200, "")
	return b.invite(id).str("state")
}

// document is the organization's capability document.
type document struct {
	Capabilities []struct {
		Capability, Support string
		How                 *string
	}
	InviteFields struct {
		Message     bool
		RedirectURL bool `json:"redirect_url"`
		NotifyFalse bool `json:"notify_false"`
		ExpiresAt   bool `json:"expires_at"`
		MaxLife     *int `json:"max_life_seconds"`
		Life        *int `json:"life_seconds"`
		MaxRoles    *int `json:"max_roles"`
	} `json:"invite_fields"`
}

func (b *backend) document() document {
	b.t.Helper()
	var d document
	if err := json.Unmarshal([]byte(b.ask("GET", "/capabilities", nil).is(200, "").text), &d); err != nil {
		b.t.Fatal(err)
	}
	return d
}

// supports tells whether the document declares a capability.
func (d document) supports(capability providers.Capability) bool {
	for _, c := range d.Capabilities {
		if c.Capability == string(capability) {
			return c.Support != string(providers.Unsupported)
		}
	}
	return false
}

// roles are the organization's.
func (b *backend) roles() []string {
	b.t.Helper()
	var keys []string
	for _, r := range b.ask("GET", "/roles", nil).is(200, "").items() {
		keys = append(keys, r["key"].(string))
	}
	return keys
}

// mails are what an address got, oldest first.
func (b *backend) mails(email string) []*mail.Message {
	return b.sandbox.Mail().Messages(mail.Filter{To: email})
}

// mailed counts the mails to an address, the reference adapter's too.
func (b *backend) mailed(email string) int {
	return len(b.mails(email)) + b.memory.Mails(memoryOrganization, email)
}

// accept has the invitee open the newest of his mails of each kind and do what
// it asks for.
func (b *backend) accept(email string) {
	b.t.Helper()
	if b.memory.Mails(memoryOrganization, email) > 0 {
		if err := b.memory.Accept(memoryOrganization, email); err != nil {
			b.t.Fatal(err)
		}
		return
	}
	mails := b.mails(email)
	if len(mails) == 0 {
		b.t.Fatalf("%s has no mail", email)
	}
	for n, m := range mails {
		if slices.ContainsFunc(mails[n+1:], func(later *mail.Message) bool { return later.Kind == m.Kind }) {
			continue
		}
		if _, err := sandbox.OpenMail(b.t.Context(), m); err != nil {
			b.t.Fatalf("open %q: %v", m.Subject, err)
		}
	}
}

// link is usher's own link in the mails to an address, the reference adapter's
// too; empty: there is none.
func (b *backend) link(email string) string {
	links := b.memory.Links(memoryOrganization, email)
	for _, m := range b.mails(email) {
		links = append(links, m.Links...)
	}
	for _, link := range links {
		if strings.HasPrefix(link, b.url+"/v1/invites/callback/") {
			return link
		}
	}
	return ""
}

// members are the organization's, by address in lower case, with their roles.
func (b *backend) members() map[string]string {
	b.t.Helper()
	found := map[string]string{}
	path := "/members?limit=2"
	for range 500 {
		page := b.ask("GET", path, nil).is(200, "")
		for _, m := range page.items() {
			var roles []string
			for _, r := range m["roles"].([]any) {
				roles = append(roles, r.(string))
			}
			slices.Sort(roles)
			email, _ := m["email"].(string)
			if _, twice := found[strings.ToLower(email)]; twice {
				b.t.Errorf("%s is listed twice", email)
			}
			found[strings.ToLower(email)] = strings.Join(roles, " ")
		}
		next := page.str("next_cursor")
		if next == "" {
			return found
		}
		path = "/members?limit=2&cursor=" + next
	}
	b.t.Fatal("the list of members has no end")
	return nil
}

// vendor is the origin of the simulated vendor; empty where there is none.
func (b *backend) vendor() string {
	base, _ := b.connection.Settings["base_url"].(string)
	if m := regexp.MustCompile(`^https?://[^/]+`).FindString(base); m != "" {
		return m
	}
	return ""
}

// fault makes the vendor's next writes fail; false: there is no vendor beside
// usher that could.
func (b *backend) fault(f fault.Fault) bool {
	b.t.Helper()
	if b.vendor() == "" {
		return false
	}
	text, err := json.Marshal(f)
	if err != nil {
		b.t.Fatal(err)
	}
	b.sandboxCall("POST", "/_sandbox/faults", text)
	return true
}

func (b *backend) heal() {
	b.t.Helper()
	b.sandboxCall("DELETE", "/_sandbox/faults", nil)
}

func (b *backend) sandboxCall(method, path string, body []byte) {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.vendor()+path, bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	if got.StatusCode >= 300 {
		text, _ := io.ReadAll(got.Body)
		b.t.Fatalf("%s %s: %d %s", method, path, got.StatusCode, text)
	}
}
