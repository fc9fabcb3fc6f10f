package asgardeo_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/sandbox/asgardeo"
)

func TestFilters(t *testing.T) { // FACTS.md section 2.1
	t.Parallel()
	w := newWorld(t, nil)
	w.sim.AddStore("partner")
	for _, p := range []asgardeo.Person{
		{Email: "ann@example.com", GivenName: "Ann", FamilyName: "Research and Development"}, {Email: "bob@example.com"}, {Email: "anna@example.com"},
		{UserName: "shared@example.com", Email: "ann@example.com"}, {Store: "PARTNER", Email: "pat@example.com"}, {Email: "new@example.com", Pending: true},
	} {
		w.sim.AddUser(p)
	}
	none := func(*asgardeo.Quirks) {}
	exact := func(q *asgardeo.Quirks) { q.CaseSensitiveEq = true }
	plain := func(q *asgardeo.Quirks) { q.WildcardEq = false }
	tests := []struct {
		filter, more string
		quirk        func(*asgardeo.Quirks)
		status       int
		want         string // user names found, or the error's detail
	}{
		{`emails eq "ann@example.com"`, "", none, 200, "DEFAULT/ann@example.com DEFAULT/shared@example.com"},
		{`emails eq ANN@example.com`, "", none, 200, "DEFAULT/ann@example.com DEFAULT/shared@example.com"},
		{`emails eq ANN@example.com`, "", exact, 200, ""},
		{`userName eq ann@example.com`, "", none, 200, "DEFAULT/ann@example.com"},
		{`userName eq "default/ann@example.com"`, "", none, 200, "DEFAULT/ann@example.com"},
		{`userName eq "NOWHERE/ann@example.com"`, "", none, 400, "Invalid user store domain: NOWHERE"},
		{`userName eq "PARTNER/ann@example.com"`, "&domain=DEFAULT", none, 500, "Domain names in the filter and the domain parameter do not match."},
		{`userName sw ann`, "", none, 200, "DEFAULT/ann@example.com DEFAULT/anna@example.com"},
		{`userName ew example.com and name.givenName eq Ann`, "", none, 200, "DEFAULT/ann@example.com"},
		{`userName eq ann*`, "", none, 200, "DEFAULT/ann@example.com DEFAULT/anna@example.com"},
		{`userName eq ann*`, "", plain, 200, ""},
		{`emails eq "*@example.com"`, "&domain=PARTNER", none, 200, "PARTNER/pat@example.com"},
		{`userName co "n*"`, "", none, 200, ""},
		{`userName ne ann@example.com and emails eq ann@example.com`, "", none, 200, "DEFAULT/shared@example.com"},
		{`urn:scim:wso2:schema:accountState eq PENDING_AP`, "", none, 200, "DEFAULT/new@example.com"},
		{`urn:scim:wso2:schema:accountLocked eq true`, "", none, 200, "DEFAULT/new@example.com"},
		{`meta.created ge 2026-03-01T12:00:00.000Z and userName sw bob`, "", none, 200, "DEFAULT/bob@example.com"},
		{`name.familyName eq "Research and Development"`, "", none, 400, `Invalid filter: "Development" is not an expression.`},
		{`emails eq a or emails eq b`, "", none, 500, "Unsupported Operation"},
		{`nonsense eq a`, "", none, 500, "Unsupported attribute: nonsense"},
		{`emails pr`, "", none, 400, "Given filter operator is not supported."},
		{`emails eq nobody@example.com`, "", none, 200, ""},
		{`userName sw a`, "&domain=OTHER", none, 400, "Invalid user store domain: OTHER"},
		{`userName sw a`, "&count=x", none, 400, "Invalid value for parameter count."},
	}
	for _, test := range tests {
		t.Run(test.filter, func(t *testing.T) {
			w.quirks(test.quirk)
			defer w.quirks(func(q *asgardeo.Quirks) { *q = asgardeo.DefaultQuirks() })
			a := w.do("GET", "/scim2/Users?filter="+strings.NewReplacer(" ", "%20", `"`, "%22").Replace(test.filter)+test.more, w.root(), nil)
			got := a.Text("detail")
			if a.Status == 200 {
				var found []string
				for i := range a.Len("Resources") {
					found = append(found, a.Text("Resources", i, "userName"))
				}
				got = strings.Join(found, " ")
				if _, has := a.JSON.(map[string]any)["Resources"]; has != (got != "") {
					t.Errorf("Resources: %s", a.Raw)
				}
			} else if a.At("status") != fmt.Sprint(test.status) {
				t.Errorf("status is not a string: %s", a.Raw)
			}
			if a.Status != test.status || got != test.want {
				t.Errorf("%d %q, want %d %q", a.Status, got, test.status, test.want)
			}
		})
	}
}

