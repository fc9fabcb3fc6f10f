package roq_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"usher/sandbox/roq"
)

const (
	userFields = `{ id reference email firstName lastName phone locale timezone avatarUrl active isOptedIn synced twoFactorEnabled customData tenantId createdAt updatedAt }`
	listUsers  = `query userProfiles($filter: UserFilterArgType, $search: UserSearchArgType, $order: UserOrderArgType) {
  users(filter: $filter, search: $search, order: $order) { data { id email tenant { name } roles { data { key } totalCount } userGroups { data { name } } } totalCount } }`
	createUser = `mutation createUser($user: UserCreateDto!) { createUser(user: $user) ` + userFields + ` }`
	updateUser = `mutation updateUser($id: ID!, $user: UserUpdateDto!) { updateUser(id: $id, user: $user) ` + userFields + ` }`
)

func TestUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.Advance(time.Second)
	a := w.must(w.do(createUser, vars{"user": vars{"email": "new@example.com", "reference": "ref-1", "tenantId": w.other, "roles": []string{"member"}, "firstName": "Ann",
		"isOptedIn": true, "customData": vars{"k": vars{"n": 2}}, "password": "pass", "twoFactorEnabled": false}}))
	u := a.At("data", "createUser").(map[string]any)
	id, _ := u["id"].(string)
	if u["reference"] != "ref-1" || u["active"] != true || u["isOptedIn"] != true || u["lastName"] != nil || u["tenantId"] != w.other || u["twoFactorEnabled"] != false {
		t.Errorf("%v", u)
	}
	w.sim.AddGroup(roq.Group{Name: "Team", Type: "club", Users: []string{id}})
	w.sim.AddGroup(roq.Group{Name: "All", Type: "club", Users: []string{id, w.admin}})
	group := w.must(w.do(`{userGroups(filter:{name:{equalTo:"Team"}}){data{id}}}`, nil)).Text("data", "userGroups", "data", 0, "id")
	role := w.must(w.do(`{roles(filter:{key:{equalTo:"member"}}){data{id}}}`, nil)).Text("data", "roles", "data", 0, "id")
	const yes, no = true, false
	tests := []struct {
		name string
		v    vars
		want []string
	}{
		{"all", nil, []string{"new", "member", "admin"}},
		{"email", vars{"filter": vars{"email": vars{"equalTo": "new@example.com"}}}, []string{"new"}},
		{"reference", vars{"filter": vars{"reference": vars{"equalTo": "ref-1"}}}, []string{"new"}},
		{"tenant", vars{"filter": vars{"tenantId": vars{"equalTo": w.acme}}}, []string{"member", "admin"}},
		{"role key", vars{"filter": vars{"roleKey": vars{"equalTo": "member"}}}, []string{"new", "member"}},
		{"role id", vars{"filter": vars{"roleId": vars{"equalTo": role}}}, []string{"new", "member"}},
		{"group", vars{"filter": vars{"userGroupId": vars{"equalTo": group}}}, []string{"new"}},
		{"no group", vars{"filter": vars{"userGroupId": vars{"equalTo": nil}}}, []string{"member"}},
		{"all of these groups", vars{"filter": vars{"userGroupName": vars{"all": []string{"All", "Team"}}}}, []string{"new"}},
		{"group name", vars{"filter": vars{"userGroupName": vars{"iLike": "a%"}}}, []string{"new", "admin"}},
		{"opted in", vars{"filter": vars{"optedInAt": vars{"moreThan": "2026-03-01T12:00:00.500Z"}}}, []string{"new"}},
		{"not opted in", vars{"filter": vars{"optedInAt": vars{"equalTo": nil}}}, []string{"member", "admin"}},
		{"opted in at once", vars{"filter": vars{"optedInAt": vars{"lessThanEqual": "2026-03-01T12:00:01.123Z", "moreThanEqual": "2026-03-01T12:00:01.123Z", "notEqualTo": "2026-03-01T12:00:00.000Z"}}}, []string{"new"}},
		{"search in the filter", vars{"filter": vars{"search": "mber@"}}, []string{"member"}},
		{"search", vars{"search": vars{"key": "email", "value": "new"}}, []string{"new"}},
		{"provider", vars{"filter": vars{"userProviderId": vars{"equalTo": id}}}, nil},
		{"order", vars{"order": vars{"sort": "email", "order": "ASC"}}, []string{"admin", "member", "new"}},
		{"active", vars{"filter": vars{"active": vars{"equalTo": yes}}}, []string{"new", "member", "admin"}},
		{"inactive", vars{"filter": vars{"active": vars{"equalTo": no}}}, nil},
	}
	for _, test := range tests {
		a := w.must(w.do(listUsers, test.v))
		got := emails(a, "users")
		for n := range got {
			got[n] = strings.TrimSuffix(got[n], "@example.com")
		}
		if !slices.Equal(got, append([]string{}, test.want...)) || a.At("data", "users", "totalCount") != float64(len(test.want)) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}

	w.clock.Advance(time.Second)
	u = w.must(w.do(updateUser, vars{"id": id, "user": vars{"active": false, "firstName": nil, "lastName": "Lee", "isOptedIn": false, "email": "newer@example.com"}})).At("data", "updateUser").(map[string]any)
	if u["active"] != false || u["firstName"] != nil || u["lastName"] != "Lee" || u["isOptedIn"] != false || u["email"] != "newer@example.com" || u["updatedAt"] == u["createdAt"] || u["customData"] == nil {
		t.Errorf("%v", u)
	}
	count := func(filter vars) any {
		return w.must(w.do(listUsers, vars{"filter": filter})).At("data", "users", "totalCount")
	}
	if count(nil) != 2.0 || count(vars{"reference": vars{"equalTo": "ref-1"}}) != 0.0 || count(vars{"withDeactivated": vars{"equalTo": true}}) != 3.0 || count(vars{"active": vars{"equalTo": false}}) != 1.0 {
		t.Error("deactivated users are not hidden, or cannot be seen")
	}
	w.quirks(func(q *roq.Quirks) { q.ShowDeactivated = true })
	if count(nil) != 3.0 {
		t.Error("show_deactivated")
	}
	if a := w.must(w.do(`query($id: ID!){user(id:$id){active}}`, vars{"id": id})); a.At("data", "user", "active") != false {
		t.Error(a.Raw)
	}
}

func TestUserRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const nobody = "0b0e2f3a-9c1d-4e5f-8a7b-1c2d3e4f5a6b"
	create := func(more ...any) answer {
		user := vars{"email": "x@example.com", "reference": "r"}
		for i := 0; i+1 < len(more); i += 2 {
			user[more[i].(string)] = more[i+1]
		}
		return w.do(createUser, vars{"user": user})
	}
	users := len(w.sim.State().Users)
	w.refused(create("email", "x"), 400, "IS_EMAIL")
	w.refused(create("email", "Member@example.com"), 400, "USER_ALREADY_EXISTS")
	w.refused(create("reference", " "), 400, "IS_NOT_EMPTY")
	w.refused(create("tenantId", nobody), 404, "TENANT_NOT_FOUND")
	w.refused(create("tenantId", "1"), 400, "INVALID_UUID")
	w.refused(create("roles", []string{"ghost"}), 404, "ROLE_NOT_FOUND")
	if n := len(w.sim.State().Users); n != users {
		t.Errorf("%d users by refused calls", n-users)
	}
	w.must(create())
	w.refused(create("email", "y@example.com"), 400, "USER_ALREADY_EXISTS") // by its reference
	w.refused(w.do(updateUser, vars{"id": w.admin, "user": vars{"email": "member@example.com"}}), 400, "USER_ALREADY_EXISTS")
	w.refused(w.do(updateUser, vars{"id": w.admin, "user": vars{"email": nil}}), 400, "IS_EMAIL")
	w.refused(w.do(updateUser, vars{"id": w.admin, "user": vars{"tenantId": nobody}}), 404, "TENANT_NOT_FOUND")
	w.refused(w.do(updateUser, vars{"id": nobody, "user": vars{}}), 404, "USER_NOT_FOUND")
	w.must(w.do(updateUser, vars{"id": w.admin, "user": vars{"email": "ADMIN@example.com"}})) // his own
	for _, query := range []string{`user`, `userProfile`, `tenant`, `role`, `userGroup`} {
		w.refused(w.do(`query($id: ID!){`+query+`(id:$id){id}}`, vars{"id": "5"}), 400, "INVALID_UUID")
		if a := w.do(`query($id: ID!){`+query+`(id:$id){id}}`, vars{"id": nobody}); a.At("errors", 0, "extensions", "response", "statusCode") != 404.0 {
			t.Errorf("%s: %s", query, a.Raw)
		}
	}
}

func TestRolesOfUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	change := func(field string, user string, keys ...string) answer {
		return w.do(`mutation `+field+`($roleKeys: [String!]!, $userId: ID!) { `+field+`(roleKeys: $roleKeys, userId: $userId) }`, vars{"roleKeys": keys, "userId": user})
	}
	keys := func() (out []string) {
		a := w.must(w.do(`query($id: ID!){user(id:$id){roles(order:{sort:key order:ASC}){data{key name inviteRoleKeys isSystemManaged}}}}`, vars{"id": w.member}))
		for n := range a.Len("data", "user", "roles", "data") {
			out = append(out, a.Text("data", "user", "roles", "data", n, "key"))
		}
		return out
	}
	if a := w.must(change("assignRolesToUser", w.member, "admin", "member")); a.At("data", "assignRolesToUser") != true || !slices.Equal(keys(), []string{"admin", "member"}) {
		t.Errorf("%s %v", a.Raw, keys())
	}
	w.must(change("unassignRolesFromUser", w.member, "member"))
	w.must(change("unassignRolesFromUser", w.member, "member"))
	if got := keys(); !slices.Equal(got, []string{"admin"}) {
		t.Error(got)
	}
	w.refused(change("assignRolesToUser", w.member, "ghost"), 404, "ROLE_NOT_FOUND")
	w.refused(change("unassignRolesFromUser", w.member, "ghost"), 404, "ROLE_NOT_FOUND")
	w.refused(change("assignRolesToUser", w.acme, "admin"), 404, "USER_NOT_FOUND")
}

func TestRolesAndGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sim.AddRole(roq.Role{Key: "system", Name: "System", Description: "of the platform", System: true})
	w.sim.AddGroup(roq.Group{Name: "Team", Reference: "t", Type: "club", Roles: []string{"member"}, Users: []string{w.member}})
	a := w.must(w.do(`query roles($f: RoleFilterArgType){roles(filter:$f, order:{sort:key order:ASC}){data{id key name description inviteRoleKeys isSystemManaged projectEntityId reference userIdField users{totalCount} userGroups{data{name}}}totalCount}}`, nil))
	if a.At("data", "roles", "totalCount") != 3.0 || a.Text("data", "roles", "data", 0, "inviteRoleKeys", 0) != "member" || a.At("data", "roles", "data", 0, "users", "totalCount") != 1.0 ||
		a.Text("data", "roles", "data", 1, "userGroups", "data", 0, "name") != "Team" || a.Text("data", "roles", "data", 2, "description") != "of the platform" {
		t.Error(a.Raw)
	}
	total := func(filter vars) any {
		return w.must(w.do(`query($f: RoleFilterArgType){roles(filter:$f){totalCount}}`, vars{"f": filter})).At("data", "roles", "totalCount")
	}
	if total(vars{"isSystemManaged": vars{"equalTo": true}}) != 1.0 || total(vars{"userId": vars{"equalTo": w.member}}) != 1.0 || total(vars{"invite": vars{"equalTo": true}}) != 3.0 || total(vars{"permissionId": vars{"equalTo": w.member}}) != 0.0 {
		t.Error("roles are not filtered")
	}
	g := w.must(w.do(`{userGroups(filter:{type:{equalTo:"club"}} order:{sort:name order:ASC}){data{id name reference type userGroupType{name} roles{data{key}} users{data{email}}}totalCount}}`, nil))
	if g.Text("data", "userGroups", "data", 0, "users", "data", 0, "email") != "member@example.com" || g.Text("data", "userGroups", "data", 0, "roles", "data", 0, "key") != "member" {
		t.Error(g.Raw)
	}
	w.must(w.do(`query($id: ID!){userGroup(id:$id){name}}`, vars{"id": g.Text("data", "userGroups", "data", 0, "id")}))
	w.must(w.do(`query($id: ID!){role(id:$id){key}}`, vars{"id": a.Text("data", "roles", "data", 0, "id")}))
	p := w.must(w.do(`query($id: ID!){userProfile(id:$id){id email reference connectedProviders{id}} userProfiles(search:{key:email value:"adm"} order:{sort:firstName order:ASC}){data{email}totalCount}}`, vars{"id": w.member}))
	if p.Text("data", "userProfile", "email") != "member@example.com" || p.At("data", "userProfiles", "totalCount") != 1.0 {
		t.Error(p.Raw)
	}
}

