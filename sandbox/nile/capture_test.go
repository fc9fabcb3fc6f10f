package nile_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"usher/internal/contracttest"
)

// exchange is one recorded request and answer of the real server.
type exchange struct {
	Name    string
	Request struct {
		Method, Path string
		Headers      map[string]string
		Body         *string
	}
	Response struct {
		Status    int
		Headers   map[string]string
		SetCookie []string `json:"set_cookie"`
		Body      string
	}
	Mail *struct {
		From, To, Subject, Body string
	} `json:"email_sent"`
}

func recorded(t *testing.T) (captures, sdk []exchange) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(contracttest.Dir(t, "nile"), "captures.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Captures []exchange
		SDK      []exchange `json:"sdk_wire"`
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all.Captures, all.SDK
}

// replay sends recorded requests to a simulator. The values that a server
// makes up are another in the simulator: replay learns each as it is answered
// and sends the simulator's own.
type replay struct {
	*world
	known map[string]string // recorded value → the simulator's
}

func newReplay(t *testing.T) *replay {
	return &replay{world: newEmptyWorld(t, nil), known: map[string]string{}}
}

// madeUp matches what a server makes up: ids, tokens, times, sessions.
func madeUp() *regexp.Regexp {
	return regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.\.[A-Za-z0-9_.-]+|[0-9a-f]{64}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT`)
}

// learn pairs the made-up values of two texts, in order.
func (p *replay) learn(recorded, got string) {
	from, to := madeUp().FindAllString(recorded, -1), madeUp().FindAllString(got, -1)
	for i := range min(len(from), len(to)) {
		if _, known := p.known[from[i]]; !known {
			p.known[from[i]] = to[i]
		}
	}
}

// ours is a recorded text with the simulator's values.
func (p *replay) ours(recorded string) string {
	recorded = strings.ReplaceAll(recorded, "{databaseId}", "01000000-0000-7000-8000-000000000000")
	return madeUp().ReplaceAllStringFunc(recorded, func(s string) string {
		if ours, ok := p.known[s]; ok {
			return ours
		}
		return s
	})
}

// masked makes two texts equal that differ in made-up values alone, and a
// cookie's in the session, which is new each time.
func masked(s string) string { return madeUp().ReplaceAllString(s, "…") }

// pair gives a recorded CSRF pair, whose making was not recorded, a partner.
func (p *replay) pair(cookies string) {
	from := regexp.MustCompile(`nile\.csrf-token=([0-9a-f]{64})%7C([0-9a-f]{64})`).FindStringSubmatch(cookies)
	if from == nil || p.known[from[1]] != "" {
		return
	}
	token, sum, _ := strings.Cut(p.visitor().csrf, "%7C")
	p.known[from[1]], p.known[from[2]] = token, sum
}

func (p *replay) play(e exchange) {
	p.t.Helper()
	q := e.Request
	p.pair(q.Headers["cookie"])
	var body *strings.Reader
	if q.Body != nil {
		body = strings.NewReader(p.ours(*q.Body))
	} else {
		body = strings.NewReader("")
	}
	r, err := http.NewRequestWithContext(p.t.Context(), q.Method, p.srv.URL+p.ours(q.Path), body)
	if err != nil {
		p.t.Fatal(err)
	}
	for name, value := range q.Headers {
		r.Header.Set(name, p.ours(value))
	}
	mails := p.mails.count()
	got := p.send(r)
	p.compare(e, got)
	if e.Mail != nil {
		p.compareMail(e, mails)
	}
}

func (p *replay) compare(e exchange, got answer) {
	p.t.Helper()
	want := e.Response
	if got.Status != want.Status {
		p.t.Errorf("%s: status %d, want %d: %s", e.Name, got.Status, want.Status, got.Raw)
		return
	}
	if kind := got.Header.Get("Content-Type"); kind != want.Headers["content-type"] {
		p.t.Errorf("%s: content type %q, want %q", e.Name, kind, want.Headers["content-type"])
	}
	if where, recorded := got.Header.Get("Location"), want.Headers["location"]; where != p.ours(recorded) {
		p.t.Errorf("%s: location %q, want %q", e.Name, where, recorded)
	}
	p.compareCookies(e, got)
	if strings.HasPrefix(want.Body, "<!DOCTYPE") {
		if !strings.HasPrefix(got.Raw, "<!DOCTYPE") {
			p.t.Errorf("%s: body %s", e.Name, got.Raw)
		}
		return
	}
	p.learn(want.Body, got.Raw)
	// Learnt values must be where they belong: an answer about another row fails here.
	timeless := func(s string) string {
		return regexp.MustCompile(`"\d{4}-[^"]*Z"`).ReplaceAllString(p.own(s), `"time"`)
	}
	ours, theirs := timeless(got.Raw), timeless(p.ours(want.Body))
	if ours != theirs {
		p.t.Errorf("%s: body\n%s\nwant\n%s", e.Name, ours, theirs)
	}
}

// own replaces the recorded request's own origin, where none was sent along.
func (p *replay) own(s string) string {
	return strings.NewReplacer("http://localhost:43001", p.srv.URL, "http%3A%2F%2Flocalhost%3A43001", strings.NewReplacer(":", "%3A", "/", "%2F").Replace(p.srv.URL)).Replace(s)
}

func (p *replay) compareCookies(e exchange, got answer) {
	p.t.Helper()
	ours, theirs := slices.Sorted(slices.Values(got.Header["Set-Cookie"])), slices.Sorted(slices.Values(e.Response.SetCookie))
	if len(ours) == len(theirs) {
		for i := range ours {
			p.learn(theirs[i], ours[i])
		}
	}
	mask := func(all []string) (out []string) {
		for _, c := range all {
			out = append(out, masked(p.own(c)))
		}
		return out
	}
	if !slices.Equal(mask(ours), mask(theirs)) {
		p.t.Errorf("%s: cookies\n%q\nwant\n%q", e.Name, ours, theirs)
	}
}

func (p *replay) compareMail(e exchange, before int) {
	p.t.Helper()
	if p.mails.count() != before+1 {
		p.t.Errorf("%s: %d mails, want one", e.Name, p.mails.count()-before)
		return
	}
	m := p.mails.All()[before]
	p.learn(e.Mail.Body, m.HTML)
	if m.From != e.Mail.From || m.To != e.Mail.To || m.Subject != e.Mail.Subject || m.HTML != p.ours(e.Mail.Body) {
		p.t.Errorf("%s: mail %+v\nwant %+v", e.Name, m, *e.Mail)
	}
}

// hex64 matches tokens.
func hex64() *regexp.Regexp { return regexp.MustCompile(`[0-9a-f]{64}`) }
