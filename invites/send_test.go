package invites_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/invites"
	"usher/ledger"
	"usher/providers"
	"usher/providers/memory"
)

func TestSend(t *testing.T) {
	t.Parallel()
	h := build(t)
	i, err := h.service.Send(t.Context(), h.admin, h.org, invites.SendRequest{
		Email: "New.Person@example.com", Roles: []string{"admin", "member"}, GivenName: "Nü", Metadata: map[string]any{"team": "blue"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := h.get(i.ID)
	if got.Email != "New.Person@example.com" || got.EmailKey != "new.person@example.com" || got.State != identity.StatePending ||
		got.ProviderID == "" || got.SentAt == nil || got.ExpiresAt == nil || !about(*got.ExpiresAt, h.clock.Now().Add(life)) ||
		got.Inviter != h.admin.Actor || got.Metadata["team"] != "blue" || !got.Notify {
		t.Errorf("recorded %+v", got)
	}
	wantHistory(t, got, identity.StateSending, identity.StatePending)
	if got.History[0].Actor != h.admin.Actor {
		t.Errorf("the history does not say who sent it: %+v", got.History)
	}
	h.mails("new.person@example.com", 1)
}

func TestSendRefusesBadRequests(t *testing.T) {
	t.Parallel()
	h := build(t)
	no := false
	past := h.clock.Now().Add(-time.Second)
	soon := h.clock.Now().Add(time.Hour)
	with := func(change func(*invites.SendRequest)) invites.SendRequest {
		r := request("x@example.com")
		change(&r)
		return r
	}
	cases := []struct {
		name  string
		r     invites.SendRequest
		code  identity.Code
		field string
	}{
		{"no e-mail", request(""), identity.CodeInvalidRequest, "/email"},
		{"no roles", with(func(r *invites.SendRequest) { r.Roles = nil }), identity.CodeInvalidRequest, "/roles"},
		{"empty role", with(func(r *invites.SendRequest) { r.Roles = []string{""} }), identity.CodeInvalidRequest, "/roles/0"},
		{"role twice", with(func(r *invites.SendRequest) { r.Roles = []string{"member", "member"} }), identity.CodeInvalidRequest, "/roles/1"},
		{"unknown role", with(func(r *invites.SendRequest) { r.Roles = []string{"member", "owner"} }), identity.CodeUnknownRole, "/roles/1"},
		{"link in a name", with(func(r *invites.SendRequest) { r.GivenName = "Win at https://evil.example" }), identity.CodeInvalidRequest, "/given_name"},
		{"link in another name", with(func(r *invites.SendRequest) { r.FamilyName = "or www.evil.example" }), identity.CodeInvalidRequest, "/family_name"},
		{"line break in a name", with(func(r *invites.SendRequest) { r.GivenName = "a\r\nb" }), identity.CodeInvalidRequest, "/given_name"},
		{"long name", with(func(r *invites.SendRequest) { r.FamilyName = strings.Repeat("x", 101) }), identity.CodeInvalidRequest, "/family_name"},
		{"locale", with(func(r *invites.SendRequest) { r.Locale = "not a locale" }), identity.CodeInvalidRequest, "/locale"},
		{"link in the message", with(func(r *invites.SendRequest) { r.Message = "see http://evil.example" }), identity.CodeInvalidRequest, "/message"},
		{"host in the message", with(func(r *invites.SendRequest) { r.Message = "see evil.com now" }), identity.CodeInvalidRequest, "/message"},
		{"markup in the message", with(func(r *invites.SendRequest) { r.Message = "<b>" }), identity.CodeInvalidRequest, "/message"},
		{"long message", with(func(r *invites.SendRequest) { r.Message = strings.Repeat("ü", 501) }), identity.CodeInvalidRequest, "/message"},
		{"message", with(func(r *invites.SendRequest) { r.Message = "Welcome!" }), identity.CodeNotCarried, "/message"},
		{"foreign page", with(func(r *invites.SendRequest) { r.RedirectURL = "https://evil.example/" }), identity.CodeInvalidRequest, "/redirect_url"},
		{"page", with(func(r *invites.SendRequest) { r.RedirectURL = "https://app.example.com/welcome" }), identity.CodeNotCarried, "/redirect_url"},
		{"no mail", with(func(r *invites.SendRequest) { r.Notify = &no }), identity.CodeNotCarried, "/notify"},
		{"past expiry", with(func(r *invites.SendRequest) { r.ExpiresAt = &past }), identity.CodeInvalidRequest, "/expires_at"},
		{"own expiry", with(func(r *invites.SendRequest) { r.ExpiresAt = &soon }), identity.CodeNotCarried, "/expires_at"},
		{"metadata", with(func(r *invites.SendRequest) { r.Metadata = map[string]any{"a": strings.Repeat("x", 5000)} }), identity.CodeInvalidRequest, "/metadata"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			_, err := h.service.Send(t.Context(), h.admin, h.org, tc.r)
			if known := wantCode(t, err, tc.code); known.Field != tc.field || known.Detail == "" {
				t.Errorf("field %q, detail %q; want field %q", known.Field, known.Detail, tc.field)
			}
		})
	}
	if h.vendor.Calls("invite") != 0 {
		t.Error("a bad request reached the vendor")
	}
	page, err := h.service.List(t.Context(), h.admin, h.org, invites.ListRequest{})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("bad requests left %v, %v in the ledger", page, err)
	}
}

// The ways of writing a URL that have passed for another elsewhere
// (CVE-2025-27143 and its kin).
func TestRedirectURLMatchesExactly(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *memory.Options) { o.Fields.RedirectURL = true })
	for _, bad := range []string{
		"//app.example.com/welcome", `/\app.example.com/welcome`, `https:\\app.example.com/welcome`, "https://app.example.com/welcome/",
		"https://app.example.com/Welcome", "https://APP.example.com/welcome", "https://user@app.example.com/welcome",
		"https://app.example.com@evil.example/welcome", "https://app.example.com:443/welcome", "https://app.example.com/welcome?x=1",
		"https://app.example.com/welcome#x", "https://app.example.com/%77elcome", "https://app.example.com/x/../welcome",
		"http://app.example.com/welcome", "https://app.example.com.evil.example/welcome", "javascript:alert(1)", "/welcome",
		" https://app.example.com/welcome", "https://app.example.com/welcome\n", "https://app.example.com\t/welcome", "https:app.example.com/welcome",
	} {
		r := request("x@example.com")
		r.RedirectURL = bad
		_, err := h.service.Send(t.Context(), h.admin, h.org, r)
		if known := wantCode(t, err, identity.CodeInvalidRequest); known.Field != "/redirect_url" {
			t.Errorf("%q: field %q", bad, known.Field)
		}
	}
	r := request("x@example.com")
	r.RedirectURL = "https://app.example.com/welcome"
	if _, err := h.service.Send(t.Context(), h.admin, h.org, r); err != nil {
		t.Errorf("the configured page: %v", err)
	}
}