func TestPaging(t *testing.T) { // FACTS.md section 2.1
	t.Parallel()
	w := newWorld(t, nil)
	for i := range 130 {
		w.sim.AddUser(asgardeo.Person{Email: fmt.Sprintf("u%03d@example.com", i)})
	}
	tests := []struct {
		query               string
		quirk               func(*asgardeo.Quirks)
		status              int
		total, start, items float64
	}{
		{"", nil, 200, 130, 1, 100},
		{"?count=10", nil, 200, 130, 1, 10},
		{"?count=120", nil, 200, 130, 1, 100},
		{"?count=120", func(q *asgardeo.Quirks) { q.CountCap = 0 }, 200, 130, 1, 120},
		{"?startIndex=126&count=10", nil, 200, 130, 126, 5},
		{"?startIndex=500", nil, 200, 130, 500, 0},
		{"?startIndex=-3&count=1", nil, 200, 130, 1, 1},
		{"?count=0", nil, 200, 0, 1, 0},
		{"?count=-4", nil, 200, 0, 1, 0},
		{"?count=10", func(q *asgardeo.Quirks) { q.TotalResults = "page" }, 200, 10, 1, 10},
		{"?count=10", func(q *asgardeo.Quirks) { q.TotalResults = "larger" }, 200, 137, 1, 10},
		{"?sortBy=userName", nil, 501, 0, 0, 0},
		{"?sortOrder=ascending", nil, 501, 0, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.query, func(t *testing.T) {
			if test.quirk != nil {
				w.quirks(test.quirk)
				defer w.quirks(func(q *asgardeo.Quirks) { *q = asgardeo.DefaultQuirks() })
			}
			a := w.want(w.do("GET", "/scim2/Users"+test.query, w.root(), nil), test.status)
			if test.status != 200 {
				return
			}
			got := []any{a.At("totalResults"), a.At("startIndex"), a.At("itemsPerPage"), float64(a.Len("Resources"))}
			if !slices.Equal(got, []any{test.total, test.start, test.items, test.items}) {
				t.Errorf("got %v", got)
			}
		})
	}
	a := w.want(w.do("POST", "/scim2/Users/.search", w.root(), map[string]any{"filter": "userName sw u00", "count": 3, "startIndex": 2, "attributes": []string{"userName"}}), 200)
	if a.Len("Resources") != 3 || a.Text("Resources", 0, "userName") != "DEFAULT/u001@example.com" || a.At("Resources", 0, "emails") != nil {
		t.Errorf("search %s", a.Raw)
	}
	w.want(w.do("POST", "/scim2/Users/.search", w.root(), "{"), 400)
}

func TestUserForms(t *testing.T) { // FACTS.md section 2
	t.Parallel()
	w := newWorld(t, nil)
	id := w.sim.AddUser(asgardeo.Person{Email: "a@example.com", GivenName: "A", Pending: true})
	const wso2, enterprise = "urn:scim:wso2:schema", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	get := func() answer { return w.want(w.do("GET", "/scim2/Users/"+id, w.root(), nil), 200) }
	a := get()
	if a.Text("userName") != "DEFAULT/a@example.com" || a.At("emails", 0) != "a@example.com" || a.Text(wso2, "accountState") != "PENDING_AP" ||
		a.Text(wso2, "accountLocked") != "true" || a.Text("roles", 0, "display") != "everyone" || a.Header.Get("Content-Type") != "application/scim+json" ||
		a.Text("meta", "location") != w.srv.URL+"/t/rootorg/scim2/Users/"+id || a.Text("meta", "created") != "2026-03-01T12:00:00.000Z" {
		t.Errorf("plain: %s", a.Raw)
	}
	w.quirks(func(q *asgardeo.Quirks) {
		q.EmailsAsObjects, q.SCIMAsJSON, q.EnterpriseExtension, q.ExtensionBooleans = true, true, true, true
	})
	a = get()
	if a.Text("emails", 0, "value") != "a@example.com" || a.At("emails", 0, "primary") != true || a.At(enterprise, "accountLocked") != true || a.At(wso2) != nil ||
		a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("other forms: %s", a.Raw)
	}
	w.quirks(func(q *asgardeo.Quirks) { q.EmptyResources, q.SCIMErrorsSchemasText = true, true })
	if a := w.users("/scim2/Users", w.root(), "emails eq x@example.com"); a.At("Resources") == nil || a.Len("Resources") != 0 {
		t.Errorf("empty list: %s", a.Raw)
	}
	if a := w.want(w.do("GET", "/scim2/Users/none", w.root(), nil), 404); a.Text("schemas") == "" {
		t.Errorf("error with schemas as text: %s", a.Raw)
	}
}

