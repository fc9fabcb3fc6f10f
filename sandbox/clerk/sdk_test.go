package clerk_test

import (
	"net/http"
	"testing"

	"usher/internal/nodetest"
	"usher/sandbox/clerk"
	"usher/sandbox/sandboxtest"
)

// TestVendorSDK guards against a simulator that fits our adapter alone: the
// vendor's own SDK, unmodified, works with it through its apiUrl option.
func TestVendorSDK(t *testing.T) {
	t.Parallel()
	mails := &sandboxtest.Mailbox{}
	var sim *clerk.Simulator
	v := validator(t)
	srv := sandboxtest.Serve(t, func(base string) http.Handler {
		sim = clerk.New(clerk.Options{BaseURL: base, Mail: mails, Key: sandboxtest.Key()}) // the SDK has the real time
		if v == nil {
			return sim
		}
		return v.Middleware(sim)
	})
	org := sim.AddOrganization(clerk.Org{Name: "Acme", Slug: "acme"})
	admin := sim.AddUser(clerk.Person{Email: "boss@example.com"})
	sim.AddMember(org, admin, "org:admin")
	nodetest.Run(t, "testdata/sdk.mjs", map[string]string{
		"CLERK_URL": srv.URL, "CLERK_SECRET_KEY": sim.SecretKey(), "CLERK_ORGANIZATION": org, "CLERK_ADMIN": admin,
	})
	srv.Close() // answers are looked at when they are out
	if v != nil {
		for _, violation := range v.Violations() {
			t.Errorf("contract: %s", violation)
		}
	}
	if got := len(mails.To("grace@example.com")); got != 2 {
		t.Errorf("%d mails for the invitation and its second one, want 2", got)
	}
}
