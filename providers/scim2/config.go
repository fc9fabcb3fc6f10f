package scim2

import (
	"fmt"
	"strings"
	"time"

	"usher/identity"
	"usher/providers"
)

// Config is one connection's settings. Durations are texts such as "5s".
type Config struct {
	BaseURL string `json:"base_url" help:"Address of the service, above /Users and /Groups, e.g. https://id.example.com/scim/v2. Required."`

	Token        identity.Secret `json:"token,omitempty" help:"Bearer token. Required unless token_url is given."`
	TokenURL     string          `json:"token_url,omitempty" help:"Where tokens are got with OAuth 2.0 client credentials, instead of token."`
	ClientID     string          `json:"client_id,omitempty" help:"Client to get tokens as. Required with token_url."`
	ClientSecret identity.Secret `json:"client_secret,omitempty" help:"Its secret. Required with token_url."`
	Scopes       []string        `json:"scopes,omitempty" help:"Scopes to ask for. Default: none are named."`

	InviteLife string `json:"invite_life,omitempty" help:"How long an invitation lives unless the sender says otherwise: 1m to 8760h. Default 168h."`
	MaxLife    string `json:"max_life,omitempty" help:"The longest life a sender may ask for: from invite_life to 8760h. Default 720h."`

	MatchEmails *bool  `json:"match_emails,omitempty" help:"Take an account under another user name for the person if it lists the address among its e-mails. Turn it off where people can enter addresses that nobody proves. Default true."`
	Patch       *bool  `json:"patch,omitempty" help:"The service takes PATCH. Default: what its ServiceProviderConfig says."`
	Filter      *bool  `json:"filter,omitempty" help:"The service takes filters. Default: what its ServiceProviderConfig says."`
	ETag        *bool  `json:"etag,omitempty" help:"The service heeds If-Match. Default: what its ServiceProviderConfig says."`
	MaxScan     int    `json:"max_scan,omitempty" help:"How many users or groups are looked through at most where the service cannot be asked by filter. Default 10000."`
	CallTimeout string `json:"call_timeout,omitempty" help:"Longest single call. Default 10s."`
}

// What the settings may say.
const (
	defaultLife = 7 * 24 * time.Hour
	defaultMax  = 30 * 24 * time.Hour
	shortest    = time.Minute
	longest     = 365 * 24 * time.Hour
	defaultCall = 10 * time.Second
	defaultScan = 10_000
)

var (
	_ providers.Config = (*Config)(nil)
	_ providers.Needer = (*Config)(nil)
)

// Needs implements providers.Needer.
func (c *Config) Needs() providers.Needs { return providers.Needs{Links: true, Mail: true} }

// settings are a Config with its defaults filled in.
type settings struct {
	Config
	life, maxLife, callTimeout time.Duration
	matchEmails                bool
}

// Validate implements providers.Config.
func (c *Config) Validate() []error {
	_, faults := c.settle()
	return faults
}

// settle fills in the defaults and reports every problem.
func (c *Config) settle() (*settings, []error) {
	s := &settings{Config: *c, matchEmails: c.MatchEmails == nil || *c.MatchEmails}
	var faults providers.Faults
	faults.Check("base_url", providers.CheckBaseURL(c.BaseURL))
	s.BaseURL = strings.TrimRight(c.BaseURL, "/")
	c.checkCredential(&faults)
	duration := func(field, text string, preset, least, most time.Duration) time.Duration {
		if text == "" {
			return preset
		}
		d, err := time.ParseDuration(text)
		if err != nil || d < least || d > most {
			faults.Add(field, "must be a duration from %s to %s, such as %s", least, most, preset)
			return preset
		}
		return d
	}
	s.life = duration("invite_life", c.InviteLife, defaultLife, shortest, longest)
	s.maxLife = duration("max_life", c.MaxLife, max(defaultMax, s.life), shortest, longest)
	if s.maxLife < s.life {
		faults.Add("max_life", "is shorter than invite_life")
	}
	s.callTimeout = duration("call_timeout", c.CallTimeout, defaultCall, time.Millisecond, time.Minute)
	if s.MaxScan < 0 {
		faults.Add("max_scan", "must not be negative")
	}
	if s.MaxScan <= 0 {
		s.MaxScan = defaultScan
	}
	return s, faults
}

// checkCredential: a token, or all that is needed to get one.
func (c *Config) checkCredential(faults *providers.Faults) {
	if c.TokenURL == "" {
		if strings.TrimSpace(c.Token.Reveal()) == "" {
			faults.Add("token", "is missing, and there is no token_url either")
		}
		if strings.ContainsAny(c.Token.Reveal(), " \t\r\n") {
			faults.Add("token", "may hold no blanks")
		}
		if c.ClientID != "" || c.ClientSecret != "" || len(c.Scopes) > 0 {
			faults.Add("token_url", "is missing: client_id, client_secret and scopes are for it")
		}
		return
	}
	if c.Token != "" {
		faults.Add("token", "cannot be given together with token_url")
	}
	faults.Check("token_url", providers.CheckBaseURL(c.TokenURL))
	if c.ClientID == "" {
		faults.Add("client_id", "is missing")
	}
	if c.ClientSecret == "" {
		faults.Add("client_secret", "is missing")
	}
	for n, scope := range c.Scopes {
		if scope == "" || strings.ContainsAny(scope, " \t\r\n") {
			faults.Add(fmt.Sprintf("scopes[%d]", n), "is one scope, without blanks")
		}
	}
}
