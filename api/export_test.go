package api

import (
	"context"

	"usher/identity"
	"usher/invites"
)

// LoadOrganization has organizations loaded by another function than the
// service's. No request may be under way.
func (a *API) LoadOrganization(load func(ctx context.Context, by invites.Caller, ref string) (*identity.Organization, error)) {
	a.organization = load
}
