package nile

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest/scripted"
)

// The mail leads to usher, and from there to the page asked for; what the vendor
// does not hold is said.
func TestInvite(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ redirect, page, callback string }{
		"the sender's page":     {"https://app.example.com/welcome?a=b", "https://app.example.com/hello", "https://app.example.com/welcome?a=b"},
		"the connection's page": {"", "https://app.example.com/hello", "https://app.example.com/hello"},
		"the origin":            {"", "", origin},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(_ *vendor, c *Config, _ *providers.Deps) { c.CallbackURL = tc.page })
			request := r.request("Guest+tag@Example.com")
			request.GivenName, request.FamilyName, request.Locale = "A", "B", "de-DE"
			request.Metadata, request.RedirectURL = map[string]any{"a": "b"}, tc.redirect
			sent, err := r.p.Invite(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			rows := r.rows(orgOne, "Guest+tag@example.com")
			if len(rows) != 1 || sent.ProviderID != rows[0].id || !sent.ExpiresAt.Equal(rows[0].expires.Truncate(time.Millisecond)) ||
				!slices.Equal(sent.NotCarried, []string{"given_name", "family_name", "locale", "metadata"}) {
				t.Errorf("sent %+v, rows %+v", sent, rows)
			}
			form := r.forms[0]
			if form["redirectUrl"][0] != pageLink || form["callbackUrl"][0] != tc.callback || len(form) != 4 {
				t.Errorf("form %v", form)
			}
			if links := r.links("guest+tag@example.com"); len(links) != 1 || !strings.HasPrefix(links[0], pageLink+"?") || !strings.Contains(links[0], "token="+rows[0].token) {
				t.Errorf("mails %v", links)
			}
		})
	}
}

// What goes into a call is of a form that cannot mean anything else: the vendor
// puts it into statements as it is (FACTS.md section 9, 12). Nothing is asked.
func TestNothingOddIsSent(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*providers.InviteRequest)
		want   identity.Code
	}{
		{"an apostrophe", func(q *providers.InviteRequest) { q.Address.Local = "o'brien" }, identity.CodeEmailNotDeliverable},
		{"a quotation", func(q *providers.InviteRequest) { q.Address.Local = `x" or 1=1 --` }, identity.CodeEmailNotDeliverable},
		{"letters with marks", func(q *providers.InviteRequest) { q.Address.Local = "ü" }, identity.CodeEmailNotDeliverable},
		{"a top level in code", func(q *providers.InviteRequest) { q.Address.Domain = "example.xn--p1ai" }, identity.CodeEmailNotDeliverable},
		{"a line break", func(q *providers.InviteRequest) { q.Address.Local = "a\n" }, identity.CodeEmailNotDeliverable},
		{"no tenant", func(q *providers.InviteRequest) { q.Org.ProviderID = "" }, identity.CodeNotFound},
		{"a slug", func(q *providers.InviteRequest) { q.Org.ProviderID = "acme" }, identity.CodeNotFound},
		{"a path", func(q *providers.InviteRequest) { q.Org.ProviderID = orgOne + "/../" + orgTwo }, identity.CodeNotFound},
		{"an id in braces", func(q *providers.InviteRequest) { q.Org.ProviderID = "{" + orgOne + "}" }, identity.CodeNotFound},
		{"a line after an id", func(q *providers.InviteRequest) { q.Org.ProviderID = orgOne + "\n" }, identity.CodeNotFound},
		{"no link", func(q *providers.InviteRequest) { q.Link = "" }, identity.CodeInternal},
		{"a link with a query", func(q *providers.InviteRequest) { q.Link += "?a=b" }, identity.CodeInternal},
		{"a link that leads nowhere", func(q *providers.InviteRequest) { q.Link = "/v1/invites" }, identity.CodeInternal},
		{"a page that is none", func(q *providers.InviteRequest) { q.RedirectURL = "/welcome" }, identity.CodeNotCarried},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			request := r.request("a@example.com")
			tc.change(&request)
			_, err := r.p.Invite(t.Context(), request)
			wantCode(t, err, tc.want)
			wantActed(t, err, false)
			if r.Total() != 0 || strings.Contains(err.Error(), "secret") {
				t.Errorf("%d calls, %v", r.Total(), err)
			}
		})
	}
}

