package clerk_test

import (
	"net/url"
	"strings"
	"testing"

	"usher/internal/contracttest"
	"usher/sandbox/clerk"
	"usher/sandbox/clerk/contract"
)

// notSimulated are operations of the document that the simulator leaves out,
// by a part of their name; doc.go lists them.
func notSimulated() []string {
	return []string{
		"/domains", "/organization_domains", "directories", "/machines", "/webhooks", "/m2m_tokens", "/api_keys", "/oauth_applications",
		"/sign_in_tokens", "/testing_tokens", "/refresh", "/tokens/{template_name}", "/instance/restrictions",
	}
}

// TestContract drives every operation to a good answer; requests and answers
// are held against the document by the world.
func TestContract(t *testing.T) {
	t.Parallel()
	contracttest.Dir(t, "clerk") // skips where it is absent
	w := newWorld(t, nil)
	driveUsers(w)
	driveOrganizations(w)
	driveInvitations(w)
	driveRoles(w)
	driveSessions(w)
	for _, operation := range w.validator.Operations() {
		left := false
		for _, part := range notSimulated() {
			left = left || strings.Contains(operation, part)
		}
		if left == w.validator.Seen(operation) {
			t.Errorf("%s: driven %v", operation, !left)
		}
	}
}

func driveUsers(w *world) {
	u := w.post("/v1/users", m{"email_address": []string{"New@Example.com"}, "first_name": "N", "skip_password_requirement": true, "external_id": "x1", "created_at": "2020-01-02T03:04:05Z"})
	id := u.Text("id")
	w.get("/v1/users?limit=2&order_by=-created_at")
	w.get("/v1/users/count?query=new")
	w.get("/v1/users/" + id)
	w.want(w.do("PATCH", "/v1/users/"+id, m{"last_name": "User", "password": "a-good-password"}), 200)
	w.post("/v1/users/"+id+"/verify_password", m{"password": "a-good-password"})
	for _, deed := range []string{"ban", "unban", "lock", "unlock"} {
		w.post("/v1/users/"+id+"/"+deed, nil)
	}
	w.post("/v1/users/ban", m{"user_ids": []string{id}})
	w.post("/v1/users/unban", m{"user_ids": []string{id}})
	w.want(w.do("PATCH", "/v1/users/"+id+"/metadata", m{"public_metadata": m{"a": 1}}), 200)
	w.want(w.do("PUT", "/v1/users/"+id+"/metadata", m{"private_metadata": m{"b": 2}}), 200)
	e := w.post("/v1/email_addresses", m{"user_id": id, "email_address": "second@example.com", "verified": true}).Text("id")
	w.get("/v1/email_addresses/" + e)
	w.want(w.do("PATCH", "/v1/email_addresses/"+e, m{"primary": true}), 200)
	w.want(w.do("DELETE", "/v1/email_addresses/"+e, nil), 200)
	w.want(w.do("PUT", "/v1/users/"+id+"/email_address", m{"email_address": "third@example.com"}), 200)
	w.get("/v1/users/" + id + "/organization_memberships")
	w.get("/v1/users/" + id + "/organization_invitations")
	w.want(w.do("DELETE", "/v1/users/"+id, nil), 200)
}

func driveOrganizations(w *world) {
	id := w.post("/v1/organizations", m{"name": "Beta", "created_by": w.outside, "public_metadata": m{"a": m{"b": 1}}}).Text("id")
	w.get("/v1/organizations?include_members_count=true&include_missing_member_with_elevated_permissions=true")
	w.get("/v1/organizations/" + id)
	w.want(w.do("PATCH", "/v1/organizations/"+id, m{"name": "Beta 2", "max_allowed_memberships": 0}), 200)
	w.want(w.do("PATCH", "/v1/organizations/"+id+"/metadata", m{"public_metadata": m{"c": 2}}), 200)
	w.want(w.do("PUT", "/v1/organizations/"+id+"/metadata", m{"private_metadata": m{"d": 3}}), 200)
	w.post("/v1/organizations/"+id+"/memberships", m{"user_id": w.member, "role": "org:member"})
	w.get("/v1/organizations/" + id + "/memberships")
	w.get("/v1/organization_memberships")
	w.want(w.do("PATCH", "/v1/organizations/"+id+"/memberships/"+w.member, m{"role": "org:admin"}), 200)
	w.want(w.do("PATCH", "/v1/organizations/"+id+"/memberships/"+w.member+"/metadata", m{"public_metadata": m{"x": 1}}), 200)
	w.want(w.do("DELETE", "/v1/organizations/"+id+"/memberships/"+w.member, nil), 200)
	w.want(w.do("DELETE", "/v1/organizations/"+id, nil), 200)
	w.get("/v1/instance/organization_settings")
	w.want(w.do("PATCH", "/v1/instance/organization_settings", m{"max_allowed_memberships": 7}), 200)
}

