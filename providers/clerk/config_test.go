package clerk

import (
	"slices"
	"strings"
	"testing"

	"usher/identity"
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
		{"everything set", func(c *Config) { c.InviteDays, c.LagWait, c.CallTimeout = 365, "0s", "30s" }, nil},
		{"loopback", func(c *Config) { c.BaseURL = "http://127.0.0.1:4711" }, nil},
		{"localhost", func(c *Config) { c.BaseURL = "http://localhost:4711/" }, nil},
		{"IPv6 loopback", func(c *Config) { c.BaseURL = "http://[::1]:4711" }, nil},
		{"no https", func(c *Config) { c.BaseURL = "http://api.clerk.com" }, []string{"base_url"}},
		{"loopback as a label", func(c *Config) { c.BaseURL = "http://127.0.0.1.example.com" }, []string{"base_url"}},
		{"with the version", func(c *Config) { c.BaseURL = "https://api.clerk.com/v1/" }, []string{"base_url"}},
		{"userinfo", func(c *Config) { c.BaseURL = "https://user:pw@api.clerk.com" }, []string{"base_url"}},
		{"query", func(c *Config) { c.BaseURL = "https://api.clerk.com?x=1" }, []string{"base_url"}},
		{"relative", func(c *Config) { c.BaseURL = "api.clerk.com" }, []string{"base_url"}},
		{"no key", func(c *Config) { c.SecretKey = " " }, []string{"secret_key"}},
		{"publishable key", func(c *Config) { c.SecretKey = "pk_live_abc" }, []string{"secret_key"}},
		{"key with a line break", func(c *Config) { c.SecretKey = "sk_live_abc\n" }, []string{"secret_key"}},
		{"bad values", func(c *Config) { c.InviteDays, c.LagWait, c.CallTimeout = 366, "-1s", "soon" }, []string{"invite_days", "lag_wait", "call_timeout"}},
		{"negative days", func(c *Config) { c.InviteDays = -1 }, []string{"invite_days"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := &Config{SecretKey: secret}
			c.change(config)
			var fields []string
			for _, problem := range config.Validate() {
				field, _, _ := strings.Cut(problem.Error(), ":")
				fields = append(fields, field)
				if key := strings.TrimSpace(config.SecretKey.Reveal()); key != "" && strings.Contains(problem.Error(), key) {
					t.Errorf("a problem tells the key: %v", problem)
				}
			}
			if !slices.Equal(fields, c.want) {
				t.Errorf("reported %v, want %v", fields, c.want)
			}
			if _, err := config.Open(providers.Deps{}); (err == nil) != (c.want == nil) {
				t.Errorf("open: %v", err)
			}
		})
	}
}

// What the vendor cannot do is refused when the connection is opened, not when
// somebody is invited.
func TestOpen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		deps providers.Deps
		want string
	}{
		"act as the caller": {providers.Deps{ActAsCaller: true}, "act_as:"},
		"exact addresses":   {providers.Deps{EmailRule: identity.EmailExact}, "emails:"},
		"role without key":  {providers.Deps{Roles: map[string]string{"admin": " "}}, "roles.admin:"},
	} {
		if _, err := (&Config{SecretKey: secret}).Open(c.deps); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := newRig(t, func(_ *vendor, c *Config, _ *providers.Deps) { c.InviteDays = 7 })
	if fields := r.client().Fields(); fields.Life != 7*day || fields.MaxLife != 365*day || fields.MaxRoles != 1 ||
		!fields.RedirectURL || fields.NotifyFalse || !fields.ExpiresAt || fields.Message {
		t.Errorf("fields %+v", fields)
	}
	sent, err := r.client().Invite(t.Context(), r.request("a@example.com"))
	if err != nil || !sent.ExpiresAt.Equal(r.Clock.Now().Add(7*day)) {
		t.Errorf("sent %+v, %v", sent, err)
	}
}
