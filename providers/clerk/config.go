package clerk

import (
	"errors"
	"strings"
	"time"

	"usher/identity"
	"usher/providers"
)

// Config is one connection's settings. Durations are texts such as "5s".
type Config struct {
	BaseURL   string          `json:"base_url,omitempty" help:"Where the Backend API is, without /v1. Default https://api.clerk.com."`
	SecretKey identity.Secret `json:"secret_key" help:"Secret key of the instance (sk_live_… or sk_test_…). Required."`

	InviteDays  int    `json:"invite_days,omitempty" help:"How many days an invitation lives whose caller names no expiry, 1 to 365. Default 30."`
	LagWait     string `json:"lag_wait,omitempty" help:"How long to wait before a list that does not show an invitation is believed, after an answer was lost; 0s: not at all. Default 1s."`
	CallTimeout string `json:"call_timeout,omitempty" help:"Longest single call. Default 10s."`
}

const (
	defaultBaseURL    = "https://api.clerk.com"
	defaultInviteDays = 30
	maxInviteDays     = 365 // FACTS.md section 4.2
)

// settings are a Config with its defaults filled in.
type settings struct {
	Config
	base                 string // ends in /v1
	lagWait, callTimeout time.Duration
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
		s.BaseURL = defaultBaseURL
	}
	faults.Check("base_url", checkBaseURL(s.BaseURL))
	s.base = strings.TrimRight(s.BaseURL, "/") + "/v1"
	faults.Check("secret_key", checkKey(c.SecretKey.Reveal()))
	if s.InviteDays == 0 {
		s.InviteDays = defaultInviteDays
	}
	if s.InviteDays < 1 || s.InviteDays > maxInviteDays {
		faults.Add("invite_days", "must be from 1 to %d", maxInviteDays)
	}
	s.lagWait = faults.Duration("lag_wait", s.LagWait, time.Second, 0)
	s.callTimeout = faults.Duration("call_timeout", s.CallTimeout, 10*time.Second, time.Millisecond)
	return s, faults
}

// checkKey refuses what is no secret key. It quotes nothing.
func checkKey(key string) error {
	switch {
	case strings.TrimSpace(key) == "":
		return errors.New("is missing")
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("may hold neither blanks nor line breaks")
	case strings.HasPrefix(key, "pk_"):
		return errors.New("is a publishable key: the secret key begins with sk_")
	default:
		return nil
	}
}

// checkBaseURL refuses what would get the version of the interface twice.
func checkBaseURL(raw string) error {
	if err := providers.CheckBaseURL(raw); err != nil {
		return err
	}
	if strings.HasSuffix(strings.TrimRight(raw, "/"), "/v1") {
		return errors.New("must not end in /v1, which is added to it")
	}
	return nil
}

var _ providers.Config = (*Config)(nil)
