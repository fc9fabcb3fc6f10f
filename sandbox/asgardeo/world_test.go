package asgardeo_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"usher/sandbox/asgardeo"
	"usher/sandbox/sandboxtest"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a root organization with one application, one sub-organization Acme
// and the roles admin and member.
type world struct {
	t      *testing.T
	sim    *asgardeo.Simulator
	srv    *httptest.Server
	mails  *sandboxtest.Mailbox
	app    asgardeo.App
	acme   string
	admin  string // role ids in Acme
	member string
	tokens map[string]string
}

func newWorld(t *testing.T, wrap func(http.Handler) http.Handler) *world {
	t.Helper()
	w := &world{t: t, mails: &sandboxtest.Mailbox{}, tokens: map[string]string{}}
	w.srv = sandboxtest.Serve(t, func(base string) http.Handler {
		w.sim = asgardeo.New(asgardeo.Options{Root: "rootorg", BaseURL: base, Now: func() time.Time { return start }, Mail: w.mails, Key: sandboxtest.Key()})
		if wrap == nil {
			return w.sim
		}
		return wrap(w.sim)
	})
	w.app = w.sim.AddApplication(asgardeo.App{Name: "Gateway", ClientID: "gateway", ClientSecret: "s3cret/+"})
	w.sim.AddRole("", "admin", w.app.ID, "internal_org_user_mgt_list")
	w.sim.AddRole("", "member", w.app.ID)
	w.acme = w.sim.AddOrganization("Acme", "")
	w.admin, w.member = w.sim.RoleID(w.acme, "admin"), w.sim.RoleID(w.acme, "member")
	return w
}

// answer is a response read to its end.
type answer = sandboxtest.Answer

func (w *world) do(method, path, token string, body any, header ...string) answer {
	w.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = w.srv.URL + "/t/rootorg" + path
	}
	r := sandboxtest.NewRequest(w.t, method, path, body)
	if _, asItStands := body.(string); !asItStands && strings.Contains(path, "/scim2/") && r.Header.Get("Content-Type") == "application/json" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return sandboxtest.Send(w.t, w.srv.Client(), r)
}

func (w *world) want(a answer, status int) answer {
	w.t.Helper()
	if a.Status != status {
		w.t.Fatalf("status %d, want %d: %s", a.Status, status, a.Raw)
	}
	return a
}

func (w *world) tokenRequest(form url.Values) answer {
	w.t.Helper()
	form.Set("client_id", w.app.ClientID)
	form.Set("client_secret", w.app.ClientSecret)
	return w.do("POST", "/oauth2/token", "", form)
}

func scopeText(list []string) string { return strings.Join(list, " ") }

// root is a root token with every scope, also the /o/ ones.
func (w *world) root() string {
	w.t.Helper()
	if w.tokens["root"] == "" {
		a := w.want(w.tokenRequest(url.Values{"grant_type": {"client_credentials"}, "scope": {scopeText(w.app.Scopes)}}), 200)
		w.tokens["root"] = a.Text("access_token")
	}
	return w.tokens["root"]
}

// org is a token for an organization with every scope.
func (w *world) org(id string) string {
	w.t.Helper()
	if w.tokens[id] == "" {
		a := w.want(w.switchTo(id, scopeText(w.app.OrganizationScopes)), 200)
		w.tokens[id] = a.Text("access_token")
	}
	return w.tokens[id]
}

func (w *world) switchTo(id, scopes string) answer {
	w.t.Helper()
	return w.tokenRequest(url.Values{"grant_type": {"organization_switch"}, "token": {w.root()}, "switching_organization": {id}, "scope": {scopes}})
}

func (w *world) quirks(change func(*asgardeo.Quirks)) {
	w.t.Helper()
	if err := w.sim.SetQuirks(change); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) advance(d time.Duration) {
	w.sim.Injector().Clock().Advance(d)
	w.tokens = map[string]string{}
}

// newUser is a creation body.
func newUser(name string, more ...any) map[string]any {
	m := map[string]any{"schemas": []string{}, "userName": "DEFAULT/" + name,
		"emails": []any{map[string]any{"primary": true, "value": name}}, "urn:scim:wso2:schema": map[string]any{"askPassword": "true"}}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] == nil {
			delete(m, more[i].(string))
		} else {
			m[more[i].(string)] = more[i+1]
		}
	}
	return m
}

func guest(name string, roles ...string) map[string]any {
	m := map[string]any{"usernames": []string{name}}
	if len(roles) > 0 {
		m["roles"] = roles
	}
	return m
}

func (w *world) invite(name string, roles ...string) answer {
	w.t.Helper()
	return w.do("POST", "/o/api/server/v1/guests/invite", w.org(w.acme), guest(name, roles...))
}

func (w *world) users(path, token, filter string) answer {
	w.t.Helper()
	return w.do("GET", path+"?filter="+url.QueryEscape(filter), token, nil)
}

func (w *world) accountsOf(org string) (out []asgardeo.UserState) {
	for _, u := range w.sim.State().Users {
		if u.OrganizationID == org {
			out = append(out, u)
		}
	}
	return out
}
