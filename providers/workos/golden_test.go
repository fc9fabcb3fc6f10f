package workos

import (
	"maps"
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
	const first, second = "invitation_01E4ZCR3C56J083X43JQXF3JK5", "invitation_01E4ZCR3C56J083X43JQXF3JK6"
	sentAs := func(id string) func(t *testing.T, sent *providers.Sent, err error) {
		return func(t *testing.T, sent *providers.Sent, err error) {
			expires := time.Date(2026, 3, 11, 12, 0, 0, 0, time.UTC)
			if err != nil || sent.ProviderID != id || !sent.ExpiresAt.Equal(expires) || !maps.Equal(sent.Reference, map[string]string{refID: id, refDays: "10"}) {
				t.Errorf("sent %+v, %v", sent, err)
			}
		}
	}
	code := func(want identity.Code) func(t *testing.T, sent *providers.Sent, err error) {
		return func(t *testing.T, _ *providers.Sent, err error) { wantCode(t, err, want) }
	}
	before := &providers.Sent{ProviderID: first, Reference: map[string]string{refID: first, refDays: "10"}}
	for _, c := range []struct {
		file string
		do   func(r *rig, q providers.InviteRequest) (*providers.Sent, error)
		want func(t *testing.T, sent *providers.Sent, err error)
	}{
		{"invite", func(r *rig, q providers.InviteRequest) (*providers.Sent, error) { return r.p.Invite(r.t.Context(), q) }, sentAs(first)},
		{"member", func(r *rig, q providers.InviteRequest) (*providers.Sent, error) { return r.p.Invite(r.t.Context(), q) }, code(identity.CodeAlreadyMember)},
		{"resend", again(before), sentAs(first)},
		{"resend_revoked", again(before), sentAs(second)},
		{"revoke", func(r *rig, q providers.InviteRequest) (*providers.Sent, error) {
			return nil, r.p.Revoke(r.t.Context(), providertest.Ref(q, before))
		}, code("")},
		{"settle", func(r *rig, q providers.InviteRequest) (*providers.Sent, error) {
			settlement, err := r.p.Settle(r.t.Context(), q)
			if err == nil && settlement.Verdict != providers.VerdictNotSent {
				r.t.Errorf("verdict %s", settlement.Verdict)
			}
			return nil, err
		}, code("")},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(_ *Config, d *providers.Deps) {
				d.Transport = golden.Replay(t, "testdata/TestGolden/"+c.file+".txtar")
			})
			q := r.request("New+Person@Example.com", "admin")
			at := r.Clock.Now().Add(10*day + 2*time.Minute)
			q.Locale, q.ExpiresAt = "en-GB", &at
			sent, err := c.do(r, q)
			c.want(t, sent, err)
		})
	}
}

func again(before *providers.Sent) func(*rig, providers.InviteRequest) (*providers.Sent, error) {
	return func(r *rig, q providers.InviteRequest) (*providers.Sent, error) {
		return r.p.Resend(r.t.Context(), resend(q, before))
	}
}
