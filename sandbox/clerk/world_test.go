package clerk_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
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

	"go.uber.org/goleak"

	"usher/internal/contracttest"
	"usher/sandbox/clerk"
	"usher/sandbox/clerk/contract"
	"usher/sandbox/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const latest = "2026-05-12"

var (
	start   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	testKey = sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
	loadContract = sync.OnceValues(func() (*contracttest.Validator, error) {
		return contracttest.Load(contractDir, contract.Spec())
	})
	contractDir string
	findDir     sync.Once
)

// asking finds the contract documents without ending the test where they are absent.
type asking struct {
	testing.TB
	absent bool
}

func (a *asking) Skipf(string, ...any) { a.absent = true }

// validator is fresh for a test; nil where the contract documents are absent.
func validator(t *testing.T) *contracttest.Validator {
	t.Helper()
	findDir.Do(func() {
		ask := &asking{TB: t}
		if dir := contracttest.Dir(ask, "clerk"); !ask.absent {
			contractDir = dir
		}
	})
	if contractDir == "" {
		return nil
	}
	v, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	return v.Fresh(nil)
}

// mailbox is a Mailer that keeps what it gets, or fails.
type mailbox struct {
	mu   sync.Mutex
	all  []stage.Mail
	fail bool
}

func (b *mailbox) Send(_ context.Context, m stage.Mail) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail {
		return errors.New("mail server is down")
	}
	b.all = append(b.all, m)
	return nil
}

func (b *mailbox) to(address string) (out []stage.Mail) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.all {
		if m.To == address {
			out = append(out, m)
		}
	}
	return out
}

// world is an instance with the organization Acme, an administrator and a
// member in it, and a user outside. Every exchange is held against the contract.
type world struct {
	t                      *testing.T
	sim                    *clerk.Simulator
	srv                    *httptest.Server
	client                 *http.Client
	validator              *contracttest.Validator
	seen                   int
	mails                  *mailbox
	acme                   string
	admin, member, outside string // user ids
	version                string
}

func newWorld(t *testing.T, change func(*clerk.Options)) *world {
	t.Helper()
	w := &world{t: t, mails: &mailbox{}, version: latest, validator: validator(t)}
	w.srv = httptest.NewUnstartedServer(nil)
	o := clerk.Options{BaseURL: "http://" + w.srv.Listener.Addr().String(), Now: func() time.Time { return start }, Mail: w.mails, Key: testKey()}
	if change != nil {
		change(&o)
	}
	w.sim = clerk.New(o)
	w.srv.Config.Handler = w.sim
	w.srv.Start()
	t.Cleanup(w.srv.Close)
	transport := w.srv.Client().Transport
	if w.validator != nil {
		transport = w.validator.RoundTripper(transport)
	}
	w.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w.acme = w.sim.AddOrganization(clerk.Org{Name: "Acme", Slug: "acme", MemberLimit: 20})
	w.admin = w.sim.AddUser(clerk.Person{Email: "boss@example.com", FirstName: "Bo", LastName: "Ss"})
	w.member = w.sim.AddUser(clerk.Person{Email: "member@example.com", Username: "memb"})
	w.outside = w.sim.AddUser(clerk.Person{Email: "outside@example.com"})
	w.sim.AddMember(w.acme, w.admin, "org:admin")
	w.sim.AddMember(w.acme, w.member, "org:member")
	return w
}

// answer is a response read to its end.
type answer struct {
	status int
	header http.Header
	raw    string
	json   any
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

func (a answer) number(path ...any) int64 {
	n, _ := a.at(path...).(float64)
	return int64(n)
}

func (a answer) list(path ...any) []any {
	list, _ := a.at(path...).([]any)
	return list
}

func (a answer) code() string { return a.text("errors", 0, "code") }

type m = map[string]any

func (w *world) do(method, path string, body any, header ...string) answer {
	w.t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			w.t.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.srv.URL+path, in)
	if err != nil {
		w.t.Fatal(err)
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+w.sim.SecretKey())
	if w.version != "" {
		r.Header.Set("Clerk-API-Version", w.version)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Del(header[i])
		if header[i+1] != "" {
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
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	if json.Unmarshal(raw, &a.json) != nil {
		a.json = nil
	}
	w.hold(r, a)
	return a
}

// hold looks at what the contract says of an exchange. A request that the
// document rules out is a violation only if the simulator took it.
func (w *world) hold(r *http.Request, a answer) {
	w.t.Helper()
	if w.validator == nil {
		return
	}
	all := w.validator.Violations()
	for _, violation := range all[w.seen:] {
		if refused := a.status >= 400; refused && strings.Contains(violation, ": request: ") || w.older(r, violation) {
			continue
		}
		w.t.Errorf("contract: %s", violation)
	}
	w.seen = len(all)
}

// older passes what another version of the API than the document's takes.
func (w *world) older(r *http.Request, violation string) bool {
	return r.Header.Get("Clerk-API-Version") != latest && strings.Contains(violation, ": request: ") && strings.Contains(violation, "metadata")
}

func (w *world) want(a answer, status int) answer {
	w.t.Helper()
	if a.status != status {
		w.t.Fatalf("status %d, want %d: %s", a.status, status, a.raw)
	}
	return a
}

// refused checks a refusal's envelope (FACTS.md section 2).
func (w *world) refused(a answer, status int, code string) answer {
	w.t.Helper()
	if a.status != status || a.code() != code {
		w.t.Fatalf("status %d, code %q, want %d %q: %s", a.status, a.code(), status, code, a.raw)
	}
	if a.text("errors", 0, "message") == "" || a.text("errors", 0, "long_message") == "" || len(a.text("clerk_trace_id")) != 32 {
		w.t.Fatalf("envelope %s", a.raw)
	}
	return a
}

func (w *world) get(path string) answer {
	w.t.Helper()
	return w.want(w.do("GET", path, nil), 200)
}

func (w *world) post(path string, body any) answer {
	w.t.Helper()
	return w.want(w.do("POST", path, body), 200)
}

func (w *world) quirks(change func(*clerk.Quirks)) {
	w.t.Helper()
	if err := w.sim.SetQuirks(change); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) advance(d time.Duration) { w.sim.Injector().Clock().Advance(d) }

func (w *world) org(rest string) string { return "/v1/organizations/" + w.acme + rest }

func (w *world) invite(address string, more ...any) answer {
	w.t.Helper()
	return w.do("POST", w.org("/invitations"), invitation(address, more...))
}

func invitation(address string, more ...any) m {
	out := m{"email_address": address, "role": "org:member"}
	for i := 0; i+1 < len(more); i += 2 {
		out[more[i].(string)] = more[i+1]
	}
	return out
}

// press sends the form of the page at a ticket link.
func (w *world) press(link string) answer {
	w.t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		w.t.Fatal(err)
	}
	form := url.Values{"ticket": {u.Query().Get("ticket")}}
	r, err := http.NewRequestWithContext(w.t.Context(), "POST", w.srv.URL+u.Path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.send(r)
}

// open reads the page at a link.
func (w *world) open(link string) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), "GET", link, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.send(r)
}

// column is one field of every row of a list.
func column(rows []any, path ...any) []string {
	out := []string{}
	for _, row := range rows {
		out = append(out, answer{json: row}.text(path...))
	}
	return out
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	g, _ := json.Marshal(got)
	x, _ := json.Marshal(want)
	if !bytes.Equal(g, x) {
		t.Errorf("%s: got %s, want %s", what, g, x)
	}
}
