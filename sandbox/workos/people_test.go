package workos_test

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"usher/sandbox/sandboxtest"
	"usher/sandbox/workos"
)

// open loads a page; form is posted where it is not nil.
func (w *world) open(method, link string, form url.Values) (int, string) {
	w.t.Helper()
	var body any
	if form != nil {
		body = form
	}
	a := sandboxtest.Send(w.t, w.srv.Client(), sandboxtest.NewRequest(w.t, method, link, body))
	return a.Status, a.Raw
}

// TestLookingChangesNothing guards against link scanners, which would accept
// invitations that nobody has read.
func TestLookingChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(w.send("a@person.example"), 201)
	link, before := sandboxtest.Last(t, w.mails.All()).Link, w.sim.State()
	for _, method := range []string{"HEAD", "GET", "GET"} {
		if status, text := w.open(method, link, nil); status != 200 || method == "GET" && !strings.Contains(text, `value="a@person.example"`) {
			t.Errorf("%s: %d %s", method, status, text)
		}
	}
	if after := w.sim.State(); !reflect.DeepEqual(after, before) {
		t.Errorf("looking changed the world: %+v", after)
	}
	if status, _ := w.open("PUT", link, nil); status != 405 {
		t.Errorf("PUT: %d", status)
	}
}

func TestInviteeSignsUp(t *testing.T) { // FACTS.md section 6.3
	t.Parallel()
	w := newWorld(t)
	a := w.want(w.send("a@person.example", "role_slug", "admin"), 201)
	link := sandboxtest.Last(t, w.mails.All()).Link
	stub := w.membershipOf("a@person.example").UserID
	form := url.Values{"email": {"a@person.example"}, "password": {"chosen on the page"}}
	if status, text := w.open("POST", link, form); status != 200 || !strings.Contains(text, "Acme") {
		t.Fatalf("%d %s", status, text)
	}
	b := w.get(invitations+"/"+a.Text("id"), 200)
	if b.Text("state") != "accepted" || b.Text("accepted_user_id") != stub {
		t.Errorf("invitation %s", b.Raw)
	}
	if m := w.membershipOf("a@person.example"); m.Status != "active" || m.Roles[0] != "admin" {
		t.Errorf("membership %+v", m)
	}
	if u := w.get(users+"/"+stub, 200); u.At("email_verified") != true {
		t.Errorf("user %s", u.Raw)
	}
	for _, u := range w.sim.State().Users {
		if u.ID == stub && (u.Stub || !u.PasswordSet) {
			t.Errorf("user %+v", u)
		}
	}
	w.want(w.login(object{"grant_type": "password", "email": "a@person.example", "password": "chosen on the page"}), 200)
	for _, method := range []string{"GET", "POST"} {
		if status, text := w.open(method, link, url.Values{}); status != 400 || !strings.Contains(text, "invitation_invalid") || strings.Contains(text, "<form") {
			t.Errorf("again by %s: %d %s", method, status, text)
		}
	}
}

func TestWhoMayAccept(t *testing.T) { // FACTS.md section 6.3
	t.Parallel()
	tests := []struct {
		name, invited, accepting string
		application              bool
		want                     string // code; empty: accepted
	}{
		{"the same address", "a@corp.example", "A@Corp.example", false, ""},
		{"a colleague", "a@corp.example", "b@corp.example", false, ""},
		{"a stranger", "a@corp.example", "b@other.example", false, "invitation_cannot_be_used_for_email"},
		{"another of a public service", "a@gmail.com", "b@gmail.com", false, "invitation_cannot_be_used_for_email"},
		{"a stranger, to the application", "a@corp.example", "b@other.example", true, ""},
		{"nobody", "a@corp.example", "nobody", true, "invitation_cannot_be_used_for_email"},
		{"the member's colleague, who is a member", "a@acme.example", "boss@acme.example", false, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var more []any
			if test.application {
				more = []any{"organization_id", nil}
			}
			a := w.want(w.send(test.invited, more...), 201)
			id, err := w.sim.Accept(a.Text("accept_invitation_url"), test.accepting)
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %q, %v", id, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := w.get(invitations+"/"+a.Text("id"), 200).Text("accepted_user_id"); got != id {
				t.Errorf("accepted by %q, want %q", got, id)
			}
			if got := w.get(users+"/"+id, 200).Text("email"); got != strings.ToLower(test.accepting) {
				t.Errorf("user %q", got)
			}
			if n := len(w.get(memberships+"?statuses=active,pending&organization_id="+w.acme, 200).Column("data", "id")); n > 2 {
				t.Errorf("%d memberships", n)
			}
		})
	}
}

func TestAcceptTooLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.want(w.send("a@person.example"), 201)
	w.advance(7 * 24 * time.Hour)
	if _, err := w.sim.Accept(a.Text("accept_invitation_url"), ""); err == nil {
		t.Error("accepted after its time")
	}
	if _, err := w.sim.Accept("http://%zz", ""); err == nil {
		t.Error("accepted by nonsense")
	}
	b := w.want(w.send("b@person.example"), 201)
	if id, err := w.sim.Accept(b.Text("accept_invitation_url"), ""); err != nil || id != w.membershipOf("b@person.example").UserID {
		t.Errorf("%q, %v", id, err)
	}
}

func TestInvitationURL(t *testing.T) { // FACTS.md section 6.2
	t.Parallel()
	for base, want := range map[string]string{
		"https://app.example/join":     "https://app.example/join?invitation_token=",
		"https://app.example/join?a=b": "https://app.example/join?a=b&invitation_token=",
	} {
		sim := workos.New(workos.Options{InvitationURL: base})
		sim.AddKey(apiKey)
		w := serve(t, sim)
		got := w.want(w.do("POST", invitations, object{"email": "a@person.example"}), 201)
		if got.Text("accept_invitation_url") != want+got.Text("token") {
			t.Errorf("%s: %s", base, got.Raw)
		}
	}
}

// TestMailFailure guards against a vendor whose mail server is down failing
// calls that have acted.
func TestMailFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mails.Fail = errors.New("mail server is down")
	w.want(w.send("a@person.example"), 201)
	s := w.sim.State()
	if len(s.Mails) != 1 || s.Mails[0].Error == "" || s.MailsByKind[workos.MailInvitation] != 0 {
		t.Errorf("mails %+v", s.Mails)
	}
	w.quirks(func(q *workos.Quirks) { q.InvitationMailOff = true })
	w.want(w.send("b@person.example"), 201)
	if n := len(w.sim.State().Mails); n != 1 {
		t.Errorf("%d mails", n)
	}
}
