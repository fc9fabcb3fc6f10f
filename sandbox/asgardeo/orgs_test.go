package asgardeo_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/sandbox/asgardeo"
	"usher/sandbox/fault"
)

func TestRoles(t *testing.T) { // FACTS.md sections 8 and 15.18
	t.Parallel()
	w := newWorld(t, nil)
	other := w.sim.AddApplication(asgardeo.App{Name: "Other"})
	w.sim.AddRole("", "Research and Development", other.ID)
	apps := w.want(w.users("/o/api/server/v1/applications", w.org(w.acme), "name eq Gateway"), 200)
	appID := apps.Text("applications", 0, "id")
	if apps.Len("applications") != 1 || appID == w.app.ID || appID == "" {
		t.Fatalf("applications %s", apps.Raw)
	}
	if a := w.want(w.users("/api/server/v1/applications", w.root(), "name eq Gateway"), 200); a.Text("applications", 0, "id") != w.app.ID {
		t.Errorf("applications of the root %s", a.Raw)
	}
	w.want(w.do("GET", "/o/api/server/v1/applications/"+appID, w.org(w.acme), nil), 200)
	w.want(w.do("GET", "/o/api/server/v1/applications/"+w.app.ID, w.org(w.acme), nil), 404)
	tests := []struct {
		filter string
		status int
		want   string
	}{
		{"displayName eq admin and audience.value eq " + appID, 200, "admin"},
		{"audience.value eq " + appID, 200, "admin member"},
		{"audience.value eq " + w.app.ID, 200, ""},
		{"audience.type eq organization", 200, ""},
		{"displayName ew er and displayName ne admin", 200, "member"},
		{`displayName eq "Research and Development"`, 400, ""},
		{"displayName ge a", 400, ""},
		{"displayName eq a or displayName eq b", 500, ""},
		{"users eq x", 400, ""},
	}
	for _, test := range tests {
		a := w.want(w.users("/o/scim2/v2/Roles", w.org(w.acme), test.filter), test.status)
		var found []string
		for i := range a.Len("Resources") {
			found = append(found, a.Text("Resources", i, "displayName"))
		}
		if strings.Join(found, " ") != test.want {
			t.Errorf("%s: %v, want %q", test.filter, found, test.want)
		}
	}
	if w.sim.RoleID(w.sim.RootID(), "admin") == w.admin {
		t.Error("role ids are the same in two organizations")
	}
}

func TestRoleMembers(t *testing.T) { // FACTS.md section 8
	t.Parallel()
	w := newWorld(t, nil)
	root := w.sim.AddUser(asgardeo.Person{Email: "a@example.com"})
	account := w.sim.AddMember(w.acme, root)
	op := func(kind, path string, ids ...string) map[string]any {
		m := map[string]any{"op": kind, "path": path}
		list := []any{}
		for _, id := range ids {
			list = append(list, map[string]any{"value": id})
		}
		if len(list) > 0 {
			m["value"] = list
		}
		return map[string]any{"Operations": []any{m}}
	}
	tests := []struct {
		name, path string
		body       any
		status     int
		roles      []string
	}{
		{"add", "/v2/Roles/" + w.admin, op("add", "users", account), 200, []string{"admin"}},
		{"add again", "/v2/Roles/" + w.admin, op("add", "users", account), 200, []string{"admin"}},
		{"the root's id", "/v2/Roles/" + w.admin, op("add", "users", root), 400, []string{"admin"}},
		{"remove, unquoted", "/v2/Roles/" + w.admin, op("remove", "users[value eq "+account+"]"), 200, nil},
		{"v3", "/v3/Roles/" + w.member + "/Users", op("add", "users", account), 200, []string{"member"}},
		{"v3 meta takes no users", "/v3/Roles/" + w.member, op("add", "users", account), 400, []string{"member"}},
		{"remove, quoted", "/v2/Roles/" + w.member, op("remove", `users[value eq "`+account+`"]`), 200, nil},
		{"replace", "/v2/Roles/" + w.member, op("replace", "users", account), 200, []string{"member"}},
		{"name of a shared role", "/v2/Roles/" + w.member, map[string]any{"Operations": []any{map[string]any{"op": "replace", "path": "displayName", "value": "x"}}}, 400, []string{"member"}},
		{"permissions of a shared role", "/v2/Roles/" + w.member, op("add", "permissions", "p"), 400, []string{"member"}},
		{"unknown path", "/v2/Roles/" + w.member, op("add", "owners", account), 400, []string{"member"}},
		{"role of the root", "/v2/Roles/" + w.sim.RoleID(w.sim.RootID(), "admin"), op("add", "users", account), 404, []string{"member"}},
	}
	for _, test := range tests {
		w.want(w.do("PATCH", "/o/scim2"+test.path, w.org(w.acme), test.body), test.status)
		if got := w.accountsOf(w.acme)[0].Roles; !slices.Equal(got, test.roles) {
			t.Errorf("%s: roles %v, want %v", test.name, got, test.roles)
		}
	}
	w.want(w.do("DELETE", "/o/scim2/v2/Roles/"+w.admin, w.org(w.acme), nil), 400)
}

