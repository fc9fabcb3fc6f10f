package workos

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
		{"another address", func(c *Config) { c.BaseURL = "https://api.example.com/workos/" }, nil},
		{"loopback", func(c *Config) { c.BaseURL = "http://127.0.0.1:4711" }, nil},
		{"localhost", func(c *Config) { c.BaseURL = "http://localhost:4711/" }, nil},
		{"IPv6 loopback", func(c *Config) { c.BaseURL = "http://[::1]:4711" }, nil},
		{"no https", func(c *Config) { c.BaseURL = "http://api.workos.com" }, []string{"base_url"}},
		{"loopback as a label", func(c *Config) { c.BaseURL = "http://127.0.0.1.example.com" }, []string{"base_url"}},
		{"userinfo", func(c *Config) { c.BaseURL = "https://user:pw@api.workos.com" }, []string{"base_url"}},
		{"query", func(c *Config) { c.BaseURL = "https://api.workos.com?x=1" }, []string{"base_url"}},
		{"relative", func(c *Config) { c.BaseURL = "api.workos.com" }, []string{"base_url"}},
		{"file", func(c *Config) { c.BaseURL = "file:///etc" }, []string{"base_url"}},
		{"no key", func(c *Config) { *c = Config{} }, []string{"api_key"}},
		{"key with a line break", func(c *Config) { c.APIKey = apiKey + "\n" }, []string{"api_key"}},
		{"days", func(c *Config) { c.InviteDays = 31 }, []string{"invite_days"}},
		{"fewer days than none", func(c *Config) { c.InviteDays = -1 }, []string{"invite_days"}},
		{"durations", func(c *Config) { c.CallTimeout, c.EventWait = "0s", "soon" }, []string{"call_timeout", "event_wait"}},
		{"no wait", func(c *Config) { c.EventWait = "0s" }, nil},
		{"all at once", func(c *Config) { *c = Config{BaseURL: "x", InviteDays: 99, EventWait: "-1s"} },
			[]string{"base_url", "api_key", "invite_days", "event_wait"}},
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
				if strings.Contains(problem.Error(), apiKey) {
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
	if err := json.Unmarshal([]byte(`{"api_key":"`+apiKey+`"}`), &c); err != nil {
		t.Fatal(err)
	}
	s, problems := c.settle()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if s.BaseURL != "https://api.workos.com" || s.InviteDays != 7 || s.callTimeout != 10*time.Second || s.eventWait != 2*time.Second {
		t.Errorf("defaults %+v", s)
	}
	if shown, err := json.Marshal(c); err != nil || strings.Contains(string(shown), apiKey) {
		t.Errorf("marshalled as %s (%v)", shown, err)
	}
}

func TestOpenCallsNobody(t *testing.T) {
	t.Parallel()
	v := newVendor()
	p, err := (&Config{APIKey: apiKey, InviteDays: 3}).Open(deps(v))
	if err != nil {
		t.Fatal(err)
	}
	want := providers.Fields{ExpiresAt: true, MinLife: day + time.Minute, MaxLife: 30 * day, Life: 3 * day, MaxRoles: 1}
	if got := p.Describe(); got.Provider != "workos" || got.Fields != want || len(got.Emulated) != 0 {
		t.Errorf("described as %+v", got)
	}
	if err := p.Close(); err != nil || len(v.Calls) != 0 {
		t.Errorf("closed with %v, calls %v", err, v.Calls)
	}
}

// What a connection asks of the adapter that the vendor cannot do.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*providers.Deps){
		"roles.admin": func(d *providers.Deps) { d.Roles = map[string]string{"admin": " "} },
		"act_as":      func(d *providers.Deps) { d.ActAsCaller = true },
		"emails":      func(d *providers.Deps) { d.EmailRule = identity.EmailExact },
	} {
		d := deps(newVendor())
		change(&d)
		if _, err := config().Open(d); err == nil || !strings.HasPrefix(err.Error(), field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// What the vendor cannot carry is refused by the house, from what is declared.
func TestDeclaredLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	soon, late := r.Clock.Now().Add(day), r.Clock.Now().Add(31*day)
	for _, c := range []struct {
		field  string
		change func(*providers.InviteRequest)
	}{
		{"/message", func(q *providers.InviteRequest) { q.Message = "hello" }},
		{"/redirect_url", func(q *providers.InviteRequest) { q.RedirectURL = "https://app.example.com/" }},
		{"/notify", func(q *providers.InviteRequest) { q.Notify = false }},
		{"/expires_at", func(q *providers.InviteRequest) { q.ExpiresAt = &late }},
		{"/expires_at", func(q *providers.InviteRequest) { q.ExpiresAt = &soon }},
		{"/roles", func(q *providers.InviteRequest) { q.Roles = []string{"admin", "member"} }},
	} {
		request := r.request("a@example.com")
		c.change(&request)
		err := r.client().Check(request)
		wantCode(t, err, identity.CodeNotCarried)
		if known, ok := err.(*identity.Error); !ok || known.Field != c.field {
			t.Errorf("%s: refused with %v", c.field, err)
		}
	}
}
