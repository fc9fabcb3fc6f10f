package contract

import (
	"regexp"
	"testing"

	"usher/internal/contracttest"
	"usher/sandbox/fault"
)

// Spec says how the vendor's document and its traffic fit together.
func Spec() contracttest.Spec {
	return contracttest.Spec{Origin: "https://api.workos.com", Known: known(), Uncovered: uncovered(), Injected: fault.Header}
}

// NewValidator loads the vendor's document, which the test needs, and reports
// violations when it ends.
func NewValidator(t testing.TB) *contracttest.Validator {
	t.Helper()
	return contracttest.NewValidator(t, contracttest.Dir(t, "workos"), Spec())
}

// known is the table of exemptions, and the only one.
func known() []contracttest.Exemption {
	re := regexp.MustCompile
	const memberships = `^/user_management/organization_memberships$`
	undocumented := re(`status is not supported|no answer of this status`)
	return []contracttest.Exemption{
		{Status: 401, Error: undocumented, Reason: "section 2: a bad key is refused everywhere, in no operation of the document"},
		{Status: 403, Error: undocumented, Reason: "section 2: as 401, for a key that lacks rights"},
		{Status: 429, Error: undocumented, Reason: "section 4: rate limits, declared for a few operations only"},
		{Method: "POST", Path: re(memberships), Status: 400, Error: re(`value must be 'cannot_reactivate_pending_organization_membership'`),
			Reason: "section 2: an active membership exists already, for which the document has no code"},
		{Method: "POST", Path: re(memberships), Status: 409, Error: undocumented, Reason: "section 2: the same, as the vendor's migration tool expects it"},
		{Status: 404, Error: undocumented, Reason: "sections 2 and 6: operations on an id without a declared 404 (revoke, PUT of users)"},
	}
}

// uncovered are routes that FACTS.md describes and the document has not.
func uncovered() []*regexp.Regexp {
	re := regexp.MustCompile
	return []*regexp.Regexp{
		re(`^/organizations/[^/]+/roles$`), // section 9: the older path
		re(`^/authkit/invitation$`),        // section 6.2: the page that mails lead to
	}
}
