package workos

import (
	"errors"
	"testing"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
)

func TestRevoke(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before func(r *rig)
		id     func(id string) string // what is known of it; nil: the id
		want   identity.Code
		left   string // the state it ends in
	}{
		"pending":            {left: "revoked"},
		"accepted":           {before: func(r *rig) { _ = r.accept(orgOne, "a@example.com", "a@example.com") }, want: identity.CodeNotFound, left: "accepted"},
		"revoked":            {before: func(r *rig) { r.revoked(r.rows[0]) }, want: identity.CodeNotFound, left: "revoked"},
		"expired":            {before: func(r *rig) { r.Clock.Advance(11 * day) }, want: identity.CodeNotFound, left: "pending"},
		"id never learnt":    {id: func(string) string { return "" }, left: "revoked"},
		"id of another time": {id: func(string) string { return "invitation_gone" }, left: "revoked"},
		"id that is a path":  {id: func(id string) string { return "../invitations/" + id }, left: "revoked"},
		"accepted while we look": {before: func(r *rig) {
			r.Inject(scripted.Mishap{Op: "revoke", During: func() { _ = r.accept(orgOne, "a@example.com", "a@example.com") }})
		}, want: identity.CodeNotFound, left: "accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, request, sent := pendingRig(t, nil)
			if tc.before != nil {
				tc.before(r)
			}
			ref := providertest.Ref(request, sent)
			if tc.id != nil {
				ref.ProviderID = tc.id(ref.ProviderID)
			}
			wantCode(t, r.client().Revoke(t.Context(), ref), tc.want)
			if got := r.find("a@example.com")[0].state; got != tc.left {
				t.Errorf("state %s, want %s", got, tc.left)
			}
			if n := r.Count("revoke"); n != 0 && tc.left != "revoked" && name != "accepted while we look" {
				t.Errorf("%d calls to revoke what is not pending", n)
			}
		})
	}
}

// Ours ended, and another stands for the address: that is what is withdrawn.
func TestRevokeWhatReplacedOurs(t *testing.T) {
	t.Parallel()
	r, request, sent := pendingRig(t, nil)
	r.revoked(r.rows[0])
	r.elsewhere(orgOne, "a@example.com", "member")
	if err := r.client().Revoke(t.Context(), providertest.Ref(request, sent)); err != nil || r.find("a@example.com")[1].state != "revoked" {
		t.Errorf("%v, rows %+v", err, r.find("a@example.com"))
	}
}

// A lost answer to a revocation is settled by what stands.
func TestLostRevocation(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		m    scripted.Mishap
		want providers.Verdict
	}{
		"carried out":     {scripted.Mishap{Acts: true, Cut: true}, providers.VerdictNotSent},
		"not carried out": {scripted.Mishap{Cut: true}, providers.VerdictSent},
		"half an answer":  {scripted.Mishap{Acts: true, Half: true}, providers.VerdictNotSent},
		"500":             {scripted.Mishap{Acts: true, Status: 500}, providers.VerdictNotSent},
		"still pending":   {scripted.Mishap{Status: 200, Body: `{"id":"invitation_1","email":"a@example.com","organization_id":"` + orgOne + `","state":"pending"}`}, providers.VerdictSent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, request, sent := pendingRig(t, nil)
			tc.m.Op = "revoke"
			r.Inject(tc.m)
			err := r.client().Revoke(t.Context(), providertest.Ref(request, sent))
			var known *identity.Error
			if !errors.As(err, &known) || !known.Unknown {
				t.Fatalf("got %v, want an error after which the vendor may have acted", err)
			}
			settled(t, r, request, tc.want)
			// One that was adopted has no journal and no reference to go by.
			adopted := r.request("a@example.com")
			adopted.Reference = map[string]string{}
			settled(t, r, adopted, tc.want)
		})
	}
}
