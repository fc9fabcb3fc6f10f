package asgardeo_test

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"usher/sandbox/asgardeo"
)

// press does what a person does: open the link, find the one form, submit it.
func (w *world) press(link string) (status int, text string) {
	w.t.Helper()
	page := w.do("GET", link, "", nil)
	forms := regexp.MustCompile(`<form method="post"><input type="hidden" name="(\w+)" value="([^"]+)"><button type="submit">`).FindAllStringSubmatch(page.Raw, -1)
	if page.Status != 200 || len(forms) != 1 || strings.Count(page.Raw, "<button") != 1 {
		w.t.Fatalf("page %d %s", page.Status, page.Raw)
	}
	address, _, _ := strings.Cut(link, "?")
	a := w.do("POST", address, "", url.Values{forms[0][1]: {forms[0][2]}})
	return a.Status, a.Raw
}

func TestSetPasswordPage(t *testing.T) { // FACTS.md sections 3 and 17
	t.Parallel()
	w := newWorld(t, nil)
	w.want(w.do("POST", "/scim2/Users", w.root(), newUser("new@example.com")), 201)
	mail := w.mails.Kind(asgardeo.MailSetPassword)[0]
	if mail.To != "new@example.com" || !strings.HasPrefix(mail.Link, w.srv.URL+"/t/rootorg/accountrecoveryendpoint/confirmrecovery.do?confirmation=") ||
		!strings.Contains(mail.Text, mail.Link) || !strings.Contains(mail.HTML, "confirmrecovery.do") {
		t.Errorf("mail %+v", mail)
	}
	for _, method := range []string{"GET", "HEAD", "GET"} { // link scanners
		if a := w.do(method, mail.Link, "", nil); a.Status != 200 || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", method, a.Status, a.Header)
		}
	}
	if u := w.sim.State().Users[0]; u.AccountState != "PENDING_AP" || !u.Locked || u.PasswordSet {
		t.Fatalf("looking changed the account: %+v", u)
	}
	if status, text := w.press(mail.Link); status != 200 || strings.Contains(text, "<form") {
		t.Errorf("pressed: %d %s", status, text)
	}
	if u := w.sim.State().Users[0]; u.AccountState != "" || u.Locked || !u.PasswordSet {
		t.Errorf("account %+v", u)
	}
	if status, text := w.press(mail.Link); status != 400 || !strings.Contains(text, "18001") {
		t.Errorf("pressed again: %d %s", status, text)
	}
	if a := w.do("DELETE", mail.Link, "", nil); a.Status != 405 {
		t.Errorf("DELETE: %d", a.Status)
	}
	if a := w.do("GET", "/accountrecoveryendpoint/unknown.do", "", nil); a.Status != 404 {
		t.Errorf("unknown page: %d", a.Status)
	}
}

func TestSetPasswordLife(t *testing.T) { // FACTS.md section 3
	t.Parallel()
	tests := []struct {
		name    string
		minutes int
		after   time.Duration
		want    int
	}{
		{"a day", 1440, 24*time.Hour - time.Second, 200},
		{"past a day", 1440, 24 * time.Hour, 400},
		{"never", -1, 1000 * time.Hour, 200},
		{"at once", 0, 0, 400},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.quirks(func(q *asgardeo.Quirks) { q.PasswordLifeMinutes = test.minutes; q.LockOnCreation = false })
			w.want(w.do("POST", "/scim2/Users", w.root(), newUser("new@example.com")), 201)
			if w.sim.State().Users[0].Locked {
				t.Error("locked")
			}
			w.advance(test.after)
			if status, text := w.press(w.mails.Kind(asgardeo.MailSetPassword)[0].Link); status != test.want {
				t.Errorf("pressed: %d %s", status, text)
			}
		})
	}
}

