package sandbox

import (
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"usher/sandbox/mail"
	"usher/sandbox/nile"
)

// nileUser is somebody who is signed in to the simulated Nile.
type nileUser struct {
	browserless
	base    string
	cookies string
	csrf    string
}

// nileSignIn signs in by the variables of the environment file alone.
func nileSignIn(t *testing.T, s *Sandbox) *nileUser {
	t.Helper()
	vars := env(t, s)
	u := &nileUser{browserless: plain(t), base: vars["USHER_SANDBOX_NILE_URL"]}
	res := u.call(http.MethodGet, "/auth/csrf", nil)
	u.cookies = regexp.MustCompile(`nile\.csrf-token=[^;]+`).FindString(strings.Join(res.Header["Set-Cookie"], "\n"))
	u.csrf, _, _ = strings.Cut(strings.TrimPrefix(u.cookies, "nile.csrf-token="), "%7C")
	res = u.call(http.MethodPost, "/auth/callback/credentials", url.Values{
		"email": {vars["USHER_SANDBOX_NILE_EMAIL"]}, "password": {vars["USHER_SANDBOX_NILE_PASSWORD"]}, "csrfToken": {u.csrf},
	})
	session := regexp.MustCompile(`nile\.session-token=[^;]+`).FindString(strings.Join(res.Header["Set-Cookie"], "\n"))
	if session == "" {
		t.Fatalf("not signed in: %s %v", res.Status, res.Header)
	}
	u.cookies += "; " + session
	return u
}

func (u *nileUser) call(method, path string, form url.Values) *http.Response {
	u.t.Helper()
	r, err := http.NewRequestWithContext(u.t.Context(), method, u.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		u.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("nile-secure-cookies", "false")
	r.Header.Set("Cookie", u.cookies)
	res, err := u.client.Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		u.t.Fatal(err)
	}
	return res
}

// TestNilePersonJoins: the gateway's own user invites, a person opens the mail.
func TestNilePersonJoins(t *testing.T) {
	t.Parallel()
	s := start(t, &Options{Now: fixedNow})
	tenant := env(t, s)["USHER_SANDBOX_NILE_TENANT_ID"]
	service := nileSignIn(t, s)
	const email = "newcomer@example.com"
	res := service.call(http.MethodPost, "/tenants/"+tenant+"/invite", url.Values{
		"identifier": {email}, "csrfToken": {service.csrf}, "callbackUrl": {s.Nile().AppURL() + "/"},
		"redirectUrl": {s.Nile().AppURL() + "/api/tenants/" + tenant + "/invite"},
	})
	if res.StatusCode != http.StatusCreated {
		t.Fatal(res.Status)
	}
	m, err := s.Mail().Wait(t.Context(), mail.Filter{To: email, Kind: nile.MailInvite}.Match)
	if err != nil || m.Subject != "Join Acme on Demo App" {
		t.Fatalf("mail %+v, %v", m, err)
	}
	before := s.Nile().State()
	if creator := before.Invites[0].CreatedBy; creator != before.Users[0].ID || before.Users[0].Email != "usher-service@example.com" {
		t.Errorf("invited by %s", creator)
	}
	if status, text := service.do(http.MethodGet, m.Links[0], nil, nil); status != http.StatusOK || !reflect.DeepEqual(s.Nile().State(), before) {
		t.Errorf("looking at the page changed the world: %d %s", status, text)
	}
	page, err := OpenMail(t.Context(), m)
	if err != nil || !strings.Contains(page.Text, "You are now a member of Acme.") {
		t.Fatalf("page %+v, %v", page, err)
	}
	if again, err := OpenMail(t.Context(), m); err == nil {
		t.Errorf("opened twice: %+v", again)
	}
	after := s.Nile().State()
	if len(after.Tenants[0].Members) != 4 || len(after.Invites) != 0 {
		t.Errorf("%+v", after)
	}
}

func TestNileFirstPeople(t *testing.T) {
	t.Parallel()
	state := start(t, nil).Nile().State()
	var emails []string
	for _, u := range state.Users {
		emails = append(emails, u.Email)
		if !u.PasswordSet || !u.Verified {
			t.Errorf("%+v", u)
		}
	}
	if !reflect.DeepEqual(emails, []string{"usher-service@example.com", AdministratorEmail, MemberEmail}) || len(state.Tenants) != 1 ||
		len(state.Tenants[0].Members) != 3 || len(state.Mails) != 0 || len(state.Invites) != 0 {
		t.Errorf("%+v", state)
	}
}

// TestNileRelay: without a relay the vendor refuses, after writing the row.
func TestNileRelay(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	tenant := env(t, s)["USHER_SANDBOX_NILE_TENANT_ID"]
	service := nileSignIn(t, s)
	if err := s.Mail().Close(); err != nil {
		t.Fatal(err)
	}
	res := service.call(http.MethodPost, "/tenants/"+tenant+"/invite", url.Values{"identifier": {"a@example.com"}, "csrfToken": {service.csrf}})
	if res.StatusCode != http.StatusBadRequest || len(s.Nile().State().Invites) != 1 {
		t.Errorf("%s, %d rows", res.Status, len(s.Nile().State().Invites))
	}
}
