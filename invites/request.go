package invites

import (
	"time"

	"usher/identity"
	"usher/ledger"
	"usher/providers"
)

// Caller is who asks: a principal as this package needs it.
type Caller struct {
	Actor  identity.Actor
	Access identity.Access
	// Roles are the portable roles the caller holds, for grantable_by.
	Roles []string
	// Credential is passed to connections that act as the caller.
	Credential providers.Caller
}

// SendRequest asks for one invitation. Every field is checked here again,
// whatever the face that it came through has checked.
type SendRequest struct {
	Email       string
	Roles       []string // portable keys, at least one
	GivenName   string
	FamilyName  string
	Locale      string // BCP 47
	RedirectURL string
	Message     string
	ExpiresAt   *time.Time
	Metadata    map[string]any
	Notify      *bool // nil means true
	// Claim is the request's idempotency record; nil: none was asked for. If
	// it holds an invite already, Send re-attaches to that invite.
	Claim *ledger.Claim
}

// ListRequest asks for a page of an organization's invites, newest first.
type ListRequest struct {
	States       []identity.State // empty: all
	Email        string           // empty: all; compared by the connection's rule
	Role         string           // portable key; empty: all
	CreatedAfter *time.Time
	Page         identity.PageRequest
	// Refresh waits until the organization has been compared with the vendor.
	Refresh bool
}

// NewOrganization binds an organization that exists at the vendor.
type NewOrganization struct {
	Connection string
	ProviderID string
	Name       string // empty: the slug or the provider id
	Slug       string // empty: none
}

// OrganizationPatch changes an organization. A nil field stays as it is.
type OrganizationPatch struct {
	Name *string
	Slug *string // empty: takes the slug away
}

// Connection is one configured connection, ready to use.
type Connection struct {
	Name   string
	Client *providers.Client
	// Roles are the portable keys the connection maps, and who may grant them.
	Roles map[string]RoleRule
	// EmailRule is how addresses are compared.
	EmailRule identity.EmailRule
	// ActAsCaller: vendor calls of a request use the caller's own token.
	ActAsCaller bool
	// AutoRegister creates an organization from a claim that has no alias yet.
	AutoRegister bool
	// RedirectURLs are the pages an invite may lead to; exact matches only.
	RedirectURLs []string
	// AcceptURL is the application's page for invitees; empty: there is none.
	AcceptURL string
	// CompareEvery is how often organizations with pending invites are compared
	// with the vendor without being asked; 0: never.
	CompareEvery time.Duration
}

// RoleRule says who may grant a role: callers that hold one of the portable
// roles listed, or everybody who may send invites where the list is nil.
type RoleRule struct {
	GrantableBy []string
}
