package oidc

import (
	"fmt"
	"time"

	"usher/identity"
)

// reason is why a token was refused: the outcome label of the metrics.
type reason string

const (
	reasonMissing         reason = "missing"
	reasonTooLong         reason = "too_long"
	reasonMalformed       reason = "malformed"
	reasonUnknownIssuer   reason = "unknown_issuer"
	reasonAlgorithm       reason = "algorithm"
	reasonType            reason = "type"
	reasonClaims          reason = "claims"
	reasonExpired         reason = "expired"
	reasonNotYetValid     reason = "not_yet_valid"
	reasonAudience        reason = "audience"
	reasonUnknownKey      reason = "unknown_key"
	reasonSignature       reason = "signature"
	reasonKeysUnavailable reason = "keys_unavailable"
	// Of opaque tokens.
	reasonInactive          reason = "inactive"
	reasonUnroutable        reason = "unroutable"
	reasonIssuerUnavailable reason = "issuer_unavailable"
	reasonTooManyFailures   reason = "too_many_failures"
)

// outcomeAccepted is the outcome label of a token that was accepted.
const outcomeAccepted = "accepted"

// detail is what a caller is told. It says nothing of what would have been
// accepted.
func (r reason) detail() string {
	switch r {
	case reasonMissing:
		return "A bearer token is required."
	case reasonTooLong:
		return "The bearer token is too long."
	case reasonMalformed:
		return "The bearer token is not a signed JSON Web Token."
	case reasonUnknownIssuer:
		return "The bearer token comes from an issuer that is not accepted here."
	case reasonExpired:
		return "The bearer token has expired."
	case reasonNotYetValid:
		return "The bearer token is not valid yet."
	case reasonAudience:
		return "The bearer token was issued for somebody else."
	case reasonClaims:
		return "The bearer token lacks a required claim, or has one of the wrong kind."
	case reasonAlgorithm, reasonType:
		return "The bearer token is not of a kind that is accepted here."
	case reasonKeysUnavailable:
		return "The bearer token cannot be verified at the moment: its issuer's keys cannot be had."
	case reasonInactive, reasonUnroutable, reasonTooManyFailures: // the same, or it would tell which organizations there are
		return "The bearer token is not active, or not known here."
	case reasonIssuerUnavailable:
		return "The bearer token cannot be verified at the moment: its issuer cannot be asked."
	default:
		return "The bearer token's signature cannot be verified."
	}
}

// refusal is why a token is not accepted. Its text is for the log.
type refusal struct {
	reason reason
	err    error
	retry  time.Duration // when it may be worth another try; 0: unknown
}

func refuse(r reason, format string, args ...any) *refusal {
	return &refusal{reason: r, err: fmt.Errorf(format, args...)}
}

// Error implements error.
func (r *refusal) Error() string { return string(r.reason) + ": " + r.err.Error() }

// Unwrap returns the cause.
func (r *refusal) Unwrap() error { return r.err }

// identity returns the refusal as what crosses the package's border.
func (r *refusal) identity() *identity.Error {
	return &identity.Error{
		Code: identity.CodeUnauthenticated, Detail: r.reason.detail(),
		Op: "authenticate", RetryAfter: r.retry, Err: r,
	}
}

// cut shortens text from a token for the log.
func cut(s string) string {
	const longest = 100
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	return fmt.Sprintf("%q", s)
}
