package roq

import (
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
	const id = "3f0a3a34-3a77-4b1c-8a43-1f3b51d1aa77"
	for _, c := range []struct {
		file       string
		notCarried []string
		want       identity.Code
	}{
		{"new_person", []string{}, ""},
		{"earlier_invitation", []string{"locale"}, ""},
		{"member", nil, identity.CodeAlreadyMember},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(_ *Config, d *providers.Deps) {
				d.Transport = checked(t, golden.Replay(t, "testdata/TestGolden/"+c.file+".txtar"))
			})
			request := r.request("New+Person@Example.com")
			request.GivenName, request.FamilyName, request.Locale = "New", "Person", "en"
			request.Inviter = identity.Actor{Issuer: "https://issuer.example", Subject: "ada", Email: "ada@example.com"}
			sent, err := r.p.Invite(t.Context(), request)
			wantCode(t, err, c.want)
			if err != nil {
				return
			}
			expires := time.Date(2026, 3, 2, 12, 0, 0, 900e6, time.UTC)
			if sent.ProviderID != id || sent.Reference[refID] != id || !slices.Equal(sent.NotCarried, c.notCarried) || !sent.ExpiresAt.Equal(expires) {
				t.Errorf("sent %+v", sent)
			}
		})
	}
}
