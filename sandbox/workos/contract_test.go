package workos_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"usher/sandbox/workos"
	"usher/sandbox/workos/contract"
)

// notSimulated are operations of the document that the simulator leaves out,
// by a part of their name.
func notSimulated() []string {
	return []string{
		"/user_management/jwt_template", // Quirks.TokenClaims has its effect
		"/user_management/password_reset",
		"/user_management/sessions/logout",
		"/users/{id}/email_change/",
		"/users/{id}/email_verification/",
		"/users/{id}/identities",
	}
}

// TestContract drives every operation with requests that the document allows,
// and holds each request and answer against it.
func TestContract(t *testing.T) {
	t.Parallel()
	v := contract.NewValidator(t)
	w := openWorld(t, v.Middleware)
	driveInvitations(w)
	driveMemberships(w)
	driveUsers(w)
	driveOrganizations(w)
	driveRoles(w)
	driveEvents(w)
	driveRefusals(w)
	for _, operation := range v.Operations() {
		leftOut := slices.ContainsFunc(notSimulated(), func(part string) bool { return strings.Contains(operation, part) })
		if v.Seen(operation) == leftOut {
			t.Errorf("%s: driven %t, left out %t", operation, !leftOut, leftOut)
		}
	}
	if len(v.Unused()) > 0 {
		t.Errorf("exemptions nothing needs: %q", v.Unused())
	}
}

func driveInvitations(w *world) {
	a := w.want(w.send("a@person.example", "expires_in_days", 30, "locale", "en", "role_slug", "admin"), 201)
	w.want(w.send("a@person.example"), 400)
	w.want(w.send("app@person.example", "organization_id", nil), 201)
	one := invitations + "/" + a.Text("id")
	w.get(invitations+"?limit=1&order=asc", 200)
	w.get(one, 200)
	w.get(invitations+"/by_token/"+a.Text("token"), 200)
	w.want(w.do("POST", one+"/resend", object{}), 200)
	w.want(w.do("POST", one+"/accept", nil), 200)
	w.want(w.do("POST", one+"/revoke", nil), 400)
	w.want(w.do("POST", invitations+"/none/revoke", nil), 404)
	b := w.want(w.send("b@person.example"), 201)
	w.want(w.do("POST", invitations+"/"+b.Text("id")+"/revoke", nil), 200)
}

func driveMemberships(w *world) {
	u := w.user("m@person.example")
	a := w.want(w.do("POST", memberships, object{"user_id": u, "organization_id": w.acme}), 201)
	w.want(w.do("POST", memberships, object{"user_id": u, "organization_id": w.acme}), 400)
	w.quirks(func(q *workos.Quirks) { q.DuplicateMembership = "conflict" })
	w.want(w.do("POST", memberships, object{"user_id": u, "organization_id": w.acme}), 409)
	one := memberships + "/" + a.Text("id")
	w.get(memberships+"?organization_id="+w.acme+"&statuses=active,pending", 200)
	w.get(one, 200)
	w.want(w.do("PUT", one, object{"role_slugs": []string{"admin"}}), 200)
	w.want(w.do("PUT", one+"/deactivate", nil), 200)
	w.want(w.do("PUT", one+"/reactivate", nil), 200)
	w.want(w.do("DELETE", one, nil), 200)
	w.get(one, 404)
}

func driveUsers(w *world) {
	id := w.user("u@person.example", "external_id", "u1", "first_name", "U", "password", "long enough!")
	w.want(w.do("POST", users, object{"email": "u@person.example"}), 400)
	w.get(users+"?email=u%40person.example&limit=100", 200)
	w.get(users+"/"+id, 200)
	w.get(users+"/external_id/u1", 200)
	w.want(w.do("PUT", users+"/"+id, object{"name": "U U"}), 200)
	login := w.want(w.login(object{"grant_type": "password", "email": "u@person.example", "password": "long enough!"}), 200)
	w.want(w.login(object{"grant_type": "refresh_token", "refresh_token": login.Text("refresh_token")}), 200)
	w.want(w.login(object{"grant_type": "refresh_token", "refresh_token": login.Text("refresh_token")}), 400)
	sessions := w.get(users+"/"+id+"/sessions", 200)
	w.want(w.do("POST", "/user_management/sessions/revoke", object{"session_id": sessions.Text("data", 0, "id")}), 200)
	w.want(w.do("DELETE", users+"/"+id, nil), 200)
	w.want(w.do("GET", "/sso/jwks/client_world", nil, "Authorization", ""), 200)
	w.want(w.do("GET", "/sso/jwks/client_other", nil, "Authorization", ""), 404)
}

