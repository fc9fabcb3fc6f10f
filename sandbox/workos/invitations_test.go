package workos_test

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/sandbox/sandboxtest"
	"usher/sandbox/workos"
)

func TestInvitationAsSent(t *testing.T) { // FACTS.md sections 6.1 and 6.2
	t.Parallel()
	w := newWorld(t)
	from := len(w.sim.State().Events)
	a := w.want(w.send("New@Person.example", "role_slug", "admin", "inviter_user_id", w.boss, "expires_in_days", 3, "locale", "pt-BR"), 201)
	fields := slices.Sorted(maps.Keys(a.JSON.(object)))
	want := []string{"accept_invitation_url", "accepted_at", "accepted_user_id", "created_at", "email", "expires_at", "id", "inviter_user_id",
		"object", "organization_id", "revoked_at", "role_slug", "state", "token", "updated_at"}
	if !slices.Equal(fields, want) {
		t.Errorf("fields %v", fields)
	}
	for key, value := range map[string]string{
		"object": "invitation", "email": "new@person.example", "state": "pending", "organization_id": w.acme, "role_slug": "admin",
		"inviter_user_id": w.boss, "created_at": "2026-03-01T12:00:00.000Z", "expires_at": "2026-03-04T12:00:00.000Z",
	} {
		if got := a.Text(key); got != value {
			t.Errorf("%s is %q, want %q", key, got, value)
		}
	}
	if !regexp.MustCompile(`^invitation_[0-9A-HJKMNP-TV-Z]{26}$`).MatchString(a.Text("id")) || !regexp.MustCompile(`^[A-Za-z0-9]{25}$`).MatchString(a.Text("token")) {
		t.Errorf("id %q, token %q", a.Text("id"), a.Text("token"))
	}
	link := a.Text("accept_invitation_url")
	if !strings.HasPrefix(link, w.srv.URL) || !strings.HasSuffix(link, "?invitation_token="+a.Text("token")) {
		t.Errorf("link %q", link)
	}
	if m := sandboxtest.Last(t, w.mails.All()); m.To != "new@person.example" || m.Link != link || !strings.Contains(m.Text, link) || !strings.Contains(m.Text, "boss@acme.example") {
		t.Errorf("mail %+v", m)
	}
	if a.Header.Get("X-Request-ID") == "" {
		t.Error("no X-Request-ID")
	}
	if m := w.membershipOf("new@person.example"); m.Status != "pending" || !slices.Equal(m.Roles, []string{"admin"}) {
		t.Errorf("membership behind it: %+v", m)
	}
	if got := w.events(from); !slices.Equal(got, []string{"user.created", "organization_membership.created", "invitation.created"}) {
		t.Errorf("events %v", got)
	}
	if w.want(w.send("other@person.example"), 201).Text("role_slug") != "member" {
		t.Error("no default role")
	}
	// The invitee is a record without sign-up, and not among the members' list.
	stubs := w.get(users+"?email="+url.QueryEscape("NEW@person.example"), 200)
	if len(stubs.Column("data", "id")) != 1 || len(w.get(users+"?organization_id="+w.acme, 200).Column("data", "id")) != 1 {
		t.Errorf("users %s", stubs.Raw)
	}
}

