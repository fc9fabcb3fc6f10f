package workos_test

import (
	"net"
	"net/http"
	"testing"

	"usher/internal/nodetest"
	"usher/sandbox/sandboxtest"
	"usher/sandbox/workos"
)

// TestVendorSDK lets the vendor's own SDK, unmodified, work on the simulator
// through its host and port options (FACTS.md section 14).
func TestVendorSDK(t *testing.T) {
	t.Parallel()
	var sim *workos.Simulator
	srv := sandboxtest.Serve(t, func(base string) http.Handler {
		// The real clock: the SDK compares the time of webhooks with its own.
		sim = workos.New(workos.Options{ClientID: "client_sdk", BaseURL: base, Key: sandboxtest.Key()})
		return sim
	})
	sim.AddKey(apiKey)
	sim.AddRole("", "admin", "Admin")
	sim.SetPriority("admin", "member")
	org := sim.AddOrganization("Acme")
	boss := sim.AddUser(workos.Person{Email: "boss@acme.example"})
	sim.AddMember(org, boss, "admin")
	host, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	nodetest.Run(t, "testdata/sdk.mjs", map[string]string{
		"API_HOST": host, "API_PORT": port, "API_KEY": apiKey, "CLIENT_ID": sim.ClientID(), "ORGANIZATION_ID": org, "BOSS_ID": boss,
	})
}
