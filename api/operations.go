package api

import (
	"slices"
	"sync"

	"usher/identity"
)

// The tags of the document.
const (
	tagInvites       = "invites"
	tagBatches       = "batches"
	tagOrganizations = "organizations"
	tagTeam          = "team"
	tagConnections   = "connections"
)

// operationDocument is what the OpenAPI document says about an operation
// beyond what follows from its route and its types.
type operationDocument struct {
	tag, summary, description string
	created                   bool            // answers 201 with a Location, not 200
	accepted                  bool            // answers 202 with a Location, not 200
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
		opSendBatch: {
			tag: tagBatches, summary: "Hand in many invites", accepted: true,
			description: "Invites many people from a file: NDJSON with one object a line, in the form of a single invite, or CSV with a header. " +
				"The file is checked row by row while it arrives: what is wrong with a row is that row's outcome, and the others are sent. " +
				"A file that does not arrive as a whole is forgotten. Rows are sent in the background, in their order, as fast as the identity provider takes them; " +
				"an address that is in the file twice, has a living invite or is a member is skipped.",
			codes: []identity.Code{identity.CodeProviderUnavailable, identity.CodeUnsupported, identity.CodeConflict},
		},
		"listInviteBatches": {
			tag: tagBatches, summary: "List batches",
			description: "Lists the organization's batches, newest first.",
		},
		"getInviteBatch": {
			tag: tagBatches, summary: "Get a batch",
			description: "Returns one batch with its rows counted by outcome and, while it runs, when it is likely to be finished.",
		},
		"listInviteBatchItems": {
			tag: tagBatches, summary: "List a batch's rows",
			description: "Lists the rows of a batch in their order, each with what became of it.",
		},
		"cancelInviteBatch": {
			tag: tagBatches, summary: "Cancel a batch",
			description: "Takes back the rows that have not been sent. What was sent stays. A batch that ended is answered unchanged. Takes no body.",
		},
		"retryInviteBatch": {
			tag: tagBatches, summary: "Send a batch's failed rows again",
			description: "Sends the failed rows again, and no others. Rows that are wrong in themselves, or have a role that the caller may not grant, stay failed. Takes no body.",
			codes:       []identity.Code{identity.CodeConflict},
		},
		opOpenLink: {
			tag: tagInvites, summary: "Open the link of an invite",
			description: "Where the links in mails lead. Leads on to the application's page, or to one of usher's own, with the link's secret as `invite_token` " +
				"and what it leads to as `invite_status` (`ready`, `accepted`, `expired`, `revoked`); other query parameters are passed on. " +
				"It changes nothing: programs that scan mails may follow links.",
			codes: []identity.Code{identity.CodeNotFound, identity.CodeProviderUnavailable},
		},
		opAccept: {
			tag: tagInvites, summary: "Accept an invite by its link",
			description: "Makes the invitee a member with the roles of the invite. The secret of the link is the credential; no bearer token is needed. " +
				"Where the identity provider accepts on a page of its own there is no such link.",
			codes: vendorCodes(identity.CodeNotFound, identity.CodeInviteExpired, identity.CodeInviteNotPending, identity.CodeConflict,
				identity.CodeUnknownRole, identity.CodeUnsupported),
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
