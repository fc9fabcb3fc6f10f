package identity

import (
	"slices"
	"time"
)

// Organization is a customer of the application. It lives in exactly one
// connection at a time, under that provider's own id.
type Organization struct {
	ID         string // org_…
	Slug       string // empty: none
	Name       string
	Connection string
	ProviderID string
	CreatedAt  time.Time
	UpdatedAt  time.Time
	SyncedAt   *time.Time // when its invites were last compared with the vendor
}

// Ref returns how the organization's provider knows it.
func (o *Organization) Ref() OrgRef { return OrgRef{ID: o.ID, ProviderID: o.ProviderID} }

// OrgRef names an organization towards an adapter.
type OrgRef struct {
	ID         string // usher's
	ProviderID string // the vendor's
}

// Alias is the pair that leads from a vendor's organization to usher's. It is
// unique, and never guessed from equal strings.
type Alias struct {
	Connection string
	ProviderID string
}

// Access is the set of organizations a principal may touch. The zero value
// allows none.
type Access struct {
	// Claimed are the aliases named by the token's organization claim: one for
	// each connection that trusts the token's issuer.
	Claimed []Alias
	// Rules are what configuration gives a service client.
	Rules []AccessRule
}

// AccessRule gives a service client organizations of one connection.
type AccessRule struct {
	Connection    string
	All           bool
	Organizations []string // ids or slugs; ignored with All
}

// Allows reports whether the loaded organization row is within the set.
func (a Access) Allows(o *Organization) bool {
	if slices.Contains(a.Claimed, Alias{Connection: o.Connection, ProviderID: o.ProviderID}) {
		return true
	}
	return slices.ContainsFunc(a.Rules, func(r AccessRule) bool {
		if r.Connection != o.Connection {
			return false
		}
		return r.All || slices.Contains(r.Organizations, o.ID) || (o.Slug != "" && slices.Contains(r.Organizations, o.Slug))
	})
}

// AllowsConnection reports whether the set can reach into a connection at all.
func (a Access) AllowsConnection(name string) bool {
	return slices.ContainsFunc(a.Claimed, func(c Alias) bool { return c.Connection == name }) ||
		slices.ContainsFunc(a.Rules, func(r AccessRule) bool { return r.Connection == name })
}
