package api_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"usher/api"
	"usher/identity"
	"usher/providers/memory"
)

// link returns the secret of the newest link that was mailed to an address.
func (h *house) link(email string) string {
	h.t.Helper()
	links := h.vendor.Links("one", email)
	if len(links) == 0 {
		h.t.Fatalf("no link to %s", email)
	}
	return links[len(links)-1]
}

const callbackPath = "/v1/invites/callback/"

// TestLinkChangesNothing: whoever reads mails follows links, by GET and by HEAD
// and as often as he likes (a link scanner's GET or HEAD never consumes
// anything).
func TestLinkChangesNothing(t *testing.T) {
	t.Parallel()
	h := build(t)
	id := h.send("ada@example.com")
	secret := h.link("ada@example.com")
	before := h.everything()
	for _, method := range []string{"GET", "HEAD", "GET"} {
		got := h.do("", method, callbackPath+secret+"?__clerk_ticket=abc&invite_status=accepted", "", "Accept", "text/html").is(303, "")
		want := "/accept?__clerk_ticket=abc&invite_status=ready&invite_token=" + secret
		if location := got.header.Get("Location"); location != want {
			t.Errorf("%s leads to %q, want %q", method, location, want)
		}
		if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", method, got.header)
		}
		page := h.do("", method, want, "", "Accept", "text/html")
		if page.status != 200 || method == "GET" && !strings.Contains(page.body, "ada@example.com has been invited to join acme.") {
			t.Errorf("%s: %d %s", method, page.status, page.body)
		}
	}
	if after := h.everything(); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	if n := h.vendor.Calls("accept"); n != 0 {
		t.Errorf("the vendor was asked %d times", n)
	}
	h.do("", "POST", callbackPath+secret, "").is(405, "method_not_allowed")
	h.do(admin, "GET", invitesPath+"/"+id, "").is(200, "")
}

// TestAcceptByLink: the secret is the credential, once.
func TestAcceptByLink(t *testing.T) {
	t.Parallel()
	h := build(t)
	body := `{"email":"ada@example.com","roles":["member"],"redirect_url":null}`
	id := h.do(admin, "POST", invitesPath, body).is(201, "").text("id")
	secret := h.link("ada@example.com")
	got := h.do("", "POST", "/v1/invites/accept", `{"token":"`+secret+`"}`).is(200, "")
	if got.text("invite_id") != id || got.text("organization_id") != h.acme.ID || got.text("email") != "ada@example.com" || got.text("state") != "accepted" {
		t.Errorf("got %s", got.body)
	}
	if state := h.do(admin, "GET", invitesPath+"/"+id, "").is(200, "").text("state"); state != "accepted" {
		t.Errorf("the invite is %s", state)
	}
	again := h.do("", "POST", "/v1/invites/accept", `{"token":"`+secret+`"}`).is(409, "invite_not_pending")
	if again.text("invite_id") != id {
		t.Errorf("got %s", again.body)
	}
	if location := h.do("", "GET", callbackPath+secret, "").is(303, "").header.Get("Location"); !strings.Contains(location, "invite_status=accepted") {
		t.Errorf("leads to %q", location)
	}
}

// TestAcceptWithoutTheSecret: nothing else accepts, whoever knows it.
func TestAcceptWithoutTheSecret(t *testing.T) {
	t.Parallel()
	h := build(t)
	id := h.send("ada@example.com")
	secret := h.link("ada@example.com")
	for _, token := range []string{id, h.acme.ID, "ada@example.com", strings.ToUpper(secret), secret[:42], secret + "A"} {
		h.do("", "POST", "/v1/invites/accept", `{"token":"`+token+`"}`).is(404, "not_found")
	}
	h.do("", "POST", "/v1/invites/accept", `{"token":""}`).is(400, "invalid_request").at("/token")
	h.do("", "POST", "/v1/invites/accept", `{}`).is(400, "invalid_request").at("/token")
	h.do("", "POST", "/v1/invites/accept", `{"token":"`+secret+`","email":"eve@example.com"}`).is(400, "invalid_request").at("/email")
	h.do("token-wrong", "POST", "/v1/invites/accept", `{"token":"`+secret+`"}`).is(401, "unauthenticated")
	h.do("", "POST", "/v1/invites/accept?token="+secret, `{"token":"x"}`).is(400, "invalid_request")
	if state := h.do(admin, "GET", invitesPath+"/"+id, "").is(200, "").text("state"); state != "pending" {
		t.Errorf("the invite is %s", state)
	}
}