func driveInvitations(w *world) {
	id := w.want(w.invite("a@example.com", "inviter_user_id", w.admin), 200).Text("id")
	w.get(w.org("/invitations/" + id))
	w.get(w.org("/invitations?status=pending&email_address=a%40example.com"))
	w.get(w.org("/invitations/pending"))
	w.get("/v1/organization_invitations?query=example&order_by=%2Bemail_address")
	w.post(w.org("/invitations/"+id+"/revoke"), m{"requesting_user_id": w.admin})
	w.post(w.org("/invitations/bulk"), []m{invitation("b@example.com"), invitation("c@example.com")})
	app := w.post("/v1/invitations", m{"email_address": "d@example.com", "template_slug": "waitlist_invitation"}).Text("id")
	w.post("/v1/invitations/bulk", []m{{"email_address": "e@example.com"}})
	w.get("/v1/invitations")
	w.get("/v1/invitations?paginated=true")
	w.post("/v1/invitations/"+app+"/revoke", nil)
}

func driveRoles(w *world) {
	p := w.post("/v1/organization_permissions", m{"name": "Read teams", "key": "org:teams:read", "description": "May read"}).Text("id")
	w.get("/v1/organization_permissions")
	w.get("/v1/organization_permissions/" + p)
	w.want(w.do("PATCH", "/v1/organization_permissions/"+p, m{"name": "Read all teams"}), 200)
	r := w.post("/v1/organization_roles", m{"name": "Guest", "key": "org:guest", "permissions": []string{p}}).Text("id")
	w.get("/v1/organization_roles")
	w.get("/v1/organization_roles/" + r)
	w.want(w.do("PATCH", "/v1/organization_roles/"+r, m{"description": "A guest"}), 200)
	w.want(w.do("DELETE", "/v1/organization_roles/"+r+"/permissions/"+p, nil), 200)
	w.post("/v1/organization_roles/"+r+"/permissions/"+p, nil)
	set := w.post("/v1/role_sets", m{"name": "Small", "roles": []string{"org:admin", "org:member"}, "default_role_key": "org:member", "creator_role_key": "org:admin"}).Text("key")
	w.get("/v1/role_sets")
	w.get("/v1/role_sets/" + url.PathEscape(set))
	w.want(w.do("PATCH", "/v1/role_sets/"+set, m{"name": "Smaller"}), 200)
	w.post("/v1/role_sets/"+set+"/roles", m{"role_keys": []string{"org:guest"}})
	w.post("/v1/role_sets/"+set+"/roles/replace", m{"role_key": "org:guest", "to_role_key": "org:member"})
	w.post("/v1/role_sets/"+set+"/replace", m{"dest_role_set_key": "role_set:default"})
	w.want(w.do("DELETE", "/v1/organization_roles/"+r, nil), 200)
	w.want(w.do("DELETE", "/v1/organization_permissions/"+p, nil), 200)
}

func driveSessions(w *world) {
	id := w.post("/v1/sessions", m{"user_id": w.admin, "active_organization_id": w.acme}).Text("id")
	w.get("/v1/sessions?user_id=" + w.admin)
	w.get("/v1/sessions?paginated=true&user_id=" + w.admin)
	w.get("/v1/sessions/" + id)
	w.post("/v1/sessions/"+id+"/tokens", m{"expires_in_seconds": 90})
	w.post("/v1/sessions/"+id+"/revoke", nil)
	w.get("/v1/jwks")
}

// TestExemptionsAreNeeded guards against exemptions that hide what nobody
// meant to exempt: each must let something through.
func TestExemptionsAreNeeded(t *testing.T) {
	t.Parallel()
	contracttest.Dir(t, "clerk")
	w := newWorld(t, nil)
	w.want(w.do("GET", "/v1/jwks", nil, "Authorization", ""), 401)
	w.want(w.do("GET", "/v1/users/count", nil, "Clerk-API-Version", "1999-01-01"), 400)
	w.want(w.do("POST", "/v1/users/none/ban", nil), 404)
	w.want(w.do("POST", "/v1/organization_permissions", `{"name":"`+strings.Repeat("x", 1<<20)+`","key":"k"}`), 413)
	w.want(w.do("POST", "/v1/organization_permissions", "a=b", "Content-Type", "text/plain"), 415)
	w.want(w.do("POST", "/v1/sessions/none/tokens", m{"expires_in_seconds": 1}), 422)
	w.sim.ManageByDirectory(w.acme, w.member)
	w.want(w.do("PATCH", w.org("/memberships/"+w.member), m{"role": "org:admin"}), 409)
	w.get("/v1/invitations?paginated=true")
	w.want(w.do("PUT", w.org("/metadata"), m{"public_metadata": nil}), 200)
	w.want(w.do("PATCH", "/v1/instance/organization_settings", m{"enabled": false}), 200)
	w.want(w.do("GET", w.org("/memberships"), nil), 403)
	w.quirks(func(q *clerk.Quirks) { q.RateLimits = true })
	for range 101 {
		w.do("GET", "/v1/users/count", nil)
	}
	w.want(w.do("GET", "/v1/users/count", nil), 429)
	if unused := w.validator.Unused(); len(unused) > 0 {
		t.Errorf("exemptions nothing needs: %q", unused)
	}
	if len(contract.Spec().Known) == 0 {
		t.Error("no exemptions at all")
	}
}
