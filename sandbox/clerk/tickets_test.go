package clerk_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"usher/sandbox/clerk"
)

func (w *world) role(userID string) string {
	for _, m := range w.sim.State().Members {
		if m.UserID == userID && m.OrganizationID == w.acme {
			return m.Role
		}
	}
	return ""
}

// TestTicket guards against link scanners: reading the page accepts nothing.
func TestTicket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.want(w.invite("new@example.com", "role", "org:admin", "public_metadata", m{"a": 1}, "private_metadata", m{"b": 2}), 200)
	for range 3 {
		page := w.want(w.open(a.Text("url")), 200)
		if !strings.Contains(page.Raw, "Acme") || !strings.Contains(page.Raw, `method="post"`) || page.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("page %s", page.Raw)
		}
	}
	same(t, "status after reading", w.get(w.org("/invitations/"+a.Text("id"))).Text("status"), "pending")
	w.want(w.press(a.Text("url")), 200)
	same(t, "status", w.get(w.org("/invitations/"+a.Text("id"))).Text("status"), "accepted")
	found := w.get("/v1/users?email_address=new%40example.com")
	same(t, "verification", found.At(0, "email_addresses", 0, "verification"), m{"object": "verification_ticket", "status": "verified", "strategy": "ticket", "attempts": nil, "expire_at": nil})
	same(t, "signed in", found.Number(0, "last_sign_in_at"), start.UnixMilli())
	member := w.get(w.org("/memberships?user_id=" + found.Text(0, "id")))
	same(t, "membership", []any{member.At("data", 0, "role"), member.At("data", 0, "public_metadata"), member.At("data", 0, "private_metadata")}, []any{"org:admin", m{"a": 1}, m{"b": 2}})
	again := w.want(w.press(a.Text("url")), 400)
	if !strings.Contains(again.Raw, "organization_invitation_already_accepted") {
		t.Errorf("again: %s", again.Raw)
	}
}

func TestTicketOfSomebodyKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.want(w.press(w.want(w.invite("Outside@example.com"), 200).Text("url")), 200)
	same(t, "role", w.role(w.outside), "org:member")
	same(t, "users", len(w.sim.State().Users), 3)
	reserved := w.post("/v1/users", m{"email_address": []string{"reserved@example.com"}, "email_address_identification_status": []string{"reserved"}, "skip_password_requirement": true})
	w.want(w.press(w.want(w.invite("reserved@example.com"), 200).Text("url")), 200)
	same(t, "status", w.get("/v1/users/"+reserved.Text("id")).Text("email_addresses", 0, "verification", "status"), "verified")
	app := w.post("/v1/invitations", m{"email_address": "app@example.com", "public_metadata": m{"plan": "x"}})
	w.want(w.press(app.Text("url")), 200)
	same(t, "metadata", w.get("/v1/users?query=app%40").At(0, "public_metadata"), m{"plan": "x"})
}

// TestRedirect guards against a redirect that loses what the page's own address holds.
func TestRedirect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for address, want := range map[string]string{"new@example.com": "sign_up", "outside@example.com": "sign_in"} {
		link := w.want(w.invite(address, "redirect_url", "https://app.example.com/join?lang=de#top"), 200).Text("url")
		ticket := link[strings.Index(link, "ticket=")+len("ticket="):]
		check := func(a answer, status string) {
			t.Helper()
			to, err := url.Parse(w.want(a, http.StatusSeeOther).Header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			q := to.Query()
			if to.Host != "app.example.com" || to.Path != "/join" || to.Fragment != "top" || q.Get("lang") != "de" || q.Get("__clerk_ticket") != ticket || q.Get("__clerk_status") != status {
				t.Errorf("%s: redirect to %s", address, to)
			}
		}
		check(w.open(link), want)
		same(t, "pending", w.get(w.org("/invitations?status=pending")).Number("total_count"), 1)
		check(w.press(link), "complete")
	}
}

func TestTicketRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	link := func(address string) answer { return w.want(w.invite(address), 200) }
	app := func(address string) answer { return w.post("/v1/invitations", m{"email_address": address}) }
	revoked, gone, expired, appExpired, appRevoked, appDone := link("r@example.com"), link("g@example.com"), link("e@example.com"), app("e@example.com"), app("r@example.com"), app("d@example.com")
	w.post(w.org("/invitations/"+revoked.Text("id")+"/revoke"), nil)
	w.post("/v1/invitations/"+appRevoked.Text("id")+"/revoke", nil)
	w.want(w.press(appDone.Text("url")), 200)
	foreign := newWorld(t, nil)
	other := foreign.want(foreign.invite("x@example.com"), 200).Text("url")
	tests := []struct{ name, link, code string }{
		{"revoked", revoked.Text("url"), "organization_invitation_revoked_code"},
		{"application's revoked", appRevoked.Text("url"), "revoked_invitation"},
		{"application's accepted", appDone.Text("url"), "invitation_already_accepted"},
		{"another instance's, same key", w.srv.URL + other[strings.Index(other, "/v1/"):], "ticket_invalid_code"},
		{"nonsense", w.srv.URL + "/v1/tickets/accept?ticket=abc", "ticket_invalid_code"},
		{"none", w.srv.URL + "/v1/tickets/accept", "ticket_invalid_code"},
	}
	refuse := func(name, link, code string) {
		t.Helper()
		for way, a := range map[string]answer{"GET": w.open(link), "POST": w.press(link)} {
			if a.Status != 400 || !strings.Contains(a.Raw, code) {
				t.Errorf("%s %s: %d %s", way, name, a.Status, a.Raw)
			}
		}
	}
	for _, test := range tests {
		refuse(test.name, test.link, test.code)
	}
	w.advance(30 * 24 * time.Hour)
	refuse("expired", expired.Text("url"), "ticket_expired_code")
	refuse("application's expired", appExpired.Text("url"), "ticket_expired_code")
	late := newWorld(t, nil)
	orphan := late.want(late.invite("g@example.com"), 200)
	late.want(late.do("DELETE", late.org(""), nil), 200)
	late.want(late.press(orphan.Text("url")), 400)
	w.want(w.do("DELETE", w.org(""), nil), 200)
	if _, err := w.sim.Accept(gone.Text("id")); err == nil || !strings.HasPrefix(err.Error(), "organization_invitation_to_deleted_organization") {
		t.Errorf("deleted organization: %v", err)
	}
	w.want(w.do("DELETE", "/v1/tickets/accept", nil), http.StatusMethodNotAllowed)
}

// TestWhoMayNotComeIn guards against taking a successful invite for access.
func TestWhoMayNotComeIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.quirks(func(q *clerk.Quirks) { q.BlockSubaddresses = true })
	tagged := w.want(w.invite("a+tag@example.com"), 200)
	w.want(w.press(tagged.Text("url")), 403)
	w.post("/v1/users/"+w.outside+"/ban", nil)
	banned := w.want(w.invite("outside@example.com"), 200)
	if a := w.want(w.press(banned.Text("url")), 403); !strings.Contains(a.Raw, "not_allowed_access") {
		t.Error(a.Raw)
	}
	same(t, "both", w.get(w.org("/invitations?status=pending")).Number("total_count"), 2)
	w.quirks(func(q *clerk.Quirks) { q.BlockSubaddresses = false })
	if id, err := w.sim.Accept(tagged.Text("id")); err != nil || w.role(id) != "org:member" {
		t.Errorf("%q, %v", id, err)
	}
}
