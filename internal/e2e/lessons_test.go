package e2e

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

// Odd addresses: a 400, or one correct invite; never a wider filter, and never
// a mail to somebody else.
func TestOddAddresses(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.clearMails()
	long := strings.Repeat("a", 64) + "@" + strings.Repeat("d", 251) + ".com"
	for _, tc := range []struct {
		name, body string
		status     int // 0: 400 or 201
		email      string
	}{
		{"quote", `{"email":"a\"b@example.com","roles":["member"]}`, 400, ""},
		{"blank and or", `{"email":"x or y@example.com","roles":["member"]}`, 400, ""},
		{"wildcard", `{"email":"*@example.com","roles":["member"]}`, 400, ""},
		{"display name", `{"email":"Bob <a@b.example>","roles":["member"]}`, 400, ""},
		{"injection", `{"email":"x\" or userName sw \"demo","roles":["member"]}`, 400, ""},
		{"320 characters", `{"email":"` + long + `","roles":["member"]}`, 400, ""},
		{"CR LF", `{"email":"a@example.com\r\nBcc: b@example.com","roles":["member"]}`, 400, ""},
		{"NUL", `{"email":"a\u0000@example.com","roles":["member"]}`, 400, ""},
		{"second key in capitals", `{"email":"one@example.com","EMAIL":"two@example.com","roles":["member"]}`, 400, ""},
		{"second key", `{"email":"one@example.com","email":"two@example.com","roles":["member"]}`, 400, ""},
		{"unknown key", `{"email":"one@example.com","role":"admin","roles":["member"]}`, 400, ""},
		{"list", `{"email":["one@example.com"],"roles":["member"]}`, 400, ""},
		{"null", `{"email":null,"roles":["member"]}`, 400, ""},
		{"no roles", `{"email":"one@example.com","roles":[]}`, 400, ""},
		{"not JSON", `email=one@example.com`, 400, ""},
		{"international", `{"email":"ü@bücher.example","roles":["member"]}`, 0, "ü@bücher.example"},
		{"plus", `{"email":"plus+tag@example.com","roles":["member"]}`, 201, "plus+tag@example.com"},
		{"apostrophe", `{"email":"o'brien@example.com","roles":["member"]}`, 201, "o'brien@example.com"},
		{"operator", `{"email":"or@example.com","roles":["member"]}`, 201, "or@example.com"},
		{"capitals", `{"email":"Capital@Example.COM","roles":["member"]}`, 201, "capital@example.com"},
	} {
		got := w.ask("POST", invites, tc.body)
		switch {
		case got.status == 400:
			if tc.status == 201 || got.str("code") != "invalid_request" || !strings.Contains(got.text, `"pointer"`) && tc.name != "not JSON" {
				t.Errorf("%s: got %s", tc.name, got)
			}
		case got.status == 201 && tc.status != 400:
			if n := len(w.mails(tc.email, "guest_invitation")); n != 1 {
				t.Errorf("%s: %d invitation mails to %s", tc.name, n, tc.email)
			}
		default:
			t.Errorf("%s: got %s", tc.name, got)
		}
	}
	for _, somebody := range []string{"demo-admin@example.com", "demo-member@example.com", "one@example.com", "two@example.com", "a@example.com", "b@example.com"} {
		if n := len(w.mails(somebody, "")); n != 0 {
			t.Errorf("%d mails went to %s", n, somebody)
		}
	}
}