func TestSendGrantsOnlyWhatTheCallerMayGrant(t *testing.T) {
	t.Parallel()
	h := build(t)
	member := h.admin
	member.Roles = []string{"member"}
	_, err := h.service.Send(t.Context(), member, h.org, request("x@example.com", "member", "admin"))
	if known := wantCode(t, err, identity.CodeRoleNotGrantable); known.Field != "/roles/1" {
		t.Errorf("field %q", known.Field)
	}
	_, err = h.service.Send(t.Context(), member, h.org, request("x@example.com", "admin", "owner"))
	wantCode(t, err, identity.CodeUnknownRole)
	if _, err := h.service.Send(t.Context(), member, h.org, request("x@example.com", "member")); err != nil {
		t.Error(err)
	}
	i, err := h.service.Send(t.Context(), h.admin, h.org, request("y@example.com", "admin"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.service.Resend(t.Context(), member, h.org, i.ID, nil)
	wantCode(t, err, identity.CodeRoleNotGrantable)
	h.mails("y@example.com", 1)
}

func TestOneLivingInviteForAnAddress(t *testing.T) {
	t.Parallel()
	h := build(t)
	first := h.send("Twice@example.com")
	_, err := h.service.Send(t.Context(), h.admin, h.org, request("twice@EXAMPLE.com"))
	if known := wantCode(t, err, identity.CodeInvitePending); known.InviteID != first.ID {
		t.Errorf("the refusal names %q, want %q", known.InviteID, first.ID)
	}
	h.mails("twice@example.com", 1)
	if _, err := h.service.Send(t.Context(), h.admin, h.other, request("twice@example.com")); err != nil {
		t.Errorf("another organization: %v", err)
	}
}

func TestConcurrentSendsMakeOneInvite(t *testing.T) {
	t.Parallel()
	h := build(t)
	const n = 16
	var group sync.WaitGroup
	errs, ids := make([]error, n), make([]string, n)
	for k := range n {
		group.Go(func() {
			i, err := h.service.Send(t.Context(), h.admin, h.org, request("race@example.com"))
			if errs[k] = err; err == nil {
				ids[k] = i.ID
			}
		})
	}
	group.Wait()
	won := ""
	for k := range n {
		if errs[k] == nil {
			if won != "" {
				t.Error("two sends won")
			}
			won = ids[k]
		}
	}
	for _, err := range errs {
		if err != nil {
			if known := wantCode(t, err, identity.CodeInvitePending); known.InviteID != won {
				t.Errorf("the refusal names %q, the winner is %q", known.InviteID, won)
			}
		}
	}
	h.mails("race@example.com", 1)
}

// After any end state a new invite of the address works.
func TestNewInviteAfterEachEndState(t *testing.T) {
	t.Parallel()
	const email = "again@example.com"
	cases := []struct {
		state identity.State
		end   func(h *house, i *identity.Invite)
		mails int
		code  identity.Code
	}{
		{identity.StateRevoked, func(h *house, i *identity.Invite) {
			if _, err := h.service.Revoke(h.t.Context(), h.admin, h.org, i.ID); err != nil {
				h.t.Fatal(err)
			}
		}, 2, ""},
		{identity.StateExpired, func(h *house, _ *identity.Invite) { h.clock.Advance(life + time.Minute) }, 2, ""},
		{identity.StateAccepted, func(h *house, _ *identity.Invite) {
			if err := h.vendor.Accept("one", email); err != nil {
				h.t.Fatal(err)
			}
			h.refresh()
		}, 1, identity.CodeAlreadyMember},
	}
	for _, tc := range cases {
		t.Run(string(tc.state), func(t *testing.T) {
			t.Parallel()
			h := build(t)
			first := h.send(email)
			tc.end(h, first)
			second, err := h.service.Send(t.Context(), h.admin, h.org, request(email))
			wantCode(t, err, tc.code)
			h.mails(email, tc.mails)
			if got := h.get(first.ID); got.State != tc.state {
				t.Errorf("the first is %s, want %s", got.State, tc.state)
			}
			if err == nil && second.ID == first.ID {
				t.Error("the second has the id of the first")
			}
		})
	}
}

func TestSendAfterAFailure(t *testing.T) {
	t.Parallel()
	for _, code := range []identity.Code{
		identity.CodeProviderRateLimited, identity.CodeProviderUnavailable, identity.CodeProviderCredentials,
		identity.CodeQuotaExceeded, identity.CodeEmailNotDeliverable,
	} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			h := build(t)
			h.vendor.Inject(memory.Fault{Op: "invite", Code: code, RetryAfter: 9 * time.Second})
			_, err := h.service.Send(t.Context(), h.admin, h.org, request("x@example.com"))
			known := wantCode(t, err, code)
			h.want(known.InviteID, identity.StateFailed, string(code))
			if known.RetryAfter != 9*time.Second || known.Unknown {
				t.Errorf("error %+v", known)
			}
			second := h.send("x@example.com")
			h.mails("x@example.com", 1)
			_, err = h.service.Resend(t.Context(), h.admin, h.org, known.InviteID, nil)
			if again := wantCode(t, err, identity.CodeInvitePending); again.InviteID != second.ID {
				t.Errorf("the refusal names %q, want %q", again.InviteID, second.ID)
			}
		})
	}
}

