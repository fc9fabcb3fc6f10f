package internal

import "time"

// Invitation is an invitation as the vendor shows it. Its token and its link
// are secrets and are not read (FACTS.md section 6.1).
type Invitation struct {
	ID             string     `json:"id"`
	Email          string     `json:"email"`
	State          string     `json:"state"`
	OrganizationID string     `json:"organization_id"` // empty: it leads into no organization
	RoleSlug       string     `json:"role_slug"`       // empty: not said
	AcceptedUserID string     `json:"accepted_user_id"`
	AcceptedAt     *time.Time `json:"accepted_at"`
	RevokedAt      *time.Time `json:"revoked_at"`
	ExpiresAt      *time.Time `json:"expires_at"`
	CreatedAt      time.Time  `json:"created_at"`
}

// The values of Invitation.State.
const (
	StatePending  = "pending"
	StateAccepted = "accepted"
	StateExpired  = "expired"
	StateRevoked  = "revoked"
)

// NewInvitation is the body of an invitation to send. Without OrganizationID the
// vendor would make one that anybody may accept (FACTS.md section 13.5), so it
// is never left out.
type NewInvitation struct {
	Email          string `json:"email"`
	OrganizationID string `json:"organization_id"`
	RoleSlug       string `json:"role_slug"`
	ExpiresInDays  int    `json:"expires_in_days"`
	Locale         string `json:"locale,omitempty"`
}

// Membership is a user's membership in an organization.
type Membership struct {
	ID             string     `json:"id"`
	UserID         string     `json:"user_id"`
	OrganizationID string     `json:"organization_id"`
	Status         string     `json:"status"` // active, inactive or pending
	Role           RoleRef    `json:"role"`
	Roles          []RoleRef  `json:"roles"` // may be missing
	User           *User      `json:"user"`  // may be missing
	CreatedAt      *time.Time `json:"created_at"`
}

// StatusActive is the Membership.Status of who is a member: somebody invited is
// pending until he accepts (FACTS.md section 6.3).
const StatusActive = "active"

// RoleRef names a role.
type RoleRef struct {
	Slug string `json:"slug"`
}

// User is an account.
type User struct {
	ID            string `json:"id"`
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
	FirstName     string `json:"first_name"`
	LastName      string `json:"last_name"`
}

// Role is a role that an organization can give.
type Role struct {
	Slug         string `json:"slug"`
	Name         string `json:"name"`
	ResourceType string `json:"resource_type_slug"`
}

// ResourceOrganization is the Role.ResourceType of roles that members can have.
const ResourceOrganization = "organization"

// Event is one entry of the vendor's log, as far as it is about an invitation.
type Event struct {
	Event     string     `json:"event"`
	CreatedAt time.Time  `json:"created_at"`
	Data      Invitation `json:"data"`
}

// EventResent is the Event.Event of an invitation that was sent again.
const EventResent = "invitation.resent"

// List is one page of a listing.
type List[T any] struct {
	Object string `json:"object"`
	Data   []T    `json:"data"`
	// Metadata is nil where a list has no pages.
	Metadata *struct {
		After string `json:"after"` // empty: this was the last page
	} `json:"list_metadata"`
}
