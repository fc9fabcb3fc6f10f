package clerk

import (
	"slices"
	"strings"

	"usher/sandbox/stage"
)

// route is one operation of the Backend API; patterns stand below /v1.
type route struct {
	method, pattern string
	limit           limitClass
	public          bool // no secret key
	do              func(*call) (any, *failure)
}

func (s *Simulator) table() []route {
	return slices.Concat(s.userRoutes(), s.emailRoutes(), s.organizationRoutes(), s.membershipRoutes(), s.invitationRoutes(),
		s.roleRoutes(), s.instanceRoutes(), s.sessionRoutes())
}

func (s *Simulator) userRoutes() []route {
	return []route{
		{method: "GET", pattern: "/users", do: s.listUsers},
		{method: "POST", pattern: "/users", do: s.postUser},
		{method: "GET", pattern: "/users/count", do: s.countUsers},
		{method: "POST", pattern: "/users/ban", do: s.setManyBanned(true)},
		{method: "POST", pattern: "/users/unban", do: s.setManyBanned(false)},
		{method: "GET", pattern: "/users/{user}", do: s.getUser},
		{method: "PATCH", pattern: "/users/{user}", limit: perObject, do: s.patchUser},
		{method: "DELETE", pattern: "/users/{user}", do: s.deleteUser},
		{method: "POST", pattern: "/users/{user}/ban", do: s.setBanned(true)},
		{method: "POST", pattern: "/users/{user}/unban", do: s.setBanned(false)},
		{method: "POST", pattern: "/users/{user}/lock", do: s.setLocked(true)},
		{method: "POST", pattern: "/users/{user}/unlock", do: s.setLocked(false)},
		{method: "PATCH", pattern: "/users/{user}/metadata", limit: perObject, do: s.userMetadata(false)},
		{method: "PUT", pattern: "/users/{user}/metadata", limit: perObject, do: s.userMetadata(true)},
		{method: "POST", pattern: "/users/{user}/verify_password", do: s.verifyPassword},
		{method: "PUT", pattern: "/users/{user}/email_address", do: s.replaceEmail},
		{method: "GET", pattern: "/users/{user}/organization_memberships", do: s.listUserMemberships},
		{method: "GET", pattern: "/users/{user}/organization_invitations", do: s.listUserInvitations},
	}
}

func (s *Simulator) emailRoutes() []route {
	return []route{
		{method: "POST", pattern: "/email_addresses", do: s.postEmail},
		{method: "GET", pattern: "/email_addresses/{email}", do: s.getEmail},
		{method: "PATCH", pattern: "/email_addresses/{email}", do: s.patchEmail},
		{method: "DELETE", pattern: "/email_addresses/{email}", do: s.deleteEmail},
	}
}

func (s *Simulator) organizationRoutes() []route {
	return []route{
		{method: "GET", pattern: "/organizations", do: s.listOrganizations},
		{method: "POST", pattern: "/organizations", do: s.postOrganization},
		{method: "GET", pattern: "/organizations/{org}", do: s.getOrganization},
		{method: "PATCH", pattern: "/organizations/{org}", limit: perObject, do: s.patchOrganization},
		{method: "DELETE", pattern: "/organizations/{org}", do: s.deleteOrganization},
		{method: "PATCH", pattern: "/organizations/{org}/metadata", limit: perObject, do: s.organizationMetadata(false)},
		{method: "PUT", pattern: "/organizations/{org}/metadata", limit: perObject, do: s.organizationMetadata(true)},
	}
}

func (s *Simulator) membershipRoutes() []route {
	const members = "/organizations/{org}/memberships"
	return []route{
		{method: "GET", pattern: "/organization_memberships", do: s.listAllMemberships},
		{method: "GET", pattern: members, do: s.listMemberships},
		{method: "POST", pattern: members, do: s.postMembership},
		{method: "PATCH", pattern: members + "/{user}", limit: perObject, do: s.patchMembership},
		{method: "DELETE", pattern: members + "/{user}", do: s.deleteMembership},
		{method: "PATCH", pattern: members + "/{user}/metadata", limit: perObject, do: s.patchMembershipMetadata},
	}
}