func TestVerifyPage(t *testing.T) { // FACTS.md section 3
	t.Parallel()
	w := newWorld(t, nil)
	w.want(w.do("POST", "/scim2/Users", w.root(), newUser("new@example.com", "password", "Pa55word!", "urn:scim:wso2:schema", map[string]any{"verifyEmail": "true"})), 201)
	link := w.mails.Kind(asgardeo.MailVerifyEmail)[0].Link
	if status, _ := w.press(strings.Replace(link, "confirmregistration", "confirmrecovery", 1)); status != 400 {
		t.Errorf("a verify code set a password: %d", status)
	}
	if status, _ := w.press(link); status != 200 || w.sim.State().Users[0].Locked {
		t.Errorf("pressed: %d, %+v", status, w.sim.State().Users[0])
	}
}

func TestAcceptPage(t *testing.T) { // FACTS.md sections 4.2 and 17
	t.Parallel()
	w := newWorld(t, nil)
	w.want(w.do("POST", "/scim2/Users", w.root(), newUser("new@example.com")), 201)
	w.want(w.invite("new@example.com", w.member), 200)
	link := w.mails.Kind(asgardeo.MailGuestInvitation)[0].Link
	if !strings.HasPrefix(link, w.srv.URL+"/t/rootorg/o/"+w.acme+"/accountrecoveryendpoint/acceptinvitation.do?code=") {
		t.Errorf("link %s", link)
	}
	for range 3 {
		w.do("GET", link, "", nil)
		w.do("HEAD", link, "", nil)
	}
	if s := w.sim.State(); len(s.Invitations) != 1 || len(w.accountsOf(w.acme)) != 0 {
		t.Fatalf("looking accepted: %+v", s)
	}
	if status, text := w.press(link); status != 200 || !strings.Contains(text, "Acme") {
		t.Errorf("pressed: %d %s", status, text)
	}
	if got := w.accountsOf(w.acme); len(got) != 1 || got[0].Roles[0] != "member" {
		t.Errorf("accounts %+v", got)
	}
	if u := w.accountsOf(w.sim.RootID())[0]; u.AccountState != "PENDING_AP" {
		t.Errorf("accepting set a password: %+v", u)
	}
	if status, text := w.press(link); status != 400 || !strings.Contains(text, "OUI-60010") {
		t.Errorf("pressed again: %d %s", status, text)
	}
}

func TestResendCode(t *testing.T) { // FACTS.md section 7
	t.Parallel()
	body := func(name, realm, scenario string) map[string]any {
		return map[string]any{"user": map[string]any{"username": name, "realm": realm}, "properties": []any{map[string]any{"key": "RecoveryScenario", "value": scenario}}}
	}
	tests := []struct {
		name   string
		body   any
		quirk  func(*asgardeo.Quirks)
		status int
		mails  int
	}{
		{"pending", body("p@example.com", "DEFAULT", "ASK_PASSWORD"), nil, 201, 1},
		{"store in the name", body("DEFAULT/p@example.com", "", "ASK_PASSWORD"), nil, 201, 1},
		{"active", body("a@example.com", "DEFAULT", "ASK_PASSWORD"), nil, 400, 0},
		{"unknown", body("n@example.com", "DEFAULT", "ASK_PASSWORD"), nil, 400, 0},
		{"other scenario", body("p@example.com", "DEFAULT", "ASK_PASSWORD_VIA_EMAIL_OTP"), nil, 400, 0},
		{"one-time password", body("p@example.com", "DEFAULT", "ASK_PASSWORD_VIA_EMAIL_OTP"), func(q *asgardeo.Quirks) { q.AskPasswordScenario = "ASK_PASSWORD_VIA_EMAIL_OTP" }, 201, 1},
		{"no properties", map[string]any{"user": map[string]any{"username": "p@example.com"}}, nil, 500, 0},
		{"no JSON", "{", nil, 400, 0},
		{"external notifications", body("p@example.com", "DEFAULT", "ASK_PASSWORD"), func(q *asgardeo.Quirks) { q.ExternalNotifications = true }, 201, 0},
		{"scope asked for", body("p@example.com", "DEFAULT", "ASK_PASSWORD"), func(q *asgardeo.Quirks) { q.ResendScope = "internal_something" }, 403, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.sim.AddUser(asgardeo.Person{Email: "p@example.com", Pending: true})
			w.sim.AddUser(asgardeo.Person{Email: "a@example.com"})
			if test.quirk != nil {
				w.quirks(test.quirk)
			}
			w.advance(100 * time.Hour) // works after the code expired, too
			a := w.want(w.do("POST", "/api/identity/user/v1.0/resend-code", w.root(), test.body), test.status)
			mails := w.mails.Kind(asgardeo.MailSetPassword)
			if len(mails) != test.mails || test.mails == 1 && a.Raw != "" {
				t.Fatalf("%d mails, answer %s", len(mails), a.Raw)
			}
			if test.name == "external notifications" && a.JSON == nil {
				t.Errorf("no key: %s", a.Raw)
			}
			if test.mails == 1 {
				if status, _ := w.press(mails[0].Link); status != 200 {
					t.Errorf("the new link gave %d", status)
				}
			}
		})
	}
}

