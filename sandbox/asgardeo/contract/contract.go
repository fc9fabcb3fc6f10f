package contract

import (
	"net/http"
	"strings"
	"testing"

	"usher/internal/contracttest"
	"usher/sandbox/fault"
)

// Spec says how the vendor's documents and its traffic fit together.
func Spec() contracttest.Spec {
	return contracttest.Spec{
		Origin: "https://api.asgardeo.io/t/rootorg", Path: below, Header: asSCIM,
		Known: known(), Uncovered: uncovered(), Injected: fault.Header,
	}
}

// NewValidator loads the vendor's documents, which the test needs, and reports
// violations when it ends.
func NewValidator(t testing.TB) *contracttest.Validator {
	t.Helper()
	return contracttest.NewValidator(t, contracttest.Dir(t, "asgardeo"), Spec())
}

// asSCIM names SCIM's JSON as the document does; sections 2 and 3 of FACTS.md
// have both names sent and taken.
func asSCIM(document string, h http.Header) {
	if document == "scim2.yaml" && strings.HasPrefix(h.Get("Content-Type"), "application/json") {
		h.Set("Content-Type", "application/scim+json")
	}
}

// below cuts /t/{root} and an organization id after /o/ off a path.
func below(path string) string {
	if rest, ok := strings.CutPrefix(path, "/t/"); ok {
		_, rest, _ = strings.Cut(rest, "/")
		path = "/" + rest
	}
	if rest, ok := strings.CutPrefix(path, "/o/"); ok {
		first, after, found := strings.Cut(rest, "/")
		if found && first != "api" && first != "scim2" && first != "oauth2" && first != "accountrecoveryendpoint" {
			path = "/o/" + after
		}
	}
	return path
}
