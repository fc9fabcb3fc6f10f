package scim2_test

import (
	"testing"

	"usher/internal/nodetest"
)

// Somebody else's reading of the RFCs: every kind of answer goes through the
// parsers and validators of SCIMMY, which also writes the requests.
func TestAnothersParserReadsEveryAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	nodetest.Run(t, "testdata/parse.mjs", map[string]string{"URL": w.srv.URL + w.sim.Path(), "TOKEN": w.sim.Token()})
}
