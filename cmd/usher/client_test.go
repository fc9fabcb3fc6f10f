package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"usher/config"
	"usher/identity"
	"usher/providers/all"
	"usher/sandbox"
)

// call is what a fake gateway was asked.
type call struct {
	method, uri, key, auth, body string
}

// fake is a gateway that gives one answer after the other, the last for ever.
type fake struct {
	mu      sync.Mutex
	answers []answer
	calls   []call
}

type answer struct {
	status int
	body   string
	header map[string]string
	cut    bool // no answer: the connection ends
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.calls = append(f.calls, call{r.Method, r.URL.RequestURI(), r.Header.Get("Idempotency-Key"), r.Header.Get("Authorization"), string(body)})
	a := f.answers[min(len(f.calls), len(f.answers))-1]
	f.mu.Unlock()
	if a.cut {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
		return
	}
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

func (f *fake) seen() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// result is what a run of the program left.
type result struct {
	code           int
	stdout, stderr string
}

// usherAt runs the program in this process, against a gateway.
func usherAt(t *testing.T, url, stdin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	env := []string{"USHER_URL=" + url, "USHER_TOKEN=tok-123", "USHER_ORGANIZATION=acme", "nonsense"}
	code := run(t.Context(), args, env, strings.NewReader(stdin), &out, &errs)
	return result{code, out.String(), errs.String()}
}

func serve(t *testing.T, answers ...answer) (*fake, string) {
	t.Helper()
	f := &fake{answers: answers}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return f, s.URL
}

const invite = `{"id":"inv_1","organization_id":"org_1","email":"a@b.example","roles":["member","admin"],"state":"pending","state_reason":null,` +
	`"expires_at":"2030-01-31T12:00:00Z","created_at":"2030-01-01T00:00:00Z","updated_at":"2030-01-01T00:00:00Z","notify":true,` +
	`"provider":{"connection":"one","provider_id":null},"not_carried":["locale"]}`

func problem(code identity.Code, status int) answer {
	return answer{status: status, body: fmt.Sprintf(`{"type":"urn:usher:problem:%s","title":"T","status":%d,"detail":"Why.","code":%q,"request_id":"req_1","errors":[]}`, code, status, code)}
}

func TestSendCarriesEverything(t *testing.T) {
	t.Parallel()
	f, url := serve(t, answer{status: 201, body: invite})
	got := usherAt(t, url, "", "invite", "send", "a@b.example", "--role", "member", "--role", "admin", "--given-name", "A", "--family-name", "B, C",
		"--locale", "de-AT", "--redirect-url", "https://app.example.com/x", "--message", "Hi, you", "--expires-at", "2030-01-31T12:00:00Z",
		"--metadata", "k=a=b;c", "--no-notify", "--idempotency-key", "my key"[:2])
	want := result{0, "id            inv_1\nemail         a@b.example\nroles         member, admin\nstate         pending\n" +
		"organization  org_1\nconnection    one\nexpires       2030-01-31T12:00:00Z\nnot carried   locale\n", ""}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	calls := []call{{"POST", "/v1/organizations/acme/invites", "my", "Bearer tok-123",
		`{"email":"a@b.example","roles":["member","admin"],"given_name":"A","family_name":"B, C","locale":"de-AT","redirect_url":"https://app.example.com/x",` +
			`"message":"Hi, you","expires_at":"2030-01-31T12:00:00Z","metadata":{"k":"a=b;c"},"notify":false}`}}
	if !reflect.DeepEqual(f.seen(), calls) {
		t.Errorf("asked %+v", f.seen())
	}
}

// What was not given is not sent.
func TestSendLeast(t *testing.T) {
	t.Parallel()
	f, url := serve(t, answer{status: 201, body: invite})
	if got := usherAt(t, url+"/", "", "invite", "send", "a@b.example", "--role", "member", "-o", "org/1", "--json"); got != (result{0, invite + "\n", ""}) {
		t.Errorf("got %+v", got)
	}
	one := f.seen()[0]
	if one.body != `{"email":"a@b.example","roles":["member"]}` || one.uri != "/v1/organizations/org%2F1/invites" || !strings.HasPrefix(one.key, "cli_") {
		t.Errorf("asked %+v", one)
	}
}

// Within one command the same key goes out again, so that nothing is sent
// twice: after a lost answer, a busy gateway, and a twin under way.
func TestSendIsRepeatedUnderOneKey(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		first answer
	}{
		{"answer lost", answer{cut: true}},
		{"unavailable", problem(identity.CodeProviderUnavailable, 503)},
		{"timeout", problem(identity.CodeProviderTimeout, 504)},
		{"rate limited", answer{status: 429, body: "{}", header: map[string]string{"Retry-After": "0"}}},
		{"twin under way", problem(identity.CodeIdempotencyInProgress, 409)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f, url := serve(t, tc.first, answer{status: 201, body: invite})
			got := usherAt(t, url, "", "invite", "send", "a@b.example", "--role", "member")
			calls := f.seen()
			if got.code != 0 || len(calls) != 2 || calls[0] != calls[1] || calls[0].key == "" {
				t.Errorf("got %+v after %+v", got, calls)
			}
		})
	}
	a, b := keyOr(""), keyOr("")
	if a == b || keyOr("mine") != "mine" {
		t.Errorf("keys %q, %q", a, b)
	}
}

