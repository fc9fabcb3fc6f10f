package asgardeo

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/providers"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   []string // the fields reported, in order
	}{
		{"good", func(*Config) {}, nil},
		{"loopback", func(c *Config) { c.BaseURL = "http://127.0.0.1:4711/t/acme" }, nil},
		{"localhost", func(c *Config) { c.BaseURL = "http://localhost:4711/t/acme/" }, nil},
		{"IPv6 loopback", func(c *Config) { c.BaseURL = "http://[::1]:4711/t/acme" }, nil},
		{"no https", func(c *Config) { c.BaseURL = "http://api.asgardeo.io/t/acme" }, []string{"base_url"}},
		{"loopback as a label", func(c *Config) { c.BaseURL = "http://127.0.0.1.example.com/t/acme" }, []string{"base_url"}},
		{"userinfo", func(c *Config) { c.BaseURL = "https://user:pw@api.asgardeo.io/t/acme" }, []string{"base_url"}},
		{"query", func(c *Config) { c.BaseURL = "https://api.asgardeo.io/t/acme?x=1" }, []string{"base_url"}},
		{"relative", func(c *Config) { c.BaseURL = "api.asgardeo.io/t/acme" }, []string{"base_url"}},
		{"file", func(c *Config) { c.BaseURL = "file:///etc" }, []string{"base_url"}},
		{"everything missing", func(c *Config) { *c = Config{} }, []string{"base_url", "client_id", "client_secret", "application"}},
		{"colon in the client id", func(c *Config) { c.ClientID = "a:b" }, []string{"client_id"}},
		{"user store with a slash", func(c *Config) { c.UserDomain = "A/B" }, []string{"user_domain"}},
		{"scope with a blank", func(c *Config) { c.RootScopes = []string{"ok", "a b"} }, []string{"root_scopes[1]"}},
		{"empty scope", func(c *Config) { c.OrganizationScopes = []string{""} }, []string{"organization_scopes[0]"}},
		{"roles version", func(c *Config) { c.RolesVersion = "v1" }, []string{"roles_version"}},
		{"durations", func(c *Config) { c.InviteLife, c.LagWait, c.CallTimeout, c.RoleCache = "3 days", "-1s", "0s", "x" },
			[]string{"invite_life", "lag_wait", "call_timeout", "role_cache"}},
		{"zone", func(c *Config) { c.ExpiryTimeZone = "Mars/Base" }, []string{"expiry_time_zone"}},
		{"cache size", func(c *Config) { c.TokenCacheSize = -1 }, []string{"token_cache_size"}},
		{"all at once", func(c *Config) { c.BaseURL, c.Application, c.LagWait = "", " ", "soon" }, []string{"base_url", "application", "lag_wait"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := config()
			c.change(cfg)
			var got []string
			for _, problem := range cfg.Validate() {
				field, text, _ := strings.Cut(problem.Error(), ": ")
				got = append(got, field)
				if text == "" {
					t.Errorf("%s says nothing", field)
				}
				if strings.Contains(problem.Error(), secret) {
					t.Errorf("the secret is in %v", problem)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("problems with %q, want %q", got, c.want)
			}
			if _, err := cfg.Open(deps(newVendor())); (err != nil) != (len(c.want) > 0) {
				t.Errorf("Open: %v", err)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	var c Config
	text := `{"base_url":"https://api.asgardeo.io/t/acme/","client_id":"i","client_secret":"s","application":"Team App","send_names":false}`
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	s, problems := c.settle()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if s.BaseURL != "https://api.asgardeo.io/t/acme" || s.UserDomain != "DEFAULT" || s.PasswordMailScenario != "ASK_PASSWORD" || s.RolesVersion != "v2" {
		t.Errorf("texts %+v", s.Config)
	}
	if s.inviteLife != 72*time.Hour || s.lagWait != 5*time.Second || s.callTimeout != 10*time.Second || s.roleCache != 5*time.Minute || s.expiryZone != time.UTC {
		t.Errorf("times %+v", s)
	}
	if !s.usernamePrefix || s.sendNames || !s.resendPasswordMail || !s.trustVerified || !s.requireManagedOrg || !s.introspect {
		t.Errorf("switches %+v", s)
	}
	if shown, err := json.Marshal(c); err != nil || strings.Contains(string(shown), `"s"`) {
		t.Errorf("marshalled as %s (%v)", shown, err)
	}
}

func TestOpenCallsNobody(t *testing.T) {
	t.Parallel()
	v := newVendor()
	p, err := config().Open(deps(v))
	if err != nil {
		t.Fatal(err)
	}
	want := providers.Fields{Life: 72 * time.Hour}
	if got := p.Describe(); got.Provider != "asgardeo" || got.Fields != want || got.Emulated[providers.CapResend] == "" || len(got.Emulated) != 1 {
		t.Errorf("described as %+v", got)
	}
	if err := p.Close(); err != nil || len(v.Calls) != 0 {
		t.Errorf("closed with %v, calls %v", err, v.Calls)
	}
	d := deps(v)
	d.Roles = map[string]string{"admin": " "}
	if _, err := config().Open(d); err == nil || !strings.Contains(err.Error(), "roles.admin") {
		t.Errorf("a role without a name: %v", err)
	}
}
