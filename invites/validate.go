package invites

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/language"

	"usher/identity"
)

// What a request may hold.
const (
	MaxRoles         = 50
	MaxNameRunes     = 100
	MaxMessageRunes  = 500
	MaxMetadataBytes = 4096
)

// validate checks a request against everything but the vendor, in the order of
// the API: the body first, then whether its roles exist, then whether the
// caller may grant them. It returns the invite to record.
func (s *Service) validate(c *Connection, by Caller, r SendRequest) (*identity.Invite, identity.Address, error) {
	address, err := identity.ParseEmail(r.Email)
	if err != nil {
		return nil, address, err
	}
	for _, check := range []func() error{
		func() error { return r.wellFormed(s.ledger.Now()) },
		func() error { return checkRedirectURL(c.RedirectURLs, r.RedirectURL) },
		func() error { return checkGrantable(c, by, r.Roles) },
	} {
		if err := check(); err != nil {
			return nil, address, err
		}
	}
	return &identity.Invite{
		Email: address.Typed, EmailKey: address.Key(c.EmailRule), Roles: slices.Clone(r.Roles),
		GivenName: r.GivenName, FamilyName: r.FamilyName, Locale: r.Locale, Message: r.Message,
		RedirectURL: r.RedirectURL, ExpiresAt: r.ExpiresAt, Metadata: r.Metadata,
		Notify: r.Notify == nil || *r.Notify, NotCarried: []string{}, Inviter: by.Actor, Attempt: 1,
	}, address, nil
}

// Check finds what is wrong with a request wherever it goes: everything but
// what depends on the organization. Codes: invalid_request.
func (r SendRequest) Check(now time.Time) error {
	if _, err := identity.ParseEmail(r.Email); err != nil {
		return err
	}
	return r.wellFormed(now)
}

