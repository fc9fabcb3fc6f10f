package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// EmailRule is how a connection compares addresses. Dots and plus signs are
// never touched, and a domain is always compared in its lower-case ASCII form.
type EmailRule string

// The two rules. The zero value is EmailLowercase.
const (
	EmailLowercase EmailRule = "lowercase"
	EmailExact     EmailRule = "exact"
)

// Address is a checked e-mail address.
type Address struct {
	Typed  string // as it was given
	Local  string // NFC
	Domain string // lower-case ASCII (IDNA A-labels)
}

// Size limits of RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.3.
const (
	maxLocalBytes   = 64
	maxAddressBytes = 254
)

// ParseEmail checks a bare address: one local part of dot-separated atoms, one
// IDNA domain. Display names, quoted strings, comments, blanks, control
// characters, wildcards and over-long addresses are refused, since no backend
// can be trusted to treat them as data. Errors have code invalid_request and
// point to /email.
func ParseEmail(s string) (Address, error) {
	bad := func(why string) (Address, error) {
		return Address{}, FieldError(CodeInvalidRequest, "/email", "The e-mail address %s.", why)
	}
	switch {
	case s == "":
		return bad("is missing")
	case !utf8.ValidString(s):
		return bad("is not valid UTF-8")
	case len(s) > maxAddressBytes:
		return bad("is longer than 254 bytes")
	}
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || at == len(s)-1 {
		return bad("needs a local part and a domain")
	}
	local, domain := norm.NFC.String(s[:at]), s[at+1:]
	if why := checkLocal(local); why != "" {
		return bad(why)
	}
	ascii, err := domainToASCII(domain)
	if err != nil {
		return bad("has a domain that is not a host name")
	}
	if len(local)+1+len(ascii) > maxAddressBytes {
		return bad("is longer than 254 bytes")
	}
	return Address{Typed: s, Local: local, Domain: ascii}, nil
}

// checkLocal says what is wrong with a local part, or "".
func checkLocal(local string) string {
	switch {
	case len(local) > maxLocalBytes:
		return "has a local part longer than 64 bytes"
	case strings.HasPrefix(local, "."), strings.HasSuffix(local, "."), strings.Contains(local, ".."):
		return "has a misplaced dot"
	}
	for _, r := range local {
		switch {
		case unicode.IsSpace(r):
			return "contains a blank"
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == utf8.RuneError:
			return "contains a control character"
		case strings.ContainsRune(`"\*()<>[],;:@`, r):
			return "contains a character that is not allowed"
		case r > unicode.MaxASCII && !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r):
			return "contains a character that is not allowed"
		}
	}
	return ""
}

func domainToASCII(domain string) (string, error) {
	ascii, err := idna.New(
		idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false),
		idna.StrictDomainName(true), idna.VerifyDNSLength(true),
	).ToASCII(domain)
	if err != nil {
		return "", err
	}
	last := ascii[strings.LastIndexByte(ascii, '.')+1:]
	if !strings.Contains(ascii, ".") || strings.Trim(last, "0123456789") == "" {
		return "", Errorf(CodeInvalidRequest, "not a host name")
	}
	return strings.ToLower(ascii), nil
}

// Key returns what the address is compared by under a rule.
func (a Address) Key(rule EmailRule) string {
	if rule == EmailExact {
		return a.Local + "@" + a.Domain
	}
	// A small letter and its marks may be one character where the capital's are not.
	return norm.NFC.String(strings.ToLower(a.Local)) + "@" + a.Domain
}

// SameEmail reports whether two addresses are the same under a rule. An
// address that does not parse equals nothing.
func SameEmail(a, b string, rule EmailRule) bool {
	x, err := ParseEmail(a)
	if err != nil {
		return false
	}
	y, err := ParseEmail(b)
	return err == nil && x.Key(rule) == y.Key(rule)
}
