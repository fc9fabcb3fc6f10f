package roq

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

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
		{"loopback", func(c *Config) { c.BaseURL = "http://127.0.0.1:4711/" }, nil},
		{"localhost", func(c *Config) { c.BaseURL = "http://localhost:4711" }, nil},
		{"no inviter", func(c *Config) { c.InviterID = "" }, nil},
		{"no https", func(c *Config) { c.BaseURL = "http://roq.example" }, []string{"base_url"}},
		{"loopback as a label", func(c *Config) { c.BaseURL = "http://127.0.0.1.example.com" }, []string{"base_url"}},
		{"userinfo", func(c *Config) { c.BaseURL = "https://user:pw@roq.example" }, []string{"base_url"}},
		{"query", func(c *Config) { c.BaseURL = "https://roq.example?x=1" }, []string{"base_url"}},
		{"relative", func(c *Config) { c.BaseURL = "roq.example" }, []string{"base_url"}},
		{"everything missing", func(c *Config) { *c = Config{} }, []string{"base_url", "environment_id", "api_key"}},
		{"colon in the environment", func(c *Config) { c.EnvironmentID = "a:b" }, []string{"environment_id"}},
		{"service account", func(c *Config) { c.ServiceAccount = "robot" }, []string{"service_account"}},
		{"inviter by address", func(c *Config) { c.InviterID = "inviter@example.com" }, []string{"inviter_id"}},
		{"inviters", func(c *Config) { c.Inviters = map[string]string{orgOne: "x", "b": inviterID, orgTwo: inviterID} },
			[]string{"inviters." + orgOne, "inviters.b"}},
		{"inviter from", func(c *Config) { c.InviterFrom = "phone" }, []string{"inviter_from"}},
		{"inviter from nowhere", func(c *Config) { c.InviterFrom, c.InviterID = "settings", "" }, []string{"inviter_from"}},
		{"locales", func(c *Config) { c.Locales = []string{"en-US", "de DE", ""} }, []string{"locales[1]", "locales[2]"}},
		{"default locale", func(c *Config) { c.DefaultLocale = "fr-FR" }, []string{"default_locale"}},
		{"bulk", func(c *Config) { c.BulkSize = 201 }, []string{"bulk_size"}},
		{"less than none", func(c *Config) { c.BulkSize = -1 }, []string{"bulk_size"}},
		{"operations", func(c *Config) { c.Operations = "V2" }, []string{"operations"}},
		{"durations", func(c *Config) { c.InviteLife, c.CallTimeout = "a day", "0s" }, []string{"invite_life", "call_timeout"}},
		{"all at once", func(c *Config) { c.BaseURL, c.APIKey, c.InviteLife = "", " ", "-1h" }, []string{"base_url", "api_key", "invite_life"}},
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
					t.Errorf("the key is in %v", problem)
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
	text := `{"base_url":"https://roq.example/x/","environment_id":"e","api_key":"k","resend_shows":true}`
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	s, problems := c.settle()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if s.BaseURL != "https://roq.example/x" || s.ServiceAccount != "project-service-account@roq.tech" || s.InviterFrom != "email" || s.v1 {
		t.Errorf("texts %+v", s.Config)
	}
	if !slices.Equal(s.Locales, []string{"en-US", "de-DE"}) || s.DefaultLocale != "" {
		t.Errorf("locales %v", s.Locales)
	}
	if s.inviteLife != 24*time.Hour || s.callTimeout != 10*time.Second || s.inviterAnyTenant || !s.resendShows {
		t.Errorf("settings %+v", s)
	}
	if shown, err := json.Marshal(c); err != nil || strings.Contains(string(shown), `"k"`) {
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
	want := providers.Fields{Life: 24 * time.Hour, Bulk: 10}
	if got := p.Describe(); got.Provider != "roq" || got.Fields != want || len(got.Emulated) != 0 {
		t.Errorf("described as %+v", got)
	}
	if err := p.Close(); err != nil || len(v.Calls) != 0 {
		t.Errorf("closed with %v, calls %v", err, v.Calls)
	}
	for field, change := range map[string]func(*providers.Deps){
		"roles.admin": func(d *providers.Deps) { d.Roles = map[string]string{"admin": " "} },
		"act_as":      func(d *providers.Deps) { d.ActAsCaller = true },
	} {
		d := deps(v)
		change(&d)
		if _, err := config().Open(d); err == nil || !strings.HasPrefix(err.Error(), field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// What the vendor cannot carry is refused before anything is sent.
func TestNotCarried(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	client := r.client()
	for field, change := range map[string]func(*providers.InviteRequest){
		"/message":      func(q *providers.InviteRequest) { q.Message = "hello" },
		"/redirect_url": func(q *providers.InviteRequest) { q.RedirectURL = "https://app.example" },
		"/notify":       func(q *providers.InviteRequest) { q.Notify = false },
		"/expires_at":   func(q *providers.InviteRequest) { q.ExpiresAt = new(r.Clock.Now()) },
	} {
		q := r.request("a@example.com")
		change(&q)
		err := client.Check(q)
		wantCode(t, err, identity.CodeNotCarried)
		if known, ok := err.(*identity.Error); !ok || known.Field != field {
			t.Errorf("got %+v, want field %s", err, field)
		}
	}
}

func TestQuotas(t *testing.T) {
	t.Parallel()
	declared := (&Config{BaseURL: "https://roq.example/instance/"}).Quotas()
	if declared.Scope != "roq roq.example" {
		t.Errorf("scope %q", declared.Scope)
	}
	for path, want := range map[string]string{
		"/instance/v01/server/graphql": "graphql", "/instance/v01/authorize/serviceAccount": "tokens", "/other": "",
	} {
		got := ""
		for _, q := range declared.Quotas {
			if q.Counts("POST", path) {
				got += q.Class
			}
			if q.Calls != 0 {
				t.Errorf("%s has a limit, and none is known", q.Class)
			}
		}
		if got != want {
			t.Errorf("%s counts in %q, want %q", path, got, want)
		}
	}
}
