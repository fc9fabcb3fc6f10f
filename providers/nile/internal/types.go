package internal

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"time"

	"usher/identity"
)

// NewInvite is an invitation to be sent.
type NewInvite struct {
	Identifier  string // the address
	CallbackURL string // where the browser ends up
	RedirectURL string // what the link in the mail begins with; without a query
}

// Invite is an invitation as the vendor keeps it (FACTS.md section 4). There is
// no status: it is there until it is accepted or deleted.
type Invite struct {
	ID         string          `json:"id"`
	TenantID   string          `json:"tenant_id"`
	Token      identity.Secret `json:"token"` // accepts it for whoever knows it
	Identifier string          `json:"identifier"`
	CreatedBy  string          `json:"created_by"` // the user whose leaving ends it; empty: not told
	Expires    time.Time       `json:"expires"`
}

func (i *Invite) whole() bool {
	return IsID(i.ID) && IsID(i.TenantID) && i.Identifier != "" && !i.Expires.IsZero()
}

// Mark tells the sendings of an invitation apart, each of which makes a new
// token. It tells nothing about the token itself.
func (i *Invite) Mark() string {
	const bytes = 8
	sum := sha256.Sum256([]byte(i.Token.Reveal()))
	return hex.EncodeToString(sum[:bytes])
}

// User is a member of a tenant.
type User struct {
	ID         string `json:"id"`
	Email      string `json:"email"`
	GivenName  string `json:"givenName"`
	FamilyName string `json:"familyName"`
	// EmailVerified is when the address was proven; empty: it was not.
	EmailVerified string `json:"emailVerified"`
}

func (u *User) whole() bool { return IsID(u.ID) }

// IsID reports whether a text is an id of the vendor's, in the one spelling that
// may stand in a path or a statement (FACTS.md section 9, 12).
func IsID(s string) bool { return id.MatchString(s) }

var (
	id    = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
	token = regexp.MustCompile(`^[0-9a-f]{64}$`)
	email = regexp.MustCompile(`^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$`)
)

// SameID compares ids, which the vendor reads in either case.
func SameID(a, b string) bool { return a != "" && strings.EqualFold(a, b) }

// IsToken reports whether a text is a token of an invitation, or of a form.
func IsToken(s string) bool { return token.MatchString(s) }

// IsEmail reports whether the vendor invites an address (FACTS.md section 5).
func IsEmail(s string) bool { return email.MatchString(s) }
