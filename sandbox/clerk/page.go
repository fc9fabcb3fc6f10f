package clerk

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

// pageView is what the ticket page shows.
type pageView struct {
	Title, Text, Ticket string
}

func pageTemplate() *template.Template {
	return template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title></head>
<body><h1>{{.Title}}</h1><p>{{.Text}}</p>
{{if .Ticket}}<form method="post" action="` + ticketPath + `"><input type="hidden" name="ticket" value="{{.Ticket}}"><button type="submit">Accept invitation</button></form>{{end}}
</body></html>
`))
}

func subaddress(address string) bool {
	local, _, _ := strings.Cut(address, "@")
	return strings.Contains(local, "+")
}

// ticketPage serves what a mail's link leads to. GET changes nothing, since
// link scanners follow links: it leads on to redirect_url, where the
// application takes over, or shows a form. POST signs in, or up, with the
// ticket, as the vendor's hosted page or the application would; who was led on
// to an application that is not there can still do so, since the redirect's
// own page has the form as well.
func (s *Simulator) ticketPage(w http.ResponseWriter, c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		s.showTicket(w, c.query("ticket"))
	case http.MethodPost:
		c.r.Body = http.MaxBytesReader(w, c.r.Body, maxBody)
		s.pressTicket(w, c)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
	}
}

func (s *Simulator) showTicket(w http.ResponseWriter, ticket string) {
	claims, f := s.readTicket(ticket)
	if f != nil {
		refusedPage(w, f)
		return
	}
	address, what, f := s.usable(claims)
	if f != nil {
		refusedPage(w, f)
		return
	}
	status := http.StatusOK
	if claims.Redirect != "" {
		state := "sign_up"
		if s.claimed(address) != nil {
			state = "sign_in"
		}
		w.Header().Set("Location", redirectTo(claims.Redirect, ticket, state))
		status = http.StatusSeeOther
	}
	render(w, status, pageView{Title: "Accept invitation", Text: "You are invited to join " + what + ".", Ticket: ticket})
}

func (s *Simulator) pressTicket(w http.ResponseWriter, c *call) {
	var ticket string
	if c.r.ParseForm() == nil {
		ticket = c.r.Form.Get("ticket")
	}
	claims, f := s.readTicket(ticket)
	if f != nil {
		refusedPage(w, f)
		return
	}
	_, what, _ := s.usable(claims)
	if _, f := s.useTicket(claims); f != nil {
		refusedPage(w, f)
		return
	}
	status := http.StatusOK
	if claims.Redirect != "" {
		w.Header().Set("Location", redirectTo(claims.Redirect, ticket, "complete"))
		status = http.StatusSeeOther
	}
	render(w, status, pageView{Title: "Invitation accepted", Text: "You are now a member of " + what + "."})
}

// redirectTo keeps what a redirect_url has in its query.
func redirectTo(page, ticket, status string) string {
	u, err := url.Parse(page)
	if err != nil {
		return page // checked when it was given
	}
	added := url.Values{"__clerk_ticket": {ticket}, "__clerk_status": {status}}.Encode()
	if u.RawQuery != "" {
		added = u.RawQuery + "&" + added
	}
	u.RawQuery = added
	return u.String()
}

func refusedPage(w http.ResponseWriter, f *failure) {
	render(w, f.status, pageView{Title: "Accept invitation", Text: f.String()})
}

func render(w http.ResponseWriter, status int, view pageView) {
	var out strings.Builder
	if err := pageTemplate().Execute(&out, view); err != nil {
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	send(w, status, typeHTML, []byte(out.String()))
}
