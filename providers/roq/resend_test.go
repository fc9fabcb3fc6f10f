package roq

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
)

// TestResend: the vendor's own operation, which keeps the invitation.
func TestResend(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"pending", "expired", "canceled"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(_ *Config, d *providers.Deps) { d.Transport = checked(t, d.Transport) })
			request := r.invited("a@example.com", "admin")
			r.Clock.Advance(time.Hour)
			r.row(request.ProviderID)["status"] = status
			sent, err := r.p.Resend(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			if sent.ProviderID != request.ProviderID || sent.Reference[refID] != request.ProviderID || !sent.ExpiresAt.Equal(r.Clock.Now().Add(24*time.Hour)) {
				t.Errorf("answered %+v at %v", sent, r.Clock.Now())
			}
			if r.mailed("a@example.com") != 2 || len(r.invites) != 1 || r.row(sent.ProviderID)["status"] != "pending" {
				t.Errorf("mails %v, rows %v", r.mails, r.invites)
			}
			if steps := request.Journal.(*providertest.Journal).Steps(); !steps[stepResend].Done || !steps[stepLook].Done {
				t.Errorf("journal %+v", steps)
			}
		})
	}
}

// An instance that shows no change of its times after a resend: the expiry
// counts from the resend all the same.
func TestResendRenewsTheExpiry(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.untouched = true
	request := r.invited("a@example.com")
	r.Clock.Advance(20 * time.Hour)
	sent, err := r.p.Resend(t.Context(), request)
	if err != nil || !sent.ExpiresAt.Equal(r.Clock.Now().Add(24*time.Hour)) {
		t.Errorf("answered %+v, %v", sent, err)
	}
}

// TestResendOf: what there is at the vendor decides what a resend is.
func TestResendOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(r *rig, request *providers.ResendRequest)
		want   identity.Code
		calls  map[string]int
	}{
		{"accepted", func(r *rig, _ *providers.ResendRequest) { _ = r.accept(orgOne, "a@example.com") }, identity.CodeAlreadyMember,
			map[string]int{"resendUserInvite": 0, "sendUserInvites": 1}},
		{"accepted under another address", func(r *rig, q *providers.ResendRequest) { r.row(q.ProviderID)["status"] = "accepted" }, identity.CodeAlreadyMember,
			map[string]int{"resendUserInvite": 0, "sendUserInvites": 1}},
		{"joined otherwise", func(r *rig, _ *providers.ResendRequest) { r.users = append(r.users, r.user(orgOne, "a@example.com")) }, identity.CodeAlreadyMember,
			map[string]int{"resendUserInvite": 0}},
		{"of another tenant", func(r *rig, q *providers.ResendRequest) { r.row(q.ProviderID)["tenantId"] = orgTwo }, identity.CodeProviderError,
			map[string]int{"resendUserInvite": 0, "sendUserInvites": 1}},
		{"of no tenant", func(r *rig, q *providers.ResendRequest) { r.row(q.ProviderID)["tenantId"] = nil }, identity.CodeProviderError,
			map[string]int{"resendUserInvite": 0, "sendUserInvites": 1}},
		{"gone", func(r *rig, _ *providers.ResendRequest) { r.invites = nil }, "",
			map[string]int{"resendUserInvite": 0, "sendUserInvites": 2}},
		{"never learnt", func(_ *rig, q *providers.ResendRequest) { q.ProviderID, q.Reference = "", nil }, "",
			map[string]int{"resendUserInvite": 1, "sendUserInvites": 1}},
		{"another has taken its place", func(r *rig, q *providers.ResendRequest) {
			r.row(q.ProviderID)["status"] = "canceled"
			r.invite(orgOne, "a@example.com", "org-member")
		}, identity.CodeInvitePending, map[string]int{"resendUserInvite": 0}},
		{"with other roles", func(_ *rig, q *providers.ResendRequest) { q.Roles = []string{"admin"} }, identity.CodeConflict,
			map[string]int{"resendUserInvite": 0}},
		{"with a role that nobody maps", func(r *rig, q *providers.ResendRequest) {
			r.row(q.ProviderID)["roles"] = roleRows([]string{"org-member", "auditor"})
		}, "", map[string]int{"resendUserInvite": 1}},
		{"adopted without roles", func(_ *rig, q *providers.ResendRequest) { q.Roles = nil }, "", map[string]int{"resendUserInvite": 1}},
		{"accepted meanwhile", func(r *rig, _ *providers.ResendRequest) {
			r.Inject(scripted.Mishap{Op: "resendUserInvite", Status: 200, Body: graphQLError("BAD_USER_INPUT", "USER_INVITE_RESENDING_FAILED", 400, `{"userInviteStatus":"accepted"}`)})
		}, identity.CodeAlreadyMember, map[string]int{"resendUserInvite": 1}},
		{"refused for another reason", func(r *rig, _ *providers.ResendRequest) {
			r.Inject(scripted.Mishap{Op: "resendUserInvite", Status: 200, Body: graphQLError("BAD_USER_INPUT", "USER_INVITE_RESENDING_FAILED", 400, `{"userInviteStatus":"declined"}`)})
		}, identity.CodeInviteNotPending, map[string]int{"resendUserInvite": 1}},
		{"no such tenant", func(_ *rig, q *providers.ResendRequest) { q.Org.ProviderID = environment }, identity.CodeNotFound, map[string]int{"resendUserInvite": 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := r.invited("a@example.com")
			c.change(r, &request)
			sent, err := r.p.Resend(t.Context(), request)
			wantCode(t, err, c.want)
			for op, want := range c.calls {
				if got := r.Count(op); got != want {
					t.Errorf("%d calls of %s, want %d", got, op, want)
				}
			}
			if err == nil {
				if n := r.mailed("a@example.com"); n != 2 || sent.ProviderID == "" {
					t.Errorf("%d mails, answered %+v", n, sent)
				}
				return
			}
			wantActed(t, err, false)
			if steps := request.Journal.(*providertest.Journal).Steps(); len(steps) != 0 {
				t.Errorf("journal %+v", steps)
			}
		})
	}
}