// Every route without, with a broken, with somebody else's and with a
// read-only token (CVE-2025-4210 and the tenant lessons): 401, 404, 403.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.want(w.ask("POST", invites, invite("x@example.com")), 201, "").str("id")
	w.clearMails()
	organization := w.want(w.ask("GET", org, nil), 200, "").str("id")
	routes := []struct {
		method, path string
		body         any
		reads        bool
	}{
		{"GET", org, nil, true},
		{"GET", "/v1/organizations/" + organization, nil, true},
		{"PATCH", org, map[string]any{"slug": "taken-over"}, false},
		{"GET", invites, nil, true},
		{"POST", invites, invite("evil@example.com"), false},
		{"GET", invites + "/" + id, nil, true},
		{"POST", invites + "/" + id + "/resend", nil, false},
		{"POST", invites + "/" + id + "/revoke", nil, false},
		{"GET", org + "/members", nil, true},
		{"GET", org + "/roles", nil, true},
		{"GET", org + "/capabilities", nil, true},
	}
	outsider, reader := "Bearer "+w.env["USHER_TOKEN_OUTSIDER"], "Bearer "+w.env["USHER_TOKEN_READER"]
	for _, r := range routes {
		name := r.method + " " + r.path
		for _, bad := range []string{"", "Bearer", "Bearer x.y.z", "Basic eDp5", outsider + "x"} {
			a := w.ask(r.method, r.path, r.body, "Authorization", bad)
			if a.status != 401 || a.str("code") != "unauthenticated" || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s with %.12q: got %s", name, bad, a)
			}
		}
		foreign := w.ask(r.method, r.path, r.body, "Authorization", outsider)
		nowhere := w.ask(r.method, strings.Replace(r.path, "acme-asgardeo", "nowhere", 1), r.body, "Authorization", outsider)
		if foreign.status != 404 || foreign.str("code") != "not_found" || foreign.str("detail") != nowhere.str("detail") {
			t.Errorf("%s as an outsider: got %s", name, foreign)
		}
		got := w.ask(r.method, r.path, r.body, "Authorization", reader)
		if r.reads && got.status != 200 || !r.reads && (got.status != 403 || got.str("code") != "permission_denied") {
			t.Errorf("%s with a read-only token: got %s", name, got)
		}
	}
	if w.state(id) != "pending" || len(w.mails("evil@example.com", "")) != 0 || len(w.mails("x@example.com", "")) != 0 {
		t.Error("somebody who may not has changed something")
	}
	listed := w.want(w.ask("GET", "/v1/organizations", nil, "Authorization", outsider), 200, "")
	if strings.Contains(listed.text, "org_") {
		t.Errorf("an outsider sees %s", listed)
	}
}

// A link scanner's GET and HEAD consume nothing.
func TestScannersConsumeNothing(t *testing.T) {
	t.Parallel()
	w := open(t)
	const email = "scanned@example.com"
	id := w.want(w.ask("POST", invites, invite(email)), 201, "").str("id")
	for _, m := range w.mails(email, "") {
		for _, link := range m.Links {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodGet} {
				request, err := http.NewRequest(method, link, nil)
				if err != nil {
					t.Fatal(err)
				}
				got, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				got.Body.Close()
			}
		}
	}
	w.refresh()
	if got := w.state(id); got != "pending" {
		t.Errorf("after a scanner the invite is %s", got)
	}
	w.openMails(email)
	w.refresh()
	if got := w.state(id); got != "accepted" {
		t.Errorf("after the person the invite is %s", got)
	}
}

// An account that merely carries the victim's address is not the victim: it is
// not invited in the victim's place (CVE-2026-9092 and lesson 11).
func TestAccountThatCarriesTheAddress(t *testing.T) {
	t.Parallel()
	w := open(t)
	const victim = "victim@example.com"
	w.createAtVendor("attacker@example.com", victim)
	w.clearMails()
	got := w.ask("POST", invites, invite(victim, "admin"))
	if n := len(w.mails("attacker@example.com", "")); n != 0 {
		t.Errorf("%d mails to the attacker", n)
	}
	if got.status == 201 {
		w.openMails(victim)
		if _, member := w.accounts("attacker@example.com"); len(member) != 0 {
			t.Errorf("the attacker became a member: %+v", member)
		}
	} else if got.status >= 500 {
		t.Errorf("got %s", got)
	}
}

// Retried requests: the old answer, byte for byte, also after a restart; a
// different body is refused; inviting never changes an account.
func TestIdempotencyAcrossRestarts(t *testing.T) {
	t.Parallel()
	w := open(t)
	const email = "once@example.com"
	key := []string{"Idempotency-Key", "once"}
	first := w.want(w.ask("POST", invites, invite(email), key...), 201, "")
	check := func() {
		t.Helper()
		again := w.want(w.ask("POST", invites, invite(email), key...), 201, "")
		if again.text != first.text || again.header.Get("Idempotency-Replayed") != "true" || again.header.Get("Location") != first.header.Get("Location") {
			t.Errorf("replayed %v %s, want %s", again.header, again, first)
		}
		w.want(w.ask("POST", invites, invite("other@example.com"), key...), 422, "idempotency_key_reused")
	}
	check()
	w.gateway.stop(os.Kill)
	w.serve()
	check()
	w.wantMails(email, 1, 1)
}