func TestCreateUser(t *testing.T) { // FACTS.md section 3
	t.Parallel()
	quirk := func(change func(*asgardeo.Quirks)) func(*asgardeo.Quirks) { return change }
	tests := []struct {
		name     string
		quirk    func(*asgardeo.Quirks)
		body     any
		kind     string // Content-Type
		status   int
		scimType string
		detail   string
		state    string // accountState of the user made
		mails    int
	}{
		{name: "ask password", body: newUser("new@example.com"), status: 201, state: "PENDING_AP", mails: 1},
		{name: "ask password as a boolean", body: newUser("new@example.com", "urn:scim:wso2:schema", map[string]any{"askPassword": true}), status: 201, state: "PENDING_AP", mails: 1},
		{name: "without a store", body: newUser("new@example.com", "userName", "new@example.com"), status: 201, state: "PENDING_AP", mails: 1},
		{name: "with a password", body: newUser("new@example.com", "urn:scim:wso2:schema", nil, "password", "Pa55word!"), status: 201},
		{name: "verify", body: newUser("new@example.com", "urn:scim:wso2:schema", map[string]any{"verifyEmail": "true"}, "password", "Pa55word!"), status: 201, state: "PENDING_EV", mails: 1},
		{name: "application/json", body: newUser("new@example.com"), kind: "application/json", status: 201, state: "PENDING_AP", mails: 1},
		{name: "other content type", body: newUser("new@example.com"), kind: "text/plain", status: 406},
		{name: "no content type", body: newUser("new@example.com"), kind: " ", status: 406},
		{name: "no JSON", body: "{", kind: "application/scim+json", status: 400, scimType: "invalidSyntax"},
		{name: "no user name", body: map[string]any{}, status: 400, scimType: "invalidValue", detail: "userName is missing"},
		{name: "taken", body: newUser("ann@example.com"), status: 409, detail: "User with the name: DEFAULT/ann@example.com already exists in the system."},
		{name: "taken in another case", body: newUser("ANN@example.com"), status: 409, detail: "already exists"},
		{name: "taken, masked", quirk: quirk(func(q *asgardeo.Quirks) { q.MaskUserNames = true }), body: newUser("ann@example.com"), status: 409, detail: "DEFAULT/a*****"},
		{name: "same address", body: newUser("new@example.com", "emails", []any{"ann@example.com"}), status: 201, state: "PENDING_AP", mails: 1},
		{name: "same address, unique", quirk: quirk(func(q *asgardeo.Quirks) { q.UniqueEmail = true }), body: newUser("new@example.com", "emails", []any{"ann@example.com"}), status: 400, scimType: "invalidValue", detail: "attribute Email"},
		{name: "same address, conflict", quirk: quirk(func(q *asgardeo.Quirks) { q.UniqueEmail, q.ConflictOnUniqueness = true, true }), body: newUser("new@example.com", "emails", []any{"ann@example.com"}), status: 409, scimType: "uniqueness"},
		{name: "user name is no address", body: newUser("new"), status: 400, scimType: "invalidValue"},
		{name: "alphanumeric", quirk: quirk(func(q *asgardeo.Quirks) { q.AlphanumericUserNames = true }), body: newUser("new", "emails", []any{"new@example.com"}), status: 201, state: "PENDING_AP", mails: 1},
		{name: "alphanumeric refuses addresses", quirk: quirk(func(q *asgardeo.Quirks) { q.AlphanumericUserNames = true }), body: newUser("new@example.com"), status: 400, scimType: "invalidValue"},
		{name: "unknown store", body: newUser("new@example.com", "userName", "NOWHERE/new@example.com"), status: 400, scimType: "invalidValue"},
		{name: "bad address", body: newUser("new@example.com", "emails", []any{"Bob <b@example.com>"}), status: 400, scimType: "invalidValue"},
		{name: "ask password is off", quirk: quirk(func(q *asgardeo.Quirks) { q.AskPasswordDisabled = true }), body: newUser("new@example.com"), status: 400, scimType: "invalidValue", detail: "password"},
		{name: "no password at all", body: newUser("new@example.com", "urn:scim:wso2:schema", nil), status: 400, scimType: "invalidValue"},
		{name: "names are mandatory", quirk: quirk(func(q *asgardeo.Quirks) { q.RequireNames = true }), body: newUser("new@example.com"), status: 400, scimType: "invalidValue"},
		{name: "user limit", quirk: quirk(func(q *asgardeo.Quirks) { q.UserLimit = 1 }), body: newUser("new@example.com"), status: 403, scimType: "userLimitReached", detail: "Maximum number of allowed users have been reached."},
		{name: "external notifications", quirk: quirk(func(q *asgardeo.Quirks) { q.ExternalNotifications = true }), body: newUser("new@example.com"), status: 201, state: "PENDING_AP"},
		{name: "workflow", quirk: quirk(func(q *asgardeo.Quirks) { q.Workflow = true }), body: newUser("new@example.com"), status: 202},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.sim.AddUser(asgardeo.Person{Email: "ann@example.com"})
			if test.quirk != nil {
				w.quirks(test.quirk)
			}
			kind := test.kind
			if kind == "" {
				kind = "application/scim+json"
			}
			a := w.want(w.do("POST", "/scim2/Users", w.root(), test.body, "Content-Type", strings.TrimSpace(kind)), test.status)
			if a.Text("scimType") != test.scimType || !strings.Contains(a.Text("detail"), test.detail) {
				t.Errorf("answer %s", a.Raw)
			}
			accounts := w.accountsOf(w.sim.RootID())
			if made := len(accounts) - 1; (made == 1) != (test.status == 201) {
				t.Fatalf("%d users made", made)
			}
			if got := len(w.mails.Kind(asgardeo.MailSetPassword)) + len(w.mails.Kind(asgardeo.MailVerifyEmail)); got != test.mails {
				t.Errorf("%d mails, want %d", got, test.mails)
			}
			if test.status == 202 && a.Raw != "" {
				t.Errorf("202 with a body: %s", a.Raw)
			}
			if test.status != 201 {
				return
			}
			u := accounts[1]
			if u.AccountState != test.state || u.Locked != (test.state != "") || a.Text("id") != u.ID || a.Header.Get("Location") != w.srv.URL+"/t/rootorg/scim2/Users/"+u.ID || a.At("password") != nil {
				t.Errorf("user %+v, answer %s", u, a.Raw)
			}
			if code := a.Header.Get("Ask-Password-Confirmation-Code"); (code != "") != (test.name == "external notifications") {
				t.Errorf("confirmation code %q", code)
			}
		})
	}
}

