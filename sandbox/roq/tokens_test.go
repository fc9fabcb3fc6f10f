package roq_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/sandbox/roq"
)

func TestServiceAccountToken(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(map[string]any)
		status int
	}{
		{"good", func(map[string]any) {}, 201},
		{"wrong key", func(b map[string]any) { b["apiKey"] = "x" }, 401},
		{"no key", func(b map[string]any) { delete(b, "apiKey") }, 401},
		{"another environment", func(b map[string]any) { b["environmentId"] = "x" }, 401},
		{"another account", func(b map[string]any) { b["email"] = "me@example.com" }, 401},
		{"key of another type", func(b map[string]any) { b["apiKey"] = 5 }, 400},
	}
	w := newWorld(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body := w.accountBody()
			test.change(body)
			a := w.post("/v01/authorize/serviceAccount", body, nil)
			if a.Status != test.status {
				t.Fatalf("%d %s", a.Status, a.Raw)
			}
			if test.status != 201 && (a.Text("message") == "" || a.At("statusCode") != float64(test.status) || a.Text("error") != http.StatusText(test.status)) {
				t.Errorf("refusal: %s", a.Raw)
			}
		})
	}
	if a := w.post("/v01/authorize/serviceAccount", "{", nil); a.Status != 400 {
		t.Errorf("half a body: %d", a.Status)
	}
	if a := w.post("//v01/authorize/serviceAccount", w.accountBody(), nil); a.Status != 404 {
		t.Errorf("a host with a slash at its end: %d", a.Status)
	}
}

func TestUserToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gone := w.sim.AddUser(roq.User{Email: "gone@example.com", Inactive: true})
	ask := func(token, userID string, more ...any) answer {
		body := map[string]any{"environmentId": w.sim.EnvironmentID(), "apiKey": w.sim.APIKey(), "userId": userID}
		for i := 0; i+1 < len(more); i += 2 {
			body[more[i].(string)] = more[i+1]
		}
		return w.post("/v01/authorize", body, http.Header{"roq-platform-authorization": {token}})
	}
	bearer := "Bearer " + w.account()
	tests := []struct {
		name   string
		answer answer
		status int
	}{
		{"good", ask(bearer, w.admin), 201},
		{"seconds", ask(bearer, w.admin, "expiresIn", 60), 201},
		{"with a unit", ask(bearer, w.admin, "expiresIn", "2h"), 201},
		{"log-in", ask(bearer, w.admin, "scope", "openid", "keepLoggedIn", true), 201},
		{"no length of time", ask(bearer, w.admin, "expiresIn", "soon"), 400},
		{"no token", ask("", w.admin), 401},
		{"undefined, as the SDK sends after a refusal", ask("Bearer undefined", w.admin), 401},
		{"another scheme", ask("Basic x", w.admin), 401},
		{"a user's token", ask("Bearer "+w.user(w.admin), w.admin), 403},
		{"wrong key", ask(bearer, w.admin, "apiKey", "x"), 401},
		{"no UUID", ask(bearer, "x"), 400},
		{"nobody", ask(bearer, w.acme), 404},
		{"deactivated", ask(bearer, gone), 401},
	}
	for _, test := range tests {
		if test.answer.Status != test.status {
			t.Errorf("%s: %d %s", test.name, test.answer.Status, test.answer.Raw)
		}
	}
	token := ask(bearer, w.admin, "expiresIn", 60).Text("accessToken")
	w.must(w.as(token, `{isTenantsActive}`, nil))
	w.clock.Advance(61 * time.Second)
	w.refused(w.as(token, `{isTenantsActive}`, nil), 401, "INVALID_TOKEN")
}

// A call without authority must never act: adapters have to notice that their
// credentials are wrong.
func TestGraphQLNeedsBothHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := newWorld(t)
	tests := []struct {
		name   string
		change func(http.Header)
		code   string
	}{
		{"no token", func(h http.Header) { delete(h, "roq-platform-authorization") }, "MISSING_AUTH"},
		{"undefined", func(h http.Header) { h["roq-platform-authorization"] = []string{"Bearer undefined"} }, "INVALID_TOKEN"},
		{"bare token", func(h http.Header) { h["roq-platform-authorization"] = []string{w.account()} }, "INVALID_AUTH_HEADER"},
		{"another environment's token", func(h http.Header) { h["roq-platform-authorization"] = []string{"Bearer " + other.account()} }, "INVALID_TOKEN"},
		{"no credentials", func(h http.Header) { delete(h, "roq-platform-server-authorization") }, "MISSING_AUTH"},
		{"credentials of another scheme", func(h http.Header) { h["roq-platform-server-authorization"] = []string{"Bearer x"} }, "INVALID_AUTH_HEADER"},
		{"wrong key", func(h http.Header) {
			h["roq-platform-server-authorization"] = []string{basic(w.sim.EnvironmentID(), "x")}
		}, "INVALID_CREDENTIALS"},
		{"the standard header instead", func(h http.Header) {
			h["Authorization"] = h["roq-platform-authorization"]
			delete(h, "roq-platform-authorization")
		}, "MISSING_AUTH"},
	}
	body := vars{"query": `mutation($t: TenantCreateDto!){createTenant(tenant:$t){id}}`, "variables": vars{"t": vars{"name": "X"}}}
	for _, test := range tests {
		h := w.headers(w.account())
		test.change(h)
		a := w.refused(w.post("/v01/server/graphql", body, h), 401, test.code)
		if a.Status != 200 || a.Text("errors", 0, "extensions", "code") != "UNAUTHORIZED" || !strings.Contains(a.Raw, `"data":null`) {
			t.Errorf("%s: %d %s", test.name, a.Status, a.Raw)
		}
	}
	if n := len(w.sim.State().Tenants); n != 2 {
		t.Errorf("%d tenants", n)
	}
	w.quirks(func(q *roq.Quirks) { q.AuthAsHTTP = true })
	if a := w.post("/v01/server/graphql", body, nil); a.Status != 401 || a.Text("message") == "" {
		t.Errorf("auth_as_http: %d %s", a.Status, a.Raw)
	}
}

func TestClientEndpointIsForUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ask := func(token, query string, v vars) answer {
		return w.post("/v01/graphql", vars{"query": query, "variables": v}, http.Header{"roq-platform-authorization": {"Bearer " + token}})
	}
	a := w.must(ask(w.user(w.admin), `{users{totalCount}}`, nil))
	if a.At("data", "users", "totalCount") != 2.0 {
		t.Error(a.Raw)
	}
	w.refused(ask(w.account(), `{users{totalCount}}`, nil), 401, "INVALID_TOKEN")
	assign := `mutation($u: ID!){assignRolesToUser(userId:$u, roleKeys:["admin"])}`
	w.refused(ask(w.user(w.admin), assign, vars{"u": w.member}), 403, "FORBIDDEN")
	w.must(w.as(w.user(w.admin), assign, vars{"u": w.member}))
}

func TestTokenQuirks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.quirks(func(q *roq.Quirks) { q.TokenStatus, q.TokenLifeSeconds = 200, 10 })
	a := w.post("/v01/authorize/serviceAccount", w.accountBody(), nil)
	if a.Status != 200 {
		t.Errorf("status %d", a.Status)
	}
	w.must(w.as(a.Text("accessToken"), `{isTenantsActive}`, nil))
	w.clock.Advance(10 * time.Second)
	w.refused(w.as(a.Text("accessToken"), `{isTenantsActive}`, nil), 401, "INVALID_TOKEN")
}
