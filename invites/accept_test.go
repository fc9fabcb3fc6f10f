package invites_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/invites"
	"usher/providers"
	"usher/providers/memory"
)

// link returns the secret of the newest link that was mailed to an address.
func (h *house) link(email string) string {
	h.t.Helper()
	links := h.vendor.Links("one", email)
	if len(links) == 0 || len(links[len(links)-1]) < 43 {
		h.t.Fatalf("links to %s: %q", email, links)
	}
	return links[len(links)-1]
}

func (h *house) landing(secret string) invites.LandingStatus {
	h.t.Helper()
	l, err := h.service.Landing(h.t.Context(), secret)
	must(h.t, err)
	return l.Status
}

// The holder of the link joins with the roles it was made for, once.
func TestAccept(t *testing.T) {
	t.Parallel()
	h := build(t)
	i, err := h.service.Send(t.Context(), h.admin, h.org, request("ada@example.com", "admin", "member"))
	must(t, err)
	secret := h.link("ada@example.com")
	if got := h.landing(secret); got != invites.LandingReady {
		t.Errorf("landing %q", got)
	}
	h.want(i.ID, identity.StatePending, "")
	got, err := h.service.Accept(t.Context(), secret)
	must(t, err)
	if got.Invite.ID != i.ID || got.Invite.State != identity.StateAccepted || got.Organization.ID != h.org.ID || got.Invite.AcceptedAt == nil {
		t.Errorf("accepted %+v", got)
	}
	h.want(i.ID, identity.StateAccepted, "")
	wantHistory(t, h.get(i.ID), identity.StateSending, identity.StatePending, identity.StateAccepted)
	page, err := h.service.ListMembers(t.Context(), h.admin, h.org, identity.PageRequest{})
	must(t, err)
	last := page.Items[len(page.Items)-1]
	if last.Email != "ada@example.com" || strings.Join(last.Roles, " ") != "admin member" {
		t.Errorf("the member is %+v", last)
	}
	if got := h.landing(secret); got != invites.LandingAccepted {
		t.Errorf("landing %q afterwards", got)
	}
	_, err = h.service.Accept(t.Context(), secret)
	wantCode(t, err, identity.CodeInviteNotPending)
	if n := h.vendor.Calls("accept"); n != 1 {
		t.Errorf("the vendor was asked %d times", n)
	}
}

// CVE-2025-64708 and its like: a link outlives neither its expiry, nor a
// revocation, nor the mail that came after it; a guess and an id lead nowhere.
func TestLinkThatIsOver(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		prepare func(h *house, i *identity.Invite) (secret string)
		code    identity.Code
		landing invites.LandingStatus // empty: not_found
		state   identity.State        // of the invite afterwards
	}{
		{"past its expiry", func(h *house, i *identity.Invite) string {
			h.clock.Advance(life)
			return h.link(i.Email)
		}, identity.CodeInviteExpired, invites.LandingExpired, identity.StateExpired},
		{"revoked", func(h *house, i *identity.Invite) string {
			_, err := h.service.Revoke(h.t.Context(), h.admin, h.org, i.ID)
			must(h.t, err)
			return h.link(i.Email)
		}, identity.CodeInviteNotPending, invites.LandingRevoked, identity.StateRevoked},
		{"followed by a later mail", func(h *house, i *identity.Invite) string {
			first := h.link(i.Email)
			_, err := h.service.Resend(h.t.Context(), h.admin, h.org, i.ID, nil)
			must(h.t, err)
			return first
		}, identity.CodeInviteExpired, invites.LandingExpired, identity.StatePending},
		{"withdrawn at the vendor", func(h *house, i *identity.Invite) string {
			first := h.link(i.Email)
			h.vendor.Forget("one", i.Email)
			return first
		}, identity.CodeInviteNotPending, invites.LandingRevoked, identity.StateRevoked},
		{"a guess", func(*house, *identity.Invite) string { return strings.Repeat("A", 43) }, identity.CodeNotFound, "", identity.StatePending},
		{"the invite's id", func(_ *house, i *identity.Invite) string { return i.ID }, identity.CodeNotFound, "", identity.StatePending},
		{"nothing", func(*house, *identity.Invite) string { return "" }, identity.CodeNotFound, "", identity.StatePending},
		{"too much", func(*house, *identity.Invite) string { return strings.Repeat("A", 5000) }, identity.CodeNotFound, "", identity.StatePending},
		{"no secret", func(*house, *identity.Invite) string { return "%' OR 1=1 --" }, identity.CodeNotFound, "", identity.StatePending},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			i := h.send("ada@example.com")
			secret := tt.prepare(h, i)
			_, err := h.service.Accept(t.Context(), secret)
			wantCode(t, err, tt.code)
			h.want(i.ID, tt.state, h.get(i.ID).StateReason)
			l, err := h.service.Landing(t.Context(), secret)
			if tt.landing == "" {
				wantCode(t, err, identity.CodeNotFound)
			} else if must(t, err); l.Status != tt.landing {
				t.Errorf("landing %q, want %q", l.Status, tt.landing)
			}
			page, err := h.service.ListMembers(t.Context(), h.admin, h.org, identity.PageRequest{})
			must(t, err)
			if len(page.Items) != 1 {
				t.Errorf("somebody joined: %+v", page.Items)
			}
		})
	}
}

