package invites_test

import (
	"context"
	"testing"
	"time"

	"usher/identity"
	"usher/invites"
	"usher/ledger"
	"usher/providers/memory"
)

// pass lets the settler make one whole pass.
func (h *house) pass() {
	h.tick <- h.clock.Now()
	h.tick <- h.clock.Now() // taken up only when the pass before is over
}

// dies runs something in which the process dies. What it held stays held: only
// a restart, or the end of the lease, frees it.
func (h *house) dies(do func()) {
	h.t.Helper()
	defer func() {
		if recover() == nil {
			h.t.Error("nothing died")
		}
	}()
	do()
}

func (h *house) restart() {
	h.t.Helper()
	must(h.t, h.service.Close(h.t.Context()))
	must(h.t, h.ledger.Close())
	h.open()
	must(h.t, h.service.Start(h.t.Context()))
}

// A request that could not record how it ended leaves no invite being sent for
// ever: once its lease is over the settler finds it, without a restart.
func TestStuckSending(t *testing.T) {
	t.Parallel()
	for name, acted := range map[string]bool{"the vendor acted": true, "the vendor did not act": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			must(t, h.service.Start(t.Context()))
			h.vendor.Inject(memory.Fault{Op: "invite", Dies: true, Acted: acted})
			h.dies(func() { _, _ = h.service.Send(t.Context(), h.admin, h.org, request("stuck@example.com")) })
			living := h.living("stuck@example.com")
			h.pass()
			h.want(living, identity.StateSending, "")
			h.clock.Advance(10 * time.Minute)
			h.pass()
			h.want(living, identity.StatePending, "")
			h.mails("stuck@example.com", 1)
		})
	}
}

// living returns the id of the one living invite of an address.
func (h *house) living(email string) string {
	h.t.Helper()
	rows, err := h.ledger.Invites(h.t.Context(), ledger.InviteQuery{OrganizationID: h.org.ID, EmailKey: email})
	must(h.t, err)
	for _, i := range rows {
		if i.State.Live() {
			return i.ID
		}
	}
	h.t.Fatalf("no living invite of %s", email)
	return ""
}

// A panic of an adapter while it is asked about one invite does not end the
// settling of the others.
func TestSettlerSurvivesAPanic(t *testing.T) {
	t.Parallel()
	h := build(t)
	first, second := h.interrupt("a@example.com", true), h.interrupt("b@example.com", true)
	h.vendor.Inject(memory.Fault{Op: "settle", Dies: true})
	must(t, h.service.Start(t.Context()))
	if a, b := h.get(first), h.get(second); a.State != identity.StatePending && b.State != identity.StatePending {
		t.Errorf("%s and %s", a.State, b.State)
	}
	h.clock.Advance(10 * time.Minute)
	h.pass()
	h.want(first, identity.StatePending, "")
	h.want(second, identity.StatePending, "")
}

// Killed in a resend before anything reached the vendor: what is there is the
// old invitation, and it is not taken for the new one.
func TestInterruptedResendIsNotClaimed(t *testing.T) {
	t.Parallel()
	const email = "again@example.com"
	cases := []struct {
		name  string
		fault memory.Fault
	}{
		{"before the vendor acted", memory.Fault{Op: "resend", Dies: true}},
		{"after the vendor acted", memory.Fault{Op: "resend", Dies: true, Acted: true}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			i := h.send(email)
			h.vendor.Inject(tc.fault)
			claim := h.claim("k")
			h.dies(func() { _, _ = h.service.Resend(t.Context(), h.admin, h.org, i.ID, claim) })
			h.restart()
			h.want(i.ID, identity.StatePending, "")
			h.mails(email, 2)
			got, err := h.service.Resend(t.Context(), h.admin, h.org, i.ID, h.claim("k"))
			if err != nil || got.State != identity.StatePending {
				t.Errorf("the key answers %+v, %v", got, err)
			}
			h.mails(email, 2)
		})
	}
	t.Run("before its first step", func(t *testing.T) {
		t.Parallel()
		h := build(t, func(o *memory.Options) { o.Alike = true })
		i := h.send(email)
		h.beginAttempt(i)
		h.restart()
		h.want(i.ID, identity.StatePending, "")
		h.mails(email, 2)
	})
}

// Going on with an interrupted send is not lost because the vendor is slow, and
// is not cut off by a start that does not wait for it.
func TestInterruptedSendIsNotLost(t *testing.T) {
	t.Parallel()
	const email = "slow@example.com"
	for name, fault := range map[string]memory.Fault{
		"the vendor times out":              {Op: "invite", Code: identity.CodeProviderTimeout},
		"an answer is lost, not acted":      {Op: "invite", Code: identity.CodeProviderTimeout, Unclear: true},
		"an answer is lost, acted":          {Op: "invite", Code: identity.CodeProviderTimeout, Acted: true},
		"the vendor refuses our credential": {Op: "invite", Code: identity.CodeUnauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			id := h.interrupt(email, false)
			h.vendor.Inject(fault)
			must(t, h.service.Start(t.Context()))
			h.want(id, identity.StateUncertain, identity.ReasonInterrupted)
			h.pass()
			h.want(id, identity.StatePending, "")
			h.mails(email, 1)
		})
	}
	t.Run("the start does not wait", func(t *testing.T) {
		t.Parallel()
		h := build(t)
		id := h.interrupt(email, false)
		must(t, h.service.Close(t.Context()))
		must(t, h.ledger.Close())
		h.serve(func(o *invites.Options) { o.StartTimeout = time.Nanosecond })
		entered, release := make(chan struct{}), make(chan struct{})
		h.vendor.Inject(memory.Fault{Op: "invite", Block: release, Entered: entered})
		must(t, h.service.Start(t.Context()))
		<-entered
		close(release)
		must(t, h.service.Close(t.Context()))
		h.want(id, identity.StatePending, "")
		h.mails(email, 1)
	})
}

