package e2e

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

// The published guide's flow for somebody new: an account that asks for a
// password, and then the invitation into the organization, which the published
// sample forgets. Two mails, by design.
func TestInviteSomebodyNew(t *testing.T) {
	t.Parallel()
	w := open(t)
	const email = "new.person@example.com"
	body := invite(email, "admin")
	body["given_name"], body["family_name"], body["locale"] = "Nü", "Person", "de-AT"
	body["metadata"] = map[string]any{"team": "blue"}
	sent := w.want(w.ask("POST", invites, body), 201, "")
	id := sent.str("id")
	if sent.str("state") != "pending" || sent.header.Get("Location") != invites+"/"+id && !strings.HasSuffix(sent.header.Get("Location"), "/invites/"+id) {
		t.Errorf("answered %s with Location %q", sent, sent.header.Get("Location"))
	}
	w.wantMails(email, 1, 1)
	root, member := w.accounts(email)
	if len(root) != 1 || root[0].AccountState != "PENDING_AP" || len(member) != 0 {
		t.Fatalf("before the mails are opened: %+v, %+v", root, member)
	}
	w.openMails(email)
	root, member = w.accounts(email)
	if len(root) != 1 || root[0].AccountState != "" || len(member) != 1 || !slices.Contains(member[0].Roles, "Administrator") {
		t.Fatalf("after the mails are opened: %+v, %+v", root, member)
	}
	listed := w.want(w.ask("GET", invites+"?refresh=true&email="+email, nil), 200, "")
	data, _ := listed.body["data"].([]any)
	if len(data) != 1 || data[0].(map[string]any)["state"] != "accepted" || data[0].(map[string]any)["id"] != id {
		t.Errorf("listed %s", listed)
	}
	one := w.want(w.ask("GET", invites+"/"+id, nil), 200, "")
	if one.str("accepted_at") == "" || one.str("synced_at") == "" || one.str("organization_id") == "" {
		t.Errorf("read %s", one)
	}
	var states []string
	for _, e := range one.body["history"].([]any) {
		states = append(states, e.(map[string]any)["state"].(string))
	}
	if strings.Join(states, " ") != "sending pending accepted" {
		t.Errorf("history %v", states)
	}
	members := w.want(w.ask("GET", org+"/members?limit=200", nil), 200, "")
	if !strings.Contains(members.text, email) || strings.Count(members.text, `"mem_`) < 3 {
		t.Errorf("members %s", members)
	}
	w.want(w.ask("POST", invites, invite(email)), 409, "already_member")
	w.wantMails(email, 1, 1)
}

// The guide's other branch: somebody who has an account gets the invitation
// and nothing else.
func TestInviteSomebodyWithAnAccount(t *testing.T) {
	t.Parallel()
	w := open(t)
	const email = "old.hand@example.com"
	first := w.want(w.ask("POST", invites, invite(email)), 201, "")
	w.openMails(email)
	w.refresh()
	// He leaves the organization; the account stays.
	_, member := w.accounts(email)
	w.removeMember(member[0].ID)
	w.clearMails()
	second := w.want(w.ask("POST", invites, invite(email)), 201, "")
	if second.str("id") == first.str("id") {
		t.Error("the second invite has the id of the first")
	}
	w.wantMails(email, 0, 1)
	w.openMails(email)
	w.refresh()
	if got := w.state(second.str("id")); got != "accepted" {
		t.Errorf("the second invite is %s", got)
	}
	if _, member := w.accounts(email); len(member) != 1 || !slices.Contains(member[0].Roles, "Member") {
		t.Errorf("membership %+v", member)
	}
}

// A person who has not set a password yet gets that mail again with the next
// invitation: without it he could not accept.
func TestInviteSomebodyStillAwaitingAPassword(t *testing.T) {
	t.Parallel()
	w := open(t)
	const email = "waiting@example.com"
	first := w.want(w.ask("POST", invites, invite(email)), 201, "").str("id")
	w.want(w.ask("POST", invites+"/"+first+"/revoke", nil), 200, "")
	w.clearMails()
	w.want(w.ask("POST", invites, invite(email)), 201, "")
	w.wantMails(email, 1, 1)
	if root, _ := w.accounts(email); len(root) != 1 {
		t.Errorf("%d accounts", len(root))
	}
}

func (w *world) clearMails() { w.admin("DELETE", w.env["USHER_MAIL_URL"], nil, nil) }

