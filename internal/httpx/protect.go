package httpx

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"usher/identity"
	"usher/internal/quota"
)

// admission is a try that may be sent. It must be ended.
type admission struct {
	client *Client
	begun  time.Time
	permit *quota.Permit
	tell   func(verdict)
}

// errOpen is the cause of the error for a call that the breaker held back.
var errOpen = errors.New("the vendor did not answer lately; nothing is sent to it for now")

type gateKey struct{}

// WithGate returns a context whose calls that change something are asked about once
// more when their turn has come: one for which gate returns an error is not sent.
func WithGate(ctx context.Context, gate func() error) context.Context {
	return context.WithValue(ctx, gateKey{}, gate)
}

// shut is why a call may not be sent any more; nil: it may.
func shut(ctx context.Context, call Call) error {
	gate, ok := ctx.Value(gateKey{}).(func() error)
	if !ok || !call.writes() {
		return nil
	}
	return gate()
}

// admit asks everybody who may hold a try back. Waiting for a turn takes time
// in which the breaker may open, so it is asked twice.
func (c *Client) admit(ctx context.Context, call Call) (*admission, *Error) {
	if err := ctx.Err(); err != nil {
		return nil, withheld(call, identity.CodeProviderTimeout, 0, err)
	}
	if wait := c.options.Breaker.refuses(); wait > 0 {
		return nil, withheld(call, identity.CodeProviderUnavailable, wait, errOpen)
	}
	permit, failure := c.turn(ctx, call)
	if failure != nil {
		return nil, failure
	}
	if err := shut(ctx, call); err != nil {
		permit.Release(false)
		return nil, withheld(call, identity.CodeInternal, 0, err)
	}
	tell, wait := c.options.Breaker.begin(quota.Organization(ctx))
	if wait > 0 {
		permit.Release(false)
		return nil, withheld(call, identity.CodeProviderUnavailable, wait, errOpen)
	}
	return &admission{client: c, begun: c.options.Now(), permit: permit, tell: tell}, nil
}

// turn waits until the vendor's limits leave room for a call.
func (c *Client) turn(ctx context.Context, call Call) (*quota.Permit, *Error) {
	if c.options.Limiter == nil {
		return nil, nil
	}
	permit, err := c.options.Limiter.Acquire(ctx, call.Method, pathOf(call.URL))
	var refused *quota.Refused
	switch {
	case err == nil:
		return permit, nil
	case errors.As(err, &refused):
		return nil, withheld(call, identity.CodeProviderRateLimited, refused.After, err)
	case ctx.Err() != nil:
		return nil, withheld(call, identity.CodeProviderTimeout, 0, err)
	default:
		return nil, withheld(call, identity.CodeInternal, 0, err)
	}
}

// pathOf is the path of a URL, by which calls are counted. What is wrong with a
// URL, newRequest says.
func pathOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Path
}

// Pace returns the pace of a call under the vendor's limits.
func (c *Client) Pace(method, rawURL string) quota.Pace {
	return c.options.Limiter.Pace(method, pathOf(rawURL))
}

// withheld is the error of a call that was not sent.
func withheld(call Call, code identity.Code, wait time.Duration, err error) *Error {
	if part := wait % time.Second; part > 0 {
		wait += time.Second - part
	}
	return &Error{Op: call.Op, Code: code, Err: err, retry: wait, withheld: true}
}

// end passes on what the try says about the vendor. Its budget comes back if
// nothing was sent.
func (a *admission) end(ctx context.Context, t try) {
	a.tell(a.verdict(ctx, t))
	a.permit.Release(t.failure == nil || t.failure.sent)
}

// patience is how long a vendor must have kept a caller waiting, whose time then
// ran out, for that to be the vendor's fault.
const patience = time.Second

// verdict: an answer below 500 shows that the vendor is up, a refusal too. A
// caller who left says nothing, and neither does an answer that is too long.
func (a *admission) verdict(ctx context.Context, t try) verdict {
	switch {
	case t.failure == nil && t.response.Status < http.StatusInternalServerError:
		return saysUp
	case t.failure == nil:
		return saysDown
	case t.failure.Code == identity.CodeInternal, errors.Is(t.failure, errTooLong), errors.Is(ctx.Err(), context.Canceled):
		return saysNothing
	case ctx.Err() != nil && a.client.options.Now().Sub(a.begun) < patience:
		return saysNothing
	default:
		return saysDown
	}
}

// pause closes the vendor's scope for everybody after a refusal, and returns
// how long to wait before a repetition; 0: the answer refuses nothing.
func (c *Client) pause(ctx context.Context, response *Response) time.Duration {
	said := RetryAfter(response.Header, c.options.Now())
	switch {
	case response.Status == http.StatusTooManyRequests, response.Status == http.StatusServiceUnavailable && said > 0:
		return c.options.Limiter.Pause(ctx, said)
	default:
		return said
	}
}