func TestWorkflowApproval(t *testing.T) { // FACTS.md section 3
	t.Parallel()
	w := newWorld(t, nil)
	w.quirks(func(q *asgardeo.Quirks) { q.Workflow = true })
	w.want(w.do("POST", "/scim2/Users", w.root(), newUser("new@example.com")), 202)
	if s := w.sim.State(); s.Approvals != 1 || len(s.Users) != 0 {
		t.Fatalf("state %+v", s)
	}
	w.want(w.do("POST", w.srv.URL+"/_sandbox/approve", "", nil), 204)
	if s := w.sim.State(); s.Approvals != 0 || len(s.Users) != 1 || s.MailsByKind[asgardeo.MailSetPassword] != 1 {
		t.Errorf("state %+v", s)
	}
}

func TestChangeUser(t *testing.T) { // FACTS.md sections 3, 9 and 15.16
	t.Parallel()
	w := newWorld(t, nil)
	id := w.sim.AddUser(asgardeo.Person{Email: "a@example.com", GivenName: "A", FamilyName: "B"})
	shared := w.sim.AddMember(w.acme, id, "member")
	op := func(kind, path string, value any) map[string]any {
		return map[string]any{"Operations": []any{map[string]any{"op": kind, "path": path, "value": value}}}
	}
	tests := []struct {
		name, method, path string
		body               any
		status             int
		detail             string
		given, email       string
	}{
		{"name", "PATCH", "/scim2/Users/" + id, op("replace", "name.givenName", "Ann"), 200, "", "Ann", "a@example.com"},
		{"without a path", "PATCH", "/scim2/Users/" + id, op("replace", "", map[string]any{"name": map[string]any{"givenName": "Anna"}}), 200, "", "Anna", "a@example.com"},
		{"remove", "PATCH", "/scim2/Users/" + id, op("remove", "name.givenName", nil), 200, "", "", "a@example.com"},
		{"user name", "PATCH", "/scim2/Users/" + id, op("replace", "userName", "b@example.com"), 400, "Attribute userName cannot be modified.", "", "a@example.com"},
		{"unknown operation", "PATCH", "/scim2/Users/" + id, op("move", "name", nil), 400, "Unknown operation: move", "", "a@example.com"},
		{"no operations", "PATCH", "/scim2/Users/" + id, map[string]any{}, 400, "The PATCH request has no readable operations.", "", "a@example.com"},
		{"unknown user", "PATCH", "/scim2/Users/none", op("remove", "name", nil), 404, "", "", "a@example.com"},
		{"shared, from origin", "PATCH", "/o/scim2/Users/" + shared, op("replace", "name.givenName", "X"), 400, "ORG-60095", "", "a@example.com"},
		{"put", "PUT", "/scim2/Users/" + id, map[string]any{"userName": "DEFAULT/a@example.com", "name": map[string]any{"givenName": "P"}, "emails": []any{"p@example.com"}}, 200, "", "P", "p@example.com"},
		{"put another name", "PUT", "/scim2/Users/" + id, map[string]any{"userName": "b@example.com"}, 400, "Attribute userName cannot be modified.", "P", "p@example.com"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			token := w.root()
			if strings.HasPrefix(test.path, "/o/") {
				token = w.org(w.acme)
			}
			a := w.want(w.do(test.method, test.path, token, test.body), test.status)
			if !strings.Contains(a.Text("detail"), test.detail) {
				t.Errorf("answer %s", a.Raw)
			}
			for _, u := range w.sim.State().Users { // the shared account shows what its origin shows
				if u.GivenName != test.given || u.Email != test.email {
					t.Errorf("user %+v", u)
				}
			}
		})
	}
	w.want(w.do("PATCH", "/scim2/Users/"+id, w.root(), op("add", "urn:scim:wso2:schema:country", "LK")), 200)
	kept := w.want(w.do("PATCH", "/scim2/Users/"+id, w.root(), op("add", "urn:scim:wso2:schema:accountState", "PENDING_AP")), 200)
	if kept.Text("urn:scim:wso2:schema", "country") != "LK" || kept.At("urn:scim:wso2:schema", "accountState") != nil {
		t.Errorf("extension attributes %s", kept.Raw)
	}
	w.want(w.do("PATCH", "/o/scim2/Users/"+shared, w.org(w.acme), op("replace", "urn:scim:wso2:schema:accountLocked", true)), 200)
	if got := w.accountsOf(w.acme)[0]; !got.Locked {
		t.Errorf("account %+v", got)
	}
}

