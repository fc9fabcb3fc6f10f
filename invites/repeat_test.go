package invites_test

import (
	"testing"
	"time"

	"usher/identity"
	"usher/invites"
	"usher/ledger"
	"usher/providers/memory"
)

// again releases a claim, as the API does after an answer that is not final,
// and claims the key once more.
func (h *house) again(c *ledger.Claim) *ledger.Claim {
	h.t.Helper()
	must(h.t, h.ledger.ReleaseKey(h.t.Context(), c))
	return h.claim("k")
}

// keyedSend makes a send under the key k whose answer is lost and whose invite
// is settled afterwards as sent.
func (h *house) keyedSend(email string) (invites.SendRequest, *identity.Invite) {
	h.t.Helper()
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Acted: true})
	h.vendor.Inject(memory.Fault{Op: "settle", Code: identity.CodeProviderUnavailable})
	r := request(email)
	r.Claim = h.claim("k")
	_, err := h.service.Send(h.t.Context(), h.admin, h.org, r)
	lost := wantCode(h.t, err, identity.CodeProviderTimeout)
	h.refresh()
	h.want(lost.InviteID, identity.StatePending, "")
	r.Claim = h.again(r.Claim)
	return r, h.get(lost.InviteID)
}

// A key answers for the sending it began. What became of a resend that somebody
// else asked for since is not its business: it mails nothing.
func TestKeyAfterAResendOfSomebodyElse(t *testing.T) {
	t.Parallel()
	const email = "twice@example.com"
	cases := []struct {
		name   string
		fault  memory.Fault
		code   identity.Code
		state  identity.State
		reason string
	}{
		{"that did not happen", memory.Fault{Op: "resend", Code: identity.CodeProviderTimeout, Unclear: true},
			identity.CodeProviderTimeout, identity.StatePending, identity.ReasonNotSent},
		{"that was refused", memory.Fault{Op: "resend", Code: identity.CodeProviderRateLimited},
			identity.CodeProviderRateLimited, identity.StatePending, string(identity.CodeProviderRateLimited)},
		{"that happened", memory.Fault{Op: "none"}, "", identity.StatePending, ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			r, i := h.keyedSend(email)
			h.vendor.Inject(tc.fault)
			_, err := h.service.Resend(t.Context(), h.admin, h.org, i.ID, nil)
			wantCode(t, err, tc.code)
			h.want(i.ID, tc.state, tc.reason)
			before := h.vendor.Mails("one", email)
			got, err := h.service.Send(t.Context(), h.admin, h.org, r)
			if err != nil || got.ID != i.ID || got.State != tc.state {
				t.Errorf("the key answers %+v, %v", got, err)
			}
			h.mails(email, before)
		})
	}
}

// A resend whose answer is lost keeps its key: repeated, it answers what became
// of that resend and mails nobody again.
func TestKeyOfAResendWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	const email = "twice@example.com"
	for name, first := range map[string]memory.Fault{
		"of a pending invite":    {Op: "none"},
		"of an uncertain invite": {Op: "invite", Code: identity.CodeProviderTimeout, Unclear: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t, func(o *memory.Options) { o.Silent = true })
			h.vendor.Inject(first)
			var id string
			switch i, err := h.service.Send(t.Context(), h.admin, h.org, request(email)); identity.CodeOf(err) {
			case "":
				id = i.ID
			default:
				id = wantCode(t, err, identity.CodeProviderTimeout).InviteID
			}
			h.vendor.Inject(memory.Fault{Op: "resend", Code: identity.CodeProviderTimeout, Acted: true})
			claim := h.claim("k")
			_, err := h.service.Resend(t.Context(), h.admin, h.org, id, claim)
			wantCode(t, err, identity.CodeProviderTimeout)
			mails := h.vendor.Mails("one", email)
			for range 3 {
				claim = h.again(claim)
				_, err = h.service.Resend(t.Context(), h.admin, h.org, id, claim)
				wantCode(t, err, identity.CodeProviderTimeout)
			}
			h.mails(email, mails)
		})
	}
}

// A process that dies between the record of a resend's refusal and the end of its
// claim leaves a key that tries again: nothing was sent under it.
func TestKeyOfARefusedResendAfterADeath(t *testing.T) {
	t.Parallel()
	const email = "refused@example.com"
	for name, expire := range map[string]time.Duration{"of a pending invite": 0, "of an expired invite": life + time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			i := h.send(email)
			h.clock.Advance(expire)
			claim := h.claim("k")
			h.vendor.Inject(memory.Fault{Op: "resend", Code: identity.CodeProviderRateLimited})
			_, err := h.service.Resend(t.Context(), h.admin, h.org, i.ID, nil)
			wantCode(t, err, identity.CodeProviderRateLimited)
			i = h.get(i.ID)
			must(t, h.ledger.Write(t.Context(), func(tx *ledger.Tx) error { return tx.AttachInvite(claim, i.ID, i.Attempt) }))
			mails := h.vendor.Mails("one", email)
			got, err := h.service.Resend(t.Context(), h.admin, h.org, i.ID, h.again(claim))
			must(t, err)
			if got.State != identity.StatePending || got.StateReason != "" {
				t.Errorf("the key answers %s (%q)", got.State, got.StateReason)
			}
			h.mails(email, mails+1)
		})
	}
}

