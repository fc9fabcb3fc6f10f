package asgardeo

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"usher/sandbox/stage"
)

// Where a route is offered.
const (
	both = iota
	onlyRoot
	onlyOrg // also answers on root paths, as the vendor does, with an error of its own
)

// route is one operation: the scopes are those of FACTS.md section 1.3.
type route struct {
	method, pattern string
	root, org       string // scope on root paths and below /o/; empty: any token
	where           int
	public          bool // no token
	user            bool // a user's token only
	resend          bool // scope by Quirks.ResendScope
	do              func(*call) reply
}

func (s *Simulator) table() []route {
	return slices.Concat(s.oauthRoutes(), s.userRoutes(), s.groupRoutes(), s.roleRoutes(), s.metaRoutes(),
		s.guestRoutes(), s.organizationRoutes(), s.shareRoutes(), s.personRoutes())
}

// scoped gives a route the usual pair of scopes, internal_… and internal_org_….
func scoped(method, pattern, scope string, do func(*call) reply) route {
	return route{method: method, pattern: pattern, root: "internal_" + scope, org: "internal_org_" + scope, do: do}
}

func (s *Simulator) oauthRoutes() []route {
	return []route{
		{method: "POST", pattern: "/oauth2/token", public: true, do: s.tokenEndpoint},
		{method: "POST", pattern: "/oauth2/introspect", public: true, where: onlyRoot, do: s.introspectToken},
		{method: "POST", pattern: "/oauth2/revoke", public: true, where: onlyRoot, do: s.revokeToken},
		{method: "GET", pattern: "/oauth2/jwks", public: true, do: s.jwks},
		{method: "GET", pattern: "/oauth2/token/.well-known/openid-configuration", public: true, do: s.discovery},
	}
}

func (s *Simulator) userRoutes() []route {
	return []route{
		scoped("GET", "/scim2/Users", "user_mgt_list", s.listUsers),
		scoped("POST", "/scim2/Users/.search", "user_mgt_list", s.searchUsers),
		scoped("POST", "/scim2/Users", "user_mgt_create", s.postUser),
		scoped("GET", "/scim2/Users/{id}", "user_mgt_view", s.getUser),
		scoped("PUT", "/scim2/Users/{id}", "user_mgt_update", s.putUser),
		scoped("PATCH", "/scim2/Users/{id}", "user_mgt_update", s.patchUser),
		scoped("DELETE", "/scim2/Users/{id}", "user_mgt_delete", s.deleteUser),
		{method: "POST", pattern: "/scim2/Bulk", root: "internal_bulk_mgt_create", org: "internal_org_bulk_resource_create", do: s.bulk},
	}
}

func (s *Simulator) groupRoutes() []route {
	return []route{
		scoped("GET", "/scim2/Groups", "group_mgt_view", s.listGroups),
		scoped("POST", "/scim2/Groups/.search", "group_mgt_view", s.searchGroups),
		scoped("POST", "/scim2/Groups", "group_mgt_create", s.postGroup),
		scoped("GET", "/scim2/Groups/{id}", "group_mgt_view", s.getGroup),
		scoped("PUT", "/scim2/Groups/{id}", "group_mgt_update", s.putGroup),
		scoped("PATCH", "/scim2/Groups/{id}", "group_mgt_update", s.patchGroup),
		scoped("DELETE", "/scim2/Groups/{id}", "group_mgt_delete", s.deleteGroup),
	}
}

