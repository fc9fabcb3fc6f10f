package invites_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"usher/identity"
	"usher/invites"
	"usher/ledger"
	"usher/providers/memory"
)

func TestResend(t *testing.T) {
	t.Parallel()
	const email = "again@example.com"
	cases := []struct {
		name    string
		prepare func(h *house, i *identity.Invite)
		code    identity.Code
		mails   int
		history []identity.State
	}{
		{"pending", func(*house, *identity.Invite) {}, "", 2,
			[]identity.State{"sending", "pending", "sending", "pending"}},
		{"expired", func(h *house, _ *identity.Invite) { h.clock.Advance(life + time.Minute); h.refresh() }, "", 2,
			[]identity.State{"sending", "pending", "expired", "sending", "pending"}},
		{"expired by the clock only", func(h *house, _ *identity.Invite) { h.clock.Advance(life + time.Minute) }, "", 2,
			[]identity.State{"sending", "pending", "expired", "sending", "pending"}},
		{"revoked", func(h *house, i *identity.Invite) { h.revoke(i.ID) }, identity.CodeInviteNotPending, 1,
			[]identity.State{"sending", "pending", "revoked"}},
		{"accepted", func(h *house, _ *identity.Invite) { h.accept(email) }, identity.CodeInviteNotPending, 1,
			[]identity.State{"sending", "pending", "accepted"}},
		{"accepted at the vendor, not seen yet", func(h *house, _ *identity.Invite) {
			if err := h.vendor.Accept("one", email); err != nil {
				h.t.Fatal(err)
			}
		}, identity.CodeAlreadyMember, 1, []identity.State{"sending", "pending", "sending", "pending"}},
		{"limit", func(h *house, _ *identity.Invite) {
			h.vendor.Inject(memory.Fault{Op: "resend", Code: identity.CodeProviderRateLimited})
		}, identity.CodeProviderRateLimited, 1, []identity.State{"sending", "pending", "sending", "pending"}},
		{"lost answer", func(h *house, _ *identity.Invite) {
			h.vendor.Inject(memory.Fault{Op: "resend", Code: identity.CodeProviderTimeout, Acted: true})
		}, "", 2, []identity.State{"sending", "pending", "sending", "uncertain", "pending"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			first := h.send(email)
			tc.prepare(h, first)
			h.clock.Advance(time.Second)
			again, err := h.service.Resend(t.Context(), h.admin, h.org, first.ID, nil)
			wantCode(t, err, tc.code)
			if err == nil && (again.ID != first.ID || !about(*again.ExpiresAt, h.clock.Now().Add(life))) {
				t.Errorf("resent as %+v", again)
			}
			h.mails(email, tc.mails)
			wantHistory(t, h.get(first.ID), tc.history...)
		})
	}
}

func (h *house) revoke(id string) {
	h.t.Helper()
	if _, err := h.service.Revoke(h.t.Context(), h.admin, h.org, id); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) accept(email string) {
	h.t.Helper()
	if err := h.vendor.Accept("one", email); err != nil {
		h.t.Fatal(err)
	}
	h.refresh()
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	const email = "gone@example.com"
	cases := []struct {
		name    string
		prepare func(h *house, i *identity.Invite)
		code    identity.Code
		state   identity.State
	}{
		{"pending", func(*house, *identity.Invite) {}, "", identity.StateRevoked},
		{"twice", func(h *house, i *identity.Invite) { h.revoke(i.ID) }, "", identity.StateRevoked},
		{"gone at the vendor", func(h *house, _ *identity.Invite) { h.vendor.Forget("one", email) }, "", identity.StateRevoked},
		{"accepted meanwhile", func(h *house, _ *identity.Invite) {
			if err := h.vendor.Accept("one", email); err != nil {
				h.t.Fatal(err)
			}
		}, identity.CodeInviteNotPending, identity.StateAccepted},
		{"accepted", func(h *house, _ *identity.Invite) { h.accept(email) }, identity.CodeInviteNotPending, identity.StateAccepted},
		{"its organization is gone at the vendor, or hidden", func(h *house, _ *identity.Invite) {
			for _, op := range []string{"revoke", "find member", "list invites"} {
				h.vendor.Inject(memory.Fault{Op: op, Code: identity.CodeNotFound})
			}
		}, identity.CodeProviderError, identity.StatePending},
		{"gone, says a vendor that then is down", func(h *house, _ *identity.Invite) {
			h.vendor.Inject(memory.Fault{Op: "revoke", Code: identity.CodeNotFound})
			h.vendor.Inject(memory.Fault{Op: "list invites", Code: identity.CodeProviderUnavailable})
		}, identity.CodeProviderUnavailable, identity.StatePending},
		{"refused", func(h *house, _ *identity.Invite) {
			h.vendor.Inject(memory.Fault{Op: "revoke", Code: identity.CodeProviderRateLimited})
		}, identity.CodeProviderRateLimited, identity.StatePending},
		{"lost answer, acted", func(h *house, _ *identity.Invite) {
			h.vendor.Inject(memory.Fault{Op: "revoke", Code: identity.CodeProviderTimeout, Acted: true})
		}, "", identity.StateRevoked},
		{"lost answer, not acted", func(h *house, _ *identity.Invite) {
			h.vendor.Inject(memory.Fault{Op: "revoke", Code: identity.CodeProviderError, Unclear: true})
		}, identity.CodeProviderError, identity.StatePending},
		{"lost answer, vendor down", func(h *house, _ *identity.Invite) {
			h.vendor.Inject(memory.Fault{Op: "revoke", Code: identity.CodeProviderTimeout, Acted: true})
			h.vendor.Inject(memory.Fault{Op: "settle", Code: identity.CodeProviderUnavailable})
		}, identity.CodeProviderTimeout, identity.StateUncertain},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			i := h.send(email)
			tc.prepare(h, i)
			_, err := h.service.Revoke(t.Context(), h.admin, h.org, i.ID)
			wantCode(t, err, tc.code)
			if got := h.get(i.ID); got.State != tc.state {
				t.Errorf("the invite is %s, want %s", got.State, tc.state)
			}
			if tc.state == identity.StateUncertain {
				h.refresh()
				h.want(i.ID, identity.StateRevoked, "")
			}
			h.mails(email, map[bool]int{true: 0, false: 1}[tc.name == "gone at the vendor"])
		})
	}
}