func TestInvitationRefused(t *testing.T) { // FACTS.md sections 2, 13.4, 13.5 and 15
	t.Parallel()
	w := newWorld(t)
	w.want(w.send("waiting@person.example"), 201)
	inactive := w.sim.AddUser(workos.Person{Email: "inactive@acme.example"})
	w.want(w.do("PUT", memberships+"/"+w.sim.AddMember(w.acme, inactive, "member")+"/deactivate", object{}), 200)
	w.want(w.do("POST", "/authorization/roles", object{"slug": "doc-editor", "name": "E", "resource_type_slug": "document"}), 201)
	beta := w.sim.AddOrganization("Beta")
	w.sim.AddRole(beta, "org-beta", "Beta's own")
	w.sim.AddRole(w.acme, "org-acme", "Acme's own")
	w.quirks(func(q *workos.Quirks) { q.UndeliverableDomains = []string{"nomail.example"} })
	tests := []struct {
		name   string
		email  string
		more   []any
		status int
		code   string
	}{
		{"no address", "", []any{"email", nil}, 422, "invalid_request_parameters"},
		{"bad address", "nobody", nil, 422, "invalid_request_parameters"},
		{"address with a name", "A <a@person.example>", nil, 422, "invalid_request_parameters"},
		{"days as text", "a@person.example", []any{"expires_in_days", "7"}, 422, "invalid_request_parameters"},
		{"broken days", "a@person.example", []any{"expires_in_days", 1.5}, 422, "invalid_request_parameters"},
		{"unknown locale", "a@person.example", []any{"locale", "xx"}, 422, "invalid_request_parameters"},
		{"organization as number", "a@person.example", []any{"organization_id", 1}, 422, "invalid_request_parameters"},
		{"no days", "a@person.example", []any{"expires_in_days", 0}, 400, "expires_in_days_too_short"},
		{"too many days", "a@person.example", []any{"expires_in_days", 31}, 400, "expires_in_days_too_long"},
		{"days before the organization", "a@person.example", []any{"expires_in_days", 31, "organization_id", "org_unknown"}, 400, "expires_in_days_too_long"},
		{"unknown organization", "a@person.example", []any{"organization_id", "org_unknown"}, 404, "entity_not_found"},
		{"organization before the role", "a@person.example", []any{"organization_id", "org_unknown", "role_slug", "none"}, 404, "entity_not_found"},
		{"unknown inviter", "a@person.example", []any{"inviter_user_id", "user_unknown"}, 404, "entity_not_found"},
		{"unknown role", "boss@acme.example", []any{"role_slug", "owner"}, 400, "invalid_role"},
		{"role by name", "a@person.example", []any{"role_slug", "Admin"}, 400, "invalid_role"},
		{"role of another organization", "a@person.example", []any{"role_slug", "org-beta"}, 400, "invalid_role"},
		{"role of another resource", "a@person.example", []any{"role_slug", "doc-editor"}, 400, "invalid_role"},
		{"undeliverable", "a@nomail.example", nil, 400, "email_domain_not_deliverable"},
		{"member", "BOSS@acme.example", nil, 400, "user_already_organization_member"},
		{"deactivated member", "inactive@acme.example", nil, 400, "user_already_organization_member"},
		{"waiting", "Waiting@Person.example", nil, 400, "email_already_invited_to_organization"},
		{"user, to the application", "boss@acme.example", []any{"organization_id", nil}, 400, "user_already_exists"},
		{"custom role", "a@person.example", []any{"role_slug", "org-acme"}, 201, ""},
		{"waiting elsewhere", "waiting@person.example", []any{"organization_id", beta}, 201, ""},
		{"to the application", "app@person.example", []any{"organization_id", nil, "role_slug", "admin"}, 201, ""},
		{"to the application again", "app@person.example", []any{"organization_id", nil}, 400, "email_already_invited"},
	}
	for _, test := range tests { // one world, in order
		before := len(w.sim.State().Invitations)
		w.refused(w.send(test.email, test.more...), test.status, test.code)
		if after := len(w.sim.State().Invitations); (after > before) != (test.status == 201) {
			t.Errorf("%s: %d invitations, before %d", test.name, after, before)
		}
	}
	if got := len(w.mails.All()); got != len(w.sim.State().Invitations) {
		t.Errorf("%d mails", got)
	}
	w.quirks(func(q *workos.Quirks) { q.BlockedOrganizations = []string{w.acme} })
	w.refused(w.send("b@person.example"), 400, "organization_blocked_from_sending_invites")
	for _, body := range []string{"", "null", "[]", `"text"`, "{", `{"email":null}`} {
		w.refused(w.do("POST", invitations, body), 422, "invalid_request_parameters")
	}
	w.refused(w.do("POST", invitations, `{"email":"c@person.example"}`, "Content-Type", "text/plain"), 422, "invalid_request_parameters")
}

func TestInvitationsRead(t *testing.T) { // FACTS.md sections 6.2 and 13.6
	t.Parallel()
	w := newWorld(t)
	a := w.want(w.send("a@person.example"), 201)
	b := w.want(w.send("b@person.example", "organization_id", nil), 201)
	id := a.Text("id")
	if got := w.get(invitations+"/"+id, 200); got.Raw != a.Raw {
		t.Errorf("by id: %s", got.Raw)
	}
	if got := w.get(invitations+"/by_token/"+a.Text("token"), 200); got.Raw != a.Raw {
		t.Errorf("by token: %s", got.Raw)
	}
	w.refused(w.do("GET", invitations+"/"+a.Text("token"), nil), 404, "entity_not_found")
	w.refused(w.do("GET", invitations+"/by_token/"+id, nil), 404, "entity_not_found")
	all := w.get(invitations, 200)
	if got := all.Column("data", "id"); !slices.Equal(got, []string{b.Text("id"), id}) {
		t.Errorf("all: %v", got)
	}
	if all.Text("data", 1, "token") != a.Text("token") {
		t.Error("lists hide the token")
	}
	for query, want := range map[string][]string{
		"?organization_id=" + w.acme:                          {id},
		"?email=A%40person.example":                           {id},
		"?email=b%40person.example&organization_id=" + w.acme: {},
		"?organization_id=org_unknown":                        {},
	} {
		if got := w.get(invitations+query, 200).Column("data", "id"); !slices.Equal(got, want) {
			t.Errorf("%s: %v", query, got)
		}
	}
	for _, query := range []string{"?email=nobody", "?limit=0", "?limit=101", "?limit=x", "?order=up"} {
		w.refused(w.do("GET", invitations+query, nil), 422, "invalid_request_parameters")
	}
}

