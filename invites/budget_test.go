package invites_test

import (
	"testing"
	"time"

	"usher/identity"
	"usher/invites"
	"usher/providers/memory"
)

// budgeted gives the service a mail budget of three in ten minutes.
func budgeted(t *testing.T, change ...func(*memory.Options)) *house {
	t.Helper()
	h := build(t, change...)
	must(t, h.service.Close(t.Context()))
	must(t, h.ledger.Close())
	h.serve(func(o *invites.Options) { o.Mails, o.MailWindow = 3, 10*time.Minute })
	return h
}

// Nobody is flooded: mails to one address of an organization are counted,
// however they come about, and the answer says when to try again.
func TestMailBudget(t *testing.T) {
	t.Parallel()
	h := budgeted(t)
	const email = "flood@example.com"
	send := func(org *identity.Organization) (*identity.Invite, error) {
		return h.service.Send(t.Context(), h.admin, org, request(email))
	}
	// Send, revoke, send again and resend at once always passes.
	first := h.send(email)
	h.revoke(first.ID)
	h.clock.Advance(time.Minute)
	second := h.send("FLOOD@example.com")
	h.clock.Advance(time.Minute)
	if _, err := h.service.Resend(t.Context(), h.admin, h.org, second.ID, nil); err != nil {
		t.Fatal(err)
	}
	_, err := h.service.Resend(t.Context(), h.admin, h.org, second.ID, nil)
	if known := wantCode(t, err, identity.CodeRateLimited); known.RetryAfter.Round(time.Second) != 8*time.Minute {
		t.Errorf("retry after %v, want 8m", known.RetryAfter)
	}
	h.revoke(second.ID)
	_, err = send(h.org)
	wantCode(t, err, identity.CodeRateLimited)
	h.want(second.ID, identity.StateRevoked, "")
	h.mails(email, 3)
	// Another organization and another address are not concerned.
	if _, err := send(h.other); err != nil {
		t.Error(err)
	}
	h.send("other@example.com")
	// The window moves on: the first mail is out of it, the second is not.
	h.clock.Advance(8*time.Minute + time.Second)
	third := h.send(email)
	_, err = h.service.Resend(t.Context(), h.admin, h.org, third.ID, nil)
	wantCode(t, err, identity.CodeRateLimited)
}

// What never reached the vendor mailed nobody and is not counted.
func TestMailBudgetCountsMails(t *testing.T) {
	t.Parallel()
	h := budgeted(t)
	for range 6 {
		h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderUnavailable})
		_, err := h.service.Send(t.Context(), h.admin, h.org, request("unlucky@example.com"))
		wantCode(t, err, identity.CodeProviderUnavailable)
	}
	h.send("unlucky@example.com")
	h.mails("unlucky@example.com", 1)
}

// Nobody knows whether an uncertain sending mailed: it counts, so that asking
// again and again does not flood anybody.
func TestMailBudgetOfUncertain(t *testing.T) {
	t.Parallel()
	h := budgeted(t, func(o *memory.Options) { o.Silent = true })
	const email = "flood@example.com"
	for _, op := range []string{"invite", "resend"} {
		h.vendor.Inject(memory.Fault{Op: op, Code: identity.CodeProviderTimeout, Acted: true, Times: 100})
	}
	_, err := h.service.Send(t.Context(), h.admin, h.org, request(email))
	id := wantCode(t, err, identity.CodeProviderTimeout).InviteID
	for n := range 10 {
		_, err := h.service.Resend(t.Context(), h.admin, h.org, id, nil)
		if want := identity.CodeProviderTimeout; n < 2 {
			wantCode(t, err, want)
		} else {
			wantCode(t, err, identity.CodeRateLimited)
		}
	}
	h.mails(email, 3)
}

// Revoking mails nobody, however it goes.
func TestMailBudgetCountsNoRevocations(t *testing.T) {
	t.Parallel()
	h := budgeted(t)
	const email = "calm@example.com"
	i := h.send(email)
	for range 5 {
		h.vendor.Inject(memory.Fault{Op: "revoke", Code: identity.CodeProviderTimeout, Unclear: true})
		_, err := h.service.Revoke(t.Context(), h.admin, h.org, i.ID)
		wantCode(t, err, identity.CodeProviderTimeout)
		h.want(i.ID, identity.StatePending, "")
	}
	if _, err := h.service.Resend(t.Context(), h.admin, h.org, i.ID, nil); err != nil {
		t.Error(err)
	}
}
