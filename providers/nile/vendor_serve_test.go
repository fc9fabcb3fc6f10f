package nile

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

type object = map[string]any

const stamp = "2006-01-02T15:04:05.000Z"

// text answers as the vendor does outside of /auth: JSON and refusals alike are
// called plain text.
func text(w http.ResponseWriter, status int, body any) {
	if s, ok := body.(string); ok {
		if s != "" {
			w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(s))
		return
	}
	w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// prefix is that of the cookies of a request (FACTS.md section 2).
func prefix(r *http.Request) string {
	if r.Header.Get("nile-secure-cookies") == "true" {
		return "__Secure-"
	}
	return ""
}

// signed returns whose session a request has, or nil.
func (v *vendor) signed(r *http.Request) *user {
	cookie, err := r.Cookie(prefix(r) + "nile.session-token")
	if err != nil {
		return nil
	}
	return v.sessions[cookie.Value]
}

// formed checks the pair of tokens of a form.
func formed(r *http.Request, form url.Values) bool {
	cookie, err := r.Cookie(prefix(r) + "nile.csrf-token")
	if err != nil {
		return false
	}
	token, _, _ := strings.Cut(cookie.Value, "%7C")
	return token != "" && token == form.Get("csrfToken") && strings.HasSuffix(cookie.Value, "%7C"+strings.Repeat("c", 64))
}

func (v *vendor) serve(w http.ResponseWriter, r *http.Request, op, body string) {
	if o, err := url.Parse(r.Header.Get("nile-origin")); err != nil || o.Host == "" || r.Header.Get("nile-secure-cookies") == "" {
		text(w, 400, "The request origin is not a well formed URL.")
		return
	}
	var form url.Values
	if r.Method == "POST" || r.Method == "PUT" {
		form, _ = url.ParseQuery(body)
		if r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			text(w, 500, `Content-Type was not one of "multipart/form-data" or "application/x-www-form-urlencoded".`)
			return
		}
	}
	path := strings.Split(strings.TrimPrefix(r.URL.Path, database+"/"), "/")
	switch op {
	case "csrf":
		token := v.hex()
		w.Header().Add("Set-Cookie", prefix(r)+"nile.csrf-token="+token+"%7C"+strings.Repeat("c", 64)+"; Path=/; HttpOnly; SameSite=Lax")
		w.Header().Add("Set-Cookie", prefix(r)+"nile.callback-url="+url.QueryEscape(r.Header.Get("nile-origin"))+"; Path=/")
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(object{"csrfToken": token})
	case "signin":
		v.serveSignIn(w, r, form)
	case "me":
		v.serveMe(w, r)
	case "accept":
		if r.Header.Get("Cookie") != "" { // it is the invitee who accepts
			text(w, 500, "a session was sent along")
			return
		}
		v.serveAccept(w, path[1], form)
	case "users", "list", "invite", "delete":
		u := v.signed(r)
		if u == nil {
			text(w, 401, "")
			return
		}
		switch op {
		case "invite":
			v.serveInvite(w, r, u, path[1], form)
		default:
			v.serveTenant(w, u, op, path)
		}
	default:
		text(w, 405, "")
	}
}

func (v *vendor) serveSignIn(w http.ResponseWriter, r *http.Request, form url.Values) {
	lead := func(status int, to string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(object{"url": to})
	}
	n := slices.IndexFunc(v.users, func(u *user) bool { return u.email == form.Get("email") })
	switch {
	case v.broken || !formed(r, form):
		lead(200, form.Get("callbackUrl")+"/api/auth/signin?csrf=true")
	case n < 0 || v.users[n].password == "" || v.users[n].password != form.Get("password"):
		lead(401, form.Get("callbackUrl")+"/api/auth/error?error=Login%20failed.")
	default:
		token := "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0.." + v.hex()
		v.sessions[token] = v.users[n]
		name := prefix(r) + "nile.session-token="
		if v.plain {
			name = "nile.session-token="
		}
		cookie := name + token + "; Path=/; HttpOnly; SameSite=Lax"
		if !v.noExpiry {
			cookie += "; Expires=" + v.Clock.Now().Add(v.life).Format(http.TimeFormat)
		}
		w.Header().Add("Set-Cookie", cookie)
		lead(200, form.Get("callbackUrl"))
	}
}