// Another organization's invite is not there, whatever is asked of it.
func TestOtherOrganizationsInvite(t *testing.T) {
	t.Parallel()
	h := build(t)
	i := h.send("x@example.com")
	_, err := h.service.Get(t.Context(), h.other, i.ID)
	wantCode(t, err, identity.CodeNotFound)
	_, err = h.service.Resend(t.Context(), h.admin, h.other, i.ID, nil)
	wantCode(t, err, identity.CodeNotFound)
	_, err = h.service.Revoke(t.Context(), h.admin, h.other, i.ID)
	wantCode(t, err, identity.CodeNotFound)
	page, err := h.service.List(t.Context(), h.admin, h.other, invites.ListRequest{Refresh: true})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("the other organization lists %+v, %v", page, err)
	}
	h.want(i.ID, identity.StatePending, "")
	h.mails("x@example.com", 1)
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	const email = "x@example.com"
	cases := []struct {
		name    string
		happens func(h *house, i *identity.Invite)
		state   identity.State
		reason  string
	}{
		{"nothing", func(*house, *identity.Invite) {}, identity.StatePending, ""},
		{"accepted", func(h *house, _ *identity.Invite) { must(h.t, h.vendor.Accept("one", email)) }, identity.StateAccepted, ""},
		{"accepted and the row gone", func(h *house, _ *identity.Invite) {
			must(h.t, h.vendor.Accept("one", email))
			h.vendor.Forget("one", email)
		}, identity.StateAccepted, ""},
		{"gone", func(h *house, _ *identity.Invite) { h.vendor.Forget("one", email) }, identity.StateRevoked, identity.ReasonGoneAtProvider},
		{"expired", func(h *house, _ *identity.Invite) { h.clock.Advance(life + time.Minute) }, identity.StateExpired, ""},
		{"expired and gone", func(h *house, _ *identity.Invite) {
			h.clock.Advance(life + time.Minute)
			h.vendor.Forget("one", email)
		}, identity.StateExpired, ""},
		{"expired, then joined", func(h *house, _ *identity.Invite) {
			h.clock.Advance(life + time.Minute)
			h.refresh()
			h.vendor.AddMember("one", email, "Member")
		}, identity.StateAccepted, ""},
		{"revoked, then joined", func(h *house, i *identity.Invite) {
			h.revoke(i.ID)
			h.vendor.AddMember("one", email, "Member")
		}, identity.StateAccepted, ""},
		{"revoked, still there at the vendor", func(h *house, i *identity.Invite) {
			h.revoke(i.ID)
			h.vendor.Reopen("one", email)
		}, identity.StatePending, identity.ReasonAdopted},
		{"revoked, a new one made elsewhere", func(h *house, i *identity.Invite) {
			h.revoke(i.ID)
			h.vendor.AddInvite("one", email, "Member")
		}, identity.StateRevoked, ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			i := h.send(email)
			h.clock.Advance(time.Second)
			tc.happens(h, i)
			h.clock.Advance(time.Second)
			h.refresh()
			h.want(i.ID, tc.state, tc.reason)
			got := h.get(i.ID)
			if (got.AcceptedAt != nil) != (tc.state == identity.StateAccepted) {
				t.Errorf("accepted_at %v in state %s", got.AcceptedAt, got.State)
			}
			if org, err := h.ledger.Organization(t.Context(), h.org.ID); err != nil || org.SyncedAt == nil || !about(*org.SyncedAt, h.clock.Now()) {
				t.Errorf("the organization was compared at %v, %v", org.SyncedAt, err)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An old invite of somebody who was invited again and joined stays as it is.
func TestReconcileLeavesOlderInvites(t *testing.T) {
	t.Parallel()
	h := build(t)
	old := h.send("x@example.com")
	h.revoke(old.ID)
	h.clock.Advance(time.Second)
	fresh := h.send("x@example.com")
	h.clock.Advance(time.Second)
	h.accept("x@example.com")
	h.want(fresh.ID, identity.StateAccepted, "")
	h.want(old.ID, identity.StateRevoked, "")
}

func TestReconcileAdopts(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.vendor.AddInvite("one", "dash@example.com", "Administrator")
	for range 2 {
		h.refresh()
	}
	page, err := h.service.List(t.Context(), h.admin, h.org, invites.ListRequest{})
	must(t, err)
	if len(page.Items) != 1 {
		t.Fatalf("%d invites, want the adopted one", len(page.Items))
	}
	i := page.Items[0]
	if i.Email != "dash@example.com" || i.State != identity.StatePending || i.StateReason != identity.ReasonAdopted || fmt.Sprint(i.Roles) != "[admin]" {
		t.Errorf("adopted as %+v", i)
	}
	h.revoke(i.ID)
	h.want(i.ID, identity.StateRevoked, "")
}

// What a listing that began before a send does not show is not taken for gone.
func TestReconcileDoesNotRaceASend(t *testing.T) {
	t.Parallel()
	h := build(t)
	entered, release := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "find member", Block: release, Entered: entered})
	old := h.send("old@example.com")
	h.vendor.Forget("one", "old@example.com")
	h.clock.Advance(time.Second)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = h.service.List(context.WithoutCancel(t.Context()), h.admin, h.org, invites.ListRequest{Refresh: true})
	}()
	<-entered
	h.clock.Advance(time.Second)
	if _, err := h.service.Resend(t.Context(), h.admin, h.org, old.ID, nil); err != nil {
		t.Fatal(err)
	}
	fresh := h.send("fresh@example.com")
	close(release)
	<-done
	h.want(old.ID, identity.StatePending, "")
	h.want(fresh.ID, identity.StatePending, "")
}

