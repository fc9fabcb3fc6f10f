package workos_test

import (
	"slices"
	"testing"
	"time"

	"usher/sandbox/workos"
)

const organizations = "/organizations"

func TestOrganizations(t *testing.T) { // FACTS.md sections 2 and 9
	t.Parallel()
	w := newWorld(t)
	a := w.want(w.do("POST", organizations, object{"name": "Acme", "external_id": "tenant 1", "metadata": object{"plan": "a"},
		"domain_data": []any{object{"domain": "Acme.example", "state": "verified"}, object{"domain": "new.example", "state": "pending"}}}), 201)
	id := a.Text("id")
	if a.Text("domains", 0, "domain") != "acme.example" || a.Text("domains", 0, "state") != "verified" || a.Text("domains", 1, "verification_token") == "" {
		t.Errorf("organization %s", a.Raw)
	}
	for _, path := range []string{"/" + id, "/external_id/tenant%201"} {
		if got := w.get(organizations+path, 200).Raw; got != a.Raw {
			t.Errorf("%s: %s", path, got)
		}
	}
	for query, want := range map[string][]string{
		"":                                    {id, w.acme},
		"?search=ACM":                         {id, w.acme},
		"?search=beta":                        {},
		"?domains=other.example,acme.example": {id},
		"?domains=other.example":              {},
	} {
		if got := w.get(organizations+query, 200).Column("data", "id"); !slices.Equal(got, want) {
			t.Errorf("%s: %v", query, got)
		}
	}
	for _, test := range []struct {
		method, path string
		body         any
		status       int
		code         string
	}{
		{"POST", "", object{}, 422, "invalid_request_parameters"},
		{"POST", "", object{"name": ""}, 422, "invalid_request_parameters"},
		{"POST", "", object{"name": "B", "domain_data": []any{object{"domain": "b.example"}}}, 422, "invalid_request_parameters"},
		{"POST", "", object{"name": "B", "metadata": object{"k": 1}}, 400, "invalid_metadata"},
		{"POST", "", object{"name": "B", "external_id": "tenant 1"}, 400, "external_id_already_used"},
		{"POST", "", object{"name": "B", "domains": []string{"acme.example"}}, 409, ""},
		{"PUT", "/" + id, object{"stripe_customer_id": "cus_1", "name": "Acme 2"}, 200, ""},
		{"PUT", "/" + w.acme, object{"stripe_customer_id": "cus_1"}, 400, "stripe_customer_id_already_used"},
		{"PUT", "/" + w.acme, object{"external_id": "tenant 1"}, 400, "external_id_already_used"},
		{"PUT", "/" + w.acme, object{"domain_data": []any{object{"domain": "acme.example", "state": "pending"}}}, 409, ""},
		{"PUT", "/" + id, object{"external_id": nil, "metadata": nil, "domain_data": []any{}}, 200, ""},
		{"PUT", "/org_unknown", object{}, 404, "entity_not_found"},
		{"GET", "/org_unknown", nil, 404, "entity_not_found"},
		{"GET", "/external_id/tenant%201", nil, 404, "entity_not_found"},
		{"DELETE", "/org_unknown", nil, 404, "entity_not_found"},
	} {
		w.refused(w.do(test.method, organizations+test.path, test.body), test.status, test.code)
	}
	if got := w.get(organizations+"/"+id, 200); got.Text("name") != "Acme 2" || got.Text("stripe_customer_id") != "cus_1" || got.At("domains", 0) != nil {
		t.Errorf("organization %s", got.Raw)
	}
}

