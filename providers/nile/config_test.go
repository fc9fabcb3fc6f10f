package nile

import (
	"slices"
	"strings"
	"testing"

	"usher/identity"
	"usher/providers"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*Config)
		want   []string // beginnings of the problems
	}{
		{"as it should be", func(*Config) {}, nil},
		{"empty", func(c *Config) { *c = Config{} }, []string{"base_url: is missing", "origin: is missing", "email: is missing", "password: is missing"}},
		{"a slash more", func(c *Config) { c.BaseURL, c.Origin = c.BaseURL+"/", c.Origin+"/" }, nil},
		{"loopback", func(c *Config) {
			c.BaseURL, c.Origin = "http://localhost:3000/v2/databases/01000000-0000-7000-8000-000000000000", "http://127.0.0.1:3000"
		}, nil},
		{"a password in clear", func(c *Config) { c.BaseURL = "http://nile.example/v2/databases/x" }, []string{"base_url: must be https"}},
		{"no database", func(c *Config) { c.BaseURL = "https://nile.example/v2" }, []string{"base_url: must end in /v2/databases/"}},
		{"a query", func(c *Config) { c.BaseURL += "?a=b" }, []string{"base_url: may hold no query"}},
		{"a user in the address", func(c *Config) { c.BaseURL = "https://u:p@nile.example/v2/databases/x" }, []string{"base_url: may hold no user"}},
		{"an origin with a path", func(c *Config) { c.Origin = "https://app.example.com/welcome" }, []string{"origin: is a scheme and a host"}},
		{"an origin with a query", func(c *Config) { c.Origin = "https://app.example.com?a" }, []string{"origin: is a scheme and a host"}},
		{"an origin without a scheme", func(c *Config) { c.Origin = "app.example.com" }, []string{"origin: is not an absolute URL"}},
		{"no address", func(c *Config) { c.Email = "usher" }, []string{"email: is not an e-mail address"}},
		{"a page with a query", func(c *Config) { c.CallbackURL = "https://app.example.com/hello?from=mail" }, nil},
		{"a page that is none", func(c *Config) { c.CallbackURL = "/hello" }, []string{"callback_url: is not an absolute URL"}},
		{"no duration", func(c *Config) { c.CallTimeout = "soon" }, []string{"call_timeout: is not a duration"}},
		{"no time at all", func(c *Config) { c.CallTimeout = "0s" }, []string{"call_timeout: must not be below"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := &Config{BaseURL: baseURL, Origin: origin, Email: service, Password: password}
			tc.change(c)
			problems := c.Validate()
			if !slices.EqualFunc(problems, tc.want, func(err error, want string) bool { return strings.HasPrefix(err.Error(), want) }) {
				t.Errorf("problems %q, want %q", problems, tc.want)
			}
		})
	}
}

// One role is what membership means; with two, somebody would be promised more
// than the vendor can give, and with none nobody could be invited.
func TestOneRole(t *testing.T) {
	t.Parallel()
	c := &Config{BaseURL: baseURL, Origin: origin, Email: service, Password: password}
	for name, d := range map[string]providers.Deps{
		"roles:":  {Roles: map[string]string{"member": "Member", "admin": "Admin"}},
		"roles: ": {},
		"act_as:": {Roles: map[string]string{"member": "Member"}, ActAsCaller: true},
	} {
		if _, err := c.Open(d); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(name)) {
			t.Errorf("%s %v", name, err)
		}
	}
	if !c.Needs().Links || c.Needs().Mail {
		t.Errorf("needs %+v", c.Needs())
	}
	r := newRig(t, func(_ *vendor, _ *Config, d *providers.Deps) { d.Roles = map[string]string{"colleague": "Colleague"} })
	roles, err := r.p.ListRoles(t.Context(), org(orgOne))
	if err != nil || !slices.Equal(roles, []identity.Role{{Key: "colleague", Name: "Colleague", ProviderID: "colleague"}}) {
		t.Errorf("roles %+v, %v", roles, err)
	}
	request := r.request("someone@example.com")
	_, err = r.p.Invite(t.Context(), request)
	wantCode(t, err, identity.CodeUnknownRole)
	request.Roles = []string{"colleague"}
	if _, err := r.p.Invite(t.Context(), request); err != nil {
		t.Error(err)
	}
}

// What the vendor cannot carry is refused by the house before anything happens.
func TestFields(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c, at := r.client(), r.Clock.Now().Add(week)
	for name, change := range map[string]func(*providers.InviteRequest){
		"message":    func(q *providers.InviteRequest) { q.Message = "Hello" },
		"notify":     func(q *providers.InviteRequest) { q.Notify = false },
		"expires_at": func(q *providers.InviteRequest) { q.ExpiresAt = &at },
		"roles":      func(q *providers.InviteRequest) { q.Roles = []string{"member", "other"} },
	} {
		q := r.request("a@example.com")
		change(&q)
		if err := c.Check(q); identity.CodeOf(err) != identity.CodeNotCarried {
			t.Errorf("%s: %v", name, err)
		}
	}
	q := r.request("a@example.com")
	q.RedirectURL = "https://app.example.com/welcome"
	if err := c.Check(q); err != nil {
		t.Error(err)
	}
}

func TestQuotas(t *testing.T) {
	t.Parallel()
	d := (&Config{BaseURL: baseURL}).Quotas()
	if d.Scope != "nile us-west-2.api.thenile.example" || len(d.Quotas) != 2 {
		t.Fatalf("declared %+v", d)
	}
	counts := d.Quotas[1].Counts
	for call, want := range map[[2]string]bool{
		{"POST", database + "/tenants/" + orgOne + "/invite"}:             true,
		{"PUT", database + "/tenants/" + orgOne + "/invite"}:              false,
		{"GET", database + "/tenants/" + orgOne + "/invites"}:             false,
		{"POST", database + "/auth/callback/credentials"}:                 false,
		{"DELETE", database + "/tenants/" + orgOne + "/invite/" + orgTwo}: false,
	} {
		if got := counts(call[0], call[1]); got != want {
			t.Errorf("%v counts: %v, want %v", call, got, want)
		}
	}
}
