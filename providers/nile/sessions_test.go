package nile

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest/scripted"
)

func members(t *testing.T, r *rig) error {
	t.Helper()
	_, err := r.p.ListMembers(t.Context(), org(orgOne), identity.PageRequest{})
	return err
}

// One session serves everybody until it is near its end.
func TestSessionIsKept(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name          string
		change        func(*vendor, *Config, *providers.Deps)
		kept, renewed time.Duration
	}{
		{"thirty days", nil, 29 * 24 * time.Hour, 24 * time.Hour},
		{"a short one", func(v *vendor, _ *Config, _ *providers.Deps) { v.life = time.Minute }, 44 * time.Second, 2 * time.Second},
		{"no expiry told", func(v *vendor, _ *Config, _ *providers.Deps) { v.noExpiry = true }, 59 * time.Minute, 2 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, tc.change)
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() {
					if err := members(t, r); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			r.Clock.Advance(tc.kept)
			if err := members(t, r); err != nil || r.Count("signin") != 1 {
				t.Fatalf("%d sign-ins, %v", r.Count("signin"), err)
			}
			r.Clock.Advance(tc.renewed)
			if err := members(t, r); err != nil || r.Count("signin") != 2 {
				t.Errorf("%d sign-ins after its end, %v", r.Count("signin"), err)
			}
		})
	}
}

// A session that the vendor does not know any more is replaced in the middle of
// a send, and the invitation still goes out once.
func TestSessionIsRenewed(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*rig){
		"the session": func(r *rig) {
			r.Inject(scripted.Mishap{Op: "invite", During: func() { r.With(func() { clear(r.sessions) }) }})
		},
		"the form token": func(r *rig) { r.Inject(scripted.Mishap{Op: "invite", Status: 400, Body: "Request blocked"}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			end(r)
			if _, err := r.p.Invite(t.Context(), r.request("a@example.com")); err != nil {
				t.Fatal(err)
			}
			if n := r.Count("signin"); n != 2 || len(r.links("a@example.com")) != 1 {
				t.Errorf("%d sign-ins, mails %v", n, r.links("a@example.com"))
			}
		})
	}
}

// Who comes late with a refusal of an old session does not throw the new one
// away.
func TestLateRefusal(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	old, err := r.p.sessions.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.p.sessions.drop(t.Context(), old)
	if err := members(t, r); err != nil {
		t.Fatal(err)
	}
	r.p.sessions.drop(t.Context(), old)
	if err := members(t, r); err != nil || r.Count("signin") != 2 {
		t.Errorf("%d sign-ins, %v", r.Count("signin"), err)
	}
}

// A refusal that lasts is our credentials' after one more try, and nothing was
// done: an operator must look, and nobody is locked out by trying on and on.
func TestSessionIsRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		change  func(*vendor)
		want    identity.Code
		signins int
	}{
		{"wrong password", func(v *vendor) { v.user(service).password = "another" }, identity.CodeProviderCredentials, 1},
		{"no password at all", func(v *vendor) { v.user(service).password = "" }, identity.CodeProviderCredentials, 1},
		{"signing in is broken", func(v *vendor) { v.broken = true }, identity.CodeProviderError, 1},
		{"a cookie under a name that is not read", func(v *vendor) { v.plain = true }, identity.CodeProviderCredentials, 1},
		{"a second factor", func(v *vendor) {
			v.Inject(scripted.Mishap{Op: "signin", Times: -1, Status: 401, Body: `{"mfa":{"method":"authenticator"}}`})
		}, identity.CodeProviderCredentials, 1},
		{"success is a cookie", func(v *vendor) {
			v.Inject(scripted.Mishap{Op: "signin", Times: -1, Status: 200, Header: http.Header{"Location": {origin + "/api/auth/error?error=Login%20failed."}}})
		}, identity.CodeProviderCredentials, 1},
		{"a page of a gateway's", func(v *vendor) {
			v.Inject(scripted.Mishap{Op: "signin", Times: -1, Status: 200, Body: "<html>"})
		}, identity.CodeProviderError, 1},
		{"the user was deleted", func(v *vendor) { v.Inject(scripted.Mishap{Op: "me", Times: -1, Status: 404}) }, identity.CodeProviderCredentials, 1},
		{"no token for forms", func(v *vendor) {
			v.Inject(scripted.Mishap{Op: "csrf", Times: -1, Status: 200, Body: `{"csrfToken":"short"}`})
		}, identity.CodeProviderError, 0},
		{"every session is refused", func(v *vendor) { v.Inject(scripted.Mishap{Op: "list", Times: -1, Status: 401}) }, identity.CodeProviderCredentials, 2},
		{"every form is refused", func(v *vendor) {
			v.Inject(scripted.Mishap{Op: "invite", Times: -1, Status: 400, Body: "Request blocked"})
		}, identity.CodeProviderError, 2},
		{"the origin is refused", func(v *vendor) {
			v.Inject(scripted.Mishap{Op: "csrf", Times: -1, Status: 400, Body: "The request origin is not a well formed URL."})
		}, identity.CodeProviderError, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			tc.change(r.vendor)
			request := r.request("a@example.com")
			_, err := r.client().Invite(t.Context(), request)
			wantCode(t, err, tc.want)
			wantActed(t, err, false)
			if n := r.Count("signin"); n != tc.signins || len(r.links("a@example.com")) != 0 || request.Journal.Step(stepCreate).Begun {
				t.Errorf("%d sign-ins, mails %v", n, r.links("a@example.com"))
			}
			if strings.Contains(err.Error(), password) || strings.Contains(err.Error(), "html") || strings.Contains(err.Error(), "mfa") {
				t.Errorf("the error tells too much: %v", err)
			}
		})
	}
}

// What is sent says by which names cookies go, and holds the session in nothing
// but the cookie (FACTS.md section 2).
func TestHeaders(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ origin, secure, cookie string }{
		"https":    {"https://app.example.com/", "true", "__Secure-nile.session-token="},
		"loopback": {"http://localhost:3000", "false", "nile.session-token="},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen []*http.Request
			r := newRig(t, func(v *vendor, c *Config, d *providers.Deps) {
				c.Origin = tc.origin
				d.Transport = tripper(func(q *http.Request) (*http.Response, error) {
					seen = append(seen, q)
					return v.RoundTrip(q)
				})
			})
			if err := members(t, r); err != nil {
				t.Fatal(err)
			}
			for _, q := range seen {
				if q.Header.Get("nile-origin") != strings.TrimRight(tc.origin, "/") || q.Header.Get("nile-secure-cookies") != tc.secure || q.Header.Get("Authorization") != "" {
					t.Errorf("%s: %v", q.URL.Path, q.Header)
				}
			}
			if last := seen[len(seen)-1].Header.Get("Cookie"); !strings.HasPrefix(last, tc.cookie) {
				t.Errorf("cookie %q", last)
			}
		})
	}
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
