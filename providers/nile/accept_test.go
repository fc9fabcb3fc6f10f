package nile

import (
	"strings"
	"testing"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest/scripted"
)

func TestAccept(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := r.invited("guest@example.com")
	request.RedirectURL = "https://app.example.com/welcome"
	member, err := r.p.Accept(t.Context(), accept(request))
	if err != nil || member.Email != "guest@example.com" || member.ProviderID != r.user("guest@example.com").id || member.OrganizationID != request.Org.ID {
		t.Fatalf("member %+v, %v", member, err)
	}
	found, err := r.p.FindMember(t.Context(), r.ref("guest@example.com", request.ProviderID))
	if err != nil || found.ProviderID != member.ProviderID {
		t.Errorf("found %+v, %v", found, err)
	}
}

// What the vendor would punish by burning the invitation is not tried: it stays
// for when it can be accepted, or sent again.
func TestAcceptIsRefusedAndBurnsNothing(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*rig, *providers.AcceptRequest)
		want   identity.Code
		left   int
	}{
		{"a member already", func(r *rig, _ *providers.AcceptRequest) {
			r.With(func() { r.join(orgOne, "guest@example.com", false) })
		}, identity.CodeAlreadyMember, 1},
		{"expired", func(r *rig, _ *providers.AcceptRequest) { r.Clock.Advance(week) }, identity.CodeInviteExpired, 1},
		{"the inviter left", func(r *rig, _ *providers.AcceptRequest) {
			r.With(func() { r.tenants[orgOne].invites[0].by = orgTwo })
		}, identity.CodeConflict, 1},
		{"withdrawn", func(r *rig, _ *providers.AcceptRequest) {
			r.With(func() { r.tenants[orgOne].invites = nil })
		}, identity.CodeNotFound, 0},
		{"another role", func(_ *rig, a *providers.AcceptRequest) { a.Roles = []string{"admin"} }, identity.CodeUnknownRole, 1},
		{"another tenant", func(_ *rig, a *providers.AcceptRequest) { a.Org = org(orgTwo) }, identity.CodeNotFound, 1},
		{"another address under the id", func(r *rig, a *providers.AcceptRequest) {
			a.Address.Local = "somebody"
		}, identity.CodeNotFound, 1},
		{"no tenant of ours any more", func(r *rig, _ *providers.AcceptRequest) {
			r.With(func() { r.leave(orgOne, service) })
		}, identity.CodeProviderCredentials, 1},
		{"a token that is none", func(r *rig, _ *providers.AcceptRequest) {
			r.With(func() { r.tenants[orgOne].invites[0].token = "' or ''='" })
		}, identity.CodeProviderError, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := accept(r.invited("guest@example.com"))
			tc.change(r, &request)
			_, err := r.client().Accept(t.Context(), request)
			wantCode(t, err, tc.want)
			wantActed(t, err, false)
			if r.Count("accept") != 0 || len(r.rows(orgOne, "guest@example.com")) != tc.left {
				t.Errorf("%d calls, rows %+v", r.Count("accept"), r.rows(orgOne, "guest@example.com"))
			}
		})
	}
}

// The token of the moment counts: an invitation that is sent again while its
// invitee accepts is accepted all the same, and once.
func TestAcceptWhileSentAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := accept(r.invited("guest@example.com"))
	r.Inject(scripted.Mishap{Op: "accept", During: func() { r.elsewhere(orgOne, service, "guest@example.com") }})
	if _, err := r.p.Accept(t.Context(), request); err != nil || r.Count("accept") != 2 {
		t.Errorf("%d calls, %v", r.Count("accept"), err)
	}
	r = newRig(t, nil)
	request = accept(r.invited("guest@example.com"))
	r.Inject(scripted.Mishap{Op: "accept", Times: -1, During: func() { r.elsewhere(orgOne, service, "guest@example.com") }})
	_, err := r.p.Accept(t.Context(), request)
	wantCode(t, err, identity.CodeConflict)
	if r.Count("accept") != 2 {
		t.Errorf("%d calls", r.Count("accept"))
	}
}

