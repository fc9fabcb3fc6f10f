package nile_test

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"usher/sandbox/nile"
	"usher/sandbox/stage"
)

const notAForm = `Content-Type was not one of "multipart/form-data" or "application/x-www-form-urlencoded".`

// inviteChecks: each call fails at one check more than the one before passes,
// which is the vendor's order.
func inviteChecks(w *world) {
	owner, outsider := w.signIn("owner@example.com"), w.signIn("outsider@example.com")
	path, unknown := "/tenants/"+w.acme+"/invite", "/tenants/"+unknownID+"/invite"
	w.wantText(w.do("POST", path, nobody(), "{}"), 401, "")
	w.wantText(w.do("POST", unknown, owner, "{}"), 500, notAForm)
	w.wantText(w.do("POST", unknown, owner, "{}", "Content-Type", "multipart/form-data; boundary=x"), 500, "Failed to parse body as FormData.")
	w.wantText(w.do("POST", unknown, owner, form("csrfToken", "x")), 400, "identifier is required.")
	for _, bad := range []string{"", "o'brien@example.com", "a b@example.com", "a@example", "a@example.c", "a@b@example.com", "ü@example.com", "Ann <a@example.com>"} {
		w.wantText(w.do("POST", unknown, owner, form("identifier", bad, "csrfToken", "x")), 400, "email is not valid.")
	}
	w.wantText(w.do("POST", unknown, owner, form("identifier", "owner@example.com", "csrfToken", "x")), 400, "Request blocked")
	blank := w.inviteForm(owner, "owner@example.com")
	blank.Set("callbackUrl", "")
	w.wantText(w.do("POST", unknown, owner, blank), 400, "Callback is not a valid url")
	w.wantText(w.do("POST", unknown, owner, w.inviteForm(owner, "owner@example.com")), 404, "")
	w.wantText(w.do("POST", "/tenants/not-a-uuid/invite", owner, w.inviteForm(owner, "owner@example.com")), 400, badUUID)
	w.wantText(w.invite(outsider, "owner@example.com"), 400, "User is already a member of the tenant")
	w.wantText(w.invite(outsider, "a@example.com"), 401, "Unauthorized.")
	if n := len(w.sim.State().Invites); n != 0 {
		w.t.Errorf("%d rows after refusals", n)
	}
	a := w.want(w.invite(owner, "A.b%c_d-e+f@Sub.Example.co"), 201)
	if a.Text("identifier") != "A.b%c_d-e+f@Sub.Example.co" || a.At("roles") != nil || a.Text("created_by") != w.owner || a.Text("tenant_id") != w.acme {
		w.t.Errorf("%s", a.Raw)
	}
	w.want(w.do("POST", path, owner, blank.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Cookie", owner.header()), 400)
	multi := "--x\r\nContent-Disposition: form-data; name=\"identifier\"\r\n\r\nmulti@example.com\r\n" +
		"--x\r\nContent-Disposition: form-data; name=\"csrfToken\"\r\n\r\n" + owner.token() + "\r\n--x--\r\n"
	w.want(w.do("POST", path, owner, multi, "Content-Type", "multipart/form-data; boundary=x"), 201)
	// The remembered callback stands in for an empty one.
	fromCookie := w.inviteForm(owner, "cookie@example.com")
	fromCookie.Set("callbackUrl", "")
	w.want(w.do("POST", path, owner, fromCookie, "Cookie", owner.header()+"; nile.callback-url="+url.QueryEscape(origin+"/back")), 201)
	if link := w.mails.last(w.t, "cookie@example.com").Link; !strings.Contains(link, url.QueryEscape(origin+"/back")) {
		w.t.Errorf("link %s", link)
	}
}

// inviteAgain: the same row, a new token, the old link dead, the first inviter
// still the inviter.
func inviteAgain(w *world) {
	owner := w.signIn("owner@example.com")
	first := w.want(w.invite(owner, "guest@example.com"), 201)
	w.want(w.invite(owner, "other@example.com"), 201)
	w.want(w.invite(owner, "Guest@Example.com"), 201) // case makes another invite
	w.advance(8 * 24 * time.Hour)
	list := w.want(w.do("GET", "/tenants/"+w.acme+"/invites", owner, nil), 200)
	if list.Len() != 3 || list.Text(0, "expires") >= w.sim.Now().Format(time.RFC3339) {
		w.t.Errorf("expired rows are not listed: %s", list.Raw)
	}
	w.want(w.do("PUT", "/tenants/"+w.acme+"/users/"+w.sim.AddUser(nile.Person{Email: "second@example.com", Password: password})+"/link", owner, nil), 201)
	again := w.want(w.invite(w.signIn("second@example.com"), "guest@example.com"), 201)
	if again.Text("id") != first.Text("id") || again.Text("token") == first.Text("token") || again.Text("created_by") != w.owner || again.Text("expires") <= first.Text("expires") {
		w.t.Errorf("%s\nafter\n%s", again.Raw, first.Raw)
	}
	list = w.want(w.do("GET", "/tenants/"+w.acme+"/invites", owner, nil), 200)
	if list.Len() != 3 || list.Text(2, "id") != first.Text("id") {
		w.t.Errorf("the row has not moved: %s", list.Raw)
	}
	w.wantText(w.accept("guest@example.com", first.Text("token")), 404, "Invite not found")
	// Deleting is 204 whatever was there.
	for range 2 {
		w.wantText(w.do("DELETE", "/tenants/"+w.acme+"/invite/"+again.Text("id"), owner, nil), 204, "")
	}
	w.wantText(w.do("DELETE", "/tenants/"+w.acme+"/invite/not-a-uuid", owner, nil), 400, badUUID)
	w.wantText(w.accept("guest@example.com", again.Text("token")), 404, "Invite not found")
	other := w.sim.AddTenant("Other")
	w.sim.AddMember(other, w.owner)
	w.wantText(w.do("DELETE", "/tenants/"+other+"/invite/"+list.Text(0, "id"), owner, nil), 204, "")
	if n := len(w.sim.State().Invites); n != 2 {
		w.t.Errorf("%d rows: another tenant's invite was deleted", n)
	}
}

// mailFails guards against the mistake of reading a refusal as "nothing
// happened": the row is there and its token is another.
func mailFails(w *world) {
	owner := w.signIn("owner@example.com")
	old := w.want(w.invite(owner, "guest@example.com"), 201).Text("token")
	current := func() string {
		list := w.want(w.do("GET", "/tenants/"+w.acme+"/invites", owner, nil), 200)
		return list.Text(list.Len()-1, "token")
	}
	for _, test := range []struct {
		name    string
		quirks  func(*nile.Quirks)
		relay   error
		status  int
		message string
	}{
		{"no template", func(q *nile.Quirks) { q.MissingTemplates, q.NoEmailServer = []string{nile.MailInvite}, true }, nil, 404, "Unable to find email template invite_user"},
		{"no server", func(q *nile.Quirks) { q.NoEmailServer = true }, nil, 400, "Email sending is not configured for this database."},
		{"refused", func(q *nile.Quirks) { q.RejectedRecipients = []string{"guest@example.com"} }, nil, 400,
			"Can't send mail - all recipients were rejected: 550 mailbox unavailable"},
		{"relay says", func(q *nile.Quirks) { q.SMTPError = "Greeting never received" }, nil, 400, "Greeting never received"},
		{"relay down", func(*nile.Quirks) {}, errDown, 400, errDown.Error()},
	} {
		w.quirks(func(q *nile.Quirks) { *q = nile.DefaultQuirks(); test.quirks(q) })
		w.mails.Fail = test.relay
		sent := w.mails.count()
		a := w.invite(owner, "guest@example.com")
		if a.Status != test.status || a.Raw != test.message || w.mails.count() != sent {
			w.t.Errorf("%s: %d %s", test.name, a.Status, a.Raw)
		}
		if now := current(); now == old {
			w.t.Errorf("%s: the token is the old one", test.name)
		} else {
			old = now
		}
	}
	// What the last failure left can be accepted, by who learns the token.
	w.want(w.accept("guest@example.com", old), 204)
	if kinds := w.sim.State().MailsByKind; kinds[nile.MailInvite] != 1 {
		w.t.Errorf("mails %v", kinds)
	}
}

func mailTexts(w *world) {
	owner := w.signIn("owner@example.com")
	send := func(pairs ...string) stage.Mail {
		w.want(w.do("POST", "/tenants/"+w.acme+"/invite", owner, form(append([]string{"identifier", "guest@example.com", "csrfToken", owner.token()}, pairs...)...)), 201)
		return w.mails.last(w.t, "guest@example.com")
	}
	for _, test := range []struct {
		name  string
		pairs []string
		link  string // token left out
	}{
		{"both", []string{"redirectUrl", "https://app.example.com/join", "callbackUrl", "https://app.example.com/in?a=1&b=c d"},
			"https://app.example.com/join?token=&identifier=guest%40example.com&callbackUrl=https%3A%2F%2Fapp.example.com%2Fin%3Fa%3D1%26b%3Dc+d"},
		{"no callback", []string{"redirectUrl", "https://app.example.com/join"}, "https://app.example.com/join?token=&identifier=guest%40example.com&callbackUrl=null"},
		{"a query already", []string{"redirectUrl", "https://app.example.com/join?t=1", "callbackUrl", "x"}, "https://app.example.com/join?t=1%3Ftoken%3D&identifier=guest%40example.com&callbackUrl=x"},
		{"no redirect", []string{"callbackUrl", origin}, ""},
		{"relative redirect", []string{"redirectUrl", "/join", "callbackUrl", origin}, ""},
	} {
		m := send(test.pairs...)
		token := w.sim.State().Invites[0].ID
		link := hex64().ReplaceAllString(m.Link, "")
		if link != test.link || token == "" {
			w.t.Errorf("%s: link %s, want %s", test.name, link, test.link)
		}
		if shown := strings.Contains(m.HTML, "${api_url}"); shown != (test.link == "") {
			w.t.Errorf("%s: mail %s", test.name, m.HTML)
		}
	}
	// Variables, an invalid sender, and names that go in as they are.
	w.sim.SetVariable("colour", "<b>red</b>")
	w.sim.SetTemplate(nile.MailInvite, nile.Template{Subject: "${colour} ${unknown}", Body: "${user.name}|${user.email}|${tenant_name}|${sender}", Sender: "not an address"})
	w.want(w.do("PUT", "/tenants/"+w.acme, owner, map[string]string{"name": "<i>A & B</i>"}), 200)
	m := send("redirectUrl", origin, "callbackUrl", origin)
	if m.Subject != "<b>red</b> ${unknown}" || m.HTML != "${user.name}|guest@example.com|<i>A & B</i>|noreply@thenile.dev" || m.From != "noreply@thenile.dev" {
		w.t.Errorf("mail %+v", m)
	}
	// A caller that gave up does not stop the mail, nor does the row wait for it.
	w.mails.seen = func() {
		if len(w.sim.State().Invites) != 2 {
			w.t.Error("the row is not written when its mail goes out")
		}
	}
	w.want(w.invite(owner, "slow@example.com"), 201)
}

func accepting(w *world) {
	owner := w.signIn("owner@example.com")
	path := "/tenants/" + w.acme + "/invite"
	token := w.want(w.invite(owner, "guest@example.com"), 201).Text("token")
	a := w.want(w.do("PUT", path, w.signIn("outsider@example.com"), form("identifier", "guest@example.com", "token", token, "callbackUrl", "https://evil.example.net?x=1")), 204)
	if a.Header.Get("Location") != "https://evil.example.net/?x=1" || a.Raw != "" {
		w.t.Errorf("%v", a.Header)
	}
	list := w.want(w.do("GET", "/tenants/"+w.acme+"/users", owner, nil), 200)
	if list.Len() != 2 || list.Text(1, "email") != "guest@example.com" || list.Text(1, "emailVerified") == "" {
		w.t.Errorf("%s", list.Raw)
	}
	// He has no password and cannot sign up any more.
	w.wantText(w.do("POST", "/signup", w.visitor(), map[string]string{"email": "guest@example.com", "password": password}), 400, "The user guest@example.com already exists")
	// A path leads to the host of the remembered address.
	token = w.want(w.invite(owner, "outsider@example.com"), 201).Text("token")
	cookie := "nile.callback-url=" + url.QueryEscape("https://app.example.com/x")
	a = w.want(w.do("PUT", path, nobody(), form("identifier", "outsider@example.com", "token", token, "callbackUrl", "/welcome?a=b"), "Cookie", cookie), 204)
	if a.Header.Get("Location") != "https://app.example.com/welcome?a=b" {
		w.t.Errorf("%v", a.Header)
	}
	w.signIn("outsider@example.com") // keeps his password
	token = w.want(w.invite(owner, "third@example.com"), 201).Text("token")
	a = w.want(w.do("PUT", path, nobody(), form("identifier", "third@example.com", "token", token), "Cookie", cookie), 204)
	if a.Header.Get("Location") != "https://app.example.com/x" {
		w.t.Errorf("%v", a.Header)
	}
}

// acceptRefused leaves the invite as it was.
func acceptRefused(w *world) {
	owner := w.signIn("owner@example.com")
	token := w.want(w.invite(owner, "guest@example.com"), 201).Text("token")
	other := w.sim.AddTenant("Other")
	good := form("identifier", "guest@example.com", "token", token, "callbackUrl", origin)
	with := func(name, value string) url.Values {
		f := form("identifier", good.Get("identifier"), "token", token, "callbackUrl", origin)
		if value == "" {
			f.Del(name)
		} else {
			f.Set(name, value)
		}
		return f
	}
	path := "/tenants/" + w.acme + "/invite"
	const noBase, notFound = "Invalid callback url: missing base", "Invite not found"
	for _, test := range []struct {
		name, path string
		body       any
		status     int
		message    string
	}{
		{"JSON", path, `{"token":"x"}`, 500, notAForm},
		{"no callback", path, with("callbackUrl", ""), 400, noBase},
		{"relative callback", path, with("callbackUrl", "/x"), 400, noBase},
		{"no identifier", path, with("identifier", ""), 400, "identifier is required."},
		{"no token", path, with("token", ""), 400, "token is not valid."},
		{"another case", path, with("identifier", "Guest@example.com"), 404, notFound},
		{"blank", path, with("identifier", " guest@example.com"), 404, notFound},
		{"apostrophe", path, with("identifier", "o'brien@example.com"), 404, notFound},
		{"another token", path, with("token", strings.Repeat("0", 64)), 404, notFound},
		{"another tenant", "/tenants/" + other + "/invite", good, 404, notFound},
		{"unknown tenant", "/tenants/" + unknownID + "/invite", good, 404, notFound},
		{"no tenant's id", "/tenants/not-a-uuid/invite", good, 404, notFound},
	} {
		a := w.do("PUT", test.path, nobody(), test.body)
		if a.Status != test.status || a.Raw != test.message {
			w.t.Errorf("%s: %d %s", test.name, a.Status, a.Raw)
		}
	}
	w.want(w.do("PUT", path, nobody(), good), 204)
}

// acceptBurns: these refusals spend the invite.
func acceptBurns(w *world) {
	owner := w.signIn("owner@example.com")
	member := w.sim.AddUser(nile.Person{Email: "member@example.com", Password: password})
	expired := w.want(w.invite(owner, "late@example.com"), 201).Text("token")
	w.advance(7*24*time.Hour + time.Second)
	w.wantText(w.accept("late@example.com", expired), 410, "Invite has expired.")
	w.wantText(w.accept("late@example.com", expired), 404, "Invite not found")

	already := w.want(w.invite(owner, "member@example.com"), 201).Text("token")
	w.sim.AddMember(w.acme, member)
	body := form("identifier", "member@example.com", "token", already, "callbackUrl", origin+"/in?from=invite&b=c d")
	a := w.want(w.do("PUT", "/tenants/"+w.acme+"/invite", nobody(), body), 400)
	if a.Raw != "" || a.Header.Get("Location") != origin+"/in?from=invite&b=c+d&error=User%2520is%2520already%2520a%2520member%2520of%2520the%2520tenant" {
		w.t.Errorf("%q %v", a.Raw, a.Header)
	}
	w.wantText(w.accept("member@example.com", already), 404, "Invite not found")

	// The inviter left; that somebody else sent it again does not help.
	memberSession := w.signIn("member@example.com")
	w.want(w.invite(memberSession, "orphan@example.com"), 201)
	w.want(w.do("DELETE", "/tenants/"+w.acme+"/users/"+member+"/link", memberSession, nil), 204)
	orphan := w.want(w.invite(owner, "orphan@example.com"), 201).Text("token")
	w.wantText(w.accept("orphan@example.com", orphan), 404, "")
	w.wantText(w.accept("orphan@example.com", orphan), 404, "Invite not found")
	if users := w.sim.State().Users; len(users) != 3 {
		w.t.Errorf("a refusal made a user: %+v", users)
	}
}

// refusals: every route of a tenant against who may not.
func refusals(w *world) {
	owner, outsider := w.signIn("owner@example.com"), w.signIn("outsider@example.com")
	for _, route := range []struct {
		method, path string
		body         any
	}{
		{"GET", "", nil}, {"PUT", "", map[string]string{"name": "x"}}, {"DELETE", "", nil},
		{"GET", "/users", nil}, {"POST", "/users", map[string]string{"email": "a@example.com", "password": "x"}},
		{"PUT", "/users/" + w.owner, map[string]string{"name": "x"}},
		{"PUT", "/users/" + w.owner + "/link", nil}, {"DELETE", "/users/" + w.owner + "/link", nil},
		{"GET", "/invites", nil}, {"DELETE", "/invite/" + unknownID, nil},
	} {
		for _, test := range []struct {
			as      who
			tenant  string
			status  int
			message string
		}{
			{nobody(), w.acme, http.StatusUnauthorized, ""},
			{who{session: "garbage"}, w.acme, http.StatusUnauthorized, ""},
			{outsider, w.acme, http.StatusUnauthorized, "Unauthorized."},
			{owner, unknownID, http.StatusNotFound, "Resource not found"},
			{owner, "not-a-uuid", http.StatusBadRequest, badUUID},
		} {
			a := w.do(route.method, "/tenants/"+test.tenant+route.path, test.as, route.body)
			if a.Status != test.status || a.Raw != test.message {
				w.t.Errorf("%s %s: %d %q, want %d %q", route.method, route.path, a.Status, a.Raw, test.status, test.message)
			}
		}
	}
	w.quirks(func(q *nile.Quirks) { q.EmptyDatabaseErrors = true })
	w.wantText(w.do("GET", "/tenants/"+unknownID, owner, nil), 404, "")
	w.wantText(w.do("GET", "/tenants/not-a-uuid/invites", owner, nil), 400, "")
	if state := w.sim.State(); len(state.Users) != 2 || len(state.Tenants[0].Members) != 1 || state.Tenants[0].Deleted {
		w.t.Errorf("a refused call acted: %+v", state)
	}
}

func unknownRoutes(w *world) {
	owner := w.signIn("owner@example.com")
	tenant := "/tenants/" + w.acme
	for path, methods := range map[string]string{
		"/users": "GET PUT DELETE", "/tenants": "GET PUT", tenant: "POST", "/me": "POST", tenant + "/users/" + w.owner: "GET DELETE",
		tenant + "/invite": "GET DELETE", tenant + "/invite/" + unknownID: "GET PUT", tenant + "/invites": "POST DELETE",
		"/signup": "GET", "/auth/csrf": "PUT", "/auth/session": "DELETE",
	} {
		for method := range strings.SplitSeq(methods, " ") {
			if a := w.do(method, path, owner, nil); a.Status != 405 || a.Raw != "" || a.Header.Get("Content-Type") != "" {
				w.t.Errorf("%s %s: %d %q", method, path, a.Status, a.Raw)
			}
		}
	}
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/jwks.json", "/nothing", tenant + "/roles", "//v2/databases/" + unknownID + "/me", "//elsewhere"} {
		if a := w.do("GET", path, owner, nil); a.Status != 404 || !strings.HasPrefix(a.Raw, "<!DOCTYPE html>") || a.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			w.t.Errorf("%s: %d %q", path, a.Status, a.Raw)
		}
	}
	w.wantText(w.do("GET", "/auth/nothing", owner, nil), 400, "Error: This action with HTTP GET is not supported by NextAuth.js")
	w.wantText(w.do("GET", "//v2/ready", nobody(), nil), 200, "")
	w.quirks(func(q *nile.Quirks) { q.NoInviteRoutes = true })
	for method, path := range map[string]string{"GET": "/invites", "PUT": "/invite"} {
		if a := w.do(method, "/tenants/"+w.acme+path, owner, form("identifier", "a@example.com", "token", "x")); a.Status != 404 || !strings.HasPrefix(a.Raw, "<!DOCTYPE") {
			w.t.Errorf("%s: %d", path, a.Status)
		}
	}
	w.want(w.do("GET", "/tenants/"+w.acme+"/users", owner, nil), 200)
}

