package asgardeo

import (
	"maps"
	"slices"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/golden"
	"usher/providers"
)

// TestGolden replays whole exchanges as FACTS.md describes them.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file       string
		reference  map[string]string
		notCarried []string
		want       identity.Code
	}{
		{"new_user", map[string]string{
			refUsername: "new+person@example.com", refDomain: "DEFAULT", refUserID: "008bba85-451d-414b-87de-c03b5a1f4217", refCreated: "true",
		}, []string{"locale"}, ""},
		{"awaiting_user", map[string]string{
			refUsername: "new+person@example.com", refDomain: "LDAP", refUserID: "7f1c",
		}, []string{"given_name", "family_name", "locale"}, ""},
		{"member", nil, nil, identity.CodeAlreadyMember},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			off := false
			r := newRig(t, func(cfg *Config, d *providers.Deps) {
				cfg.IntrospectOpaqueTokens = &off
				d.Transport = golden.Replay(t, "testdata/TestGolden/"+c.file+".txtar")
			})
			request := r.request("New+Person@Example.com")
			request.GivenName, request.FamilyName, request.Locale = "New", "Person", "en-GB"
			sent, err := r.p.Invite(t.Context(), request)
			wantCode(t, err, c.want)
			if err != nil {
				return
			}
			if !maps.Equal(sent.Reference, c.reference) || !slices.Equal(sent.NotCarried, c.notCarried) ||
				sent.ProviderID != "" || !sent.ExpiresAt.Equal(r.Clock.Now().Add(72*time.Hour)) {
				t.Errorf("sent %+v", sent)
			}
		})
	}
}
