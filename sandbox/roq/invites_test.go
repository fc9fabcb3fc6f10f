package roq_test

import (
	"testing"
	"time"

	"usher/sandbox/roq"
)

const acceptV2 = `mutation acceptUserInvite($data: AcceptUserInviteV2Dto!) { acceptUserInviteV2(data: $data) ` + inviteFields + ` }`

func (w *world) accept(token string) answer {
	w.t.Helper()
	return w.do(acceptV2, vars{"data": vars{"token": token}})
}

// TestTransitions is the table of FACTS.md section 4.4, whole.
func TestTransitions(t *testing.T) {
	t.Parallel()
	make := map[string]func(*world, string){
		"pending":  func(*world, string) {},
		"accepted": func(w *world, id string) { w.must(w.accept(w.secret("a@example.com"))) },
		"canceled": func(w *world, id string) { w.must(w.byID("cancelUserInvite", id)) },
		"expired":  func(w *world, id string) { w.clock.Advance(24 * time.Hour); w.token = "" },
	}
	tests := []struct{ from, deed, to, code string }{
		{"pending", "resendUserInvite", "pending", ""},
		{"pending", "cancelUserInvite", "canceled", ""},
		{"pending", "accept", "accepted", ""},
		{"expired", "resendUserInvite", "pending", ""},
		{"expired", "cancelUserInvite", "", "USER_INVITE_CANCELLATION_FAILED"},
		{"expired", "accept", "", "EXPIRED_USER_TOKEN"},
		{"canceled", "resendUserInvite", "pending", ""},
		{"canceled", "cancelUserInvite", "", "USER_INVITE_CANCELLATION_FAILED"},
		{"canceled", "accept", "", "USER_INVITE_ACCEPTANCE_FAILED"},
		{"accepted", "resendUserInvite", "", "USER_INVITE_RESENDING_FAILED"},
		{"accepted", "cancelUserInvite", "", "USER_INVITE_CANCELLATION_FAILED"},
		{"accepted", "accept", "", "USER_INVITE_ALREADY_ACCEPTED"},
	}
	for _, test := range tests {
		t.Run(test.from+" "+test.deed, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.invite("a@example.com")
			secret := w.secret("a@example.com")
			make[test.from](w, id)
			if got := w.status(id); got != test.from {
				t.Fatalf("status %s", got)
			}
			mails := len(w.mails.To("a@example.com"))
			w.clock.Advance(time.Minute)
			field, a := test.deed, answer{}
			if test.deed == "accept" {
				field = "acceptUserInviteV2"
				a = w.accept(secret)
			} else {
				a = w.byID(test.deed, id)
			}
			if test.code != "" {
				w.refused(a, 400, test.code)
				if status := a.Text("errors", 0, "extensions", "response", "variables", "userInviteStatus"); field != "acceptUserInviteV2" && status != test.from {
					t.Errorf("userInviteStatus %q", status)
				}
				if got := w.status(id); got != test.from {
					t.Errorf("refused, and yet now %s", got)
				}
				return
			}
			got := w.must(a).At("data", field).(map[string]any)
			if got["id"] != id || got["status"] != test.to || got["statusUpdatedAt"] == got["createdAt"] {
				t.Errorf("%v", got)
			}
			more := 0
			if test.deed == "resendUserInvite" {
				more = 1
			}
			if n := len(w.mails.To("a@example.com")); n != mails+more {
				t.Errorf("%d mails after %d", n, mails)
			}
		})
	}
}

func TestUnknownInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, field := range []string{"userInvite", "resendUserInvite", "cancelUserInvite"} {
		w.refused(w.byID(field, "0b0e2f3a-9c1d-4e5f-8a7b-1c2d3e4f5a6b"), 404, "USER_INVITATION_NOT_FOUND")
		a := w.refused(w.byID(field, "12"), 400, "INVALID_UUID")
		if a.Status != 200 || a.Text("errors", 0, "path", 0) != field {
			t.Error(a.Raw)
		}
	}
}

