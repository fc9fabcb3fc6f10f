package asgardeo_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/sandbox/asgardeo"
	"usher/sandbox/asgardeo/contract"
)

// notSimulated are operations of the documents that the simulator leaves out,
// by the start of their name.
func notSimulated() map[string]string {
	return map[string]string{
		"webhooks.yaml ":                                         "preview; nothing uses it yet",
		"identity-user.yaml POST /validate-":                     "self registration",
		"identity-user.yaml POST /introspect-code":               "self registration",
		"organizations.yaml POST /organizations/check-discovery": "sign-in by domain",
		"organizations.yaml POST /organizations/discovery":       "sign-in by domain",
		"organizations.yaml GET /organizations/discovery":        "sign-in by domain",
	}
}

func isLeftOut(operation string) bool {
	if strings.Contains(operation, " /Me") || strings.HasSuffix(operation, "/discovery") {
		return true
	}
	for start := range notSimulated() {
		if strings.HasPrefix(operation, start) {
			return true
		}
	}
	return false
}

// TestContract drives every operation and validates each request and answer.
func TestContract(t *testing.T) {
	t.Parallel()
	v := contract.NewValidator(t)
	w := newWorld(t, v.Middleware)
	driveTokens(w)
	driveUsers(w, "/scim2", w.root())
	driveUsers(w, "/o/scim2", w.org(w.acme))
	driveGroups(w)
	driveRoles(w)
	driveMeta(w)
	driveGuests(w)
	driveOrganizations(w)
	driveShares(w)
	drivePersons(w)
	driveRefusals(w)
	for _, operation := range v.Operations() {
		if !v.Seen(operation) && !isLeftOut(operation) {
			t.Errorf("%s was never driven", operation)
		}
	}
	if len(v.Unused()) > 0 {
		t.Errorf("exemptions nothing needs: %q", v.Unused())
	}
}

func driveTokens(w *world) {
	w.org(w.acme)
	w.want(w.tokenRequest(url.Values{"grant_type": {"refresh_token"}}), 400)
	w.want(w.do("POST", "/oauth2/token", "", url.Values{"grant_type": {"client_credentials"}}), 401)
	w.want(w.do("POST", "/oauth2/introspect", w.root(), url.Values{"token": {w.org(w.acme)}}), 200)
	w.want(w.do("GET", "/oauth2/jwks", "", nil), 200)
	w.want(w.do("GET", "/oauth2/token/.well-known/openid-configuration", "", nil), 200)
}

