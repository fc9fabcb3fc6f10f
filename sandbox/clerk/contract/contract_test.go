package contract_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"usher/internal/contracttest"
	"usher/sandbox/clerk/contract"
)

// TestValidator shows that what breaks the contract is found.
func TestValidator(t *testing.T) {
	t.Parallel()
	const invitations = "/v1/organizations/org_1/invitations"
	good := `{"object":"organization_invitation","id":"orginv_1","email_address":"a@example.com","role":"org:member","role_name":"Member",` +
		`"public_metadata":{},"url":null,"expires_at":1,"created_at":1,"updated_at":1,"inviter_id":null,"public_inviter_data":null}`
	tests := []struct {
		name, method, path, body string
		status                   int
		answer, want             string
	}{
		{"good", "POST", invitations, `{"email_address":"a@example.com","role":"org:member"}`, 200, good, ""},
		{"request without role", "POST", invitations, `{"email_address":"a@example.com"}`, 200, good, "request"},
		{"answer without id", "POST", invitations, `{"email_address":"a@example.com","role":"org:member"}`, 200, strings.Replace(good, `"id"`, `"ident"`, 1), "answer 200"},
		{"seconds as text", "POST", invitations, `{"email_address":"a@example.com","role":"org:member"}`, 200, strings.Replace(good, `"created_at":1`, `"created_at":"1"`, 1), "answer 200"},
		{"answer of another status", "POST", invitations, `{"email_address":"a@example.com","role":"org:member"}`, 201, good, "answer 201"},
		{"rate limit", "GET", invitations, "", 429, `{"errors":[]}`, ""},
		{"unknown route", "GET", "/v1/invitation", "", 404, `{"errors":[]}`, "no document has it"},
		{"envelope of application invitations", "GET", "/v1/invitations?paginated=true", "", 200, `{"data":[],"total_count":0}`, ""},
		{"envelope of users", "GET", "/v1/users", "", 200, `{"data":[],"total_count":0}`, "answer 200"},
	}
	loaded, err := contracttest.Load(contracttest.Dir(t, "clerk"), contract.Spec())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := loaded.Fresh(nil)
			handler := v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(test.status)
				io.WriteString(w, test.answer)
			}))
			r := httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
			r.Header.Set("Content-Type", "application/json")
			handler.ServeHTTP(httptest.NewRecorder(), r)
			got := v.Violations()
			if test.want == "" && len(got) != 0 || test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)) {
				t.Errorf("violations %q, want %q", got, test.want)
			}
		})
	}
}