func TestTenants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.Advance(time.Second)
	id := w.must(w.do(`mutation createTenant($tenant: TenantCreateDto!){createTenant(tenant:$tenant){id name reference isDefault createdAt}}`, vars{"tenant": vars{"name": "New", "reference": "n-1"}})).Text("data", "createTenant", "id")
	a := w.must(w.do(`query($id: ID!){tenant(id:$id){name reference isDefault users{totalCount}} tenants(limit:2){data{name isDefault}totalCount} isTenantsActive}`, vars{"id": id}))
	if a.Text("data", "tenant", "reference") != "n-1" || a.At("data", "tenants", "totalCount") != 3.0 || a.Text("data", "tenants", "data", 0, "name") != "New" || a.At("data", "isTenantsActive") != true {
		t.Error(a.Raw)
	}
	a = w.must(w.do(`{tenants(order:{sort:createdAt order:ASC}){data{name isDefault users{totalCount}}}}`, nil))
	if a.At("data", "tenants", "data", 0, "isDefault") != true || a.At("data", "tenants", "data", 1, "isDefault") != false || a.At("data", "tenants", "data", 0, "users", "totalCount") != 2.0 {
		t.Error(a.Raw)
	}
	const update = `mutation updateTenant($id: ID!, $tenant: TenantUpdateDto!){updateTenant(id:$id, tenant:$tenant){name reference}}`
	if a := w.must(w.do(update, vars{"id": id, "tenant": vars{"name": "Newer"}})); a.Text("data", "updateTenant", "name") != "Newer" || a.Text("data", "updateTenant", "reference") != "n-1" {
		t.Error(a.Raw)
	}
	if a := w.must(w.do(`{tenants(filter:{reference:{like:"n-%"}}){data{id}totalCount}}`, nil)); a.Text("data", "tenants", "data", 0, "id") != id {
		t.Error(a.Raw)
	}
	w.refused(w.do(update, vars{"id": id, "tenant": vars{"name": " "}}), 400, "IS_NOT_EMPTY")
	w.refused(w.do(update, vars{"id": w.admin, "tenant": vars{"name": "x"}}), 404, "TENANT_NOT_FOUND")
	w.refused(w.do(`mutation{createTenant(tenant:{name:""}){id}}`, nil), 400, "IS_NOT_EMPTY")
	w.quirks(func(q *roq.Quirks) { q.TenantsInactive = true })
	if a := w.must(w.do(`{isTenantsActive}`, nil)); a.At("data", "isTenantsActive") != false {
		t.Error(a.Raw)
	}
}
