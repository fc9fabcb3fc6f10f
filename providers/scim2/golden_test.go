package scim2

import (
	"testing"

	"usher/internal/golden"
	"usher/providers"
)

// TestGolden replays whole exchanges, with resources as the RFCs show them.
func TestGolden(t *testing.T) {
	t.Parallel()
	for file, role := range map[string]string{"accept_patch": "{organization}: Admin", "accept_put": "{organization}"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(_ *vendor, _ *Config, d *providers.Deps) {
				d.Transport = golden.Replay(t, "testdata/TestGolden/"+file+".txtar")
				d.Roles = map[string]string{"admin": role}
			})
			a := accepting(t, "New+Person@Example.com", "admin")
			a.Org = org("e9e30dba-f08f-4109-8486-d5c6a331660a")
			a.GivenName, a.FamilyName, a.Locale = "New", "Person", "en-GB"
			m, err := r.p.Accept(t.Context(), a)
			if err != nil || m.ProviderID != "902c246b-6245-4190-8e05-00816be7344a" {
				t.Errorf("%+v, %v", m, err)
			}
		})
	}
}
