package contract_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"usher/internal/contracttest"
	"usher/sandbox/asgardeo/contract"
	"usher/sandbox/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestValidator shows that what breaks the contract is found, on the server's
// side and on the client's.
func TestValidator(t *testing.T) {
	t.Parallel()
	const guests, scim = "/t/any/o/api/server/v1/guests", "/t/any/scim2"
	tests := []struct {
		name, method, path, body string
		status                   int
		kind, answer             string
		header                   string
		want                     string // part of the one violation; empty: none
	}{
		{"good invite", "POST", guests + "/invite", `{"usernames":["a"]}`, 200, "application/json", `[{"username":"a","result":{"status":"Successful"}}]`, "", ""},
		{"good invite below an id", "POST", "/t/any/o/12-34/api/server/v1/guests/invite", `{"usernames":["a"]}`, 201, "application/json", `[]`, "", ""},
		{"request without user names", "POST", guests + "/invite", `{}`, 200, "application/json", `[]`, "", `POST /guests/invite: request`},
		{"request of another type", "POST", guests + "/invite", `{"usernames":"a"}`, 200, "application/json", `[]`, "", `request`},
		{"answer without user name", "POST", guests + "/invite", `{"usernames":["a"]}`, 200, "application/json", `[{"result":{}}]`, "", `answer 200`},
		{"answer of another status", "POST", guests + "/invite", `{"usernames":["a"]}`, 204, "", ``, "", `answer 204`},
		{"answer of another type", "POST", guests + "/invite", `{"usernames":["a"]}`, 200, "text/html", `<html>`, "", `answer 200`},
		{"injected answer", "POST", guests + "/invite", `{"usernames":["a"]}`, 200, "text/html", `<html>`, fault.Header, ""},
		{"unknown route", "POST", guests + "/invites", `{}`, 404, "application/json", `{}`, "", `no document has it`},
		{"route without document", "GET", "/t/any/o/api/server/v1/applications?filter=x", "", 200, "application/json", `{}`, "", ""},
		{"SCIM as JSON", "GET", scim + "/Users", "", 200, "application/json", `{"totalResults":0}`, "", ""},
		{"SCIM search as JSON", "POST", scim + "/Users/.search", `{"filter":"emails eq a"}`, 200, "application/scim+json", `{"totalResults":0}`, "", ""},
		{"SCIM with wrong types", "GET", scim + "/Users", "", 200, "application/scim+json", `{"totalResults":"none"}`, "", `answer 200`},
		{"SCIM user without meta", "GET", scim + "/Users/1", "", 200, "application/scim+json", `{"id":"1"}`, "", `answer 200`},
		{"known slip", "GET", scim + "/Users/1", "", 404, "application/scim+json", `{"schemas":["x"],"status":"404","detail":"x"}`, "", ""},
		{"slip that is not known", "GET", scim + "/Users/1", "", 404, "application/scim+json", `{"schema":"x","schemas":["x"],"status":404,"detail":"x"}`, "", `answer 404`},
		{"rate limit", "GET", scim + "/Users", "", 429, "text/html", `<html>`, "", ""},
	}
	loaded, err := contracttest.Load(contracttest.Dir(t, "asgardeo"), contract.Spec())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server, client := loaded.Fresh(nil), loaded.Fresh(nil)
			done := make(chan struct{})
			validated := server.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, err := io.ReadAll(r.Body)
				if err != nil || string(got) != test.body {
					t.Errorf("the handler read %q, %v", got, err)
				}
				if test.header != "" {
					w.Header().Set(test.header, "fault-1")
				}
				if test.kind != "" {
					w.Header().Set("Content-Type", test.kind)
				}
				w.WriteHeader(test.status)
				io.WriteString(w, test.answer)
			}))
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				validated.ServeHTTP(w, r)
				close(done)
			}))
			defer srv.Close()
			base := srv.Client().Transport
			text := call(t, client.RoundTripper(base), test.method, srv.URL+test.path, test.body)
			if text != test.answer {
				t.Errorf("the client read %q", text)
			}
			<-done
			for side, v := range map[string]*contracttest.Validator{"server": server, "client": client} {
				got := v.Violations()
				if test.want == "" && len(got) != 0 || test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)) {
					t.Errorf("%s: violations %q, want %q", side, got, test.want)
				}
			}
		})
	}
}

func call(t *testing.T, transport http.RoundTripper, method, url, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestSeenAndOperations(t *testing.T) {
	t.Parallel()
	v, err := contracttest.Load(contracttest.Dir(t, "asgardeo"), contract.Spec())
	if err != nil {
		t.Fatal(err)
	}
	const operation = "guest-invitations.yaml GET /guests/invitations"
	if v.Seen(operation) || len(v.Operations()) < 80 {
		t.Fatalf("%d operations", len(v.Operations()))
	}
	w := httptest.NewRecorder()
	v.Middleware(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/t/x/o/api/server/v1/guests/invitations", nil))
	if !v.Seen(operation) || len(v.Violations()) != 1 {
		t.Errorf("violations %q", v.Violations())
	}
	if _, err := contracttest.Load(t.TempDir(), contract.Spec()); err == nil {
		t.Error("an empty folder was accepted")
	}
}
