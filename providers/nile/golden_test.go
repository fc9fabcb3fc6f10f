package nile

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/golden"
	"usher/providers"
)

// TestGolden replays whole exchanges as FACTS.md and its captures have them.
func TestGolden(t *testing.T) {
	t.Parallel()
	replay(t, func(_ *testing.T, recorded http.RoundTripper) http.RoundTripper { return recorded })
}

// The recorded exchanges fit the server's own document, as corrected to what it
// was seen to answer.
func TestGoldenContract(t *testing.T) {
	t.Parallel()
	loaded := contract(t)
	replay(t, func(t *testing.T, recorded http.RoundTripper) http.RoundTripper {
		return loaded.Fresh(t).RoundTripper(recorded)
	})
}

func replay(t *testing.T, wrap func(*testing.T, http.RoundTripper) http.RoundTripper) {
	const id = "ccef53a0-f089-40d6-955d-2e8a6ce19835"
	expires := time.Date(2026, 11, 28, 2, 15, 22, 903e6, time.UTC)
	open := func(t *testing.T, file string) (*rig, providers.InviteRequest) {
		r := newRig(t, func(_ *vendor, _ *Config, d *providers.Deps) {
			d.Transport = wrap(t, golden.Replay(t, "testdata/TestGolden/"+file+".txtar"))
		})
		request := r.request("guest@example.com")
		request.RedirectURL = "https://app.example.com/welcome"
		return r, request
	}
	sentAs := func(t *testing.T, sent *providers.Sent, err error) {
		t.Helper()
		if err != nil || sent.ProviderID != id || !sent.ExpiresAt.Equal(expires) || !maps.Equal(sent.Reference, map[string]string{refID: id}) {
			t.Fatalf("sent %+v, %v", sent, err)
		}
	}
	t.Run("send", func(t *testing.T) {
		t.Parallel()
		r, request := open(t, "send")
		sent, err := r.p.Invite(t.Context(), request)
		sentAs(t, sent, err)
		if step := request.Journal.Step(stepCreate); !step.Done || step.Result[refID] != id {
			t.Errorf("step %+v", step)
		}
	})
	t.Run("resend", func(t *testing.T) {
		t.Parallel()
		r, request := open(t, "resend")
		sent, err := r.p.Resend(t.Context(), providers.ResendRequest{InviteRequest: request, ProviderID: id})
		sentAs(t, sent, err)
	})
	t.Run("mail", func(t *testing.T) {
		t.Parallel()
		r, request := open(t, "mail")
		_, err := r.p.Invite(t.Context(), request)
		wantCode(t, err, identity.CodeProviderError)
		wantActed(t, err, false)
	})
	t.Run("revoke", func(t *testing.T) {
		t.Parallel()
		r, request := open(t, "revoke")
		if err := r.p.Revoke(t.Context(), providers.InviteRef{Org: request.Org, ProviderID: id, Address: request.Address}); err != nil {
			t.Error(err)
		}
	})
	t.Run("accept", func(t *testing.T) {
		t.Parallel()
		r, request := open(t, "accept")
		request.Link = ""
		member, err := r.p.Accept(t.Context(), providers.AcceptRequest{InviteRequest: request, ProviderID: id})
		if err != nil || member.ProviderID != "01a1fbe3-10b5-7a36-a55d-88eab062340a" || member.Email != "guest@example.com" {
			t.Errorf("member %+v, %v", member, err)
		}
	})
}