// Resending keeps id, token and its id, and gives a whole new day: a gateway
// that keeps either must find the invitation again.
func TestResend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.invite("a@example.com")
	before, secret := w.must(w.byID("userInvite", id)), w.secret("a@example.com")
	w.clock.Advance(23 * time.Hour)
	w.token = ""
	after := w.must(w.byID("resendUserInvite", id))
	if before.Text("data", "userInvite", "userTokenId") != after.Text("data", "resendUserInvite", "userTokenId") || w.secret("a@example.com") != secret {
		t.Error("the token changed")
	}
	w.clock.Advance(23 * time.Hour)
	w.token = ""
	if got := w.status(id); got != "pending" {
		t.Errorf("46 hours later: %s", got)
	}
	w.quirks(func(q *roq.Quirks) { q.ResendNewToken, q.ResendNewTokenID = true, true })
	again := w.must(w.byID("resendUserInvite", id))
	if again.Text("data", "resendUserInvite", "userTokenId") == before.Text("data", "userInvite", "userTokenId") {
		t.Error("resend_new_token_id")
	}
	w.refused(w.accept(secret), 404, "USER_TOKEN_NOT_FOUND_IN_DB")
	w.must(w.accept(w.secret("a@example.com")))

	other := w.invite("b@example.com")
	w.must(w.byID("cancelUserInvite", other))
	w.quirks(func(q *roq.Quirks) { q.ResendKeepsStatus = true })
	if got := w.must(w.byID("resendUserInvite", other)).Text("data", "resendUserInvite", "status"); got != "canceled" || len(w.mails.To("b@example.com")) != 2 {
		t.Errorf("resend_keeps_status: %s", got)
	}
}

