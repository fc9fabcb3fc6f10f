package clerk_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"usher/internal/contracttest"
	"usher/sandbox/clerk"
	"usher/sandbox/clerk/contract"
	"usher/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const latest = "2026-05-12"

var (
	start    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	document = sandboxtest.Contract("clerk", contract.Spec())
)

// validator is fresh for a test; nil where the contract documents are absent.
func validator(t *testing.T) *contracttest.Validator {
	t.Helper()
	if v := document(t); v != nil {
		return v.Fresh(nil)
	}
	return nil
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
	mails                  *sandboxtest.Mailbox
	acme                   string
	admin, member, outside string // user ids
	version                string
}

func newWorld(t *testing.T, change func(*clerk.Options)) *world {
	t.Helper()
	w := &world{t: t, mails: &sandboxtest.Mailbox{}, version: latest, validator: validator(t)}
	w.srv = sandboxtest.Serve(t, func(base string) http.Handler {
		o := clerk.Options{BaseURL: base, Now: func() time.Time { return start }, Mail: w.mails, Key: sandboxtest.Key()}
		if change != nil {
			change(&o)
		}
		w.sim = clerk.New(o)
		return w.sim
	})
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
type answer = sandboxtest.Answer

type m = map[string]any

func (w *world) do(method, path string, body any, header ...string) answer {
	w.t.Helper()
	r := sandboxtest.NewRequest(w.t, method, w.srv.URL+path, body)
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
	a := sandboxtest.Send(w.t, w.client, r)
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
		if refused := a.Status >= 400; refused && strings.Contains(violation, ": request: ") || w.older(r, violation) {
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
	if a.Status != status {
		w.t.Fatalf("status %d, want %d: %s", a.Status, status, a.Raw)
	}
	return a
}

// refused checks a refusal's envelope (FACTS.md section 2).
func (w *world) refused(a answer, status int, code string) answer {
	w.t.Helper()
	if got := a.Text("errors", 0, "code"); a.Status != status || got != code {
		w.t.Fatalf("status %d, code %q, want %d %q: %s", a.Status, got, status, code, a.Raw)
	}
	if a.Text("errors", 0, "message") == "" || a.Text("errors", 0, "long_message") == "" || len(a.Text("clerk_trace_id")) != 32 {
		w.t.Fatalf("envelope %s", a.Raw)
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
	return w.send(sandboxtest.NewRequest(w.t, "POST", w.srv.URL+u.Path, form))
}

// open reads the page at a link.
func (w *world) open(link string) answer {
	w.t.Helper()
	return w.send(sandboxtest.NewRequest(w.t, "GET", link, nil))
}

// column is one field of every row of a list.
func column(rows []any, path ...any) []string {
	out := []string{}
	for _, row := range rows {
		out = append(out, answer{JSON: row}.Text(path...))
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
