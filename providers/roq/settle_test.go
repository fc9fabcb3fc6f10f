package roq

import (
	"slices"
	"testing"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
)

// TestSettle: what the vendor shows of a sending whose outcome is not known.
func TestSettle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(r *rig, request *providers.InviteRequest)
		want   providers.Verdict
		code   identity.Code
	}{
		{"nothing", func(*rig, *providers.InviteRequest) {}, providers.VerdictNotSent, ""},
		{"pending", func(r *rig, _ *providers.InviteRequest) { r.invite(orgOne, "a@example.com") }, providers.VerdictSent, ""},
		{"pending in another tenant", func(r *rig, _ *providers.InviteRequest) { r.invite(orgTwo, "a@example.com") }, providers.VerdictNotSent, ""},
		{"pending for somebody else", func(r *rig, _ *providers.InviteRequest) { r.invite(orgOne, "b@example.com") }, providers.VerdictNotSent, ""},
		{"somebody else's by its reference", func(r *rig, _ *providers.InviteRequest) {
			r.invite(orgOne, "a@example.com")["data"] = row{"usher_invite_id": "inv_2"}
		}, providers.VerdictNotSent, ""},
		{"canceled", func(r *rig, _ *providers.InviteRequest) { r.invite(orgOne, "a@example.com")["status"] = "canceled" }, providers.VerdictNotSent, ""},
		{"joined", func(r *rig, _ *providers.InviteRequest) { r.users = append(r.users, r.user(orgOne, "a@example.com")) }, providers.VerdictMember, ""},
		{"joined elsewhere", func(r *rig, _ *providers.InviteRequest) { r.users = append(r.users, r.user(orgTwo, "a@example.com")) }, providers.VerdictNotSent, ""},
		{"accepted under another address", func(r *rig, q *providers.InviteRequest) {
			i := r.invite(orgOne, "a@example.com")
			i["status"] = "accepted"
			q.Reference = map[string]string{refID: i["id"].(string)}
		}, providers.VerdictMember, ""},
		{"the known one was canceled, another is pending", func(r *rig, q *providers.InviteRequest) {
			i := r.invite(orgOne, "a@example.com")
			i["status"] = "canceled"
			q.Reference = map[string]string{refID: i["id"].(string)}
			r.invite(orgOne, "a@example.com")
		}, providers.VerdictSent, ""},
		{"the known one is another tenant's", func(r *rig, q *providers.InviteRequest) {
			q.Reference = map[string]string{refID: r.invite(orgTwo, "a@example.com")["id"].(string)}
		}, "", identity.CodeProviderError},
		{"no such tenant", func(_ *rig, q *providers.InviteRequest) { q.Org.ProviderID = environment }, "", identity.CodeNotFound},
		{"no tenant", func(_ *rig, q *providers.InviteRequest) { q.Org.ProviderID = "" }, "", identity.CodeNotFound},
		{"a role that is not mapped any more", func(_ *rig, q *providers.InviteRequest) { q.Roles = []string{"gone"} }, providers.VerdictNotSent, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(_ *Config, d *providers.Deps) { d.Transport = checked(t, d.Transport) })
			request := r.request("a@example.com")
			c.change(r, &request)
			if err := request.Journal.Begin(t.Context(), stepSend); err != nil {
				t.Fatal(err)
			}
			settled, err := r.p.Settle(t.Context(), request)
			wantCode(t, err, c.code)
			if err != nil {
				return
			}
			if settled.Verdict != c.want || (settled.Sent != nil) != (c.want == providers.VerdictSent) {
				t.Errorf("settled as %+v, want %s", settled, c.want)
			}
			if settled.Sent != nil && (settled.Sent.ProviderID == "" || settled.Sent.ExpiresAt == nil) {
				t.Errorf("sent %+v", settled.Sent)
			}
			for _, op := range []string{"sendUserInvites", "resendUserInvite", "cancelUserInvite"} {
				if r.Count(op) != 0 {
					t.Errorf("settling called %s", op)
				}
			}
		})
	}
}

