package workos_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"usher/sandbox/workos"
)

func TestMembershipCreated(t *testing.T) { // FACTS.md sections 2, 6.3 and 7
	t.Parallel()
	w := newWorld(t)
	u := w.user("a@person.example")
	from := len(w.sim.State().Events)
	a := w.want(w.do("POST", memberships, object{"user_id": u, "organization_id": w.acme, "role_slug": "admin"}), 201)
	fields := slices.Sorted(maps.Keys(a.JSON.(object)))
	want := []string{"created_at", "custom_attributes", "directory_managed", "id", "object", "organization_id", "organization_name",
		"role", "roles", "status", "updated_at", "user", "user_id"}
	if !slices.Equal(fields, want) {
		t.Errorf("fields %v", fields)
	}
	if a.Text("status") != "active" || a.Text("role", "slug") != "admin" || a.Text("roles", 0, "slug") != "admin" ||
		a.Text("user", "email") != "a@person.example" || a.Text("organization_name") != "Acme" {
		t.Errorf("membership %s", a.Raw)
	}
	if got := w.events(from); !slices.Equal(got, []string{"organization_membership.created"}) || len(w.mails.All()) != 0 {
		t.Errorf("events %v, %d mails", got, len(w.mails.All()))
	}
	w.refused(w.do("POST", memberships, object{"user_id": u, "organization_id": w.acme}), 400, "user_already_organization_member")
	w.want(w.send("b@person.example"), 201)
	w.refused(w.do("POST", memberships, object{"user_id": w.membershipOf("b@person.example").UserID, "organization_id": w.acme}),
		400, "cannot_reactivate_pending_organization_membership")
	c := w.user("c@person.example")
	for _, test := range []struct {
		body   object
		status int
		code   string
	}{
		{object{"organization_id": w.acme}, 422, "invalid_request_parameters"},
		{object{"user_id": c}, 422, "invalid_request_parameters"},
		{object{"user_id": c, "organization_id": w.acme, "role_slug": "member", "role_slugs": []string{"member"}}, 422, "invalid_request_parameters"},
		{object{"user_id": c, "organization_id": w.acme, "role_slugs": []string{}}, 422, "invalid_request_parameters"},
		{object{"user_id": c, "organization_id": w.acme, "role_slugs": "member"}, 422, "invalid_request_parameters"},
		{object{"user_id": "user_unknown", "organization_id": w.acme}, 404, "entity_not_found"},
		{object{"user_id": c, "organization_id": "org_unknown"}, 404, "entity_not_found"},
		{object{"user_id": c, "organization_id": w.acme, "role_slug": "owner"}, 422, "invalid_role"},
		{object{"user_id": c, "organization_id": w.acme, "role_slugs": []string{"admin", "member"}}, 422, "multiple_roles_not_enabled"},
		{object{"user_id": c, "organization_id": w.acme, "role_slugs": []string{"member"}}, 201, ""},
	} {
		w.refused(w.do("POST", memberships, test.body), test.status, test.code)
	}
}

func TestMembershipDuplicates(t *testing.T) { // FACTS.md section 2: nobody knows the code
	t.Parallel()
	w := newWorld(t)
	body := object{"user_id": w.boss, "organization_id": w.acme}
	for _, code := range []string{"user_already_organization_member", "organization_membership_already_exists", "entity_already_exists"} {
		w.quirks(func(q *workos.Quirks) { q.DuplicateMembership = code })
		w.refused(w.do("POST", memberships, body), 400, code)
	}
	w.quirks(func(q *workos.Quirks) { q.DuplicateMembership = "conflict" })
	w.refused(w.do("POST", memberships, body), 409, "")
}

