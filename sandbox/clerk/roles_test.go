package clerk_test

import (
	"strings"
	"testing"
)

func (w *world) roleID(key string) string {
	w.t.Helper()
	return w.get("/v1/organization_roles?query="+key).Text("data", 0, "id")
}

func TestRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	roles := w.get("/v1/organization_roles?order_by=key")
	same(t, "defaults", []any{column(roles.List("data"), "key"), roles.Number("total_count")}, []any{[]string{"org:admin", "org:member"}, 2})
	same(t, "creators", []any{roles.At("data", 0, "is_creator_eligible"), roles.At("data", 1, "is_creator_eligible")}, []any{true, false})
	same(t, "system permissions", len(roles.List("data", 0, "permissions")), 9)
	for _, bad := range []struct {
		body   m
		status int
		code   string
	}{
		{m{"name": "x"}, 422, "form_param_missing"},
		{m{"name": "x", "key": "guest"}, 422, "form_param_format_invalid"},
		{m{"name": "x", "key": "org:Guest"}, 422, "form_param_format_invalid"},
		{m{"name": "x", "key": "org:admin"}, 422, "form_identifier_exists"},
		{m{"name": "x", "key": "org:guest", "permissions": []string{"perm_none"}}, 404, "resource_not_found"},
		{m{"name": "x", "key": "org:guest", "color": "red"}, 422, "form_param_unknown"},
	} {
		w.refused(w.do("POST", "/v1/organization_roles", bad.body), bad.status, bad.code)
	}
	guest := w.post("/v1/organization_roles", m{"name": "Guest", "key": "org:guest", "include_in_initial_role_set": true}).Text("id")
	invited := w.want(w.invite("a@example.com", "role", "org:guest"), 200).Text("id")
	w.post(w.org("/memberships"), m{"user_id": w.outside, "role": "org:guest"})
	path := "/v1/organization_roles/" + guest
	same(t, "renamed", w.want(w.do("PATCH", path, m{"key": "org:visitor", "name": "Visitor"}), 200).Text("name"), "Visitor")
	same(t, "the invitation follows", w.get(w.org("/invitations/"+invited)).Text("role"), "org:visitor")
	w.refused(w.do("PATCH", path, m{"key": "org:member"}), 422, "form_identifier_exists")
	w.refused(w.do("DELETE", path, nil), 422, "organization_role_assigned_members")
	w.want(w.do("PATCH", w.org("/memberships/"+w.outside), m{"role": "org:member"}), 200)
	w.refused(w.do("DELETE", path, nil), 422, "organization_role_exists_in_invitations")
	w.post(w.org("/invitations/"+invited+"/revoke"), nil)
	same(t, "deleted", w.want(w.do("DELETE", path, nil), 200).JSON, m{"object": "role", "id": guest, "deleted": true})
	w.refused(w.do("DELETE", path, nil), 404, "resource_not_found")
	w.refused(w.do("GET", path, nil), 404, "resource_not_found")
	w.refused(w.invite("b@example.com", "role", "org:visitor"), 404, "resource_not_found")
	w.want(w.do("DELETE", w.org("/memberships/"+w.member), nil), 200)
	w.want(w.do("DELETE", w.org("/memberships/"+w.outside), nil), 200)
	w.refused(w.do("DELETE", "/v1/organization_roles/"+w.roleID("org:member"), nil), 422, "organization_role_used_as_default")
	for i := range 10 {
		w.post("/v1/organization_roles", m{"name": "x", "key": "org:r" + strings.Repeat("x", i)})
	}
	w.refused(w.do("POST", "/v1/organization_roles", m{"name": "x", "key": "org:one_more"}), 403, "authorization_invalid")
	w.want(w.do("GET", "/v1/organization_roles?order_by=permissions", nil), 422)
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const path = "/v1/organization_permissions"
	same(t, "system", w.get(path+"?query=sys_").Number("total_count"), 9)
	p := w.post(path, m{"name": "Read", "key": "org:teams:read"})
	same(t, "type", []any{p.At("type"), p.At("description")}, []any{"user", ""})
	id := p.Text("id")
	for _, bad := range []m{{"name": "x", "key": "teams:read"}, {"name": "x", "key": "org:sys_teams:read"}, {"name": "x", "key": "org:teams:read"}, {"name": "x"}, {"name": "x", "key": "org:a:b", "type": "system"}} {
		w.want(w.do("POST", path, bad), 422)
	}
	role := "/v1/organization_roles/" + w.roleID("org:member") + "/permissions/"
	w.post(role+id, nil)
	w.refused(w.do("POST", role+id, nil), 409, "conflict")
	w.refused(w.do("POST", role+"perm_none", nil), 404, "resource_not_found")
	w.refused(w.do("POST", "/v1/organization_roles/none/permissions/"+id, nil), 404, "resource_not_found")
	same(t, "of the member", w.get(w.org("/memberships?user_id=" + w.member)).List("data")[0].(m)["permissions"], []string{"org:sys_memberships:read", "org:sys_billing:read", "org:teams:read"})
	w.want(w.do("DELETE", role+id, nil), 200)
	w.refused(w.do("DELETE", role+id, nil), 404, "resource_not_found")
	w.post(role+id, nil)
	same(t, "key", w.want(w.do("PATCH", path+"/"+id, m{"key": "org:teams:see", "description": "d"}), 200).Text("key"), "org:teams:see")
	w.refused(w.do("PATCH", path+"/"+id, m{"key": "org:sys_a:b"}), 422, "form_param_format_invalid")
	system := w.get(path+"?query=sys_billing:read").Text("data", 0, "id")
	w.refused(w.do("PATCH", path+"/"+system, m{"name": "x"}), 403, "authorization_invalid")
	w.refused(w.do("DELETE", path+"/"+system, nil), 403, "authorization_invalid")
	w.want(w.do("DELETE", path+"/"+id, nil), 200)
	w.refused(w.do("GET", path+"/"+id, nil), 404, "resource_not_found")
	same(t, "no longer the member's", len(w.get(w.org("/memberships?user_id="+w.member)).List("data", 0, "permissions")), 2)
}