// A vendor that does not answer holds up its own invites alone, and of those
// not always the same.
func TestSettlerStarvesNobody(t *testing.T) {
	t.Parallel()
	h := build(t)
	var ids []string
	for _, email := range []string{"a@example.com", "b@example.com", "c@example.com"} {
		ids = append(ids, h.interrupt(email, true))
	}
	h.vendor.Inject(memory.Fault{Op: "settle", Code: identity.CodeProviderUnavailable, Times: 3})
	asked := map[string]bool{}
	for range ids {
		h.restart() // asks about one, and then no more
		left, err := h.ledger.Uncertain(t.Context(), "main", 10)
		must(t, err)
		asked[left[len(left)-1].ID] = true // those of longest ago come first
		h.clock.Advance(time.Second)
	}
	if len(asked) != len(ids) {
		t.Errorf("%d invites were asked about, want each once", len(asked))
	}
	h.restart()
	for _, id := range ids {
		h.want(id, identity.StatePending, "")
	}
	if n := h.vendor.Calls("settle"); n != 6 {
		t.Errorf("the vendor was asked %d times, want 3 in vain and 3 more", n)
	}
}

// A send whose answer was lost and a revocation whose answer was lost too: if
// the vendor has it, it was sent, and the invite says when and until when.
func TestLostRevokeOfUncertain(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Acted: true})
	h.vendor.Inject(memory.Fault{Op: "settle", Code: identity.CodeProviderUnavailable, Times: 2})
	_, err := h.service.Send(t.Context(), h.admin, h.org, request("x@example.com"))
	id := wantCode(t, err, identity.CodeProviderTimeout).InviteID
	h.vendor.Inject(memory.Fault{Op: "revoke", Code: identity.CodeProviderTimeout, Unclear: true})
	_, err = h.service.Revoke(t.Context(), h.admin, h.org, id)
	wantCode(t, err, identity.CodeProviderTimeout)
	h.refresh()
	h.want(id, identity.StatePending, "")
	if i := h.get(id); i.SentAt == nil || i.ExpiresAt == nil || len(i.Reference) == 0 {
		t.Errorf("sent at %v, expires at %v, reference %v", i.SentAt, i.ExpiresAt, i.Reference)
	}
}

// A revocation that is known not to have happened is over: what is cut off later is
// not taken for it.
func TestDeathAfterARevocationThatDidNotHappen(t *testing.T) {
	t.Parallel()
	h := build(t)
	i := h.send("x@example.com")
	h.vendor.Inject(memory.Fault{Op: "revoke", Code: identity.CodeProviderTimeout, Unclear: true})
	_, err := h.service.Revoke(t.Context(), h.admin, h.org, i.ID)
	wantCode(t, err, identity.CodeProviderTimeout)
	h.want(i.ID, identity.StatePending, "")
	secret := h.link("x@example.com")
	h.vendor.Inject(memory.Fault{Op: "accept", Dies: true})
	h.dies(func() { _, _ = h.service.Accept(t.Context(), secret) })
	h.vendor.Inject(memory.Fault{Op: "settle", Code: identity.CodeProviderUnavailable})
	h.restart()
	h.want(i.ID, identity.StatePending, "")
	_, err = h.service.Accept(t.Context(), secret)
	must(t, err)
}

// Close ends a comparison in the background that waits for its vendor.
func TestCloseEndsAComparison(t *testing.T) {
	t.Parallel()
	h := build(t)
	i := h.send("x@example.com")
	entered := make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "list invites", Block: make(chan struct{}), Entered: entered})
	if _, err := h.service.Get(t.Context(), h.org, i.ID); err != nil {
		t.Fatal(err)
	}
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // the call's own limit is 30 s
	defer cancel()
	must(t, h.service.Close(ctx))
}

// Keys are forgotten two days after they were last used, and not before.
func TestOldKeysAreForgotten(t *testing.T) {
	t.Parallel()
	h := build(t)
	must(t, h.service.Start(t.Context()))
	r := request("x@example.com")
	r.Claim = h.claim("k")
	i, err := h.service.Send(t.Context(), h.admin, h.org, r)
	must(t, err)
	must(t, h.ledger.ReleaseKey(t.Context(), r.Claim))
	h.clock.Advance(25 * time.Hour)
	h.pass()
	claim := h.claim("k")
	if claim.InviteID != i.ID {
		t.Error("a key was forgotten after a day")
	}
	must(t, h.ledger.ReleaseKey(t.Context(), claim))
	h.clock.Advance(49 * time.Hour)
	h.pass()
	if claim := h.claim("k"); claim.InviteID != "" {
		t.Error("a key is remembered for ever")
	}
}
