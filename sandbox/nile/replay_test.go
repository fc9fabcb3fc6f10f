package nile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/internal/contracttest"
	"usher/sandbox/nile"
)

// alias says what stands for a recorded value, named by its start, whose
// making was not recorded.
func (p *replay) alias(prefix, ours string) {
	p.t.Helper()
	p.known[p.full(prefix)] = ours
}

// person signs somebody up and lets his session and id stand for recorded ones.
func (p *replay) person(email, session, id string) who {
	p.t.Helper()
	visitor := p.visitor()
	a := p.want(p.do("POST", "/signup", visitor, map[string]string{"email": email, "password": password}), 200)
	visitor.session = a.Cookie("nile.session-token")
	if session != "" {
		p.alias(session, visitor.session)
	}
	if id != "" {
		p.alias(id, a.Text("id"))
	}
	return visitor
}

func (p *replay) invited(as who, tenant, email, token string) {
	p.t.Helper()
	a := p.do("POST", "/tenants/"+tenant+"/invite", as, form("identifier", email, "csrfToken", as.token(), "callbackUrl", origin, "redirectUrl", origin))
	p.alias(token, p.want(a, 201).Text("token"))
}

// between is what happened at the real server between the recorded exchanges,
// by the name of the exchange that followed.
func (p *replay) between() map[string]func() {
	var existing, owner2 who
	var beta string
	tenant := func(prefix string) string { return p.ours(p.full(prefix)) }
	owner := func() who { return who{session: p.ours(p.full("JWE_SESSION_1")), csrf: p.visitor().csrf} }
	quirk := func(change func(*nile.Quirks)) func() { return func() { p.quirks(change) } }
	return map[string]func(){
		"invite-no-smtp":            quirk(func(q *nile.Quirks) { q.NoEmailServer = true }),
		"invite-create":             quirk(func(q *nile.Quirks) { q.NoEmailServer = false }),
		"invite-by-outsider":        func() { p.person("outsider@example.com", "JWE_SESSION_4", "01a1fbe3-0969") },
		"invite-recipient-rejected": quirk(func(q *nile.Quirks) { q.RejectedRecipients = []string{"reject@example.com"} }),
		"accept-wrong-tenant": func() {
			p.alias("01a1fbe3-10a2", p.want(p.do("POST", "/tenants", owner(), map[string]string{"name": "Other"}), 200).Text("id"))
		},
		"invite-existing-user-not-member": func() { existing = p.person("existing@example.com", "JWE_SESSION_5", "01a1fbe3-116c") },
		"member-link": func() {
			p.person("linked@example.com", "", "01a1fbe3-127d")
			p.invited(owner(), tenant("01a1fbe3-0927"), "linked@example.com", "e0c772")
		},
		"invites-list-with-expired": func() {
			p.invited(owner(), tenant("01a1fbe3-0927"), "late@example.com", "69a9f1")
			invites := p.sim.State().Invites
			p.alias("6540d211", invites[len(invites)-1].ID)
			p.advance(8 * 24 * time.Hour)
		},
		"leave":                   func() { p.invited(existing, tenant("01a1fbe3-0927"), "viamember@example.com", "4d5935") },
		"invite-smtp-down":        quirk(func(q *nile.Quirks) { q.SMTPError = "connect ECONNREFUSED SMTP_HOST:PORT" }),
		"invite-template-missing": quirk(func(q *nile.Quirks) { q.SMTPError, q.MissingTemplates = "", []string{"invite_user"} }),
		"me-deleted-user":         func() { p.want(p.do("DELETE", "/me", owner(), nil), 204) },
		"invite-by-first-inviter": func() {
			p.quirks(func(q *nile.Quirks) { *q = nile.DefaultQuirks() })
			owner2 = p.person("owner2@example.com", "JWE_SESSION_6", "01a1fbe4-44bb")
			beta = p.want(p.do("POST", "/tenants", owner2, map[string]string{"name": "Beta"}), 200).Text("id")
			p.alias("01a1fbe4-4518", beta)
		},
		"invite-resend-by-second-inviter": func() {
			p.person("second@example.com", "JWE_SESSION_7", "01a1fbe4-452a")
			p.sim.AddMember(beta, p.ours(p.full("01a1fbe4-452a")))
		},
		"accept-relative-callback-with-callback-cookie": func() { p.invited(owner2, beta, "rel@example.com", "e18723") },
		"accept-any-absolute-callback-is-echoed":        func() { p.invited(owner2, beta, "abs@example.com", "d71c40") },
		"providers-with-email":                          quirk(func(q *nile.Quirks) { q.EmailProvider = true }),
	}
}

// full is the recorded value that starts or ends so.
func (p *replay) full(part string) string {
	for value := range p.known {
		if strings.HasPrefix(value, part) || strings.HasSuffix(value, part) {
			return value
		}
	}
	raw, err := os.ReadFile(filepath.Join(contracttest.Dir(p.t, "nile"), "captures.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, value := range madeUp().FindAllString(string(raw), -1) {
		if strings.HasPrefix(value, part) || strings.HasSuffix(value, part) {
			return value
		}
	}
	p.t.Fatalf("nothing recorded starts with %s", part)
	return ""
}

// TestReplay sends what was recorded of the real server, in order, and wants
// its status, headers, cookies, bodies and mails. The disaster: an adapter that
// passes against a simulator of our own making and fails at the vendor.
func TestReplay(t *testing.T) {
	t.Parallel()
	captures, _ := recorded(t)
	p := newReplay(t)
	between := p.between()
	for _, e := range captures {
		if before := between[e.Name]; before != nil {
			before()
			delete(between, e.Name)
		}
		p.play(e)
	}
	if len(captures) != 129 || len(between) != 0 {
		t.Errorf("%d exchanges, %d occurrences left over", len(captures), len(between))
	}
}

// TestReplaySDK does so with what the vendor's own SDK sent.
func TestReplaySDK(t *testing.T) {
	t.Parallel()
	_, sdk := recorded(t)
	p := newReplay(t)
	for _, e := range sdk {
		e.Name = "sdk " + e.Request.Method + " " + e.Request.Path
		p.play(e)
	}
	if len(sdk) != 18 {
		t.Errorf("%d exchanges", len(sdk))
	}
}
