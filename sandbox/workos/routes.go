package workos

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"usher/sandbox/stage"
)

// Groups of routes, which an API key can be bound to.
const (
	GroupInvitations   = "invitations"
	GroupMemberships   = "organization_memberships"
	GroupUsers         = "users"
	GroupSessions      = "sessions"
	GroupOrganizations = "organizations"
	GroupRoles         = "roles"
	GroupEvents        = "events"
	GroupWebhooks      = "webhooks"
)

// route is one operation.
type route struct {
	method, pattern string
	group           string // empty: public
	do              func(*call) reply
}

func (s *Simulator) table() []route {
	return slices.Concat(s.invitationRoutes(), s.membershipRoutes(), s.userRoutes(), s.loginRoutes(),
		s.organizationRoutes(), s.roleRoutes(), s.permissionRoutes(), s.eventRoutes())
}

func (s *Simulator) invitationRoutes() []route {
	const g, base = GroupInvitations, "/user_management/invitations"
	return []route{
		{"POST", base, g, s.sendInvitation},
		{"GET", base, g, s.listInvitations},
		{"GET", base + "/by_token/{token}", g, s.getInvitationByToken},
		{"GET", base + "/{id}", g, s.getInvitation},
		{"POST", base + "/{id}/accept", g, s.acceptInvitation},
		{"POST", base + "/{id}/revoke", g, s.revokeInvitation},
		{"POST", base + "/{id}/resend", g, s.resendInvitation},
	}
}

func (s *Simulator) membershipRoutes() []route {
	const g, base = GroupMemberships, "/user_management/organization_memberships"
	return []route{
		{"GET", base, g, s.listMemberships},
		{"POST", base, g, s.postMembership},
		{"GET", base + "/{id}", g, s.getMembership},
		{"PUT", base + "/{id}", g, s.putMembership},
		{"DELETE", base + "/{id}", g, s.deleteMembership},
		{"PUT", base + "/{id}/deactivate", g, s.deactivateMembership},
		{"PUT", base + "/{id}/reactivate", g, s.reactivateMembership},
	}
}

func (s *Simulator) userRoutes() []route {
	const g, base = GroupUsers, "/user_management/users"
	return []route{
		{"GET", base, g, s.listUsers},
		{"POST", base, g, s.postUser},
		{"GET", base + "/external_id/{external}", g, s.getUserByExternalID},
		{"GET", base + "/{id}", g, s.getUser},
		{"PUT", base + "/{id}", g, s.putUser},
		{"DELETE", base + "/{id}", g, s.deleteUser},
		{"GET", base + "/{id}/sessions", GroupSessions, s.listSessions},
	}
}

func (s *Simulator) loginRoutes() []route {
	return []route{
		{"GET", "/sso/jwks/{client}", "", s.jwks},
		{"POST", "/user_management/authenticate", "", s.authenticate},
		{"POST", "/user_management/sessions/revoke", GroupSessions, s.revokeSession},
	}
}

func (s *Simulator) organizationRoutes() []route {
	const g, base, domains = GroupOrganizations, "/organizations", "/organization_domains"
	return []route{
		{"GET", base, g, s.listOrganizations},
		{"POST", base, g, s.postOrganization},
		{"GET", base + "/external_id/{external}", g, s.getOrganizationByExternalID},
		{"GET", base + "/{id}", g, s.getOrganization},
		{"PUT", base + "/{id}", g, s.putOrganization},
		{"DELETE", base + "/{id}", g, s.deleteOrganization},
		{"GET", base + "/{organization}/roles", GroupRoles, s.listOrganizationRolesByOldPath},
		{"POST", domains, g, s.postDomain},
		{"GET", domains + "/{id}", g, s.getDomain},
		{"DELETE", domains + "/{id}", g, s.deleteDomain},
		{"POST", domains + "/{id}/verify", g, s.verifyDomain},
	}
}

func (s *Simulator) roleRoutes() []route {
	const g, env, org = GroupRoles, "/authorization/roles", "/authorization/organizations/{organization}/roles"
	return []route{
		{"GET", env, g, s.listRoles},
		{"POST", env, g, s.postRole},
		{"GET", env + "/{slug}", g, s.getRole},
		{"PATCH", env + "/{slug}", g, s.patchRole},
		{"PUT", env + "/{slug}/permissions", g, s.putRolePermissions},
		{"POST", env + "/{slug}/permissions", g, s.postRolePermission},
		{"GET", org, g, s.listOrganizationRoles},
		{"POST", org, g, s.postOrganizationRole},
		{"GET", org + "/{slug}", g, s.getOrganizationRole},
		{"PATCH", org + "/{slug}", g, s.patchOrganizationRole},
		{"DELETE", org + "/{slug}", g, s.deleteOrganizationRole},
		{"PUT", org + "/{slug}/permissions", g, s.putRolePermissions},
		{"POST", org + "/{slug}/permissions", g, s.postRolePermission},
		{"DELETE", org + "/{slug}/permissions/{permission}", g, s.deleteRolePermission},
	}
}

func (s *Simulator) permissionRoutes() []route {
	const g, base = GroupRoles, "/authorization/permissions"
	return []route{
		{"GET", base, g, s.listPermissions},
		{"POST", base, g, s.postPermission},
		{"GET", base + "/{slug}", g, s.getPermission},
		{"PATCH", base + "/{slug}", g, s.patchPermission},
		{"DELETE", base + "/{slug}", g, s.deletePermission},
	}
}

func (s *Simulator) eventRoutes() []route {
	return []route{
		{"GET", "/events", GroupEvents, s.listEvents},
		{"GET", "/webhook_endpoints", GroupWebhooks, s.listEndpoints},
		{"POST", "/webhook_endpoints", GroupWebhooks, s.postEndpoint},
		{"PATCH", "/webhook_endpoints/{id}", GroupWebhooks, s.patchEndpoint},
		{"DELETE", "/webhook_endpoints/{id}", GroupWebhooks, s.deleteEndpoint},
	}
}

// match finds a call's route; nil where there is none. Patterns are tried in
// the table's order, so that fixed names come before {id}.
func (s *Simulator) match(c *call) *route {
	parts := strings.Split(strings.TrimSuffix(c.r.URL.EscapedPath(), "/"), "/")
	for i := range parts {
		var err error
		if parts[i], err = url.PathUnescape(parts[i]); err != nil {
			return nil
		}
	}
	for i := range s.routes {
		rt := &s.routes[i]
		if rt.method != c.r.Method && (rt.method != http.MethodGet || c.r.Method != http.MethodHead) {
			continue
		}
		if params, ok := stage.Match(rt.pattern, parts); ok {
			c.params = params
			return rt
		}
	}
	return nil
}