// A refusal is final.
func TestRefusalIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 409, 422, 500} {
		f, url := serve(t, problem("some_code", status))
		got := usherAt(t, url, "", "invite", "revoke", "inv_1")
		if len(f.seen()) != 1 || got.stderr != "usher: some_code: Why. (request req_1)\n" || got.stdout != "" {
			t.Errorf("%d: got %+v after %d calls", status, got, len(f.seen()))
		}
	}
}

func TestOperations(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		args []string
		want call
	}{
		{"get", []string{"invite", "get", "inv_1"}, call{method: "GET", uri: "/v1/organizations/acme/invites/inv_1"}},
		{"get with an odd id", []string{"invite", "get", "../x?y"}, call{method: "GET", uri: "/v1/organizations/acme/invites/..%2Fx%3Fy"}},
		{"resend", []string{"invite", "resend", "inv_1", "--idempotency-key", "k"}, call{method: "POST", uri: "/v1/organizations/acme/invites/inv_1/resend", key: "k"}},
		{"revoke", []string{"invite", "revoke", "inv_1", "--idempotency-key", "k"}, call{method: "POST", uri: "/v1/organizations/acme/invites/inv_1/revoke", key: "k"}},
		{"list", []string{"invite", "list"}, call{method: "GET", uri: "/v1/organizations/acme/invites?limit=50"}},
		{"list with everything", []string{
			"invite", "list", "--state", "pending", "--state", "failed", "--email", "a+b@c.example", "--role", "x", "--created-after", "2030-01-01T01:00:00+01:00", "--refresh", "--limit", "7", "--cursor", "c",
		}, call{method: "GET", uri: "/v1/organizations/acme/invites?created_after=2030-01-01T00%3A00%3A00Z&cursor=c&email=a%2Bb%40c.example&limit=7&refresh=true&role=x&state=pending&state=failed"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			body := invite
			if strings.HasPrefix(tc.name, "list") {
				body = `{"data":[],"next_cursor":null}`
			}
			f, url := serve(t, answer{status: 200, body: body})
			got := usherAt(t, url, "", tc.args...)
			tc.want.auth = "Bearer tok-123"
			if got.code != 0 || !reflect.DeepEqual(f.seen(), []call{tc.want}) {
				t.Errorf("got %+v, asked %+v, want %+v", got, f.seen(), tc.want)
			}
		})
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	page := func(id, next string) answer {
		return answer{status: 200, body: `{"data":[` + strings.Replace(invite, "inv_1", id, 1) + `],"next_cursor":` + next + `}`}
	}
	const row = "  pending  a@b.example  member,admin  2030-01-01T00:00:00Z\n"
	f, url := serve(t, page("inv_1", `"c1"`), page("inv_2", "null"))
	if got := usherAt(t, url, "", "invite", "list", "--all", "--refresh"); got != (result{0, "inv_1" + row + "inv_2" + row, ""}) {
		t.Errorf("all: %+v", got)
	}
	if calls := f.seen(); len(calls) != 2 || calls[1].uri != "/v1/organizations/acme/invites?cursor=c1&limit=50" {
		t.Errorf("asked %+v", f.seen())
	}
	_, url = serve(t, page("inv_1", `"c1"`))
	if got := usherAt(t, url, "", "invite", "list"); got != (result{0, "inv_1" + row + "There are more: --all, or --cursor c1\n", ""}) {
		t.Errorf("one: %+v", got)
	}
	if got := usherAt(t, url, "", "invite", "list", "--json"); got.code != 0 || strings.Count(got.stdout, "\n") != 1 || strings.Contains(got.stdout, "There are") {
		t.Errorf("json: %+v", got)
	}
}

