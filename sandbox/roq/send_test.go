package roq_test

import (
	"fmt"
	"strings"
	"testing"

	"usher/sandbox/roq"
)

func TestSend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.must(w.sendIn(w.acme,
		w.row("new@example.com", "roles", []string{"member"}, "locale", "de-DE", "injectableVariables", vars{"team": "Red"}),
		w.row("member@example.com"),
		w.row("ghost@example.com", "roles", []string{"ghost"}),
		w.row("late@example.com", "firstName", "Ann", "lastName", "Lee")))
	if a.Len("data", "sendUserInvitesV2", "success") != 2 || a.Len("data", "sendUserInvitesV2", "errors") != 2 {
		t.Fatal(a.Raw)
	}
	first := a.At("data", "sendUserInvitesV2", "success", 0).(map[string]any)
	for key, want := range map[string]any{
		"email": "new@example.com", "status": "pending", "firstName": "", "lastName": "", "locale": "de-DE", "data": nil, "roleKeys": nil,
		"tenantId": w.acme, "createdByUserId": w.admin, "acceptedByUserId": nil, "createdAt": "2026-03-01T12:00:00.123Z", "statusUpdatedAt": "2026-03-01T12:00:00.123Z",
	} {
		if first[key] != want {
			t.Errorf("%s: %v, want %v", key, first[key], want)
		}
	}
	if code := rowCode(t, a, 0); code != "USER_ALREADY_EXISTS" {
		t.Errorf("code %s", code)
	}
	if code := rowCode(t, a, 1); code != "ROLE_NOT_FOUND" {
		t.Errorf("code %s", code)
	}
	if got := a.Text("data", "sendUserInvitesV2", "errors", 0, "firstName"); got != "" {
		t.Errorf("firstName %q", got)
	}
	// The roles are there with the next reading.
	if got := w.byID("userInvite", first["id"].(string)).Text("data", "userInvite", "roleKeys", 0); got != "member" {
		t.Errorf("role %q", got)
	}
	mails := w.mails.To("new@example.com")
	if len(mails) != 1 || mails[0].Kind != roq.MailInvitation || !strings.Contains(mails[0].Text, "eingeladen") || !strings.Contains(mails[0].Text, "Red") ||
		!strings.Contains(mails[0].Link, "/accept-invite?token=") {
		t.Errorf("mails %+v", mails)
	}
	if len(w.mails.To("member@example.com"))+len(w.mails.To("ghost@example.com")) != 0 {
		t.Error("who was not invited got a mail")
	}
	again := w.must(w.sendIn(w.acme, w.row("NEW@example.com")))
	if code := rowCode(t, again, 0); code != "USER_INVITE_ALREADY_EXIST" {
		t.Errorf("code %s", code)
	}
	if a := w.must(w.sendIn(w.other, w.row("new@example.com"))); a.Len("data", "sendUserInvitesV2", "success") != 1 {
		t.Error("an invitation of another tenant stands in the way")
	}
}

func TestSendRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	eleven := make([]map[string]any, 11)
	for n := range eleven {
		eleven[n] = w.row(fmt.Sprintf("p%d@example.com", n))
	}
	const nobody = "0b0e2f3a-9c1d-4e5f-8a7b-1c2d3e4f5a6b"
	a := w.refused(w.sendIn(w.acme, eleven...), 400, "BULK_USER_INVITE_LIMIT_EXCEEDED")
	if a.At("errors", 0, "extensions", "response", "variables", "maxAllowed") != 10.0 || a.Status != 200 {
		t.Error(a.Raw)
	}
	a = w.refused(w.sendIn(w.acme, w.row("good@example.com"), w.row("bad")), 400, "IS_EMAIL")
	if a.Text("errors", 0, "extensions", "response", "variables", "propertyPath") != "userInvites.1.email" || a.Text("errors", 0, "extensions", "code") != "BAD_USER_INPUT" {
		t.Error(a.Raw)
	}
	w.refused(w.sendIn("x", w.row("a@example.com")), 400, "INVALID_UUID")
	w.refused(w.sendIn(nobody, w.row("a@example.com")), 404, "TENANT_NOT_FOUND")
	w.refused(w.sendIn(w.acme, w.row("a@example.com", "createdByUserId", "me")), 400, "INVALID_UUID")
	if code := rowCode(t, w.must(w.sendIn(w.acme, w.row("a@example.com", "createdByUserId", nobody))), 0); code != "USER_NOT_FOUND" {
		t.Errorf("code %s", code)
	}
	// What the engine refuses: every field of a wrong type, and the old shape.
	for name, data := range map[string]any{
		"no tenant": vars{"userInvites": []any{}}, "no inviter": vars{"tenantId": w.acme, "userInvites": []any{vars{"email": "a@b.c"}}},
		"V1's data": vars{"tenantId": w.acme, "userInvites": []any{w.row("a@b.c", "data", vars{})}}, "variables as a list": vars{"tenantId": w.acme, "userInvites": []any{w.row("a@b.c", "injectableVariables", []any{1})}},
		"email as a number": vars{"tenantId": w.acme, "userInvites": []any{w.row("a@b.c", "email", 5)}}, "nothing": nil,
	} {
		a := w.refused(w.do(sendV2, vars{"data": data}), 400, "GRAPHQL_VALIDATION_FAILED")
		if a.Status != 400 || a.At("data") != nil || strings.Contains(a.Raw, `"data":`) {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	if n := len(w.sim.State().Invites); n != 0 || len(w.sim.State().Mails) != 0 {
		t.Errorf("%d invitations by refused calls", n)
	}
}

func TestSendV1(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const send = `mutation sendUserInvites($userInvites: UserInvitesCreateDto!) { sendUserInvites(userInvites: $userInvites) { success ` + inviteFields + ` errors { email error } } }`
	a := w.must(w.do(send, vars{"userInvites": vars{"userInvites": []any{
		w.row("a@example.com", "data", vars{"n": 1, "deep": vars{"x": []any{true}}}),
		w.row("b@example.com", "tenantId", w.other),
		w.row("c@example.com", "status", "canceled"),
	}}}))
	if got := a.Text("data", "sendUserInvites", "success", 0, "tenantId"); got != w.acme {
		t.Errorf("the inviter's tenant is %s, not %s", w.acme, got)
	}
	if a.At("data", "sendUserInvites", "success", 0, "data", "n") != 1.0 || a.Text("data", "sendUserInvites", "success", 1, "tenantId") != w.other {
		t.Error(a.Raw)
	}
	if a.Text("data", "sendUserInvites", "success", 2, "status") != "canceled" || len(w.mails.To("c@example.com")) != 0 {
		t.Error("a status was given and not taken")
	}
	w.quirks(func(q *roq.Quirks) { q.V1StatusIgnored = true })
	a = w.must(w.do(send, vars{"userInvites": vars{"tenantId": w.other, "userInvites": []any{w.row("d@example.com", "status", "canceled")}}}))
	if a.Text("data", "sendUserInvites", "success", 0, "status") != "pending" || a.Text("data", "sendUserInvites", "success", 0, "tenantId") != w.other {
		t.Error(a.Raw)
	}
}

// An older instance answers V2 as a schema without it does, so that a gateway
// can find out and use the older form.
func TestOlderInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.quirks(func(q *roq.Quirks) { q.V1Only = true })
	a := w.refused(w.sendIn(w.acme, w.row("a@example.com")), 400, "GRAPHQL_VALIDATION_FAILED")
	if !strings.Contains(a.Text("errors", 0, "message"), `Cannot query field "sendUserInvitesV2"`) {
		t.Error(a.Raw)
	}
	w.refused(w.do(`mutation{acceptUserInviteV2(data:{token:"x"}){id}}`, nil), 400, "GRAPHQL_VALIDATION_FAILED")
	w.must(w.do(`mutation($i: ID!, $t: ID!){sendUserInvites(userInvites:{tenantId:$t userInvites:[{createdByUserId:$i email:"a@example.com"}]}){success{id}}}`,
		vars{"i": w.admin, "t": w.acme}))
}

