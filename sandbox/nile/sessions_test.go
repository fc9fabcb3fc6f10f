package nile_test

import (
	"slices"
	"strings"
	"time"

	"usher/sandbox/nile"
)

// cookies: the wrong prefix looks like a log-out, and must here too.
func cookies(w *world) {
	token := w.signIn("owner@example.com").session
	plain, prefixed := "nile.session-token="+token, "__Secure-nile.session-token="+token
	for _, test := range []struct {
		name           string
		cookie         string
		origin, secure string // headers; empty: not sent
		more           [2]string
		want           int
	}{
		{"plain", plain, origin, "false", [2]string{}, 200},
		{"prefix where none is wanted", prefixed, origin, "false", [2]string{}, 401},
		{"secure by header", prefixed, origin, "true", [2]string{}, 200},
		{"no prefix where one is wanted", plain, origin, "true", [2]string{}, 401},
		{"header wins over https", plain, "https://app.example.com", "false", [2]string{}, 200},
		{"anything but true is not secure", plain, "https://app.example.com", "yes", [2]string{}, 200},
		{"https is secure", prefixed, "https://app.example.com", "", [2]string{}, 200},
		{"http is not", plain, origin, "", [2]string{}, 200},
		{"legacy header", prefixed, origin, "", [2]string{"nile.secure_cookies", "true"}, 200},
		{"new header wins over the legacy one", plain, origin, "false", [2]string{"nile.secure_cookies", "true"}, 200},
		{"legacy origin", prefixed, "", "", [2]string{"nile.origin", "https://app.example.com"}, 200},
		{"location", prefixed, "", "", [2]string{"Location", "https://app.example.com/x"}, 200},
		{"the request's own origin", plain, "", "", [2]string{}, 200},
	} {
		headers := []string{"Cookie", test.cookie, "nile-origin", test.origin, "nile-secure-cookies", test.secure}
		if test.more[0] != "" {
			headers = append(headers, test.more[0], test.more[1])
		}
		if a := w.do("GET", "/me", nobody(), nil, headers...); a.Status != test.want {
			w.t.Errorf("%s: %d, want %d", test.name, a.Status, test.want)
		}
	}
	set := w.want(w.do("GET", "/auth/csrf", nobody(), nil, "nile-origin", "https://app.example.com", "nile-secure-cookies", "true"), 200)
	for _, c := range set.Header["Set-Cookie"] {
		if !strings.HasPrefix(c, "__Secure-nile.") || !strings.Contains(c, "; Secure;") {
			w.t.Errorf("cookie %s", c)
		}
	}
	pair := set.Cookie("__Secure-nile.csrf-token")
	half, _, _ := strings.Cut(pair, "%7C")
	out := w.do("POST", "/auth/signout", nobody(), form("csrfToken", half), "Cookie", "__Secure-nile.csrf-token="+pair, "nile-secure-cookies", "true")
	if ended := "__Secure-nile.session-token=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax"; !slices.Contains(w.want(out, 200).Header["Set-Cookie"], ended) {
		w.t.Errorf("cookies %q", out.Header["Set-Cookie"])
	}
	for _, bad := range []string{"app.example.com", "://", "null"} {
		w.wantText(w.do("GET", "/auth/csrf", nobody(), nil, "nile-origin", bad), 400, "The request origin is not a well formed URL.")
	}
}

