package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/api"
	"usher/identity"
	"usher/providers/memory"
)

// limited holds every principal to a rate.
func limited(perMinute, burst int) func(*api.Options) {
	return func(o *api.Options) { o.RateLimit = api.RateLimit{PerMinute: perMinute, Burst: burst} }
}

// says checks what an answer tells of the rate, and what of waiting.
func (a answer) says(limit, retryAfter string) answer {
	a.t.Helper()
	if got := a.header.Get("RateLimit"); got != limit {
		a.t.Errorf("%d: RateLimit is %q, want %q", a.status, got, limit)
	}
	if got := a.header.Get("Retry-After"); got != retryAfter {
		a.t.Errorf("%d: Retry-After is %q, want %q", a.status, got, retryAfter)
	}
	return a
}

// TestRateRefillsExactly: twelve a minute are one every five seconds.
func TestRateRefillsExactly(t *testing.T) {
	t.Parallel()
	h := build(t, limited(12, 3))
	for _, step := range []struct {
		after      time.Duration
		status     int
		limit      string
		retryAfter string
	}{
		{0, 200, `"default";r=2;t=5`, ""},
		{0, 200, `"default";r=1;t=5`, ""},
		{0, 200, `"default";r=0;t=5`, ""},
		{0, 429, `"default";r=0;t=5`, "5"},
		{4 * time.Second, 429, `"default";r=0;t=1`, "1"},
		{999 * time.Millisecond, 429, `"default";r=0;t=1`, "1"},
		{time.Millisecond, 200, `"default";r=0;t=5`, ""},
		{0, 429, `"default";r=0;t=5`, "5"},
		{7 * time.Second, 200, `"default";r=0;t=3`, ""},
		{time.Hour, 200, `"default";r=2;t=5`, ""},
	} {
		h.clock.Advance(step.after)
		code := ""
		if step.status == 429 {
			code = "rate_limited"
		}
		got := h.do(admin, "GET", "/v1/organizations", "").is(step.status, code).says(step.limit, step.retryAfter)
		if policy := got.header.Get("RateLimit-Policy"); policy != `"default";q=3;w=15` {
			t.Errorf("RateLimit-Policy is %q", policy)
		}
	}
}

// TestPrincipalsDoNotDisturbEachOther: a principal is issuer and subject, and
// whichever token it holds.
func TestPrincipalsDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	h := build(t, limited(1, 1))
	namesake, second := *h.auth[admin], *h.auth[admin]
	namesake.Issuer = "https://other-issuer.example"
	h.auth["token-namesake"], h.auth["token-second"] = &namesake, &second
	h.do(admin, "GET", "/v1/organizations", "").is(200, "")
	h.do(admin, "GET", "/v1/organizations", "").is(429, "rate_limited")
	h.do("token-second", "GET", "/v1/organizations", "").is(429, "rate_limited")
	h.do(reader, "GET", "/v1/organizations", "").is(200, "")
	h.do("token-namesake", "GET", "/v1/organizations", "").is(200, "")
	h.do("token-namesake", "GET", "/v1/organizations", "").is(429, "rate_limited")
}

// TestSourcesAreNetworks: one subscriber of IPv6 has a /64 of addresses, and one
// bucket. Of IPv4 each address has its own, however it is written.
func TestSourcesAreNetworks(t *testing.T) {
	t.Parallel()
	h := build(t, limited(1, 1))
	h.send("ada@example.com")
	secret := h.link("ada@example.com")
	for _, step := range []struct {
		peer   string
		status int
	}{
		{"[2001:db8:0:1::1]:5", http.StatusSeeOther},
		{"[2001:db8:0:1:ffff:ffff:ffff:ffff]:5", http.StatusTooManyRequests},
		{"[2001:db8:0:2::1]:5", http.StatusSeeOther},
		{"[2001:db8:0:2::2]:6", http.StatusTooManyRequests},
		{"192.0.2.7:5", http.StatusSeeOther},
		{"192.0.2.8:5", http.StatusSeeOther},
		{"[::ffff:192.0.2.7]:5", http.StatusTooManyRequests},
		{"[::ffff:192.0.2.9]:5", http.StatusSeeOther},
	} {
		r := newRequest("GET", callbackPath+secret)
		r.RemoteAddr = step.peer
		if got := h.serve(r); got.status != step.status {
			t.Errorf("%s: got %d, want %d", step.peer, got.status, step.status)
		}
	}
}

