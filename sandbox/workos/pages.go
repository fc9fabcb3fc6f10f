package workos

import (
	"html/template"
	"net/http"

	"usher/sandbox/stage"
)

// invitationPage is where the links of invitations lead: the hosted sign-up.
const invitationPage = "/authkit/invitation"

// pageView is what the page shows.
type pageView struct {
	Title, Text, Token, Email string
	Form                      bool
}

func pageTemplate() *template.Template {
	return template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title></head>
<body><h1>{{.Title}}</h1><p>{{.Text}}</p>
{{if .Form}}<form method="post"><input type="hidden" name="invitation_token" value="{{.Token}}">
<label>E-mail <input type="email" name="email" value="{{.Email}}"></label>
<label>Password <input type="password" name="password"></label>
<button type="submit">Accept invitation</button></form>{{end}}
</body></html>
`))
}

// page serves what an invitation's link leads to. GET and HEAD show a form and
// change nothing, since link scanners follow links; POST signs up and accepts.
func (s *Simulator) page(w http.ResponseWriter, c *call) {
	status, view := http.StatusOK, pageView{}
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		status, view = s.look(c.r.URL.Query().Get("invitation_token"))
	case http.MethodPost:
		c.r.Body = http.MaxBytesReader(w, c.r.Body, maxBody)
		if err := c.r.ParseForm(); err != nil {
			http.Error(w, "Bad Request", http.StatusBadRequest)
			return
		}
		status, view = s.press(c.r.Form.Get("invitation_token"), c.r.Form.Get("email"), c.r.Form.Get("password"))
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	stage.ShowPage(w, status, pageTemplate(), view)
}

func (s *Simulator) look(token string) (int, pageView) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := find(s.invitations, func(i *invitation) bool { return i.token == token && token != "" })
	if i == nil {
		return refusedPage(invitationInvalid)
	}
	if _, code := s.usable(token, i.email); code != "" {
		return refusedPage(code)
	}
	view := pageView{Title: "Accept invitation", Text: "You have been invited to join our application.", Token: token, Email: i.email, Form: true}
	if o := s.organization(i.organization); o != nil {
		view.Text = "You have been invited to join " + o.name + "."
	}
	return http.StatusOK, view
}

func (s *Simulator) press(token, email, password string) (int, pageView) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	if i := find(s.invitations, func(i *invitation) bool { return i.token == token }); i != nil && email == "" {
		email = i.email // a bare POST of the link
	}
	_, i, code := s.join(token, email, password)
	if code != "" {
		return refusedPage(code)
	}
	view := pageView{Title: "Invitation accepted", Text: "You have signed up."}
	if o := s.organization(i.organization); o != nil {
		view.Text = "You are now a member of " + o.name + "."
	}
	return http.StatusOK, view
}

func refusedPage(code string) (int, pageView) {
	return http.StatusBadRequest, pageView{Title: "Invitation cannot be used", Text: code + ": the invitation is used up, withdrawn, expired, or for another address."}
}