func driveUsers(w *world, base, token string) {
	name := strings.Trim(strings.ReplaceAll(base, "/", "-"), "-") + "@example.com"
	id := w.want(w.do("POST", base+"/Users", token, newUser(name, "name", map[string]any{"givenName": "A", "familyName": "B"})), 201).Text("id")
	w.want(w.do("POST", base+"/Users", token, newUser(name)), 409)
	w.want(w.do("POST", base+"/Users", token, newUser("no address")), 400)
	for _, q := range []func(*asgardeo.Quirks){
		func(*asgardeo.Quirks) {}, func(q *asgardeo.Quirks) { q.EmailsAsObjects = true }, func(q *asgardeo.Quirks) { q.SCIMAsJSON = true },
		func(q *asgardeo.Quirks) { q.ExtensionBooleans = true }, func(q *asgardeo.Quirks) { q.EmptyResources = true },
	} {
		w.quirks(q)
		w.want(w.users(base+"/Users", token, `emails eq "`+name+`"`), 200)
		w.want(w.users(base+"/Users", token, `emails eq nobody@example.com`), 200)
		w.want(w.do("GET", base+"/Users/"+id, token, nil), 200)
	}
	w.quirks(func(q *asgardeo.Quirks) { *q = asgardeo.DefaultQuirks() })
	w.want(w.do("POST", base+"/Users/.search", token, map[string]any{"filter": "userName eq " + name, "count": 10}), 200)
	w.want(w.users(base+"/Users", token, "userName eq a or userName eq b"), 500)
	w.want(w.users(base+"/Users", token, "userName pr"), 400)
	w.want(w.do("GET", base+"/Users?sortBy=userName", token, nil), 501)
	w.want(w.do("PATCH", base+"/Users/"+id, token, map[string]any{"Operations": []any{map[string]any{"op": "replace", "value": map[string]any{"nickName": "N"}}}}), 200)
	w.want(w.do("PUT", base+"/Users/"+id, token, map[string]any{"userName": name, "emails": []any{map[string]any{"value": name, "primary": true}}}), 200)
	w.want(w.do("PUT", base+"/Users/"+id, token, map[string]any{"userName": "other@example.com"}), 400)
	w.want(w.do("POST", base+"/Bulk", token, map[string]any{"Operations": []any{
		map[string]any{"method": "POST", "path": "/Users", "bulkId": "b", "data": newUser("bulk-" + name)},
		map[string]any{"method": "POST", "path": "/Users", "bulkId": "c", "data": newUser("bulk-" + name)},
	}}), 200)
	w.want(w.do("DELETE", base+"/Users/"+id, token, nil), 204)
	w.want(w.do("GET", base+"/Users/"+id, token, nil), 404)
	w.quirks(func(q *asgardeo.Quirks) { q.Workflow = true })
	w.want(w.do("POST", base+"/Users", token, newUser("later-"+name)), 202)
	w.quirks(func(q *asgardeo.Quirks) { q.Workflow = false; q.UserLimit = 1 })
	w.want(w.do("POST", base+"/Users", token, newUser("toomany-"+name)), 403)
	w.quirks(func(q *asgardeo.Quirks) { q.UserLimit = 0 })
}

func driveGroups(w *world) {
	u := w.sim.AddUser(asgardeo.Person{Email: "group@example.com"})
	id := w.want(w.do("POST", "/scim2/Groups", w.root(), map[string]any{"schemas": []string{}, "displayName": "sales", "members": []any{map[string]any{"value": u}}}), 201).Text("id")
	w.want(w.do("POST", "/scim2/Groups", w.root(), map[string]any{"schemas": []string{}, "displayName": "sales"}), 409)
	w.want(w.users("/scim2/Groups", w.root(), "displayName eq sales"), 200)
	w.want(w.do("POST", "/scim2/Groups/.search", w.root(), map[string]any{"filter": "displayName eq nothing"}), 200)
	w.want(w.do("GET", "/scim2/Groups/"+id, w.root(), nil), 200)
	w.want(w.do("PATCH", "/scim2/Groups/"+id, w.root(), map[string]any{"Operations": []any{map[string]any{"op": "remove", "path": "members[value eq " + u + "]"}}}), 200)
	w.want(w.do("PUT", "/scim2/Groups/"+id, w.root(), map[string]any{"displayName": "sales2"}), 200)
	w.want(w.do("DELETE", "/scim2/Groups/"+id, w.root(), nil), 204)
	w.want(w.do("GET", "/scim2/Groups/"+id, w.root(), nil), 404)
}