func TestExpiryQuirks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pass := func(d time.Duration) { w.clock.Advance(d); w.token = "" }
	w.quirks(func(q *roq.Quirks) { q.InviteLifeMinutes, q.ExpiryJobMinutes = 30, 60 })
	id := w.invite("a@example.com") // at 12:00, valid until 12:30, the job runs at 13:00
	pass(45 * time.Minute)
	if got := w.status(id); got != "pending" {
		t.Errorf("before the job: %s", got)
	}
	w.refused(w.accept(w.secret("a@example.com")), 400, "EXPIRED_USER_TOKEN")
	pass(15 * time.Minute)
	if got := w.must(w.byID("userInvite", id)); got.Text("data", "userInvite", "status") != "expired" || got.Text("data", "userInvite", "statusUpdatedAt") != "2026-03-01T13:00:00.000Z" {
		t.Errorf("after the job: %s", got.Raw)
	}
	w.quirks(func(q *roq.Quirks) { q.CancelExpired = true })
	w.must(w.byID("cancelUserInvite", id))
	w.quirks(func(q *roq.Quirks) { q.ExpiryJobMinutes = -1 })
	id = w.invite("b@example.com")
	pass(240 * time.Hour)
	if got := w.status(id); got != "pending" {
		t.Errorf("without a job: %s", got)
	}
	w.quirks(func(q *roq.Quirks) { q.AcceptByStatus = true })
	a := w.refused(w.accept(w.secret("b@example.com")), 400, "USER_INVITE_ACCEPTANCE_FAILED")
	if a.Text("errors", 0, "message") != "Unable to accept because invite is already expired" {
		t.Error(a.Raw)
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	check := func(token string) answer {
		return w.must(w.do(`query($t: String!){checkUserInviteToken(token:$t){isValid isExpired email}}`, vars{"t": token}))
	}
	w.invite("a@example.com", "firstName", "Ann", "roles", []string{"member"})
	secret := w.secret("a@example.com")
	if a := check(secret); a.At("data", "checkUserInviteToken", "isValid") != true || a.Text("data", "checkUserInviteToken", "email") != "a@example.com" {
		t.Error(a.Raw)
	}
	a := w.must(w.accept(secret))
	by := a.Text("data", "acceptUserInviteV2", "acceptedByUserId")
	u := w.must(w.do(`query($id: ID!){user(id:$id){email firstName tenantId active roles{data{key}}}}`, vars{"id": by}))
	if u.Text("data", "user", "email") != "a@example.com" || u.Text("data", "user", "firstName") != "Ann" || u.Text("data", "user", "tenantId") != w.acme ||
		u.Len("data", "user", "roles", "data") != 1 || u.Text("data", "user", "roles", "data", 0, "key") != "member" {
		t.Error(u.Raw)
	}
	if a := check(secret); a.At("data", "checkUserInviteToken", "isValid") != false {
		t.Error(a.Raw)
	}
	if a := check("nonsense"); a.At("data", "checkUserInviteToken", "isValid") != false || a.At("data", "checkUserInviteToken", "email") != nil {
		t.Error(a.Raw)
	}
	w.refused(w.accept(""), 400, "INVALID_USER_TOKEN")
	w.refused(w.accept("nonsense"), 404, "USER_TOKEN_NOT_FOUND_IN_DB")

	// Without roles the invitee gets the inviter's.
	w.invite("b@example.com")
	b := w.must(w.do(`mutation($d: AcceptUserInviteDto!){acceptUserInvite(acceptUserInvite:$d){status acceptedBy{roles{data{key}}} roleKeys roles{totalCount}}}`, vars{"d": vars{"token": w.secret("b@example.com")}}))
	if b.Text("data", "acceptUserInvite", "acceptedBy", "roles", "data", 0, "key") != "admin" || b.Len("data", "acceptUserInvite", "roleKeys") != 0 {
		t.Error(b.Raw)
	}

	// As with ROQ One: the app makes the user and says so.
	w.quirks(func(q *roq.Quirks) { q.AcceptWithoutUser = true })
	id := w.invite("c@example.com")
	users := len(w.sim.State().Users)
	if a := w.must(w.accept(w.secret("c@example.com"))); a.At("data", "acceptUserInviteV2", "acceptedByUserId") != nil || len(w.sim.State().Users) != users {
		t.Error(a.Raw)
	}
	const update = `mutation updateUserInvite($id: ID!, $userInvite: UserInviteUpdateDto!) { updateUserInvite(id: $id, userInvite: $userInvite) ` + inviteFields + ` }`
	a = w.must(w.do(update, vars{"id": id, "userInvite": vars{"acceptedByUserId": w.member, "firstName": "Cy", "locale": "de-DE", "data": vars{"k": 1}}}))
	if a.Text("data", "updateUserInvite", "acceptedByUserId") != w.member || a.Text("data", "updateUserInvite", "firstName") != "Cy" || a.Text("data", "updateUserInvite", "status") != "accepted" {
		t.Error(a.Raw)
	}
	if a = w.must(w.do(update, vars{"id": id, "userInvite": vars{"locale": nil, "data": nil}})); a.At("data", "updateUserInvite", "locale") != nil || a.At("data", "updateUserInvite", "data") != nil || a.Text("data", "updateUserInvite", "firstName") != "Cy" {
		t.Error(a.Raw)
	}
	w.refused(w.do(update, vars{"id": id, "userInvite": vars{"acceptedByUserId": w.acme}}), 404, "USER_NOT_FOUND")
}

// An invitee who is already known by then is found, not made twice.
func TestAcceptFindsTheUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invite("a@example.com", "roles", []string{"admin"})
	known := w.sim.AddUser(roq.User{Email: "A@example.com", Roles: []string{"member"}})
	if got := w.must(w.accept(w.secret("a@example.com"))).Text("data", "acceptUserInviteV2", "acceptedByUserId"); got != known {
		t.Fatalf("%s, not %s", got, known)
	}
	for _, u := range w.sim.State().Users {
		if u.ID == known && (u.TenantID != w.acme || len(u.Roles) != 2) {
			t.Errorf("%+v", u)
		}
	}
}
