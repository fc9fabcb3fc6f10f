package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"usher/sandbox/asgardeo"
	"usher/sandbox/mail"
)

func all() mail.Filter { return mail.Filter{} }

// TestInvitedPersonJoins is the vendor's part of the published guide, by bare
// HTTP: create with askPassword, invite as guest, two mails, two clicks.
func TestInvitedPersonJoins(t *testing.T) {
	t.Parallel()
	s := start(t, &Options{Now: fixedNow, VendorLimits: true})
	vars, b := env(t, s), plain(t)
	base, org := vars["USHER_SANDBOX_ASGARDEO_URL"], vars["USHER_SANDBOX_ASGARDEO_ORGANIZATION_ID"]
	id, secret := vars["USHER_SANDBOX_ASGARDEO_CLIENT_ID"], vars["USHER_SANDBOX_ASGARDEO_CLIENT_SECRET"]
	const email = "newcomer@example.com"
	root := b.token(base, id, secret, url.Values{"grant_type": {"client_credentials"}, "scope": {"internal_user_mgt_create internal_user_mgt_list"}})
	sub := b.token(base, id, secret, url.Values{
		"grant_type": {"organization_switch"}, "token": {root}, "switching_organization": {org},
		"scope": {"internal_org_guest_mgt_invite_add internal_org_role_mgt_view"},
	})
	b.json(http.MethodPost, base+"/scim2/Users", root, map[string]any{
		"schemas": []string{}, "userName": "DEFAULT/" + email, "emails": []any{map[string]any{"primary": true, "value": email}},
		"name": map[string]any{"givenName": "New", "familyName": "Comer"}, "urn:scim:wso2:schema": map[string]any{"askPassword": "true"},
	}, http.StatusCreated, nil)
	var roles struct {
		Resources []struct{ ID, DisplayName string }
	}
	b.json(http.MethodGet, base+"/o/scim2/v2/Roles?filter="+url.QueryEscape("displayName eq Member"), sub, nil, http.StatusOK, &roles)
	if len(roles.Resources) != 1 {
		t.Fatalf("roles %+v", roles)
	}
	var rows []struct {
		Username string
		Result   struct{ Status string }
	}
	b.json(http.MethodPost, base+"/o/api/server/v1/guests/invite", sub, map[string]any{
		"usernames": []string{email}, "userDomain": "DEFAULT", "roles": []string{roles.Resources[0].ID},
	}, http.StatusOK, &rows)
	if len(rows) != 1 || !strings.HasPrefix(rows[0].Result.Status, "Success") {
		t.Fatalf("invite %+v", rows)
	}
	for _, kind := range []string{asgardeo.MailSetPassword, asgardeo.MailGuestInvitation} {
		if n := len(s.Mail().Messages(mail.Filter{To: email, Kind: kind})); n != 1 {
			t.Fatalf("%d mails of kind %s", n, kind)
		}
	}
	// A link scanner looks first, and changes nothing.
	before := s.Asgardeo().State()
	for _, m := range s.Mail().Messages(all()) {
		for _, method := range []string{http.MethodHead, http.MethodGet} {
			if status, text := b.do(method, m.Links[0], nil, nil); status != http.StatusOK {
				t.Fatalf("%s: %d %s", method, status, text)
			}
		}
	}
	if after := s.Asgardeo().State(); !reflect.DeepEqual(after, before) {
		t.Errorf("looking at the pages changed the world: %+v", after)
	}
	for _, m := range s.Mail().Messages(mail.Filter{To: email}) {
		page, err := OpenMail(t.Context(), m)
		if err != nil {
			t.Fatalf("%s: %v", m.Kind, err)
		}
		if page.Status != http.StatusOK || page.Text == "" {
			t.Errorf("%s: page %+v", m.Kind, page)
		}
		if again, err := OpenMail(t.Context(), m); err == nil {
			t.Errorf("%s: opened twice: %+v", m.Kind, again)
		}
	}
	type account struct {
		Roles  []string
		State  string
		Locked bool
		Ready  bool
		Shared string
	}
	got := map[string]account{}
	state := s.Asgardeo().State()
	for _, u := range state.Users {
		if u.Email == email {
			where := "root"
			if u.OrganizationID == org {
				where = "acme"
			}
			roles := slices.DeleteFunc(slices.Clone(u.Roles), func(r string) bool { return r == "everyone" })
			got[where] = account{roles, u.AccountState, u.Locked, u.PasswordSet, u.SharedType}
		}
	}
	acme := got["acme"]
	if !reflect.DeepEqual(acme.Roles, []string{"Member"}) || acme.Shared != "INVITED" {
		t.Errorf("account in the organization: %+v", acme)
	}
	if r := got["root"]; !r.Ready || r.Locked || r.State != "" {
		t.Errorf("account in the root: %+v", r)
	}
	if len(state.Invitations) != 0 {
		t.Errorf("invitations left: %+v", state.Invitations)
	}
	if m, err := s.Mail().Wait(t.Context(), mail.Filter{Kind: asgardeo.MailGuestInvitation}.Match); err != nil || !m.At.Equal(fixedNow()) || m.From != "no-reply@sandbox.example" {
		t.Errorf("mail %+v, %v", m, err)
	}
}

