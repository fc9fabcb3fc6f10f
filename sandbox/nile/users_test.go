package nile_test

import (
	"net/http"
	"strings"

	"usher/sandbox/nile"
)

const (
	unknownID = "01973000-0000-7000-8000-000000000000"
	badUUID   = `An error has occurred: invalid input syntax for type uuid: "not-a-uuid"`
)

// signUps are open: anybody becomes a user, and a member of any tenant.
func signUps(w *world) {
	p := w.visitor()
	w.wantText(w.do("POST", "/signup", nobody(), map[string]string{"email": "a@example.com", "password": password}), 400, "Request blocked")
	a := w.want(w.do("POST", "/signup?newTenantName=New", p, map[string]string{"email": "a@example.com", "password": password, "name": "A"}), 200)
	me := w.want(w.do("GET", "/me", who{session: a.Cookie("nile.session-token")}, nil), 200)
	if me.Text("tenants", 0) == "" || me.Text("tenants", 0) != a.Text("tenants", 0) || me.Text("name") != "A" {
		w.t.Errorf("%s", me.Raw)
	}
	w.want(w.do("POST", "/users?tenantId="+w.acme, nobody(), map[string]string{"email": "b@example.com", "password": password}), 201)
	if a := w.want(w.do("GET", "/tenants/"+w.acme+"/users", w.signIn("b@example.com"), nil), 200); a.Len() != 2 {
		w.t.Errorf("members %s", a.Raw)
	}
	for _, test := range []struct {
		path, body string
		status     int
		message    string
	}{
		{"/users", `{"email":"a@example.com","password":"x"}`, 400, "The user a@example.com already exists"},
		{"/signup", `{"email":"a@example.com","password":"x"}`, 400, "The user a@example.com already exists"},
		{"/users", `{"email":"nope","password":"x"}`, 400, "Invalid email address"},
		{"/users?tenantId=not-a-uuid", `{"email":"e@example.com","password":"x"}`, 400, badUUID},
		{"/users?tenantId=" + unknownID, `{"email":"f@example.com","password":"x"}`, 400,
			`An error has occurred: insert or update on table "tenant_users" violates foreign key constraint "tenant_users_tenant_id_fkey"`},
	} {
		w.wantText(w.do("POST", test.path, p, test.body), test.status, test.message)
	}
	// What failed at the tenant left the user.
	w.wantText(w.do("POST", "/users", nobody(), `{"email":"e@example.com","password":"x"}`), 400, "The user e@example.com already exists")
	// Case makes another user; an apostrophe is allowed here.
	for _, email := range []string{"A@example.com", "o'brien@example.com"} {
		w.want(w.do("POST", "/users", nobody(), map[string]string{"email": email, "password": password}), 201)
	}
}

func myself(w *world) {
	owner := w.signIn("owner@example.com")
	a := w.want(w.do("PUT", "/me", owner, map[string]any{"name": "Owner", "familyName": "F", "givenName": "G", "emailVerified": true}), 200)
	if a.Text("name") != "Owner" || a.Text("emailVerified") == "" || a.Text("tenants", 0) != w.acme {
		w.t.Errorf("%s", a.Raw)
	}
	kept := w.want(w.do("PUT", "/me", owner, map[string]any{"name": "Other", "familyName": "F", "givenName": "G"}), 200)
	if kept.Text("name") != "Other" || kept.Text("givenName") != "G" || kept.Text("emailVerified") == "" {
		w.t.Errorf("%s", kept.Raw)
	}
	// A deleted user: gone for /me, at work in the tenant, free for another.
	w.want(w.do("DELETE", "/me", owner, nil), 204)
	w.wantText(w.do("GET", "/me", owner, nil), 404, "")
	w.wantText(w.do("PUT", "/me", owner, map[string]any{"name": "x", "familyName": "F", "givenName": "G"}), 404, "")
	w.wantText(w.do("POST", "/tenants", owner, map[string]string{"name": "x"}), 404, "")
	if a := w.want(w.do("GET", "/tenants/"+w.acme+"/users", owner, nil), 200); a.Len() != 0 {
		w.t.Errorf("a deleted user is listed: %s", a.Raw)
	}
	w.want(w.invite(owner, "late@example.com"), 201)
	w.want(w.do("POST", "/users", nobody(), map[string]string{"email": "owner@example.com", "password": password}), 201)
	for _, method := range []string{"GET", "DELETE"} {
		w.wantText(w.do(method, "/me", nobody(), nil), 401, "")
	}
	w.wantText(w.do("PUT", "/me", nobody(), map[string]any{"name": "x", "familyName": "F", "givenName": "G"}), 401, "")
}

