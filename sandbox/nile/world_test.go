package nile_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"usher/sandbox/nile"
	"usher/sandbox/sandboxtest"
	"usher/sandbox/stage"
)

const (
	origin   = "http://localhost:3000"
	password = "Correct-horse-9"
)

func start() time.Time { return time.Date(2026, 11, 21, 2, 15, 21, 954e6, time.UTC) }

// relay is a mailbox that takes no mail whose context has ended.
type relay struct {
	sandboxtest.Mailbox
	seen func() // called with each mail, before the relay answers
}

func (b *relay) Send(ctx context.Context, m stage.Mail) error {
	if b.seen != nil {
		b.seen()
	}
	if err := ctx.Err(); err != nil && b.Fail == nil {
		return err
	}
	return b.Mailbox.Send(ctx, m)
}

func (b *relay) last(t *testing.T, to string) stage.Mail {
	t.Helper()
	return sandboxtest.Last(t, b.To(to))
}

func (b *relay) count() int { return len(b.All()) }

// world is a database with one tenant, its owner, and an outsider.
type world struct {
	t      *testing.T
	sim    *nile.Simulator
	srv    *httptest.Server
	mails  *relay
	acme   string
	owner  string // user id
	client *http.Client
}

// newEmptyWorld is a database in which nothing is.
func newEmptyWorld(t *testing.T, wrap func(http.Handler) http.Handler) *world {
	t.Helper()
	w := &world{t: t, mails: &relay{}}
	w.srv = sandboxtest.Serve(t, func(base string) http.Handler {
		w.sim = nile.New(nile.Options{BaseURL: base, Now: start, Mail: w.mails})
		if wrap == nil {
			return w.sim
		}
		return wrap(w.sim)
	})
	w.client = w.srv.Client()
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
type answer = sandboxtest.Answer

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
	target := w.sim.URL() + path
	if strings.HasPrefix(path, "//") {
		target = w.srv.URL + path[1:]
	}
	r := sandboxtest.NewRequest(w.t, method, target, body)
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
	return sandboxtest.Send(w.t, w.client, r)
}

func (w *world) want(a answer, status int) answer {
	w.t.Helper()
	if a.Status != status {
		w.t.Fatalf("status %d, want %d: %s", a.Status, status, a.Raw)
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
	if a.Status != status || a.Raw != message || a.Header.Get("Content-Type") != kind {
		w.t.Errorf("got %d %q %q, want %d %q", a.Status, a.Header.Get("Content-Type"), a.Raw, status, message)
	}
}

// visitor is somebody with a CSRF pair and no session.
func (w *world) visitor() who {
	w.t.Helper()
	return who{csrf: w.want(w.do("GET", "/auth/csrf", nobody(), nil), 200).Cookie("nile.csrf-token")}
}

func (w *world) signIn(email string) who {
	w.t.Helper()
	p := w.visitor()
	a := w.do("POST", "/auth/callback/credentials", p, map[string]string{
		"email": email, "password": password, "csrfToken": p.token(), "callbackUrl": origin,
	})
	p.session = w.want(a, 200).Cookie("nile.session-token")
	if p.session == "" {
		w.t.Fatalf("%s is not signed in: %v", email, a.Header)
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
