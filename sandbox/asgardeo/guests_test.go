package asgardeo_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/sandbox/asgardeo"
	"usher/sandbox/stage"
)

const guestsPath = "/o/api/server/v1/guests/"

func TestInviteRows(t *testing.T) { // FACTS.md section 4, in the order checked
	t.Parallel()
	tests := []struct {
		name    string
		prepare func(*world)
		body    func(*world) map[string]any
		status  int
		code    string // of the row, or of the whole request
		mails   int
	}{
		{"invited", nil, nil, 200, "", 1},
		{"published status", func(w *world) { w.quirks(func(q *asgardeo.Quirks) { q.InviteStatus = 201 }) }, nil, 201, "", 1},
		{"member already", func(w *world) { w.sim.AddMember(w.acme, w.sim.State().Users[0].ID) }, nil, 200, "OUI-10032", 0},
		{"member comes before pending", func(w *world) { w.invite("g@example.com"); w.sim.AddMember(w.acme, w.sim.State().Users[0].ID) }, nil, 200, "OUI-10032", 1},
		{"pending", func(w *world) { w.invite("g@example.com") }, nil, 200, "OUI-10018", 1},
		{"pending comes before unknown", func(w *world) {
			w.invite("g@example.com")
			w.want(w.do("DELETE", "/scim2/Users/"+w.sim.State().Users[0].ID, w.root(), nil), 204)
		}, nil, 200, "OUI-10018", 1},
		{"another spelling is another row", func(w *world) { w.invite("G@example.com") }, nil, 200, "", 2},
		{"another spelling, merged", func(w *world) {
			w.quirks(func(q *asgardeo.Quirks) { q.InvitationNamesMerge = true })
			w.invite("G@example.com")
		}, nil, 200, "OUI-10018", 1},
		{"store prefix is another row", func(w *world) { w.invite("DEFAULT/g@example.com") }, nil, 200, "", 2},
		{"after expiry", func(w *world) { w.invite("g@example.com"); w.advance(72 * time.Hour) }, nil, 200, "", 2},
		{"just before expiry", func(w *world) { w.invite("g@example.com"); w.advance(72*time.Hour - time.Second) }, nil, 200, "OUI-10018", 1},
		{"unknown user", nil, func(*world) map[string]any { return guest("nobody@example.com") }, 200, "OUI-10011", 0},
		{"address of somebody with another user name", nil, func(*world) map[string]any { return guest("alias@example.com") }, 200, "OUI-10011", 0},
		{"no address", nil, func(*world) map[string]any { return guest("mute") }, 200, "OUI-10030", 0},
		{"console role", nil, func(w *world) map[string]any { return guest("g@example.com", w.sim.RoleID(w.acme, "Administrator")) }, 200, "OUI-10031", 0},
		{"console role with access", nil, func(w *world) map[string]any { return guest("op@example.com", w.sim.RoleID(w.acme, "Administrator")) }, 200, "", 1},
		{"forced", func(w *world) { w.quirks(func(q *asgardeo.Quirks) { q.NextInviteErrors = []string{"OUI-10030"} }) }, nil, 200, "OUI-10030", 0},
		{"forced as a whole", func(w *world) { w.quirks(func(q *asgardeo.Quirks) { q.NextInviteErrors = []string{"OUI-60003"} }) }, nil, 400, "OUI-60003", 0},
		{"role of the root", nil, func(w *world) map[string]any { return guest("g@example.com", w.sim.RoleID(w.sim.RootID(), "admin")) }, 400, "OUI-60013", 0},
		{"unknown group", nil, func(*world) map[string]any {
			return map[string]any{"usernames": []string{"g@example.com"}, "groups": []string{"none"}}
		}, 400, "OUI-60014", 0},
		{"unknown store", nil, func(*world) map[string]any {
			return map[string]any{"usernames": []string{"g@example.com"}, "userDomain": "NOWHERE"}
		}, 500, "OUI-65001", 0},
		{"prefix of a secondary store", nil, func(*world) map[string]any { return guest("PARTNER/p@example.com") }, 500, "OUI-65001", 0},
		{"secondary store by domain", nil, func(*world) map[string]any {
			return map[string]any{"usernames": []string{"p@example.com"}, "userDomain": "PARTNER"}
		}, 200, "", 1},
		{"no user names", nil, func(*world) map[string]any { return map[string]any{"usernames": []string{}} }, 400, "UE-10000", 0},
		{"mailed elsewhere", nil, func(*world) map[string]any {
			m := guest("g@example.com")
			m["properties"] = []any{map[string]any{"key": "manageNotificationsInternally", "value": "false"}}
			return m
		}, 200, "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.sim.AddStore("PARTNER")
			console := w.sim.AddApplication(asgardeo.App{Name: "Console"})
			w.sim.AddRole("", "Administrator", console.ID)
			for _, p := range []asgardeo.Person{{Email: "g@example.com"}, {UserName: "other", Email: "alias@example.com"}, {UserName: "mute"},
				{Email: "op@example.com", Console: true}, {Store: "PARTNER", Email: "p@example.com"}} {
				w.sim.AddUser(p)
			}
			if test.prepare != nil {
				test.prepare(w)
			}
			body := guest("g@example.com", w.admin)
			if test.body != nil {
				body = test.body(w)
			}
			before := len(w.sim.State().Invitations)
			a := w.want(w.do("POST", guestsPath+"invite", w.org(w.acme), body), test.status)
			made := len(w.sim.State().Invitations) - before
			if test.status >= 400 {
				if a.Text("code") != test.code || a.Text("traceId") == "" || made != 0 {
					t.Fatalf("%d made, answer %s", made, a.Raw)
				}
				return
			}
			wantStatus := "Successful"
			if test.code != "" {
				wantStatus = "Failed"
			}
			if a.Text(0, "result", "status") != wantStatus || a.Text(0, "result", "errorCode") != test.code || (made == 1) != (test.code == "") {
				t.Errorf("%d made, answer %s", made, a.Raw)
			}
			if got := a.At(0, "confirmationCode") != nil; got != (test.name == "mailed elsewhere") {
				t.Errorf("confirmation code shown: %v", got)
			}
			if n := len(w.mails.Kind(asgardeo.MailGuestInvitation)); n != test.mails {
				t.Errorf("%d mails, want %d", n, test.mails)
			}
		})
	}
}

