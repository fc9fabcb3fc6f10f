package invites_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"usher/identity"
	"usher/invites"
	"usher/providers/memory"
)

// An invitation that lived long and ended today is looked at again: what counts
// is when it ended.
func TestLateAcceptanceOfALongLivedInvite(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *memory.Options) { o.Fields.ExpiresAt = true })
	r := request("slow@example.com")
	expires := h.clock.Now().Add(30 * 24 * time.Hour)
	r.ExpiresAt = &expires
	i, err := h.service.Send(t.Context(), h.admin, h.org, r)
	must(t, err)
	h.clock.Advance(31 * 24 * time.Hour)
	h.refresh()
	h.want(i.ID, identity.StateExpired, "")
	h.vendor.AddMember("one", "slow@example.com", "Member")
	h.clock.Advance(time.Hour)
	h.refresh()
	h.want(i.ID, identity.StateAccepted, "")
}

// However many invites ended lately, each has its turn.
func TestLateLooksTakeTurns(t *testing.T) {
	t.Parallel()
	h := build(t)
	var first *identity.Invite
	for n := range 50 {
		i := h.send(fmt.Sprintf("ended%d@example.com", n))
		h.revoke(i.ID)
		h.clock.Advance(time.Second)
		if n == 0 {
			first = i
		}
	}
	h.vendor.AddMember("one", first.Email, "Member")
	for range 3 {
		h.clock.Advance(time.Minute)
		h.refresh()
	}
	h.want(first.ID, identity.StateAccepted, "")
}

// One invite that the vendor cannot answer about does not keep the others from
// being compared, and the asker is told.
func TestOnePoisonedInvite(t *testing.T) {
	t.Parallel()
	h := build(t)
	older, newer := h.send("older@example.com"), h.send("newer@example.com")
	h.clock.Advance(time.Second)
	h.vendor.Forget("one", newer.Email)
	h.vendor.Forget("one", older.Email)
	h.vendor.AddInvite("one", "elsewhere@example.com", "Member")
	h.vendor.Inject(memory.Fault{Op: "find member", Code: identity.CodeProviderError})
	h.clock.Advance(time.Second)
	_, err := h.service.List(t.Context(), h.admin, h.org, invites.ListRequest{Refresh: true})
	wantCode(t, err, identity.CodeProviderError)
	states := []string{string(h.get(older.ID).State), string(h.get(newer.ID).State)}
	slices.Sort(states)
	if got := fmt.Sprint(states); got != "[pending revoked]" {
		t.Errorf("%s, want one still pending and one revoked", got)
	}
	h.living("elsewhere@example.com")
	h.refresh()
	h.want(older.ID, identity.StateRevoked, identity.ReasonGoneAtProvider)
	h.want(newer.ID, identity.StateRevoked, identity.ReasonGoneAtProvider)
}

// A vendor that is down is not asked about each invite in turn.
func TestComparisonOfAVendorThatGoesDown(t *testing.T) {
	t.Parallel()
	h := build(t)
	for n := range 5 {
		h.vendor.Forget("one", h.send(fmt.Sprintf("gone%d@example.com", n)).Email)
	}
	h.clock.Advance(time.Second)
	h.vendor.Inject(memory.Fault{Op: "find member", Code: identity.CodeProviderUnavailable, Times: 100})
	_, err := h.service.List(t.Context(), h.admin, h.org, invites.ListRequest{Refresh: true})
	wantCode(t, err, identity.CodeProviderUnavailable)
	if n := h.vendor.Calls("find member"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// While the vendor is asked to withdraw an invitation, its expiry by the clock
// does not make room for another: the revocation would hit that one.
func TestRevokeOfAnExpiringInvite(t *testing.T) {
	t.Parallel()
	h := build(t)
	const email = "late@example.com"
	i := h.send(email)
	h.clock.Advance(life - time.Minute)
	entered, release := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "revoke", Block: release, Entered: entered})
	done := make(chan error)
	go func() {
		_, err := h.service.Revoke(t.Context(), h.admin, h.org, i.ID)
		done <- err
	}()
	<-entered
	h.clock.Advance(2 * time.Minute)
	_, err := h.service.Send(t.Context(), h.admin, h.org, request(email))
	if refused := wantCode(t, err, identity.CodeInvitePending); refused.InviteID != i.ID {
		t.Errorf("refused for %s", refused.InviteID)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	again := h.send(email)
	h.want(again.ID, identity.StatePending, "")
	h.mails(email, 2)
}

// A vendor that acts after it was asked what became of a sending: once it shows the
// invitation, that is the invite's, and its key answers with it.
func TestLateArrival(t *testing.T) {
	t.Parallel()
	const email = "late@example.com"
	h := build(t)
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Unclear: true})
	r := request(email)
	r.Metadata, r.Claim = map[string]any{"order": "7"}, h.claim("k")
	_, err := h.service.Send(t.Context(), h.admin, h.org, r)
	id := wantCode(t, err, identity.CodeProviderTimeout).InviteID
	h.want(id, identity.StateFailed, identity.ReasonNotSent)
	h.vendor.AddOwnInvite("one", email, id, "Member")
	h.clock.Advance(time.Second)
	h.refresh()
	h.want(id, identity.StatePending, identity.ReasonAdopted)
	if i := h.get(id); i.SentAt == nil || i.ExpiresAt == nil || i.ProviderID == "" || i.Metadata["order"] != "7" {
		t.Errorf("it reads %+v", i)
	}
	r.Claim = h.again(r.Claim)
	i, err := h.service.Send(t.Context(), h.admin, h.org, r)
	must(t, err)
	if i.ID != id {
		t.Errorf("the key answers %s, want %s", i.ID, id)
	}
	h.mails(email, 1)
}