func (s *Simulator) roleRoutes() []route {
	return []route{
		scoped("GET", "/scim2/v2/Roles", "role_mgt_view", s.listRoles),
		scoped("POST", "/scim2/v2/Roles/.search", "role_mgt_view", s.searchRoles),
		scoped("POST", "/scim2/v2/Roles", "role_mgt_create", s.postRole),
		scoped("GET", "/scim2/v2/Roles/{id}", "role_mgt_view", s.getRole),
		scoped("PUT", "/scim2/v2/Roles/{id}", "role_mgt_update", s.putRole),
		scoped("PATCH", "/scim2/v2/Roles/{id}", "role_mgt_update", s.patchRole),
		scoped("DELETE", "/scim2/v2/Roles/{id}", "role_mgt_delete", s.deleteRole),
		scoped("GET", "/scim2/v3/Roles", "role_mgt_view", s.listRoles),
		scoped("POST", "/scim2/v3/Roles/.search", "role_mgt_view", s.searchRoles),
		scoped("POST", "/scim2/v3/Roles", "role_mgt_meta_create", s.postRole),
		scoped("GET", "/scim2/v3/Roles/{id}", "role_mgt_view", s.getRole),
		scoped("PUT", "/scim2/v3/Roles/{id}", "role_mgt_meta_update", s.putRoleMeta),
		scoped("PATCH", "/scim2/v3/Roles/{id}", "role_mgt_meta_update", s.patchRoleMeta),
		scoped("DELETE", "/scim2/v3/Roles/{id}", "role_mgt_delete", s.deleteRole),
		scoped("PUT", "/scim2/v3/Roles/{id}/Users", "role_mgt_users_update", s.putRoleUsers),
		scoped("PATCH", "/scim2/v3/Roles/{id}/Users", "role_mgt_users_update", s.patchRoleUsers),
		scoped("PUT", "/scim2/v3/Roles/{id}/Groups", "role_mgt_groups_update", s.putRoleGroups),
		scoped("PATCH", "/scim2/v3/Roles/{id}/Groups", "role_mgt_groups_update", s.patchRoleGroups),
	}
}

func (s *Simulator) metaRoutes() []route {
	return []route{
		{method: "GET", pattern: "/scim2/ServiceProviderConfig", do: s.serviceProviderConfig},
		{method: "GET", pattern: "/scim2/ResourceTypes", do: s.resourceTypes},
		{method: "GET", pattern: "/scim2/Schemas", do: s.listSchemas},
		{method: "GET", pattern: "/scim2/Schemas/{id}", do: s.getSchema},
	}
}

func (s *Simulator) guestRoutes() []route {
	guest := func(method, pattern, scope string, do func(*call) reply) route {
		scope = "internal_org_guest_mgt_invite_" + scope
		return route{method: method, pattern: "/api/server/v1/guests/" + pattern, where: onlyOrg, root: scope, org: scope, do: do}
	}
	return []route{
		guest("POST", "invite", "add", s.invite),
		guest("GET", "invitations", "list", s.listInvitations),
		guest("DELETE", "invitations/{id}", "delete", s.deleteInvitation),
		guest("POST", "invitation/introspect", "list", s.introspectInvitation),
		{method: "POST", pattern: "/api/server/v1/guests/invitation/accept", where: onlyOrg, public: true, do: s.acceptInvitation},
	}
}

func (s *Simulator) organizationRoutes() []route {
	const orgs = "/api/server/v1/organizations"
	return []route{
		scoped("GET", "/api/server/v1/applications", "application_mgt_view", s.listApplications),
		scoped("GET", "/api/server/v1/applications/{id}", "application_mgt_view", s.getApplication),
		scoped("GET", orgs, "organization_view", s.listOrganizations),
		scoped("POST", orgs, "organization_create", s.postOrganization),
		scoped("POST", orgs+"/check-name", "organization_view", s.checkName),
		scoped("POST", orgs+"/check-handle", "organization_view", s.checkHandle),
		scoped("GET", orgs+"/self", "organization_view", s.getSelf),
		scoped("PATCH", orgs+"/self", "organization_update", s.patchSelf),
		scoped("GET", orgs+"/metadata", "organization_view", s.organizationMetadata),
		scoped("GET", orgs+"/meta-attributes", "organization_view", s.metaAttributes),
		scoped("GET", orgs+"/{id}", "organization_view", s.getOrganization),
		scoped("PATCH", orgs+"/{id}", "organization_update", s.patchOrganization),
		scoped("PUT", orgs+"/{id}", "organization_update", s.putOrganization),
		scoped("DELETE", orgs+"/{id}", "organization_delete", s.deleteOrganization),
		scoped("POST", orgs+"/{id}/applications/{app}/share", "application_mgt_update", s.shareApplication),
		scoped("GET", orgs+"/{id}/applications/{app}/share", "application_mgt_view", s.listAppShares),
		scoped("DELETE", orgs+"/{id}/applications/{app}/share/{shared}", "application_mgt_update", s.unshareApplication),
	}
}