// A lost answer is settled by asking: what happened is found, what did not
// happen is not claimed, and what cannot be asked stays uncertain.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	const email = "lost@example.com"
	cases := []struct {
		name    string
		fault   memory.Fault
		blind   bool // the vendor cannot be asked right after
		code    identity.Code
		state   identity.State
		reason  string
		settled identity.State // after the vendor answers again
		mails   int
	}{
		{"acted, found at once", memory.Fault{Code: identity.CodeProviderUnavailable, Acted: true}, false, "", identity.StatePending, "", identity.StatePending, 1},
		{"not acted, seen at once", memory.Fault{Code: identity.CodeProviderError, Unclear: true}, false, identity.CodeProviderError, identity.StateFailed, identity.ReasonNotSent, identity.StateFailed, 0},
		{"acted, found later", memory.Fault{Code: identity.CodeProviderTimeout, Acted: true}, true, identity.CodeProviderTimeout, identity.StateUncertain, "provider_timeout", identity.StatePending, 1},
		{"not acted, seen later", memory.Fault{Code: identity.CodeProviderError, Unclear: true}, true, identity.CodeProviderTimeout, identity.StateUncertain, "provider_error", identity.StateFailed, 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			tc.fault.Op = "invite"
			h.vendor.Inject(tc.fault)
			if tc.blind {
				h.vendor.Inject(memory.Fault{Op: "settle", Code: identity.CodeProviderUnavailable})
			}
			i, err := h.service.Send(t.Context(), h.admin, h.org, request(email))
			id := ""
			if known := wantCode(t, err, tc.code); known != nil {
				id = known.InviteID
			} else {
				id = i.ID
			}
			h.want(id, tc.state, tc.reason)
			h.refresh()
			if got := h.get(id); got.State != tc.settled {
				t.Errorf("settled as %s, want %s", got.State, tc.settled)
			}
			h.mails(email, tc.mails)
		})
	}
}

