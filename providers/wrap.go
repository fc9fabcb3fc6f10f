package providers

import (
	"context"
	"errors"
	"log/slog"

	"usher/identity"
)

// level separates what an operator must look at from everyday refusals.
func level(err error) slog.Level {
	switch identity.CodeOf(err) {
	case identity.CodeProviderCredentials, identity.CodeProviderError, identity.CodeProviderUnavailable,
		identity.CodeProviderTimeout, identity.CodeProviderRateLimited, identity.CodeInternal:
		return slog.LevelWarn
	default:
		return slog.LevelDebug
	}
}

// wrap makes the one error that leaves a connection. write says that the
// operation changes something at the vendor: an error that does not know
// whether the vendor acted then counts as unknown.
func (c *Client) wrap(op string, err error, write bool) error {
	if err == nil {
		return nil
	}
	wrapped := &identity.Error{Op: op, Connection: c.name, Err: err}
	var known *identity.Error
	if errors.As(err, &known) {
		wrapped.Detail, wrapped.Field, wrapped.RetryAfter = known.Detail, known.Field, known.RetryAfter
	}
	var coder identity.Coder
	switch {
	case errors.As(err, &coder):
		wrapped.Code = providerCode(coder.IdentityCode())
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		wrapped.Code = identity.CodeProviderTimeout
	default:
		wrapped.Code = identity.CodeProviderError
	}
	var after RetryAfterer
	if errors.As(err, &after) && after.RetryAfter() > 0 {
		wrapped.RetryAfter = after.RetryAfter()
	}
	var uncertain Uncertainer
	if errors.As(err, &uncertain) {
		wrapped.Unknown = write && uncertain.MayHaveActed()
	} else {
		wrapped.Unknown = write
	}
	return wrapped
}

// providerCode keeps a vendor's words apart from ours: its refusal of our
// credentials is never the caller's 401, its limits are never our limits.
func providerCode(code identity.Code) identity.Code {
	switch code {
	case identity.CodeUnauthenticated:
		return identity.CodeProviderCredentials
	case identity.CodeRateLimited:
		return identity.CodeProviderRateLimited
	default:
		return code
	}
}

func (c *Client) unsupported(op string) error {
	return &identity.Error{
		Code: identity.CodeUnsupported, Op: op, Connection: c.name,
		Detail: "The identity provider of this organization (" + c.Provider() + ") does not support this.",
	}
}