func TestOrganizationErrors(t *testing.T) { // FACTS.md section 9
	t.Parallel()
	w := newWorld(t, nil)
	const orgs = "/api/server/v1/organizations"
	w.want(w.do("POST", orgs, w.root(), map[string]any{"name": "Beta", "orgHandle": "beta"}), 201)
	tests := []struct {
		name, method, path string
		body               any
		status             int
		code               string
	}{
		{"name taken", "POST", orgs, map[string]any{"name": "beta"}, 400, "ORG-60076"},
		{"handle taken", "POST", orgs, map[string]any{"name": "Other", "orgHandle": "BETA"}, 400, "ORG-60100"},
		{"no name", "POST", orgs, map[string]any{}, 400, "ORG-60070"},
		{"unknown parent", "POST", orgs, map[string]any{"name": "Other", "parentId": "none"}, 404, "ORG-60015"},
		{"no JSON", "POST", orgs, "{", 400, "ORG-60000"},
		{"unknown", "GET", orgs + "/none", nil, 404, "ORG-60015"},
		{"negative limit", "GET", orgs + "?limit=-1", nil, 400, "ORG-60025"},
		{"bad cursor", "GET", orgs + "?after=%21", nil, 400, "ORG-60026"},
		{"foreign cursor", "GET", orgs + "?after=bm9uZQ%3D%3D", nil, 400, "ORG-60026"},
		{"filter", "GET", orgs + "?filter=colour%20eq%20red", nil, 400, "ORG-60022"},
		{"patch path", "PATCH", orgs + "/self", []any{map[string]any{"operation": "ADD", "path": "/colour", "value": "red"}}, 400, "ORG-60000"},
		{"put status", "PUT", orgs + "/" + w.acme, map[string]any{"name": "Acme", "status": "GONE"}, 400, "ORG-60000"},
	}
	for _, test := range tests {
		if a := w.want(w.do(test.method, test.path, w.root(), test.body), test.status); a.Text("code") != test.code {
			t.Errorf("%s: %s", test.name, a.Raw)
		}
	}
	for name, free := range map[string]bool{"Beta": false, "Gamma": true} {
		if a := w.want(w.do("POST", orgs+"/check-name", w.root(), map[string]any{"name": name}), 200); a.At("available") != free {
			t.Errorf("%s: %s", name, a.Raw)
		}
	}
}

func TestOrganizationPages(t *testing.T) { // FACTS.md section 9
	t.Parallel()
	w := newWorld(t, nil)
	for i := range 6 {
		w.sim.AddOrganization(fmt.Sprintf("Org %d", i), "")
	}
	w.sim.AddOrganization("Nested", w.acme)
	var names []string
	path := "/api/server/v1/organizations?limit=3&filter=name%20co%20org"
	for path != "" {
		a := w.want(w.do("GET", path, w.root(), nil), 200)
		for i := range a.Len("organizations") {
			names = append(names, a.Text("organizations", i, "name"))
		}
		path = ""
		for i := range a.Len("links") {
			if a.Text("links", i, "rel") == "next" {
				path = strings.TrimPrefix(a.Text("links", i, "href"), "/t/rootorg")
			}
		}
	}
	if want := []string{"Org 0", "Org 1", "Org 2", "Org 3", "Org 4", "Org 5"}; !slices.Equal(names, want) {
		t.Errorf("names %v, want %v", names, want)
	}
	count := func(query string) int {
		return w.want(w.do("GET", "/api/server/v1/organizations"+query, w.root(), nil), 200).Len("organizations")
	}
	if flat, deep := count(""), count("?recursive=true"); flat != 7 || deep != 8 {
		t.Errorf("%d and %d organizations", flat, deep)
	}
	if a := w.want(w.do("GET", "/o/api/server/v1/organizations", w.org(w.acme), nil), 200); a.Text("organizations", 0, "name") != "Nested" {
		t.Errorf("below Acme %s", a.Raw)
	}
}