// An address is the vendor's byte for byte: with the rule exact, two spellings
// are two people. With the other rule, one member and one invitation of any
// spelling stand for all of them.
func TestSpelling(t *testing.T) {
	t.Parallel()
	t.Run("exact", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, nil)
		r.With(func() { r.join(orgOne, "member@example.com", true) })
		r.elsewhere(orgOne, service, "guest@example.com")
		for _, email := range []string{"Member@example.com", "Guest@example.com"} {
			if _, err := r.p.Invite(t.Context(), r.request(email)); err != nil {
				t.Errorf("%s: %v", email, err)
			}
		}
		_, err := r.p.Invite(t.Context(), r.request("member@EXAMPLE.com"))
		wantCode(t, err, identity.CodeAlreadyMember)
		if r.Count("users") != 0 {
			t.Error("the vendor compares itself, and the whole list of members was read")
		}
	})
	t.Run("lowercase", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(_ *vendor, _ *Config, d *providers.Deps) { d.EmailRule = identity.EmailLowercase })
		r.With(func() { r.join(orgOne, "Member@example.com", true) })
		r.elsewhere(orgOne, service, "Guest@Example.com")
		_, err := r.p.Invite(t.Context(), r.request("member@example.com"))
		wantCode(t, err, identity.CodeAlreadyMember)
		_, err = r.p.Invite(t.Context(), r.request("guest@example.com"))
		wantCode(t, err, identity.CodeInvitePending)
		id := r.rows(orgOne, "Guest@Example.com")[0].id
		other := r.elsewhere(orgOne, service, "GUEST@example.com").id
		if err := r.p.Revoke(t.Context(), r.ref("guest@example.com", other)); err != nil || len(r.rows(orgOne, "GUEST@example.com")) != 0 {
			t.Errorf("of two spellings the one of the id is meant: %v", err)
		}
		resend := again(r.request("guest@example.com"), &providers.Sent{ProviderID: id})
		if sent, err := r.p.Resend(t.Context(), resend); err != nil || sent.ProviderID != id || len(r.rows(orgOne, "guest@example.com")) != 0 {
			t.Errorf("sent %+v, %v: it has to be the same invitation", sent, err)
		}
		if m, err := r.p.Accept(t.Context(), accept(resend)); err != nil || m.Email != "Guest@Example.com" {
			t.Errorf("accepted %+v, %v", m, err)
		}
	})
}

// A refusal that came from the mail leaves nothing behind that would count as
// sent: the row that was written for it is deleted (FACTS.md section 5).
func TestMailFails(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*vendor)
		want   identity.Code
	}{
		{"no template", func(v *vendor) { v.template = false }, identity.CodeProviderError},
		{"no mail server", func(v *vendor) { v.mailer = false }, identity.CodeProviderError},
		{"mail server down", func(v *vendor) { v.smtp = "connect ECONNREFUSED 10.0.0.7:587" }, identity.CodeProviderError},
		{"recipient refused", func(v *vendor) { v.smtp = "Can't send mail - all recipients were rejected: 550 mailbox unavailable" }, identity.CodeEmailNotDeliverable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.With(func() { tc.change(r.vendor) })
			request := r.request("down@example.com")
			_, err := r.client().Invite(t.Context(), request)
			wantCode(t, err, tc.want)
			wantActed(t, err, false)
			if strings.Contains(err.Error(), "10.0.0.7") || strings.Contains(err.Error(), "550") {
				t.Errorf("the error quotes the vendor: %v", err)
			}
			if rows := r.rows(orgOne, "down@example.com"); len(rows) != 0 || request.Journal.Step(stepCreate).Begun || request.Journal.Step(stepClean).Begun {
				t.Errorf("left behind: %+v", rows)
			}
			r.With(func() { r.template, r.mailer, r.smtp = true, true, "" })
			if _, err := r.p.Invite(t.Context(), request); err != nil || len(r.links("down@example.com")) != 1 {
				t.Errorf("afterwards: %v, mails %v", err, r.links("down@example.com"))
			}
		})
	}
}

// Where the deletion itself is lost, what is listed afterwards is known not to
// have been mailed: it is never taken for a sent invitation.
func TestMailFailsAndCleaningIsLost(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]scripted.Mishap{
		"deleted":     {Op: "delete", Acts: true, Cut: true},
		"not deleted": {Op: "delete", Cut: true},
		"refused":     {Op: "delete", Status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.With(func() { r.smtp = "451 later" })
			r.Inject(m)
			request := r.request("down@example.com")
			_, err := r.client().Invite(t.Context(), request)
			wantActed(t, err, true)
			if settled := r.settle(request); settled.Verdict != providers.VerdictNotSent {
				t.Errorf("verdict %s", settled.Verdict)
			}
			r.With(func() { r.smtp = "" })
			if _, err := r.p.Invite(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			if links, rows := r.links("down@example.com"), r.rows(orgOne, "down@example.com"); len(links) != 1 || len(rows) != 1 {
				t.Errorf("mails %v, rows %v", links, rows)
			}
		})
	}
}

