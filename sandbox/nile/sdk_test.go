package nile_test

import (
	"testing"

	"usher/internal/nodetest"
)

// TestSDK takes the vendor's own SDK, unmodified, on a tour. The disaster: a
// simulator that only our adapter can talk to.
func TestSDK(t *testing.T) {
	t.Parallel()
	w := newEmptyWorld(t, nil)
	nodetest.Run(t, "testdata/sdk.mjs", map[string]string{
		"NILE_URL": w.sim.URL(), "NILE_APP": w.sim.AppURL(), "NILE_STATE": w.srv.URL + "/_sandbox/state",
	})
}
