package workos

import (
	"fmt"
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
	_, problems := c.settle()
	return problems
}

// settle fills in the defaults and reports every problem.
func (c *Config) settle() (*settings, []error) {
	s := &settings{Config: *c}
	var problems []error
	report := func(field, why string) { problems = append(problems, fmt.Errorf("%s: %s", field, why)) }
	if s.BaseURL == "" {
		s.BaseURL = DefaultBaseURL
	}
	if err := providers.CheckBaseURL(s.BaseURL); err != nil {
		report("base_url", err.Error())
	}
	s.BaseURL = strings.TrimRight(s.BaseURL, "/")
	switch key := c.APIKey.Reveal(); {
	case key == "":
		report("api_key", "is missing")
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		report("api_key", "holds a blank or a character that no key has")
	}
	if s.InviteDays == 0 {
		s.InviteDays = defaultDays
	}
	if s.InviteDays < 1 || s.InviteDays > maxDays {
		report("invite_days", "must be from 1 to 30")
	}
	for _, d := range []struct {
		field, text string
		preset, min time.Duration
		into        *time.Duration
	}{
		{"call_timeout", c.CallTimeout, 10 * time.Second, time.Millisecond, &s.callTimeout},
		{"event_wait", c.EventWait, 2 * time.Second, 0, &s.eventWait},
	} {
		*d.into = d.preset
		if d.text == "" {
			continue
		}
		value, err := time.ParseDuration(d.text)
		switch {
		case err != nil:
			report(d.field, "is not a duration such as 500ms or 10s")
		case value < d.min:
			report(d.field, "must not be below "+d.min.String())
		default:
			*d.into = value
		}
	}
	return s, problems
}

var _ providers.Config = (*Config)(nil)
