package invites_test

import (
	"fmt"
	"testing"
	"time"

	"usher/identity"
	"usher/invites"
	"usher/providers/memory"
)

// An invitation that somebody has replaced at the vendor grants what that one
// grants: sending it again needs the rights for that.
func TestRolesOfAReplacedInvitation(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		roles []string // at the vendor
		want  string   // portable
	}{
		{"by a higher role", []string{"Administrator"}, "[admin]"},
		{"by roles of which one is not mapped", []string{"Member", "Owner"}, "[member]"},
		{"by a role that is not mapped", []string{"Owner"}, "[]"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			const email = "x@example.com"
			i := h.send(email)
			h.clock.Advance(time.Second)
			h.vendor.Forget("one", email)
			h.vendor.AddInvite("one", email, tc.roles...)
			h.clock.Advance(time.Second)
			h.refresh()
			h.want(i.ID, identity.StatePending, "")
			if got := fmt.Sprint(h.get(i.ID).Roles); got != tc.want {
				t.Errorf("roles %s, want %s", got, tc.want)
			}
			member := h.admin
			member.Roles = []string{"member"}
			_, err := h.service.Resend(t.Context(), member, h.org, i.ID, nil)
			wantCode(t, err, identity.CodeRoleNotGrantable)
			if _, err := h.service.Resend(t.Context(), h.admin, h.org, i.ID, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// Somebody who reads with refresh sends nothing, with nobody's credential: an
// interrupted send waits for the settler.
func TestRefreshSendsNothing(t *testing.T) {
	t.Parallel()
	h := build(t)
	id := h.interrupt("crash@example.com", false)
	h.vendor.Inject(memory.Fault{Op: "settle", Code: identity.CodeProviderUnavailable})
	must(t, h.service.Start(t.Context()))
	for range 3 {
		_, err := h.service.List(t.Context(), h.admin, h.org, invites.ListRequest{Refresh: true})
		must(t, err)
	}
	h.want(id, identity.StateUncertain, identity.ReasonInterrupted)
	h.mails("crash@example.com", 0)
	h.pass()
	h.want(id, identity.StatePending, "")
}

// A resend that the vendor answers with "there is one already" does not make
// our own invite somebody else's.
func TestResendFindsItsOwn(t *testing.T) {
	t.Parallel()
	h := build(t)
	r := request("x@example.com")
	r.GivenName, r.Metadata = "Zoë", map[string]any{"a": "b"}
	i, err := h.service.Send(t.Context(), h.admin, h.org, r)
	must(t, err)
	h.vendor.Inject(memory.Fault{Op: "resend", Code: identity.CodeInvitePending})
	_, err = h.service.Resend(t.Context(), h.admin, h.org, i.ID, nil)
	wantCode(t, err, identity.CodeInvitePending)
	got := h.get(i.ID)
	if got.State != identity.StatePending || got.GivenName != "Zoë" || got.Metadata["a"] != "b" ||
		got.Inviter.Subject != "admin" || fmt.Sprint(got.Roles) != "[member]" {
		t.Errorf("became %+v", got)
	}
	h.mails("x@example.com", 1)
}

// Where vendor calls use the caller's token, nobody is answered from what
// another caller was shown.
func TestComparisonOfEachCaller(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		asCaller bool
		want     int
	}{"as the service": {false, 1}, "as the caller": {true, 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			connections := h.service.Connections()
			connections[0].ActAsCaller = tc.asCaller
			entered, block := make(chan struct{}), make(chan struct{})
			h.vendor.Inject(memory.Fault{Op: "list invites", Block: block, Entered: entered, Code: identity.CodePermissionDenied})
			first := h.admin
			done := make(chan error, 2)
			list := func(by invites.Caller) {
				_, err := h.service.List(t.Context(), by, h.org, invites.ListRequest{Refresh: true})
				done <- err
			}
			go list(first)
			<-entered
			second := h.admin
			second.Actor.Subject = "another"
			if tc.asCaller {
				list(second) // does not wait for the first one's
				must(t, <-done)
			}
			close(block)
			if err := <-done; err == nil {
				t.Error("the first caller's refusal is lost")
			}
			if n := h.vendor.Calls("list invites"); n != tc.want {
				t.Errorf("%d comparisons, want %d", n, tc.want)
			}
		})
	}
}
