package identity

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Code is a stable machine-readable problem code. The list only grows.
type Code string

// The problem codes of the API. The HTTP status of each lives in one table in
// package api.
const (
	CodeInvalidRequest        Code = "invalid_request"
	CodeUnauthenticated       Code = "unauthenticated"
	CodePermissionDenied      Code = "permission_denied"
	CodeRoleNotGrantable      Code = "role_not_grantable"
	CodeWrongAccount          Code = "wrong_account"
	CodeQuotaExceeded         Code = "quota_exceeded"
	CodeNotFound              Code = "not_found"
	CodeMethodNotAllowed      Code = "method_not_allowed"
	CodeNotAcceptable         Code = "not_acceptable"
	CodePayloadTooLarge       Code = "payload_too_large"
	CodeUnsupportedMediaType  Code = "unsupported_media_type"
	CodeAlreadyMember         Code = "already_member"
	CodeInvitePending         Code = "invite_pending"
	CodeInviteNotPending      Code = "invite_not_pending"
	CodeConflict              Code = "conflict"
	CodeIdempotencyInProgress Code = "idempotency_in_progress"
	CodeOrganizationMoving    Code = "organization_moving"
	CodeInviteExpired         Code = "invite_expired"
	CodePreconditionFailed    Code = "precondition_failed"
	CodeUnknownRole           Code = "unknown_role"
	CodeEmailNotDeliverable   Code = "email_not_deliverable"
	CodeDomainNotAllowed      Code = "domain_not_allowed"
	CodeNotCarried            Code = "not_carried"
	CodeIdempotencyKeyReused  Code = "idempotency_key_reused"
	CodeUnsupported           Code = "unsupported_by_provider"
	CodeRateLimited           Code = "rate_limited"
	CodeProviderRateLimited   Code = "provider_rate_limited"
	CodeInternal              Code = "internal"
	CodeProviderCredentials   Code = "provider_rejected_credentials"
	CodeProviderError         Code = "provider_error"
	CodeProviderUnavailable   Code = "provider_unavailable"
	CodeProviderTimeout       Code = "provider_timeout"
)

// Codes returns every problem code, in the order of the constants.
func Codes() []Code {
	return []Code{
		CodeInvalidRequest, CodeUnauthenticated, CodePermissionDenied, CodeRoleNotGrantable, CodeWrongAccount,
		CodeQuotaExceeded, CodeNotFound, CodeMethodNotAllowed, CodeNotAcceptable, CodePayloadTooLarge,
		CodeUnsupportedMediaType, CodeAlreadyMember, CodeInvitePending, CodeInviteNotPending, CodeConflict,
		CodeIdempotencyInProgress, CodeOrganizationMoving, CodeInviteExpired, CodePreconditionFailed,
		CodeUnknownRole, CodeEmailNotDeliverable, CodeDomainNotAllowed, CodeNotCarried, CodeIdempotencyKeyReused,
		CodeUnsupported, CodeRateLimited, CodeProviderRateLimited, CodeInternal, CodeProviderCredentials,
		CodeProviderError, CodeProviderUnavailable, CodeProviderTimeout,
	}
}

// Error is the one error type that crosses package borders. Detail is safe to
// show to a caller; Err is for the log only and may quote a vendor.
type Error struct {
	Code   Code
	Detail string // one sentence for the caller; empty means the code's own text
	Field  string // JSON pointer to the field at fault, e.g. "/roles/0"; empty means none

	Op         string        // what was attempted, e.g. "invite"
	Connection string        // the connection it was attempted on; empty means none
	RetryAfter time.Duration // how long to wait before trying again; 0 means unknown
	InviteID   string        // the invite this is about; empty means none

	// Unknown reports that the vendor may or may not have acted: the request
	// left, and no trustworthy answer came back. Nothing may be repeated until
	// the vendor shows that it did not happen.
	Unknown bool

	Err error // the cause, for the log
}

// Errorf returns an Error with a code and a caller-safe detail.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// FieldError returns an Error that names the field at fault by JSON pointer.
func FieldError(code Code, field, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Detail: fmt.Sprintf(format, args...)}
}

// Error implements error. Its text is for the log, never for a caller.
func (e *Error) Error() string {
	text := string(e.Code)
	if e.Op != "" {
		text = e.Op + ": " + text
	}
	if e.Connection != "" {
		text = e.Connection + ": " + text
	}
	if e.Field != "" {
		text += " at " + e.Field
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Coder is implemented by errors that know their problem code, such as an
// adapter's APIError.
type Coder interface{ IdentityCode() Code }

// IdentityCode implements Coder.
func (e *Error) IdentityCode() Code { return e.Code }

// MayHaveActed reports Unknown, for whoever only asks that.
func (e *Error) MayHaveActed() bool { return e.Unknown }

// CodeOf returns the problem code of err: the code of the first Coder in its
// chain, provider_timeout for an expired deadline, and internal for anything
// else. It returns "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var c Coder
	if errors.As(err, &c) {
		return c.IdentityCode()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return CodeProviderTimeout
	}
	return CodeInternal
}