func TestInviteBatch(t *testing.T) { // FACTS.md sections 4 and 15.12
	t.Parallel()
	w := newWorld(t, nil)
	w.sim.AddStore("PARTNER")
	for _, name := range []string{"a@example.com", "b@example.com"} {
		w.sim.AddUser(asgardeo.Person{Email: name})
	}
	a := w.want(w.do("POST", guestsPath+"invite", w.org(w.acme), map[string]any{"usernames": []string{"a@example.com", "none@example.com", "PARTNER/x@example.com", "b@example.com"}}), 500)
	if got := w.sim.State().Invitations; len(got) != 1 || got[0].UserName != "a@example.com" {
		t.Errorf("a failure in the middle left %+v (%s)", got, a.Raw)
	}
	child := w.sim.AddOrganization("Child", w.acme)
	member := w.sim.AddMember(w.acme, w.sim.State().Users[0].ID)
	native := w.want(w.do("POST", "/o/scim2/Users", w.org(w.acme), newUser("native@example.com")), 201)
	batch := func() answer {
		return w.want(w.do("POST", guestsPath+"invite", w.org(child), map[string]any{"usernames": []string{"a@example.com", "native@example.com", "b@example.com"}}), 200)
	}
	a = batch()
	if a.Text(0, "result", "status") != "Successful" || a.Text(1, "result", "errorCode") != "OUI-10011" || a.Text(2, "result", "errorCode") != "OUI-10011" {
		t.Errorf("member %s, native %s: %s", member, native.Text("id"), a.Raw)
	}
	w.quirks(func(q *asgardeo.Quirks) { q.BatchLosesStore = false })
	a = batch()
	if a.Text(1, "result", "status") != "Successful" || a.Text(2, "result", "errorCode") != "OUI-10011" {
		t.Errorf("a root user must stay invisible to a grandchild (15.13): %s", a.Raw)
	}
}

