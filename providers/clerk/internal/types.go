package internal

import (
	"encoding/json"
	"time"
)

// Millis is how the vendor writes a time: milliseconds since 1970 (FACTS.md
// section 1).
type Millis int64

// Time returns the time in UTC.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

// The states of an invitation (FACTS.md section 4.5).
const (
	StatusPending  = "pending"
	StatusAccepted = "accepted"
	StatusRevoked  = "revoked"
	StatusExpired  = "expired"
)

// Metadata is what an invitation carries for the application. Values are kept
// as they are written.
type Metadata map[string]json.RawMessage

// Text returns a value that is a text, else "".
func (m Metadata) Text(key string) string {
	var text string
	if json.Unmarshal(m[key], &text) != nil {
		return ""
	}
	return text
}

// Invitation is an organization's invitation (FACTS.md section 4.1). The link
// in the vendor's answer is a credential, and is not read.
type Invitation struct {
	ID              string   `json:"id"`
	Email           string   `json:"email_address"`
	Role            string   `json:"role"`
	OrganizationID  string   `json:"organization_id"` // may be left out
	Status          string   `json:"status"`          // may be left out
	PublicMetadata  Metadata `json:"public_metadata"`
	PrivateMetadata Metadata `json:"private_metadata"`
	ExpiresAt       *Millis  `json:"expires_at"`
	CreatedAt       Millis   `json:"created_at"`
	// Organization is in some of the vendor's lists.
	Organization *struct {
		ID string `json:"id"`
	} `json:"public_organization_data"`
}

// Page is one page of a list that tells its length.
type Page[T any] struct {
	Data  []T `json:"data"`
	Total int `json:"total_count"`
}

// NewInvitation is the body of a creation (FACTS.md section 4.2). It names no
// inviter: that must be a member of the organization, and the gateway is none.
type NewInvitation struct {
	Email           string   `json:"email_address"`
	Role            string   `json:"role"`
	PublicMetadata  Metadata `json:"public_metadata,omitempty"`
	PrivateMetadata Metadata `json:"private_metadata"`
	RedirectURL     string   `json:"redirect_url,omitempty"`
	ExpiresInDays   int      `json:"expires_in_days"`
	Notify          bool     `json:"notify"`
}

// Membership is a user's membership in an organization (FACTS.md section 6.2).
type Membership struct {
	ID           string `json:"id"`
	Role         string `json:"role"`
	CreatedAt    Millis `json:"created_at"`
	Organization struct {
		ID string `json:"id"`
	} `json:"organization"`
	User *struct {
		ID         string `json:"user_id"`
		GivenName  string `json:"first_name"`
		FamilyName string `json:"last_name"`
		// Identifier is an e-mail address, a user name or a phone number.
		Identifier string `json:"identifier"`
		UserName   string `json:"username"`
	} `json:"public_user_data"`
}

// User is an account, as far as it is needed (FACTS.md section 6.3).
type User struct {
	ID           string         `json:"id"`
	PrimaryEmail string         `json:"primary_email_address_id"`
	Emails       []EmailAddress `json:"email_addresses"`
}

// EmailAddress is one address of a user.
type EmailAddress struct {
	ID           string `json:"id"`
	Address      string `json:"email_address"`
	Reserved     bool   `json:"reserved"`
	Verification *struct {
		Status string `json:"status"`
	} `json:"verification"`
}

// Verified reports whether the vendor has proof that the user has the address.
func (e EmailAddress) Verified() bool {
	return !e.Reserved && e.Verification != nil && e.Verification.Status == "verified"
}

// Organization is an organization, as far as it is needed.
type Organization struct {
	ID      string `json:"id"`
	RoleSet string `json:"role_set_key"` // empty: none
}

// RoleSet is which roles an organization can assign (FACTS.md section 7).
type RoleSet struct {
	Roles []Role `json:"roles"`
}

// Role is a role of the instance. Key is what invitations name.
type Role struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}