// Whatever comes instead of an answer, the vendor's list tells what happened:
// one mail in the end.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		fault scripted.Mishap
		want  identity.Code
		acted bool
		sent  bool
	}{
		{"cut", scripted.Mishap{Cut: true}, identity.CodeProviderUnavailable, true, false},
		{"cut after it acted", scripted.Mishap{Acts: true, Cut: true}, identity.CodeProviderUnavailable, true, true},
		{"half an answer", scripted.Mishap{Acts: true, Half: true}, identity.CodeProviderError, true, true},
		{"a gateway's time-out", scripted.Mishap{Acts: true, Status: 504, Body: "<html>"}, identity.CodeProviderTimeout, true, true},
		{"a server's error", scripted.Mishap{Status: 500, Body: "Internal Server Error"}, identity.CodeProviderError, true, false},
		{"a page", scripted.Mishap{Acts: true, Status: 201, Body: "<html>"}, identity.CodeProviderError, true, true},
		{"another row's shape", scripted.Mishap{Acts: true, Status: 201, Body: `{"id":"x"}`}, identity.CodeProviderError, true, true},
		{"another address", scripted.Mishap{Acts: true, Status: 201, Body: `{"id":"` + orgTwo + `","tenant_id":"` + orgOne + `","identifier":"b@example.com","expires":"2026-11-28T02:15:22.903Z"}`}, identity.CodeProviderError, true, true},
		{"a redirect", scripted.Mishap{Acts: true, Status: 302, Header: http.Header{"Location": {"https://elsewhere.example"}}}, identity.CodeProviderError, true, true},
		{"an address refused", scripted.Mishap{Status: 400, Body: "email is not valid."}, identity.CodeEmailNotDeliverable, false, false},
		{"a refusal that is not known", scripted.Mishap{Status: 400, Body: "An error has occurred: current transaction is aborted"}, identity.CodeProviderError, false, false},
		{"not for us", scripted.Mishap{Status: 403, Body: "<html>"}, identity.CodeProviderCredentials, false, false},
		{"no such address", scripted.Mishap{Status: 404, Body: "<html>not found"}, identity.CodeProviderError, false, false},
		{"no such tenant", scripted.Mishap{Status: 404}, identity.CodeNotFound, false, false},
		{"left the tenant", scripted.Mishap{Status: 401, Body: "Unauthorized."}, identity.CodeNotFound, false, false},
		{"not so fast", scripted.Mishap{Times: 3, Status: 429, Header: http.Header{"Retry-After": {"2"}}}, identity.CodeProviderRateLimited, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			fault := tc.fault
			fault.Op = "invite"
			r.Inject(fault)
			request := r.request("lost@example.com")
			_, err := r.client().Invite(t.Context(), request)
			wantCode(t, err, tc.want)
			wantActed(t, err, tc.acted)
			if strings.Contains(err.Error(), "html") || strings.Contains(err.Error(), "aborted") {
				t.Errorf("the error quotes the vendor: %v", err)
			}
			want := providers.VerdictNotSent
			if tc.sent {
				want = providers.VerdictSent
			}
			if got := r.settle(request); got.Verdict != want {
				t.Errorf("verdict %s, want %s", got.Verdict, want)
			}
			if _, err := r.p.Invite(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			if links := r.links("lost@example.com"); len(links) != 1 {
				t.Errorf("mails %v", links)
			}
		})
	}
}

// While nobody can be asked, a lost sending stays uncertain, whatever is wrong
// now; it is never sent again for that.
func TestLostAndNobodyToAsk(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]scripted.Mishap{
		"not so fast":       {Op: "list", Times: -1, Status: 429},
		"no session":        {Op: "*", Times: -1, Status: 401},
		"a list that is no": {Op: "list", Times: -1, Status: 200, Body: "null"},
		"half a row":        {Op: "list", Times: -1, Status: 200, Body: `[{"id":"` + orgOne + `"}]`},
		"nobody listens":    {Op: "*", Times: -1, Refuse: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.Inject(scripted.Mishap{Op: "invite", Acts: true, Cut: true})
			request := r.request("lost@example.com")
			if _, err := r.p.Invite(t.Context(), request); err == nil {
				t.Fatal("no error")
			}
			r.Inject(m)
			_, err := r.p.Invite(t.Context(), request)
			wantActed(t, err, true)
			if _, err := r.p.Settle(t.Context(), request); err == nil {
				t.Error("settled although nobody could be asked")
			}
			if links := r.links("lost@example.com"); len(links) != 1 {
				t.Errorf("mails %v", links)
			}
		})
	}
}

// A row of another tenant ends everything: what is done about the wrong customer
// cannot be taken back. A server without row-level rules lists everybody's rows.
func TestOtherTenant(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.elsewhere(orgTwo, service, "guest@example.com")
	r.With(func() { r.unruly = true })
	wrong := func(err error) {
		t.Helper()
		wantCode(t, err, identity.CodeProviderError)
		wantActed(t, err, false)
	}
	request := r.request("guest@example.com")
	_, err := r.p.Invite(t.Context(), request)
	wrong(err)
	resend := again(request, &providers.Sent{ProviderID: r.rows(orgTwo, "guest@example.com")[0].id})
	_, err = r.p.Resend(t.Context(), resend)
	wrong(err)
	wrong(r.p.Revoke(t.Context(), r.ref("guest@example.com", resend.ProviderID)))
	_, err = r.p.Accept(t.Context(), accept(resend))
	wrong(err)
	_, err = r.p.ListInvites(t.Context(), org(orgOne), identity.PageRequest{})
	wrong(err)
	_, err = r.p.Settle(t.Context(), request)
	wrong(err)
	if n := r.Count("invite") + r.Count("delete") + r.Count("accept"); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestAnswerOfAnotherTenant(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.With(func() { r.wrong = true })
	_, err := r.p.Invite(t.Context(), r.request("guest@example.com"))
	wantCode(t, err, identity.CodeProviderError)
	wantActed(t, err, true)
}
