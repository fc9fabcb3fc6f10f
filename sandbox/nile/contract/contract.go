package contract

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"usher/internal/contracttest"
	"usher/sandbox/fault"
)

// Spec says how the documents and the vendor's traffic fit together. The
// corrected document comes first and wins.
func Spec() contracttest.Spec {
	return contracttest.Spec{
		Files: []string{"openapi.observed.yaml", "openapi.yaml"}, Answer: asJSON,
		Known: known(), Uncovered: uncovered(), Injected: fault.Header,
	}
}

// NewValidator loads the documents, which the test needs, and reports
// violations when it ends.
func NewValidator(t testing.TB) *contracttest.Validator {
	t.Helper()
	return contracttest.NewValidator(t, contracttest.Dir(t, "nile"), Spec())
}

// asJSON names JSON as what it is: the vendor sends it as plain text (FACTS.md
// section 3). The error texts stay text.
func asJSON(_ string, h http.Header, body []byte) {
	body = bytes.TrimSpace(body)
	if strings.HasPrefix(h.Get("Content-Type"), "text/plain") && len(body) > 0 && (body[0] == '{' || body[0] == '[') {
		h.Set("Content-Type", "application/json")
	}
}
