package roq

import (
	"html/template"
	"net/http"
	"strings"

	"usher/sandbox/stage"
)

// The hosted pages that mailed links lead to.
const (
	pageAccept  = "/accept-invite"
	pageReset   = "/reset-password"
	pageConfirm = "/confirm-email"
)

// pageView is what a page shows.
type pageView struct {
	Title, Text, Token, Button string
	Password                   bool // the form asks for one
}

// personsPage is a page with its form.
type personsPage struct {
	pageView
	press func(token, password string) (text string, err error)
}

func (s *Simulator) pageAt(path string) *personsPage {
	switch path {
	case pageAccept:
		return &personsPage{pageView{Title: "Accept invitation", Text: "You have been invited. Choose a password to join.", Button: "Join", Password: true}, s.joins}
	case pageReset:
		return &personsPage{pageView{Title: "Reset your password", Text: "Choose a new password.", Button: "Save", Password: true}, s.resets}
	case pageConfirm:
		return &personsPage{pageView{Title: "Confirm your address", Text: "Confirm that the address is yours.", Button: "Confirm"}, s.confirms}
	}
	return nil
}

func pageTemplate() *template.Template {
	return template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title></head>
<body><h1>{{.Title}}</h1><p>{{.Text}}</p>
{{if .Button}}<form method="post"><input type="hidden" name="token" value="{{.Token}}">
{{if .Password}}<input type="password" name="password" required>{{end}}<button type="submit">{{.Button}}</button></form>{{end}}
</body></html>
`))
}

// page serves what a mail's link leads to. GET and HEAD show a form and change
// nothing, since link scanners follow links; POST does what the button says.
func (s *Simulator) page(w http.ResponseWriter, c *call, p *personsPage) {
	status, view := http.StatusOK, p.pageView
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		view.Token = c.r.URL.Query().Get("token")
	case http.MethodPost:
		c.r.Body = http.MaxBytesReader(w, c.r.Body, maxBody)
		if c.r.ParseForm() != nil {
			http.Error(w, "Bad Request", http.StatusBadRequest)
			return
		}
		status, view = s.pressed(p, c.r.Form.Get("token"), c.r.PostForm.Get("password"))
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	stage.ShowPage(w, status, pageTemplate(), view)
}

func (s *Simulator) pressed(p *personsPage, token, password string) (int, pageView) {
	view := p.pageView
	if view.Password && password == "" {
		view.Token = token
		return http.StatusBadRequest, view
	}
	view.Button = ""
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	text, err := p.press(token, password)
	if err != nil {
		view.Text = err.Error() + "."
		return http.StatusBadRequest, view
	}
	view.Text = text
	return http.StatusOK, view
}

// joins is the hosted sign-up: it makes the user and accepts.
func (s *Simulator) joins(token, password string) (string, error) {
	i, err := s.accept(token, true, password)
	if err != nil {
		return "", err
	}
	return "You have joined " + s.tenantName(i.tenant) + ".", nil
}

func (s *Simulator) resets(token, password string) (string, error) {
	u, err := s.redeem(token, MailResetPassword)
	if err != nil {
		return "", err
	}
	u.password, u.updated = password, s.now()
	return "Your password is set.", nil
}

func (s *Simulator) confirms(token, _ string) (string, error) {
	u, err := s.redeem(token, MailConfirmation)
	if err != nil {
		return "", err
	}
	u.confirmed = true
	return "Your address is confirmed.", nil
}

// redeem uses up the code of a mail to a user.
func (s *Simulator) redeem(token, kind string) (*user, error) {
	k := s.codes[token]
	if k == nil || k.kind != kind {
		return nil, badRequest(codeTokenInvalid, "Token is invalid", nil)
	}
	delete(s.codes, token)
	if !k.expires.After(s.now()) {
		return nil, badRequest(codeTokenExpired, "Token has been expired", nil)
	}
	return s.user(k.user), nil
}

// Accept plays the invitee who follows the link of an invitation's mail, given
// the link or its token alone, and chooses a password. It fails as the page does.
func (s *Simulator) Accept(link, password string) error {
	_, token, found := strings.Cut(link, "token=")
	if !found {
		token = link
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	_, err := s.accept(token, true, password)
	return err
}
