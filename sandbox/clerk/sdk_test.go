package clerk_test

import (
	"net/http/httptest"
	"testing"

	"usher/internal/nodetest"
	"usher/sandbox/clerk"
)

// TestVendorSDK guards against a simulator that fits our adapter alone: the
// vendor's own SDK, unmodified, works with it through its apiUrl option.
func TestVendorSDK(t *testing.T) {
	t.Parallel()
	mails := &mailbox{}
	srv := httptest.NewUnstartedServer(nil)
	base := "http://" + srv.Listener.Addr().String()
	sim := clerk.New(clerk.Options{BaseURL: base, Mail: mails, Key: testKey()}) // the SDK has the real time
	srv.Config.Handler = sim
	v := validator(t)
	if v != nil {
		srv.Config.Handler = v.Middleware(sim)
	}
	srv.Start()
	t.Cleanup(srv.Close)
	org := sim.AddOrganization(clerk.Org{Name: "Acme", Slug: "acme"})
	admin := sim.AddUser(clerk.Person{Email: "boss@example.com"})
	sim.AddMember(org, admin, "org:admin")
	nodetest.Run(t, "testdata/sdk.mjs", map[string]string{
		"CLERK_URL": base, "CLERK_SECRET_KEY": sim.SecretKey(), "CLERK_ORGANIZATION": org, "CLERK_ADMIN": admin,
	})
	srv.Close() // answers are looked at when they are out
	if v != nil {
		for _, violation := range v.Violations() {
			t.Errorf("contract: %s", violation)
		}
	}
	if got := len(mails.to("grace@example.com")); got != 2 {
		t.Errorf("%d mails for the invitation and its second one, want 2", got)
	}
}
