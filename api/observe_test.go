package api_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"usher/api"
	"usher/identity"
	"usher/providers/memory"
)

// lines returns the log, one map a line.
func (h *house) lines() []map[string]any {
	h.t.Helper()
	var list []map[string]any
	for line := range strings.Lines(h.log.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			h.t.Fatalf("%s: %v", line, err)
		}
		list = append(list, m)
	}
	return list
}

func TestOneLogLineARequest(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.vendor.Inject(memory.Fault{Op: "list members", Code: identity.CodeProviderCredentials})
	h.do(admin, "POST", invitesPath+"?x=secret-query", jane, "X-Request-Id", "request-1")
	h.do(admin, "GET", "/v1/organizations/current/members", "", "X-Request-Id", "request-2")
	h.do(single, "GET", "/v1/organizations/current/members", "", "X-Request-Id", "request-3")
	h.do("", "BREW", "/secret/path", "", "X-Request-Id", "request-4")
	h.do("", "GET", "/livez", "", "X-Request-Id", "request-5")
	h.do(admin, "GET", "/v1/organizations", "", "X-Request-Id", "request-6")
	want := []map[string]any{
		{"level": "INFO", "method": "POST", "route": "/v1/organizations/{org}/invites", "status": 400.0, "code": "invalid_request", "organization": h.acme.ID, "issuer": issuer},
		{"level": "INFO", "method": "GET", "route": "/v1/organizations/{org}/members", "status": 404.0, "code": "not_found", "organization": nil},
		{"level": "ERROR", "method": "GET", "route": "/v1/organizations/{org}/members", "status": 502.0, "code": "provider_rejected_credentials", "organization": h.acme.ID},
		{"level": "INFO", "method": "other", "route": "unmatched", "status": 404.0, "code": "not_found", "issuer": nil},
		{"level": "DEBUG", "method": "GET", "route": "/livez", "status": 200.0, "code": nil},
		{"level": "INFO", "method": "GET", "route": "/v1/organizations", "status": 200.0, "code": nil, "subject_hash": "258d8dc916db"},
	}
	lines := h.lines()
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %s", len(lines), h.log)
	}
	for n, w := range want {
		w["msg"], w["request_id"] = "request", "request-"+string(rune('1'+n))
		for key, value := range w {
			if lines[n][key] != value {
				t.Errorf("line %d: %s is %v, want %v", n+1, key, lines[n][key], value)
			}
		}
	}
	if lines[2]["error"] == nil {
		t.Error("the cause of the failure is not in the log")
	}
}

