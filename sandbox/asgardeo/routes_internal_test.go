package asgardeo

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestDenyByDefault walks the whole table: no token, a strange one and one
// without scopes are refused everywhere, in the envelope of the path.
func TestDenyByDefault(t *testing.T) { // FACTS.md sections 1.3 and 11
	t.Parallel()
	s := New(Options{Root: "rootorg", BaseURL: "http://vendor"})
	a := s.AddApplication(App{Name: "App"})
	acme := s.AddOrganization("Acme", "")
	user := s.AddUser(Person{Email: "a@example.com"})
	other := New(Options{Root: "otherorg", BaseURL: "http://vendor"})
	otherApp := other.AddApplication(App{Name: "App"})
	foreign := other.UserToken(other.AddUser(Person{Email: "a@example.com"}), otherApp.ClientID, a.Scopes...)
	issue := func(org string, scopes ...string) string {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.issue(s.apps[0], &token{org: org, scopes: scopes}, "").value
	}
	weak := map[bool]string{false: issue(s.rootID), true: issue(acme)}
	full := issue(acme, a.OrganizationScopes...)
	ask := func(method, path, token string) (int, string) {
		r := httptest.NewRequest(method, "/t/rootorg"+path, strings.NewReader("{}"))
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	for _, rt := range s.routes {
		for _, org := range []bool{false, true} {
			if rt.public || org && rt.where == onlyRoot {
				continue
			}
			prefix, scope := "", rt.root
			if org {
				prefix, scope = "/o", rt.org
			}
			path := prefix + strings.NewReplacer("{id}", user, "{app}", "x", "{shared}", "x", "{unit}", "x").Replace(rt.pattern)
			name := rt.method + " " + path
			scim := strings.HasPrefix(path, "/scim2")
			for _, token := range []string{"", "nonsense", foreign} {
				code, body := ask(rt.method, path, token)
				if code != http.StatusUnauthorized {
					t.Errorf("%s with token %q: %d", name, token, code)
				}
				if strings.Contains(body, `"status":401`) != scim || strings.Contains(body, `"code":401`) == scim {
					t.Errorf("%s: wrong envelope %s", name, body)
				}
			}
			if scope == "" && !rt.user {
				continue
			}
			if code, _ := ask(rt.method, path, weak[org]); code != http.StatusForbidden {
				t.Errorf("%s without scope: %d", name, code)
			}
			if !org && !rt.user {
				if code, _ := ask(rt.method, path, full); code != http.StatusForbidden {
					t.Errorf("%s with an organization's token: %d", name, code)
				}
			}
			if org {
				if code, _ := ask(rt.method, strings.Replace(path, "/o/", "/o/"+s.rootID+"/", 1), full); code != http.StatusForbidden {
					t.Errorf("%s below another organization's id: %d", name, code)
				}
				if code, _ := ask(rt.method, strings.Replace(path, "/o/", "/o/"+acme+"/", 1), full); code == http.StatusForbidden || code == http.StatusUnauthorized {
					t.Errorf("%s below its own id: %d", name, code)
				}
			}
		}
	}
	if n := len(s.State().Users); n != 1 {
		t.Errorf("%d users after refused calls", n)
	}
}

func TestScopesOfFacts(t *testing.T) { // FACTS.md section 1.3
	t.Parallel()
	s := New(Options{})
	want := map[string][2]string{
		"GET /scim2/Users":                                 {"internal_user_mgt_list", "internal_org_user_mgt_list"},
		"POST /scim2/Users/.search":                        {"internal_user_mgt_list", "internal_org_user_mgt_list"},
		"GET /scim2/Users/{id}":                            {"internal_user_mgt_view", "internal_org_user_mgt_view"},
		"POST /scim2/Users":                                {"internal_user_mgt_create", "internal_org_user_mgt_create"},
		"PATCH /scim2/Users/{id}":                          {"internal_user_mgt_update", "internal_org_user_mgt_update"},
		"DELETE /scim2/Users/{id}":                         {"internal_user_mgt_delete", "internal_org_user_mgt_delete"},
		"POST /scim2/Bulk":                                 {"internal_bulk_mgt_create", "internal_org_bulk_resource_create"},
		"GET /scim2/v2/Roles":                              {"internal_role_mgt_view", "internal_org_role_mgt_view"},
		"PATCH /scim2/v2/Roles/{id}":                       {"internal_role_mgt_update", "internal_org_role_mgt_update"},
		"PATCH /scim2/v3/Roles/{id}/Users":                 {"internal_role_mgt_users_update", "internal_org_role_mgt_users_update"},
		"GET /api/server/v1/applications":                  {"internal_application_mgt_view", "internal_org_application_mgt_view"},
		"GET /api/server/v1/organizations":                 {"internal_organization_view", "internal_org_organization_view"},
		"POST /api/server/v1/organizations":                {"internal_organization_create", "internal_org_organization_create"},
		"POST /api/server/v1/guests/invite":                {"", "internal_org_guest_mgt_invite_add"},
		"GET /api/server/v1/guests/invitations":            {"", "internal_org_guest_mgt_invite_list"},
		"POST /api/server/v1/guests/invitation/introspect": {"", "internal_org_guest_mgt_invite_list"},
		"DELETE /api/server/v1/guests/invitations/{id}":    {"", "internal_org_guest_mgt_invite_delete"},
		"POST /api/server/v2/users/share":                  {"internal_user_share", "internal_org_user_share"},
		"POST /api/server/v2/users/unshare":                {"internal_user_unshare", "internal_org_user_unshare"},
		"GET /api/server/v2/users/{id}/share":              {"internal_user_shared_access_view", "internal_org_user_shared_access_view"},
		"PATCH /api/server/v2/users/share":                 {"internal_user_shared_access_update", "internal_org_user_shared_access_update"},
		"GET /api/server/v1/async-operations":              {"internal_async_operation_status_view", "internal_org_async_operation_status_view"},
		"POST /api/users/v1/offline-invite-link":           {"internal_offline_invite", "internal_org_offline_invite"},
	}
	got := map[string][2]string{}
	for _, rt := range s.routes {
		got[rt.method+" "+rt.pattern] = [2]string{rt.root, rt.org}
	}
	for name, scopes := range want {
		g := got[name]
		if strings.Contains(name, "/guests/") {
			g[0] = ""
		}
		if g != scopes {
			t.Errorf("%s: %v, want %v", name, g, scopes)
		}
	}
	for _, rt := range s.routes {
		if rt.public && strings.Contains(rt.pattern, "/accept") {
			return
		}
	}
	t.Error("accept is not public")
}
