package api

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"usher/identity"
)

// TestEveryCodeIsRendered walks all codes: each has a row of its own and makes
// a whole document.
func TestEveryCodeIsRendered(t *testing.T) {
	t.Parallel()
	// The statuses of DESIGN section 3.
	want := map[int]string{
		400: "invalid_request", 401: "unauthenticated", 403: "permission_denied role_not_grantable wrong_account quota_exceeded",
		404: "not_found", 405: "method_not_allowed", 406: "not_acceptable", 413: "payload_too_large", 415: "unsupported_media_type",
		409: "already_member invite_pending invite_not_pending conflict idempotency_in_progress organization_moving",
		410: "invite_expired", 412: "precondition_failed",
		422: "unknown_role email_not_deliverable domain_not_allowed not_carried idempotency_key_reused unsupported_by_provider",
		429: "rate_limited provider_rate_limited", 500: "internal",
		502: "provider_rejected_credentials provider_error", 503: "provider_unavailable", 504: "provider_timeout",
	}
	titles := map[string]bool{}
	for _, code := range identity.Codes() {
		p := problemOf(&identity.Error{Code: code, Err: errors.New("secret cause")})
		if !strings.Contains(" "+want[p.Status]+" ", " "+string(code)+" ") {
			t.Errorf("%s has status %d", code, p.Status)
		}
		if p.Code != string(code) || p.Type != "urn:usher:problem:"+string(code) || p.Title == "" || titles[p.Title] || p.Detail == "" || p.Errors == nil {
			t.Errorf("%s renders as %+v", code, p)
		}
		titles[p.Title] = true
	}
	if len(kinds()) != len(identity.Codes()) {
		t.Errorf("the table has %d rows, there are %d codes", len(kinds()), len(identity.Codes()))
	}
}

