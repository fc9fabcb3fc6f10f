package nile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/sandbox/nile"
	"usher/sandbox/stage"
)

const (
	origin   = "http://localhost:3000"
	password = "Correct-horse-9"
)

func start() time.Time { return time.Date(2026, 11, 21, 2, 15, 21, 954e6, time.UTC) }

// mailbox is a relay that keeps what it gets, or fails.
type mailbox struct {
	mu   sync.Mutex
	all  []stage.Mail
	fail error
	seen func() // called with each mail, before the relay answers
}

func (b *mailbox) Send(ctx context.Context, m stage.Mail) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen != nil {
		b.seen()
	}
	if b.fail != nil {
		return b.fail
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	b.all = append(b.all, m)
	return nil
}

func (b *mailbox) last(t *testing.T, to string) stage.Mail {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.all) - 1; i >= 0; i-- {
		if b.all[i].To == to {
			return b.all[i]
		}
	}
	t.Fatalf("no mail to %s", to)
	return stage.Mail{}
}

func (b *mailbox) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.all)
}

// world is a database with one tenant, its owner, and an outsider.
type world struct {
	t      *testing.T
	sim    *nile.Simulator
	srv    *httptest.Server
	mails  *mailbox
	acme   string
	owner  string // user id
	client *http.Client
}

// newEmptyWorld is a database in which nothing is.
func newEmptyWorld(t *testing.T, wrap func(http.Handler) http.Handler) *world {
	t.Helper()
	w := &world{t: t, mails: &mailbox{}}
	srv := httptest.NewUnstartedServer(nil)
	base := "http://" + srv.Listener.Addr().String()
	w.sim = nile.New(nile.Options{BaseURL: base, Now: start, Mail: w.mails})
	srv.Config.Handler = w.sim
	if wrap != nil {
		srv.Config.Handler = wrap(w.sim)
	}
	srv.Start()
	w.srv = srv
	t.Cleanup(srv.Close)
	w.client = srv.Client()
	w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return w
}

func newWorld(t *testing.T, wrap func(http.Handler) http.Handler) *world {
	t.Helper()
	w := newEmptyWorld(t, wrap)
	w.owner = w.sim.AddUser(nile.Person{Email: "owner@example.com", Password: password})
	w.sim.AddUser(nile.Person{Email: "outsider@example.com", Password: password})
	w.acme = w.sim.AddTenant("Acme")
	w.sim.AddMember(w.acme, w.owner)
	return w
}

// answer is a response read to its end.
type answer struct {
	status  int
	header  http.Header
	cookies []string
	raw     string
	json    any
}

// at walks into the JSON by keys and indexes; nil where nothing is.
func (a answer) at(path ...any) any {
	v := a.json
	for _, p := range path {
		switch key := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[key]
		case int:
			list, _ := v.([]any)
			if key >= len(list) {
				return nil
			}
			v = list[key]
		}
	}
	return v
}

func (a answer) text(path ...any) string {
	s, _ := a.at(path...).(string)
	return s
}

func (a answer) len() int {
	list, _ := a.json.([]any)
	return len(list)
}

// cookie is the value of a cookie that the answer sets.
func (a answer) cookie(name string) string {
	for _, c := range a.cookies {
		if value, ok := strings.CutPrefix(c, name+"="); ok {
			value, _, _ = strings.Cut(value, ";")
			return value
		}
	}
	return ""
}

// who is somebody's cookies.
type who struct{ session, csrf string }

func (p who) header() string {
	var all []string
	if p.session != "" {
		all = append(all, "nile.session-token="+p.session)
	}
	if p.csrf != "" {
		all = append(all, "nile.csrf-token="+p.csrf)
	}
	return strings.Join(all, "; ")
}

// token is the half of the pair that goes into the body.
func (p who) token() string {
	token, _, _ := strings.Cut(p.csrf, "%7C")
	return token
}

func nobody() who { return who{} }

// do sends a call as somebody. A string body goes as JSON, url.Values as a
// form, anything else is encoded as JSON. A header without value is removed.
func (w *world) do(method, path string, as who, body any, header ...string) answer {
	w.t.Helper()
	var in io.Reader
	kind := ""
	switch b := body.(type) {
	case nil:
	case string:
		in, kind = strings.NewReader(b), "application/json"
	case url.Values:
		in, kind = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			w.t.Fatal(err)
		}
		in, kind = bytes.NewReader(raw), "application/json"
	}
	target := w.sim.URL() + path
	if strings.HasPrefix(path, "//") {
		target = w.srv.URL + path[1:]
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, target, in)
	if err != nil {
		w.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("nile-origin", origin)
	r.Header.Set("nile-secure-cookies", "false")
	if cookies := as.header(); cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "" {
			r.Header.Del(header[i])
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	return w.send(r)
}

func (w *world) send(r *http.Request) answer {
	w.t.Helper()
	resp, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, cookies: resp.Header["Set-Cookie"], raw: string(raw)}
	if json.Unmarshal(raw, &a.json) != nil {
		a.json = nil
	}
	return a
}

func (w *world) want(a answer, status int) answer {
	w.t.Helper()
	if a.status != status {
		w.t.Fatalf("status %d, want %d: %s", a.status, status, a.raw)
	}
	return a
}

// wantText wants a refusal of exactly these words; none is an empty body.
func (w *world) wantText(a answer, status int, message string) {
	w.t.Helper()
	kind := "text/plain;charset=UTF-8"
	if message == "" {
		kind = ""
	}
	if a.status != status || a.raw != message || a.header.Get("Content-Type") != kind {
		w.t.Errorf("got %d %q %q, want %d %q", a.status, a.header.Get("Content-Type"), a.raw, status, message)
	}
}

// visitor is somebody with a CSRF pair and no session.
func (w *world) visitor() who {
	w.t.Helper()
	return who{csrf: w.want(w.do("GET", "/auth/csrf", nobody(), nil), 200).cookie("nile.csrf-token")}
}

func (w *world) signIn(email string) who {
	w.t.Helper()
	p := w.visitor()
	a := w.do("POST", "/auth/callback/credentials", p, map[string]string{
		"email": email, "password": password, "csrfToken": p.token(), "callbackUrl": origin,
	})
	p.session = w.want(a, 200).cookie("nile.session-token")
	if p.session == "" {
		w.t.Fatalf("%s is not signed in: %v", email, a.header)
	}
	return p
}

func form(pairs ...string) url.Values {
	out := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out.Set(pairs[i], pairs[i+1])
	}
	return out
}

func (w *world) inviteForm(as who, email string) url.Values {
	return form("identifier", email, "csrfToken", as.token(), "callbackUrl", origin+"/welcome",
		"redirectUrl", w.sim.AppURL()+"/api/tenants/"+w.acme+"/invite")
}

func (w *world) invite(as who, email string) answer {
	w.t.Helper()
	return w.do("POST", "/tenants/"+w.acme+"/invite", as, w.inviteForm(as, email))
}

func (w *world) accept(email, token string) answer {
	w.t.Helper()
	return w.do("PUT", "/tenants/"+w.acme+"/invite", nobody(), form("identifier", email, "token", token, "callbackUrl", origin+"/welcome"))
}

func (w *world) quirks(change func(*nile.Quirks)) {
	w.t.Helper()
	if err := w.sim.SetQuirks(change); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) advance(d time.Duration) { w.sim.Injector().Clock().Advance(d) }

var errDown = errors.New("connect ECONNREFUSED 127.0.0.1:25")