// A resend that the vendor refused leaves the link in the invitee's mailbox as
// it was.
func TestLinkOutlivesARefusedResend(t *testing.T) {
	t.Parallel()
	h := build(t)
	i := h.send("ada@example.com")
	secret := h.link(i.Email)
	h.vendor.Inject(memory.Fault{Op: "resend", Code: identity.CodeProviderUnavailable})
	_, err := h.service.Resend(t.Context(), h.admin, h.org, i.ID, nil)
	wantCode(t, err, identity.CodeProviderUnavailable)
	_, err = h.service.Accept(t.Context(), secret)
	must(t, err)
	h.want(i.ID, identity.StateAccepted, "")
}

// Many presses of the button, and a revocation among them, lead to one end.
func TestAcceptAtOnce(t *testing.T) {
	t.Parallel()
	h := build(t)
	i := h.send("ada@example.com")
	secret := h.link(i.Email)
	var all sync.WaitGroup
	accepted := make([]bool, 8)
	for n := range accepted {
		all.Go(func() {
			_, err := h.service.Accept(t.Context(), secret)
			accepted[n] = err == nil
			if err != nil && identity.CodeOf(err) != identity.CodeConflict {
				wantCode(t, err, identity.CodeInviteNotPending)
			}
		})
	}
	revoked := false
	all.Go(func() {
		_, err := h.service.Revoke(t.Context(), h.admin, h.org, i.ID)
		revoked = err == nil
	})
	all.Wait()
	n := 0
	for _, yes := range accepted {
		if yes {
			n++
		}
	}
	page, err := h.service.ListMembers(t.Context(), h.admin, h.org, identity.PageRequest{})
	must(t, err)
	switch state := h.get(i.ID).State; {
	case state == identity.StateAccepted && n == 1 && !revoked && len(page.Items) == 2:
	case state == identity.StateRevoked && n == 0 && revoked && len(page.Items) == 1:
	default:
		t.Errorf("%s, accepted %d times, revoked %t, %d members", state, n, revoked, len(page.Items))
	}
}

// A vendor in trouble takes nobody's link away, and an answer that was lost is
// no second membership.
func TestAcceptGoesOnAfterTrouble(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault memory.Fault
		code  identity.Code
	}{
		{"refused", memory.Fault{Op: "accept", Code: identity.CodeProviderUnavailable}, identity.CodeProviderUnavailable},
		{"the answer is lost", memory.Fault{Op: "accept", Code: identity.CodeProviderTimeout, Acted: true}, identity.CodeProviderTimeout},
		{"the request is lost", memory.Fault{Op: "accept", Code: identity.CodeProviderTimeout, Unclear: true}, identity.CodeProviderTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			i := h.send("ada@example.com")
			secret := h.link(i.Email)
			h.vendor.Inject(tt.fault)
			_, err := h.service.Accept(t.Context(), secret)
			if known := wantCode(t, err, tt.code); known.InviteID != i.ID {
				t.Errorf("about %q", known.InviteID)
			}
			h.want(i.ID, identity.StatePending, "")
			_, err = h.service.Accept(t.Context(), secret)
			must(t, err)
			h.want(i.ID, identity.StateAccepted, "")
			page, err := h.service.ListMembers(t.Context(), h.admin, h.org, identity.PageRequest{})
			must(t, err)
			if len(page.Items) != 2 {
				t.Errorf("members %+v", page.Items)
			}
		})
	}
}

// Killed while accepting, the invite is open again after the restart.
func TestAcceptSurvivesDeath(t *testing.T) {
	t.Parallel()
	for _, acted := range []bool{false, true} {
		h := build(t)
		i := h.send("ada@example.com")
		secret := h.link(i.Email)
		h.vendor.Inject(memory.Fault{Op: "accept", Dies: true, Acted: acted})
		func() {
			defer func() {
				if recover() != memory.Death {
					t.Error("it did not die")
				}
			}()
			_, _ = h.service.Accept(t.Context(), secret)
		}()
		closeHouse(t, h.service, h.ledger)
		h.open()
		must(t, h.service.Start(t.Context()))
		_, err := h.service.Accept(t.Context(), secret)
		must(t, err)
		h.want(i.ID, identity.StateAccepted, "")
	}
}

// An uncertain mail has arrived after all: its link shows that it was sent.
func TestAcceptSettlesAnUncertainInvite(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *memory.Options) { o.Silent = true })
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Acted: true})
	_, err := h.service.Send(t.Context(), h.admin, h.org, request("ada@example.com"))
	id := wantCode(t, err, identity.CodeProviderTimeout).InviteID
	h.want(id, identity.StateUncertain, string(identity.CodeProviderTimeout))
	_, err = h.service.Accept(t.Context(), h.link("ada@example.com"))
	must(t, err)
	h.want(id, identity.StateAccepted, "")
}

// Where no vendor keeps a list, the clock alone ends an invite, and reading
// tells so.
func TestExpiryWithoutAVendorsList(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *memory.Options) { o.Withheld = []providers.Capability{providers.CapInviteList} })
	i := h.send("ada@example.com")
	h.clock.Advance(life + time.Second)
	h.refresh()
	h.want(i.ID, identity.StateExpired, "")
}

// Where the vendor's own page accepts, there is no link of usher's.
func TestNoLinkWithoutAccepting(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *memory.Options) { o.Withheld = []providers.Capability{providers.CapAccept} })
	h.send("ada@example.com")
	if links := h.vendor.Links("one", "ada@example.com"); len(links) != 1 || links[0] != "" {
		t.Errorf("links %q", links)
	}
}