func driveOrganizations(w *world) {
	id := w.want(w.do("POST", organizations, object{"name": "Beta", "external_id": "o1", "metadata": object{"a": "b"}}), 201).Text("id")
	w.get(organizations+"?search=beta", 200)
	w.get(organizations+"/"+id, 200)
	w.get(organizations+"/external_id/o1", 200)
	w.want(w.do("PUT", organizations+"/"+id, object{"name": "Beta 2"}), 200)
	w.get(organizations+"/"+id+"/roles", 200)
	domain := "/organization_domains/" + w.want(w.do("POST", "/organization_domains", object{"domain": "beta.example", "organization_id": id}), 201).Text("id")
	w.get(domain, 200)
	w.want(w.do("POST", domain+"/verify", nil), 201)
	w.want(w.do("DELETE", domain, nil), 204)
	w.want(w.do("DELETE", organizations+"/"+id, nil), 200)
}

func driveRoles(w *world) {
	env, org, permissions := "/authorization/roles", "/authorization/organizations/"+w.acme+"/roles", "/authorization/permissions"
	w.want(w.do("POST", permissions, object{"slug": "p:read", "name": "P"}), 201)
	w.get(permissions, 200)
	w.get(permissions+"/p:read", 200)
	w.want(w.do("PATCH", permissions+"/p:read", object{"name": "P 2"}), 200)
	w.want(w.do("POST", env, object{"slug": "editor", "name": "Editor"}), 201)
	w.want(w.do("POST", org, object{"slug": "org-x", "name": "X"}), 201)
	w.get(env, 200)
	w.get(org, 200)
	for _, one := range []string{env + "/editor", org + "/org-x"} {
		w.get(one, 200)
		w.want(w.do("PATCH", one, object{"name": "Y"}), 200)
		w.want(w.do("PUT", one+"/permissions", object{"permissions": []string{"p:read"}}), 200)
		w.want(w.do("POST", one+"/permissions", object{"slug": "p:read"}), 200)
	}
	w.want(w.do("DELETE", org+"/org-x/permissions/p:read", nil), 200)
	w.want(w.do("DELETE", org+"/org-x", nil), 204)
	w.want(w.do("DELETE", permissions+"/p:read", nil), 204)
}

// driveEvents reads every kind of event that the drives above have caused.
func driveEvents(w *world) {
	names := w.events(0)
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) < 20 {
		w.t.Errorf("only %v", names)
	}
	w.get("/events?limit=100&events="+strings.Join(names, ","), 200)
	const path = "/webhook_endpoints"
	one := path + "/" + w.want(w.do("POST", path, object{"endpoint_url": "https://example.com/a", "events": []string{"user.created"}}), 201).Text("id")
	w.get(path, 200)
	w.want(w.do("PATCH", one, object{"status": "disabled"}), 200)
	w.want(w.do("DELETE", one, nil), 204)
}

func driveRefusals(w *world) {
	w.want(w.do("GET", users, nil, "Authorization", "Bearer nonsense"), http.StatusUnauthorized)
	w.sim.AddKey("sk_test_weak", workos.GroupRoles)
	w.want(w.do("GET", users, nil, "Authorization", "Bearer sk_test_weak"), http.StatusForbidden)
	w.quirks(func(q *workos.Quirks) { q.RateLimits = true })
	for range 60 {
		if w.do("DELETE", organizations+"/org_unknown", nil).Status == http.StatusTooManyRequests {
			return
		}
	}
	w.t.Error("no rate limit")
}