func TestDeleteUser(t *testing.T) { // FACTS.md section 9
	t.Parallel()
	w := newWorld(t, nil)
	invited := w.sim.AddUser(asgardeo.Person{Email: "invited@example.com"})
	share := w.sim.AddUser(asgardeo.Person{Email: "shared@example.com"})
	account := w.sim.AddMember(w.acme, invited, "member")
	w.want(w.do("POST", "/api/server/v2/users/share", w.root(), map[string]any{"userCriteria": map[string]any{"userIds": []string{share}},
		"organizations": []any{map[string]any{"orgId": w.acme, "policy": "SELECTED_ORG_ONLY"}}}), 202)
	w.advance(time.Second)
	second := w.accountsOf(w.acme)[1]
	if second.SharedType != "SHARED" || second.ManagedOrg != w.sim.RootID() {
		t.Fatalf("account %+v", second)
	}
	refused := w.want(w.do("DELETE", "/o/scim2/Users/"+second.ID, w.org(w.acme), nil), 400)
	if refused.Text("scimType") != "invalidValue" || !strings.Contains(refused.Text("detail"), "10049") {
		t.Errorf("answer %s", refused.Raw)
	}
	w.want(w.do("DELETE", "/o/scim2/Users/"+account, w.org(w.acme), nil), 204)
	w.want(w.do("DELETE", "/o/scim2/Users/"+account, w.org(w.acme), nil), 404)
	if n := len(w.accountsOf(w.sim.RootID())); n != 2 {
		t.Errorf("%d root users: removing a shared account touched its origin", n)
	}
	for _, r := range w.sim.State().Roles {
		if slices.Contains(r.Users, account) {
			t.Errorf("role %s still has the account", r.Name)
		}
	}
	w.want(w.do("DELETE", "/scim2/Users/"+share, w.root(), nil), 204)
	if left := w.accountsOf(w.acme); len(left) != 0 {
		t.Errorf("deleting the root user left %+v", left)
	}
	w.quirks(func(q *asgardeo.Quirks) { q.RefuseDeleteShared = false })
}

