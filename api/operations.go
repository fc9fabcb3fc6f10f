package api

import (
	"slices"
	"sync"

	"usher/identity"
)

// The tags of the document.
const (
	tagInvites       = "invites"
	tagOrganizations = "organizations"
	tagTeam          = "team"
	tagConnections   = "connections"
)

// operationDocument is what the OpenAPI document says about an operation
// beyond what follows from its route and its types.
type operationDocument struct {
	tag, summary, description string
	created                   bool            // answers 201 with a Location, not 200
	codes                     []identity.Code // what it can answer beyond what the guard answers
}

// vendorCodes are those of every operation that asks a vendor.
func vendorCodes(more ...identity.Code) []identity.Code {
	return slices.Concat(more, []identity.Code{
		identity.CodeProviderRateLimited, identity.CodeProviderCredentials, identity.CodeProviderError,
		identity.CodeProviderUnavailable, identity.CodeProviderTimeout,
	})
}

// operationDocuments are the words of every operation of the route table.
var operationDocuments = sync.OnceValue(func() map[string]operationDocument {
	return map[string]operationDocument{
		"listOrganizations": {
			tag: tagOrganizations, summary: "List organizations",
			description: "Lists the organizations that the token may touch, by id.",
		},
		"createOrganization": {
			tag: tagOrganizations, summary: "Bind an organization", created: true,
			description: "Makes an organization of an identity provider known to usher. The pair of connection and provider id is unique. " +
				"The caller must have been given all organizations of the connection.",
			codes: vendorCodes(identity.CodeConflict),
		},
		"getOrganization": {
			tag: tagOrganizations, summary: "Get an organization",
			description: "Returns one organization by id or slug, or the single one of the token as `current`.",
		},
		"updateOrganization": {
			tag: tagOrganizations, summary: "Change an organization",
			description: "Changes the name or the slug. What is absent stays; a slug of null is taken away.",
			codes:       []identity.Code{identity.CodeConflict},
		},
		"sendInvite": {
			tag: tagInvites, summary: "Send an invite", created: true,
			description: "Invites one address to the organization. 201 means that the identity provider took the invitation. " +
				"A definite refusal answers its code, and the invite is `failed`. After 504 the invite is `uncertain`: usher asks the provider " +
				"and never sends again before the provider shows that it did not happen; repeat the request with the same Idempotency-Key to learn the outcome.",
			codes: vendorCodes(identity.CodeRoleNotGrantable, identity.CodeQuotaExceeded, identity.CodeAlreadyMember,
				identity.CodeInvitePending, identity.CodeConflict, identity.CodeUnknownRole, identity.CodeEmailNotDeliverable, identity.CodeNotCarried),
		},
		"listInvites": {
			tag: tagInvites, summary: "List invites",
			description: "Lists the organization's invites from usher's own record, newest first. `refresh=true` compares them with the identity provider first.",
			codes:       vendorCodes(),
		},
		"getInvite": {
			tag: tagInvites, summary: "Get an invite",
			description: "Returns one invite with its history, from usher's own record.",
		},
		"resendInvite": {
			tag: tagInvites, summary: "Send an invite again",
			description: "Sends a pending, expired, failed or uncertain invite again under the same id. Takes no body.",
			codes: vendorCodes(identity.CodeRoleNotGrantable, identity.CodeQuotaExceeded, identity.CodeAlreadyMember, identity.CodeInvitePending,
				identity.CodeInviteNotPending, identity.CodeConflict, identity.CodeUnknownRole, identity.CodeEmailNotDeliverable,
				identity.CodeNotCarried, identity.CodeUnsupported),
		},
		"revokeInvite": {
			tag: tagInvites, summary: "Revoke an invite",
			description: "Withdraws a pending or uncertain invite. A revoked one is answered unchanged. Takes no body.",
			codes:       vendorCodes(identity.CodeInviteNotPending, identity.CodeConflict, identity.CodeUnsupported),
		},
		"listMembers": {
			tag: tagTeam, summary: "List members",
			description: "Lists the organization's members, read through to the identity provider, under usher's own ids.",
			codes:       vendorCodes(identity.CodeUnsupported),
		},
		"listRoles": {
			tag: tagTeam, summary: "List roles",
			description: "Lists the roles that can be given in the organization, read through to the identity provider.",
			codes:       vendorCodes(identity.CodeUnsupported),
		},
		"getOrganizationCapabilities": {
			tag: tagOrganizations, summary: "Get what an organization's provider can do",
			description: "Returns the capabilities of the connection that the organization lives in.",
			codes:       []identity.Code{identity.CodeProviderUnavailable},
		},
		"listConnections": {
			tag: tagConnections, summary: "List connections",
			description: "Lists the connections that the token reaches.",
		},
		"getConnectionCapabilities": {
			tag: tagConnections, summary: "Get what a connection can do",
			description: "Returns what a connection supports by itself, what usher supplies for it, and what it cannot do.",
			codes:       []identity.Code{identity.CodeNotFound},
		},
	}
})