// pageServer shows one page and notes what is posted.
func pageServer(t *testing.T, page string, answer http.HandlerFunc) (address string, posted func() []string) {
	t.Helper()
	var mu sync.Mutex
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == "/start" {
			_, _ = io.WriteString(w, page)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		got = append(got, fmt.Sprintf("%s %s %s %s", r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), body))
		mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/start?code=1", func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(got)
	}
}

func TestPersonFillsForms(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	thanks := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<title> Well\n done </title><style>p{}</style><script>x()</script><p>Thank  you, <b>Ann</b>.")
	}
	tests := []struct {
		name, page string
		answer     http.HandlerFunc
		posted     []string
		wantErr    string
	}{
		{
			name:   "one button, sent to the page itself",
			page:   `<form method=post><input type=hidden name=code value="a&amp;b"><button>Go</button></form>`,
			answer: thanks, posted: []string{"POST /start?code=1 " + form + " code=a%26b"},
		},
		{
			name: "passwords are typed, the first button is pressed, disabled fields are left out",
			page: `<form method=POST action="../set"><input name=user value=u><input type=password name=p1><input type=password name=p2>
				<input type=checkbox name=terms required><input type=checkbox name=news><input name=off value=1 disabled><input value=nameless>
				<button type=button name=show value=1>Show</button><input type=submit name=do value=set><button name=do value=cancel>Cancel</button></form>
				<form method=post action=/other></form>`,
			answer: thanks, posted: []string{"POST /set " + form + " do=set&p1=Pw-1&p2=Pw-1&terms=on&user=u"},
		},
		{
			name:   "no form",
			page:   `<p>Nothing to do`,
			answer: thanks, wantErr: "no form",
		},
		{
			name:   "a form that reading would send",
			page:   `<form><button>Go</button></form>`,
			answer: thanks, wantErr: "uses GET",
		},
		{
			name:   "a form that leads elsewhere",
			page:   `<form method=post action="http://evil.example/x"><button>Go</button></form>`,
			answer: thanks, wantErr: "not one of the sandbox",
		},
		{
			name: "a refusal says why",
			page: `<form method=post><button>Go</button></form>`,
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusGone)
				_, _ = io.WriteString(w, "<h1>Expired</h1>")
			},
			posted: []string{"POST /start?code=1 " + form + " "}, wantErr: "410 Gone: Expired",
		},
		{
			name: "a redirection out of the sandbox is not followed",
			page: `<form method=post><button>Go</button></form>`,
			answer: func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://evil.example/x", http.StatusSeeOther)
			},
			posted: []string{"POST /start?code=1 " + form + " "},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			link, posted := pageServer(t, test.page, test.answer)
			person := &Person{Password: "Pw-1"}
			page, err := person.OpenMail(t.Context(), &mail.Message{ID: "1", Links: []string{link}})
			if (err == nil) != (test.wantErr == "") || err != nil && !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("error %v, want %q", err, test.wantErr)
			}
			if got := posted(); !reflect.DeepEqual(got, test.posted) {
				t.Errorf("sent %q, want %q", got, test.posted)
			}
			if err == nil && page.Status == http.StatusOK && (page.Title != "Well done" || page.Text != "Well done Thank you, Ann .") {
				t.Errorf("page %+v", page)
			}
		})
	}
}

func TestPersonStaysInTheSandbox(t *testing.T) {
	t.Parallel()
	for _, link := range []string{"https://example.com/", "http://example.com/", "http://127.0.0.1.example.com/", "file:///etc/passwd", "http://[", ""} {
		if _, err := (&Person{}).Open(t.Context(), link); err == nil || !strings.Contains(err.Error(), "not one of the sandbox") {
			t.Errorf("%q: %v", link, err)
		}
	}
	if _, err := OpenMail(t.Context(), &mail.Message{ID: "7"}); err == nil || !strings.Contains(err.Error(), "mail 7: no link") {
		t.Errorf("a mail without links: %v", err)
	}
	if _, err := (&Person{}).Open(t.Context(), "http://127.0.0.1:1/"); err == nil || errors.Is(err, ErrNoForm) {
		t.Errorf("nobody there: %v", err)
	}
}