func driveRoles(w *world) {
	u := w.sim.AddUser(asgardeo.Person{Email: "role@example.com"})
	users := []any{map[string]any{"value": u}}
	for _, version := range []string{"/scim2/v2/Roles", "/scim2/v3/Roles"} {
		create := map[string]any{"schemas": []string{}, "displayName": "r" + version}
		id := w.want(w.do("POST", version, w.root(), create), 201).Text("id")
		w.want(w.do("POST", version, w.root(), create), 409)
		w.want(w.users(version, w.root(), "audience.type eq organization"), 200)
		w.want(w.do("POST", version+"/.search", w.root(), map[string]any{"filter": "displayName sw r"}), 200)
		if strings.Contains(version, "v2") {
			w.want(w.do("PATCH", version+"/"+id, w.root(), map[string]any{"Operations": []any{map[string]any{"op": "add", "path": "users", "value": users}}}), 200)
		} else {
			w.want(w.do("PATCH", version+"/"+id, w.root(), map[string]any{"Operations": []any{map[string]any{"op": "replace", "path": "permissions", "value": []any{map[string]any{"value": "p"}}}}}), 200)
			for _, part := range []string{"/Users", "/Groups"} {
				list := users
				if part == "/Groups" {
					list = []any{}
				}
				w.want(w.do("PUT", version+"/"+id+part, w.root(), list), 200)
				w.want(w.do("PATCH", version+"/"+id+part, w.root(), map[string]any{"Operations": []any{map[string]any{"op": "add", "path": strings.ToLower(part[1:]), "value": list}}}), 200)
			}
		}
		w.want(w.do("GET", version+"/"+id, w.root(), nil), 200)
		w.want(w.do("PUT", version+"/"+id, w.root(), map[string]any{"displayName": "x" + version}), 200)
		w.want(w.do("DELETE", version+"/"+id, w.root(), nil), 204)
		w.want(w.do("GET", version+"/"+id, w.root(), nil), 404)
	}
	w.want(w.do("PUT", "/o/scim2/v2/Roles/"+w.admin, w.org(w.acme), map[string]any{"displayName": "renamed"}), 400)
}

func driveMeta(w *world) {
	for _, path := range []string{"/ServiceProviderConfig", "/ResourceTypes", "/Schemas", "/Schemas/urn:scim:wso2:schema"} {
		w.want(w.do("GET", "/scim2"+path, w.root(), nil), 200)
	}
	w.want(w.do("GET", "/scim2/Schemas/none", w.root(), nil), 404)
}

func driveGuests(w *world) {
	const guests = "/o/api/server/v1/guests/"
	w.sim.AddUser(asgardeo.Person{Email: "guest@example.com"})
	w.want(w.do("GET", guests+"invitations", w.org(w.acme), nil), 200)
	w.want(w.invite("guest@example.com", w.admin), 200)
	w.want(w.invite("guest@example.com", w.admin), 200)
	w.want(w.invite("guest@example.com", "unknown"), 400)
	list := w.want(w.do("GET", guests+"invitations?filter=status%20eq%20PENDING", w.org(w.acme), nil), 200)
	w.want(w.do("GET", guests+"invitations?limit=1", w.org(w.acme), nil), 400)
	w.want(w.do("DELETE", guests+"invitations/"+list.Text("invitations", 0, "id"), w.org(w.acme), nil), 204)
	w.want(w.do("DELETE", guests+"invitations/none", w.org(w.acme), nil), 400)
	w.quirks(func(q *asgardeo.Quirks) { q.ExternalNotifications = true; q.InviteStatus = 201 })
	code := w.want(w.invite("guest@example.com"), 201).Text(0, "confirmationCode")
	w.want(w.do("POST", guests+"invitation/introspect", w.org(w.acme), map[string]any{"confirmationCode": code}), 200)
	w.want(w.do("POST", guests+"invitation/introspect", w.org(w.acme), map[string]any{"confirmationCode": "none"}), 400)
	w.want(w.do("POST", guests+"invitation/accept", "", map[string]any{"confirmationCode": code}), 204)
	w.want(w.do("POST", guests+"invitation/accept", "", map[string]any{"confirmationCode": code}), 400)
	w.want(w.do("POST", guests+"invite", w.root(), guest("guest@example.com")), 403)
	w.quirks(func(q *asgardeo.Quirks) { *q = asgardeo.DefaultQuirks() })
}

