package roq_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/sandbox"
	"usher/sandbox/roq"
	"usher/sandbox/sandboxtest"
)

func (w *world) get(url string) (int, string) {
	w.t.Helper()
	a := sandboxtest.Send(w.t, w.srv.Client(), sandboxtest.NewRequest(w.t, http.MethodGet, url, nil))
	return a.Status, a.Raw
}

// A link scanner that opens the mail's link must not accept for the invitee.
func TestPersonJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.quirks(func(q *roq.Quirks) { q.AcceptWithoutUser = true }) // the page makes the user all the same
	id := w.invite("a@example.com", "roles", []string{"member"})
	for range 2 {
		if status, page := w.get(w.link("a@example.com")); status != 200 || !strings.Contains(page, "<form") {
			t.Fatalf("%d %s", status, page)
		}
	}
	if got := w.status(id); got != "pending" {
		t.Fatalf("a GET accepted: %s", got)
	}
	page, err := (&sandbox.Person{Password: "pass"}).Open(t.Context(), w.link("a@example.com"))
	if err != nil || !strings.Contains(page.Text, "You have joined Acme") {
		t.Fatalf("%+v %v", page, err)
	}
	by := w.must(w.byID("userInvite", id)).Text("data", "userInvite", "acceptedByUserId")
	if a := w.must(w.do(`mutation($u: ID!){verifyPassword(userId:$u, password:"pass")}`, vars{"u": by})); a.At("data", "verifyPassword") != true {
		t.Error(a.Raw)
	}
	if _, err := (&sandbox.Person{}).Open(t.Context(), w.link("a@example.com")); err == nil || !strings.Contains(err.Error(), "already been accepted") {
		t.Errorf("twice: %v", err)
	}
	if _, err := (&sandbox.Person{}).Open(t.Context(), w.srv.URL+"/accept-invite?token=nonsense"); err == nil {
		t.Error("nonsense was accepted")
	}
	w.invite("b@example.com")
	if err := w.sim.Accept(w.link("b@example.com"), "pass"); err != nil {
		t.Error(err)
	}
	w.invite("c@example.com")
	w.clock.Advance(25 * time.Hour)
	if err := w.sim.Accept(w.link("c@example.com"), "pass"); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("too late: %v", err)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/accept-invite", "/reset-password", "/confirm-email"} {
		status, page := w.get(w.srv.URL + path + `?token=%22%3E%3Cscript%3E`)
		if status != 200 || strings.Contains(page, "<script>") {
			t.Errorf("%s: %d %s", path, status, page)
		}
		if a := sandboxtest.Send(t, w.srv.Client(), sandboxtest.NewRequest(t, http.MethodDelete, w.srv.URL+path, nil)); a.Status != 405 {
			t.Errorf("%s: DELETE %d", path, a.Status)
		}
	}
	if status, _ := w.get(w.srv.URL + "/v01/server/graphql"); status != 404 {
		t.Errorf("GET of GraphQL: %d", status)
	}
}

func TestPasswordsAndMails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	verify := func(password string) any {
		return w.must(w.do(`mutation($p: String!, $u: ID!){verifyPassword(password:$p, userId:$u)}`, vars{"p": password, "u": w.admin})).At("data", "verifyPassword")
	}
	if verify("secret") != true || verify("wrong") != false || verify("") != false {
		t.Error("verifyPassword")
	}
	if a := w.must(w.do(`mutation($u: ID!){verifyPassword(userId:$u, password:"")}`, vars{"u": w.member})); a.At("data", "verifyPassword") != false {
		t.Error("no password is the empty password")
	}
	w.refused(w.do(`mutation($u: ID!){changeUserPassword(id:$u, input:{password:"" newPassword:"x"})}`, vars{"u": w.member}), 400, "INVALID_CREDENTIALS")
	const change = `mutation($d: ChangeUserPasswordDto!){changeUserPasswordV2(data:$d)}`
	w.refused(w.do(change, vars{"d": vars{"userId": w.admin, "password": "wrong", "newPassword": "next"}}), 400, "INVALID_CREDENTIALS")
	w.refused(w.do(change, vars{"d": vars{"userId": w.admin, "password": "secret", "newPassword": ""}}), 400, "IS_NOT_EMPTY")
	w.must(w.do(change, vars{"d": vars{"userId": w.admin, "password": "secret", "newPassword": "next"}}))
	w.must(w.do(`mutation($u: ID!){changeUserPassword(id:$u, input:{password:"next" newPassword:"third"})}`, vars{"u": w.admin}))
	if verify("third") != true || verify("secret") != false {
		t.Error("not changed")
	}
	w.must(w.do(`mutation($u: ID!){sendUserResetPasswordMail(userId:$u variantKey:"v")}`, vars{"u": w.admin}))
	if _, err := (&sandbox.Person{Password: "fourth"}).Open(t.Context(), w.link("admin@example.com")); err != nil || verify("fourth") != true {
		t.Errorf("not reset: %v", err)
	}
	if _, err := (&sandbox.Person{Password: "fifth"}).Open(t.Context(), w.link("admin@example.com")); err == nil {
		t.Error("a link worked twice")
	}
	w.must(w.do(`mutation($u: ID!){sendUserConfirmationMail(userId:$u)}`, vars{"u": w.member}))
	if _, err := (&sandbox.Person{}).Open(t.Context(), w.link("member@example.com")); err != nil {
		t.Error(err)
	}
	const mail = `mutation($m: MailCreateDto!){sendMail(mail:$m){mailsSent{count}}}`
	a := w.must(w.do(mail, vars{"m": vars{"key": "hello", "locale": "en-US", "emails": []string{"x@example.com", "y@example.com"}, "data": []any{vars{"key": "who", "value": "World"}}}}))
	if a.At("data", "sendMail", "mailsSent", "count") != 2.0 || len(w.mails.To("y@example.com")) != 1 || !strings.Contains(w.mails.To("y@example.com")[0].Text, "World") {
		t.Error(a.Raw)
	}
	w.refused(w.do(mail, vars{"m": vars{"key": "hello", "locale": "en-US", "emails": []string{"x"}}}), 400, "IS_EMAIL")
	w.refused(w.do(mail, vars{"m": vars{"key": "", "locale": "en-US", "emails": []string{}}}), 400, "IS_NOT_EMPTY")
	w.mails.Fail = errors.New("mail server is down")
	w.invite("z@example.com") // a broken mail server fails no call
	state := w.sim.State()
	if last := state.Mails[len(state.Mails)-1]; last.Error == "" || state.MailsByKind[roq.MailTemplate] != 2 || state.MailsByKind[roq.MailInvitation] != 0 {
		t.Errorf("%+v", state.MailsByKind)
	}
}