func TestInvitationRevoked(t *testing.T) { // FACTS.md sections 2, 6.3, 13.9
	t.Parallel()
	w := newWorld(t)
	id := w.want(w.send("a@person.example"), 201).Text("id")
	from := len(w.sim.State().Events)
	a := w.want(w.do("POST", invitations+"/"+id+"/revoke", ""), 200)
	if a.Text("state") != "revoked" || a.Text("revoked_at") == "" {
		t.Errorf("revoked: %s", a.Raw)
	}
	if m := w.membershipOf("a@person.example"); m.ID != "" {
		t.Errorf("membership is left: %+v", m)
	}
	if got := w.events(from); !slices.Equal(got, []string{"invitation.revoked", "organization_membership.deleted"}) {
		t.Errorf("events %v", got)
	}
	w.refused(w.do("POST", invitations+"/"+id+"/revoke", nil), 400, "invite_not_pending")
	w.refused(w.do("POST", invitations+"/"+id+"/accept", nil), 400, "invite_not_pending")
	w.refused(w.do("POST", invitations+"/"+id+"/resend", object{}), 400, "invite_revoked")
	for _, what := range []string{"/revoke", "/accept", "/resend"} {
		w.refused(w.do("POST", invitations+"/invitation_unknown"+what, object{}), 404, "entity_not_found")
	}
	w.want(w.send("a@person.example"), 201)
}

func TestInvitationExpires(t *testing.T) { // FACTS.md sections 6.2 and 16
	t.Parallel()
	w := newWorld(t)
	id := w.want(w.send("a@person.example", "expires_in_days", 1), 201).Text("id")
	from := len(w.sim.State().Events)
	w.advance(24*time.Hour - time.Millisecond)
	if got := w.get(invitations+"/"+id, 200).Text("state"); got != "pending" {
		t.Errorf("just before: %s", got)
	}
	w.advance(time.Millisecond)
	if got := w.get(invitations, 200).Text("data", 0, "state"); got != "expired" {
		t.Errorf("then: %s", got)
	}
	if got := w.events(from); len(got) != 0 {
		t.Errorf("expiry has events: %v", got)
	}
	w.refused(w.do("POST", invitations+"/"+id+"/revoke", nil), 400, "invite_not_pending")
	w.refused(w.do("POST", invitations+"/"+id+"/accept", nil), 400, "invite_not_pending")
	w.refused(w.do("POST", invitations+"/"+id+"/resend", object{}), 400, "invite_expired")
	if m := w.membershipOf("a@person.example"); m.Status != "pending" {
		t.Errorf("membership: %+v", m)
	}
	again := w.want(w.send("a@person.example", "role_slug", "admin"), 201)
	if m := w.membershipOf("a@person.example"); !slices.Equal(m.Roles, []string{"admin"}) {
		t.Errorf("membership: %+v", m)
	}
	w.quirks(func(q *workos.Quirks) { q.ExpiryRemovesMembership = true })
	w.advance(7 * 24 * time.Hour)
	if m := w.membershipOf("a@person.example"); m.ID != "" || w.get(invitations+"/"+again.Text("id"), 200).Text("state") != "expired" {
		t.Errorf("membership: %+v", m)
	}
}