func (v *vendor) serveMe(w http.ResponseWriter, r *http.Request) {
	u := v.signed(r)
	if u == nil {
		text(w, 401, "")
		return
	}
	me := person(u)
	me["created"], me["updated"] = v.Clock.Now().Format(stamp), v.Clock.Now().Format(stamp)
	tenants := []string{}
	for id, t := range v.tenants {
		if t.has(u) {
			tenants = append(tenants, id)
		}
	}
	me["tenants"] = tenants
	text(w, 200, me)
}

func person(u *user) object {
	o := object{
		"id": u.id, "email": u.email, "name": nil, "familyName": nil, "givenName": nil, "picture": nil, "emailVerified": nil, "multiFactor": nil,
	}
	if u.given != "" {
		o["givenName"], o["familyName"] = u.given, u.family
	}
	if u.verified {
		o["emailVerified"] = "2026-11-21T02:15:24.597Z"
	}
	return o
}

func row(tenant string, i *invite) object {
	return object{
		"id": i.id, "tenant_id": tenant, "token": i.token, "identifier": i.email, "roles": nil, "created_by": i.by, "expires": i.expires.Format(stamp),
	}
}

func (v *vendor) serveTenant(w http.ResponseWriter, u *user, op string, path []string) {
	t := v.tenants[path[1]]
	if t == nil || !t.has(u) {
		text(w, 401, "Unauthorized.")
		return
	}
	switch op {
	case "users":
		people := []object{}
		for _, m := range t.members {
			people = append(people, person(m))
		}
		text(w, 200, people)
	case "list":
		rows := []object{}
		for id, all := range v.tenants {
			for _, i := range all.invites {
				if id == t.id || v.unruly {
					rows = append(rows, row(id, i))
				}
			}
		}
		text(w, 200, rows)
	case "delete":
		t.invites = slices.DeleteFunc(t.invites, func(i *invite) bool { return i.id == path[3] })
		text(w, 204, "")
	}
}

var invitable = regexp.MustCompile(`^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$`)

// serveInvite refuses in the order of FACTS.md section 5.
func (v *vendor) serveInvite(w http.ResponseWriter, r *http.Request, u *user, id string, form url.Values) {
	v.forms = append(v.forms, form)
	t, email := v.tenants[id], form.Get("identifier")
	switch {
	case email == "":
		text(w, 400, "identifier is required.")
	case !invitable.MatchString(email):
		text(w, 400, "email is not valid.")
	case !formed(r, form):
		text(w, 400, "Request blocked")
	case t == nil:
		text(w, 404, "")
	case t.holds(email):
		text(w, 400, "User is already a member of the tenant")
	case !t.has(u):
		text(w, 401, "Unauthorized.")
	default:
		i := v.invite(t, u, email)
		switch {
		case !v.template:
			text(w, 404, "Unable to find email template invite_user")
		case !v.mailer:
			text(w, 400, "Email sending is not configured for this database.")
		case v.smtp != "":
			text(w, 400, v.smtp)
		default:
			q := url.Values{"token": {i.token}, "identifier": {email}, "callbackUrl": {form.Get("callbackUrl")}}
			v.mails[email] = append(v.mails[email], form.Get("redirectUrl")+"?"+q.Encode())
			if v.wrong {
				id = orgTwo
			}
			text(w, 201, row(id, i))
		}
	}
}

func (v *vendor) serveAccept(w http.ResponseWriter, id string, form url.Values) {
	callback, err := url.Parse(form.Get("callbackUrl"))
	if err != nil || !callback.IsAbs() {
		text(w, 400, "Invalid callback url: missing base")
		return
	}
	t := v.tenants[id]
	n := -1
	if t != nil && !v.dbBroken {
		n = slices.IndexFunc(t.invites, func(i *invite) bool { return i.email == form.Get("identifier") && i.token == form.Get("token") })
	}
	if n < 0 {
		text(w, 404, "Invite not found")
		return
	}
	i := t.invites[n]
	t.invites = slices.Delete(t.invites, n, n+1) // whatever becomes of it
	switch {
	case !i.expires.After(v.Clock.Now()):
		text(w, 410, "Invite has expired.")
	case !slices.ContainsFunc(t.members, func(u *user) bool { return u.id == i.by }):
		text(w, 404, "")
	case t.holds(i.email):
		w.Header().Set("Location", callback.String()+"?error=User%2520is%2520already%2520a%2520member%2520of%2520the%2520tenant")
		text(w, 400, "")
	default:
		v.join(id, i.email, true)
		w.Header().Set("Location", form.Get("callbackUrl"))
		text(w, 204, "")
	}
}

// week is longer than an invitation lives.
const week = 7*24*time.Hour + time.Hour