// TestTheLogKeepsSecrets drives errors of all kinds and looks for what must
// not be there.
func TestTheLogKeepsSecrets(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderError})
	for _, token := range []string{admin, reader, outsider, "token-wrong", "token-panic", "token-broken"} {
		h.do(token, "POST", invitesPath, jane)
		h.do(token, "GET", invitesPath+"?email=jane@example.com", "")
		h.do(token, "GET", invitesPath+"?email=jane@", "")
		h.do(token, "POST", invitesPath, `{"email":"jane@example.com`)
		h.do(token, "GET", "/v1/organizations/jane@example.com/invites/jane@example.com", "")
	}
	for _, secret := range []string{"token-", "jane", "admin@example.com", "email="} {
		for line := range strings.Lines(h.log.String()) {
			if strings.Contains(line, secret) {
				t.Errorf("the log holds %q: %s", secret, line)
			}
		}
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	h := build(t)
	for given, taken := range map[string]bool{
		"0f8fad5b-d9cb-469f-a165-70867728950e": true, "A.b_c-123": true, strings.Repeat("x", 128): true,
		"": false, "short": false, strings.Repeat("x", 129): false, "with blank": false, "new\nline-here": false, "<script>alert": false, "üüüüüüüüüü": false,
	} {
		r := newRequest("GET", "/v1/organizations")
		r.Header["X-Request-Id"] = []string{given}
		id := h.serve(r).is(401, "unauthenticated").header.Get("X-Request-Id")
		if (id == given) != taken || !taken && !strings.HasPrefix(id, "req_") {
			t.Errorf("%q became %q", given, id)
		}
		if !strings.Contains(h.log.String(), `"request_id":"`+id+`"`) {
			t.Errorf("%q is not in the log", id)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.send("jane@example.com")
	h.do("", "BREW", "/nowhere/"+admin, "")
	h.do("", "GET", invitesPath, "")
	h.do("", "GET", invitesPath, "")
	got := h.do("", "GET", "/metrics", "").is(200, "").body
	for _, line := range []string{
		`usher_http_requests_total{method="POST",route="/v1/organizations/{org}/invites",status="201"} 1`,
		`usher_http_requests_total{method="GET",route="/v1/organizations/{org}/invites",status="401"} 2`,
		`usher_http_requests_total{method="other",route="unmatched",status="404"} 1`,
		`usher_http_request_seconds_count{method="GET",route="/v1/organizations/{org}/invites"} 2`,
		`usher_http_requests_in_flight 1`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("no %s in\n%s", line, got)
		}
	}
	if strings.Contains(got, admin) || strings.Contains(got, "acme") {
		t.Errorf("labels of a caller's making:\n%s", got)
	}
}

func TestMetricsCannotBeRegisteredTwice(t *testing.T) {
	t.Parallel()
	h := build(t)
	if _, err := api.New(api.Options{Service: h.service, Auth: h.auth, Ledger: h.ledger, Registry: h.registry}); err == nil {
		t.Error("a second API on the same registry was allowed")
	}
	if _, err := api.New(api.Options{Auth: h.auth, Ledger: h.ledger}); err == nil {
		t.Error("an API without a service was allowed")
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	h := build(t)
	got := h.do("token-panic", "GET", "/v1/organizations", "").is(500, "internal")
	if strings.Contains(got.body, "fell over") || strings.Contains(got.body, "goroutine") {
		t.Errorf("the answer tells of the inside: %s", got.body)
	}
	log := h.log.String()
	if !strings.Contains(log, `"msg":"panic"`) || !strings.Contains(log, "house_test.go") || !strings.Contains(log, got.text("request_id")) {
		t.Errorf("the log does not tell of the panic: %s", log)
	}
	h.do(admin, "GET", "/v1/organizations", "").is(200, "")
}

func TestProbes(t *testing.T) {
	t.Parallel()
	h := build(t)
	if got := h.do("", "GET", "/livez", "").is(200, ""); got.body != `{"status":"alive"}` {
		t.Errorf("livez: %s", got.body)
	}
	if got := h.do("", "GET", "/readyz", "").is(200, ""); got.body != `{"status":"ready"}` {
		t.Errorf("readyz: %s", got.body)
	}
	h.vendor.Inject(memory.Fault{Code: identity.CodeProviderUnavailable, Times: 100})
	h.do("", "GET", "/readyz", "").is(200, "")
	if err := h.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	if got := h.do("", "GET", "/readyz", ""); got.status != 503 || got.body != `{"status":"unready"}` {
		t.Errorf("readyz without a ledger: %d %s", got.status, got.body)
	}
	h.do("", "GET", "/livez", "").is(200, "")
	h.do(admin, "GET", "/v1/organizations/acme", "").is(500, "internal")
	h.close()
	h.open()
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, got := range []answer{
		h.do(admin, "GET", "/v1/organizations", "", "Origin", "https://evil.example"),
		h.do("", "GET", "/v1/organizations", ""), h.do("", "GET", "/nowhere", ""), h.do("", "PUT", "/v1/organizations", ""),
		h.do("token-panic", "GET", "/v1/organizations", ""), h.do("", "GET", "/docs", ""), h.do("", "GET", "/livez", ""),
	} {
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Cross-Origin-Resource-Policy": "same-origin", "Access-Control-Allow-Origin": "", "Server": "", "X-Powered-By": "", "Set-Cookie": "",
		} {
			if value := got.header.Get(name); value != want {
				t.Errorf("%d: %s is %q, want %q", got.status, name, value, want)
			}
		}
		if policy := got.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%d: policy %q", got.status, policy)
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, tt := range []struct {
		method, path string
		status       int
		allow        []string
	}{
		{"PUT", "/v1/organizations/acme", 405, []string{"GET", "HEAD", "PATCH", "OPTIONS"}},
		{"DELETE", invitesPath, 405, []string{"GET", "HEAD", "POST", "OPTIONS"}},
		{"GET", invitesPath + "/inv_1/resend", 405, []string{"POST", "OPTIONS"}},
		{"HEAD", invitesPath + "/inv_1/resend", 405, []string{"POST", "OPTIONS"}},
		{"TRACE", "/livez", 405, []string{"GET", "HEAD", "OPTIONS"}},
		{"OPTIONS", invitesPath, 204, []string{"GET", "HEAD", "POST", "OPTIONS"}},
		{"OPTIONS", "/docs", 204, []string{"GET", "HEAD", "OPTIONS"}},
		{"OPTIONS", "/nowhere", 404, nil},
		{"POST", "/docs", 405, []string{"GET", "HEAD", "OPTIONS"}},
		{"CONNECT", "/v1/organizations", 405, []string{"GET", "HEAD", "POST", "OPTIONS"}},
	} {
		got := h.do(admin, tt.method, tt.path, "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
		allow := map[string]bool{}
		for _, method := range strings.Split(got.header.Get("Allow"), ", ") {
			allow[method] = true
		}
		for _, method := range tt.allow {
			if !allow[method] {
				t.Errorf("%s %s: Allow is %q, lacks %s", tt.method, tt.path, got.header.Get("Allow"), method)
			}
		}
		if got.status != tt.status || tt.allow != nil && len(allow) != len(tt.allow) {
			t.Errorf("%s %s: %d, Allow %q", tt.method, tt.path, got.status, got.header.Get("Allow"))
		}
		if tt.status == 405 {
			got.is(405, "method_not_allowed")
		}
	}
}

// TestDocsStandAlone: the reference refers to nothing outside itself and runs
// nothing.
func TestDocsStandAlone(t *testing.T) {
	t.Parallel()
	h := build(t)
	got := h.do("", "GET", "/docs", "").is(200, "")
	if got.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("got %q", got.header.Get("Content-Type"))
	}
	for _, never := range []string{"<script", "<link", "<img", "<iframe", "<form", "http://", "//unpkg", "@import", "url(", "ZgotmplZ", "javascript:", " style=", " onclick"} {
		if strings.Contains(got.body, never) {
			t.Errorf("the page holds %q", never)
		}
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(got.body, -1) {
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(?:href|src)="([^"]+)"`).FindAllStringSubmatch(got.body, -1) {
		if m[1] != "/openapi.json" && !(m[1][0] == '#' && ids[m[1][1:]]) {
			t.Errorf("a link leads to %q", m[1])
		}
	}
	for _, op := range h.document().operations() {
		if !ids[op.OperationID] || !strings.Contains(got.body, op.path) {
			t.Errorf("%s is not in the page", op.OperationID)
		}
	}
	for _, code := range identity.Codes() {
		if !strings.Contains(got.body, "<code>"+string(code)+"</code>") {
			t.Errorf("%s is not in the page", code)
		}
	}
	checkStyleHash(t, got)
}

// checkStyleHash makes sure that a browser applies the page's style.
func checkStyleHash(t *testing.T, got answer) {
	t.Helper()
	_, rest, _ := strings.Cut(got.body, "<style>")
	style, _, found := strings.Cut(rest, "</style>")
	if !found || !strings.Contains(got.header.Get("Content-Security-Policy"), "style-src 'sha256-"+sum256(style)+"'") {
		t.Errorf("the policy %q does not allow the style", got.header.Get("Content-Security-Policy"))
	}
}

var _ http.Handler = (*api.API)(nil)
