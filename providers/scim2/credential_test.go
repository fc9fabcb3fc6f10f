package scim2

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

const clientSecret = "s:ecret"

func byClient(_ *vendor, c *Config, _ *providers.Deps) {
	c.Token, c.TokenURL, c.ClientID, c.ClientSecret, c.Scopes = "", "https://id.example.com/token", "gateway", clientSecret, []string{"scim:read", "scim:write"}
}

// One token serves all until shortly before it expires.
func TestClientCredentials(t *testing.T) {
	t.Parallel()
	r := newRig(t, byClient)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := r.c.ListRoles(t.Context(), org(acme)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if r.tokens != 1 {
		t.Errorf("%d tokens", r.tokens)
	}
	first := strings.Join(r.asked(), "\n")
	if !strings.Contains(first, "POST /token  grant_type=client_credentials&scope=scim%3Aread+scim%3Awrite") {
		t.Errorf("asked\n%s", first)
	}
	for _, tt := range []struct {
		pass   time.Duration
		tokens int
	}{{58 * time.Minute, 1}, {90 * time.Second, 2}, {time.Minute, 2}} {
		r.Clock.Advance(tt.pass)
		if _, err := r.c.ListRoles(t.Context(), org(acme)); err != nil || r.tokens != tt.tokens {
			t.Errorf("after %v: %d tokens, want %d (%v)", tt.pass, r.tokens, tt.tokens, err)
		}
	}
}

// A token that is refused is replaced once, also before a write, which is then
// made once.
func TestRefusedToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, byClient)
	r.before = func(v *vendor, method, _ string) {
		if method == "PATCH" && v.tokens == 1 {
			v.bearer = "revoked"
		}
	}
	if _, err := r.c.Accept(t.Context(), accepting(t, "ada@example.com")); err != nil || r.tokens != 2 || len(r.members(acme)) != 1 {
		t.Errorf("%v, %d tokens, members %v", err, r.tokens, r.members(acme))
	}
	r.before = func(v *vendor, _, path string) {
		if path != "/token" {
			v.bearer = "never"
		}
	}
	_, err := r.c.ListRoles(t.Context(), org(acme))
	wantCode(t, err, identity.CodeProviderCredentials)
	if r.tokens != 3 {
		t.Errorf("%d tokens", r.tokens)
	}
}

// A bearer token that is refused cannot be replaced, and is not tried twice.
func TestFixedToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) { v.bearer = "another" })
	_, err := r.c.ListRoles(t.Context(), org(acme))
	wantCode(t, err, identity.CodeProviderCredentials)
	if calls := r.asked(); len(calls) != 1 || strings.Contains(err.Error()+r.log.String(), secret) {
		t.Errorf("asked %v: %v", calls, err)
	}
}

// Whatever the token endpoint says: a code, that nothing was done, no secret.
func TestNoToken(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		scripted.Mishap
		want identity.Code
	}{
		"refused":       {scripted.Mishap{Status: 401, Body: `{"error":"invalid_client","error_description":"` + clientSecret + `"}`}, identity.CodeProviderCredentials},
		"bad request":   {scripted.Mishap{Status: 400, Body: `{"error":"invalid_scope"}`}, identity.CodeProviderCredentials},
		"not there":     {scripted.Mishap{Status: 404, Body: `<html>`}, identity.CodeProviderError},
		"429":           {scripted.Mishap{Status: 429, Header: http.Header{"Retry-After": {"7"}}}, identity.CodeProviderRateLimited},
		"500":           {scripted.Mishap{Status: 500, Body: clientSecret}, identity.CodeProviderError},
		"503":           {scripted.Mishap{Status: 503}, identity.CodeProviderUnavailable},
		"html":          {scripted.Mishap{Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html>" + clientSecret}, identity.CodeProviderError},
		"no token":      {scripted.Mishap{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: `{}`}, identity.CodeProviderError},
		"a redirect":    {scripted.Mishap{Status: 302, Header: http.Header{"Location": {"https://evil.test/"}}}, identity.CodeProviderError},
		"cut":           {scripted.Mishap{Cut: true}, identity.CodeProviderUnavailable},
		"never answers": {scripted.Mishap{Hang: true}, identity.CodeProviderTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, byClient)
			m := tt.Mishap
			m.Op, m.Times = "POST /token*", -1
			r.Inject(m)
			_, err := r.c.Accept(t.Context(), accepting(t, "ada@example.com"))
			wantCode(t, err, tt.want)
			known := err.(*identity.Error)
			if known.Unknown || strings.Contains(err.Error()+known.Detail+r.log.String(), clientSecret) || tt.Status == 429 && known.RetryAfter != 7*time.Second {
				t.Errorf("got %+v", known)
			}
			for _, call := range r.asked() {
				if !strings.HasPrefix(call, "POST /token") {
					t.Errorf("called without a token: %s", call)
				}
			}
		})
	}
}
