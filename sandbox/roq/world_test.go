package roq_test

import (
	"bytes"
	"context"
	"encoding/base64"
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

	"usher/internal/contracttest"
	"usher/internal/testclock"
	"usher/sandbox/roq"
	"usher/sandbox/roq/contract"
	"usher/sandbox/stage"
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

// world is an environment with the tenants Acme and Other, the roles admin and
// member, and in Acme one administrator and one member.
type world struct {
	t             *testing.T
	contract      *contract.Validator // of every exchange; nil without the vendor's schema
	sim           *roq.Simulator
	srv           *httptest.Server
	mails         *mailbox
	clock         *testclock.Clock
	acme, other   string
	admin, member string // users
	token         string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, mails: &mailbox{}, clock: testclock.At(time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC))}
	srv := httptest.NewUnstartedServer(nil)
	w.sim = roq.New(roq.Options{BaseURL: "http://" + srv.Listener.Addr().String(), Now: w.clock.Now, Mail: w.mails})
	srv.Config.Handler = w.sim
	if w.contract = held(t); w.contract != nil {
		srv.Config.Handler = w.contract.Middleware(w.sim)
	}
	srv.Start()
	w.srv = srv
	t.Cleanup(srv.Close)
	w.acme, w.other = w.sim.AddTenant("Acme"), w.sim.AddTenant("Other")
	w.sim.AddRole(roq.Role{Key: "admin", Name: "Administrator", Invites: []string{"member"}, Permissions: []string{"*"}})
	w.sim.AddRole(roq.Role{Key: "member", Name: "Member"})
	w.admin = w.sim.AddUser(roq.User{Email: "admin@example.com", TenantID: w.acme, Roles: []string{"admin"}, Password: "secret"})
	w.member = w.sim.AddUser(roq.User{Email: "member@example.com", TenantID: w.acme, Roles: []string{"member"}})
	return w
}

// held is what exchanges are held against where the vendor's schema is there.
// Requests may be wrong, as long as they are refused.
func held(t *testing.T) *contract.Validator {
	t.Helper()
	if _, ok := contracttest.Find(t, "roq"); !ok {
		t.Log("no contract documents: the exchanges are held against nothing")
		return nil
	}
	v := contract.NewValidator(t)
	v.AllowRefused()
	return v
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

func (a answer) len(path ...any) int {
	list, _ := a.at(path...).([]any)
	return len(list)
}

// code is the errorCode of the first error, empty without errors.
func (a answer) code() string { return a.text("errors", 0, "extensions", "response", "errorCode") }

func (w *world) post(path string, body any, header http.Header) answer {
	w.t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case string:
		in = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			w.t.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.srv.URL+path, in)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for name, values := range header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	resp, err := w.srv.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	if json.Unmarshal(raw, &a.json) != nil {
		a.json = nil
	}
	return a
}

func basic(id, key string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+key))
}

func (w *world) headers(token string) http.Header {
	return http.Header{
		"roq-platform-authorization":        {"Bearer " + token},
		"roq-platform-server-authorization": {basic(w.sim.EnvironmentID(), w.sim.APIKey())},
	}
}

func (w *world) accountBody() map[string]any {
	return map[string]any{"email": roq.ServiceAccount, "environmentId": w.sim.EnvironmentID(), "apiKey": w.sim.APIKey()}
}

// account is a service account's token.
func (w *world) account() string {
	w.t.Helper()
	if w.token == "" {
		a := w.post("/v01/authorize/serviceAccount", w.accountBody(), nil)
		if w.token = a.text("accessToken"); w.token == "" {
			w.t.Fatalf("no token: %d %s", a.status, a.raw)
		}
	}
	return w.token
}

type vars map[string]any

// do asks as a service account, as the SDK would.
func (w *world) do(query string, v vars) answer {
	w.t.Helper()
	return w.as(w.account(), query, v)
}

func (w *world) as(token, query string, v vars) answer {
	w.t.Helper()
	return w.post("/v01/server/graphql", map[string]any{"query": query, "variables": v}, w.headers(token))
}

// user is a user's token.
func (w *world) user(id string) string {
	w.t.Helper()
	token, err := w.sim.UserToken(id, time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// must fails the test where an answer has errors.
func (w *world) must(a answer) answer {
	w.t.Helper()
	if a.status != http.StatusOK || a.at("errors") != nil {
		w.t.Fatalf("%d %s", a.status, a.raw)
	}
	return a
}

// refused fails the test unless the first error has a code, and a statusCode.
func (w *world) refused(a answer, status int, code string) answer {
	w.t.Helper()
	if got := a.at("errors", 0, "extensions", "response", "statusCode"); a.code() != code || got != float64(status) {
		w.t.Fatalf("want %d %s: %d %s", status, code, a.status, a.raw)
	}
	return a
}

func (w *world) quirks(change func(*roq.Quirks)) {
	w.t.Helper()
	if err := w.sim.SetQuirks(change); err != nil {
		w.t.Fatal(err)
	}
}

const inviteFields = `{ acceptedByUserId createdAt createdByUserId data email firstName id locale lastName roleKeys status statusUpdatedAt tenantId updatedAt userTokenId }`

const sendV2 = `mutation sendUserInvites($data: UserInvitesCreateV2Dto!) { sendUserInvitesV2(data: $data) { success ` + inviteFields + ` errors { email error firstName lastName } } }`

func (w *world) row(email string, more ...any) map[string]any {
	m := map[string]any{"createdByUserId": w.admin, "email": email}
	for i := 0; i+1 < len(more); i += 2 {
		m[more[i].(string)] = more[i+1]
	}
	return m
}

func (w *world) sendIn(tenant string, rows ...map[string]any) answer {
	w.t.Helper()
	return w.do(sendV2, vars{"data": vars{"tenantId": tenant, "userInvites": rows}})
}

// invite sends one invitation to Acme and returns its id.
func (w *world) invite(email string, more ...any) string {
	w.t.Helper()
	a := w.must(w.sendIn(w.acme, w.row(email, more...)))
	id := a.text("data", "sendUserInvitesV2", "success", 0, "id")
	if id == "" {
		w.t.Fatalf("not invited: %s", a.raw)
	}
	return id
}

func (w *world) byID(field, id string) answer {
	w.t.Helper()
	kind := "mutation"
	if field == "userInvite" {
		kind = "query"
	}
	return w.do(kind+` `+field+`($userInviteId: ID!) { `+field+`(id: $userInviteId) `+inviteFields+` }`, vars{"userInviteId": id})
}

func (w *world) status(id string) string {
	w.t.Helper()
	return w.must(w.byID("userInvite", id)).text("data", "userInvite", "status")
}

// link is the link of the last mail to somebody.
func (w *world) link(email string) string {
	w.t.Helper()
	mails := w.mails.to(email)
	if len(mails) == 0 {
		w.t.Fatalf("no mail to %s", email)
	}
	return mails[len(mails)-1].Link
}

func (w *world) secret(email string) string {
	w.t.Helper()
	u, err := url.Parse(w.link(email))
	if err != nil {
		w.t.Fatal(err)
	}
	return u.Query().Get("token")
}

// rowCode is the errorCode within a row's error.
func rowCode(t *testing.T, a answer, row int) string {
	t.Helper()
	var in struct {
		Message   string
		Variables map[string]any
		ErrorCode string
	}
	text := a.text("data", "sendUserInvitesV2", "errors", row, "error")
	if err := json.Unmarshal([]byte(text), &in); err != nil || in.Message == "" {
		t.Fatalf("row %d: %q in %s", row, text, a.raw)
	}
	return in.ErrorCode
}
