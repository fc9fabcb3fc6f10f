package api

import (
	"net/http"
	"sync"

	"usher/identity"
)

// kind is what a problem code looks like over HTTP.
type kind struct {
	status int
	title  string // the same for every occurrence
	detail string // where the error itself says nothing fit for a caller
}

// kindOf returns a code's row of the table; an unknown code is internal.
func kindOf(code identity.Code) (identity.Code, kind) {
	if k, ok := kinds()[code]; ok {
		return code, k
	}
	return identity.CodeInternal, kinds()[identity.CodeInternal]
}

// kinds is the one table of problem codes.
var kinds = sync.OnceValue(func() map[identity.Code]kind {
	return map[identity.Code]kind{
		identity.CodeInvalidRequest:        {http.StatusBadRequest, "Invalid request", "The request is not valid."},
		identity.CodeUnauthenticated:       {http.StatusUnauthorized, "Not authenticated", "A valid bearer token is required."},
		identity.CodePermissionDenied:      {http.StatusForbidden, "Permission denied", "The token does not permit this."},
		identity.CodeRoleNotGrantable:      {http.StatusForbidden, "Role not grantable", "You may not grant this role."},
		identity.CodeWrongAccount:          {http.StatusForbidden, "Wrong account", "The invite is for somebody else."},
		identity.CodeQuotaExceeded:         {http.StatusForbidden, "Quota exceeded", "The identity provider's plan does not allow more."},
		identity.CodeNotFound:              {http.StatusNotFound, "Not found", "There is no such thing, or you may not see it."},
		identity.CodeMethodNotAllowed:      {http.StatusMethodNotAllowed, "Method not allowed", "The path does not take this method."},
		identity.CodeNotAcceptable:         {http.StatusNotAcceptable, "Not acceptable", "Answers are application/json."},
		identity.CodePayloadTooLarge:       {http.StatusRequestEntityTooLarge, "Payload too large", "The request body is too large."},
		identity.CodeUnsupportedMediaType:  {http.StatusUnsupportedMediaType, "Unsupported media type", "Request bodies are application/json in UTF-8."},
		identity.CodeAlreadyMember:         {http.StatusConflict, "Already a member", "The address belongs to a member of the organization."},
		identity.CodeInvitePending:         {http.StatusConflict, "Invite pending", "The address has a living invite to this organization."},
		identity.CodeInviteNotPending:      {http.StatusConflict, "Invite not pending", "The state of the invite does not allow this."},
		identity.CodeConflict:              {http.StatusConflict, "Conflict", "The request conflicts with what is there or under way."},
		identity.CodeIdempotencyInProgress: {http.StatusConflict, "Idempotency key in use", "A request with this Idempotency-Key is still under way."},
		identity.CodeOrganizationMoving:    {http.StatusConflict, "Organization moving", "The organization is being moved to another connection."},
		identity.CodeInviteExpired:         {http.StatusGone, "Invite expired", "The invite has expired."},
		identity.CodePreconditionFailed:    {http.StatusPreconditionFailed, "Precondition failed", "The resource has changed."},
		identity.CodeUnknownRole:           {http.StatusUnprocessableEntity, "Unknown role", "The organization has no such role."},
		identity.CodeEmailNotDeliverable:   {http.StatusUnprocessableEntity, "E-mail not deliverable", "The identity provider cannot take this address."},
		identity.CodeDomainNotAllowed:      {http.StatusUnprocessableEntity, "Domain not allowed", "The organization does not allow addresses of this domain."},
		identity.CodeNotCarried:            {http.StatusUnprocessableEntity, "Not carried", "The identity provider cannot carry a field of the request."},
		identity.CodeIdempotencyKeyReused:  {http.StatusUnprocessableEntity, "Idempotency key reused", "This Idempotency-Key was used with another request body."},
		identity.CodeUnsupported:           {http.StatusUnprocessableEntity, "Unsupported by the provider", "The identity provider of this organization does not support this."},
		identity.CodeRateLimited:           {http.StatusTooManyRequests, "Rate limited", "Too many requests."},
		identity.CodeProviderRateLimited:   {http.StatusTooManyRequests, "Provider rate limited", "The identity provider takes no more requests for now."},
		identity.CodeInternal:              {http.StatusInternalServerError, "Internal error", "Something went wrong here. The request id leads to the log."},
		identity.CodeProviderCredentials:   {http.StatusBadGateway, "Provider rejected credentials", "The identity provider rejected the credentials of the connection."},
		identity.CodeProviderError:         {http.StatusBadGateway, "Provider error", "The identity provider failed."},
		identity.CodeProviderUnavailable:   {http.StatusServiceUnavailable, "Provider unavailable", "The identity provider cannot be reached."},
		identity.CodeProviderTimeout:       {http.StatusGatewayTimeout, "Provider timeout", "The identity provider did not answer in time."},
	}
})
