package nile_test

import (
	"net/url"
	"strings"
	"time"

	"usher/sandbox/nile"
)

// below is the path of a link that leads to the application, on the API: what
// the SDK's handlers call for their GET.
func below(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(u.RequestURI(), "/api")
}

func magicLinks(w *world) {
	p := w.visitor()
	ask := func(email, token string) answer {
		return w.do("POST", "/auth/signin/email", p, form("email", email, "csrfToken", token, "callbackUrl", origin+"/in", "json", "true"))
	}
	w.wantText(ask("owner@example.com", p.token()), 400, "Error: This action with HTTP POST is not supported by NextAuth.js")
	w.wantText(w.do("GET", "/auth/callback/email?email=a&token=b", p, nil), 400, "Error: This action with HTTP GET is not supported by NextAuth.js")
	w.quirks(func(q *nile.Quirks) { q.EmailProvider = true })
	w.wantText(w.do("POST", "/auth/signin/github", p, form()), 400, "Error: This action with HTTP POST is not supported by NextAuth.js")
	if a := w.want(ask("owner@example.com", ""), 200); a.Text("url") != origin+"/api/auth/signin?csrf=true" || w.mails.count() != 0 {
		w.t.Errorf("without a pair: %s", a.Raw)
	}
	if a := w.want(ask("", p.token()), 200); a.Text("url") != origin+"/api/auth/error?error=EmailSignin" {
		w.t.Errorf("without an address: %s", a.Raw)
	}
	w.want(ask("owner@example.com", p.token()), 200)
	first := w.mails.last(w.t, "owner@example.com").Link
	w.want(ask("owner@example.com", p.token()), 200)
	link := w.mails.last(w.t, "owner@example.com").Link
	failed := origin + "/api/auth/error?error=Verification"
	for _, bad := range []string{first, strings.Replace(link, "owner", "Owner", 1)} {
		if a := w.want(w.do("GET", below(bad), p, nil), 201); a.Header.Get("Location") != failed {
			w.t.Errorf("a bad link leads to %s", a.Header.Get("Location"))
		}
	}
	a := w.want(w.do("GET", below(link), p, nil), 201)
	session := a.Cookie("nile.session-token")
	if a.Header.Get("Location") != origin+"/in" || len(session) != 36 {
		w.t.Errorf("%v", a.Header)
	}
	if me := w.want(w.do("GET", "/me", who{session: session}, nil), 200); me.Text("emailVerified") == "" {
		w.t.Errorf("the address is not proven: %s", me.Raw)
	}
	if again := w.want(w.do("GET", below(link), p, nil), 201); again.Header.Get("Location") != failed {
		w.t.Error("a link works twice")
	}
	// Strangers become users; the quirk keeps them out.
	w.want(ask("new@example.com", p.token()), 200)
	w.want(w.do("GET", below(w.mails.last(w.t, "new@example.com").Link), p, nil), 201)
	w.want(ask("late@example.com", p.token()), 200)
	w.advance(25 * time.Hour)
	if a := w.want(w.do("GET", below(w.mails.last(w.t, "late@example.com").Link), p, nil), 201); a.Header.Get("Location") != failed {
		w.t.Error("a link of yesterday works")
	}
	w.quirks(func(q *nile.Quirks) { q.MagicLinkMembersOnly = true })
	if a := w.want(ask("stranger@example.com", p.token()), 200); a.Text("url") != origin+"/api/auth/error?error=EmailSignin" {
		w.t.Errorf("a stranger got %s", a.Raw)
	}
	// The relay's refusal is not told.
	w.mails.Fail = errDown
	w.want(ask("owner@example.com", p.token()), 200)
}

func (w *world) reset(p who, email, query string) answer {
	w.t.Helper()
	return w.do("POST", "/auth/reset-password"+query, p, map[string]string{
		"email": email, "callbackUrl": origin + "/in", "redirectUrl": w.sim.AppURL() + "/api/auth/reset-password",
	})
}

// resets is the way in for who accepted an invite: he has no password.
func resets(w *world) {
	w.sim.AddUser(nile.Person{Email: "guest@example.com", Name: "Guest"})
	p := w.visitor()
	w.want(w.reset(p, "guest@example.com", ""), 201)
	opened := w.want(w.do("GET", below(w.mails.last(w.t, "guest@example.com").Link), p, nil), 200)
	cookie := opened.Cookie("nile.reset")
	if opened.Header.Get("Location") != origin+"/in" || cookie == "" {
		w.t.Fatalf("%v", opened.Header)
	}
	set := func(email, cookie string) answer {
		return w.do("PUT", "/auth/reset-password", p, map[string]string{"email": email, "password": password}, "Cookie", "nile.reset="+cookie)
	}
	w.wantText(set("owner@example.com", cookie), 400, "Unable to process request")
	w.wantText(set("guest@example.com", cookie+"0"), 400, "Unable to process request")
	w.wantText(set("guest@example.com", ""), 400, "Missing token")
	a := w.want(set("guest@example.com", cookie), 204)
	w.want(w.do("GET", "/me", who{session: a.Cookie("nile.session-token")}, nil), 200)
	if m := w.mails.last(w.t, "guest@example.com"); m.Kind != nile.MailPasswordAlert || m.Link != "" {
		w.t.Errorf("no alert: %+v", m)
	}
	w.wantText(set("guest@example.com", cookie), 400, "Unable to process request")
	w.signIn("guest@example.com")
}