// Where the vendor cannot be asked, only a person decides.
func TestUncertainForGood(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *memory.Options) {
		o.Silent = true
		o.Withheld = []providers.Capability{providers.CapInviteList}
	})
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Unclear: true})
	_, err := h.service.Send(t.Context(), h.admin, h.org, request("x@example.com"))
	known := wantCode(t, err, identity.CodeProviderTimeout)
	for range 3 {
		h.refresh()
		h.want(known.InviteID, identity.StateUncertain, "provider_timeout")
	}
	_, err = h.service.Send(t.Context(), h.admin, h.org, request("x@example.com"))
	wantCode(t, err, identity.CodeInvitePending)
	h.mails("x@example.com", 0)
	i, err := h.service.Resend(t.Context(), h.admin, h.org, known.InviteID, nil)
	if err != nil || i.State != identity.StatePending || i.ID != known.InviteID {
		t.Fatalf("resend: %+v, %v", i, err)
	}
	h.mails("x@example.com", 1)
}

// The vendor has an invitation that the ledger does not know: it is adopted,
// and the caller is told of it; nothing is mailed.
func TestSendAdoptsAnInvitationMadeElsewhere(t *testing.T) {
	t.Parallel()
	h := build(t)
	remote := h.vendor.AddInvite("one", "dash@example.com", "Administrator")
	_, err := h.service.Send(t.Context(), h.admin, h.org, request("dash@example.com", "member"))
	known := wantCode(t, err, identity.CodeInvitePending)
	i := h.get(known.InviteID)
	if i.State != identity.StatePending || i.StateReason != identity.ReasonAdopted || i.ProviderID != remote ||
		fmt.Sprint(i.Roles) != "[admin]" || !i.Inviter.IsZero() {
		t.Errorf("adopted as %+v", i)
	}
	h.mails("dash@example.com", 1)
}

func (h *house) claim(key string) *ledger.Claim {
	h.t.Helper()
	claim, answer, err := h.ledger.ClaimKey(h.t.Context(), ledger.IdempotencyKey{
		Issuer: "i", Subject: "s", Organization: h.org.ID, Method: "POST", Path: "/x", Key: key,
	}, []byte("hash"))
	if err != nil || answer != nil {
		h.t.Fatalf("claim: %v, %v", answer, err)
	}
	return claim
}

// The same key after a failure tries again under the same invite id, and after
// a lost answer it re-attaches.
func TestRepeatedRequest(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		fault memory.Fault
		blind bool
	}{
		{"definite failure", memory.Fault{Op: "invite", Code: identity.CodeProviderRateLimited}, false},
		{"lost answer, acted", memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Acted: true}, true},
		{"lost answer, not acted", memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Unclear: true}, true},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			h.vendor.Inject(tc.fault)
			if tc.blind {
				h.vendor.Inject(memory.Fault{Op: "settle", Code: identity.CodeProviderUnavailable})
			}
			r := request("key@example.com")
			r.Claim = h.claim("k")
			_, err := h.service.Send(t.Context(), h.admin, h.org, r)
			first, _ := err.(*identity.Error)
			if first == nil || first.InviteID == "" {
				t.Fatalf("the first try: %v", err)
			}
			if err := h.ledger.ReleaseKey(t.Context(), r.Claim); err != nil {
				t.Fatal(err)
			}
			r.Claim = h.claim("k")
			i, err := h.service.Send(t.Context(), h.admin, h.org, r)
			if err != nil || i.ID != first.InviteID || i.State != identity.StatePending {
				t.Fatalf("the second try: %+v, %v; want the invite %s, pending", i, err, first.InviteID)
			}
			h.mails("key@example.com", 1)
		})
	}
}