func TestInvitationResent(t *testing.T) { // FACTS.md sections 6.2, 13.10, 14 and 16
	t.Parallel()
	w := newWorld(t)
	a := w.want(w.send("a@person.example"), 201)
	path := invitations + "/" + a.Text("id") + "/resend"
	w.advance(time.Hour)
	for _, body := range []any{object{}, object{"locale": "en"}, "null"} {
		b := w.want(w.do("POST", path, body), 200)
		if b.Text("token") != a.Text("token") || b.Text("expires_at") != a.Text("expires_at") || b.Text("updated_at") == a.Text("updated_at") {
			t.Errorf("resent: %s", b.Raw)
		}
	}
	if n := w.sim.State().MailsByKind[workos.MailInvitation]; n != 4 {
		t.Errorf("%d mails", n)
	}
	for _, body := range []any{nil, "", "[]", object{"locale": "xx"}} {
		w.refused(w.do("POST", path, body), 422, "invalid_request_parameters")
	}
	w.quirks(func(q *workos.Quirks) { q.ResendTakesEmpty, q.ResendTakesNull = true, false })
	w.want(w.do("POST", path, nil), 200)
	w.refused(w.do("POST", path, "null"), 422, "invalid_request_parameters")
	w.quirks(func(q *workos.Quirks) { q.ResendRotatesToken, q.ResendExtends = true, true })
	b := w.want(w.do("POST", path, object{}), 200)
	if b.Text("token") == a.Text("token") || b.Text("expires_at") != "2026-03-08T13:00:00.000Z" || sandboxtest.Last(t, w.mails.All()).Link != b.Text("accept_invitation_url") {
		t.Errorf("rotated: %s", b.Raw)
	}
	w.refused(w.do("GET", invitations+"/by_token/"+a.Text("token"), nil), 404, "entity_not_found")
	w.quirks(func(q *workos.Quirks) { q.UndeliverableDomains = []string{"person.example"} })
	w.refused(w.do("POST", path, object{}), 400, "email_domain_not_deliverable")
	w.quirks(func(q *workos.Quirks) { q.UndeliverableDomains = []string{} })
	w.want(w.do("POST", invitations+"/"+a.Text("id")+"/accept", nil), 200)
	w.refused(w.do("POST", path, object{}), 400, "invite_accepted")
}

func TestInvitationAcceptedByKey(t *testing.T) { // FACTS.md sections 6.1, 6.3 and 13.7
	t.Parallel()
	w := newWorld(t)
	a := w.want(w.send("a@person.example"), 201)
	m := w.membershipOf("a@person.example")
	// The role shown is the membership's, which can change meanwhile.
	w.want(w.do("PUT", memberships+"/"+m.ID, object{"role_slug": "admin"}), 200)
	if got := w.get(invitations+"/"+a.Text("id"), 200).Text("role_slug"); got != "admin" {
		t.Errorf("role %q", got)
	}
	from := len(w.sim.State().Events)
	b := w.want(w.do("POST", invitations+"/"+a.Text("id")+"/accept", ""), 200)
	if b.Text("state") != "accepted" || b.Text("accepted_at") == "" || b.Text("accepted_user_id") != m.UserID {
		t.Errorf("accepted: %s", b.Raw)
	}
	if got := w.membershipOf("a@person.example"); got.ID != m.ID || got.Status != "active" {
		t.Errorf("membership %+v", got)
	}
	if got := w.events(from); !slices.Equal(got, []string{"organization_membership.updated", "invitation.accepted"}) {
		t.Errorf("events %v", got)
	}
	w.refused(w.do("POST", invitations+"/"+a.Text("id")+"/accept", nil), 400, "invite_not_pending")
	w.refused(w.do("POST", invitations+"/"+a.Text("id")+"/revoke", nil), 400, "invite_not_pending")
	// For the application, with nobody of that address so far.
	c := w.want(w.send("app@person.example", "organization_id", nil), 201)
	if got := w.want(w.do("POST", invitations+"/"+c.Text("id")+"/accept", nil), 200).Text("accepted_user_id"); got == "" {
		t.Error("nobody accepted")
	}
	// Its membership was deleted, and the invitation was left.
	w.quirks(func(q *workos.Quirks) { q.DeletionKeepsInvitation = true })
	d := w.want(w.send("gone@person.example"), 201)
	w.want(w.do("DELETE", memberships+"/"+w.membershipOf("gone@person.example").ID, nil), 200)
	w.refused(w.do("POST", invitations+"/"+d.Text("id")+"/accept", nil), 400, "invalid_invite")
}

func TestDeletionTakesInvitationBack(t *testing.T) { // FACTS.md section 6.3
	t.Parallel()
	w := newWorld(t)
	a := w.want(w.send("a@person.example"), 201)
	w.want(w.do("DELETE", memberships+"/"+w.membershipOf("a@person.example").ID, nil), 200)
	if got := w.get(invitations+"/"+a.Text("id"), 200).Text("state"); got != "revoked" {
		t.Errorf("state %s", got)
	}
	b := w.want(w.send("b@person.example"), 201)
	w.want(w.do("DELETE", users+"/"+w.membershipOf("b@person.example").UserID, nil), 200)
	if got := w.get(invitations+"/"+b.Text("id"), 200).Text("state"); got != "revoked" {
		t.Errorf("state %s", got)
	}
}