func TestSendQuirks(t *testing.T) {
	t.Parallel()
	both := func(a answer) [2]int {
		return [2]int{a.Len("data", "sendUserInvitesV2", "success"), a.Len("data", "sendUserInvitesV2", "errors")}
	}
	tests := []struct {
		name   string
		change func(*roq.Quirks)
		check  func(*testing.T, *world)
	}{
		{"bulk limit", func(q *roq.Quirks) { q.BulkLimit = 1 }, func(_ *testing.T, w *world) {
			w.refused(w.sendIn(w.acme, w.row("a@example.com"), w.row("b@example.com")), 400, "BULK_USER_INVITE_LIMIT_EXCEEDED")
		}},
		{"code", func(q *roq.Quirks) { q.InvitedCode = "USER_ALREADY_INVITED" }, func(t *testing.T, w *world) {
			w.invite("a@example.com")
			if code := rowCode(t, w.sendIn(w.acme, w.row("a@example.com")), 0); code != "USER_ALREADY_INVITED" {
				t.Error(code)
			}
		}},
		{"canceled ones count", func(q *roq.Quirks) { q.InvitedStatuses = []string{"pending", "canceled"} }, func(t *testing.T, w *world) {
			w.must(w.byID("cancelUserInvite", w.invite("a@example.com")))
			if got := both(w.sendIn(w.acme, w.row("a@example.com"))); got != [2]int{0, 1} {
				t.Error(got)
			}
		}},
		{"canceled ones do not count", func(*roq.Quirks) {}, func(t *testing.T, w *world) {
			w.must(w.byID("cancelUserInvite", w.invite("a@example.com")))
			if got := both(w.sendIn(w.acme, w.row("a@example.com"))); got != [2]int{1, 0} {
				t.Error(got)
			}
		}},
		{"other tenants count", func(q *roq.Quirks) { q.InvitedAnywhere = true }, func(t *testing.T, w *world) {
			w.invite("a@example.com")
			if got := both(w.sendIn(w.other, w.row("a@example.com"))); got != [2]int{0, 1} {
				t.Error(got)
			}
		}},
		{"users of other tenants count", func(*roq.Quirks) {}, func(t *testing.T, w *world) {
			if got := both(w.sendIn(w.other, w.row("member@example.com"))); got != [2]int{0, 1} {
				t.Error(got)
			}
		}},
		{"users of other tenants do not count", func(q *roq.Quirks) { q.UserExistsInTenant = true }, func(t *testing.T, w *world) {
			if got := both(w.sendIn(w.other, w.row("member@example.com"))); got != [2]int{1, 0} {
				t.Error(got)
			}
		}},
		{"case", func(q *roq.Quirks) { q.CaseSensitiveEmail = true }, func(t *testing.T, w *world) {
			if got := both(w.sendIn(w.acme, w.row("Member@example.com"))); got != [2]int{1, 0} {
				t.Error(got)
			}
		}},
		{"twice in one call", func(*roq.Quirks) {}, func(t *testing.T, w *world) {
			if got := both(w.sendIn(w.acme, w.row("a@example.com"), w.row("a@example.com"))); got != [2]int{1, 1} {
				t.Error(got)
			}
		}},
		{"twice in one call, both", func(q *roq.Quirks) { q.SameAddressTwice = true }, func(t *testing.T, w *world) {
			if got := both(w.sendIn(w.acme, w.row("a@example.com"), w.row("a@example.com"))); got != [2]int{2, 0} {
				t.Error(got)
			}
		}},
		{"address as a row", func(q *roq.Quirks) { q.InvalidEmailAsRow = true }, func(t *testing.T, w *world) {
			a := w.must(w.sendIn(w.acme, w.row("bad"), w.row("a@example.com")))
			if got := both(a); got != [2]int{1, 1} || rowCode(t, a, 0) != "IS_EMAIL" {
				t.Error(a.Raw)
			}
		}},
		{"unknown role fails the call", func(q *roq.Quirks) { q.UnknownRole = "call" }, func(_ *testing.T, w *world) {
			w.refused(w.sendIn(w.acme, w.row("a@example.com", "roles", []string{"ghost"})), 404, "ROLE_NOT_FOUND")
		}},
		{"unknown role is let through", func(q *roq.Quirks) { q.UnknownRole = "ignore" }, func(t *testing.T, w *world) {
			if got := both(w.sendIn(w.acme, w.row("a@example.com", "roles", []string{"ghost"}))); got != [2]int{1, 0} {
				t.Error(got)
			}
		}},
		{"inviter binds", func(q *roq.Quirks) { q.InviterBindsAdmin = true }, func(t *testing.T, w *world) {
			a := w.must(w.sendIn(w.acme, w.row("a@example.com", "roles", []string{"admin"}, "createdByUserId", w.member), w.row("b@example.com", "roles", []string{"member"}, "createdByUserId", w.member)))
			if got := both(a); got != [2]int{1, 1} || rowCode(t, a, 0) != "FORBIDDEN" {
				t.Error(a.Raw)
			}
		}},
		{"inviter's tenant", func(q *roq.Quirks) { q.InviterTenant = "inviter" }, func(t *testing.T, w *world) {
			if got := w.must(w.sendIn(w.other, w.row("a@example.com"))).Text("data", "sendUserInvitesV2", "success", 0, "tenantId"); got != w.acme {
				t.Error(got)
			}
		}},
		{"inviter of another tenant", func(q *roq.Quirks) { q.InviterTenant = "refuse" }, func(t *testing.T, w *world) {
			if got := both(w.must(w.sendIn(w.other, w.row("a@example.com")))); got != [2]int{0, 1} {
				t.Error(got)
			}
		}},
		{"roles at once", func(q *roq.Quirks) { q.RoleKeysAtOnce = true }, func(t *testing.T, w *world) {
			if got := w.must(w.sendIn(w.acme, w.row("a@example.com", "roles", []string{"member"}))).Text("data", "sendUserInvitesV2", "success", 0, "roleKeys", 0); got != "member" {
				t.Error(got)
			}
		}},
		{"variables in data", func(q *roq.Quirks) { q.VariablesInData = true }, func(t *testing.T, w *world) {
			if got := w.must(w.sendIn(w.acme, w.row("a@example.com", "injectableVariables", vars{"k": "v"}))).Text("data", "sendUserInvitesV2", "success", 0, "data", "k"); got != "v" {
				t.Error(got)
			}
		}},
		{"another order", func(q *roq.Quirks) { q.RowsReversed = true }, func(t *testing.T, w *world) {
			if got := w.must(w.sendIn(w.acme, w.row("a@example.com"), w.row("b@example.com"))).Text("data", "sendUserInvitesV2", "success", 0, "email"); got != "b@example.com" {
				t.Error(got)
			}
		}},
		{"null lists", func(q *roq.Quirks) { q.NullLists = true }, func(t *testing.T, w *world) {
			if a := w.must(w.sendIn(w.acme, w.row("a@example.com"))); !strings.Contains(a.Raw, `"errors":null`) {
				t.Error(a.Raw)
			}
			if a := w.must(w.sendIn(w.acme, w.row("a@example.com"))); !strings.Contains(a.Raw, `"success":null`) {
				t.Error(a.Raw)
			}
		}},
		{"plain row errors", func(q *roq.Quirks) { q.PlainRowErrors = true }, func(t *testing.T, w *world) {
			if got := w.must(w.sendIn(w.acme, w.row("member@example.com"))).Text("data", "sendUserInvitesV2", "errors", 0, "error"); !strings.HasPrefix(got, "member@example.com's invitation failed") {
				t.Error(got)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.quirks(test.change)
			test.check(t, w)
		})
	}
}
