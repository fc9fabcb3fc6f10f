package quota

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Limiter is one connection's way through its scope. A nil *Limiter lets
// everything pass. It may be used concurrently.
type Limiter struct {
	scope  *scope
	quotas []Quota
	wait   time.Duration
}

// Refused is the error of a call that could not have its turn in time. Nothing
// was sent.
type Refused struct {
	Scope string
	After time.Duration // when to try again; a whole number of seconds, at least one
}

// Error implements error.
func (e *Refused) Error() string {
	return fmt.Sprintf("the vendor's limits (%s) leave no room: try again in %v", e.Scope, e.After)
}

type organizationKey struct{}

// WithOrganization says for whom the calls of a context are made. Those without
// one share a queue.
func WithOrganization(ctx context.Context, organization string) context.Context {
	return context.WithValue(ctx, organizationKey{}, organization)
}

// Organization returns for whom the calls of a context are made; empty: nobody
// said.
func Organization(ctx context.Context) string {
	organization, _ := ctx.Value(organizationKey{}).(string)
	return organization
}

// Acquire waits for the turn of one call: at most the connection's wait, or the
// context's patience where that is longer, and never so long that the context's
// deadline leaves no time for the call. The error is *Refused, or the context's
// if it was cancelled, or the store's.
func (l *Limiter) Acquire(ctx context.Context, method, path string) (*Permit, error) {
	if l == nil {
		return nil, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return l.scope.acquire(ctx, l.mask(method, path), l.patience(ctx))
}

// mask is the set of limited classes that a call counts in.
func (l *Limiter) mask(method, path string) (mask uint64) {
	for n, q := range l.quotas {
		if l.scope.budgets[n].Calls > 0 && (q.Counts == nil || q.Counts(method, path)) {
			mask |= 1 << n
		}
	}
	return mask
}

// MaxPause bounds how long one refusal of the vendor closes a scope. Clerk
// counts some calls by the hour and says so in Retry-After.
const MaxPause = time.Hour

// Pause closes the scope for everybody, because the vendor refused a call, and
// returns for how long. said is the time that the vendor named; 0: it named
// none. Then the scope is closed for about a second, twice as long each time
// it happens again, and at most until the vendor counts anew.
func (l *Limiter) Pause(ctx context.Context, said time.Duration) time.Duration {
	if l == nil {
		return said
	}
	return l.scope.pause(ctx, min(said, MaxPause))
}

// Permit is the right to one call. A nil *Permit is one too.
type Permit struct {
	scope        *scope
	organization string
	mask         uint64 // the classes it counts in
	background   bool
	slot         Slot
	once         sync.Once // it ends
}

// Release says that the call has ended, and whether the vendor may have seen
// it. Only the first one counts.
func (p *Permit) Release(sent bool) {
	if p == nil {
		return
	}
	p.once.Do(func() { p.scope.release(p, sent) })
}
