package httpx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"usher/identity"
	"usher/internal/redact"
)

// Error is a call without a usable answer. It implements identity.Coder,
// providers.Uncertainer and providers.RetryAfterer.
type Error struct {
	Op     string
	Code   identity.Code
	Acted  bool // the vendor may have acted
	Status int  // of the answer that was not usable; 0: none came
	Err    error

	sent  bool // a connection was had, so the vendor may have seen the call
	again bool // another try may help

	withheld bool // it was not tried at all
	retry    time.Duration
}

// errorBytes is how much of a cause reaches an error text.
const errorBytes = 600

// Error implements error. It holds no URL, header or body; where net/http
// quotes a broken answer in its cause, it is redacted and cut.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Op, e.Code, redact.Cut(redact.Text(e.Err.Error()), errorBytes))
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// IdentityCode implements identity.Coder.
func (e *Error) IdentityCode() identity.Code { return e.Code }

// MayHaveActed implements providers.Uncertainer.
func (e *Error) MayHaveActed() bool { return e.Acted }

// RetryAfter implements providers.RetryAfterer: when a call that was held back
// may be tried again.
func (e *Error) RetryAfter() time.Duration { return e.retry }

// failed classifies a call that has no complete answer. ctx is the caller's,
// limited that of the try; status is that of an answer that was cut.
func failed(ctx, limited context.Context, call Call, stage *progress, status int, err error) *Error {
	e := &Error{
		Op: call.Op, Code: identity.CodeProviderUnavailable, Status: status,
		sent: stage.sent(), again: true, Err: withoutURL(err),
	}
	e.Acted = e.sent && call.writes()
	switch {
	case ctx.Err() != nil:
		e.Code, e.again, e.Err = identity.CodeProviderTimeout, false, because(ctx, e.Err)
	case limited.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		e.Code, e.Err = identity.CodeProviderTimeout, because(limited, e.Err)
	case errors.Is(err, errTooLong):
		e.Code, e.again = identity.CodeProviderError, false
	case stage.answered.Load():
		e.Code = identity.CodeProviderError
	}
	return e
}

// because makes sure that an error wraps the end of its context.
func because(ctx context.Context, err error) error {
	if ctx.Err() == nil || errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}

// withoutURL takes the URL off an error of net/http: its query can hold an
// address or a secret.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// JSON decodes the answer to a call into v, whose own UnmarshalJSON, if it has
// one, must refuse what is not JSON. An answer that is not JSON, such as a
// gateway's HTML page, is a provider_error after which a write may have acted.
func (r *Response) JSON(call Call, v any) error {
	if err := decode(r.Body, v); err != nil {
		return &Error{
			Op: call.Op, Code: identity.CodeProviderError, Acted: call.writes(), Status: r.Status, sent: true,
			Err: fmt.Errorf("status %d with an answer that is not the JSON expected (%w): %q", r.Status, err, redact.Excerpt(r.Body)),
		}
	}
	return nil
}

// decode leaves the whole work to a value that decodes itself: encoding/json
// would first look through all of it twice. A RawMessage looks at nothing.
func decode(body []byte, v any) error {
	switch v := v.(type) {
	case *json.RawMessage:
		return json.Unmarshal(body, v)
	case json.Unmarshaler:
		return v.UnmarshalJSON(body)
	default:
		return json.Unmarshal(body, v)
	}
}
