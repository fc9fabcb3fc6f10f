package workos

import (
	"strings"
	"time"

	"usher/identity"
	"usher/providers"
)

// DefaultBaseURL is where the vendor serves all its environments: the API key
// says which one (FACTS.md section 1).
const DefaultBaseURL = "https://api.workos.com"

// Config is one connection's settings: one environment of the vendor's.
type Config struct {
	BaseURL     string          `json:"base_url,omitempty" help:"The vendor's API. Default https://api.workos.com."`
	APIKey      identity.Secret `json:"api_key" help:"Secret key of the environment, sk_…. Required."`
	InviteDays  int             `json:"invite_days,omitempty" help:"How many days an invitation lives unless the sender says otherwise: 1 to 30. Default 7."`
	CallTimeout string          `json:"call_timeout,omitempty" help:"Longest single call. Default 10s."`
	EventWait   string          `json:"event_wait,omitempty" help:"How late the vendor's event log may tell of a mail that was sent again, before its silence counts. Default 2s."`
}

// The life of an invitation (FACTS.md section 6.2).
const (
	defaultDays = 7
	maxDays     = 30
	day         = 24 * time.Hour
)

// settings are a Config with its defaults filled in.
type settings struct {
	Config
	callTimeout, eventWait time.Duration
}

// Validate implements providers.Config.
func (c *Config) Validate() []error {
	_, faults := c.settle()
	return faults
}

// settle fills in the defaults and reports every problem.
func (c *Config) settle() (*settings, []error) {
	s := &settings{Config: *c}
	var faults providers.Faults
	if s.BaseURL == "" {
		s.BaseURL = DefaultBaseURL
	}
	faults.Check("base_url", providers.CheckBaseURL(s.BaseURL))
	s.BaseURL = strings.TrimRight(s.BaseURL, "/")
	switch key := c.APIKey.Reveal(); {
	case key == "":
		faults.Add("api_key", "is missing")
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		faults.Add("api_key", "holds a blank or a character that no key has")
	}
	if s.InviteDays == 0 {
		s.InviteDays = defaultDays
	}
	if s.InviteDays < 1 || s.InviteDays > maxDays {
		faults.Add("invite_days", "must be from 1 to 30")
	}
	s.callTimeout = faults.Duration("call_timeout", c.CallTimeout, 10*time.Second, time.Millisecond)
	s.eventWait = faults.Duration("event_wait", c.EventWait, 2*time.Second, 0)
	return s, faults
}

var _ providers.Config = (*Config)(nil)
