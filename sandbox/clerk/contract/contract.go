package contract

import (
	"regexp"
	"testing"

	"usher/internal/contracttest"
	"usher/sandbox/fault"
)

// Spec says how the vendor's document and its traffic fit together.
func Spec() contracttest.Spec {
	return contracttest.Spec{Origin: "https://api.clerk.com", Known: known(), Uncovered: uncovered(), Injected: fault.Header}
}

// NewValidator loads the vendor's document, which the test needs, and reports
// violations when it ends.
func NewValidator(t testing.TB) *contracttest.Validator {
	t.Helper()
	return contracttest.NewValidator(t, contracttest.Dir(t, "clerk"), Spec())
}

// known is the table of exemptions, and the only one.
func known() []contracttest.Exemption {
	re := regexp.MustCompile
	undocumented := re(`status is not supported|no answer of this status`)
	return []contracttest.Exemption{
		{Status: 429, Error: undocumented, Reason: "section 3: rate limits, in no operation"},
		{Status: 401, Error: undocumented, Reason: "section 1: every call needs a key, not every operation says so"},
		{Status: 400, Error: undocumented, Reason: "sections 1 and 2: versions, and bodies that cannot be read, are refused by every operation"},
		{Status: 403, Error: undocumented, Reason: "section 2: organizations can be switched off, and memberships are limited"},
		{Status: 404, Error: undocumented, Reason: "section 2: what is not found is a 404, not every operation says so"},
		{Status: 409, Error: undocumented, Reason: "section 2: duplicates in the wild, and memberships that a directory owns"},
		{Status: 413, Error: undocumented, Reason: "section 2: body too large"},
		{Status: 415, Error: undocumented, Reason: "section 2: content type"},
		{Status: 422, Error: undocumented, Reason: "section 2: parameters are refused by every operation"},
		{Path: re(`^/(invitations|sessions)$`), Method: "GET", Status: 200, Error: re(`must be an array`), Reason: "section 5: paginated=true answers an envelope"},
		{Path: re(`/metadata$`), Method: "PUT", Request: true, Error: re(`Value is not nullable`), Reason: "section 1: PUT stores null"},
		{Path: re(`^/users|/metadata$`), Status: 200, Error: re(`_metadata": Value is not nullable`), Reason: "section 1: what PUT has stored null is null from then on"},
	}
}

// uncovered are routes that FACTS.md describes and the document has not.
func uncovered() []*regexp.Regexp {
	re := regexp.MustCompile
	return []*regexp.Regexp{
		re(`^/v1/tickets/accept$`),       // section 4.7: the Frontend API
		re(`^/\.well-known/jwks\.json$`), // section 9: as above
	}
}