func TestListInvitations(t *testing.T) { // FACTS.md section 5
	t.Parallel()
	w := newWorld(t, nil)
	w.sim.AddUser(asgardeo.Person{Email: "g@example.com"})
	list := func(query string) answer { return w.do("GET", guestsPath+"invitations"+query, w.org(w.acme), nil) }
	for quirk, want := range map[string]string{"null": `{"invitations":null}`, "absent": `{}`, "list": `{"invitations":[]}`} {
		w.quirks(func(q *asgardeo.Quirks) { q.EmptyInvitations = quirk })
		if a := w.want(list(""), 200); a.Raw != want {
			t.Errorf("empty list %q: %s", quirk, a.Raw)
		}
	}
	w.invite("g@example.com", w.admin)
	a := w.want(list(""), 200)
	if a.Text("invitations", 0, "username") != "g@example.com" || a.Text("invitations", 0, "email") != "g@example.com" || a.Text("invitations", 0, "expiredAt") != "2026-03-04 12:00:00.0" ||
		a.Text("invitations", 0, "roles", 0, "audience", 0, "display") != "Gateway" || a.At("invitations", 0, "groups") != nil || a.At("invitations", 0, "confirmationCode") != nil {
		t.Errorf("row %s", a.Raw)
	}
	w.quirks(func(q *asgardeo.Quirks) { q.ExpiredAtOffsetMinutes = 60 })
	if a := w.want(list(""), 200); a.Text("invitations", 0, "expiredAt") != "2026-03-04 13:00:00.0" {
		t.Errorf("row in another zone %s", a.Raw)
	}
	w.advance(72*time.Hour + 120*time.Millisecond)
	w.invite("g@example.com")
	tests := []struct {
		query  string
		status int
		want   string
	}{
		{"", 200, "EXPIRED PENDING"},
		{"?filter=status%20eq%20PENDING", 200, "PENDING"},
		{"?filter=status+eq+EXPIRED", 200, "EXPIRED"},
		{"?filter=status%20eq%20pending", 400, "OUI-60009"},
		{"?filter=status%20eq%20%22PENDING%22", 400, "OUI-60009"},
		{"?filter=username%20eq%20g", 400, "OUI-60009"},
		{"?limit=10", 400, "OUI-60004"},
		{"?offset=0", 400, "OUI-60005"},
		{"?sortOrder=ASC", 400, "OUI-60006"},
		{"?sortBy=x", 400, "OUI-60007"},
	}
	for _, test := range tests {
		a := w.want(list(test.query), test.status)
		got := a.Text("code")
		if test.status == 200 {
			var states []string
			for i := range a.Len("invitations") {
				states = append(states, a.Text("invitations", i, "status"))
			}
			got = strings.Join(states, " ")
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.query, got, test.want)
		}
	}
	other := w.sim.AddOrganization("Other", "")
	if a := w.want(w.do("GET", guestsPath+"invitations", w.org(other), nil), 200); a.Len("invitations") != 0 {
		t.Errorf("another organization sees %s", a.Raw)
	}
	id := w.sim.State().Invitations[1].ID
	for _, try := range []struct {
		id, token string
		status    int
	}{{id, w.org(other), 400}, {"none", w.org(w.acme), 400}, {id, w.org(w.acme), 204}, {id, w.org(w.acme), 400}} {
		if a := w.want(w.do("DELETE", guestsPath+"invitations/"+try.id, try.token, nil), try.status); try.status == 400 && a.Text("code") != "OUI-60001" {
			t.Errorf("answer %s", a.Raw)
		}
	}
}

func TestAccept(t *testing.T) { // FACTS.md section 4.2
	t.Parallel()
	tests := []struct {
		name    string
		prepare func(w *world, code string)
		status  int
		code    string
		left    int // invitations
	}{
		{"accepted", nil, 204, "", 0},
		{"expired rows go at that moment", func(w *world, _ string) { w.advance(72 * time.Hour) }, 400, "OUI-60010", 0},
		{"used", func(w *world, code string) {
			w.want(w.do("POST", guestsPath+"invitation/accept", "", map[string]any{"confirmationCode": code}), 204)
		}, 400, "OUI-60010", 0},
		{"member meanwhile", func(w *world, _ string) { w.sim.AddMember(w.acme, w.sim.State().Users[0].ID) }, 400, "OUI-60012", 0},
		{"user gone", func(w *world, _ string) { w.do("DELETE", "/scim2/Users/"+w.sim.State().Users[0].ID, w.root(), nil) }, 500, "OUI-65005", 1},
		{"revoked", func(w *world, _ string) {
			w.do("DELETE", guestsPath+"invitations/"+w.sim.State().Invitations[0].ID, w.org(w.acme), nil)
		}, 400, "OUI-60010", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			root := w.sim.AddUser(asgardeo.Person{Email: "g@example.com", GivenName: "G", Pending: true})
			sales := w.sim.AddGroup(w.acme, "sales")
			body := guest("g@example.com", w.admin)
			body["groups"] = []string{sales}
			body["properties"] = []any{map[string]any{"key": "manageNotificationsInternally", "value": "false"}}
			code := w.want(w.do("POST", guestsPath+"invite", w.org(w.acme), body), 200).Text(0, "confirmationCode")
			look := w.want(w.do("POST", guestsPath+"invitation/introspect", w.org(w.acme), map[string]any{"confirmationCode": code}), 200)
			if look.Text("status") != "PENDING" || look.Text("userOrganization") != w.sim.RootID() || look.Text("initiatedOrganization") != w.acme || look.Text("username") != "g@example.com" {
				t.Errorf("introspection %s", look.Raw)
			}
			if test.prepare != nil {
				test.prepare(w, code)
			}
			a := w.want(w.do("POST", guestsPath+"invitation/accept", "", map[string]any{"confirmationCode": code}), test.status)
			if a.Text("code") != test.code || len(w.sim.State().Invitations) != test.left {
				t.Fatalf("%d left, answer %s", len(w.sim.State().Invitations), a.Raw)
			}
			if test.status != 204 {
				return
			}
			got := w.accountsOf(w.acme)[0]
			want := asgardeo.UserState{ID: got.ID, OrganizationID: w.acme, UserName: "DEFAULT/g@example.com", Email: "g@example.com", GivenName: "G", PasswordSet: true,
				ManagedOrg: w.sim.RootID(), SharedType: "INVITED", Origin: root, Roles: []string{"admin"}, Groups: []string{"sales"}}
			if got.ID == root || !equalUsers(got, want) {
				t.Errorf("account %+v, want %+v", got, want)
			}
			found := w.want(w.users("/o/scim2/Users", w.org(w.acme), "userName eq g@example.com"), 200)
			if found.Text("Resources", 0, "urn:scim:wso2:schema", "managedOrg") != w.sim.RootID() || found.Text("Resources", 0, "roles", 1, "value") != w.admin {
				t.Errorf("member %s", found.Raw)
			}
		})
	}
}

