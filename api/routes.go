package api

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"usher/identity"
)

// anyone is the permission of operations that every authenticated caller may
// use: they show only what the caller may see.
const anyone identity.Permission = "*"

// holder is the permission of operations for whoever holds the secret of a
// link: the secret is the credential. A token is not needed; one that is given
// must be good.
const holder identity.Permission = "-"

// route is one operation. All five parts are required.
type route struct {
	method, path string
	permission   identity.Permission
	id           string // operationId; its words are in operations.go
	function     func(huma.API, huma.Operation)
}

// routes is the whole of /v1: what is not here does not exist, and what is
// here cannot be reached without its permission.
func (a *API) routes() []route {
	const org = "/v1/organizations/{org}"
	return []route{
		{http.MethodGet, "/v1/organizations", anyone, "listOrganizations", handle(a.listOrganizations)},
		{http.MethodPost, "/v1/organizations", identity.OrganizationsWrite, "createOrganization", handle(a.createOrganization)},
		{http.MethodGet, org, anyone, "getOrganization", handle(a.getOrganization)},
		{http.MethodPatch, org, identity.OrganizationsWrite, "updateOrganization", handle(a.updateOrganization)},

		{http.MethodPost, org + "/invites", identity.InvitesWrite, "sendInvite", handle(a.sendInvite)},
		{http.MethodGet, org + "/invites", identity.InvitesRead, "listInvites", handle(a.listInvites)},
		{http.MethodGet, org + "/invites/{invite}", identity.InvitesRead, "getInvite", handle(a.getInvite)},
		{http.MethodPost, org + "/invites/{invite}/resend", identity.InvitesWrite, "resendInvite", handle(a.resendInvite)},
		{http.MethodPost, org + "/invites/{invite}/revoke", identity.InvitesWrite, "revokeInvite", handle(a.revokeInvite)},

		{http.MethodPost, org + "/invite-batches", identity.InvitesWrite, opSendBatch, handle(a.sendBatch)},
		{http.MethodGet, org + "/invite-batches", identity.InvitesRead, "listInviteBatches", handle(a.listBatches)},
		{http.MethodGet, org + "/invite-batches/{batch}", identity.InvitesRead, "getInviteBatch", handle(a.getBatch)},
		{http.MethodGet, org + "/invite-batches/{batch}/items", identity.InvitesRead, "listInviteBatchItems", handle(a.listBatchItems)},
		{http.MethodPost, org + "/invite-batches/{batch}/cancel", identity.InvitesWrite, "cancelInviteBatch", handle(a.cancelBatch)},
		{http.MethodPost, org + "/invite-batches/{batch}/retry", identity.InvitesWrite, "retryInviteBatch", handle(a.retryBatch)},

		{http.MethodGet, PathCallback + "{handle}", holder, opOpenLink, handle(a.openLink)},
		{http.MethodPost, "/v1/invites/accept", holder, opAccept, handle(a.acceptInvite)},

		{http.MethodGet, org + "/members", identity.MembersRead, "listMembers", handle(a.listMembers)},
		{http.MethodGet, org + "/roles", identity.MembersRead, "listRoles", handle(a.listRoles)},
		{http.MethodGet, org + "/capabilities", identity.InvitesRead, "getOrganizationCapabilities", handle(a.getOrganizationCapabilities)},

		{http.MethodGet, "/v1/connections", identity.ConnectionsRead, "listConnections", handle(a.listConnections)},
		{http.MethodGet, "/v1/connections/{connection}/capabilities", identity.ConnectionsRead, "getConnectionCapabilities", handle(a.getConnectionCapabilities)},
	}
}

// follows reports a route that people's browsers follow: it answers with no
// body and leads on.
func (r route) follows() bool { return r.permission == holder && !writes(r.method) }

// writes reports whether a method changes something: it then takes an
// Idempotency-Key and is not aborted by a client that goes away.
func writes(method string) bool {
	return method == http.MethodPost || method == http.MethodPatch || method == http.MethodDelete || method == http.MethodPut
}

// ginPattern writes a path template as Gin does.
func ginPattern(path string) string {
	return strings.ReplaceAll(strings.ReplaceAll(path, "{", ":"), "}", "")
}