func driveOrganizations(w *world) {
	const orgs = "/api/server/v1/organizations"
	created := w.want(w.do("POST", orgs, w.root(), map[string]any{"name": "Beta", "orgHandle": "beta", "attributes": []any{map[string]any{"key": "k", "value": "v"}}}), 201)
	id := created.Text("id")
	w.want(w.do("POST", orgs, w.root(), map[string]any{"name": "Beta"}), 400)
	w.want(w.do("GET", orgs+"?filter=name%20co%20e&limit=1&recursive=true", w.root(), nil), 200)
	w.want(w.do("GET", orgs+"?after=x", w.root(), nil), 400)
	w.want(w.do("POST", orgs+"/check-name", w.root(), map[string]any{"name": "Beta"}), 200)
	w.want(w.do("POST", orgs+"/check-handle", w.root(), map[string]any{"orgHandle": "free"}), 200)
	for _, path := range []string{"/self", "/metadata", "/meta-attributes", "/" + id, "/" + id + "?includePermissions=true"} {
		w.want(w.do("GET", orgs+path, w.root(), nil), 200)
	}
	w.want(w.do("GET", "/o"+orgs+"/self", w.org(w.acme), nil), 200)
	w.want(w.do("PATCH", orgs+"/"+id, w.root(), []any{map[string]any{"operation": "REPLACE", "path": "/name", "value": "Beta 2"}}), 200)
	w.want(w.do("PATCH", orgs+"/self", w.root(), []any{map[string]any{"operation": "ADD", "path": "/attributes/a", "value": "b"}}), 200)
	w.want(w.do("PUT", orgs+"/"+id, w.root(), map[string]any{"name": "Beta 3", "status": "DISABLED"}), 200)
	app := orgs + "/" + w.sim.RootID() + "/applications/" + w.app.ID + "/share"
	w.want(w.do("POST", app, w.root(), map[string]any{"shareWithAllChildren": true}), 200)
	w.want(w.do("GET", app, w.root(), nil), 200)
	w.want(w.do("DELETE", app+"/"+id, w.root(), nil), 204)
	w.want(w.do("DELETE", orgs+"/"+id, w.root(), nil), 204)
	w.want(w.do("GET", orgs+"/"+id, w.root(), nil), 404)
}

func driveShares(w *world) {
	u := w.sim.AddUser(asgardeo.Person{Email: "share@example.com"})
	criteria := map[string]any{"userIds": []string{u}}
	role := map[string]any{"displayName": "member", "audience": map[string]any{"display": "Gateway", "type": "application"}}
	v1, v2 := "/api/server/v1/users/", "/api/server/v2/users/"
	w.want(w.do("POST", v2+"share", w.root(), map[string]any{"userCriteria": criteria, "organizations": []any{
		map[string]any{"orgId": w.acme, "policy": "SELECTED_ORG_ONLY", "roleAssignment": map[string]any{"mode": "SELECTED", "roles": []any{role}}}}}), 202)
	w.want(w.do("POST", v2+"share", w.root(), map[string]any{"userCriteria": criteria, "organizations": []any{}}), 400)
	w.want(w.do("PATCH", v2+"share", w.root(), map[string]any{"userCriteria": criteria, "Operations": []any{
		map[string]any{"op": "remove", "path": "organizations[orgId eq " + w.acme + "].roles", "value": []any{role}}}}), 202)
	w.want(w.do("POST", v2+"share-with-all", w.root(), map[string]any{"userCriteria": criteria, "policy": "ALL_EXISTING_AND_FUTURE_ORGS", "roleAssignment": map[string]any{"mode": "NONE"}}), 202)
	w.advance(2 * time.Second)
	w.want(w.do("GET", v2+u+"/share?attributes=roles,sharingMode&limit=10", w.root(), nil), 200)
	w.want(w.do("GET", v1+u+"/shared-organizations", w.root(), nil), 200)
	w.want(w.do("GET", v1+u+"/shared-roles?orgId="+w.acme, w.root(), nil), 200)
	ops := "/api/server/v1/async-operations"
	list := w.want(w.do("GET", ops, w.root(), nil), 200)
	op := list.Text("operations", 2, "operationId")
	w.want(w.do("GET", ops+"/"+op, w.root(), nil), 200)
	units := w.want(w.do("GET", ops+"/"+op+"/unit-operations", w.root(), nil), 200)
	w.want(w.do("GET", ops+"/"+op+"/unit-operations/"+units.Text("unitOperations", 0, "unitOperationId"), w.root(), nil), 200)
	w.want(w.do("GET", ops+"/none", w.root(), nil), 404)
	w.want(w.do("POST", v2+"unshare", w.root(), map[string]any{"userCriteria": criteria, "orgIds": []string{w.acme}}), 202)
	w.want(w.do("POST", v2+"unshare-with-all", w.root(), map[string]any{"userCriteria": criteria}), 202)
	w.want(w.do("POST", v1+"share", w.root(), map[string]any{"userCriteria": criteria, "organizations": []any{map[string]any{"orgId": w.acme, "policy": "SELECTED_ORG_ONLY", "roles": []any{role}}}}), 202)
	w.want(w.do("POST", v1+"share-with-all", w.root(), map[string]any{"userCriteria": criteria, "policy": "ALL_EXISTING_ORGS_ONLY", "roles": []any{role}}), 202)
	w.want(w.do("POST", v1+"unshare", w.root(), map[string]any{"userCriteria": criteria, "organizations": []string{w.acme}}), 202)
	w.want(w.do("POST", v1+"unshare-with-all", w.root(), map[string]any{"userCriteria": criteria}), 202)
}

