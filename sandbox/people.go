package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html"

	"usher/sandbox/mail"
)

// Person is somebody with a browser: he opens the link of a mail, fills in the
// form of the page he finds, and sends it. The zero value is usable.
type Person struct {
	Password string       // what he types where a password is asked; default a fixed one
	Client   *http.Client // his browser; default one of his own, without cookies
}

// Page is what a person sees in the end.
type Page struct {
	URL    string
	Status int
	Title  string
	Text   string // the text of the page, blanks collapsed
}

// ErrNoForm is wrapped where a page has no form to send.
var ErrNoForm = errors.New("the page has no form")

const (
	defaultPassword = "Correct-horse-9-battery"
	maxPage         = 1 << 20
	browserTimeout  = 15 * time.Second
)

// OpenMail is what a person without a name does: see Person.OpenMail.
func OpenMail(ctx context.Context, m *mail.Message) (*Page, error) {
	return (&Person{}).OpenMail(ctx, m)
}

// OpenMail follows the first link of a mail: it reads the page and sends its
// form. Answers of 400 and above are an error that says what the page said.
func (p *Person) OpenMail(ctx context.Context, m *mail.Message) (*Page, error) {
	if len(m.Links) == 0 {
		return nil, fmt.Errorf("mail %s: no link in it", m.ID)
	}
	return p.Open(ctx, m.Links[0])
}

// Open reads the page at link and sends its form, as OpenMail does.
func (p *Person) Open(ctx context.Context, link string) (*Page, error) {
	client, done := p.browser()
	defer done()
	page, doc, err := visit(ctx, client, http.MethodGet, link, nil)
	if err != nil {
		return nil, err
	}
	f := p.fill(doc)
	if f == nil {
		return page, fmt.Errorf("open page %q: %w", page.Title, ErrNoForm)
	}
	if f.method != http.MethodPost {
		return page, fmt.Errorf("open page %q: its form uses %s: it would be sent by whatever reads links", page.Title, f.method)
	}
	target, err := resolve(page.URL, f.action)
	if err != nil {
		return page, err
	}
	page, _, err = visit(ctx, client, http.MethodPost, target, f.values)
	return page, err
}

func (p *Person) browser() (*http.Client, func()) {
	if p.Client != nil {
		return p.Client, func() {}
	}
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: browserTimeout}).DialContext, DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: browserTimeout, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 5 || !loopbackHost(r.URL.Host) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return client, transport.CloseIdleConnections
}

// visit loads one page. Only pages of this machine are visited: the sandbox's
// people do not leave it.
func visit(ctx context.Context, client *http.Client, method, address string, form url.Values) (*Page, *html.Node, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || !loopbackHost(u.Host) {
		return nil, nil, errors.New("open page: the address is not one of the sandbox")
	}
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, nil, fmt.Errorf("open page: %w", err)
	}
	r.Header.Set("Accept", "text/html")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", u.Scheme+"://"+u.Host)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, nil, fmt.Errorf("open page: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	doc, err := html.Parse(io.LimitReader(res.Body, maxPage))
	if err != nil {
		return nil, nil, fmt.Errorf("open page: %w", err)
	}
	page := &Page{URL: res.Request.URL.String(), Status: res.StatusCode, Title: title(doc), Text: text(doc)}
	if res.StatusCode >= http.StatusBadRequest {
		return page, nil, fmt.Errorf("open page: %s: %s", res.Status, page.Text)
	}
	return page, doc, nil
}

func resolve(page, action string) (string, error) {
	base, err := url.Parse(page)
	if err != nil {
		return "", fmt.Errorf("open page: %w", err)
	}
	target, err := base.Parse(action)
	if err != nil {
		return "", fmt.Errorf("open page: form's action: %w", err)
	}
	return target.String(), nil
}
