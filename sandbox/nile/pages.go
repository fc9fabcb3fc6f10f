package nile

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"usher/sandbox/stage"
)

// pageView is what a page shows.
type pageView struct {
	Title, Text, Button string
	Password            bool // a new password is asked
}

func pageTemplate() *template.Template {
	return template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title></head>
<body><h1>{{.Title}}</h1><p>{{.Text}}</p>
{{if .Button}}<form method="post">{{if .Password}}<input type="password" name="password" required>{{end}}<button type="submit">{{.Button}}</button></form>{{end}}
</body></html>
`))
}

// page stands in for the customer's application at the paths where the
// vendor's SDK has its handlers. GET and HEAD show a form and change nothing,
// since link scanners follow links; POST does what the button says. What the
// link carries stays in the page's address.
func (s *Simulator) page(w http.ResponseWriter, c *call, path string) {
	parts := strings.Split(path, "/")
	var view pageView
	var press func(pageView) (int, pageView)
	q := c.r.URL.Query()
	switch {
	case len(parts) == 3 && parts[0] == "tenants" && parts[2] == "invite":
		view = pageView{Title: "Accept invitation", Text: "You are invited to join a team.", Button: "Accept invitation"}
		press = func(v pageView) (int, pageView) { return s.pressAccept(v, parts[1], q) }
	case path == "auth/reset-password":
		view = pageView{Title: "Set your password", Text: "A new password is set for your account.", Button: "Set password", Password: true}
		press = func(v pageView) (int, pageView) { return s.pressReset(v, c, q) }
	case path == "auth/callback/email":
		view = pageView{Title: "Sign in", Text: "You are about to sign in.", Button: "Sign in"}
		press = func(v pageView) (int, pageView) { return s.pressSignIn(v, q) }
	default:
		notFoundPage().write(w, nil)
		return
	}
	status := http.StatusOK
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPost:
		c.r.Body = http.MaxBytesReader(w, c.r.Body, maxBody)
		status, view = press(view)
		view.Button = ""
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		empty(http.StatusMethodNotAllowed).write(w, nil)
		return
	}
	stage.ShowPage(w, status, pageTemplate(), view)
}

func (s *Simulator) pressAccept(view pageView, tenant string, q url.Values) (int, pageView) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.accept(tenant, q.Get("identifier"), q.Get("token"), &url.URL{Path: "/"})
	if p.status != http.StatusNoContent {
		view.Text = p.refusal()
		return p.status, view
	}
	view.Text = "You are now a member of " + s.tenant(tenant).name + "."
	return http.StatusOK, view
}

func (s *Simulator) pressReset(view pageView, c *call, q url.Values) (int, pageView) {
	if c.r.ParseForm() != nil || c.r.PostForm.Get("password") == "" {
		view.Text = "A password is needed."
		return http.StatusBadRequest, view
	}
	view.Password = false
	refused := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		email := q.Get("identifier")
		v, u := s.tokens[email], s.userByEmail(email)
		if v == nil || v.token != q.Get("token") || !v.expires.After(s.clock.Now()) || u == nil {
			return true
		}
		delete(s.tokens, email)
		s.setPassword(c, u, c.r.PostForm.Get("password"))
		return false
	}()
	if refused {
		view.Text = "The link is unknown, used or expired."
		return http.StatusBadRequest, view
	}
	s.deliver(c.r.Context(), c, reply{})
	view.Text = "Done. You can sign in now."
	return http.StatusOK, view
}

func (s *Simulator) pressSignIn(view pageView, q url.Values) (int, pageView) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.useMagicLink(q.Get("email"), q.Get("token"))
	if u == nil {
		view.Text = "The link is unknown, used or expired."
		return http.StatusBadRequest, view
	}
	view.Text = "You are signed in as " + u.email + "."
	return http.StatusOK, view
}
