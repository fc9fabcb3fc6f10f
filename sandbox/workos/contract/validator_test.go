package contract_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"usher/internal/contracttest"
	"usher/sandbox/fault"
	"usher/sandbox/workos/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const goodInvitation = `{"object":"invitation","id":"invitation_1","email":"a@example.com","state":"pending","accepted_at":null,"revoked_at":null,
	"expires_at":"2026-01-15T12:00:00.000Z","organization_id":null,"inviter_user_id":null,"accepted_user_id":null,"role_slug":null,
	"created_at":"2026-01-08T12:00:00.000Z","updated_at":"2026-01-08T12:00:00.000Z","token":"t","accept_invitation_url":"https://example.com"}`

// TestValidator shows that what breaks the contract is found: a validator
// that finds nothing would let every other test pass.
func TestValidator(t *testing.T) {
	t.Parallel()
	const invitations = "/user_management/invitations"
	tests := []struct {
		name, method, path, body string
		status                   int
		answer, header           string
		want                     string // part of the one violation; empty: none
	}{
		{"good invitation", "POST", invitations, `{"email":"a@example.com"}`, 201, goodInvitation, "", ""},
		{"request without address", "POST", invitations, `{}`, 201, goodInvitation, "", "request"},
		{"request of another type", "POST", invitations, `{"email":"a@example.com","expires_in_days":"7"}`, 201, goodInvitation, "", "request"},
		{"unknown locale", "POST", invitations, `{"email":"a@example.com","locale":"xx"}`, 201, goodInvitation, "", "request"},
		{"answer without token", "POST", invitations, `{"email":"a@example.com"}`, 201, strings.Replace(goodInvitation, `"token":"t",`, "", 1), "", "answer 201"},
		{"answer in an unknown state", "POST", invitations, `{"email":"a@example.com"}`, 201, strings.Replace(goodInvitation, "pending", "declined", 1), "", "answer 201"},
		{"answer with another object", "POST", invitations, `{"email":"a@example.com"}`, 201, strings.Replace(goodInvitation, `"invitation",`, `"invite",`, 1), "", "answer 201"},
		{"null where none may be", "POST", invitations, `{"email":"a@example.com"}`, 201, strings.Replace(goodInvitation, `"token":"t"`, `"token":null`, 1), "", "answer 201"},
		{"answer of another status", "POST", invitations, `{"email":"a@example.com"}`, 200, goodInvitation, "", "answer 200"},
		{"known code", "POST", invitations, `{"email":"a@example.com"}`, 400, `{"code":"email_already_invited_to_organization","message":"x"}`, "", ""},
		{"unknown code", "POST", invitations, `{"email":"a@example.com"}`, 400, `{"code":"invite_exists","message":"x"}`, "", "answer 400"},
		{"injected answer", "POST", invitations, `{"email":"a@example.com"}`, 500, `oops`, fault.Header, ""},
		{"unknown route", "GET", "/user_management/invites", "", 404, `{}`, "", "no document has it"},
		{"deletion of an invitation", "DELETE", invitations + "/invitation_1", "", 404, `{}`, "", "no document has it"},
		{"rate limit", "GET", invitations, "", 429, `{}`, "", ""},
		{"limit out of range", "GET", invitations + "?limit=101", "", 422, `{"code":"invalid_request_parameters","message":"x"}`, "", "request"},
		{"statuses by comma", "GET", "/user_management/organization_memberships?organization_id=o&statuses=active,pending", "", 404, `{"message":"x"}`, "", ""},
		{"unknown status", "GET", "/user_management/organization_memberships?organization_id=o&statuses=gone", "", 404, `{"message":"x"}`, "", "request"},
	}
	loaded, err := contracttest.Load(contracttest.Dir(t, "workos"), contract.Spec())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := loaded.Fresh(nil)
			w := httptest.NewRecorder()
			r := httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
			if test.body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if test.header != "" {
					w.Header().Set(test.header, "fault-1")
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.answer)
			})).ServeHTTP(w, r)
			got := v.Violations()
			if test.want == "" && len(got) != 0 || test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)) {
				t.Errorf("violations %q, want %q", got, test.want)
			}
		})
	}
}