func sessions(w *world) {
	owner := w.signIn("owner@example.com")
	if parts := strings.Split(owner.session, "."); len(parts) != 5 || parts[1] != "" {
		w.t.Errorf("token has %d parts", len(parts))
	}
	bearer := func(token string) answer { return w.do("GET", "/me", nobody(), nil, "Authorization", "Bearer "+token) }
	w.want(bearer(owner.session), 200)
	w.wantText(w.do("GET", "/me", who{session: "garbage"}, nil, "Authorization", "Bearer "+owner.session), 401, "") // the cookie wins
	w.wantText(bearer(w.sim.MagicSession(w.owner)), 401, "")
	w.wantText(w.do("GET", "/me", nobody(), nil, "Authorization", "Basic dXNlcjpwYXNz"), 401, "")
	if a := w.want(w.do("GET", "/auth/session", nobody(), nil, "Authorization", "Bearer "+owner.session), 200); a.Raw != "{}" {
		w.t.Errorf("a bearer has a session: %s", a.Raw)
	}
	if a := w.want(w.do("POST", "/auth/session/token", nobody(), nil), 200); a.Raw != "{}" {
		w.t.Errorf("nobody has a session: %s", a.Raw)
	}
	magic := who{session: w.sim.MagicSession(w.owner)}
	for _, as := range []who{owner, magic} {
		a := w.want(w.do("GET", "/auth/session", as, nil), 200)
		if a.Text("user", "email") != "owner@example.com" || a.Cookie("nile.session-token") == "" {
			w.t.Errorf("session %s %q", a.Raw, a.Header["Set-Cookie"])
		}
	}
	// Sign-out ends the opaque session alone.
	for _, as := range []who{owner, magic} {
		as.csrf = w.visitor().csrf
		a := w.do("POST", "/auth/signout", as, form("csrfToken", as.token(), "json", "true"))
		if w.want(a, 200).Text("url") != origin || !strings.Contains(strings.Join(a.Header["Set-Cookie"], "\n"), "nile.session-token=; Max-Age=0") {
			w.t.Errorf("sign-out %s %q", a.Raw, a.Header["Set-Cookie"])
		}
	}
	w.want(w.do("GET", "/me", owner, nil), 200)
	w.wantText(w.do("GET", "/me", magic, nil), 401, "")
	if a := w.do("POST", "/auth/signout", owner, form("json", "true")); w.want(a, 200).Text("url") != origin+"/api/auth/signout?csrf=true" {
		w.t.Errorf("sign-out without a pair: %s", a.Raw)
	}
	// Thirty days, by the simulated clock; a look at the session renews it.
	magic.session = w.sim.MagicSession(w.owner)
	w.advance(30*24*time.Hour - time.Minute)
	fresh := who{session: w.want(w.do("GET", "/auth/session", owner, nil), 200).Cookie("nile.session-token")}
	w.want(w.do("GET", "/me", magic, nil), 200)
	w.advance(time.Minute)
	for _, as := range []who{owner, magic} {
		w.wantText(w.do("GET", "/me", as, nil), 401, "")
	}
	w.want(w.do("GET", "/me", fresh, nil), 200)
	// Another secret: pairs and password sessions are gone, opaque ones stay.
	magic.session, fresh.csrf = w.sim.MagicSession(w.owner), w.visitor().csrf
	w.sim.RotateSecret()
	w.wantText(w.do("GET", "/me", fresh, nil), 401, "")
	w.wantText(w.invite(who{magic.session, fresh.csrf}, "a@example.com"), 400, "Request blocked")
	w.want(w.do("GET", "/me", magic, nil), 200)
}

