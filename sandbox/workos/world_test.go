package workos_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"usher/internal/contracttest"
	"usher/sandbox/sandboxtest"
	"usher/sandbox/workos"
	"usher/sandbox/workos/contract"
)

const apiKey = "sk_test_world"

var (
	start    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	document = sandboxtest.Contract("workos", leniently(contract.Spec()))
)

// leniently lets requests be wrong: many tests send what the document refuses,
// to see it refused. What is answered has to fit all the same.
func leniently(spec contracttest.Spec) contracttest.Spec {
	spec.Known = append(spec.Known, contracttest.Exemption{Request: true, Error: regexp.MustCompile(`.`), Reason: "bad requests, sent on purpose"})
	return spec
}

// world is an environment with the roles admin and member and the organization
// Acme, whose administrator is boss. Its answers are held against the vendor's
// document where that is there.
type world struct {
	t      *testing.T
	sim    *workos.Simulator
	srv    *httptest.Server
	mails  *sandboxtest.Mailbox
	acme   string
	boss   string // a user
	bossIn string // his membership
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return openWorld(t, func(next http.Handler) http.Handler {
		if v := document(t); v != nil {
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
	w := &world{t: t, mails: &sandboxtest.Mailbox{}}
	w.srv = sandboxtest.Serve(t, func(base string) http.Handler {
		w.sim = workos.New(workos.Options{ClientID: "client_world", BaseURL: base, Now: func() time.Time { return start }, Mail: w.mails, Key: sandboxtest.Key()})
		return wrap(w.sim)
	})
	w.sim.AddKey(apiKey)
	w.sim.AddRole("", "admin", "Admin", "members:write")
	w.sim.SetPriority("admin", "member")
	w.acme = w.sim.AddOrganization("Acme")
	w.boss = w.sim.AddUser(workos.Person{Email: "boss@acme.example", FirstName: "Bo", LastName: "Ss", Password: "a-long-password"})
	w.bossIn = w.sim.AddMember(w.acme, w.boss, "admin")
	return w
}

// answer is a response read to its end.
type answer = sandboxtest.Answer

type object = map[string]any

// do sends a request. A string is a raw body, "" none at all.
func (w *world) do(method, path string, body any, header ...string) answer {
	w.t.Helper()
	r := sandboxtest.NewRequest(w.t, method, w.srv.URL+path, body)
	r.Header.Set("Authorization", "Bearer "+apiKey)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return sandboxtest.Send(w.t, w.srv.Client(), r)
}

func (w *world) get(path string, status int) answer {
	w.t.Helper()
	return w.want(w.do("GET", path, nil), status)
}

func (w *world) want(a answer, status int) answer {
	w.t.Helper()
	if a.Status != status {
		w.t.Fatalf("status %d, want %d: %s", a.Status, status, a.Raw)
	}
	return a
}

// refused checks status and code of an error; an empty code means none.
func (w *world) refused(a answer, status int, code string) {
	w.t.Helper()
	if got := a.Text("code"); a.Status != status || got != code {
		w.t.Errorf("got %d %q, want %d %q: %s", a.Status, got, status, code, a.Raw)
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
	return w.want(w.do("POST", users, body), 201).Text("id")
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