func front(w *world) {
	w.quirks(func(q *nile.Quirks) { q.RateLimit, q.RetryAfter = 2, true })
	for range 2 {
		w.want(w.do("GET", "/auth/providers", nobody(), nil), 200)
	}
	a := w.do("GET", "/auth/providers", nobody(), nil)
	w.wantText(a, 429, "Too Many Requests")
	if a.Header.Get("Retry-After") != "39" { // the minute of the clock ends then
		w.t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
	}
	w.quirks(func(q *nile.Quirks) { q.RetryAfter, q.TooManyHTML = false, true })
	if a := w.want(w.do("GET", "/auth/providers", nobody(), nil), 429); !strings.HasPrefix(a.Raw, "<html>") || a.Header.Get("Retry-After") != "" {
		w.t.Errorf("%s %v", a.Raw, a.Header)
	}
	w.advance(time.Minute)
	w.want(w.do("GET", "/auth/providers", nobody(), nil), 200)
	w.quirks(func(q *nile.Quirks) { q.RateLimit = 0 })
	for range 5 {
		w.want(w.do("GET", "/auth/providers", nobody(), nil), 200)
	}
}

func deployments(w *world) {
	owner, outsider := w.signIn("owner@example.com"), w.signIn("outsider@example.com")
	other := w.sim.AddTenant("Other")
	w.sim.AddMember(other, w.owner)
	w.want(w.invite(owner, "guest@example.com"), 201)
	list := func(as who) answer { return w.do("GET", "/tenants/"+other+"/invites", as, nil) }
	if a := w.want(list(owner), 200); a.Len() != 0 {
		w.t.Errorf("%s", a.Raw)
	}
	w.quirks(func(q *nile.Quirks) { q.UnfilteredInvites = true })
	if a := w.want(list(owner), 200); a.Len() != 1 || a.Text(0, "tenant_id") != w.acme {
		w.t.Errorf("%s", a.Raw)
	}
	w.quirks(func(q *nile.Quirks) { q.AbortedTransaction = true })
	w.want(list(owner), 200)
	w.wantText(list(outsider), 401, "Unauthorized.")
	w.wantText(list(owner), 400, "An error has occurred: current transaction is aborted, commands ignored until end of transaction block")
	w.quirks(func(q *nile.Quirks) { q.AbortedTransaction = false })
	w.want(list(owner), 200)
	w.quirks(func(q *nile.Quirks) { q.OpaqueSessionsFail = true })
	magic := who{session: w.sim.MagicSession(w.owner)}
	w.wantText(list(magic), 401, "")
	if a := w.want(w.do("GET", "/auth/session", magic, nil), 200); a.Raw == "{}" {
		w.t.Error("the session itself is gone")
	}
}
