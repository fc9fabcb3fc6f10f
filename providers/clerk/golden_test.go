package clerk

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/golden"
	"usher/providers"
	"usher/providers/providertest"
)

// TestGolden replays whole exchanges as FACTS.md describes them.
func TestGolden(t *testing.T) {
	t.Parallel()
	replay(t, func(_ *testing.T, recorded http.RoundTripper) http.RoundTripper { return recorded })
}

// The recorded exchanges fit the vendor's own document.
func TestGoldenContract(t *testing.T) {
	t.Parallel()
	loaded := contract(t)
	replay(t, func(t *testing.T, recorded http.RoundTripper) http.RoundTripper {
		return loaded.Fresh(t).RoundTripper(recorded)
	})
}

func replay(t *testing.T, wrap func(*testing.T, http.RoundTripper) http.RoundTripper) {
	const first, second = "orginv_2g7np7Hrk0SN6kj5EDMLDaKNL0C", "orginv_2g7np7Hrk0SN6kj5EDMLDaKNL0D"
	open := func(t *testing.T, file string) (*rig, providers.InviteRequest) {
		r := newRig(t, func(_ *vendor, _ *Config, d *providers.Deps) {
			d.Transport = wrap(t, golden.Replay(t, "testdata/TestGolden/"+file+".txtar"))
		})
		return r, r.request("New+Person@Example.com", "admin")
	}
	t.Run("send", func(t *testing.T) {
		t.Parallel()
		r, request := open(t, "send")
		asked := r.Clock.Now().Add(10*day + 12*time.Hour)
		request.ExpiresAt, request.Notify, request.RedirectURL = &asked, false, "https://app.example.com/welcome"
		request.Metadata, request.Locale = map[string]any{"plan": "gold"}, "en-GB"
		sent, err := r.p.Invite(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		if sent.ProviderID != first || !sent.ExpiresAt.Equal(r.Clock.Now().Add(10*day)) || !maps.Equal(sent.Reference, map[string]string{refDays: "10"}) ||
			!slices.Equal(sent.NotCarried, []string{"locale", "expires_at"}) {
			t.Errorf("sent %+v", sent)
		}
		if step := request.Journal.Step(stepCreate); !step.Done || step.Result[refID] != first {
			t.Errorf("step %+v", step)
		}
	})
	t.Run("bulk", func(t *testing.T) {
		t.Parallel()
		r, request := open(t, "bulk")
		request.Metadata = map[string]any{"plan": "gold"}
		other, member := r.request("other@example.com"), r.request("member@example.com")
		other.InviteID, member.InviteID = "inv_2", "inv_3"
		several := providers.BulkRequest{Org: request.Org, Invites: []providers.InviteRequest{member, request, other}}
		several.Journal = providertest.NewBulkJournal(several.Invites)
		outcomes, err := r.p.InviteMany(t.Context(), several)
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, outcomes[0].Err, identity.CodeAlreadyMember)
		if outcomes[1].Sent == nil || outcomes[1].Sent.ProviderID != first || outcomes[2].Sent == nil || outcomes[2].Sent.ProviderID != second {
			t.Errorf("outcomes %+v", outcomes)
		}
	})
	t.Run("resend", func(t *testing.T) {
		t.Parallel()
		r, request := open(t, "resend")
		request.Attempt, request.Reference, request.Metadata = 2, map[string]string{refDays: "10"}, map[string]any{"plan": "gold"}
		sent, err := r.p.Resend(t.Context(), providers.ResendRequest{InviteRequest: request, ProviderID: first})
		if err != nil || sent.ProviderID != second || !sent.ExpiresAt.Equal(r.Clock.Now().Add(10*day)) {
			t.Errorf("sent %+v, %v", sent, err)
		}
	})
	t.Run("quota", func(t *testing.T) {
		t.Parallel()
		r, request := open(t, "quota")
		_, err := r.p.Invite(t.Context(), request)
		wantCode(t, err, identity.CodeQuotaExceeded)
	})
	t.Run("revoke", func(t *testing.T) {
		t.Parallel()
		r, request := open(t, "revoke")
		if err := r.p.Revoke(t.Context(), providers.InviteRef{Org: request.Org, ProviderID: first, Address: request.Address}); err != nil {
			t.Error(err)
		}
	})
}
