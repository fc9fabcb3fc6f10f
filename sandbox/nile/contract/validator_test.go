package contract_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"usher/internal/contracttest"
	"usher/sandbox/fault"
	"usher/sandbox/nile/contract"
)

// TestValidator shows that what breaks the contract is found, and that JSON
// which is named plain text is read as JSON.
func TestValidator(t *testing.T) {
	t.Parallel()
	const (
		base   = "/v2/databases/01000000-0000-7000-8000-000000000000"
		invite = base + "/tenants/01a1fbe3-0927-7b69-9587-83c6a12dbb14/invite"
		row    = `{"id":"ccef53a0-f089-40d6-955d-2e8a6ce19835","tenant_id":"01a1fbe3-0927-7b69-9587-83c6a12dbb14","token":"7d092b00000000000000000000000000000000000000000000000000000000ff","identifier":"a@example.com","roles":null,"created_by":"01a1fbe3-0663-7762-ab4a-e41fd49c59ef","expires":"2026-11-28T02:15:22.835Z"}`
		text   = "text/plain;charset=UTF-8"
		form   = "identifier=a%40example.com&csrfToken=x"
	)
	tests := []struct {
		name, method, path, body string
		status                   int
		kind, answer, header     string
		want                     string // part of the one violation; empty: none
	}{
		{"good invite", "POST", invite, form, 201, text, row, "", ""},
		{"row without token", "POST", invite, form, 201, text, strings.Replace(row, `"token"`, `"other"`, 1), "", "answer 201"},
		{"as published", "POST", invite, form, 200, text, `{"status":"success"}`, "", "answer 200"},
		{"refusal", "POST", invite, form, 400, text, "Request blocked", "", ""},
		{"refusal as JSON", "POST", invite, form, 400, text, `{"error":"x"}`, "", "answer 400"},
		{"empty 401", "POST", invite, form, 401, "", "", "", ""},
		{"403", "POST", invite, form, 403, text, "x", "", "answer 403"},
		{"list", "GET", invite + "s", "", 200, text, "[" + row + "]", "", ""},
		{"list that is none", "GET", invite + "s", "", 200, text, row, "", "answer 200"},
		{"injected", "GET", invite + "s", "", 500, "text/html", "<html>", fault.Header, ""},
		{"no route", "GET", base + "/tenants/x/members", "", 200, text, "[]", "", "no document has it"},
		{"of the other document", "PUT", base + "/auth/reset-password", `{"email":"a@example.com"}`, 204, "", "", "", "request"},
	}
	loaded, err := contracttest.Load(contracttest.Dir(t, "nile"), contract.Spec())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := loaded.Fresh(nil)
			kind := "application/x-www-form-urlencoded"
			if strings.HasPrefix(test.body, "{") {
				kind = "application/json"
			}
			r := httptest.NewRequestWithContext(t.Context(), test.method, test.path, strings.NewReader(test.body))
			if test.body != "" {
				r.Header.Set("Content-Type", kind)
			}
			v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if test.header != "" {
					w.Header().Set(test.header, "fault-1")
				}
				if test.kind != "" {
					w.Header().Set("Content-Type", test.kind)
				}
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.answer)
			})).ServeHTTP(httptest.NewRecorder(), r)
			got := v.Violations()
			if test.want == "" && len(got) != 0 || test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)) {
				t.Errorf("violations %q, want %q", got, test.want)
			}
		})
	}
}