func drivePersons(w *world) {
	id := w.sim.AddUser(asgardeo.Person{Email: "pending@example.com", Pending: true})
	resend := map[string]any{"user": map[string]any{"username": "pending@example.com", "realm": "DEFAULT"},
		"properties": []any{map[string]any{"key": "RecoveryScenario", "value": "ASK_PASSWORD"}}}
	w.want(w.do("POST", "/api/identity/user/v1.0/resend-code", w.root(), resend), 201)
	w.want(w.do("POST", "/o/api/identity/user/v1.0/resend-code", w.org(w.acme), resend), 400)
	w.quirks(func(q *asgardeo.Quirks) { q.ExternalNotifications = true })
	w.want(w.do("POST", "/api/identity/user/v1.0/resend-code", w.root(), resend), 201)
	w.quirks(func(q *asgardeo.Quirks) { q.ExternalNotifications = false })
	link := map[string]any{"username": "pending@example.com", "userstore": "DEFAULT"}
	w.want(w.do("POST", "/api/users/v1/offline-invite-link", w.root(), link), 201)
	w.want(w.do("POST", "/o/api/users/v1/offline-invite-link", w.org(w.acme), link), 400)
	w.sim.AddMember(w.acme, id, "member")
	mine := w.sim.UserToken(id, "gateway", "internal_login")
	for _, path := range []string{"", "/root", "/root/descendants"} {
		w.want(w.do("GET", "/api/users/v1/me/organizations"+path, mine, nil), 200)
	}
}

func driveRefusals(w *world) {
	weak := w.want(w.tokenRequest(url.Values{"grant_type": {"client_credentials"}, "scope": {"internal_login"}}), 200).Text("access_token")
	for _, path := range []string{"/scim2/Users", "/o/scim2/Users", "/api/server/v1/organizations", "/o/api/server/v1/guests/invitations"} {
		w.want(w.do("GET", path, "", nil), 401)
		w.want(w.do("GET", path, weak, nil), 403)
	}
	w.want(w.do("POST", "/o/api/server/v1/guests/invite", "", guest("a@example.com")), 401)
	w.want(w.do("POST", "/scim2/Users/.search", w.root(), map[string]any{}, "Content-Type", "application/scim+json; charset=utf-8"), 200)
	many := make([]any, 1001)
	for i := range many {
		many[i] = map[string]any{"method": "DELETE", "path": "/Users/none"}
	}
	w.want(w.do("POST", "/scim2/Bulk", w.root(), map[string]any{"Operations": many}), 413)
	w.quirks(func(q *asgardeo.Quirks) { q.RateLimits = true })
	bulk := map[string]any{"Operations": []any{}}
	statuses := []int{}
	for range 6 {
		statuses = append(statuses, w.do("POST", "/scim2/Bulk", w.root(), bulk).Status)
	}
	if !slices.Equal(statuses, []int{200, 200, 200, 200, 200, 429}) {
		w.t.Errorf("bulk answers %v", statuses)
	}
	w.quirks(func(q *asgardeo.Quirks) { q.RateLimits = false })
}
