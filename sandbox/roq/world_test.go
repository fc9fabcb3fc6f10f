package roq_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"usher/internal/contracttest"
	"usher/internal/testclock"
	"usher/sandbox/roq"
	"usher/sandbox/roq/contract"
	"usher/sandbox/sandboxtest"
)

// world is an environment with the tenants Acme and Other, the roles admin and
// member, and in Acme one administrator and one member.
type world struct {
	t             *testing.T
	contract      *contract.Validator // of every exchange; nil without the vendor's schema
	sim           *roq.Simulator
	srv           *httptest.Server
	mails         *sandboxtest.Mailbox
	clock         *testclock.Clock
	acme, other   string
	admin, member string // users
	token         string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, mails: &sandboxtest.Mailbox{}, clock: testclock.At(time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC))}
	w.srv = sandboxtest.Serve(t, func(base string) http.Handler {
		w.sim = roq.New(roq.Options{BaseURL: base, Now: w.clock.Now, Mail: w.mails})
		if w.contract = held(t); w.contract == nil {
			return w.sim
		}
		return w.contract.Middleware(w.sim)
	})
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
type answer = sandboxtest.Answer

func (w *world) post(path string, body any, header http.Header) answer {
	w.t.Helper()
	r := sandboxtest.NewRequest(w.t, http.MethodPost, w.srv.URL+path, body)
	for name, values := range header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	return sandboxtest.Send(w.t, w.srv.Client(), r)
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
		if w.token = a.Text("accessToken"); w.token == "" {
			w.t.Fatalf("no token: %d %s", a.Status, a.Raw)
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
	if a.Status != http.StatusOK || a.At("errors") != nil {
		w.t.Fatalf("%d %s", a.Status, a.Raw)
	}
	return a
}

// refused fails the test unless the first error has a code, and a statusCode.
func (w *world) refused(a answer, status int, code string) answer {
	w.t.Helper()
	response := []any{"errors", 0, "extensions", "response"}
	if a.Text(append(response, "errorCode")...) != code || a.At(append(response, "statusCode")...) != float64(status) {
		w.t.Fatalf("want %d %s: %d %s", status, code, a.Status, a.Raw)
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
	id := a.Text("data", "sendUserInvitesV2", "success", 0, "id")
	if id == "" {
		w.t.Fatalf("not invited: %s", a.Raw)
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
	return w.must(w.byID("userInvite", id)).Text("data", "userInvite", "status")
}

// link is the link of the last mail to somebody.
func (w *world) link(email string) string {
	w.t.Helper()
	mails := w.mails.To(email)
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
	text := a.Text("data", "sendUserInvitesV2", "errors", row, "error")
	if err := json.Unmarshal([]byte(text), &in); err != nil || in.Message == "" {
		t.Fatalf("row %d: %q in %s", row, text, a.Raw)
	}
	return in.ErrorCode
}
