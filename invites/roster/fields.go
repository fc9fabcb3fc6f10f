package roster

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"usher/invites"
)

// The fields that are not plain texts.
const (
	fieldEmail     = "email"
	fieldRoles     = "roles"
	fieldExpiresAt = "expires_at"
	fieldMetadata  = "metadata"
	fieldNotify    = "notify"
)

// fieldNames are all fields of a row, in the order in which they are checked.
func fieldNames() []string {
	return []string{
		fieldEmail, fieldRoles, "given_name", "family_name", "locale", "redirect_url", "message", fieldExpiresAt, fieldMetadata, fieldNotify,
	}
}

// textOf returns where the plain text of a name is kept; nil: it is none.
func textOf(q *invites.SendRequest, name string) *string {
	switch name {
	case fieldEmail:
		return &q.Email
	case "given_name":
		return &q.GivenName
	case "family_name":
		return &q.FamilyName
	case "locale":
		return &q.Locale
	case "redirect_url":
		return &q.RedirectURL
	case "message":
		return &q.Message
	default:
		return nil
	}
}

// complete makes a row of what was read, or of the first mistake in it.
func (r *Reader) complete(q invites.SendRequest, err error) *Row {
	if len(q.Roles) == 0 {
		q.Roles = slices.Clone(r.options.Roles)
	}
	switch {
	case err != nil:
	case q.Email == "":
		err = wrong("/email", "The e-mail address is missing.")
	case q.Roles == nil:
		err = wrong("/roles", "At least one role is needed.")
	}
	if err != nil {
		return &Row{Request: invites.SendRequest{Email: recognizable(q.Email)}, Err: err}
	}
	return &Row{Request: q}
}

// recognizable is an address, or a mistyped one, where it is fit to be shown.
func recognizable(email string) string {
	const longest = 254
	if len(email) > longest || !utf8.ValidString(email) || strings.ContainsFunc(email, unicode.IsControl) {
		return ""
	}
	return email
}

func parseTime(field, text string) (*time.Time, error) {
	var at time.Time
	if err := at.UnmarshalText([]byte(text)); err != nil {
		return nil, wrong(field, "An RFC 3339 time is expected here, such as 2030-01-31T12:00:00Z.")
	}
	return &at, nil
}