// A repeated request waits for a comparison that is settling its invite, and
// answers what that finds.
func TestRepeatedRequestWaitsForTheSettler(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Acted: true})
	h.vendor.Inject(memory.Fault{Op: "settle", Code: identity.CodeProviderUnavailable})
	r := request("key@example.com")
	r.Claim = h.claim("k")
	_, err := h.service.Send(t.Context(), h.admin, h.org, r)
	wantCode(t, err, identity.CodeProviderTimeout)
	must(t, h.ledger.ReleaseKey(t.Context(), r.Claim))
	entered, release := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "settle", Block: release, Entered: entered})
	compared := make(chan struct{})
	go func() {
		defer close(compared)
		_, _ = h.service.List(t.Context(), h.admin, h.org, invites.ListRequest{Refresh: true})
	}()
	<-entered
	r.Claim = h.claim("k")
	answered := make(chan error)
	go func() {
		_, err := h.service.Send(t.Context(), h.admin, h.org, r)
		answered <- err
	}()
	close(release)
	if err := <-answered; err != nil {
		t.Errorf("the repeated request: %v", err)
	}
	<-compared
	h.mails("key@example.com", 1)
}

// The ledger says of every step what became of it, also where the attempt as a
// whole failed.
func TestStepsAreRecorded(t *testing.T) {
	t.Parallel()
	h := build(t)
	sent := h.send("x@example.com")
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderRateLimited})
	_, err := h.service.Send(t.Context(), h.admin, h.org, request("refused@example.com"))
	refused := wantCode(t, err, identity.CodeProviderRateLimited)
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Acted: true})
	h.vendor.Inject(memory.Fault{Op: "settle", Code: identity.CodeProviderUnavailable})
	_, err = h.service.Send(t.Context(), h.admin, h.org, request("lost@example.com"))
	lost := wantCode(t, err, identity.CodeProviderTimeout)
	for id, want := range map[string]string{
		sent.ID:          "[{invite true true map[id:" + sent.ProviderID + "]}]",
		refused.InviteID: "[]",
		lost.InviteID:    "[{invite true false map[]}]",
	} {
		steps, err := h.ledger.Steps(t.Context(), id, 1)
		if got := fmt.Sprint(steps); err != nil || got != want {
			t.Errorf("steps %s, %v; want %s", got, err, want)
		}
	}
}

// A message holds nothing that a mail program would make a link of, and is not
// refused for the dots of a language.
func TestMessageWithoutLinks(t *testing.T) {
	t.Parallel()
	for text, link := range map[string]bool{
		"see http://evil.example": true, "mailto:eve@evil": true, "go to WWW.evil": true, "see evil.com now": true, "(evil.com)": true,
		"your account is locked: bit.ly/3xYz": true, "sign in at acme-login.de": true, "evil.example.co.uk/login": true, "t.me/eve": true,
		"Login.Acme.ONLINE": true, "eve@evil.ch": true, "eve.github.io": true, "kto.рф": true, "例え。テスト.みんな": true, "evil。com": true, "evil．de": true,
		"192.0.2.7/login": true, "192.0.2.7:8080": true, "ab--cd.fr": true, "a_b.evil_co.ck": true,
		"Welcome!": false, "z.B. morgen, d.h. Freitag, u.a. mit Dr.Müller": false, "e.g. at 9.30, i.e. soon...": false,
		"Version 1.2.3 of Node.js": false, "See you.Then we talk": false, "192.0.2.7": false, "and/or 4.5/5": false, "a.b": false, ".": false,
	} {
		err := invites.SendRequest{Email: "x@example.com", Roles: []string{"member"}, Message: text}.Check(time.Now())
		if got := identity.CodeOf(err) == identity.CodeInvalidRequest; got != link {
			t.Errorf("%q: refused %t, want %t (%v)", text, got, link, err)
		}
	}
}
