package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/goccy/go-yaml"

	"usher/sandbox/nile"
)

// tenants is a gateway whose callers have sessions of a simulated Nile, with
// two tenants of it as organizations.
type tenants struct {
	*world
	sim          *nile.Simulator
	base         string
	asked        atomic.Int64 // GET /me
	north, south string       // ids at Nile
}

const sessionCookie = "nile.session-token"

func openTenants(t *testing.T) *tenants {
	t.Helper()
	n := &tenants{sim: nile.New(nile.Options{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/me") {
			n.asked.Add(1)
		}
		n.sim.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	n.base = server.URL + "/v2/databases/" + nile.DefaultDatabase
	n.north, n.south = n.sim.AddTenant("North"), n.sim.AddTenant("South")
	n.world = open(t, func(text string) string {
		var c map[string]any
		if err := yaml.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		c["issuers"] = append(c["issuers"].([]any), map[string]any{
			"name": "nile", "issuer": n.base, "preset": "nile",
			"session":     map[string]any{"url": n.base, "origin": "http://localhost:3000", "role": "member"},
			"permissions": []any{map[string]any{"role": "member", "grant": []string{"invites:read"}}},
		})
		c["connections"] = append(c["connections"].([]any), map[string]any{
			"name": "people", "provider": "local", "issuers": []string{"nile"}, "settings": map[string]any{},
			"roles": map[string]any{"member": map[string]any{"provider": "Member"}},
		})
		for slug, id := range map[string]string{"north": n.north, "south": n.south} {
			c["organizations"] = append(c["organizations"].([]any), map[string]any{"slug": slug, "name": slug, "connection": "people", "provider_id": id})
		}
		out, err := yaml.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	})
	return n
}

// person makes a user of Nile, with a password.
func (n *tenants) person(email string, in ...string) string {
	n.t.Helper()
	id := n.sim.AddUser(nile.Person{Email: email, Password: "a-long-password", Verified: true})
	for _, tenant := range in {
		if !n.sim.AddMember(tenant, id) {
			n.t.Fatalf("%s cannot join %s", email, tenant)
		}
	}
	return id
}

// signIn signs somebody in at Nile as an application does, and returns the
// session, an encrypted one.
func (n *tenants) signIn(email string) string {
	n.t.Helper()
	send := func(method, path string, form url.Values, cookie string) *http.Response {
		n.t.Helper()
		r, err := http.NewRequestWithContext(n.t.Context(), method, n.base+path, strings.NewReader(form.Encode()))
		if err != nil {
			n.t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Cookie", cookie)
		got, err := http.DefaultClient.Do(r)
		if err != nil {
			n.t.Fatal(err)
		}
		n.t.Cleanup(func() { _ = got.Body.Close() })
		return got
	}
	got := send(http.MethodGet, "/auth/csrf", nil, "")
	text, err := io.ReadAll(got.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	var csrf struct{ CSRFToken string }
	if err := json.Unmarshal(text, &csrf); err != nil {
		n.t.Fatal(err)
	}
	var pair string
	for _, c := range got.Cookies() {
		pair += c.Name + "=" + c.Value + "; "
	}
	got = send(http.MethodPost, "/auth/callback/credentials", url.Values{
		"email": {email}, "password": {"a-long-password"}, "csrfToken": {csrf.CSRFToken}, "callbackUrl": {"http://localhost:3000"},
	}, pair)
	for _, c := range got.Cookies() {
		if c.Name == sessionCookie && strings.Count(c.Value, ".") == 4 {
			return c.Value
		}
	}
	n.t.Fatalf("%s is not signed in: %v", email, got.Header)
	return ""
}

// with sends a request with a session as the bearer token.
func (n *tenants) with(session, method, path string, body any) *answer {
	n.t.Helper()
	return n.ask(method, path, body, "Authorization", "Bearer "+session)
}

// People with sessions of Nile reach the tenants they are in, may do what the
// session's role may, and cannot tell another tenant from none.
func TestSessionsOfNile(t *testing.T) {
	t.Parallel()
	n := openTenants(t)
	ada, bob := n.person("ada@example.com", n.north), n.person("bob@example.com", n.south)
	for kind, session := range map[string]string{"encrypted": n.signIn("ada@example.com"), "opaque": n.sim.MagicSession(ada)} {
		asked := n.asked.Load()
		n.want(n.with(session, "GET", "/v1/organizations/north/invites", nil), 200, "")
		for _, of := range []struct{ method, rest string }{{"GET", ""}, {"GET", "/invites"}, {"POST", "/invites"}, {"GET", "/members"}} {
			var body any
			if of.method == "POST" {
				body = invite("guest@example.com")
			}
			there := n.want(n.with(session, of.method, "/v1/organizations/south"+of.rest, body), 404, "not_found")
			nowhere := n.want(n.with(session, of.method, "/v1/organizations/nowhere"+of.rest, body), 404, "not_found")
			if there.str("detail") != nowhere.str("detail") || there.str("title") != nowhere.str("title") {
				t.Errorf("%s: %s %s: another tenant shows: %s, and none: %s", kind, of.method, of.rest, there, nowhere)
			}
		}
		if list := n.want(n.with(session, "GET", "/v1/organizations", nil), 200, ""); !strings.Contains(list.text, `"north"`) || strings.Contains(list.text, `"south"`) {
			t.Errorf("%s: organizations are %s", kind, list)
		}
		n.want(n.with(session, "POST", "/v1/organizations/north/invites", invite("guest@example.com")), 403, "permission_denied")
		if got := n.asked.Load() - asked; got != 1 {
			t.Errorf("%s: Nile was asked %d times", kind, got)
		}
	}

	// Who is in a browser is nobody: a cookie is no credential, and does not
	// stand in for a bearer token or beside one.
	cookie := sessionCookie + "=" + n.sim.MagicSession(ada)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.url+"/v1/organizations/north/invites", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Cookie", cookie)
	asked := n.asked.Load()
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = got.Body.Close()
	if got.StatusCode != http.StatusUnauthorized || n.asked.Load() != asked {
		t.Errorf("a cookie alone: %d, and Nile was asked %d times", got.StatusCode, n.asked.Load()-asked)
	}
	bobs := n.sim.MagicSession(bob)
	n.want(n.ask("GET", "/v1/organizations/north/invites", nil, "Authorization", "Bearer "+bobs, "Cookie", cookie), 404, "not_found")
	n.want(n.ask("GET", "/v1/organizations/south/invites", nil, "Authorization", "Bearer "+bobs, "Cookie", cookie), 200, "")

	// Sessions that are none, or whose user is gone.
	asked = n.asked.Load()
	sealed := strings.Split(n.signIn("ada@example.com"), ".")
	sealed[4] = strings.Split(n.signIn("bob@example.com"), ".")[4]
	for _, bad := range []string{"8f14e45f-ceea-467a-9a36-dedd4bea2543", strings.Join(sealed, ".")} {
		n.want(n.with(bad, "GET", "/v1/organizations/north/invites", nil), 401, "unauthenticated")
	}
	if got := n.asked.Load() - asked; got != 2 {
		t.Errorf("Nile was asked %d times about two sessions", got)
	}
	gone := n.sim.MagicSession(n.person("eve@example.com", n.north))
	request, err = http.NewRequestWithContext(t.Context(), http.MethodDelete, n.base+"/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Cookie", sessionCookie+"="+gone)
	if got, err = http.DefaultClient.Do(request); err != nil || got.StatusCode >= 300 {
		t.Fatal(got, err)
	}
	_ = got.Body.Close()
	n.want(n.with(gone, "GET", "/v1/organizations/north/invites", nil), 401, "unauthenticated")
	if said := n.gateway.output.String(); strings.Contains(said, gone) || strings.Contains(said, bobs) {
		t.Error("a session is in the log")
	}
}