func (s *Simulator) shareRoutes() []route {
	const v1, v2 = "/api/server/v1/users/", "/api/server/v2/users/"
	const ops = "/api/server/v1/async-operations"
	return []route{
		scoped("POST", v2+"share", "user_share", s.shareUsers),
		scoped("PATCH", v2+"share", "user_shared_access_update", s.patchShares),
		scoped("POST", v2+"share-with-all", "user_share", s.shareUsersWithAll),
		scoped("POST", v2+"unshare", "user_unshare", s.unshareUsers),
		scoped("POST", v2+"unshare-with-all", "user_unshare", s.unshareUsersFromAll),
		scoped("GET", v2+"{id}/share", "user_shared_access_view", s.listShares),
		scoped("POST", v1+"share", "user_share", s.shareUsers),
		scoped("POST", v1+"share-with-all", "user_share", s.shareUsersWithAll),
		scoped("POST", v1+"unshare", "user_unshare", s.unshareUsers),
		scoped("POST", v1+"unshare-with-all", "user_unshare", s.unshareUsersFromAll),
		scoped("GET", v1+"{id}/shared-organizations", "user_shared_access_view", s.listSharedOrganizations),
		scoped("GET", v1+"{id}/shared-roles", "user_shared_access_view", s.listSharedRoles),
		scoped("GET", ops, "async_operation_status_view", s.listOperations),
		scoped("GET", ops+"/{id}", "async_operation_status_view", s.getOperation),
		scoped("GET", ops+"/{id}/unit-operations", "async_operation_status_view", s.listUnits),
		scoped("GET", ops+"/{id}/unit-operations/{unit}", "async_operation_status_view", s.getUnit),
	}
}

func (s *Simulator) personRoutes() []route {
	const me = "/api/users/v1/me/organizations"
	return []route{
		{method: "POST", pattern: "/api/identity/user/v1.0/resend-code", resend: true, do: s.resendCode},
		scoped("POST", "/api/users/v1/offline-invite-link", "offline_invite", s.offlineInviteLink),
		{method: "GET", pattern: me, user: true, where: onlyRoot, do: s.myOrganizations},
		{method: "GET", pattern: me + "/root", user: true, where: onlyRoot, root: "internal_login", do: s.myRoot},
		{method: "GET", pattern: me + "/root/descendants", user: true, where: onlyRoot, root: "internal_login", do: s.myDescendants},
	}
}

// match finds a call's route. Patterns are tried in the table's order, so that
// fixed names come before {id}.
func (s *Simulator) match(c *call) (*route, reply) {
	parts := strings.Split(strings.TrimSuffix(c.rest, "/"), "/")
	known := false
	for i := range s.routes {
		rt := &s.routes[i]
		if c.orgPath && rt.where == onlyRoot {
			continue
		}
		params, ok := stage.Match(rt.pattern, parts)
		if !ok {
			continue
		}
		known = true
		if rt.method == c.r.Method {
			c.params = params
			return rt, reply{}
		}
	}
	switch {
	case known:
		return nil, apiError(http.StatusMethodNotAllowed, http.StatusMethodNotAllowed, "Method Not Allowed", "The method is not offered here.")
	case c.orgPath:
		return nil, apiError(http.StatusNotFound, http.StatusNotFound, "Not Found", "Organization specific routing failed.")
	case c.family == "scim2":
		return nil, s.notFound("User")
	}
	return nil, apiError(http.StatusNotFound, http.StatusNotFound, "Not Found", "No such resource.")
}

// allScopes are the scopes the routes ask for, those of root paths and those of /o/.
func (s *Simulator) allScopes() (root, org []string) {
	roots, orgs := map[string]bool{"internal_login": true}, map[string]bool{}
	for _, rt := range s.routes {
		if rt.root != "" && rt.where != onlyOrg {
			roots[rt.root] = true
		}
		if rt.org != "" {
			orgs[rt.org] = true
		}
	}
	return slices.Sorted(maps.Keys(roots)), slices.Sorted(maps.Keys(orgs))
}
