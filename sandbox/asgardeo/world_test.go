package asgardeo_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/sandbox/asgardeo"
	"usher/sandbox/stage"
)

var (
	start   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	testKey = sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
)

// mailbox is a Mailer that keeps what it gets, or fails.
type mailbox struct {
	mu   sync.Mutex
	all  []stage.Mail
	fail bool
}

func (b *mailbox) Send(_ context.Context, m stage.Mail) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail {
		return errors.New("mail server is down")
	}
	b.all = append(b.all, m)
	return nil
}

func (b *mailbox) kind(kind string) (out []stage.Mail) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.all {
		if m.Kind == kind {
			out = append(out, m)
		}
	}
	return out
}

// world is a root organization with one application, one sub-organization Acme
// and the roles admin and member.
type world struct {
	t      *testing.T
	sim    *asgardeo.Simulator
	srv    *httptest.Server
	mails  *mailbox
	app    asgardeo.App
	acme   string
	admin  string // role ids in Acme
	member string
	tokens map[string]string
}

func newWorld(t *testing.T, wrap func(http.Handler) http.Handler) *world {
	t.Helper()
	w := &world{t: t, mails: &mailbox{}, tokens: map[string]string{}}
	srv := httptest.NewUnstartedServer(nil)
	base := "http://" + srv.Listener.Addr().String()
	w.sim = asgardeo.New(asgardeo.Options{Root: "rootorg", BaseURL: base, Now: func() time.Time { return start }, Mail: w.mails, Key: testKey()})
	srv.Config.Handler = w.sim
	if wrap != nil {
		srv.Config.Handler = wrap(w.sim)
	}
	srv.Start()
	w.srv = srv
	t.Cleanup(srv.Close)
	w.app = w.sim.AddApplication(asgardeo.App{Name: "Gateway", ClientID: "gateway", ClientSecret: "s3cret/+"})
	w.sim.AddRole("", "admin", w.app.ID, "internal_org_user_mgt_list")
	w.sim.AddRole("", "member", w.app.ID)
	w.acme = w.sim.AddOrganization("Acme", "")
	w.admin, w.member = w.sim.RoleID(w.acme, "admin"), w.sim.RoleID(w.acme, "member")
	return w
}

// answer is a response read to its end.
type answer struct {
	status int
	header http.Header
	raw    string
	json   any
}

// at walks into the JSON by keys and indexes; nil where nothing is.
func (a answer) at(path ...any) any {
	v := a.json
	for _, p := range path {
		switch key := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[key]
		case int:
			list, _ := v.([]any)
			if key >= len(list) {
				return nil
			}
			v = list[key]
		}
	}
	return v
}

func (a answer) text(path ...any) string {
	s, _ := a.at(path...).(string)
	return s
}

func (a answer) len(path ...any) int {
	list, _ := a.at(path...).([]any)
	return len(list)
}

func (w *world) do(method, path, token string, body any, header ...string) answer {
	w.t.Helper()
	var in io.Reader
	kind := ""
	switch b := body.(type) {
	case nil:
	case string:
		in, kind = strings.NewReader(b), "application/json"
	case url.Values:
		in, kind = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			w.t.Fatal(err)
		}
		in, kind = bytes.NewReader(raw), "application/json"
		if strings.Contains(path, "/scim2/") {
			kind = "application/scim+json"
		}
	}
	if !strings.HasPrefix(path, "http") {
		path = w.srv.URL + "/t/rootorg" + path
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, path, in)
	if err != nil {
		w.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := w.srv.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	if json.Unmarshal(raw, &a.json) != nil {
		a.json = nil
	}
	return a
}

func (w *world) want(a answer, status int) answer {
	w.t.Helper()
	if a.status != status {
		w.t.Fatalf("status %d, want %d: %s", a.status, status, a.raw)
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
		w.tokens["root"] = a.text("access_token")
	}
	return w.tokens["root"]
}

// org is a token for an organization with every scope.
func (w *world) org(id string) string {
	w.t.Helper()
	if w.tokens[id] == "" {
		a := w.want(w.switchTo(id, scopeText(w.app.OrganizationScopes)), 200)
		w.tokens[id] = a.text("access_token")
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