// TestRevoke: an id is no proof of whose an invitation is. One of another
// tenant is never canceled.
func TestRevoke(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(r *rig, ref *providers.InviteRef)
		want   identity.Code
		cancel int
	}{
		{"pending", func(*rig, *providers.InviteRef) {}, "", 1},
		{"past its life, and not marked", func(r *rig, _ *providers.InviteRef) { r.job = true; r.Clock.Advance(25 * 60 * 60 * 1e9) }, "", 1},
		{"id never learnt", func(_ *rig, ref *providers.InviteRef) { ref.ProviderID = "" }, "", 1},
		{"id only in the reference", func(r *rig, ref *providers.InviteRef) {
			ref.Reference, ref.ProviderID = map[string]string{refID: ref.ProviderID}, ""
			r.row(ref.Reference[refID])["email"] = "other@example.com"
		}, "", 1},
		{"id that the vendor does not know", func(r *rig, ref *providers.InviteRef) { ref.ProviderID = r.id() }, "", 1},
		{"of another tenant", func(r *rig, ref *providers.InviteRef) { r.row(ref.ProviderID)["tenantId"] = orgTwo }, identity.CodeProviderError, 0},
		{"canceled", func(r *rig, ref *providers.InviteRef) { r.row(ref.ProviderID)["status"] = "canceled" }, identity.CodeNotFound, 0},
		{"canceled, another is pending", func(r *rig, ref *providers.InviteRef) {
			r.row(ref.ProviderID)["status"] = "canceled"
			r.invite(orgOne, "a@example.com")
		}, identity.CodeNotFound, 0},
		{"expired", func(r *rig, ref *providers.InviteRef) { r.row(ref.ProviderID)["status"] = "expired" }, identity.CodeNotFound, 0},
		{"accepted", func(r *rig, ref *providers.InviteRef) { r.row(ref.ProviderID)["status"] = "accepted" }, identity.CodeNotFound, 0},
		{"accepted meanwhile", func(r *rig, _ *providers.InviteRef) {
			r.Inject(scripted.Mishap{Op: "cancelUserInvite", Status: 200, Body: graphQLError("BAD_USER_INPUT", "USER_INVITE_CANCELLATION_FAILED", 400, `{"userInviteStatus":"accepted"}`)})
		}, identity.CodeNotFound, 1},
		{"gone meanwhile", func(r *rig, _ *providers.InviteRef) {
			r.Inject(scripted.Mishap{Op: "cancelUserInvite", Status: 200, Body: graphQLError("NOT_FOUND", "USER_INVITATION_NOT_FOUND", 404, `{}`)})
		}, identity.CodeNotFound, 1},
		{"forbidden", func(r *rig, _ *providers.InviteRef) {
			r.Inject(scripted.Mishap{Op: "cancelUserInvite", Status: 200, Body: graphQLError("FORBIDDEN", "FORBIDDEN", 403, `{}`)})
		}, identity.CodeProviderCredentials, 1},
		{"no such tenant", func(_ *rig, ref *providers.InviteRef) { ref.Org.ProviderID = environment }, identity.CodeNotFound, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(_ *Config, d *providers.Deps) { d.Transport = checked(t, d.Transport) })
			ref := r.ref("a@example.com", r.invite(orgOne, "a@example.com", "org-member")["id"].(string))
			c.change(r, &ref)
			err := r.p.Revoke(t.Context(), ref)
			wantCode(t, err, c.want)
			if n := r.Count("cancelUserInvite"); n != c.cancel {
				t.Errorf("%d cancellations, want %d", n, c.cancel)
			}
			if err != nil {
				wantActed(t, err, false)
			} else if !slices.ContainsFunc(r.invites, func(i row) bool { return i["status"] == "canceled" }) {
				t.Error("nothing was canceled")
			}
		})
	}
}

// A cancellation whose answer does not come, or does not fit, may have
// happened; the house then asks Settle.
func TestRevokeUnknown(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]scripted.Mishap{
		"lost":       {Acts: true, Cut: true},
		"500":        {Status: 500},
		"HTML":       {Status: 200, Body: "<html>"},
		"null":       {Status: 200, Body: `{"data":{"cancelUserInvite":null}}`},
		"of another": {Status: 200, Body: `{"data":{"cancelUserInvite":{"id":"9c0ffee0-0000-4000-8000-00000000ffff","status":"canceled"}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := r.invited("a@example.com")
			m.Op = "cancelUserInvite"
			r.Inject(m)
			err := r.p.Revoke(t.Context(), r.ref("a@example.com", request.ProviderID))
			wantActed(t, err, true)
			request.Journal = providertest.NewJournal()
			settled, err := r.p.Settle(t.Context(), request.InviteRequest)
			if err != nil {
				t.Fatal(err)
			}
			want := providers.VerdictSent // it still stands
			if name == "lost" {
				want = providers.VerdictNotSent
			}
			if settled.Verdict != want {
				t.Errorf("settled as %s, want %s", settled.Verdict, want)
			}
		})
	}
	r := newRig(t, nil)
	request := r.invited("a@example.com")
	r.edit = func(op string, data row) {
		if op == "cancelUserInvite" {
			data["cancelUserInvite"].(row)["status"] = "pending"
		}
	}
	err := r.p.Revoke(t.Context(), r.ref("a@example.com", request.ProviderID))
	wantCode(t, err, identity.CodeProviderError)
	wantActed(t, err, true)
}
