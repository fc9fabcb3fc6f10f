package api_test

import (
	"strings"
	"testing"
)

// credential is one column of the matrix: who asks, where, and what the
// operation must answer. A status of 0 means that the column has no say.
type credential struct {
	name, token, scheme string
	org                 string // that stands in the path
	want                func(*operation) (status int, code string)
	challenge           string
}

func always(status int, code string) func(*operation) (int, string) {
	return func(*operation) (int, string) { return status, code }
}

// inScope is 404 wherever the path leads into what the caller may not see.
func inScope(op *operation) (int, string) {
	if strings.Contains(op.path, "{") {
		return 404, "not_found"
	}
	return 0, ""
}

func inOrganization(op *operation) (int, string) {
	if strings.Contains(op.path, "{org}") {
		return 404, "not_found"
	}
	return 0, ""
}

func (h *house) credentials() []credential {
	reading := h.auth[reader].Permissions
	return []credential{
		{"no token", "", "", "acme", always(401, "unauthenticated"), `Bearer realm="usher"`},
		{"a wrong token", "wrong", "Bearer", "acme", always(401, "unauthenticated"), `Bearer realm="usher", error="invalid_token"`},
		{"another scheme", admin, "Basic", "acme", always(401, "unauthenticated"), `Bearer realm="usher", error="invalid_request"`},
		{"a token in the scheme's place", admin, "", "acme", always(401, "unauthenticated"), `Bearer realm="usher", error="invalid_request"`},
		{"no organization", outsider, "Bearer", "acme", inScope, ""},
		{"no organization, by id", outsider, "Bearer", h.acme.ID, inScope, ""},
		{"no organization, current", outsider, "Bearer", "current", inScope, ""},
		{"another organization", single, "Bearer", "other", inOrganization, ""},
		{"another organization, by id", single, "Bearer", h.other.ID, inOrganization, ""},
		{"another organization, by the vendor's id", single, "Bearer", "two", inOrganization, ""},
		{"no such organization", admin, "Bearer", "missing", inOrganization, ""},
		{"reading only", reader, "Bearer", "acme", func(op *operation) (int, string) {
			if op.Permission != "" && !reading[op.Permission] {
				return 403, "permission_denied"
			}
			return 0, ""
		}, ""},
	}
}

// TestRouteMatrix holds every operation of the document against every kind of
// credential, with an invite that is there. None may do anything.
func TestRouteMatrix(t *testing.T) {
	t.Parallel()
	h := build(t)
	invite := h.send("jane@example.com")
	before := h.everything()
	for _, op := range h.document().operations() {
		for _, c := range h.credentials() {
			status, code := c.want(op)
			challenge := c.challenge
			if op.free() && c.challenge != "" { // none is needed, a bad one is refused
				if c.token == "" {
					status, code, challenge = 404, "not_found", ""
				}
			}
			if c.token == admin && status == 0 { // may do what names no organization
				continue
			}
			t.Run(op.OperationID+"/"+c.name, func(t *testing.T) {
				h := on(t, h)
				headers := []string{"Idempotency-Key", "key-of-" + op.OperationID}
				if c.token != "" {
					headers = append(headers, "Authorization", strings.TrimSpace(c.scheme+" "+c.token))
				}
				got := h.do("", op.method, h.concrete(op, c.org, invite), h.bodyFor(op), headers...)
				if got := got.header.Get("WWW-Authenticate"); got != challenge {
					t.Errorf("challenge %q, want %q", got, challenge)
				}
				switch {
				case status != 0:
					got.is(status, code)
				case op.method != "GET" && got.status < 400:
					t.Errorf("it wrote: %d %s", got.status, got.body)
				case c.token == outsider && !strings.HasPrefix(got.body, `{"data":[],`) && got.status < 400:
					t.Errorf("it shows something: %s", got.body)
				case op.free():
					got.is(404, "not_found")
				case c.token == reader && got.status != 200:
					t.Errorf("a reader may not read: %d %s", got.status, got.body)
				}
			})
		}
	}
	if after := h.everything(); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	if n := h.vendor.Calls("invite") + h.vendor.Calls("resend") + h.vendor.Calls("revoke"); n != 1 {
		t.Errorf("the vendor was written to %d times, and once was ours", n)
	}
}

// everything is what an administrator sees of the organizations and invites.
func (h *house) everything() string {
	h.t.Helper()
	all := ""
	for _, org := range []string{"acme", "other"} {
		all += h.do(admin, "GET", "/v1/organizations/"+org+"/invites?refresh=true", "").is(200, "").body
	}
	return all + h.do(admin, "GET", "/v1/organizations", "").is(200, "").body
}

// TestMatrixAcrossOrganizations: whoever may touch two organizations still
// finds in each only what is its own. Every parameter below {org} is tried.
func TestMatrixAcrossOrganizations(t *testing.T) {
	t.Parallel()
	h := build(t)
	invite := h.send("jane@example.com")
	before := h.everything()
	tried := 0
	for _, op := range h.document().operations() {
		_, below, found := strings.Cut(op.path, "{org}")
		if !found || !strings.Contains(below, "{") {
			continue
		}
		tried++
		h.do(admin, op.method, h.concrete(op, "other", invite), h.bodyFor(op)).is(404, "not_found")
	}
	if after := h.everything(); tried == 0 || after != before {
		t.Errorf("%d tried, before\n%s\nafter\n%s", tried, before, after)
	}
}