// A restart in the middle of a send settles it: what reached the vendor is
// found, what did not goes on; one mail in the end.
func TestRestartSettlesInterruptedSends(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		acted  bool
		vendor func(h *house)
		state  identity.State
		mails  int
	}{
		{"the vendor acted", true, func(*house) {}, identity.StatePending, 1},
		{"the vendor did not act", false, func(*house) {}, identity.StatePending, 1},
		{"the vendor is down at start", false, func(h *house) {
			h.vendor.Inject(memory.Fault{Op: "settle", Code: identity.CodeProviderUnavailable})
		}, identity.StateUncertain, 0},
		{"going on is refused for now", false, func(h *house) {
			h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderRateLimited})
		}, identity.StateUncertain, 0},
		{"going on is refused for good", false, func(h *house) {
			h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeQuotaExceeded})
		}, identity.StateFailed, 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			id := h.interrupt("crash@example.com", tc.acted)
			tc.vendor(h)
			must(t, h.service.Start(t.Context()))
			if got := h.get(id); got.State != tc.state {
				t.Errorf("after start: %s (%s), want %s", got.State, got.StateReason, tc.state)
			}
			h.mails("crash@example.com", tc.mails)
			if tc.state == identity.StateUncertain {
				h.tick <- h.clock.Now()
				h.tick <- h.clock.Now() // taken up only when the first pass is over
				h.want(id, identity.StatePending, "")
				h.mails("crash@example.com", 1)
			}
		})
	}
}

