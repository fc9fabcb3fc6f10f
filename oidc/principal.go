package oidc

import (
	"log/slog"
	"time"

	"usher/identity"
)

// Principal is an authenticated caller. Its map and slices are shared with
// other requests of the same caller: read only.
type Principal struct {
	Issuer   string // the iss claim
	Subject  string // unique within Issuer; the two together are the caller's identity
	ClientID string // the client the token was issued to; empty: the token does not say
	// Email is the caller's address if it is proven: verified by an issuer that
	// a connection trusts. Empty otherwise.
	Email       string
	Access      identity.Access              // the organizations it may touch
	Permissions map[identity.Permission]bool // what it may do there; absent means no
	Roles       []string                     // portable roles, sorted; for grantable_by
	Token       string                       // the bearer token itself, for connections that act as the caller
	Expires     time.Time                    // the exp claim
}

// Can reports whether the principal has a permission. A nil principal has none.
func (p *Principal) Can(permission identity.Permission) bool {
	return p != nil && p.Permissions[permission]
}

// Actor returns the principal as it is recorded in histories.
func (p *Principal) Actor() identity.Actor {
	return identity.Actor{Issuer: p.Issuer, Subject: p.Subject, Email: p.Email}
}

// LogValue implements slog.LogValuer: issuer, subject and client, never the
// token.
func (p *Principal) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("issuer", p.Issuer), slog.String("subject", p.Subject), slog.String("client", p.ClientID))
}

// bearing returns a copy with the token that was presented.
func (p *Principal) bearing(token string) *Principal {
	with := *p
	with.Token = token
	return &with
}