// TestAcceptKeyIsTheHoldersOwn: two invitees with the same Idempotency-Key do
// not meet.
func TestAcceptKeyIsTheHoldersOwn(t *testing.T) {
	t.Parallel()
	h := build(t)
	first, second := h.send("ada@example.com"), h.send("bob@example.com")
	accept := func(email string) answer {
		return h.do("", "POST", "/v1/invites/accept", `{"token":"`+h.link(email)+`"}`, "Idempotency-Key", "accept")
	}
	one := accept("ada@example.com").is(200, "")
	two := accept("bob@example.com").is(200, "")
	if one.text("invite_id") != first || two.text("invite_id") != second {
		t.Errorf("got\n%s%s", one.body, two.body)
	}
	accept("ada@example.com").same(one)
}

// TestAcceptSourcesAreLimited: who has no token is held to a rate by where he is.
func TestAcceptSourcesAreLimited(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *api.Options) { o.RateLimit = api.RateLimit{PerMinute: 60, Burst: 3} })
	for range 3 {
		h.do("", "POST", "/v1/invites/accept", `{"token":"guess"}`).is(404, "not_found")
	}
	h.do("", "POST", "/v1/invites/accept", `{"token":"guess"}`).is(429, "rate_limited")
	h.do(admin, "GET", invitesPath, "").is(200, "")
}

// TestAcceptPage is what people see where the application has no page.
func TestAcceptPage(t *testing.T) {
	t.Parallel()
	h := build(t)
	name := `<b>Acme & "Co"</b>`
	if got := h.do(admin, "PATCH", "/v1/organizations/acme", `{"name":"<b>Acme & \"Co\"</b>"}`); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	h.do(admin, "POST", invitesPath, `{"email":"ada@example.com","roles":["member"]}`).is(201, "")
	secret := h.link("ada@example.com")
	page := h.do("", "GET", "/accept?invite_token="+secret, "", "Accept", "text/html")
	if page.status != 200 || strings.Contains(page.body, name) || !strings.Contains(page.body, `name="invite_token" value="`+secret+`"`) {
		t.Errorf("%d %s", page.status, page.body)
	}
	policy := page.header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "style-src 'sha256-"} {
		if !strings.Contains(policy, part) {
			t.Errorf("policy %q lacks %q", policy, part)
		}
	}
	press := func() answer { return h.press(secret) }
	h.vendor.Inject(memory.Fault{Op: "accept", Code: identity.CodeProviderUnavailable})
	if got := press(); got.status != 503 || !strings.Contains(got.body, "The invitation is still open.") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := press(); got.status != 200 || !strings.Contains(got.body, "ada@example.com is a member now.") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := press(); got.status != 409 || !strings.Contains(got.body, "not open any more") {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, gone := range []string{"", "nothing"} {
		if got := h.do("", "GET", "/accept?invite_token="+gone, ""); got.status != http.StatusNotFound || !strings.Contains(got.body, "No invitation") {
			t.Errorf("%q: %d %s", gone, got.status, got.body)
		}
	}
}

// TestLinkSecretsStayOutOfTheLog: neither the log nor the record holds a secret
// that a request came with (CVE-2019-11290).
func TestLinkSecretsStayOutOfTheLog(t *testing.T) {
	t.Parallel()
	var record bytes.Buffer
	h := build(t, audited(&record))
	h.send("ada@example.com")
	secret := h.link("ada@example.com")
	other := strings.Repeat("B", 43)
	for _, s := range []string{secret, other} {
		h.do("", "GET", callbackPath+s, "")
		h.do("", "GET", "/accept?invite_token="+s, "")
		h.do("", "POST", "/v1/invites/accept", `{"token":"`+s+`"}`)
		h.do("token-wrong", "GET", callbackPath+s, "")
	}
	for _, s := range []string{secret, other} {
		if strings.Contains(h.log.String(), s) {
			t.Error("the log holds the secret of a link")
		}
		if strings.Contains(record.String(), s) {
			t.Errorf("the record holds the secret of a link: %s", record.String())
		}
	}
	if record.Len() == 0 {
		t.Error("nothing was recorded")
	}
}