// A key that re-attaches grants no more than its caller may grant now.
func TestRepeatedRequestChecksRoles(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderRateLimited})
	r := request("boss@example.com", "admin")
	r.Claim = h.claim("k")
	_, err := h.service.Send(t.Context(), h.admin, h.org, r)
	wantCode(t, err, identity.CodeProviderRateLimited)
	demoted := h.admin
	demoted.Roles = []string{"member"}
	r.Claim = h.again(r.Claim)
	_, err = h.service.Send(t.Context(), demoted, h.org, r)
	wantCode(t, err, identity.CodeRoleNotGrantable)
	h.mails("boss@example.com", 0)
}

// What was valid when it was asked for is not judged again: the time has passed
// since, and the answer to the key is what became of it.
func TestRepeatedRequestAfterItsExpiry(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *memory.Options) { o.Fields.ExpiresAt = true })
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Acted: true})
	h.vendor.Inject(memory.Fault{Op: "settle", Code: identity.CodeProviderUnavailable})
	r := request("late@example.com")
	expires := h.clock.Now().Add(time.Hour)
	r.ExpiresAt, r.Claim = &expires, h.claim("k")
	_, err := h.service.Send(t.Context(), h.admin, h.org, r)
	lost := wantCode(t, err, identity.CodeProviderTimeout)
	h.refresh()
	h.clock.Advance(2 * time.Hour)
	r.Claim = h.again(r.Claim)
	i, err := h.service.Send(t.Context(), h.admin, h.org, r)
	if err != nil || i.ID != lost.InviteID {
		t.Errorf("got %+v, %v; want the invite %s", i, err, lost.InviteID)
	}
	h.mails("late@example.com", 1)
}

// interrupted is interrupt and a new start, at which the vendor could not be asked.
func (h *house) interrupted(email string) string {
	h.t.Helper()
	id := h.interrupt(email, false)
	h.vendor.Inject(memory.Fault{Op: "settle", Code: identity.CodeProviderUnavailable})
	must(h.t, h.service.Start(h.t.Context()))
	h.want(id, identity.StateUncertain, identity.ReasonInterrupted)
	return id
}

// Asked to send an interrupted invite again, settling it sends it: that is the
// sending asked for, under the key too.
func TestResendOfAnInterruptedSend(t *testing.T) {
	t.Parallel()
	const email = "crash@example.com"
	h := build(t)
	id := h.interrupted(email)
	claim := h.claim("k")
	i, err := h.service.Resend(t.Context(), h.admin, h.org, id, claim)
	if err != nil || i.State != identity.StatePending {
		t.Fatalf("%+v, %v", i, err)
	}
	h.mails(email, 1)
	claim = h.again(claim)
	if _, err := h.service.Resend(t.Context(), h.admin, h.org, id, claim); err != nil {
		t.Error(err)
	}
	h.mails(email, 1)
}

// A process that dies in the sending that such a resend took up leaves it to the key:
// repeated, it answers what became of that, and mails nobody again.
func TestKeyOfAResendThatDiedGoingOn(t *testing.T) {
	t.Parallel()
	const email = "crash@example.com"
	h := build(t)
	id := h.interrupted(email)
	claim := h.claim("k")
	h.vendor.Inject(memory.Fault{Op: "invite", Dies: true, Acted: true})
	h.dies(func() { _, _ = h.service.Resend(t.Context(), h.admin, h.org, id, claim) })
	h.mails(email, 1)
	h.restart()
	h.want(id, identity.StatePending, "")
	i, err := h.service.Resend(t.Context(), h.admin, h.org, id, h.claim("k"))
	must(t, err)
	if i.State != identity.StatePending {
		t.Errorf("the key answers %s", i.State)
	}
	h.mails(email, 1)
}

// A key that made an organization and was never answered answers with it.
func TestKeyOfAnOrganization(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.vendor.AddOrganization("three")
	n := invites.NewOrganization{Connection: "main", ProviderID: "three", Slug: "three"}
	claim := h.claim("k")
	made, err := h.service.CreateOrganization(t.Context(), h.admin, n, claim)
	must(t, err)
	claim = h.again(claim)
	got, err := h.service.CreateOrganization(t.Context(), h.admin, n, claim)
	if err != nil || got.ID != made.ID {
		t.Errorf("got %+v, %v, want %s", got, err, made.ID)
	}
	stranger := h.admin
	stranger.Access = identity.Access{}
	_, err = h.service.CreateOrganization(t.Context(), stranger, n, h.again(claim))
	wantCode(t, err, identity.CodeNotFound)
}