func csrf(w *world) {
	p := w.visitor()
	a := w.want(w.do("GET", "/auth/csrf", p, nil), 200)
	if a.Text("csrfToken") != p.token() || a.Cookie("nile.csrf-token") != "" {
		w.t.Errorf("a valid pair is replaced: %s %q", a.Raw, a.Header["Set-Cookie"])
	}
	forged := who{csrf: strings.Repeat("a", 64) + "%7C" + strings.Repeat("b", 64)}
	if a := w.want(w.do("GET", "/auth/csrf", forged, nil), 200); a.Text("csrfToken") == forged.token() || a.Cookie("nile.csrf-token") == "" {
		w.t.Errorf("a forged pair stays: %s", a.Raw)
	}
	owner := w.signIn("owner@example.com")
	other := w.visitor()
	w.want(w.invite(who{owner.session, other.csrf}, "a@example.com"), 201) // of anybody
	for name, as := range map[string]who{"none": {session: owner.session}, "forged": {owner.session, forged.csrf}} {
		if a := w.invite(as, "b@example.com"); a.Status != 400 || a.Raw != "Request blocked" {
			w.t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	mixed := w.inviteForm(other, "b@example.com") // body and cookie differ
	w.wantText(w.do("POST", "/tenants/"+w.acme+"/invite", owner, mixed), 400, "Request blocked")
}

// passwords: a failed sign-in is 200; only the cookie tells.
func passwords(w *world) {
	w.sim.AddUser(nile.Person{Email: "nopassword@example.com"})
	w.sim.AddUser(nile.Person{Email: "factor@example.com", Password: password, Factor: "email"})
	p := w.visitor()
	try := func(email, pass, token string, asJSON bool) answer {
		body := form("email", email, "password", pass, "csrfToken", token, "callbackUrl", origin+"/home")
		if asJSON {
			body.Set("json", "true")
		}
		return w.do("POST", "/auth/callback/credentials", p, body)
	}
	failed := origin + "/api/auth/error?error=Login%20failed."
	for _, test := range []struct {
		name, email, pass, token string
		plain                    string // Location
		json                     int    // status with json=true
		url                      string // then
	}{
		{"good", "owner@example.com", password, p.token(), origin + "/home", 200, origin + "/home"},
		{"wrong password", "owner@example.com", "x", p.token(), failed, 401, failed},
		{"another case", "Owner@example.com", password, p.token(), failed, 401, failed},
		{"unknown", "x@example.com", password, p.token(), failed, 401, failed},
		{"no password set", "nopassword@example.com", "", p.token(), failed, 401, failed},
		{"no pair", "owner@example.com", password, "", origin + "/api/auth/signin?csrf=true", 200, origin + "/api/auth/signin?csrf=true"},
	} {
		a := w.want(try(test.email, test.pass, test.token, false), 200)
		if a.Raw != "" || a.Header.Get("Location") != test.plain || (a.Cookie("nile.session-token") != "") != (test.name == "good") {
			w.t.Errorf("%s: %q %v", test.name, a.Raw, a.Header)
		}
		a = w.want(try(test.email, test.pass, test.token, true), test.json)
		if a.Text("url") != test.url || (a.Cookie("nile.session-token") != "") != (test.name == "good") {
			w.t.Errorf("%s as JSON: %s", test.name, a.Raw)
		}
	}
	a := w.want(try("factor@example.com", password, p.token(), false), 401)
	if a.Text("mfa", "method") != "email" || len(a.Header["Set-Cookie"]) > 1 || a.Cookie("nile.session-token") != "" {
		w.t.Errorf("second factor: %s %q", a.Raw, a.Header["Set-Cookie"])
	}
	// Only the callback route signs in.
	for path, want := range map[string]string{"/auth/signin": "/signin?csrf=true", "/auth/signin/credentials": "/signin"} {
		body := map[string]string{"email": "owner@example.com", "password": password, "csrfToken": p.token()}
		if a := w.want(w.do("POST", path, p, body), 200); a.Header.Get("Location") != origin+"/api/auth"+want || a.Cookie("nile.session-token") != "" {
			w.t.Errorf("%s: %v", path, a.Header)
		}
	}
	// A browser is not sent to other hosts.
	body := form("email", "owner@example.com", "password", password, "csrfToken", p.token(), "callbackUrl", "https://evil.example.net/")
	if a := w.want(w.do("POST", "/auth/callback/credentials", p, body), 200); a.Header.Get("Location") != origin {
		w.t.Errorf("sent to %s", a.Header.Get("Location"))
	}
}

func brokenSignIn(w *world) {
	w.quirks(func(q *nile.Quirks) { q.EmailProvider = true })
	if a := w.want(w.do("GET", "/auth/providers", nobody(), nil), 200); a.Text("email", "id") != "email" || a.Text("credentials", "id") == "" {
		w.t.Errorf("providers %s", a.Raw)
	}
	w.quirks(func(q *nile.Quirks) { q.NoEmailServer = true })
	if a := w.want(w.do("GET", "/auth/providers", nobody(), nil), 200); a.Raw != "{}" {
		w.t.Errorf("providers %s", a.Raw)
	}
	p := w.visitor()
	body := form("email", "owner@example.com", "password", password, "csrfToken", p.token())
	if a := w.do("POST", "/auth/callback/credentials", p, body); a.Status != 400 || a.Cookie("nile.session-token") != "" {
		w.t.Errorf("%d %q", a.Status, a.Header["Set-Cookie"])
	}
	w.wantText(w.do("POST", "/signup", p, map[string]string{"email": "new@example.com", "password": password}), 500, "Invalid URL")
	if users := w.sim.State().Users; users[len(users)-1].Email != "new@example.com" {
		w.t.Error("the user is not there although the vendor's would be")
	}
}