func TestNewOrganizationLags(t *testing.T) { // FACTS.md sections 1.2 and 15.17
	t.Parallel()
	w := newWorld(t, nil)
	owner := w.sim.AddUser(asgardeo.Person{Email: "owner@example.com"})
	w.quirks(func(q *asgardeo.Quirks) { q.AppShareLagMS = 2000; q.OrganizationLagMS = 5000 })
	create := func(name string) string {
		return w.want(w.do("POST", "/api/server/v1/organizations", w.root(), map[string]any{"name": name, "attributes": []any{map[string]any{"key": "creator.id", "value": owner}}}), 201).Text("id")
	}
	id := create("Beta")
	if a := w.want(w.switchTo(id, ""), 400); !strings.Contains(a.Raw, "have not shared the application") {
		t.Errorf("answer %s", a.Raw)
	}
	w.advance(5 * time.Second)
	w.want(w.do("GET", "/o/scim2/Users", w.org(id), nil), 200)
	if got := w.accountsOf(id); len(got) != 1 || got[0].SharedType != "OWNER" {
		t.Errorf("accounts %+v", got)
	}
	w.quirks(func(q *asgardeo.Quirks) { q.AppShareLagMS = 0; q.OrganizationLagMS = 0 })
	slow := create("Gamma")
	w.want(w.do("GET", "/o/scim2/Users", w.org(slow), nil), 200)
}

func TestUserShare(t *testing.T) { // FACTS.md section 10
	t.Parallel()
	w := newWorld(t, nil)
	child := w.sim.AddOrganization("Child", w.acme)
	user := w.sim.AddUser(asgardeo.Person{Email: "a@example.com"})
	share := func(org, policy, role string) string {
		w.want(w.do("POST", "/api/server/v2/users/share", w.root(), map[string]any{"userCriteria": map[string]any{"userIds": []string{user}}, "organizations": []any{
			map[string]any{"orgId": org, "policy": policy, "roleAssignment": map[string]any{"mode": "SELECTED", "roles": []any{
				map[string]any{"displayName": role, "audience": map[string]any{"display": "Gateway", "type": "application"}}}}}}}), 202)
		return w.want(w.do("GET", "/api/server/v1/async-operations?limit=1", w.root(), nil), 200).Text("operations", 0, "operationId")
	}
	status := func(id string) string {
		return w.want(w.do("GET", "/api/server/v1/async-operations/"+id, w.root(), nil), 200).Text("status")
	}
	op := share(w.acme, "SELECTED_ORG_ONLY", "member")
	if status(op) != "IN_PROGRESS" || len(w.accountsOf(w.acme)) != 0 {
		t.Errorf("shared at once: %s", status(op))
	}
	w.advance(time.Second)
	if got := w.accountsOf(w.acme); status(op) != "SUCCESS" || len(got) != 1 || got[0].SharedType != "SHARED" || !slices.Equal(got[0].Roles, []string{"member"}) {
		t.Errorf("%s %+v", status(op), got)
	}
	failed, partly := share(child, "SELECTED_ORG_ONLY", "member"), share(w.acme, "SELECTED_ORG_ONLY", "none")
	deep := share(w.acme, "SELECTED_ORG_WITH_ALL_EXISTING_AND_FUTURE_CHILDREN", "admin")
	w.advance(time.Second)
	if status(failed) != "FAILED" || status(partly) != "PARTIALLY_COMPLETED" || status(deep) != "SUCCESS" || len(w.accountsOf(child)) != 1 {
		t.Errorf("%s %s %s, %d accounts in the child", status(failed), status(partly), status(deep), len(w.accountsOf(child)))
	}
	units := w.want(w.do("GET", "/api/server/v1/async-operations/"+failed+"/unit-operations?filter=status%20eq%20FAILED", w.root(), nil), 200)
	if units.Len("unitOperations") != 1 || !strings.Contains(units.Text("unitOperations", 0, "statusMessage"), "10037") {
		t.Errorf("units %s", units.Raw)
	}
	list := w.want(w.do("GET", "/api/server/v2/users/"+user+"/share?attributes=roles&recursive=true", w.root(), nil), 200)
	if list.Len("organizations") != 2 || list.Text("organizations", 0, "sharedUserId") != w.accountsOf(w.acme)[0].ID || list.Len("organizations", 0, "roles") != 2 {
		t.Errorf("shares %s", list.Raw)
	}
	w.want(w.do("POST", "/api/server/v2/users/unshare", w.root(), map[string]any{"userCriteria": map[string]any{"userIds": []string{user}}, "orgIds": []string{w.acme}}), 202)
	w.advance(time.Second)
	if n := len(w.accountsOf(w.acme)); n != 0 {
		t.Errorf("%d accounts after unsharing", n)
	}
	mine := w.sim.UserToken(user, "gateway", "internal_login")
	if a := w.want(w.do("GET", "/api/users/v1/me/organizations?recursive=true", mine, nil), 200); a.Len("organizations") != 0 {
		t.Errorf("my organizations %s", a.Raw)
	}
}