// One that was made elsewhere after an invite failed is another.
func TestInvitationMadeElsewhereAfterAFailure(t *testing.T) {
	t.Parallel()
	const email = "late@example.com"
	h := build(t)
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderRateLimited})
	_, err := h.service.Send(t.Context(), h.admin, h.org, request(email))
	id := wantCode(t, err, identity.CodeProviderRateLimited).InviteID
	h.vendor.AddInvite("one", email, "Administrator")
	h.clock.Advance(time.Second)
	h.refresh()
	h.want(id, identity.StateFailed, string(identity.CodeProviderRateLimited))
	if living := h.living(email); living == id {
		t.Error("the failed invite was reopened")
	}
}

// Nobody is mailed an invitation that is over already: a sending that is tried again
// after the expiry that was asked for is refused, and a resend renews it.
func TestExpiryBeforeTheSending(t *testing.T) {
	t.Parallel()
	const email = "late@example.com"
	h := build(t, func(o *memory.Options) { o.Fields.ExpiresAt = true })
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderRateLimited})
	r := request(email)
	expires := h.clock.Now().Add(time.Hour)
	r.ExpiresAt, r.Claim = &expires, h.claim("k")
	_, err := h.service.Send(t.Context(), h.admin, h.org, r)
	id := wantCode(t, err, identity.CodeProviderRateLimited).InviteID
	h.clock.Advance(2 * time.Hour)
	r.Claim = h.again(r.Claim)
	_, err = h.service.Send(t.Context(), h.admin, h.org, r)
	if refused := wantCode(t, err, identity.CodeInvalidRequest); refused.Field != "/expires_at" || refused.InviteID != id {
		t.Errorf("refused with %+v", refused)
	}
	h.mails(email, 0)
	i, err := h.service.Resend(t.Context(), h.admin, h.org, id, nil)
	must(t, err)
	if i.ID != id || !about(*i.ExpiresAt, h.clock.Now().Add(life)) {
		t.Errorf("it is %v, and the invite expires at %v", h.clock.Now(), i.ExpiresAt)
	}
	h.mails(email, 1)
}

// So it is with rows that waited for their vendor.
func TestExpiryOfARowThatWaited(t *testing.T) {
	t.Parallel()
	for _, bulk := range []int{0, 10} {
		t.Run(fmt.Sprint(bulk), func(t *testing.T) {
			t.Parallel()
			h := build(t, func(o *memory.Options) { o.Fields.ExpiresAt, o.Fields.Bulk = true, bulk })
			expires := h.clock.Now().Add(time.Hour)
			upload, err := h.service.ReceiveBatch(t.Context(), h.admin, h.org)
			must(t, err)
			late, other := request("late@example.com"), request("other@example.com")
			late.ExpiresAt = &expires
			must(t, upload.Add(t.Context(), 1, late, nil))
			must(t, upload.Add(t.Context(), 2, other, nil))
			b, err := upload.Publish(t.Context(), nil)
			must(t, err)
			closeHouse(t, h.service, h.ledger)
			h.clock.Advance(2 * time.Hour)
			h.started()
			b = h.finished(h.org, b.ID)
			if b.Counts[identity.OutcomeFailed] != 1 || b.Counts[identity.OutcomeSent] != 1 {
				t.Errorf("the batch ended with %v", b.Counts)
			}
			for _, row := range h.rows(b.ID, identity.OutcomeFailed) {
				if row.Code != identity.CodeInvalidRequest || row.Field != "/expires_at" || row.Detail == "" {
					t.Errorf("the row reads %+v", row)
				}
			}
			h.mails("late@example.com", 0)
		})
	}
}