func TestProblemOf(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		want string
		head string // Retry-After
	}{
		"own words and field": {
			err:  identity.FieldError(identity.CodeUnknownRole, "/roles/0", "The organization has no such role."),
			want: `{"type":"urn:usher:problem:unknown_role","title":"Unknown role","status":422,"detail":"The organization has no such role.","code":"unknown_role","request_id":"req-1","errors":[{"pointer":"/roles/0","detail":"The organization has no such role."}]}`,
		},
		"query": {
			err:  identity.FieldError(identity.CodeInvalidRequest, "query:cursor", "Foreign."),
			want: `{"type":"urn:usher:problem:invalid_request","title":"Invalid request","status":400,"detail":"Foreign.","code":"invalid_request","request_id":"req-1","errors":[{"parameter":"cursor","detail":"Foreign."}]}`,
		},
		"header": {
			err:  identity.FieldError(identity.CodeIdempotencyKeyReused, "header:Idempotency-Key", ""),
			want: `{"type":"urn:usher:problem:idempotency_key_reused","title":"Idempotency key reused","status":422,"detail":"This Idempotency-Key was used with another request body.","code":"idempotency_key_reused","request_id":"req-1","errors":[{"header":"Idempotency-Key","detail":"This Idempotency-Key was used with another request body."}]}`,
		},
		"retry and invite": {
			err:  &identity.Error{Code: identity.CodeProviderRateLimited, RetryAfter: 1200 * time.Millisecond, InviteID: "inv_1", Err: errors.New("vendor said token=abc")},
			want: `{"type":"urn:usher:problem:provider_rate_limited","title":"Provider rate limited","status":429,"detail":"The identity provider takes no more requests for now.","code":"provider_rate_limited","request_id":"req-1","errors":[],"invite_id":"inv_1"}`,
			head: "2",
		},
		"a vendor's own error": {
			err:  vendorError{},
			want: `{"type":"urn:usher:problem:provider_error","title":"Provider error","status":502,"detail":"The identity provider failed.","code":"provider_error","request_id":"req-1","errors":[]}`,
		},
		"any other": {
			err:  errors.New("disk full at /var/lib/secret"),
			want: `{"type":"urn:usher:problem:internal","title":"Internal error","status":500,"detail":"Something went wrong here. The request id leads to the log.","code":"internal","request_id":"req-1","errors":[]}`,
		},
		"an unknown code": {
			err:  identity.Errorf("brand_new", "New."),
			want: `{"type":"urn:usher:problem:internal","title":"Internal error","status":500,"detail":"New.","code":"internal","request_id":"req-1","errors":[]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := rendered(t, func(hc huma.Context) { writeProblem(hc, problemOf(tt.err)) })
			if got := strings.TrimSpace(w.Body.String()); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
			if got := w.Header().Get("Retry-After"); got != tt.head {
				t.Errorf("got Retry-After %q, want %q", got, tt.head)
			}
		})
	}
}

type vendorError struct{}

func (vendorError) Error() string               { return `<html>vendor body with "password"</html>` }
func (vendorError) IdentityCode() identity.Code { return identity.CodeProviderError }

// rendered runs f on a Huma context of a request with the id req-1.
func rendered(t *testing.T, f func(huma.Context)) *httptest.ResponseRecorder {
	t.Helper()
	setGlobals()
	a := &API{now: time.Now}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set(headerRequestID, "req-1-is-too-short-otherwise")
	r = a.prepare(r)
	requestOf(r.Context()).id = "req-1"
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	c.Request = r
	f(humagin.NewContext(&huma.Operation{}, c))
	return w
}

// TestAVendorsRefusalIsNeverTheCallers: behind the guard there is no 401.
func TestAVendorsRefusalIsNeverTheCallers(t *testing.T) {
	t.Parallel()
	rendered(t, func(hc huma.Context) {
		p := humaProblem(hc, 500, "unexpected error occurred", identity.Errorf(identity.CodeUnauthenticated, "Bad token."))
		if p.GetStatus() != http.StatusBadGateway || p.(*Problem).Code != "provider_rejected_credentials" || p.(*Problem).Detail == "Bad token." {
			t.Errorf("got %+v", p)
		}
	})
}

// deadlines is a context that notes what deadline it is given.
type deadlines struct {
	humaContext
	set bool
}

// SetReadDeadline implements huma.Context.
func (d *deadlines) SetReadDeadline(time.Time) error {
	d.set = true
	return nil
}

// TestHumaSetsNoDeadline: after the body has been read, one would end the
// request's context when it passes.
func TestHumaSetsNoDeadline(t *testing.T) {
	t.Parallel()
	rendered(t, func(hc huma.Context) {
		d := &deadlines{humaContext: hc}
		if err := newExchange(d).SetReadDeadline(time.Now()); err != nil || d.set {
			t.Errorf("the deadline reached the connection: %v", err)
		}
	})
}

func TestServerURL(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"": "/", "/": "/", "https://u.example": "https://u.example", "https://u.example/": "https://u.example"} {
		if got := humaConfig("", given); got.Servers[0].URL != want || got.Info.Version != "dev" {
			t.Errorf("%q: got %q, version %q", given, got.Servers[0].URL, got.Info.Version)
		}
	}
}

// TestEveryRouteIsComplete: a row without its permission, words or function
// would be refused at start.
func TestEveryRouteIsComplete(t *testing.T) {
	t.Parallel()
	documents := operationDocuments()
	routes := (&API{}).routes()
	for _, r := range routes {
		known := r.permission == anyone || r.permission == holder
		for _, p := range identity.Permissions() {
			known = known || r.permission == p
		}
		if _, ok := documents[r.id]; !ok || !known || r.function == nil {
			t.Errorf("%s %s: %+v", r.method, r.path, r)
		}
	}
	if len(routes) != len(documents) {
		t.Errorf("%d routes, %d descriptions", len(routes), len(documents))
	}
}

func TestAcceptsJSON(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"": true, "*/*": true, "application/*": true, "application/json": true, "APPLICATION/JSON": true,
		"application/json;charset=utf-8": true, "text/html, */*;q=0.1": true, "text/html,application/json;q=0.2": true,
		"text/html": false, "application/xml": false, "application/json;q=0": false, "application/json; q=0.000, */*": false,
		"*/*;q=0": false, "application/*;q=0, */*": false, "*/*;q=0, application/json": true,
		"application/problem+json": false, ";;;": false, ",": false, "a;q,b": false, "application/json;q": true, "application/json;q=nonsense": true,
	} {
		if got := acceptsJSON(accept); got != want {
			t.Errorf("%q: got %v", accept, got)
		}
	}
}

func TestPointers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		detail huma.ErrorDetail
		want   string
	}{
		{huma.ErrorDetail{Location: "body", Message: "expected object"}, ""},
		{huma.ErrorDetail{Location: "body.roles[3]", Message: "expected string"}, "/roles/3"},
		{huma.ErrorDetail{Location: "body.a[0].b", Message: "expected string"}, "/a/0/b"},
		{huma.ErrorDetail{Location: "body", Message: "expected required property email to be present"}, "/email"},
		{huma.ErrorDetail{Location: "body.x.y", Message: "unexpected property", Value: map[string]any{"x.y": 1}}, "/x.y"},
		{huma.ErrorDetail{Location: "body.x/~y", Message: "unexpected property", Value: map[string]any{"x/~y": 1}}, "/x~1~0y"},
		{huma.ErrorDetail{Location: "body.a.x", Message: "unexpected property", Value: map[string]any{"x": 1, "a.b": 1}}, "/x"},
		{huma.ErrorDetail{Location: "body.", Message: "unexpected property", Value: map[string]any{"": 1}}, "/"},
	} {
		got := invalidField(&tt.detail)
		if pointer(got) != tt.want || got.Pointer == nil {
			t.Errorf("%+v: got %q, want %q", tt.detail, pointer(got), tt.want)
		}
	}
}

func TestManyProblemsAreBounded(t *testing.T) {
	t.Parallel()
	var errs []error
	for range 1000 {
		errs = append(errs, &huma.ErrorDetail{Location: "body." + strings.Repeat("k", 1000), Message: "unexpected property"})
	}
	p := validationProblem(http.StatusUnprocessableEntity, "validation failed", errs)
	var out bytes.Buffer
	if err := encodeJSON(&out, p); err != nil || len(p.Errors) != maxProblemErrors || out.Len() > 20_000 || p.Status != 400 {
		t.Errorf("%d errors, %d bytes, status %d", len(p.Errors), out.Len(), p.Status)
	}
}

func TestProseEscapes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":             "plain",
		"a `code` b":        "a <code>code</code> b",
		"<b> `<i>` & `open": "&lt;b&gt; <code>&lt;i&gt;</code> &amp; <code>open</code>",
	} {
		if got := string(prose(in)); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
