package workos_test

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
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/internal/contracttest"
	"usher/sandbox/stage"
	"usher/sandbox/workos"
	"usher/sandbox/workos/contract"
)

const apiKey = "sk_test_world"

var (
	start   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	testKey = sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
	// document is the vendor's, loaded once for all worlds; nil where it is absent.
	document = sync.OnceValues(func() (*contracttest.Validator, error) {
		dir := os.Getenv("USHER_CONTRACTS")
		if dir == "" {
			dir = "../../../shared/contracts"
		}
		spec := contract.Spec()
		// Many tests send what the document refuses, to see it refused; what is
		// answered has to fit all the same.
		spec.Known = append(spec.Known, contracttest.Exemption{Request: true, Error: regexp.MustCompile(`.`), Reason: "bad requests, sent on purpose"})
		return contracttest.Load(dir+"/workos", spec)
	})
)

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

func (b *mailbox) last(t *testing.T) stage.Mail {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.all) == 0 {
		t.Fatal("no mail")
	}
	return b.all[len(b.all)-1]
}

// world is an environment with the roles admin and member and the organization
// Acme, whose administrator is boss. Its answers are held against the vendor's
// document where that is there.
type world struct {
	t      *testing.T
	sim    *workos.Simulator
	srv    *httptest.Server
	mails  *mailbox
	acme   string
	boss   string // a user
	bossIn string // his membership
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return openWorld(t, func(next http.Handler) http.Handler {
		if v, err := document(); err == nil {
			return v.Fresh(t).Middleware(next)
		}
		return next // TestContract says that the document is missing
	})
}

// looseWorld is a world for what the document does not know.
func looseWorld(t *testing.T) *world {
	t.Helper()
	return openWorld(t, func(next http.Handler) http.Handler { return next })
}

func openWorld(t *testing.T, wrap func(http.Handler) http.Handler) *world {
	t.Helper()
	w := &world{t: t, mails: &mailbox{}}
	srv := httptest.NewUnstartedServer(nil)
	base := "http://" + srv.Listener.Addr().String()
	w.sim = workos.New(workos.Options{ClientID: "client_world", BaseURL: base, Now: func() time.Time { return start }, Mail: w.mails, Key: testKey()})
	srv.Config.Handler = wrap(w.sim)
	srv.Start()
	w.srv = srv
	t.Cleanup(srv.Close)
	w.sim.AddKey(apiKey)
	w.sim.AddRole("", "admin", "Admin", "members:write")
	w.sim.SetPriority("admin", "member")
	w.acme = w.sim.AddOrganization("Acme")
	w.boss = w.sim.AddUser(workos.Person{Email: "boss@acme.example", FirstName: "Bo", LastName: "Ss", Password: "a-long-password"})
	w.bossIn = w.sim.AddMember(w.acme, w.boss, "admin")
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

func (a answer) has(key string) bool {
	m, _ := a.json.(map[string]any)
	_, found := m[key]
	return found
}

// column lists one member of each row of a list.
func (a answer) column(key string) []string {
	out := []string{}
	rows, _ := a.at("data").([]any)
	for _, row := range rows {
		m, _ := row.(map[string]any)
		text, _ := m[key].(string)
		out = append(out, text)
	}
	return out
}

type object = map[string]any

// do sends a request. A string is a raw body, "" none at all.
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
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+apiKey)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := w.srv.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, raw: string(raw)}
	if len(raw) > 0 && json.Unmarshal(raw, &a.json) != nil {
		a.json = nil
	}
	return a
}

func (w *world) get(path string, status int) answer {
	w.t.Helper()
	return w.want(w.do("GET", path, nil), status)
}

func (w *world) want(a answer, status int) answer {
	w.t.Helper()
	if a.status != status {
		w.t.Fatalf("status %d, want %d: %s", a.status, status, a.raw)
	}
	return a
}

// refused checks status and code of an error; an empty code means none.
func (w *world) refused(a answer, status int, code string) {
	w.t.Helper()
	if got := a.text("code"); a.status != status || got != code {
		w.t.Errorf("got %d %q, want %d %q: %s", a.status, got, status, code, a.raw)
	}
}

func (w *world) quirks(change func(*workos.Quirks)) {
	w.t.Helper()
	if err := w.sim.SetQuirks(change); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) advance(d time.Duration) { w.sim.Injector().Clock().Advance(d) }

const (
	invitations = "/user_management/invitations"
	memberships = "/user_management/organization_memberships"
	users       = "/user_management/users"
)

// send sends an invitation into Acme; more are further members of the body.
func (w *world) send(email string, more ...any) answer {
	w.t.Helper()
	body := object{"email": email, "organization_id": w.acme}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] == nil {
			delete(body, more[i].(string))
		} else {
			body[more[i].(string)] = more[i+1]
		}
	}
	return w.do("POST", invitations, body)
}

func (w *world) user(email string, more ...any) string {
	w.t.Helper()
	body := object{"email": email}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	return w.want(w.do("POST", users, body), 201).text("id")
}

// membershipOf finds an address among Acme's memberships of every status.
func (w *world) membershipOf(email string) workos.MembershipState {
	for _, m := range w.sim.State().Memberships {
		if m.Email == email && m.OrganizationID == w.acme {
			return m
		}
	}
	return workos.MembershipState{}
}

// events lists the names of events from a number on.
func (w *world) events(from int) []string {
	out := []string{}
	for _, e := range w.sim.State().Events[from:] {
		out = append(out, e.Name)
	}
	return out
}
