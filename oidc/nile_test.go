package oidc

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"usher/identity"
	"usher/sandbox/nile"
)

const (
	nileOrigin   = "https://app.example.com"
	nilePassword = "correct horse battery"
)

// askedNile is a database of the simulated Nile, and counts who asks it.
type askedNile struct {
	t         *testing.T
	sim       *nile.Simulator
	url       string
	inquiries atomic.Int64 // GET /me

	mu      sync.Mutex
	handler http.HandlerFunc
	last    *http.Request // the last GET /me
}

func newAskedNile(t *testing.T, clock *clock) *askedNile {
	t.Helper()
	n := &askedNile{t: t, sim: nile.New(nile.Options{Now: clock.Now})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		handler := n.handler
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/me") {
			n.inquiries.Add(1)
			n.last = r.Clone(r.Context())
		}
		n.mu.Unlock()
		if handler != nil {
			handler(w, r)
			return
		}
		n.sim.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	n.url = server.URL + "/v2/databases/" + nile.DefaultDatabase
	return n
}

// handle has a handler answer everything; nil ends that.
func (n *askedNile) handle(h http.HandlerFunc) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.handler = h
}

func (n *askedNile) asked() *http.Request {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.last
}

func (n *askedNile) wantInquiries(want int64) {
	n.t.Helper()
	if got := n.inquiries.Load(); got != want {
		n.t.Errorf("asked %d times, want %d", got, want)
	}
}

// config is the least; everybody may list invites.
func (n *askedNile) config(name string) IssuerConfig {
	return IssuerConfig{
		Name: name, Issuer: n.url, Preset: PresetNile,
		Session:     SessionConfig{URL: n.url, Origin: nileOrigin, Role: "member"},
		Permissions: []PermissionRule{{Role: "member", Grant: []identity.Permission{identity.InvitesRead}}},
	}
}

// person makes a user who is a member of tenants, and returns the id.
func (n *askedNile) person(email string, tenants ...string) string {
	n.t.Helper()
	id := n.sim.AddUser(nile.Person{Email: email, Password: nilePassword, Verified: true})
	for _, tenant := range tenants {
		if !n.sim.AddMember(tenant, id) {
			n.t.Fatalf("%s cannot join %s", email, tenant)
		}
	}
	return id
}

// browser calls Nile as an application in front of it does, with all cookies
// it has been given.
type browser struct {
	n       *askedNile
	cookies map[string]string
}

func (b *browser) do(method, path string, form url.Values) string {
	b.n.t.Helper()
	r, err := http.NewRequestWithContext(b.n.t.Context(), method, b.n.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.n.t.Fatal(err)
	}
	r.Header.Set("nile-origin", nileOrigin)
	r.Header.Set("nile-secure-cookies", "true")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var pairs []string
	for name, value := range b.cookies {
		pairs = append(pairs, name+"="+value)
	}
	r.Header.Set("Cookie", strings.Join(pairs, "; "))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		b.n.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 400 {
		b.n.t.Fatalf("%s %s: %d %s %v", method, path, answer.StatusCode, body, err)
	}
	for _, c := range answer.Cookies() {
		b.cookies[c.Name] = c.Value
	}
	return string(body)
}

// withToken adds the CSRF token of a form.
func (b *browser) withToken(form url.Values) url.Values {
	b.n.t.Helper()
	var csrf struct{ CSRFToken string }
	if err := json.Unmarshal([]byte(b.do(http.MethodGet, "/auth/csrf", nil)), &csrf); err != nil {
		b.n.t.Fatal(err)
	}
	form.Set("csrfToken", csrf.CSRFToken)
	return form
}

// signIn signs somebody in with the password.
func (n *askedNile) signIn(email string) *browser {
	n.t.Helper()
	b := &browser{n, map[string]string{}}
	form := b.withToken(url.Values{"email": {email}, "password": {nilePassword}, "callbackUrl": {nileOrigin}})
	b.do(http.MethodPost, "/auth/callback/credentials", form)
	if b.session() == "" {
		n.t.Fatalf("%s is not signed in", email)
	}
	return b
}

func (b *browser) session() string { return b.cookies[nileCookieSecure] }

func (b *browser) signOut() { b.do(http.MethodPost, "/auth/signout", b.withToken(url.Values{})) }

// madeUp is a session that is none: of the shape of an opaque one.
func madeUp(n int) string { return fmt.Sprintf("%08x-0000-4000-8000-000000000000", n) }

// sealedWith is a token of five parts with a header of one's own.
func sealedWith(header, key string) string {
	return encode([]byte(header)) + "." + key + "." + encode([]byte("nonce")) + "." + encode([]byte("sealed")) + "." + encode([]byte("tag"))
}

const nileHeader = `{"alg":"dir","enc":"A256GCM"}`
