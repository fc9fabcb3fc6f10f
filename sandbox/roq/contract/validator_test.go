package contract_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"usher/internal/contracttest"
	"usher/sandbox/fault"
	"usher/sandbox/roq/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	id       = "0b0e2f3a-9c1d-4e5f-8a7b-1c2d3e4f5a6b"
	oneError = `{"message":"m","path":["tenant"],"extensions":{"code":"BAD_USER_INPUT","response":{"statusCode":400,"error":"Bad Request","errorCode":"X","message":"m","variables":{}}}}`
	goodJWT  = "e30.eyJyb3FFbnZpcm9ubWVudElkIjoiYSIsInJvcVVzZXJJZCI6ImIiLCJub3RpZmljYXRpb25Ub2tlbiI6ImMiLCJpYXQiOjEsImV4cCI6Mn0.c2ln"
)

// TestValidator shows that what breaks the contract is found, on the server's
// side and on the client's: a check that finds nothing would let a simulator
// drift from the vendor unseen.
func TestValidator(t *testing.T) {
	t.Parallel()
	const server, invite = "/v01/server/graphql", `query q($id: ID!) { userInvite(id: $id) { id status createdAt data } }`
	tests := []struct {
		name, path, query, variables string
		status                       int
		answer                       string
		want                         string // part of the one violation; empty: none
	}{
		{"good", server, invite, `{"id":"x","more":1}`, 200, `{"data":{"userInvite":{"id":"` + id + `","status":"pending","createdAt":"2023-10-27T00:14:36.900Z","data":{"a":[1]}}}}`, ""},
		{"good on the client's endpoint", "/v01/graphql", `{isTenantsActive}`, ``, 200, `{"data":{"isTenantsActive":true}}`, ""},
		{"alias, fragment, skip", server, `query q($no: Boolean = false){a:isTenantsActive tenants{...p totalCount @include(if: $no)}} fragment p on TenantPageModel{data{id __typename}}`, ``, 200,
			`{"data":{"a":true,"tenants":{"data":[{"id":"` + id + `","__typename":"TenantModel"}]}}}`, ""},
		{"unknown field asked for", server, `{nope}`, ``, 400, `{"errors":[` + oneError + `]}`, `request: `},
		{"variable of another type", server, invite, `{"id":[]}`, 400, `{"errors":[` + oneError + `]}`, `request: `},
		{"variable missing", server, invite, `{}`, 400, `{"errors":[` + oneError + `]}`, `request: `},
		{"unknown input field", server, `query q($f: TenantFilterArgType){tenants(filter:$f){totalCount}}`, `{"f":{"name":{"equalTo":"a"}}}`, 400, `{"errors":[` + oneError + `]}`, `request: `},
		{"data for what does not fit", server, `{nope}`, ``, 200, `{"data":{"nope":1}}`, `does not fit`},
		{"field missing", server, `{tenants{totalCount data{id}}}`, ``, 200, `{"data":{"tenants":{"data":[]}}}`, `totalCount was asked for`},
		{"field too many", server, `{isTenantsActive}`, ``, 200, `{"data":{"isTenantsActive":true,"more":1}}`, `more was not asked for`},
		{"null for non-null", server, `{isTenantsActive}`, ``, 200, `{"data":{"isTenantsActive":null}}`, `null for Boolean!`},
		{"unknown status", server, `{userInvites{data{status}}}`, ``, 200, `{"data":{"userInvites":{"data":[{"status":"cancelled"}]}}}`, `cancelled is no UserInviteStatusEnum`},
		{"date without milliseconds", server, `{tenants{data{createdAt}}}`, ``, 200, `{"data":{"tenants":{"data":[{"createdAt":"2023-10-27T00:14:36Z"}]}}}`, `is no Date`},
		{"id that is no UUID", server, `{tenants{data{id}}}`, ``, 200, `{"data":{"tenants":{"data":[{"id":"1"}]}}}`, `is no ID`},
		{"list for JsonObject", server, `{userInvites{data{data}}}`, ``, 200, `{"data":{"userInvites":{"data":[{"data":[1]}]}}}`, `is no JsonObject`},
		{"number as text", server, `{tenants{totalCount}}`, ``, 200, `{"data":{"tenants":{"totalCount":"1"}}}`, `is no Int`},
		{"good error", server, invite, `{"id":"x"}`, 200, `{"data":null,"errors":[` + oneError + `]}`, ""},
		{"bare error", server, invite, `{"id":"x"}`, 200, `{"data":null,"errors":[{"message":"m"}]}`, `without extensions`},
		{"error without code", server, invite, `{"id":"x"}`, 200, `{"data":null,"errors":[{"message":"m","extensions":{"code":"X"}}]}`, `lack something`},
		{"neither data nor errors", server, invite, `{"id":"x"}`, 200, `{}`, `neither data nor errors`},
		{"errors without one", server, invite, `{"id":"x"}`, 200, `{"data":null,"errors":[]}`, `without one`},
		{"not JSON", server, invite, `{"id":"x"}`, 200, `<html>`, `not a JSON object`},
		{"unknown path", "/v02/graphql", `{isTenantsActive}`, ``, 404, `{"statusCode":404,"message":"no","error":"Not Found"}`, `no document has it`},
		{"people's page", "/accept-invite", ``, ``, 200, `<html>`, ""},
		{"token", "/v01/authorize/serviceAccount", ``, `{"email":"a","environmentId":"b","apiKey":"c"}`, 201, `{"accessToken":"` + goodJWT + `"}`, ""},
		{"opaque token", "/v01/authorize/serviceAccount", ``, `{"email":"a","environmentId":"b","apiKey":"c"}`, 201, `{"accessToken":"opaque"}`, `no JWT`},
		{"token without expiry", "/v01/authorize", ``, `{"userId":"a","environmentId":"b","apiKey":"c"}`, 201, `{"accessToken":"e30.e30.e30"}`, `no roqEnvironmentId`},
		{"token asked for without a key", "/v01/authorize/serviceAccount", ``, `{"email":"a"}`, 401, `{"message":"no"}`, `no environmentId`},
		{"refusal without message", "/v01/authorize/serviceAccount", ``, `{"email":"a","environmentId":"b","apiKey":"c"}`, 401, `{}`, `no message`},
	}
	dir := contracttest.Dir(t, "roq")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sides := map[string]*contract.Validator{}
			for _, side := range []string{"server", "client"} {
				v, err := contract.Load(dir)
				if err != nil {
					t.Fatal(err)
				}
				sides[side] = v
			}
			done := make(chan struct{})
			validated := sides["server"].Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json; charset=utf-8")
				w.WriteHeader(test.status)
				io.WriteString(w, test.answer)
			}))
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				validated.ServeHTTP(w, r)
				close(done)
			}))
			defer srv.Close()
			call(t, sides["client"].RoundTripper(srv.Client().Transport), srv.URL+test.path, body(t, test.query, test.variables))
			<-done
			for side, v := range sides {
				got := strings.Join(v.Violations(), "\n")
				if test.want == "" && got != "" || !strings.Contains(got, test.want) || test.want != "" && got == "" {
					t.Errorf("%s: violations %q, want %q", side, got, test.want)
				}
			}
		})
	}
}