// A send that was interrupted before it came to anything has not made a member
// of somebody who is one: it is refused as it would have been.
func TestRestartAfterNothingWasSentToAMember(t *testing.T) {
	t.Parallel()
	h := build(t)
	id := h.interrupt("member@example.com", false)
	must(t, h.ledger.Write(t.Context(), func(tx *ledger.Tx) error { return tx.UndoStep(id, 1, "invite") }))
	must(t, h.service.Start(t.Context()))
	h.want(id, identity.StateFailed, string(identity.CodeAlreadyMember))
	begun := h.interrupt("late@example.com", false)
	h.vendor.AddMember("one", "late@example.com", "Member")
	must(t, h.service.Start(t.Context()))
	h.want(begun, identity.StateAccepted, "")
}

// interrupt leaves the ledger as a process leaves it that dies while the
// vendor is asked to send, and opens it again.
func (h *house) interrupt(email string, acted bool) string {
	h.t.Helper()
	id := identity.NewID(identity.PrefixInvite)
	must(h.t, h.ledger.Write(h.t.Context(), func(tx *ledger.Tx) error {
		i := &identity.Invite{
			ID: id, OrganizationID: h.org.ID, Connection: "main", Email: email, EmailKey: email, Roles: []string{"member"},
			State: identity.StateSending, Notify: true, NotCarried: []string{}, Attempt: 1,
		}
		if err := tx.InsertInvite(i); err != nil {
			return err
		}
		if err := tx.Lease(id, time.Hour); err != nil {
			return err
		}
		return tx.BeginStep(id, 1, "invite")
	}))
	if acted {
		h.vendor.AddOwnInvite("one", email, id, "Member")
	}
	must(h.t, h.service.Close(h.t.Context()))
	must(h.t, h.ledger.Close())
	h.open()
	return id
}

