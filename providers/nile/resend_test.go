package nile

import (
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest"
	"usher/providers/providertest/scripted"
)

// Sending again keeps the vendor's id and starts the seven days anew.
func TestResend(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(*rig){
		"pending": func(r *rig) { r.Clock.Advance(time.Hour) },
		"expired": func(r *rig) { r.Clock.Advance(week) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := r.invited("again@example.com")
			before(r)
			sent, err := r.p.Resend(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			if sent.ProviderID != request.ProviderID || sent.ExpiresAt.Before(r.Clock.Now().Add(7*24*time.Hour)) || len(r.links("again@example.com")) != 2 {
				t.Errorf("sent %+v, mails %v", sent, r.links("again@example.com"))
			}
			if r.Count("users") != 0 {
				t.Error("the whole list of members was read for an invitation of our own")
			}
		})
	}
	t.Run("gone", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, nil)
		request := r.invited("again@example.com")
		if err := r.p.Revoke(t.Context(), r.ref("again@example.com", request.ProviderID)); err != nil {
			t.Fatal(err)
		}
		if sent, err := r.p.Resend(t.Context(), request); err != nil || sent.ProviderID == request.ProviderID {
			t.Errorf("sent %+v, %v", sent, err)
		}
	})
}

// An invitation whose inviter has left can never be accepted, whoever sends it
// again: it is replaced by one of ours.
func TestResendAfterTheInviterLeft(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T) (*rig, providers.ResendRequest) {
		r := newRig(t, nil)
		r.With(func() { r.join(orgOne, "boss@example.com", true) })
		i := r.elsewhere(orgOne, "boss@example.com", "guest@example.com")
		return r, again(r.request("guest@example.com"), &providers.Sent{ProviderID: i.id, Reference: map[string]string{refID: i.id}})
	}
	t.Run("still there", func(t *testing.T) {
		t.Parallel()
		r, request := start(t)
		if sent, err := r.p.Resend(t.Context(), request); err != nil || sent.ProviderID != request.ProviderID || r.Count("delete") != 0 {
			t.Errorf("sent %+v, %v", sent, err)
		}
	})
	t.Run("left", func(t *testing.T) {
		t.Parallel()
		r, request := start(t)
		r.With(func() { r.leave(orgOne, "boss@example.com") })
		sent, err := r.p.Resend(t.Context(), request)
		if err != nil || sent.ProviderID == request.ProviderID {
			t.Fatalf("sent %+v, %v", sent, err)
		}
		request.ProviderID = sent.ProviderID
		if _, err := r.p.Accept(t.Context(), accept(request)); err != nil {
			t.Errorf("it still cannot be accepted: %v", err)
		}
	})
	for name, m := range map[string]scripted.Mishap{
		"left, deletion lost":         {Op: "delete", Cut: true},
		"left, deleted and lost":      {Op: "delete", Acts: true, Cut: true},
		"left, deleted, then nothing": {Op: "invite", Times: 3, Status: 429},
		"left, deleted, then lost":    {Op: "invite", Acts: true, Cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, request := start(t)
			r.With(func() { r.leave(orgOne, "boss@example.com") })
			r.Inject(m)
			if _, err := r.client().Resend(t.Context(), request); err == nil {
				t.Fatal("no error")
			}
			settled := r.settle(request.InviteRequest)
			want := providers.VerdictNotSent
			switch {
			case m.Op == "delete" && !m.Acts:
				want = providers.VerdictUnchanged
			case m.Op == "invite" && m.Acts:
				want = providers.VerdictSent
			}
			if settled.Verdict != want {
				t.Errorf("verdict %s, want %s", settled.Verdict, want)
			}
			if _, err := r.p.Resend(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			if links, rows := r.links("guest@example.com"), r.rows(orgOne, "guest@example.com"); len(links) != 1 || len(rows) != 1 || rows[0].id == request.ProviderID {
				t.Errorf("mails %v, rows %+v", links, rows)
			}
		})
	}
}

// A lost answer to a resend: the token shows whether it happened.
func TestResendLost(t *testing.T) {
	t.Parallel()
	for name, acts := range map[string]bool{"it happened": true, "it did not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := r.invited("again@example.com")
			r.Inject(scripted.Mishap{Op: "invite", Acts: acts, Cut: true})
			_, err := r.client().Resend(t.Context(), request)
			wantActed(t, err, true)
			want := providers.VerdictUnchanged
			if acts {
				want = providers.VerdictSent
			}
			if settled := r.settle(request.InviteRequest); settled.Verdict != want || settled.Sent.ProviderID != request.ProviderID {
				t.Errorf("%+v, want %s", settled, want)
			}
			if _, err := r.p.Resend(t.Context(), request); err != nil || len(r.links("again@example.com")) != 2 {
				t.Errorf("going on: %v, mails %v", err, r.links("again@example.com"))
			}
		})
	}
}

// A mail server that refuses a second mail does not take the first one's
// invitation away; what had expired is not left behind as if it were new.
func TestResendMailFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		wait time.Duration
		left int
	}{"pending": {time.Hour, 1}, "expired": {week, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := r.invited("again@example.com")
			r.Clock.Advance(tc.wait)
			r.With(func() { r.smtp = "451 later" })
			_, err := r.client().Resend(t.Context(), request)
			wantCode(t, err, identity.CodeProviderError)
			wantActed(t, err, false)
			for name, step := range request.Journal.(*providertest.Journal).Steps() {
				if step.Begun {
					t.Errorf("the step %s counts as begun", name)
				}
			}
			if rows := r.rows(orgOne, "again@example.com"); len(rows) != tc.left {
				t.Fatalf("left %+v", rows)
			}
			if tc.left == 0 {
				return
			}
			if _, err := r.p.Accept(t.Context(), accept(request)); err != nil {
				t.Errorf("the link of the first mail: %v", err)
			}
		})
	}
}

// A refusal before anything was written takes nothing away.
func TestResendRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := r.invited("again@example.com")
	r.Clock.Advance(week)
	r.Inject(scripted.Mishap{Op: "invite", Status: 400, Body: "An error has occurred: current transaction is aborted"})
	_, err := r.p.Resend(t.Context(), request)
	wantCode(t, err, identity.CodeProviderError)
	wantActed(t, err, false)
	if r.Count("delete") != 0 || len(r.rows(orgOne, "again@example.com")) != 1 {
		t.Error("the invitation was deleted")
	}
}

// The journal's own answer does for a sending that is done; the vendor is not
// asked.
func TestDoneIsDone(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := r.request("a@example.com")
	first, err := r.p.Invite(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	calls := r.Total()
	second, err := r.p.Invite(t.Context(), request)
	if err != nil || second.ProviderID != first.ProviderID || !second.ExpiresAt.Equal(*first.ExpiresAt) || r.Total() != calls {
		t.Errorf("%+v, %v", second, err)
	}
}

// Nothing that is recorded accepts an invitation.
func TestJournalHoldsNoToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := r.invited("again@example.com")
	before := r.rows(orgOne, "again@example.com")[0].token
	sent, err := r.p.Resend(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	recorded := []map[string]string{sent.Reference}
	for _, step := range request.Journal.(*providertest.Journal).Steps() {
		recorded = append(recorded, step.Result)
	}
	for _, result := range recorded {
		for key, value := range result {
			for _, token := range []string{before, r.rows(orgOne, "again@example.com")[0].token} {
				if strings.Contains(value, token) || strings.Contains(value, "secret") {
					t.Errorf("%s: %s", key, value)
				}
			}
		}
	}
}
