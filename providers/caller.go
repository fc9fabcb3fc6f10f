package providers

import (
	"context"
	"time"

	"usher/internal/httpx"
	"usher/internal/quota"
)

// Caller is the authenticated caller's own credential, for connections that
// act as the caller. It is never stored and never logged.
type Caller struct {
	Issuer string
	Token  string
}

type callerKey struct{}

// WithCaller returns a context that carries the caller's credential to an
// adapter that acts as the caller.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the caller's credential. ok is false in background work.
func CallerFrom(ctx context.Context) (c Caller, ok bool) {
	c, ok = ctx.Value(callerKey{}).(Caller)
	return c, ok && c.Token != ""
}

// While returns a context for work that must not go on once holds returns an error:
// it is asked before each call that changes something at the vendor, which may have
// waited for its turn.
func While(ctx context.Context, holds func() error) context.Context {
	return httpx.WithGate(ctx, holds)
}

// InBackground returns a context for work that nobody waits for: its calls wait
// up to d for their turn under the vendor's limits, and give way to others.
func InBackground(ctx context.Context, d time.Duration) context.Context {
	return quota.WithPatience(ctx, d)
}