func equalUsers(a, b asgardeo.UserState) bool {
	ok := slices.Equal(a.Roles, b.Roles) && slices.Equal(a.Groups, b.Groups)
	a.Roles, b.Roles, a.Groups, b.Groups = nil, nil, nil, nil
	return ok && a.ID == b.ID && a.OrganizationID == b.OrganizationID && a.UserName == b.UserName && a.Email == b.Email && a.GivenName == b.GivenName &&
		a.PasswordSet == b.PasswordSet && a.ManagedOrg == b.ManagedOrg && a.SharedType == b.SharedType && a.Origin == b.Origin && a.Locked == b.Locked
}

func TestVanishedRolesAndLag(t *testing.T) { // FACTS.md sections 4.2, 5 and 15.17
	t.Parallel()
	w := newWorld(t, nil)
	w.sim.AddUser(asgardeo.Person{Email: "g@example.com"})
	own := w.want(w.do("POST", "/o/scim2/v2/Roles", w.org(w.acme), map[string]any{"displayName": "own", "schemas": []string{}}), 201).Text("id")
	w.quirks(func(q *asgardeo.Quirks) { q.ExternalNotifications = true; q.RoleLagMS = 3000 })
	code := w.want(w.invite("g@example.com", w.admin, own), 200).Text(0, "confirmationCode")
	w.want(w.do("DELETE", "/o/scim2/v2/Roles/"+own, w.org(w.acme), nil), 204)
	list := w.want(w.do("GET", guestsPath+"invitations", w.org(w.acme), nil), 200)
	if list.Len("invitations", 0, "roles") != 1 {
		t.Errorf("a deleted role is listed: %s", list.Raw)
	}
	w.want(w.do("POST", guestsPath+"invitation/accept", "", map[string]any{"confirmationCode": code}), 204)
	if got := w.accountsOf(w.acme)[0]; len(got.Roles) != 0 {
		t.Errorf("roles before the lag: %v", got.Roles)
	}
	w.advance(3 * time.Second)
	if got := w.accountsOf(w.acme)[0]; !slices.Equal(got.Roles, []string{"admin"}) {
		t.Errorf("roles after the lag: %v", got.Roles)
	}
}

func TestConcurrentInvites(t *testing.T) { // FACTS.md section 4: one lives, the others meet it
	t.Parallel()
	w := newWorld(t, nil)
	w.sim.AddUser(asgardeo.Person{Email: "g@example.com"})
	w.org(w.acme)
	codes := make(chan string, 8)
	var wg sync.WaitGroup
	for range cap(codes) {
		wg.Go(func() { codes <- w.invite("g@example.com", w.admin).Text(0, "result", "errorCode") })
	}
	wg.Wait()
	close(codes)
	count := map[string]int{}
	for code := range codes {
		count[code]++
	}
	if count[""] != 1 || count["OUI-10018"] != 7 || len(w.mails.Kind(asgardeo.MailGuestInvitation)) != 1 {
		t.Errorf("results %v, %d mails", count, len(w.mails.Kind(asgardeo.MailGuestInvitation)))
	}
}

func TestFailingMailer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.mails.Fail = errors.New("mail server is down")
	w.sim.AddUser(asgardeo.Person{Email: "g@example.com"})
	if a := w.want(w.invite("g@example.com"), 200); a.Text(0, "result", "status") != "Successful" {
		t.Errorf("answer %s", a.Raw)
	}
	s := w.sim.State()
	want := stage.SentMail{Kind: asgardeo.MailGuestInvitation, To: "g@example.com", At: start, Error: "mail server is down"}
	if len(s.Mails) != 1 || s.Mails[0] != want || s.MailsByKind[asgardeo.MailGuestInvitation] != 0 {
		t.Errorf("mails %+v", s.Mails)
	}
}