func resetsRefused(w *world) {
	p := w.visitor()
	w.wantText(w.reset(nobody(), "owner@example.com", ""), 404, "")
	w.wantText(w.reset(p, "", ""), 400, "Email is required")
	w.wantText(w.do("POST", "/auth/reset-password", p, ""), 500, "Unexpected end of JSON input")
	w.wantText(w.reset(p, "nobody@example.com", "?json=true"), 200, "") // nobody is told
	w.wantText(w.do("POST", "/auth/reset-password", p, map[string]string{"email": "owner@example.com", "redirectUrl": "/x"}), 400, `{"message":"Invalid redirect"}`)
	// Links without a good token open nothing.
	url := w.want(w.reset(p, "owner@example.com", "?json=true"), 201).Text("url")
	if w.mails.count() != 0 {
		w.t.Errorf("%d mails although the link was handed out", w.mails.count())
	}
	for _, bad := range []string{strings.Replace(url, "token=", "token=0", 1), strings.Replace(url, "callbackUrl", "nothing", 1)} {
		if a := w.want(w.do("GET", below(bad), p, nil), 200); len(a.Header["Set-Cookie"]) != 0 {
			w.t.Errorf("%s gives %q", bad, a.Header["Set-Cookie"])
		}
	}
	opened := w.want(w.do("GET", below(url)+"&redirect=false", p, nil), 200)
	if opened.Header.Get("Location") != "" {
		w.t.Errorf("sent to %s", opened.Header.Get("Location"))
	}
	w.advance(4*time.Hour + time.Second)
	late := w.do("PUT", "/auth/reset-password", p, map[string]string{"email": "owner@example.com", "password": "new"}, "Cookie", "nile.reset="+opened.Cookie("nile.reset"))
	w.wantText(late, 400, "Token expired")
	w.mails.Fail = errDown
	w.wantText(w.reset(p, "owner@example.com", ""), 500, errDown.Error())
	w.quirks(func(q *nile.Quirks) { q.MissingTemplates = []string{nile.MailPasswordReset} })
	w.wantText(w.reset(p, "owner@example.com", ""), 404, "Unable to find email template password_reset")
	w.quirks(func(q *nile.Quirks) { q.MissingTemplates, q.NoEmailServer = nil, true })
	w.wantText(w.reset(p, "owner@example.com", ""), 400, `{"message":"Server is not configured to send emails."}`)
}

func verifications(w *world) {
	p := w.visitor()
	ask := func(token, email string, header ...string) answer {
		cookie := p.header() + "; nile.callback-url=" + url.QueryEscape(w.sim.AppURL())
		return w.do("POST", "/auth/verify-email", p, form("email", email, "csrfToken", token, "callbackUrl", origin+"/in"), append([]string{"Cookie", cookie}, header...)...)
	}
	w.wantText(ask("", "owner@example.com"), 400, "Request blocked")
	w.wantText(ask(p.token(), "owner@example.com", "Cookie", p.header()), 400, "Callback is not a valid url")
	w.wantText(ask(p.token(), "nobody@example.com"), 200, "")
	w.wantText(ask(p.token(), "owner@example.com"), 201, "")
	link := below(w.mails.last(w.t, "owner@example.com").Link)
	if a := w.want(w.do("GET", strings.Replace(link, "token=", "token=0", 1), p, nil), 200); a.Header.Get("Location") != "" {
		w.t.Errorf("%v", a.Header)
	}
	if a := w.want(w.do("GET", link, p, nil), 200); a.Header.Get("Location") != origin+"/in" {
		w.t.Errorf("%v", a.Header)
	}
	if me := w.want(w.do("GET", "/me", w.signIn("owner@example.com"), nil), 200); me.Text("emailVerified") == "" {
		w.t.Errorf("not proven: %s", me.Raw)
	}
	w.mails.Fail = errDown
	w.wantText(ask(p.token(), "owner@example.com"), 401, "An email address that uses SSO must have their email verified in order to use credentials.")
	w.quirks(func(q *nile.Quirks) { q.MissingTemplates = []string{nile.MailVerifyEmail} })
	w.wantText(ask(p.token(), "owner@example.com"), 400, "Unable to send verification email, the 'verify_email' template is missing from auth.email_templates")
	w.quirks(func(q *nile.Quirks) { q.MissingTemplates, q.NoEmailServer = nil, true })
	w.wantText(ask(p.token(), "owner@example.com"), 400, "Email sending is not configured")
}
