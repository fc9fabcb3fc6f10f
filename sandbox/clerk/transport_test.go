package clerk_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/sandbox/clerk"
)

// TestEntry walks the refusals that come before any operation.
func TestEntry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	tests := []struct {
		name, method, path string
		body               any
		header             []string
		status             int
		code               string
	}{
		{"no key", "GET", "/v1/users", nil, []string{"Authorization", ""}, 401, "authentication_invalid"},
		{"no bearer", "GET", "/v1/users", nil, []string{"Authorization", w.sim.SecretKey()}, 401, "authorization_header_format_invalid"},
		{"wrong key", "GET", "/v1/users", nil, []string{"Authorization", "Bearer sk_test_other"}, 401, "clerk_key_invalid"},
		{"keys want a key", "GET", "/v1/jwks", nil, []string{"Authorization", ""}, 401, "authentication_invalid"},
		{"unknown version", "GET", "/v1/users", nil, []string{"Clerk-API-Version", "2026-05-13"}, 400, "api_version_invalid"},
		{"version twice", "GET", "/v1/users?__clerk_api_version=2026-05-12", nil, nil, 400, "api_version_invalid"},
		{"not JSON", "POST", "/v1/organizations", `{"name":`, nil, 400, "request_body_invalid"},
		{"two values", "POST", "/v1/organizations", `{"name":"a"}{}`, nil, 400, "request_body_invalid"},
		{"a list", "POST", "/v1/organizations", `[]`, nil, 400, "request_body_invalid"},
		{"no list", "POST", w.org("/invitations/bulk"), `{}`, nil, 400, "request_body_invalid"},
		{"a list of texts", "POST", w.org("/invitations/bulk"), `["a"]`, nil, 400, "request_body_invalid"},
		{"a form", "POST", "/v1/organizations", `name=a`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "unsupported_content_type"},
		{"too large", "POST", "/v1/organizations", `{"name":"` + strings.Repeat("a", 1<<20) + `"}`, nil, 413, "request_body_too_large"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w.t = t
			w.refused(w.do(test.method, test.path, test.body, test.header...), test.status, test.code)
		})
	}
	if got := w.sim.State(); len(got.Organizations) != 1 {
		t.Errorf("a refused call made an organization: %+v", got.Organizations)
	}
}

func TestUnknownPathIsNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.validator = nil // no document has these
	w.client.Transport = w.srv.Client().Transport
	for _, path := range []string{"/v1/nothing", "/users", "/v1/users/", "/v1/organizations/" + w.acme + "/invitations/x/resend"} {
		w.refused(w.do("GET", path, nil), 404, "resource_not_found")
	}
}

// TestVersions guards against an adapter whose pinned version is not the one it
// thinks: metadata on PATCH is refused by the newest alone.
func TestVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	change := m{"public_metadata": m{"a": 1}}
	a := w.refused(w.do("PATCH", w.org(""), change), 422, "form_param_unknown")
	same(t, "param", a.At("errors", 0, "meta", "param_name"), "public_metadata")
	w.refused(w.do("PATCH", "/v1/users/"+w.admin, change), 422, "form_param_unknown")
	for _, version := range []string{"2021-02-05", "2024-10-01", "2025-03-12", "2025-04-10", "2025-11-10", ""} {
		w.version = version
		same(t, version, w.want(w.do("PATCH", w.org(""), change), 200).At("public_metadata"), m{"a": 1})
		w.want(w.do("PATCH", "/v1/users/"+w.admin, change), 200)
	}
	w.quirks(func(q *clerk.Quirks) { q.VersionWithoutHeader = "2026-05-12" })
	w.refused(w.do("PATCH", w.org(""), change), 422, "form_param_unknown")
	w.get("/v1/users?__clerk_api_version=2025-04-10")
}

// TestLimits guards against a client that never meets the vendor's quotas: each
// bucket of section 3, its Retry-After, and that it opens again.
func TestLimits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, method, path string
		body               any
		allowed            int
		window             time.Duration
	}{
		{"general", "GET", "/v1/users/count", nil, 1000, 10 * time.Second},
		{"user", "PATCH", "/v1/users/{user}/metadata", m{"public_metadata": m{}}, 10, 10 * time.Second},
		{"organization", "PATCH", "/v1/organizations/{org}", m{}, 10, 10 * time.Second},
		{"membership", "PATCH", "/v1/organizations/{org}/memberships/{user}/metadata", m{}, 10, 10 * time.Second},
		{"organization invitations", "POST", "/v1/organizations/{org}/invitations", m{"email_address": "none", "role": "org:member"}, 250, time.Hour},
		{"organization invitations in bulk", "POST", "/v1/organizations/{org}/invitations/bulk", []m{{"email_address": "none", "role": "org:member"}}, 50, time.Hour},
		{"invitations", "POST", "/v1/invitations", m{"email_address": "none"}, 100, time.Hour},
		{"invitations in bulk", "POST", "/v1/invitations/bulk", []m{{"email_address": "none"}}, 25, time.Hour},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *clerk.Options) { o.Production, o.Limits = true, true })
			path := strings.NewReplacer("{user}", w.admin, "{org}", w.acme).Replace(test.path)
			for n := range test.allowed {
				if a := w.do(test.method, path, test.body); a.Status == 429 {
					t.Fatalf("call %d is refused", n+1)
				}
			}
			w.advance(test.window / 2)
			a := w.refused(w.do(test.method, path, test.body), 429, "too_many_requests")
			wait := map[time.Duration]string{10 * time.Second: "5", time.Hour: "1800"}[test.window]
			if got := a.Header.Get("Retry-After"); got != wait {
				t.Fatalf("Retry-After %q, want %q", got, wait)
			}
			w.advance(test.window / 2)
			if a := w.do(test.method, path, test.body); a.Status == 429 {
				t.Fatal("still refused when the window has ended")
			}
		})
	}
}