// TestRoleSets guards against roles that are there but not for this organization.
func TestRoleSets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	set := w.get("/v1/role_sets/role_set:default")
	same(t, "default", []any{set.At("type"), column(set.List("roles"), "key"), set.At("default_role", "key"), set.At("creator_role", "key"), set.At("roles", 1, "members_count")},
		[]any{"initial", []string{"org:admin", "org:member"}, "org:member", "org:admin", 1})
	w.post("/v1/organization_roles", m{"name": "Guest", "key": "org:guest"})
	good := func(more ...any) m {
		out := m{"name": "With Guests", "roles": []string{"org:admin", "org:guest"}, "default_role_key": "org:guest", "creator_role_key": "org:admin"}
		for i := 0; i+1 < len(more); i += 2 {
			out[more[i].(string)] = more[i+1]
		}
		return out
	}
	for _, bad := range []struct {
		body   m
		status int
		code   string
	}{
		{good("roles", []string{}), 422, "form_param_value_invalid"},
		{good("roles", []string{"org:admin", "org:admin"}), 422, "form_param_duplicate"},
		{good("roles", []string{"org:admin", "org:none"}), 404, "resource_not_found"},
		{good("default_role_key", "org:member"), 422, "form_param_value_invalid"},
		{good("creator_role_key", "org:guest"), 422, "form_param_value_invalid"},
		{good("key", "guests"), 422, "form_param_format_invalid"},
		{good("key", "role_set:default"), 422, "form_identifier_exists"},
		{good("type", "other"), 422, "form_param_value_invalid"},
	} {
		w.refused(w.do("POST", "/v1/role_sets", bad.body), bad.status, bad.code)
	}
	made := w.post("/v1/role_sets", good())
	same(t, "key", made.Text("key"), "role_set:with_guests")
	w.refused(w.do("PATCH", w.org(""), m{"role_set_key": made.Text("key")}), 422, "form_param_value_invalid") // the member's role is not in it
	other := w.post("/v1/organizations", m{"name": "Other", "role_set_key": made.Text("key"), "created_by": w.outside}).Text("id")
	w.refused(w.do("POST", "/v1/organizations/"+other+"/invitations", invitation("a@example.com")), 404, "resource_not_found")
	invited := w.post("/v1/organizations/"+other+"/invitations", invitation("a@example.com", "role", "org:guest")).Text("id")
	path := "/v1/role_sets/" + made.Text("id")
	w.refused(w.do("POST", path+"/roles", m{"role_keys": []string{"org:guest"}}), 422, "form_param_duplicate")
	w.refused(w.do("POST", path+"/roles", m{"role_keys": []string{"org:none"}}), 404, "resource_not_found")
	w.post(path+"/roles", m{"role_keys": []string{"org:member"}, "default_role_key": "org:member"})
	w.refused(w.do("POST", path+"/roles/replace", m{"role_key": "org:none", "to_role_key": "org:member"}), 404, "resource_not_found")
	w.refused(w.do("POST", path+"/roles/replace", m{"role_key": "org:guest", "to_role_key": "org:none"}), 404, "resource_not_found")
	w.refused(w.do("POST", path+"/roles/replace", m{"role_key": "org:admin", "to_role_key": "org:member"}), 422, "form_param_value_invalid")
	w.refused(w.do("POST", path+"/roles/replace", m{"role_key": "org:guest", "to_role_key": "org:guest"}), 422, "form_param_value_invalid")
	w.post(path+"/roles/replace", m{"role_key": "org:guest", "to_role_key": "org:member"})
	same(t, "invited as", w.get("/v1/organizations/"+other+"/invitations/"+invited).Text("role"), "org:member")
	w.want(w.do("PATCH", path, m{"type": "initial", "key": "role_set:first"}), 200)
	same(t, "initial", []any{w.get("/v1/role_sets/role_set:default").Text("type"), w.get("/v1/instance/organization_settings").Text("initial_role_set_key")}, []any{"custom", "role_set:first"})
	w.refused(w.do("PATCH", path, m{"default_role_key": "org:guest"}), 422, "form_param_value_invalid")
	w.refused(w.do("PATCH", path, m{"type": "custom"}), 422, "form_param_value_invalid")

	guests := w.post("/v1/role_sets", good("roles", []string{"org:admin", "org:guest"}, "key", "role_set:guests")).Text("key")
	w.refused(w.do("POST", "/v1/role_sets/role_set:default/replace", m{"dest_role_set_key": "role_set:none"}), 404, "resource_not_found")
	w.refused(w.do("POST", "/v1/role_sets/role_set:default/replace", m{"dest_role_set_key": guests}), 422, "form_param_value_invalid")
	w.refused(w.do("POST", "/v1/role_sets/role_set:default/replace", m{"dest_role_set_key": guests, "reassignment_mappings": m{"org:member": "org:none"}}), 422, "form_param_value_invalid")
	w.post("/v1/role_sets/role_set:default/replace", m{"dest_role_set_key": guests, "reassignment_mappings": m{"org:member": "org:guest"}})
	same(t, "moved", []any{w.get(w.org("")).Text("role_set_key"), w.role(w.member)}, []any{guests, "org:guest"})
	for _, call := range [][2]string{{"GET", ""}, {"PATCH", ""}, {"POST", "/replace"}, {"POST", "/roles"}, {"POST", "/roles/replace"}} {
		body := map[string]m{"": nil, "/replace": {"dest_role_set_key": guests}, "/roles": {"role_keys": []string{"org:guest"}}, "/roles/replace": {"role_key": "a", "to_role_key": "b"}}[call[1]]
		w.refused(w.do(call[0], "/v1/role_sets/role_set:default"+call[1], body), 404, "resource_not_found")
	}
	same(t, "found", column(w.get("/v1/role_sets?query=guest&order_by=key").List("data"), "key"), []string{"role_set:first", guests})
}
