package asgardeo

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// comparison is one "attribute operator value" of a filter.
type comparison struct {
	attribute, op, value string
}

// filterError is what a filter fails with.
type filterError struct {
	status   int
	scimType string
	detail   string
}

func badFilter(format string, args ...any) *filterError {
	return &filterError{http.StatusBadRequest, "InvalidFilter", fmt.Sprintf(format, args...)}
}

// parseFilter reads a filter as the vendor does (FACTS.md section 2.1), which
// is not RFC 7644: the text is split at blanks, each word loses its outer
// quotes, the words are joined again. So quotes protect neither blanks nor
// "and", "or", "not", nothing escapes a quote, and parentheses always separate.
// All comparisons must hold.
func parseFilter(text string) ([]comparison, *filterError) {
	var out []comparison
	var words []string
	joined := true // an "and" (or the start) stands before the next comparison
	unsupported := false
	flush := func() *filterError {
		if len(words) == 0 {
			return nil
		}
		if !joined {
			return badFilter("Invalid filter: two expressions without an operator between them.")
		}
		cmp, err := parseComparison(words)
		if err != nil {
			return err
		}
		out, words, joined = append(out, cmp), nil, false
		return nil
	}
	for _, word := range filterWords(text) {
		switch bare := stripQuotes(word); strings.ToLower(bare) {
		case "(", ")":
			if err := flush(); err != nil {
				return nil, err
			}
		case "and", "or", "not":
			if err := flush(); err != nil {
				return nil, err
			}
			if strings.EqualFold(bare, "and") && joined {
				return nil, badFilter("Invalid filter: an operand is missing before %q.", bare)
			}
			joined = true
			unsupported = unsupported || !strings.EqualFold(bare, "and")
		default:
			words = append(words, bare)
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	if unsupported {
		return nil, &filterError{http.StatusInternalServerError, "", "Unsupported Operation"}
	}
	if joined {
		return nil, badFilter("Invalid filter: an expression is missing.")
	}
	return out, nil
}

func filterWords(text string) []string {
	text = strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text)
	return strings.Fields(text)
}

func stripQuotes(word string) string {
	if len(word) > 0 && word[0] == '"' {
		word = word[1:]
	}
	return strings.TrimSuffix(word, `"`)
}

func parseComparison(words []string) (comparison, *filterError) {
	if len(words) < 2 {
		return comparison{}, badFilter("Invalid filter: %q is not an expression.", strings.Join(words, " "))
	}
	op := strings.ToLower(words[1])
	if !slices.Contains([]string{"eq", "co", "sw", "ew", "ge", "le", "ne"}, op) {
		return comparison{}, badFilter("Given filter operator is not supported.")
	}
	if len(words) < 3 {
		return comparison{}, badFilter("Invalid filter: the value is missing.")
	}
	return comparison{attribute: words[0], op: op, value: strings.Join(words[2:], " ")}, nil
}

// userFilter turns comparisons into a test over users.
func (s *Simulator) userFilter(text, domain string) (func(*user) bool, *filterError) {
	domain = strings.ToUpper(domain)
	if domain != "" && !slices.Contains(s.stores, domain) {
		return nil, &filterError{http.StatusBadRequest, "invalidValue", "Invalid user store domain: " + domain}
	}
	var tests []func(*user) bool
	if domain != "" {
		tests = append(tests, func(u *user) bool { return u.store == domain })
	}
	if strings.TrimSpace(text) != "" {
		all, err := parseFilter(text)
		if err != nil {
			return nil, err
		}
		for _, cmp := range all {
			test, err := s.userTest(cmp, domain)
			if err != nil {
				return nil, err
			}
			tests = append(tests, test)
		}
	}
	return func(u *user) bool {
		for _, test := range tests {
			if !test(u) {
				return false
			}
		}
		return true
	}, nil
}

func (s *Simulator) userTest(cmp comparison, domain string) (func(*user) bool, *filterError) {
	read := s.userAttribute(cmp.attribute)
	if read == nil {
		return nil, &filterError{http.StatusInternalServerError, "", "Unsupported attribute: " + cmp.attribute}
	}
	store := ""
	if attributeName(cmp.attribute) == "username" {
		store, cmp.value = splitStore(cmp.value)
		if store != "" && !slices.Contains(s.stores, store) {
			return nil, &filterError{http.StatusBadRequest, "invalidValue", "Invalid user store domain: " + store}
		}
		if store != "" && domain != "" && store != domain {
			return nil, &filterError{http.StatusInternalServerError, "", "Domain names in the filter and the domain parameter do not match."}
		}
	}
	compare := s.comparer(cmp)
	return func(u *user) bool {
		if store != "" && u.store != store {
			return false
		}
		values := read(u)
		if cmp.op == "ne" {
			return !slices.ContainsFunc(values, func(v string) bool { return !compare(v) })
		}
		return slices.ContainsFunc(values, compare)
	}, nil
}

// attributeName is an attribute path without its schema, in lower case.
func attributeName(path string) string {
	path = strings.ToLower(path)
	for _, schema := range []string{schemaUser, schemaWSO2, schemaEnterprise} {
		if rest, ok := strings.CutPrefix(path, strings.ToLower(schema)); ok && len(rest) > 1 {
			return rest[1:]
		}
	}
	return path
}

// userAttribute reads the values of a filterable attribute; nil for an unknown one.
func (s *Simulator) userAttribute(path string) func(*user) []string {
	name := attributeName(path)
	switch kind, isEmail := emailKind(name); {
	case isEmail:
		return func(u *user) (out []string) {
			for _, e := range u.emails {
				if e.kind == kind {
					out = append(out, e.value)
				}
			}
			return out
		}
	case name == "groups":
		return func(u *user) (out []string) {
			for _, g := range s.groupsOf(u) {
				out = append(out, g.name)
			}
			return out
		}
	}
	read := singleAttributes()[name]
	if read == nil {
		return nil
	}
	return func(u *user) []string {
		if v := read(u); v != "" {
			return []string{v}
		}
		return nil
	}
}

func emailKind(name string) (string, bool) {
	switch name {
	case "emails":
		return "", true
	case "emails.work":
		return "work", true
	case "emails.home":
		return "home", true
	}
	return "", false
}

// singleAttributes are the filterable attributes with at most one value, by
// lower-case name.
func singleAttributes() map[string]func(*user) string {
	return map[string]func(*user) string{
		"username":          func(u *user) string { return u.name },
		"id":                func(u *user) string { return u.id },
		"externalid":        func(u *user) string { return u.external },
		"name.givenname":    func(u *user) string { return u.given },
		"name.familyname":   func(u *user) string { return u.family },
		"meta.created":      func(u *user) string { return stamp(u.created) },
		"meta.lastmodified": func(u *user) string { return stamp(u.modified) },
		"accountstate":      func(u *user) string { return u.state },
		"accountlocked":     func(u *user) string { return strconv.FormatBool(u.locked) },
		"managedorg":        func(u *user) string { return u.managedOrg },
		"sharedtype":        func(u *user) string { return u.shared },
	}
}

// comparer is a comparison's test of one value. An eq value with * matches as
// a pattern where the server is configured so.
func (s *Simulator) comparer(cmp comparison) func(string) bool {
	fold := strings.ToLower
	if s.q.CaseSensitiveEq {
		fold = func(v string) string { return v }
	}
	want := fold(cmp.value)
	switch cmp.op {
	case "eq", "ne":
		equal := func(v string) bool { return fold(v) == want }
		if s.q.WildcardEq && strings.Contains(want, "*") {
			pattern := regexp.MustCompile(`\A(?s:` + strings.ReplaceAll(regexp.QuoteMeta(want), `\*`, `.*`) + `)\z`)
			equal = func(v string) bool { return pattern.MatchString(fold(v)) }
		}
		if cmp.op == "ne" {
			return func(v string) bool { return !equal(v) }
		}
		return equal
	case "co":
		return func(v string) bool { return strings.Contains(fold(v), want) }
	case "sw":
		return func(v string) bool { return strings.HasPrefix(fold(v), want) }
	case "ew":
		return func(v string) bool { return strings.HasSuffix(fold(v), want) }
	case "ge":
		return func(v string) bool { return fold(v) >= want }
	default:
		return func(v string) bool { return fold(v) <= want }
	}
}
