package asgardeo

import (
	"html/template"
	"net/http"
	"net/url"

	"usher/sandbox/stage"
)

const (
	pageAccept      = "acceptinvitation.do"
	pageSetPassword = "confirmrecovery.do"
	pageVerify      = "confirmregistration.do"
)

// portal is where the pages of an organization stand.
func (s *Simulator) portal(base, org string) string {
	home := base + "/t/" + s.o.Root
	if org != s.rootID {
		home += "/o/" + org
	}
	return home + "/accountrecoveryendpoint/"
}

func (s *Simulator) inviteLink(c *call, i *invitation) string {
	return s.portal(c.base, i.org) + pageAccept + "?code=" + url.QueryEscape(i.code)
}

func (s *Simulator) codeLink(c *call, u *user, k *accountCode) string {
	page := pageSetPassword
	if k.purpose == MailVerifyEmail {
		page = pageVerify
	}
	q := url.Values{"confirmation": {k.code}, "userstoredomain": {u.store}, "username": {u.name}, "tenantdomain": {s.o.Root}}
	return s.portal(c.base, u.org) + page + "?" + q.Encode()
}

// pageView is what a page shows.
type pageView struct {
	Title, Text, Field, Code, Button string
}

func pageTemplate() *template.Template {
	return template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title></head>
<body><h1>{{.Title}}</h1><p>{{.Text}}</p>
{{if .Button}}<form method="post"><input type="hidden" name="{{.Field}}" value="{{.Code}}"><button type="submit">{{.Button}}</button></form>{{end}}
</body></html>
`))
}

// page serves what a mail's link leads to. GET and HEAD show a form and change
// nothing, since link scanners follow links; POST does what the button says.
func (s *Simulator) page(w http.ResponseWriter, c *call, name string) {
	view, field := pageView{}, "confirmation"
	switch name {
	case pageAccept:
		view, field = pageView{Title: "Accept invitation", Text: "You are invited to join an organization.", Button: "Accept invitation"}, "code"
	case pageSetPassword:
		view = pageView{Title: "Set your password", Text: "A password is set for your account.", Button: "Set password"}
	case pageVerify:
		view = pageView{Title: "Confirm your address", Text: "Confirm that the address is yours.", Button: "Confirm"}
	}
	if view.Title == "" || c.tenant != s.o.Root {
		http.NotFound(w, c.r)
		return
	}
	status := http.StatusOK
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		view.Field, view.Code = field, c.query(field)
	case http.MethodPost:
		c.r.Body = http.MaxBytesReader(w, c.r.Body, maxBody)
		status, view = s.press(name, formOr(c, field), view)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	stage.ShowPage(w, status, pageTemplate(), view)
}

// formOr is a value of the posted form or, for a bare POST of the link, of the query.
func formOr(c *call, name string) string {
	if c.r.ParseForm() != nil {
		return ""
	}
	return c.r.Form.Get(name)
}

// press does what a page's button says.
func (s *Simulator) press(name, code string, view pageView) (int, pageView) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	view.Button = ""
	if name == pageAccept {
		o, failure := s.accept(code)
		if failure != "" {
			t := guestErrors()[failure]
			view.Text = failure + ": " + t.description
			return t.status, view
		}
		view.Text = "You are now a member of " + o.name + "."
		return http.StatusOK, view
	}
	purpose := MailSetPassword
	if name == pageVerify {
		purpose = MailVerifyEmail
	}
	k := s.codes[code]
	if k == nil || k.purpose != purpose || !k.endless && !k.expires.After(s.clock.Now()) {
		view.Text = "18001: Invalid confirmation code. It is unknown, used or expired."
		return http.StatusBadRequest, view
	}
	u := find(s.users, func(u *user) bool { return u.id == k.user })
	u.password, u.locked, u.state, u.modified = true, false, "", s.clock.Now()
	s.dropCodes(u.id, "")
	view.Text = "Done. You can sign in now."
	return http.StatusOK, view
}