func TestOrganizationDeleted(t *testing.T) { // FACTS.md section 9
	t.Parallel()
	w := newWorld(t)
	w.want(w.send("a@person.example"), 201)
	w.quirks(func(q *workos.Quirks) { q.OrganizationDeletionLagMS = 1000 })
	w.want(w.do("DELETE", organizations+"/"+w.acme, nil), 202)
	w.refused(w.do("GET", organizations+"/"+w.acme, nil), 404, "entity_not_found")
	if got := w.get(organizations, 200).Column("data", "id"); len(got) != 0 {
		t.Errorf("still listed: %v", got)
	}
	w.refused(w.do("GET", memberships+"/"+w.bossIn, nil), 404, "entity_not_found")
	if n := len(w.sim.State().Memberships); n != 2 {
		t.Errorf("%d memberships at once", n)
	}
	w.advance(time.Second)
	s := w.sim.State()
	if len(s.Organizations) != 0 || len(s.Memberships) != 0 || len(s.Invitations) != 0 || len(s.Users) != 2 {
		t.Errorf("what is left: %+v", s)
	}
	w.quirks(func(q *workos.Quirks) { q.OrganizationDeletionLagMS = 0 })
	w.want(w.do("DELETE", organizations+"/"+w.sim.AddOrganization("Beta"), nil), 200)
}

func TestDomains(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const domains = "/organization_domains"
	a := w.want(w.do("POST", domains, object{"domain": "acme.example", "organization_id": w.acme}), 201)
	path := domains + "/" + a.Text("id")
	if a.Text("state") != "pending" || w.get(path, 200).Raw != a.Raw {
		t.Errorf("domain %s", a.Raw)
	}
	w.refused(w.do("POST", domains, object{"domain": "acme.example", "organization_id": w.acme}), 409, "domain_already_exists")
	if got := w.want(w.do("POST", path+"/verify", nil), 201).Text("state"); got != "verified" {
		t.Errorf("state %s", got)
	}
	w.refused(w.do("POST", path+"/verify", nil), 400, "domain_already_verified")
	w.want(w.do("DELETE", path, nil), 204)
	w.refused(w.do("GET", path, nil), 404, "entity_not_found")
	w.refused(w.do("DELETE", path, nil), 404, "entity_not_found")
}