// An answer to a resend that does not fit leaves open whether it was sent.
func TestResendAnswers(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"another invitation": `{"data":{"resendUserInvite":{"id":"9c0ffee0-0000-4000-8000-00000000ffff","status":"pending"}}}`,
		"null":               `{"data":{"resendUserInvite":null}}`,
		"not pending":        `{"data":{"resendUserInvite":{"id":"%s","status":"expired"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := r.invited("a@example.com")
			if name == "not pending" {
				body = fmt.Sprintf(body, request.ProviderID)
			}
			r.Inject(scripted.Mishap{Op: "resendUserInvite", Status: 200, Body: body})
			_, err := r.p.Resend(t.Context(), request)
			wantCode(t, err, identity.CodeProviderError)
			wantActed(t, err, true)
		})
	}
}

// TestResendGoingOn makes every call of a resend fail in every way. Whether a
// resend without an answer happened is told where the vendor shows it, and is
// nothing anybody knows where it does not: then nothing is repeated.
func TestResendGoingOn(t *testing.T) {
	t.Parallel()
	failures := []providertest.Failure{
		providertest.Refused, providertest.Credentials, providertest.ServerError, providertest.AnswerLost, providertest.NotJSON,
		providertest.EndlessBody, providertest.Hang, providertest.Unreachable,
	}
	definite := []providertest.Failure{providertest.Refused, providertest.Credentials, providertest.Unreachable}
	for _, status := range []string{"pending", "canceled"} {
		for _, shows := range []bool{false, true} {
			for _, f := range failures {
				t.Run(fmt.Sprintf("%s/%v/%s", status, shows, f), func(t *testing.T) {
					t.Parallel()
					r := newRig(t, func(c *Config, _ *providers.Deps) { c.CallTimeout, c.ResendShows = "2s", &shows })
					r.untouched = !shows
					request := r.invited("a@example.com")
					r.row(request.ProviderID)["status"] = status
					r.failure("resendUserInvite", f)
					_, err := r.p.Resend(t.Context(), request)
					wantActed(t, err, !slices.Contains(definite, f))
					if steps := request.Journal.(*providertest.Journal).Steps(); slices.Contains(definite, f) && len(steps) != 0 {
						t.Errorf("journal %+v after a refusal", steps)
					}
					r.failure("resendUserInvite", providertest.Back)
					settled, err := r.p.Settle(t.Context(), request.InviteRequest)
					if err != nil {
						t.Fatal(err)
					}
					want := verdictOf(status, shows, f, slices.Contains(definite, f))
					if settled.Verdict != want {
						t.Errorf("settled as %s, want %s", settled.Verdict, want)
					}
					if v := settled.Verdict; (v == providers.VerdictSent || v == providers.VerdictUnchanged) && settled.Sent.ProviderID != request.ProviderID {
						t.Errorf("settled as %+v", settled.Sent)
					}
					before := r.Count("resendUserInvite")
					_, err = r.p.Resend(t.Context(), request)
					if want == providers.VerdictUnknown {
						wantActed(t, err, true)
						if r.Count("resendUserInvite") != before {
							t.Error("it was repeated blindly")
						}
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					if n := r.mailed("a@example.com"); n != 2 {
						t.Errorf("%d mails, want 2", n)
					}
				})
			}
		}
	}
}

// verdictOf is what the vendor shows of a resend that failed.
func verdictOf(status string, shows bool, f providertest.Failure, definite bool) providers.Verdict {
	happened := f == providertest.AnswerLost
	switch {
	case happened && (shows || status != "pending"):
		return providers.VerdictSent
	case definite && status == "pending":
		return providers.VerdictSent // of the attempt before; the house knows that nothing of this one was begun
	case status != "pending":
		return providers.VerdictNotSent
	case shows:
		return providers.VerdictUnchanged
	default:
		return providers.VerdictUnknown
	}
}

// TestResendCrash stops a resend at each entry of its journal and goes on with
// the same journal: never a third mail.
func TestResendCrash(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 4; n++ {
		for _, recorded := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d/%v", n, recorded), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, func(c *Config, _ *providers.Deps) { c.ResendShows = yes() })
				request := r.invited("a@example.com")
				journal := providertest.NewJournal()
				journal.CrashAt(n, recorded)
				request.Journal = journal
				if _, err := r.p.Resend(t.Context(), request); err == nil {
					t.Fatal("no crash")
				}
				journal.CrashAt(0, false)
				if _, err := r.p.Settle(t.Context(), request.InviteRequest); err != nil {
					t.Fatal(err)
				}
				sent, err := r.p.Resend(t.Context(), request)
				if err != nil || sent.ProviderID != request.ProviderID {
					t.Errorf("going on: %+v, %v", sent, err)
				}
				if mails := r.mailed("a@example.com"); mails != 2 {
					t.Errorf("%d mails", mails)
				}
			})
		}
	}
}

// A journal that says that a look was begun, and nothing else, means that
// nothing was sent again, whether the invitation can be found or not.
func TestLookThatWasNotRecorded(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := r.request("a@example.com")
	if err := request.Journal.Begin(t.Context(), stepLook); err != nil {
		t.Fatal(err)
	}
	if settled, err := r.p.Settle(t.Context(), request); err != nil || settled.Verdict != providers.VerdictNotSent {
		t.Errorf("settled as %+v, %v", settled, err)
	}
	if _, err := r.p.Invite(t.Context(), request); err != nil || r.mailed("a@example.com") != 1 {
		t.Errorf("invite: %v, mails %v", err, r.mails)
	}
	again := providers.ResendRequest{InviteRequest: r.request("b@example.com")}
	r.invite(orgOne, "b@example.com", "org-member")
	if err := again.Journal.Begin(t.Context(), stepLook); err != nil {
		t.Fatal(err)
	}
	if _, err := r.p.Resend(t.Context(), again); err != nil || r.Count("resendUserInvite") != 1 {
		t.Errorf("resend: %v", err)
	}
	first := r.request("b@example.com")
	if err := first.Journal.Begin(t.Context(), stepLook); err != nil {
		t.Fatal(err)
	}
	_, err := r.p.Invite(t.Context(), first)
	wantCode(t, err, identity.CodeInvitePending)
}