// An answer that was lost, or says little, is looked into; asked again, the
// acceptance goes on where it was, and counts once.
func TestAcceptLost(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		faults []scripted.Mishap
		change func(*vendor)
		want   identity.Code // of the first try; empty: none
		acted  bool
		again  identity.Code
	}{
		{name: "cut after it acted", faults: []scripted.Mishap{{Op: "accept", Acts: true, Cut: true}}},
		{name: "a gateway's time-out after it acted", faults: []scripted.Mishap{{Op: "accept", Acts: true, Status: 504, Body: "<html>"}}},
		{name: "half an answer", faults: []scripted.Mishap{{Op: "accept", Acts: true, Half: true}}},
		{name: "cut", faults: []scripted.Mishap{{Op: "accept", Cut: true}}, want: identity.CodeProviderUnavailable, acted: true},
		{name: "a server's error", faults: []scripted.Mishap{{Op: "accept", Status: 500}}, want: identity.CodeProviderError, acted: true},
		{
			name:   "and nobody to ask",
			faults: []scripted.Mishap{{Op: "accept", Acts: true, Cut: true}, {Op: "users", Skip: 1, Times: 3, Status: 429}},
			want:   identity.CodeProviderUnavailable, acted: true,
		},
		{
			name:   "accepted, and nobody to ask",
			faults: []scripted.Mishap{{Op: "users", Skip: 1, Times: 3, Status: 429}},
			want:   identity.CodeProviderRateLimited, acted: true,
		},
		{
			name: "accepted, and not listed", faults: []scripted.Mishap{{Op: "users", Skip: 1, Status: 200, Body: "[]"}},
			want: identity.CodeProviderError, acted: true,
		},
		{name: "not so fast", faults: []scripted.Mishap{{Op: "accept", Times: 3, Status: 429}}, want: identity.CodeProviderRateLimited},
		{name: "a page that is not led to", faults: []scripted.Mishap{{Op: "accept", Status: 400, Body: "Invalid callback url: missing base"}}, want: identity.CodeNotCarried},
		{name: "a database error", change: func(v *vendor) { v.dbBroken = true }, want: identity.CodeProviderError},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := accept(r.invited("guest@example.com"))
			if tc.change != nil {
				r.With(func() { tc.change(r.vendor) })
			}
			for _, m := range tc.faults {
				r.Inject(m)
			}
			_, err := r.client().Accept(t.Context(), request)
			wantCode(t, err, tc.want)
			if err != nil {
				wantActed(t, err, tc.acted)
				r.Heal()
				r.With(func() { r.dbBroken = false })
				if _, err := r.client().Accept(t.Context(), request); err != nil {
					t.Errorf("again: %v", err)
				}
			}
			times := 0
			r.With(func() {
				for _, u := range r.tenants[orgOne].members {
					if u.email == "guest@example.com" {
						times++
					}
				}
			})
			if times != 1 {
				t.Errorf("a member %d times", times)
			}
		})
	}
}

// Between the look and the call much can happen.
func TestAcceptTooLate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		before func(*rig)
		want   identity.Code
	}{
		{"it expires", func(r *rig) { r.tenants[orgOne].invites[0].expires = r.Clock.Now() }, identity.CodeInviteExpired},
		{"the inviter leaves", func(r *rig) { r.tenants[orgOne].invites[0].by = orgTwo }, identity.CodeNotFound},
		{"it is withdrawn", func(r *rig) { r.tenants[orgOne].invites = nil }, identity.CodeNotFound},
		{"it is accepted elsewhere", func(r *rig) {
			r.tenants[orgOne].invites = nil
			r.join(orgOne, "guest@example.com", true)
		}, identity.CodeAlreadyMember},
		{"the person is added", func(r *rig) { r.join(orgOne, "guest@example.com", false) }, identity.CodeAlreadyMember},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := accept(r.invited("guest@example.com"))
			r.Inject(scripted.Mishap{Op: "accept", During: func() { r.With(func() { tc.before(r) }) }})
			_, err := r.client().Accept(t.Context(), request)
			wantCode(t, err, tc.want)
			wantActed(t, err, false)
			if request.Journal.Step(stepAccept).Begun {
				t.Error("the step counts as begun")
			}
		})
	}
}

// Anybody who reaches the vendor can become a member under any address (FACTS.md
// section 9, 13). Such a member has not proven it, and has not taken up the
// invitation of its owner.
func TestUnprovenMemberIsNotTheInvitee(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := r.invited("guest@example.com")
	r.With(func() { r.join(orgOne, "guest@example.com", false) })
	_, err := r.p.FindMember(t.Context(), r.ref("guest@example.com", request.ProviderID))
	wantCode(t, err, identity.CodeNotFound)
	if settled := r.settle(request.InviteRequest); settled.Verdict != providers.VerdictSent {
		t.Errorf("verdict %s", settled.Verdict)
	}
	r.With(func() { r.tenants[orgOne].invites = nil })
	if settled := r.settle(request.InviteRequest); settled.Verdict != providers.VerdictNotSent {
		t.Errorf("verdict %s", settled.Verdict)
	}
	r.With(func() { r.user("guest@example.com").verified = true })
	if settled := r.settle(request.InviteRequest); settled.Verdict != providers.VerdictMember {
		t.Errorf("verdict %s", settled.Verdict)
	}
}

// Whatever the vendor answers with, a token stays between the two.
func TestAcceptKeepsTheToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	request := accept(r.invited("guest@example.com"))
	token := r.rows(orgOne, "guest@example.com")[0].token
	for _, status := range []int{400, 404, 410, 500} {
		r.Inject(scripted.Mishap{Op: "accept", Status: status, Body: token})
		_, err := r.client().Accept(t.Context(), request)
		if err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("status %d: %v", status, err)
		}
	}
	r.Inject(scripted.Mishap{Op: "list", Status: 200, Body: `[{"token":"` + token + `","id":1}]`})
	if _, err := r.client().Accept(t.Context(), request); err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("error %v", err)
	}
}