func TestResendEndsTheOldLink(t *testing.T) { // FACTS.md section 7
	t.Parallel()
	w := newWorld(t, nil)
	w.want(w.do("POST", "/scim2/Users", w.root(), newUser("new@example.com")), 201)
	w.want(w.do("POST", "/api/identity/user/v1.0/resend-code", w.root(), map[string]any{"user": map[string]any{"username": "new@example.com", "realm": "DEFAULT"},
		"properties": []any{map[string]any{"key": "RecoveryScenario", "value": "ASK_PASSWORD"}}}), 201)
	mails := w.mails.Kind(asgardeo.MailSetPassword)
	if status, _ := w.press(mails[0].Link); status != 400 {
		t.Errorf("old link: %d", status)
	}
	if status, _ := w.press(mails[1].Link); status != 200 {
		t.Errorf("new link: %d", status)
	}
}

func TestOfflineInviteLink(t *testing.T) { // FACTS.md section 7
	t.Parallel()
	w := newWorld(t, nil)
	w.sim.AddUser(asgardeo.Person{Email: "p@example.com", Pending: true})
	ask := func(name string) answer {
		return w.do("POST", "/api/users/v1/offline-invite-link", w.root(), map[string]any{"username": name, "userstore": "DEFAULT"})
	}
	a := w.want(ask("p@example.com"), 201)
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") || len(w.mails.Kind(asgardeo.MailSetPassword)) != 0 {
		t.Errorf("answer %v %s", a.Header, a.Raw)
	}
	if status, _ := w.press(a.Raw); status != 200 {
		t.Errorf("link: %d", status)
	}
	w.want(ask("n@example.com"), 400)
	w.want(ask(""), 400)
	w.sim.AddUser(asgardeo.Person{Email: "locked@example.com", Pending: true})
	w.quirks(func(q *asgardeo.Quirks) { q.OfflineLinkLocked = true })
	if a := w.want(ask("locked@example.com"), 400); a.Text("code") != "17003" {
		t.Errorf("answer %s", a.Raw)
	}
}

func TestStateHidesSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.want(w.do("POST", "/scim2/Users", w.root(), newUser("new@example.com")), 201)
	w.want(w.invite("new@example.com"), 200)
	raw := w.want(w.do("GET", w.srv.URL+"/_sandbox/state", "", nil), 200).Raw
	secrets := []string{w.root(), w.org(w.acme), w.app.ClientSecret}
	for _, m := range w.mails.All() {
		u, err := url.Parse(m.Link)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, u.Query().Get("code")+u.Query().Get("confirmation"))
	}
	calls, err := json.Marshal(w.sim.Injector().Calls())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range secrets {
		if secret == "" || strings.Contains(raw, secret) || strings.Contains(string(calls), secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	var s asgardeo.State
	decode(t, raw, &s)
	if s.MailsByKind["set_password"] != 1 || s.MailsByKind["guest_invitation"] != 1 || len(s.Invitations) != 1 || s.Tokens != 2 || s.Codes != 1 {
		t.Errorf("state %+v", s)
	}
}