func TestMembershipListed(t *testing.T) { // FACTS.md sections 2, 7 and 13.2
	t.Parallel()
	w := newWorld(t)
	u := w.user("a@person.example")
	inactive := w.sim.AddMember(w.acme, u, "member")
	w.want(w.do("PUT", memberships+"/"+inactive+"/deactivate", nil), 200)
	w.want(w.send("b@person.example"), 201)
	pending := w.membershipOf("b@person.example").ID
	for query, want := range map[string][]string{
		"?organization_id=" + w.acme:                                           {w.bossIn},
		"?organization_id=" + w.acme + "&statuses=pending":                     {pending},
		"?organization_id=" + w.acme + "&statuses=active,inactive,pending":     {pending, inactive, w.bossIn},
		"?organization_id=" + w.acme + "&statuses=inactive&statuses=active":    {inactive, w.bossIn},
		"?organization_id=" + w.acme + "&statuses=active%2Cinactive&order=asc": {w.bossIn, inactive},
		"?user_id=" + u: {},
		"?user_id=" + u + "&organization_id=" + w.acme + "&statuses=inactive,pending": {inactive},
	} {
		if got := w.get(memberships+query, 200).Column("data", "id"); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	w.refused(w.do("GET", memberships, nil), 400, "missing_user_id_or_organization_id")
	w.refused(w.do("GET", memberships+"?organization_id=org_unknown", nil), 404, "entity_not_found")
	w.refused(w.do("GET", memberships+"?user_id=user_unknown", nil), 404, "entity_not_found")
	w.refused(w.do("GET", memberships+"?user_id="+u+"&statuses=gone", nil), 422, "invalid_request_parameters")
	if got := w.get(memberships+"/"+pending, 200).Text("status"); got != "pending" {
		t.Errorf("status %s", got)
	}
	w.refused(w.do("GET", memberships+"/om_unknown", nil), 404, "entity_not_found")
}

func TestMembershipChanged(t *testing.T) { // FACTS.md section 7
	t.Parallel()
	w := newWorld(t)
	u := w.user("a@person.example")
	id := w.sim.AddMember(w.acme, u, "admin")
	path := memberships + "/" + id
	w.advance(time.Hour)
	from := len(w.sim.State().Events)
	steps := []struct {
		method, path string
		body         any
		status       int
		code         string
		wantStatus   string
		wantRole     string
		event        bool
	}{
		{"PUT", path, object{"role_slug": "member"}, 200, "", "active", "member", true},
		{"PUT", path, object{}, 200, "", "active", "member", false},
		{"PUT", path, object{"role_slug": "none"}, 422, "invalid_role", "active", "member", false},
		{"PUT", path + "/reactivate", object{}, 200, "", "active", "member", false},
		{"PUT", path + "/deactivate", object{}, 200, "", "inactive", "member", true},
		{"PUT", path + "/deactivate", object{}, 200, "", "inactive", "member", false},
		{"PUT", path + "/reactivate", nil, 200, "", "active", "member", true},
		{"PUT", path + "/deactivate", nil, 200, "", "inactive", "member", true},
		{"POST", memberships, object{"user_id": u, "organization_id": w.acme, "role_slug": "admin"}, 201, "", "active", "admin", true},
	}
	for n, step := range steps {
		w.refused(w.do(step.method, step.path, step.body), step.status, step.code)
		a := w.get(path, 200)
		if a.Text("status") != step.wantStatus || a.Text("role", "slug") != step.wantRole {
			t.Errorf("step %d: %s", n, a.Raw)
		}
		if got := w.events(from); (len(got) > 0) != step.event || step.event && got[0] != "organization_membership.updated" {
			t.Errorf("step %d: events %v", n, got)
		}
		from = len(w.sim.State().Events)
	}
	w.want(w.send("b@person.example"), 201)
	pending := memberships + "/" + w.membershipOf("b@person.example").ID
	w.refused(w.do("PUT", pending+"/deactivate", object{}), 400, "cannot_deactivate_pending_organization_membership")
	w.refused(w.do("PUT", pending+"/reactivate", object{}), 400, "cannot_reactivate_pending_organization_membership")
	// Nothing protects the last administrator.
	for _, gone := range []string{id, w.bossIn} {
		a := w.want(w.do("DELETE", memberships+"/"+gone, nil), 200)
		if a.Raw != "" {
			t.Errorf("deletion answers %q", a.Raw)
		}
		w.refused(w.do("DELETE", memberships+"/"+gone, nil), 404, "entity_not_found")
	}
	for _, what := range []string{"", "/deactivate", "/reactivate"} {
		w.refused(w.do("PUT", memberships+"/om_unknown"+what, object{}), 404, "entity_not_found")
	}
}

func TestSeveralRoles(t *testing.T) { // FACTS.md section 9
	t.Parallel()
	w := newWorld(t)
	w.quirks(func(q *workos.Quirks) { q.MultipleRoles = true })
	w.sim.AddRole(w.acme, "org-auditor", "Auditor")
	a := w.want(w.do("PUT", memberships+"/"+w.bossIn, object{"role_slugs": []string{"org-auditor", "member", "admin", "member"}}), 200)
	got := []string{a.Text("roles", 0, "slug"), a.Text("roles", 1, "slug"), a.Text("roles", 2, "slug")}
	if !slices.Equal(got, []string{"admin", "member", "org-auditor"}) || a.Text("role", "slug") != "admin" || a.At("roles", 3) != nil {
		t.Errorf("roles %s", a.Raw)
	}
	w.want(w.do("POST", "/authorization/roles", object{"slug": "doc", "name": "Doc", "resource_type_slug": "document"}), 201)
	b := w.do("PUT", memberships+"/"+w.bossIn, object{"role_slug": "doc"})
	w.refused(b, 422, "sub_resource_scoped_role_not_allowed")
	if b.Text("role_slug") != "doc" {
		t.Errorf("refused %s", b.Raw)
	}
}