func TestRateLimits(t *testing.T) { // FACTS.md section 12
	t.Parallel()
	w := newWorld(t, nil)
	token := w.root()
	w.quirks(func(q *asgardeo.Quirks) { q.RateLimits = true })
	for i := range 200 {
		if a := w.do("GET", "/scim2/Users?count=0", token, nil); a.Status != 200 {
			t.Fatalf("call %d: %d", i, a.Status)
		}
	}
	for body, kind := range map[string]string{"html": "text/html", "text": "text/plain", "json": "application/json"} {
		w.quirks(func(q *asgardeo.Quirks) { q.TooManyBody = body })
		a := w.want(w.do("GET", "/scim2/Users?count=0", token, nil), 429)
		if a.Header.Get("Retry-After") != "" || !strings.HasPrefix(a.Header.Get("Content-Type"), kind) {
			t.Errorf("%s: %v", body, a.Header)
		}
	}
	w.want(w.do("GET", "/o/scim2/Users", token, nil), 429) // one family with and without /o/
	w.want(w.do("GET", "/api/server/v1/organizations", token, nil), 200)
	for range 210 { // people's pages are no API
		w.want(w.do("GET", "/accountrecoveryendpoint/acceptinvitation.do?code=x", "", nil), 200)
	}
	w.quirks(func(q *asgardeo.Quirks) { q.RetryAfter = true })
	w.sim.Injector().Clock().Advance(20 * time.Second)
	if a := w.want(w.do("GET", "/scim2/Users", token, nil), 429); a.Header.Get("Retry-After") != "41" {
		t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
	}
	w.sim.Injector().Clock().Advance(40 * time.Second)
	w.want(w.do("GET", "/scim2/Users", token, nil), 200)
}

func TestQuirksAtRunTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	patch := func(body string) answer { return w.do("PATCH", w.srv.URL+"/_sandbox/quirks", "", body) }
	if a := w.want(patch(`{"invite_status":201,"dropped_scopes":["x"]}`), 200); a.At("invite_status") != 201.0 || a.At("count_cap") != 100.0 {
		t.Errorf("quirks %s", a.Raw)
	}
	for _, bad := range []string{`{"unknown":true}`, `{"invite_status":204}`, `{"total_results":"some"}`, `{"empty_invitations":"none"}`, `{"too_many_body":"xml"}`,
		`{"switch_without_access":403}`, `{"next_invite_errors":["OUI-1"]}`, `{"invite_status":200,"count_cap":"x"}`, `nonsense`} {
		w.want(patch(bad), 400)
	}
	if q := w.sim.Quirks(); q.InviteStatus != 201 || !slices.Equal(q.DroppedScopes, []string{"x"}) {
		t.Errorf("a refused change was kept: %+v", q)
	}
}

func TestWriteDelay(t *testing.T) {
	t.Parallel()
	var waited []time.Duration
	sim := asgardeo.New(asgardeo.Options{Sleep: func(_ context.Context, d time.Duration) error {
		waited = append(waited, d)
		return nil
	}})
	if err := sim.SetQuirks(func(q *asgardeo.Quirks) { q.WriteDelayMS = 1500 }); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, sim: sim, tokens: map[string]string{}}
	w.serve()
	w.do("GET", "/scim2/Users", "", nil)
	w.do("POST", "/oauth2/token", "", url.Values{})
	if !slices.Equal(waited, []time.Duration{1500 * time.Millisecond}) {
		t.Errorf("waited %v", waited)
	}
}

func TestFaultsReachTheVendor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.sim.AddUser(asgardeo.Person{Email: "g@example.com"})
	w.org(w.acme)
	if _, err := w.sim.Injector().Add(fault.Fault{Match: fault.Match{Method: "POST", Path: "/guests/invite$"}, Do: fault.Action{Status: 502, HTML: true, After: true}}); err != nil {
		t.Fatal(err)
	}
	if a := w.invite("g@example.com"); a.Status != 502 {
		t.Errorf("answer %d", a.Status)
	}
	if a := w.want(w.invite("g@example.com"), 200); a.Text(0, "result", "errorCode") != "OUI-10018" || len(w.mails.Kind(asgardeo.MailGuestInvitation)) != 1 {
		t.Errorf("the vendor did not act behind the lost answer: %s", a.Raw)
	}
}

func TestSeedsAreDeterministic(t *testing.T) {
	t.Parallel()
	ids := func() []string {
		sim := asgardeo.New(asgardeo.Options{Root: "rootorg"})
		app := sim.AddApplication(asgardeo.App{Name: "A"})
		org := sim.AddOrganization("Acme", "")
		return []string{sim.RootID(), app.ID, org, sim.AddRole("", "admin", app.ID), sim.AddUser(asgardeo.Person{Email: "a@example.com"}), sim.RoleID(org, "admin")}
	}
	first, second := ids(), ids()
	if !slices.Equal(first, second) || slices.Contains(first, "") {
		t.Errorf("%v and %v", first, second)
	}
}