func tenants(w *world) {
	owner := w.signIn("owner@example.com")
	body := map[string]string{"name": "Second", "id": "01973000-0000-7000-8000-000000000001"}
	a := w.want(w.do("POST", "/tenants", owner, body), 200)
	if a.Text("id") != body["id"] || a.Cookie("nile.tenant-id") != body["id"] {
		w.t.Errorf("%s %q", a.Raw, a.Header["Set-Cookie"])
	}
	w.wantText(w.do("POST", "/tenants", owner, body), 400, "tenant with id "+body["id"]+" already exists.")
	w.wantText(w.do("POST", "/tenants", owner, map[string]string{"name": ""}), 400, "name is required")
	w.wantText(w.do("POST", "/tenants", owner, map[string]string{"name": "x", "id": "not-a-uuid"}), 400, badUUID)
	w.wantText(w.do("POST", "/tenants", nobody(), map[string]string{"name": "x"}), 401, "")
	w.wantText(w.do("PUT", "/tenants/"+w.acme, owner, map[string]string{}), 400, "name is required")
	if a := w.want(w.do("PUT", "/tenants/"+w.acme, owner, map[string]string{"name": "Renamed"}), 200); a.Text("name") != "Renamed" {
		w.t.Errorf("%s", a.Raw)
	}
	// Whoever the path names, the caller's own are listed.
	for _, id := range []string{w.owner, unknownID, "anybody"} {
		if a := w.want(w.do("GET", "/users/"+id+"/tenants", owner, nil), 200); a.Len() != 2 || a.Text(0, "name") != "Renamed" {
			w.t.Errorf("%s", a.Raw)
		}
	}
	w.wantText(w.do("GET", "/users/"+w.owner+"/tenants", nobody(), nil), 401, "")
	w.want(w.do("DELETE", "/tenants/"+body["id"], owner, nil), 204)
	w.wantText(w.do("GET", "/tenants/"+body["id"], owner, nil), 404, "Resource not found")
	w.wantText(w.do("POST", "/tenants", owner, body), 400, "tenant with id "+body["id"]+" already exists.")
	if me := w.want(w.do("GET", "/me", owner, nil), 200); me.Text("tenants", 0) != w.acme || me.Text("tenants", 1) != "" {
		w.t.Errorf("%s", me.Raw)
	}
}

func members(w *world) {
	owner := w.signIn("owner@example.com")
	users := "/tenants/" + w.acme + "/users"
	made := w.want(w.do("POST", users, owner, map[string]string{"email": "made@example.com", "password": password, "name": "Made", "familyName": "F"}), 201)
	w.wantText(w.do("POST", users, owner, map[string]string{"email": "made@example.com", "password": password}), 400, "User with email made@example.com already exists.")
	w.wantText(w.do("POST", users, owner, map[string]string{"email": "nope", "password": password}), 400, "Invalid email address")
	id := made.Text("id")
	list := w.want(w.do("GET", users, owner, nil), 200)
	if list.Len() != 2 || list.Text(1, "id") != id || list.Text(1, "familyName") != "F" || list.At(1, "created") != nil {
		w.t.Errorf("%s", list.Raw)
	}
	changed := w.want(w.do("PUT", users+"/"+id, owner, map[string]string{"name": "Other"}), 200)
	if changed.Text("name") != "Other" || changed.Text("familyName") != "F" {
		w.t.Errorf("%s", changed.Raw)
	}
	w.wantText(w.do("PUT", users+"/"+unknownID, owner, map[string]string{"name": "Other"}), 404, "")
	outsider := w.want(w.do("GET", "/me", w.signIn("outsider@example.com"), nil), 200).Text("id")
	w.wantText(w.do("PUT", users+"/"+outsider, owner, map[string]string{"name": "Other"}), 404, "")
}

func links(w *world) {
	owner, outsider := w.signIn("owner@example.com"), w.signIn("outsider@example.com")
	id := w.want(w.do("GET", "/me", outsider, nil), 200).Text("id")
	link := func(user string) string { return "/tenants/" + w.acme + "/users/" + user + "/link" }
	w.wantText(w.do("PUT", link(id), outsider, nil), 401, "Unauthorized.")
	w.wantText(w.do("PUT", link(unknownID), outsider, nil), 400, "User does not exist or has been deleted.")
	w.wantText(w.do("PUT", link("not-a-uuid"), owner, nil), 400, badUUID)
	if a := w.want(w.do("PUT", link(id), owner, nil), 201); a.At("email_verified") != nil || !strings.Contains(a.Raw, `"given_name"`) {
		w.t.Errorf("%s", a.Raw)
	}
	w.wantText(w.do("PUT", link(id), owner, nil), 400, `duplicate key value violates unique constraint "tenant_users_pkey"`)
	w.want(w.do("DELETE", link(w.owner), outsider, nil), 204)
	w.wantText(w.do("DELETE", link(id), owner, nil), 401, "Unauthorized.")
	w.wantText(w.do("DELETE", link(w.owner), outsider, nil), 401, "Unauthorized.")
	w.quirks(func(q *nile.Quirks) { q.UnlinkNonMember = http.StatusNotFound })
	w.wantText(w.do("DELETE", link(w.owner), outsider, nil), 404, "")
	w.wantText(w.do("DELETE", link("not-a-uuid"), outsider, nil), 400, badUUID)
	w.want(w.do("DELETE", link(id), outsider, nil), 204) // leaves
	w.want(w.do("GET", "/me", outsider, nil), 200)
}