func TestListPagesAndFilters(t *testing.T) {
	t.Parallel()
	h := build(t)
	var ids []string
	for n := range 7 {
		role := "member"
		if n%2 == 0 {
			role = "admin"
		}
		i, err := h.service.Send(t.Context(), h.admin, h.org, request(fmt.Sprintf("p%d@example.com", n), role))
		must(t, err)
		ids = append([]string{i.ID}, ids...)
		h.clock.Advance(time.Second)
	}
	h.revoke(ids[0])
	collect := func(r invites.ListRequest) []string {
		var got []string
		for {
			page, err := h.service.List(t.Context(), h.admin, h.org, r)
			must(t, err)
			for _, i := range page.Items {
				got = append(got, i.ID)
			}
			if r.Page.Cursor = page.Next; page.Next == "" {
				return got
			}
		}
	}
	after := h.clock.Now().Add(-3 * time.Second)
	cases := []struct {
		name string
		r    invites.ListRequest
		want []string
	}{
		{"all", invites.ListRequest{}, ids},
		{"pages of two", invites.ListRequest{Page: identity.PageRequest{Limit: 2}}, ids},
		{"by state", invites.ListRequest{States: []identity.State{identity.StateRevoked}}, ids[:1]},
		{"by states", invites.ListRequest{States: []identity.State{identity.StateRevoked, identity.StatePending}, Page: identity.PageRequest{Limit: 3}}, ids},
		{"by e-mail", invites.ListRequest{Email: "P3@example.com"}, ids[3:4]},
		{"by role", invites.ListRequest{Role: "admin", Page: identity.PageRequest{Limit: 1}}, []string{ids[0], ids[2], ids[4], ids[6]}},
		{"by time", invites.ListRequest{CreatedAfter: &after}, ids[:2]},
	}
	for _, tc := range cases {
		if got := collect(tc.r); fmt.Sprint(got) != fmt.Sprint(tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
	page, err := h.service.List(t.Context(), h.admin, h.org, invites.ListRequest{Page: identity.PageRequest{Limit: 2}})
	must(t, err)
	for name, r := range map[string]invites.ListRequest{
		"another filter": {Role: "admin", Page: identity.PageRequest{Cursor: page.Next}},
		"garbled":        {Page: identity.PageRequest{Cursor: page.Next + "x"}},
		"no cursor":      {Page: identity.PageRequest{Cursor: "%%%"}},
	} {
		_, err := h.service.List(t.Context(), h.admin, h.org, r)
		if known := wantCode(t, err, identity.CodeInvalidRequest); known.Field != "query:cursor" {
			t.Errorf("%s: field %q", name, known.Field)
		}
	}
	_, err = h.service.List(t.Context(), h.admin, h.other, invites.ListRequest{Page: identity.PageRequest{Cursor: page.Next}})
	wantCode(t, err, identity.CodeInvalidRequest)
	_, err = h.service.List(t.Context(), h.admin, h.org, invites.ListRequest{Page: identity.PageRequest{Limit: 201}})
	wantCode(t, err, identity.CodeInvalidRequest)
	_, err = h.service.List(t.Context(), h.admin, h.org, invites.ListRequest{States: []identity.State{"lost"}})
	wantCode(t, err, identity.CodeInvalidRequest)
}

func TestMembersAndRoles(t *testing.T) {
	t.Parallel()
	h := build(t)
	for n := range 4 {
		h.vendor.AddMember("one", fmt.Sprintf("m%d@example.com", n), "Administrator")
	}
	ids := map[string]string{}
	for range 2 { // the same ids each time
		page := identity.PageRequest{Limit: 2}
		count := 0
		for {
			got, err := h.service.ListMembers(t.Context(), h.admin, h.org, page)
			must(t, err)
			for _, m := range got.Items {
				count++
				if old, ok := ids[m.Email]; ok && old != m.ID || m.ID == "" || m.OrganizationID != h.org.ID {
					t.Errorf("member %+v, known as %q", m, old)
				}
				ids[m.Email] = m.ID
			}
			if page.Cursor = got.Next; got.Next == "" {
				break
			}
		}
		if count != 5 {
			t.Errorf("%d members, want 5", count)
		}
	}
	roles, err := h.service.ListRoles(t.Context(), h.admin, h.org)
	if err != nil || len(roles) != 2 || roles[0].Key != "admin" {
		t.Errorf("roles %v, %v", roles, err)
	}
}

// An invitation made elsewhere with a role that is not mapped is sent again
// only by somebody who may grant every role.
func TestResendOfUnmappedRoles(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.vendor.AddInvite("one", "owner@example.com", "Owner")
	h.refresh()
	page, err := h.service.List(t.Context(), h.admin, h.org, invites.ListRequest{})
	must(t, err)
	if len(page.Items) != 1 || len(page.Items[0].Roles) != 0 {
		t.Fatalf("adopted %+v", page.Items)
	}
	member := h.admin
	member.Roles = []string{"member"}
	_, err = h.service.Resend(t.Context(), member, h.org, page.Items[0].ID, nil)
	wantCode(t, err, identity.CodeRoleNotGrantable)
	h.mails("owner@example.com", 1)
	if _, err := h.service.Resend(t.Context(), h.admin, h.org, page.Items[0].ID, nil); err != nil {
		t.Error(err)
	}
}

// A comparison that meets an older invite of the address being sent again
// leaves the newer, ended one alone, and does not fail.
func TestReconcileMeetsASending(t *testing.T) {
	t.Parallel()
	h := build(t)
	const email = "both@example.com"
	old := h.send(email)
	h.clock.Advance(life + time.Minute)
	newer := h.send(email)
	h.revoke(newer.ID)
	entered, release := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "resend", Block: release, Entered: entered})
	done := make(chan error)
	go func() {
		_, err := h.service.Resend(t.Context(), h.admin, h.org, old.ID, nil)
		done <- err
	}()
	<-entered
	h.vendor.ReopenLast("one", email)
	h.clock.Advance(time.Second)
	h.refresh()
	h.want(newer.ID, identity.StateRevoked, "")
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A revocation that was under way when the process died wins over the send it
// was asked for: what is not at the vendor is not sent again.
func TestKilledWhileRevokingAnInterruptedSend(t *testing.T) {
	t.Parallel()
	h := build(t)
	id := h.interrupt("both@example.com", false)
	must(t, h.ledger.Write(t.Context(), func(tx *ledger.Tx) error {
		i, err := tx.Invite(h.org.ID, id)
		if err != nil {
			return err
		}
		i.State, i.StateReason = identity.StateUncertain, identity.ReasonInterrupted
		if err := tx.UpdateInvite(i); err != nil {
			return err
		}
		if err := tx.Lease(id, time.Hour); err != nil {
			return err
		}
		return tx.BeginStep(id, 1, "revoke")
	}))
	must(t, h.service.Close(t.Context()))
	must(t, h.ledger.Close())
	h.open()
	must(t, h.service.Start(t.Context()))
	h.want(id, identity.StateRevoked, "")
	h.mails("both@example.com", 0)
}

// What has expired by the clock is not revoked: the vendor may hold a newer
// invitation under the same address.
func TestRevokeOfAnExpiredInvite(t *testing.T) {
	t.Parallel()
	h := build(t)
	i := h.send("late@example.com")
	h.clock.Advance(life + time.Minute)
	_, err := h.service.Revoke(t.Context(), h.admin, h.org, i.ID)
	wantCode(t, err, identity.CodeInviteNotPending)
	if n := h.vendor.Calls("revoke"); n != 0 {
		t.Errorf("the vendor was asked %d times", n)
	}
}
