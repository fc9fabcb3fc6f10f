package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/identity"
	"usher/invites"
)

// pathAcceptPage is usher's own page for invitees, for connections whose
// application has none.
const pathAcceptPage = "/accept"

//go:embed accept.html
var acceptPage string

//go:embed accept.css
var acceptStyle string

// maxForm bounds the form of the page.
const maxForm = 4 << 10

// acceptPages serves the page: a GET shows what the link leads to, and only the
// form changes anything.
type acceptPages struct {
	a        *API
	template *template.Template
	policy   string
}

func newAcceptPages(a *API) (*acceptPages, error) {
	t, err := template.New("accept").Parse(acceptPage)
	if err != nil {
		return nil, fmt.Errorf("api: parse the page for invitees: %w", err)
	}
	style := sha256.Sum256([]byte(acceptStyle))
	return &acceptPages{a: a, template: t, policy: "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; style-src 'sha256-" +
		base64.StdEncoding.EncodeToString(style[:]) + "'"}, nil
}

// acceptView is what the page says. Token is set where there is a button.
type acceptView struct {
	Title, Text, Token, Next string
	Action                   string // where the button leads
	Style                    template.CSS
}

// handle makes a handler of what a page says. The page does for people what an
// operation does for applications: it is held to the same rate, and recorded
// as that operation.
func (p *acceptPages) handle(operation string, say func(*gin.Context) (acceptView, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := p.a.spend(c.Request, c.Header); err != nil {
			p.fail(c, err)
			return
		}
		finished := false
		defer func() { p.a.recordPage(c, operation, finished) }()
		if view, err := say(c); err != nil {
			p.fail(c, err)
		} else {
			p.write(c, http.StatusOK, view)
		}
		finished = true
	}
}

// show answers a GET.
func (p *acceptPages) show(c *gin.Context) (acceptView, error) {
	token := c.Query(parameterToken)
	l, err := p.a.service.Landing(c.Request.Context(), token)
	if err != nil {
		return acceptView{}, err
	}
	name := l.Organization.Name
	view := acceptView{Title: "Join " + name}
	switch l.Status {
	case invites.LandingReady:
		view.Text = l.Invite.Email + " has been invited to join " + name + "."
		view.Token = token
	case invites.LandingAccepted:
		view.Text, view.Next = "This invitation has been accepted.", l.Invite.RedirectURL
	case invites.LandingExpired:
		view.Text = "This invitation has expired, or a later mail has taken its place. Ask for a new one."
	case invites.LandingRevoked:
		view.Text = "This invitation has been withdrawn."
	}
	return view, nil
}

// accept answers the form.
func (p *acceptPages) accept(c *gin.Context) (acceptView, error) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxForm)
	token := c.PostForm(parameterToken)
	if token != "" { // else the form may not have arrived
		setReadDeadline(c.Writer, time.Time{})
	}
	got, err := p.a.accept(c.Request.Context(), token)
	if err != nil {
		return acceptView{}, err
	}
	return acceptView{
		Title: "Welcome to " + got.Organization.Name, Text: got.Invite.Email + " is a member now.", Next: got.Invite.RedirectURL,
	}, nil
}

// fail says what went wrong, in words for people.
func (p *acceptPages) fail(c *gin.Context, err error) {
	problem := problemOf(err)
	problem.note(requestOf(c.Request.Context()))
	for name, value := range problem.headers() {
		c.Header(name, value)
	}
	view := acceptView{Title: "This did not work", Text: "Try again in a minute. The invitation is still open."}
	switch identity.Code(problem.Code) {
	case identity.CodeRateLimited:
		view = acceptView{Title: "Please wait", Text: "Too many requests come from here. Try again in a minute."}
	case identity.CodeNotFound:
		view = acceptView{Title: "No invitation", Text: "There is no invitation behind this link. Copy it whole from the mail, or ask for a new one."}
	case identity.CodeInviteExpired:
		view = acceptView{Title: "Expired", Text: "This invitation has expired, or a later mail has taken its place. Ask for a new one."}
	case identity.CodeInviteNotPending:
		view = acceptView{Title: "Not open", Text: "This invitation is not open any more."}
	}
	p.write(c, problem.Status, view)
}

func (p *acceptPages) write(c *gin.Context, status int, view acceptView) {
	view.Action = p.a.base + pathAcceptPage
	view.Style = template.CSS(acceptStyle) //nolint:gosec // our own file
	var out bytes.Buffer
	if err := p.template.Execute(&out, view); err != nil {
		answer(c, problemOf(&identity.Error{Code: identity.CodeInternal, Op: "render the page for invitees", Err: err}))
		return
	}
	c.Header("Content-Security-Policy", p.policy)
	c.Data(status, "text/html; charset=utf-8", out.Bytes())
}
