package scim2

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
		{"client credentials", func(c *Config) { byClient(nil, c, nil) }, nil},
		{"loopback", func(c *Config) { c.BaseURL = "http://127.0.0.1:4711/scim/v2" }, nil},
		{"no https", func(c *Config) { c.BaseURL = "http://id.example.com/scim/v2" }, []string{"base_url"}},
		{"userinfo", func(c *Config) { c.BaseURL = "https://user:pw@id.example.com" }, []string{"base_url"}},
		{"query", func(c *Config) { c.BaseURL = "https://id.example.com/?x=1" }, []string{"base_url"}},
		{"relative", func(c *Config) { c.BaseURL = "id.example.com" }, []string{"base_url"}},
		{"everything missing", func(c *Config) { *c = Config{} }, []string{"base_url", "token"}},
		{"token with a blank", func(c *Config) { c.Token = "Bearer x" }, []string{"token"}},
		{"two credentials", func(c *Config) { byClient(nil, c, nil); c.Token = "t" }, []string{"token"}},
		{"half a client", func(c *Config) { c.Token, c.ClientID = "", "x" }, []string{"token", "token_url"}},
		{"no client", func(c *Config) { c.Token, c.TokenURL = "", "http://id.example.com/token" }, []string{"token_url", "client_id", "client_secret"}},
		{"scope with a blank", func(c *Config) { byClient(nil, c, nil); c.Scopes = []string{"a", "b c", ""} }, []string{"scopes[1]", "scopes[2]"}},
		{"durations", func(c *Config) { c.InviteLife, c.MaxLife, c.CallTimeout = "a week", "1s", "2h" }, []string{"invite_life", "max_life", "call_timeout"}},
		{"upside down", func(c *Config) { c.InviteLife, c.MaxLife = "24h", "1h" }, []string{"max_life"}},
		{"a long life", func(c *Config) { c.InviteLife = "2000h" }, nil},
		{"scan", func(c *Config) { c.MaxScan = -1 }, []string{"max_scan"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := config()
			c.change(cfg)
			var got []string
			for _, problem := range cfg.Validate() {
				field, text, _ := strings.Cut(problem.Error(), ": ")
				got = append(got, field)
				if text == "" || strings.Contains(text, secret) || strings.Contains(text, clientSecret) {
					t.Errorf("%s says %q", field, text)
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
	if err := json.Unmarshal([]byte(`{"base_url":"https://id.example.com/scim/","token":"t-secret"}`), &c); err != nil {
		t.Fatal(err)
	}
	s, problems := c.settle()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if s.BaseURL != "https://id.example.com/scim" || !s.matchEmails || s.MaxScan != 10000 ||
		s.life != 168*time.Hour || s.maxLife != 720*time.Hour || s.callTimeout != 10*time.Second {
		t.Errorf("settings %+v", s)
	}
	if shown, err := json.Marshal(c); err != nil || strings.Contains(string(shown), "t-secret") {
		t.Errorf("marshalled as %s (%v)", shown, err)
	}
	if n := c.Needs(); !n.Links || !n.Mail {
		t.Errorf("needs %+v", n)
	}
}

func TestOpenCallsNobody(t *testing.T) {
	t.Parallel()
	v := newVendor()
	p, err := config().Open(deps(v))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Describe().Provider; got != "scim2" {
		t.Errorf("described as %s", got)
	}
	if err := p.Close(); err != nil || len(v.Calls) != 0 {
		t.Errorf("closed with %v, calls %v", err, v.Calls)
	}
	for name, change := range map[string]func(*providers.Deps){
		"roles.admin":       func(d *providers.Deps) { d.Roles = map[string]string{"admin": " "} },
		"act_as":            func(d *providers.Deps) { d.ActAsCaller = true },
		"nothing to mail w": func(d *providers.Deps) { d.Mailer = nil },
	} {
		d := deps(v)
		change(&d)
		if _, err := config().Open(d); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