// TestLimitsAreTheInstances guards against a limit counted by organization or by user.
func TestLimitsAreTheInstances(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *clerk.Options) { o.Production, o.Limits = true, true })
	other := w.sim.AddOrganization(clerk.Org{Name: "Other"})
	for range 250 {
		w.want(w.invite("none"), 422)
	}
	w.refused(w.do("POST", "/v1/organizations/"+other+"/invitations", invitation("a@example.com")), 429, "too_many_requests")
	w.want(w.do("POST", w.org("/invitations/bulk"), []m{invitation("a@example.com")}), 200)
	for range 10 {
		w.want(w.do("PATCH", "/v1/users/"+w.admin+"/metadata", m{}), 200)
	}
	w.want(w.do("PATCH", "/v1/users/"+w.admin, m{}), 429)
	w.want(w.do("PATCH", "/v1/users/"+w.member, m{}), 200)
	for _, body := range []string{"html", "text"} {
		w.quirks(func(q *clerk.Quirks) { q.TooManyBody, q.NoRetryAfter = body, true })
		a := w.want(w.do("PATCH", "/v1/users/"+w.admin, m{}), 429)
		if a.JSON != nil || a.Header.Get("Retry-After") != "" || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/") {
			t.Errorf("%s: %q, %v", body, a.Raw, a.Header)
		}
	}
}

// TestDevelopmentInstance guards against quotas that only small instances have.
func TestDevelopmentInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	if !strings.HasPrefix(w.sim.SecretKey(), "sk_test_") {
		t.Error("no key of a development instance")
	}
	w.quirks(func(q *clerk.Quirks) { q.RateLimits, q.MonthlyMails, q.UserQuota = true, 2, 3 })
	w.want(w.invite("a@example.com"), 200)
	w.want(w.invite("+clerk_test@example.com"), 200)
	w.want(w.invite("quiet@example.com", "notify", false), 200)
	w.want(w.invite("b@example.com"), 200)
	w.refused(w.invite("c@example.com"), 400, "dev_monthly_email_limit_exceeded")
	w.refused(w.do("POST", "/v1/invitations", m{"email_address": "c@example.com"}), 400, "dev_monthly_email_limit_exceeded")
	w.refused(w.do("POST", "/v1/users", m{"email_address": []string{"u@example.com"}, "password": "long-enough-1"}), 403, "user_quota_exceeded")
	w.advance(31 * 24 * time.Hour)
	w.want(w.invite("c@example.com"), 200)
	same(t, "mails", w.sim.State().MailsByKind, map[string]int{clerk.MailOrganizationInvitation: 3})

	live := newWorld(t, func(o *clerk.Options) { o.Production = true })
	if !strings.HasPrefix(live.sim.SecretKey(), "sk_live_") {
		t.Error("no key of a production instance")
	}
	live.want(live.do("POST", "/v1/sessions", m{"user_id": live.admin}), 422)
}

func TestAdminSurface(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.validator = nil
	w.client.Transport = w.srv.Client().Transport
	w.want(w.do("PATCH", "/_sandbox/quirks", m{"duplicates": "replace"}), 200)
	for _, bad := range []m{{"duplicates": "sometimes"}, {"nothing": 1}, {"duplicate_status": 500}, {"token_version": 3}, {"version_without_header": "x"}} {
		w.want(w.do("PATCH", "/_sandbox/quirks", bad), 400)
	}
	same(t, "quirk", w.get("/_sandbox/quirks").Text("duplicates"), "replace")
	id := w.want(w.invite("a@example.com"), 200).Text("url")
	w.open(id)
	for _, path := range []string{"/_sandbox/state", "/_sandbox/calls"} {
		if a := w.get(path); strings.Contains(a.Raw, strings.SplitAfter(id, "ticket=")[1]) || strings.Contains(a.Raw, w.sim.SecretKey()) {
			t.Errorf("%s shows a secret", path)
		}
	}
	w.want(w.do("POST", "/_sandbox/faults", m{"match": m{"method": "POST"}, "do": m{"status": 503, "body": "{}"}, "times": 1}), 201)
	w.want(w.invite("b@example.com"), http.StatusServiceUnavailable)
	w.want(w.invite("b@example.com"), 200)
}