// wellFormed is Check without the address.
func (r SendRequest) wellFormed(now time.Time) error {
	for _, check := range []func() error{
		func() error { return checkRoles(r.Roles) },
		func() error { return checkName("/given_name", r.GivenName) },
		func() error { return checkName("/family_name", r.FamilyName) },
		func() error { return checkLocale(r.Locale) },
		func() error { return checkMessage(r.Message) },
		func() error { return checkExpiry(r.ExpiresAt, now) },
		func() error { return checkMetadata(r.Metadata) },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func invalid(field, format string, args ...any) error {
	return identity.FieldError(identity.CodeInvalidRequest, field, format, args...)
}

func checkRoles(roles []string) error {
	switch {
	case len(roles) == 0:
		return invalid("/roles", "At least one role is needed.")
	case len(roles) > MaxRoles:
		return invalid("/roles", "At most %d roles are allowed.", MaxRoles)
	}
	for n, role := range roles {
		field := fmt.Sprintf("/roles/%d", n)
		if role == "" {
			return invalid(field, "A role must not be empty.")
		}
		if slices.Contains(roles[:n], role) {
			return invalid(field, "The role is listed twice.")
		}
	}
	return nil
}

// checkGrantable answers unknown_role for the first role that the connection
// does not map, and only then role_not_grantable.
func checkGrantable(c *Connection, by Caller, roles []string) error {
	for n, role := range roles {
		if _, ok := c.Roles[role]; !ok {
			return identity.FieldError(identity.CodeUnknownRole, fmt.Sprintf("/roles/%d", n),
				"The organization has no such role.")
		}
	}
	for n, role := range roles {
		rule := c.Roles[role]
		if rule.GrantableBy == nil {
			continue
		}
		if !slices.ContainsFunc(rule.GrantableBy, func(g string) bool { return slices.Contains(by.Roles, g) }) {
			return identity.FieldError(identity.CodeRoleNotGrantable, fmt.Sprintf("/roles/%d", n),
				"You may not grant this role.")
		}
	}
	return nil
}

func checkName(field, name string) error {
	switch {
	case !utf8.ValidString(name):
		return invalid(field, "The name is not valid UTF-8.")
	case utf8.RuneCountInString(name) > MaxNameRunes:
		return invalid(field, "A name may have %d characters at most.", MaxNameRunes)
	case strings.ContainsFunc(name, unprintable):
		return invalid(field, "A name may not contain control characters.")
	case addressLike().MatchString(name): // it stands in mails
		return invalid(field, "A name may not contain links.")
	}
	return nil
}

// unprintable holds for control characters and for the format characters that
// can make a text read as something else.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || r == utf8.RuneError || (r >= 0x202A && r <= 0x202E) || (r >= 0x2066 && r <= 0x2069)
}

func checkLocale(locale string) error {
	if locale == "" {
		return nil
	}
	if _, err := language.Parse(locale); err != nil || len(locale) > 35 {
		return invalid("/locale", "The locale is not a BCP 47 language tag.")
	}
	return nil
}

// addressLike and hostLike find what mail programs may turn into links. Some take
// the full stops of East Asia for dots.
func addressLike() *regexp.Regexp {
	return regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://|www\.|mailto:|\b\d{1,3}(\.\d{1,3}){3}[:/]`)
}

func hostLike() *regexp.Regexp {
	return regexp.MustCompile(`[\pL\pN][\pL\pM\pN-]*(?:[.。．｡][\pL\pN][\pL\pM\pN-]*)+`)
}

// holdsLink reports whether a text has an address in it, or a host name below a
// top-level domain that there is.
func holdsLink(text string) bool {
	if addressLike().MatchString(text) {
		return true
	}
	return slices.ContainsFunc(hostLike().FindAllString(text, -1), func(host string) bool {
		labels := strings.FieldsFunc(host, func(r rune) bool { return strings.ContainsRune(".。．｡", r) })
		top, err := idna.Lookup.ToASCII(labels[len(labels)-1])
		_, known := publicsuffix.PublicSuffix("x." + top)
		return err == nil && known
	})
}

func checkMessage(message string) error {
	if message == "" {
		return nil
	}
	switch {
	case !utf8.ValidString(message):
		return invalid("/message", "The message is not valid UTF-8.")
	case utf8.RuneCountInString(message) > MaxMessageRunes:
		return invalid("/message", "A message may have %d characters at most.", MaxMessageRunes)
	case strings.ContainsFunc(message, func(r rune) bool { return unprintable(r) && r != '\n' }):
		return invalid("/message", "A message may not contain control characters.")
	case strings.ContainsAny(message, "<>"):
		return invalid("/message", "A message is plain text.")
	case holdsLink(message):
		return invalid("/message", "A message may not contain links.")
	}
	return nil
}

// checkRedirectURL compares parsed URLs, so that no way of writing one passes
// for another (DESIGN section 7).
func checkRedirectURL(allowed []string, raw string) error {
	if raw == "" {
		return nil
	}
	wanted, err := url.Parse(raw)
	if err != nil || wanted.Scheme == "" || wanted.Host == "" || wanted.User != nil || wanted.Opaque != "" ||
		strings.Contains(raw, `\`) || strings.ContainsFunc(raw, unicode.IsSpace) || strings.ContainsFunc(raw, unprintable) {
		return invalid("/redirect_url", "This is not an absolute URL.")
	}
	if !slices.ContainsFunc(allowed, func(a string) bool {
		u, err := url.Parse(a)
		return err == nil && *u == *wanted
	}) {
		return invalid("/redirect_url", "This page is not among those configured for the connection.")
	}
	return nil
}

func checkExpiry(at *time.Time, now time.Time) error {
	if at != nil && !at.After(now) {
		return invalid("/expires_at", "The expiry is in the past.")
	}
	return nil
}

func checkMetadata(metadata map[string]any) error {
	if len(metadata) == 0 {
		return nil
	}
	text, err := json.Marshal(metadata)
	if err != nil || len(text) > MaxMetadataBytes {
		return invalid("/metadata", "Metadata may have %d bytes of JSON at most.", MaxMetadataBytes)
	}
	return nil
}