func body(t *testing.T, query, variables string) string {
	t.Helper()
	if query == "" {
		return variables
	}
	in := map[string]any{"query": query}
	if variables != "" {
		in["variables"] = json.RawMessage(variables)
	}
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func call(t *testing.T, transport http.RoundTripper, url, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("roq-platform-authorization", "Bearer x")
	r.Header.Set("roq-platform-server-authorization", "Basic eDp5")
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
}

func TestInjectedAndRefused(t *testing.T) {
	t.Parallel()
	v, err := contract.Load(contracttest.Dir(t, "roq"))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(query, answer string, injected bool) {
		r := httptest.NewRequest(http.MethodPost, "/v01/server/graphql", strings.NewReader(body(t, query, "")))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("roq-platform-authorization", "Bearer x")
		r.Header.Set("roq-platform-server-authorization", "Basic eDp5")
		v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if injected {
				w.Header().Set(fault.Header, "fault-1")
			}
			io.WriteString(w, answer)
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
	ask(`{isTenantsActive}`, `<html>`, true)
	if got := v.Violations(); len(got) != 0 || v.Seen("query isTenantsActive") {
		t.Fatalf("an injected answer was looked at: %q", got)
	}
	ask(`{isTenantsActive}`, `{"data":{"isTenantsActive":true}}`, false)
	if !v.Seen("query isTenantsActive") || len(v.Operations()) != 14+19+2 {
		t.Fatalf("seen %v of %v", v.Seen("query isTenantsActive"), v.Operations())
	}
	v.AllowRefused()
	ask(`{nope}`, `{"errors":[`+oneError+`]}`, false)
	if got := v.Violations(); len(got) != 0 {
		t.Fatalf("a refused request counts: %q", got)
	}
	ask(`{nope}`, `{"data":{"nope":1}}`, false)
	if len(v.Violations()) == 0 {
		t.Fatal("a wrong request was let through")
	}
	if _, err := contract.Load(t.TempDir()); err == nil {
		t.Error("an empty folder was accepted")
	}
}