// A problem names its fields, the invite it is about, and the request.
func TestProblemLine(t *testing.T) {
	t.Parallel()
	document := `{"code":"not_carried","status":422,"title":"T","detail":"Two fields.","request_id":"req_9","invite_id":"inv_9",` +
		`"errors":[{"pointer":"/message","detail":"No place."},{"parameter":"limit","detail":"Two fields."},{"header":"Idempotency-Key","detail":"Long."}]}`
	_, url := serve(t, answer{status: 422, body: document})
	want := "usher: not_carried: Two fields. [/message: No place.] [limit] [Idempotency-Key: Long.] (invite inv_9) (request req_9)\n"
	if got := usherAt(t, url, "", "invite", "get", "inv_9"); got != (result{exitFailure, "", want}) {
		t.Errorf("got %+v", got)
	}
	if got := usherAt(t, url, "", "invite", "get", "inv_9", "--json"); got != (result{exitFailure, "", document + "\n"}) {
		t.Errorf("got %+v", got)
	}
}

// Whatever else answers there is reported, not trusted.
func TestNoGateway(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		answer answer
		code   int
		want   string
	}{
		{"HTML error", answer{status: 404, body: "<html>"}, exitNotFound, "without a problem document: is it a gateway of usher?"},
		{"redirect", answer{status: 302, header: map[string]string{"Location": "https://elsewhere.example/"}}, exitUnavailable, "answers 302 without a problem document"},
		{"HTML success", answer{status: 200, body: "<html>"}, exitFailure, "the answer is not an invite"},
		{"empty success", answer{status: 200}, exitFailure, "the answer is not an invite"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, url := serve(t, tc.answer)
			got := usherAt(t, url, "", "invite", "get", "inv_1")
			if got.code != tc.code || !strings.Contains(got.stderr, tc.want) || got.stdout != "" || strings.Contains(got.stderr, "tok-123") {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestTokenFromStandardInput(t *testing.T) {
	t.Parallel()
	f, url := serve(t, answer{status: 200, body: invite})
	if got := usherAt(t, url, " piped \n", "invite", "get", "inv_1", "--token-file", "-"); got.code != 0 || f.seen()[0].auth != "Bearer piped" {
		t.Errorf("got %+v, asked %+v", got, f.seen())
	}
	if got := usherAt(t, url, "\n", "invite", "get", "inv_1", "--token-file", "-"); got.code != exitUsage || len(f.seen()) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	f, url := serve(t, problem(identity.CodeIdempotencyInProgress, 409))
	got := usherAt(t, url, "", "invite", "send", "a@b.example", "--role", "member", "--timeout", "50ms")
	if got.code != exitConflict || len(f.seen()) != 1 {
		t.Errorf("got %+v after %d calls", got, len(f.seen()))
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{200: exitOK, 503: exitUnavailable, 404: exitUnavailable} {
		f, url := serve(t, answer{status: status, body: "{}"})
		if got := usherAt(t, url, "", "health"); got.code != want || f.seen()[0].uri != "/readyz" {
			t.Errorf("%d: got %+v", status, got)
		}
	}
}

// Every problem code has its exit code.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	got := map[int][]identity.Code{}
	for _, code := range identity.Codes() {
		n := exitCode(fmt.Errorf("wrapped: %w", &identity.Error{Code: code}))
		got[n] = append(got[n], code)
	}
	want := map[int][]identity.Code{
		exitFailure: {
			"invalid_request", "method_not_allowed", "not_acceptable", "payload_too_large", "unsupported_media_type", "unknown_role",
			"email_not_deliverable", "domain_not_allowed", "not_carried", "idempotency_key_reused", "unsupported_by_provider", "internal",
		},
		exitNotFound: {"not_found"},
		exitConflict: {
			"already_member", "invite_pending", "invite_not_pending", "conflict", "idempotency_in_progress", "organization_moving", "invite_expired", "precondition_failed",
		},
		exitDenied: {"unauthenticated", "permission_denied", "role_not_grantable", "wrong_account", "quota_exceeded"},
		exitUnavailable: {
			"rate_limited", "provider_rate_limited", "provider_rejected_credentials", "provider_error", "provider_unavailable", "provider_timeout",
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	for err, want := range map[error]int{
		io.ErrUnexpectedEOF: exitFailure, usagef("x"): exitUsage, fmt.Errorf("a: %w", usagef("x")): exitUsage, unreachable("x", io.EOF): exitUnavailable,
	} {
		if got := exitCode(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}

// An error of several lines is one line.
func TestErrorsAreOneLine(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	s := &shell{stderr: &errs}
	if code := s.fail(fmt.Errorf("one\ntwo\r\n\nthree")); code != exitFailure || errs.String() != "usher: one; two; three\n" {
		t.Errorf("got %d, %q", code, errs.String())
	}
}

// The configuration of a sandbox is one that loads, whatever is in its secrets.
func TestWorldConfig(t *testing.T) {
	t.Parallel()
	world, err := sandbox.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer world.Close()
	facts := world.Facts()
	const odd = `a${b}"'#: x` + "\t{"
	facts.Connections[0].Settings["client_secret"] = odd
	text, err := worldConfig(facts, "127.0.0.1:0", "sqlite:x.db", "debug")
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse(text, config.Options{Providers: all.Table()})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if c.Limits.RequestsPerMinute != 0 || c.Limits.Mails != 0 {
		t.Errorf("usher's own limits stand in the way: %+v", c.Limits)
	}
	if c.Listen != "127.0.0.1:0" || c.Ledger.URL != "sqlite:x.db" || c.Log.Level != "debug" || !c.Issuers[0].Demo || len(c.Organizations) != len(facts.Organizations) {
		t.Errorf("got %v", c)
	}
	if l := c.Connections[0].Limits; len(l) != 1 || *l["all"].Calls != 0 || c.Limits.Mails != 0 {
		t.Errorf("the vendor's limits and the mail budget are in the way: %v", c)
	}
	facts.VendorLimits = true
	if text, err := worldConfig(facts, "127.0.0.1:0", "sqlite:x.db", "debug"); err != nil || strings.Contains(string(text), "limits:") {
		t.Errorf("with the vendors' limits, %v:\n%s", err, text)
	}
	secret := reflect.ValueOf(c.Connections[0].Settings).Elem().FieldByName("ClientSecret").String()
	if secret != odd {
		t.Errorf("the secret came back as %q", secret)
	}
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := outputs{EnvFile: filepath.Join(dir, "a b.env"), ConfigOut: filepath.Join(dir, "c.yaml")}
	if err := os.WriteFile(o.EnvFile, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := o.prepare(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("after prepare: %v, %v", left, err)
	}
	if err := o.write([]sandbox.EnvVar{{Name: "USHER_URL", Value: "http://x"}}, []byte("listen: x\n")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{o.EnvFile: "export USHER_URL=http://x\n", o.ConfigOut: "listen: x\n"} {
		info, err := os.Stat(path)
		text, readErr := os.ReadFile(path)
		if err != nil || readErr != nil || string(text) != want || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %q, %v, %v", path, text, info, err)
		}
	}
	for path, want := range map[string]string{
		"usher.env": ". ./usher.env", "/tmp/x.env": ". /tmp/x.env", "a b.env": ". './a b.env'", "it's": `. './it'\''s'`, "$(x)": ". './$(x)'",
	} {
		if got := (outputs{EnvFile: path}).source(); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestMustBeLoopback(t *testing.T) {
	t.Parallel()
	for address, good := range map[string]bool{
		"127.0.0.1:8080": true, "127.9.9.9:0": true, "[::1]:80": true, "localhost:1": true,
		":8080": false, "0.0.0.0:1": false, "[::]:1": false, "192.0.2.1:1": false, "example.com:1": false, "localhost.example.com:1": false,
		"8080": false, "": false, "127.0.0.1": false, "2130706433:1": false,
	} {
		if err := mustBeLoopback(address); (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestListenSaysWhy(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = listen(t.Context(), l.Addr().String())
	if want := "the address " + l.Addr().String() + " is in use by another program: stop it, or listen elsewhere"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}