func TestRoles(t *testing.T) { // FACTS.md sections 2 and 9
	t.Parallel()
	w := newWorld(t)
	env, org := "/authorization/roles", "/authorization/organizations/"+w.acme+"/roles"
	permissions := "/authorization/permissions"
	w.want(w.do("POST", permissions, object{"slug": "posts:read", "name": "Read"}), 201)
	a := w.want(w.do("POST", env, object{"slug": "editor", "name": "Editor", "description": "x"}), 201)
	if a.Text("type") != "EnvironmentRole" || a.Text("resource_type_slug") != "organization" || a.At("permissions") == nil {
		t.Errorf("role %s", a.Raw)
	}
	b := w.want(w.do("POST", org, object{"slug": "org-auditor", "name": "Auditor"}), 201)
	c := w.want(w.do("POST", org, object{"name": "Nameless One"}), 201)
	if b.Text("type") != "OrganizationRole" || c.Text("slug")[:17] != "org-nameless-one-" {
		t.Errorf("roles %s %s", b.Raw, c.Raw)
	}
	want := []string{"admin", "member", "editor"}
	if got := w.get(env, 200); !slices.Equal(got.Column("data", "slug"), want) || got.Has("list_metadata") {
		t.Errorf("environment roles %s", got.Raw)
	}
	want = append(want, "org-auditor", c.Text("slug"))
	for _, path := range []string{org, organizations + "/" + w.acme + "/roles"} {
		if got := w.get(path, 200).Column("data", "slug"); !slices.Equal(got, want) {
			t.Errorf("%s: %v", path, got)
		}
	}
	for _, test := range []struct {
		method, path string
		body         any
		status       int
		code         string
	}{
		{"GET", env + "/editor", nil, 200, ""},
		{"GET", env + "/org-auditor", nil, 404, "entity_not_found"},
		{"GET", org + "/editor", nil, 200, ""},
		{"GET", org + "/org-auditor", nil, 200, ""},
		{"GET", "/authorization/organizations/org_unknown/roles", nil, 404, "entity_not_found"},
		{"POST", env, object{"slug": "editor", "name": "E"}, 409, "role_slug_conflict"},
		{"POST", env, object{"name": "E"}, 422, "invalid_request_parameters"},
		{"POST", env, object{"slug": "No Good", "name": "E"}, 422, "invalid_request_parameters"},
		{"POST", org, object{"slug": "org-auditor", "name": "A"}, 409, "organization_role_slug_conflict"},
		{"POST", org, object{"slug": "auditor", "name": "A"}, 422, "invalid_request_parameters"},
		{"POST", "/authorization/organizations/org_unknown/roles", object{"name": "A"}, 404, "entity_not_found"},
		{"PATCH", env + "/editor", object{"name": "Editor 2", "description": nil}, 200, ""},
		{"PATCH", env + "/none", object{}, 404, "entity_not_found"},
		{"PATCH", org + "/org-auditor", object{"name": "Auditor 2"}, 200, ""},
		{"PATCH", org + "/editor", object{"name": "x"}, 400, "bad_request"},
		{"DELETE", org + "/editor", nil, 400, "bad_request"},
		{"PUT", env + "/editor/permissions", object{"permissions": []string{"posts:read"}}, 200, ""},
		{"PUT", env + "/editor/permissions", object{"permissions": []string{"none"}}, 404, "entity_not_found"},
		{"PUT", env + "/editor/permissions", object{}, 422, "invalid_request_parameters"},
		{"POST", env + "/editor/permissions", object{"slug": "posts:read"}, 200, ""},
		{"POST", org + "/org-auditor/permissions", object{"slug": "posts:read"}, 200, ""},
		{"PUT", org + "/org-auditor/permissions", object{"permissions": []string{"posts:read"}}, 200, ""},
		{"DELETE", org + "/org-auditor/permissions/posts:read", nil, 200, ""},
		{"DELETE", org + "/org-auditor/permissions/posts:read", nil, 404, "entity_not_found"},
		{"POST", permissions, object{"slug": "posts:read", "name": "Read"}, 409, "permission_slug_conflict"},
		{"POST", permissions, object{"slug": "Posts", "name": "Read"}, 422, "invalid_request_parameters"},
		{"GET", permissions + "/posts:read", nil, 200, ""},
		{"PATCH", permissions + "/posts:read", object{"name": "Read all"}, 200, ""},
		{"GET", permissions, nil, 200, ""},
		{"DELETE", permissions + "/posts:read", nil, 204, ""},
		{"GET", permissions + "/posts:read", nil, 404, "entity_not_found"},
		{"PATCH", permissions + "/posts:read", object{}, 404, "entity_not_found"},
		{"DELETE", permissions + "/posts:read", nil, 404, "entity_not_found"},
	} {
		a := w.do(test.method, test.path, test.body)
		if a.Status != test.status || a.Text("code") != test.code {
			t.Errorf("%s %s: %d %s, want %d %q", test.method, test.path, a.Status, a.Raw, test.status, test.code)
		}
	}
	if got := w.get(env+"/editor", 200); got.Text("name") != "Editor 2" || got.At("permissions", 0) != nil {
		t.Errorf("role %s", got.Raw)
	}
	w.want(w.do("PUT", memberships+"/"+w.bossIn, object{"role_slug": "org-auditor"}), 200)
	w.refused(w.do("DELETE", org+"/org-auditor", nil), 409, "role_has_assignments")
	w.want(w.do("PUT", memberships+"/"+w.bossIn, object{"role_slug": "admin"}), 200)
	w.want(w.do("DELETE", org+"/org-auditor", nil), 204)
	w.refused(w.do("GET", org+"/org-auditor", nil), 404, "entity_not_found")
	w.quirks(func(q *workos.Quirks) { q.OldRolesPath = false })
	w.want(w.do("GET", organizations+"/"+w.acme+"/roles", nil), 404)
}