func (s *Simulator) invitationRoutes() []route {
	const own = "/organizations/{org}/invitations"
	return []route{
		{method: "GET", pattern: "/organization_invitations", do: s.listAllInvitations},
		{method: "GET", pattern: own, do: s.listInvitations},
		{method: "POST", pattern: own, limit: perOrgInvite, do: s.postInvitation},
		{method: "POST", pattern: own + "/bulk", limit: perOrgBulk, do: s.postInvitations},
		{method: "GET", pattern: own + "/pending", do: s.listPending},
		{method: "GET", pattern: own + "/{invitation}", do: s.getInvitation},
		{method: "POST", pattern: own + "/{invitation}/revoke", do: s.revokeInvitation},
		{method: "GET", pattern: "/invitations", do: s.listAppInvitations},
		{method: "POST", pattern: "/invitations", limit: perAppInvite, do: s.postAppInvitation},
		{method: "POST", pattern: "/invitations/bulk", limit: perAppBulk, do: s.postAppInvitations},
		{method: "POST", pattern: "/invitations/{invitation}/revoke", do: s.revokeAppInvitation},
	}
}

func (s *Simulator) roleRoutes() []route {
	return []route{
		{method: "GET", pattern: "/organization_roles", do: s.listRoles},
		{method: "POST", pattern: "/organization_roles", do: s.postRole},
		{method: "GET", pattern: "/organization_roles/{role}", do: s.getRole},
		{method: "PATCH", pattern: "/organization_roles/{role}", do: s.patchRole},
		{method: "DELETE", pattern: "/organization_roles/{role}", do: s.deleteRole},
		{method: "POST", pattern: "/organization_roles/{role}/permissions/{permission}", do: s.assignPermission},
		{method: "DELETE", pattern: "/organization_roles/{role}/permissions/{permission}", do: s.removePermission},
		{method: "GET", pattern: "/organization_permissions", do: s.listPermissions},
		{method: "POST", pattern: "/organization_permissions", do: s.postPermission},
		{method: "GET", pattern: "/organization_permissions/{permission}", do: s.getPermission},
		{method: "PATCH", pattern: "/organization_permissions/{permission}", do: s.patchPermission},
		{method: "DELETE", pattern: "/organization_permissions/{permission}", do: s.deletePermission},
		{method: "GET", pattern: "/role_sets", do: s.listRoleSets},
		{method: "POST", pattern: "/role_sets", do: s.postRoleSet},
		{method: "GET", pattern: "/role_sets/{set}", do: s.getRoleSet},
		{method: "PATCH", pattern: "/role_sets/{set}", do: s.patchRoleSet},
		{method: "POST", pattern: "/role_sets/{set}/replace", do: s.replaceRoleSet},
		{method: "POST", pattern: "/role_sets/{set}/roles", do: s.addToRoleSet},
		{method: "POST", pattern: "/role_sets/{set}/roles/replace", do: s.replaceInRoleSet},
	}
}

func (s *Simulator) instanceRoutes() []route {
	return []route{
		{method: "GET", pattern: "/jwks", limit: unlimited, do: s.jwks},
		{method: "GET", pattern: publicKeys, limit: unlimited, public: true, do: s.jwks},
		{method: "GET", pattern: "/instance/organization_settings", do: s.getSettings},
		{method: "PATCH", pattern: "/instance/organization_settings", do: s.patchSettings},
	}
}

func (s *Simulator) sessionRoutes() []route {
	return []route{
		{method: "GET", pattern: "/sessions", do: s.listSessions},
		{method: "POST", pattern: "/sessions", do: s.postSession},
		{method: "GET", pattern: "/sessions/{session}", do: s.getSession},
		{method: "POST", pattern: "/sessions/{session}/revoke", do: s.revokeSession},
		{method: "POST", pattern: "/sessions/{session}/tokens", do: s.postToken},
	}
}

// publicKeys is the Frontend API's address of the keys, outside of /v1.
const publicKeys = "/.well-known/jwks.json"

// match finds a call's route. Patterns are tried in the table's order, so that
// fixed names come before {…}.
func (s *Simulator) match(c *call) *route {
	path, below := strings.CutPrefix(c.r.URL.Path, apiPrefix+"/")
	parts := strings.Split("/"+path, "/")
	if !below {
		parts = strings.Split(path, "/")
	}
	for i := range s.routes {
		rt := &s.routes[i]
		if rt.method != c.r.Method || below == (rt.pattern == publicKeys) {
			continue
		}
		if params, ok := stage.Match(rt.pattern, parts); ok {
			c.params = params
			return rt
		}
	}
	return nil
}
