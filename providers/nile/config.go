package nile

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"usher/identity"
	"usher/providers"
)

// Config is one connection's settings. Durations are texts such as "5s".
type Config struct {
	BaseURL  string          `json:"base_url" help:"Address of the database's interface, as in https://us-west-2.api.thenile.dev/v2/databases/ID. Required."`
	Origin   string          `json:"origin" help:"Origin of your application, as in https://app.example.com. It decides how Nile names its cookies. Required."`
	Email    string          `json:"email" help:"E-mail address of the user as whom usher signs in, who is a member of every tenant. Required."`
	Password identity.Secret `json:"password" help:"Password of that user. Required."`

	CallbackURL string `json:"callback_url,omitempty" help:"Page that a mail leads on to where the sender names no redirect_url. Default: origin."`
	CallTimeout string `json:"call_timeout,omitempty" help:"Longest single call. Nile mails within the call that invites, so it lasts as long as its mail server takes. Default 20s."`
}

// inviteLife is how long an invitation lives (FACTS.md section 4).
const inviteLife = 7 * 24 * time.Hour

const defaultCallTimeout = 20 * time.Second

// settings are a Config with its defaults filled in.
type settings struct {
	Config
	secure      bool // the origin is https
	callTimeout time.Duration
}

// Needs implements providers.Needer: who is invited accepts by a link to usher.
func (c *Config) Needs() providers.Needs { return providers.Needs{Links: true} }

// Validate implements providers.Config.
func (c *Config) Validate() []error {
	_, faults := c.settle()
	return faults
}

// settle fills in the defaults and reports every problem.
func (c *Config) settle() (*settings, []error) {
	s := &settings{Config: *c}
	var faults providers.Faults
	faults.Check("base_url", checkBaseURL(c.BaseURL))
	s.BaseURL = strings.TrimRight(c.BaseURL, "/")
	faults.Check("origin", checkOrigin(c.Origin))
	s.Origin = strings.TrimRight(c.Origin, "/")
	s.secure = strings.HasPrefix(s.Origin, "https:")
	if c.Email == "" {
		faults.Add("email", "is missing")
	} else if _, err := identity.ParseEmail(c.Email); err != nil {
		faults.Add("email", "is not an e-mail address")
	}
	if c.Password.Reveal() == "" {
		faults.Add("password", "is missing")
	}
	if s.CallbackURL == "" {
		s.CallbackURL = s.Origin
	} else {
		faults.Check("callback_url", providers.CheckURL(c.CallbackURL))
	}
	s.callTimeout = faults.Duration("call_timeout", c.CallTimeout, defaultCallTimeout, time.Millisecond)
	return s, faults
}

// checkBaseURL wants the whole prefix, database included: nothing is added to it
// but the routes.
func checkBaseURL(raw string) error {
	if err := providers.CheckURL(raw); err != nil {
		return err
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.RawQuery != "" || u.ForceQuery:
		return errors.New("may hold no query")
	case !strings.Contains(u.Path, "/databases/"):
		return errors.New("must end in /v2/databases/ and the database's id")
	default:
		return nil
	}
}

// checkOrigin wants a scheme, a host and perhaps a port. The vendor refuses what
// is no URL and judges by the scheme whether its cookies are secure.
func checkOrigin(raw string) error {
	if err := providers.CheckURL(raw); err != nil {
		return err
	}
	u, err := url.Parse(raw)
	if err != nil || u.RawQuery != "" || u.ForceQuery || (u.Path != "" && u.Path != "/") {
		return errors.New("is a scheme and a host, such as https://app.example.com")
	}
	return nil
}

var (
	_ providers.Config = (*Config)(nil)
	_ providers.Needer = (*Config)(nil)
)
