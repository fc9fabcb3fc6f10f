package internal

import (
	"encoding/json"

	"github.com/google/uuid"
)

// The states of an invitation; there are no others (FACTS.md section 4.4).
const (
	StatusPending  = "pending"
	StatusAccepted = "accepted"
	StatusCanceled = "canceled"
	StatusExpired  = "expired"
)

// Page is a page of a list. TotalCount counts all matches, where it is asked
// for.
type Page[T any] struct {
	Data       []T `json:"data"`
	TotalCount int `json:"totalCount"`
}

// there reports whether an answer holds the list: one that is null or left out
// is no empty list.
func (p *Page[T]) there() bool { return p != nil && p.Data != nil }

// Tenant is an organization there.
type Tenant struct {
	ID string `json:"id"`
}

// Role is a role of the environment: tenants share them.
type Role struct {
	ID   string `json:"id"`
	Key  string `json:"key"`
	Name string `json:"name"`
}

// Invite is an invitation. What is null reads as empty.
type Invite struct {
	ID               string          `json:"id"`
	Email            string          `json:"email"`
	Status           string          `json:"status"`
	TenantID         string          `json:"tenantId"`
	FirstName        string          `json:"firstName"`
	LastName         string          `json:"lastName"`
	Locale           string          `json:"locale"`
	Data             json.RawMessage `json:"data"`
	RoleKeys         []string        `json:"roleKeys"`
	Roles            *Page[Role]     `json:"roles"`
	CreatedAt        string          `json:"createdAt"`
	UpdatedAt        string          `json:"updatedAt"`
	StatusUpdatedAt  string          `json:"statusUpdatedAt"`
	UserTokenID      string          `json:"userTokenId"`
	AcceptedByUserID string          `json:"acceptedByUserId"`
}

// Granted returns the keys of the roles that an invitation grants; none: it
// does not say.
func (i *Invite) Granted() []string {
	keys := i.RoleKeys
	if len(keys) == 0 && i.Roles != nil {
		for _, role := range i.Roles.Data {
			keys = append(keys, role.Key)
		}
	}
	return keys
}

// referenceKey is where an invitation's data holds our reference.
const referenceKey = "usher_invite_id"

// Reference returns our reference on an invitation, or "".
func (i *Invite) Reference() string {
	var data map[string]any
	if json.Unmarshal(i.Data, &data) != nil {
		return ""
	}
	reference, _ := data[referenceKey].(string)
	return reference
}

// User is an account. It belongs to one tenant at most.
type User struct {
	ID        string      `json:"id"`
	Email     string      `json:"email"`
	Reference string      `json:"reference"`
	TenantID  string      `json:"tenantId"`
	Active    *bool       `json:"active"`
	FirstName string      `json:"firstName"`
	LastName  string      `json:"lastName"`
	CreatedAt string      `json:"createdAt"`
	Roles     *Page[Role] `json:"roles"`
}

// Deactivated reports that the vendor says so.
func (u *User) Deactivated() bool { return u.Active != nil && !*u.Active }

// Question is what Look answers. What is empty is not asked.
type Question struct {
	Tenant  string
	Emails  []string // of the invitee
	Known   string   // id of an invitation
	Roles   []string // keys
	Inviter string   // id of the user who is configured to invite
	Caller  *Caller
}

// Caller is who asks for the invitations, by one of two things. For several that
// have several callers, all of theirs are asked for.
type Caller struct {
	Emails     []string
	References []string
}

// filter is how the caller is compared.
func (c *Caller) filter() map[string]any {
	switch {
	case c == nil:
		return map[string]any{}
	case len(c.References) > 0:
		return map[string]any{"valueIn": c.References}
	default:
		return map[string]any{"valueIn": c.Emails}
	}
}

func (q Question) variables() map[string]any {
	roles := q.Roles
	if roles == nil {
		roles = []string{}
	}
	byReference := q.Caller != nil && len(q.Caller.References) > 0
	return map[string]any{
		"tenant": q.Tenant, "emails": q.Emails,
		"known": q.Known, "withKnown": q.Known != "",
		"roles": roles, "withRoles": len(roles) > 0,
		"inviter": q.Inviter, "withInviter": q.Inviter != "",
		"caller": q.Caller.filter(), "byEmail": q.Caller != nil && !byReference, "byReference": byReference,
	}
}

// Sight is the answer to a Question. What was not asked is nil.
type Sight struct {
	Tenants           *Page[Tenant] `json:"tenants"`
	Users             *Page[User]   `json:"users"`
	Pending           *Page[Invite] `json:"pending"`
	Known             *Page[Invite] `json:"known"`
	Roles             *Page[Role]   `json:"roles"`
	Inviter           *Page[User]   `json:"inviter"`
	Caller            *Page[User]   `json:"caller"`
	CallerByReference *Page[User]   `json:"callerByReference"`
}

// MemberPage is a page of a tenant's users, with the tenant if there is one.
type MemberPage struct {
	Tenants Page[Tenant] `json:"tenants"`
	Users   Page[User]   `json:"users"`
}

// InvitePage is a page of a tenant's invitations, with the tenant.
type InvitePage struct {
	Tenants     Page[Tenant] `json:"tenants"`
	UserInvites Page[Invite] `json:"userInvites"`
}

// RolePage is a list of roles, with the tenant.
type RolePage struct {
	Tenants Page[Tenant] `json:"tenants"`
	Roles   Page[Role]   `json:"roles"`
}

// SameID compares two ids: UUIDs by their value, anything else by its text.
// Empty ids are nobody's.
func SameID(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	if a == b {
		return true
	}
	x, errX := uuid.Parse(a)
	y, errY := uuid.Parse(b)
	return errX == nil && errY == nil && x == y
}
