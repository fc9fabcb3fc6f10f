package api

import (
	"context"
	"time"

	"usher/identity"
	"usher/invites"
)

// LoadOrganization has organizations loaded by another function than the
// service's. No request may be under way.
func (a *API) LoadOrganization(load func(ctx context.Context, by invites.Caller, ref string) (*identity.Organization, error)) {
	a.organization = load
}

// HurryBodies gives clients less time to send a body. No request may be under way.
func (a *API) HurryBodies(d time.Duration) { a.bodyTime, a.uploadIdle = d, d }
