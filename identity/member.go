package identity

import "time"

// Member is a user's membership in an organization.
type Member struct {
	ID             string // mem_…; empty until the ledger has mapped it
	OrganizationID string
	ProviderID     string // the vendor's id of the membership, or of the user in the organization
	UserName       string
	Email          string
	GivenName      string
	FamilyName     string
	Roles          []string // portable keys; roles without a mapping are left out
	CreatedAt      *time.Time
}

// Role is a portable role and what it is at the vendor.
type Role struct {
	Key        string // portable: admin, member, …
	Name       string // for people
	ProviderID string // the vendor's own id or key in this organization
}

// User is an account at the vendor.
type User struct {
	ProviderID    string
	UserName      string
	Email         string
	EmailVerified bool
	GivenName     string
	FamilyName    string
	// AwaitingPassword reports that the account was created by invitation and
	// its owner has not set a password yet.
	AwaitingPassword bool
}

// PageRequest asks for one page.
type PageRequest struct {
	Limit  int    // 0 means the default of 50
	Cursor string // opaque to callers; empty means the first page
}

// Page is one page of a listing.
type Page[T any] struct {
	Items []T
	Next  string // empty: this was the last page
}