// TestWhatIsLimited: whatever is asked for with a token, and nothing else.
func TestWhatIsLimited(t *testing.T) {
	t.Parallel()
	h := build(t, limited(1, 2))
	for range 4 {
		for _, path := range []string{"/livez", "/readyz", "/metrics", "/openapi.json", "/docs"} {
			h.do(admin, "GET", path, "").is(200, "").says("", "")
		}
		h.do("", "GET", "/v1/organizations", "").is(401, "unauthenticated").says("", "")
		h.do("wrong", "GET", "/v1/organizations", "").is(401, "unauthenticated").says("", "")
		h.do(admin, "GET", "/nowhere", "").is(404, "not_found").says("", "")
	}
	h.do(reader, "POST", invitesPath, jane).is(403, "permission_denied").says(`"default";r=1;t=60`, "")
	h.do(outsider, "GET", invitesPath, "").is(404, "not_found").says(`"default";r=1;t=60`, "")
	h.do(admin, "POST", invitesPath, `{`).is(400, "invalid_request").says(`"default";r=1;t=60`, "")
	h.vendor.Inject(memory.Fault{Op: "list members", Code: identity.CodeProviderError})
	h.do(admin, "GET", "/v1/organizations/acme/members", "").is(502, "provider_error").says(`"default";r=0;t=60`, "")
	for _, op := range h.document().operations() {
		h.do(admin, op.method, h.concrete(op, "missing", "inv_none"), h.bodyFor(op)).is(429, "rate_limited").says(`"default";r=0;t=60`, "60")
	}
}

// TestALimitedRequestIsNotKept under its key: nothing was done, and the same
// key does it later.
func TestALimitedRequestIsNotKept(t *testing.T) {
	t.Parallel()
	h := build(t, limited(60, 1))
	h.do(admin, "GET", "/v1/organizations", "").is(200, "")
	h.keyed(admin, invitesPath, jane, "key").is(429, "rate_limited")
	if n := h.vendor.Calls("invite"); n != 0 {
		t.Errorf("the vendor was called %d times", n)
	}
	h.clock.Advance(time.Second)
	first := h.keyed(admin, invitesPath, jane, "key").is(201, "").says(`"default";r=0;t=1`, "")
	h.keyed(admin, invitesPath, jane, "key").is(429, "rate_limited")
	h.clock.Advance(time.Second)
	again := h.keyed(admin, invitesPath, jane, "key").is(201, "").says(`"default";r=0;t=1`, "")
	if again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("not the first answer: %v %s", again.header, again.body)
	}
}

// TestNoLimit: 0 is off, and then there is nothing to tell.
func TestNoLimit(t *testing.T) {
	t.Parallel()
	h := build(t)
	for range 100 {
		got := h.do(admin, "GET", "/v1/organizations", "").is(200, "").says("", "")
		if policy := got.header.Get("RateLimit-Policy"); policy != "" {
			t.Fatalf("RateLimit-Policy is %q", policy)
		}
	}
}

func TestDocumentTellsOfTheRate(t *testing.T) {
	t.Parallel()
	d := build(t).document()
	for _, name := range []string{"RateLimit", "RateLimit-Policy"} {
		if d.Components.Headers[name]["description"] == nil {
			t.Errorf("%s is not described", name)
		}
	}
	for _, op := range d.operations() {
		limited := op.Responses["429"]
		if !strings.Contains(limited.Description, "`rate_limited`") || limited.Headers["Retry-After"] == nil {
			t.Errorf("%s: 429 is %+v", op.OperationID, limited)
		}
		for status, response := range op.Responses {
			for _, name := range []string{"RateLimit", "RateLimit-Policy"} {
				if (response.Headers[name] != nil) == (status == "401") {
					t.Errorf("%s: %s of %s is %v", op.OperationID, name, status, response.Headers[name])
				}
			}
		}
	}
}
