package scim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	filter "github.com/scim2/filter-parser/v2"
)

// Dialect is how a service reads filters.
type Dialect int

const (
	// RFC is the grammar of RFC 7644 section 3.4.2.2: values are JSON strings.
	RFC Dialect = iota
	// Words is WSO2's: the text is cut at blanks and outer quotes are taken
	// off each word, so that no value with a blank, a quote, a backslash or a
	// wildcard can be carried, nor one that is a logical word itself (FACTS.md
	// of asgardeo, section 2.1).
	Words
)

// ErrValue is the error of a value that a filter of the dialect cannot carry.
var ErrValue = errors.New("scim: the value cannot be carried in a filter")

// Filter is a filter that was built, not written. The zero value selects
// everything.
type Filter struct {
	text string
	or   bool // joined by or: needs parentheses within an and
}

// String returns the filter for a query parameter, not yet URL-encoded.
func (f Filter) String() string { return f.text }

// filterable lists the attributes that a filter may name.
func filterable() []string {
	return []string{"userName", "emails", "emails.value", "externalId", "displayName", "id", "members.value", "groups.value", "audience.value", "audience.type"}
}

// Eq returns the filter `attribute eq value`. A value that the dialect cannot
// carry as exactly this value is refused with ErrValue: nothing is escaped in
// a way that a service could read otherwise.
func Eq(d Dialect, attribute, value string) (Filter, error) {
	if !slices.Contains(filterable(), attribute) {
		return Filter{}, fmt.Errorf("scim: no filter on attribute %q", attribute)
	}
	if !plain(value) {
		return Filter{}, ErrValue
	}
	if d == Words && !isWord(value) {
		return Filter{}, ErrValue
	}
	built := Filter{text: attribute + ` eq "` + value + `"`}
	if !built.reads(attribute, value) {
		return Filter{}, ErrValue
	}
	return built, nil
}

// plain reports whether a value needs no escape in any dialect: no quote, no
// backslash, nothing that cannot be seen.
func plain(value string) bool {
	return value != "" && utf8.ValidString(value) && !strings.ContainsAny(value, `"\`) &&
		!strings.ContainsFunc(value, func(r rune) bool {
			return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) || r == utf8.RuneError
		})
}

// isWord reports whether a value is one word to WSO2, and no word of its own.
func isWord(value string) bool {
	if strings.ContainsAny(value, "*()") || strings.ContainsFunc(value, unicode.IsSpace) {
		return false
	}
	return !slices.Contains([]string{"and", "or", "not"}, strings.ToLower(strings.Trim(value, "'")))
}

// reads parses the filter back: it must be the one comparison it was built as.
// A value of letters, digits and what most addresses hold besides means nothing
// else to any grammar and is not parsed, which would take longer than the look-up.
func (f Filter) reads(attribute, value string) bool {
	if !strings.ContainsFunc(value, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("@.+-_", r)
	}) {
		return true
	}
	parsed, err := filter.ParseFilter([]byte(f.text))
	if err != nil {
		return false
	}
	comparison, ok := parsed.(*filter.AttributeExpression)
	return ok && comparison.AttributePath.String() == attribute && comparison.Operator == filter.EQ && comparison.CompareValue == value
}

// And joins filters; those that select everything are left out.
func And(filters ...Filter) Filter {
	var parts []string
	for _, f := range filters {
		switch {
		case f.text == "":
		case f.or && len(filters) > 1:
			parts = append(parts, "("+f.text+")")
		default:
			parts = append(parts, f.text)
		}
	}
	return Filter{text: strings.Join(parts, " and "), or: len(filters) == 1 && filters[0].or}
}

// Or joins filters, of which each selects something: one that selects
// everything makes the whole do so.
func Or(filters ...Filter) Filter {
	parts := make([]string, len(filters))
	for n, f := range filters {
		if f.text == "" {
			return Filter{}
		}
		parts[n] = f.text // "and" binds closer than "or" (RFC 7644 section 3.4.2.2)
	}
	return Filter{text: strings.Join(parts, " or "), or: len(filters) > 1 || slices.ContainsFunc(filters, func(f Filter) bool { return f.or })}
}