func TestResendAndRevoke(t *testing.T) {
	t.Parallel()
	w := open(t)
	const email = "again@example.com"
	id := w.want(w.ask("POST", invites, invite(email)), 201, "").str("id")
	again := w.want(w.ask("POST", invites+"/"+id+"/resend", nil), 200, "")
	if again.str("id") != id || again.str("state") != "pending" {
		t.Errorf("resent %s", again)
	}
	w.wantMails(email, 2, 2)
	first := w.mails(email, "guest_invitation")[0]
	w.want(w.ask("POST", invites+"/"+id+"/revoke", nil), 200, "")
	w.want(w.ask("POST", invites+"/"+id+"/revoke", nil), 200, "")
	w.want(w.ask("POST", invites+"/"+id+"/resend", nil), 409, "invite_not_pending")
	w.refresh()
	if got := w.state(id); got != "revoked" {
		t.Errorf("the invite is %s", got)
	}
	w.wantDeadLink(first.Links[0])
	// Send, revoke and send again within a second always works.
	second := w.want(w.ask("POST", invites, invite(email)), 201, "").str("id")
	if second == id || w.state(second) != "pending" || w.state(id) != "revoked" {
		t.Error("the new invite and the old one are not apart")
	}
}

// Two at the same time: one invite, one invitation mail.
func TestConcurrentSends(t *testing.T) {
	t.Parallel()
	w := open(t)
	const email, n = "race@example.com", 6
	answers := make([]*answer, n)
	var group sync.WaitGroup
	for k := range n {
		group.Go(func() { answers[k], _ = w.try("POST", invites, invite(email)) })
	}
	group.Wait()
	won, pending := "", []string{}
	for _, a := range answers {
		switch {
		case a == nil:
			t.Error("a request got no answer")
		case a.status == 201 && won == "":
			won = a.str("id")
		case a.status == 409 && a.str("code") == "invite_pending":
			pending = append(pending, a.str("invite_id"))
		default:
			t.Errorf("got %s", a)
		}
	}
	for _, id := range pending {
		if id != won {
			t.Errorf("a refusal names %q, the invite is %q", id, won)
		}
	}
	w.wantMails(email, 1, 1)
}

// An invitation made in the vendor's console is found, adopted, and can be
// withdrawn through usher.
func TestInvitationMadeElsewhere(t *testing.T) {
	t.Parallel()
	w := open(t)
	const email = "console@example.com"
	id := w.want(w.ask("POST", invites, invite(email)), 201, "").str("id")
	w.want(w.ask("POST", invites+"/"+id+"/revoke", nil), 200, "")
	w.inviteAtVendor(email)
	w.clearMails()
	refused := w.want(w.ask("POST", invites, invite(email)), 409, "invite_pending")
	adopted := refused.str("invite_id")
	if adopted == "" || w.state(adopted) != "pending" {
		t.Errorf("adopted as %q", adopted)
	}
	w.wantMails(email, 0, 0)
	w.want(w.ask("POST", invites+"/"+adopted+"/revoke", nil), 200, "")
	w.want(w.ask("POST", invites, invite(email)), 201, "")
}

func TestRolesAndCapabilities(t *testing.T) {
	t.Parallel()
	w := open(t)
	roles := w.want(w.ask("GET", org+"/roles", nil), 200, "")
	for _, key := range []string{`"admin"`, `"member"`} {
		if !strings.Contains(roles.text, key) {
			t.Errorf("no %s in %s", key, roles)
		}
	}
	w.want(w.ask("POST", invites, invite("x@example.com", "owner")), 422, "unknown_role")
	for _, path := range []string{org + "/capabilities", "/v1/connections/asgardeo/capabilities", "/v1/connections", "/v1/organizations", org} {
		w.want(w.ask("GET", path, nil), 200, "")
	}
	for field, value := range map[string]any{"message": "Hello", "notify": false, "expires_at": "2099-01-01T00:00:00Z"} {
		body := invite("x@example.com")
		body[field] = value
		if a := w.want(w.ask("POST", invites, body), 422, "not_carried"); !strings.Contains(a.text, "/"+field) {
			t.Errorf("%s does not point to the field", a)
		}
	}
	w.wantMails("x@example.com", 0, 0)
}

// The mail budget holds over HTTP, with a Retry-After, and a refused request
// is not remembered under its key.
func TestMailBudget(t *testing.T) {
	t.Parallel()
	w := open(t, func(config string) string {
		return strings.Replace(config, "mails: 0", "mails: 2\n  mail_window: 2s", 1)
	})
	const email = "often@example.com"
	id := w.want(w.ask("POST", invites, invite(email)), 201, "").str("id")
	w.want(w.ask("POST", invites+"/"+id+"/resend", nil), 200, "")
	key := []string{"Idempotency-Key", "often"}
	refused := w.want(w.ask("POST", invites+"/"+id+"/resend", nil, key...), 429, "rate_limited")
	if after := refused.header.Get("Retry-After"); after != "1" && after != "2" {
		t.Errorf("Retry-After %q", after)
	}
	if n := len(w.mails(email, "guest_invitation")); n != 2 {
		t.Errorf("%d invitation mails, want 2", n)
	}
	eventually(t, "the window has passed", func() bool {
		return w.ask("POST", invites+"/"+id+"/resend", nil, key...).status == 200
	})
}