func TestRootTokenOnOrganizationPaths(t *testing.T) { // FACTS.md section 15.6
	t.Parallel()
	w := newWorld(t, nil)
	w.sim.AddUser(asgardeo.Person{Email: "root@example.com"})
	w.want(w.do("GET", "/o/scim2/Users", w.root(), nil), 403)
	both := w.want(w.tokenRequest(map[string][]string{"grant_type": {"client_credentials"}, "scope": {scopeText(w.app.OrganizationScopes)}}), 200).Text("access_token")
	if a := w.want(w.do("GET", "/o/scim2/Users", both, nil), 200); a.Text("Resources", 0, "userName") != "DEFAULT/root@example.com" {
		t.Errorf("answer %s", a.Raw)
	}
	if a := w.want(w.do("POST", "/o/api/server/v1/guests/invite", both, guest("root@example.com")), 500); a.Text("code") != "OUI-65001" {
		t.Errorf("answer %s", a.Raw)
	}
}

func TestNativeUser(t *testing.T) { // FACTS.md section 9
	t.Parallel()
	w := newWorld(t, nil)
	a := w.want(w.do("POST", "/o/scim2/Users", w.org(w.acme), newUser("native@example.com")), 201)
	if a.Header.Get("Location") != w.srv.URL+"/t/rootorg/o/scim2/Users/"+a.Text("id") || a.At("urn:scim:wso2:schema", "managedOrg") != nil {
		t.Errorf("answer %s", a.Raw)
	}
	if n := len(w.accountsOf(w.sim.RootID())); n != 0 {
		t.Errorf("%d users in the root", n)
	}
}

func TestBulk(t *testing.T) { // FACTS.md sections 12 and 16
	t.Parallel()
	w := newWorld(t, nil)
	op := func(method, path, id string, data any) map[string]any {
		return map[string]any{"method": method, "path": path, "bulkId": id, "data": data}
	}
	ops := []any{
		op("POST", "/Groups", "g", map[string]any{"displayName": "team", "members": []any{map[string]any{"value": "bulkId:u"}}}),
		op("POST", "/Users", "u", newUser("bulk@example.com")),
		op("POST", "/Users", "again", newUser("bulk@example.com")),
		op("GET", "/Users", "get", nil),
	}
	a := w.want(w.do("POST", "/scim2/Bulk", w.root(), map[string]any{"Operations": ops}), 200)
	var got []any
	for i := range a.Len("Operations") {
		got = append(got, a.At("Operations", i, "bulkId"), a.At("Operations", i, "status", "code"))
	}
	if want := []any{"u", 201.0, "again", 409.0, "get", 400.0, "g", 201.0}; !slices.Equal(got, want) {
		t.Errorf("results %v, want %v", got, want)
	}
	if !strings.Contains(a.Text("Operations", 1, "response"), `"status":"409"`) {
		t.Errorf("the response is no JSON text: %s", a.Raw)
	}
	if u := w.sim.State().Users[0]; !slices.Equal(u.Groups, []string{"team"}) {
		t.Errorf("user %+v", u)
	}
	ops = []any{op("DELETE", "/Users/none", "a", nil), op("POST", "/Users", "b", newUser("b@example.com"))}
	a = w.want(w.do("POST", "/scim2/Bulk", w.root(), map[string]any{"failOnErrors": 1, "Operations": ops}), 200)
	if a.Len("Operations") != 1 {
		t.Errorf("failOnErrors: %s", a.Raw)
	}
	w.want(w.do("POST", "/scim2/Bulk", w.root(), `{"x":"`+strings.Repeat("x", 1<<20)+`"}`), 413)
}
