package local

import (
	"context"
	"errors"
	"fmt"
	"time"

	"usher/identity"
	"usher/providers"
)

// Config is one connection's settings.
type Config struct {
	InviteLife string `json:"invite_life,omitempty" help:"How long an invitation lives unless the sender says otherwise: 1m to 8760h. Default 168h."`
	MaxLife    string `json:"max_life,omitempty" help:"The longest life a sender may ask for: from invite_life to 8760h. Default 720h."`
	// Members are recorded by Open, where they are not members yet.
	Members []Member `json:"members,omitempty" help:"People who are members from the start; the first administrator, say. Who is a member already stays as he is."`
}

// Member is somebody who is a member from the start.
type Member struct {
	Organization string   `json:"organization" help:"The organization's provider_id."`
	Email        string   `json:"email" help:"The person's address. Nobody proves it: it is believed."`
	Roles        []string `json:"roles" help:"Portable roles of the connection."`
	GivenName    string   `json:"given_name,omitempty" help:"Given name."`
	FamilyName   string   `json:"family_name,omitempty" help:"Family name."`
}

// What the settings may say.
const (
	defaultLife = 7 * 24 * time.Hour
	defaultMax  = 30 * 24 * time.Hour
	shortest    = time.Minute
	longest     = 365 * 24 * time.Hour
)

var (
	_ providers.Config = (*Config)(nil)
	_ providers.Needer = (*Config)(nil)
)

// Needs implements providers.Needer.
func (c *Config) Needs() providers.Needs { return providers.Needs{Links: true, Mail: true} }

// Validate implements providers.Config.
func (c *Config) Validate() []error {
	_, _, problems := c.lives()
	for n, m := range c.Members {
		if m.Organization == "" {
			problems = append(problems, fmt.Errorf("members[%d].organization: is missing", n))
		}
		if _, err := identity.ParseEmail(m.Email); err != nil {
			problems = append(problems, fmt.Errorf("members[%d].email: is not an address", n))
		}
		if len(m.Roles) == 0 {
			problems = append(problems, fmt.Errorf("members[%d].roles: at least one is needed", n))
		}
	}
	return problems
}

// lives returns the usual and the longest life of an invitation.
func (c *Config) lives() (usual, most time.Duration, problems []error) {
	read := func(key, text string, usual time.Duration) time.Duration {
		if text == "" {
			return usual
		}
		d, err := time.ParseDuration(text)
		if err != nil || d < shortest || d > longest {
			problems = append(problems, fmt.Errorf("%s: must be a duration from %s to %s, such as %s", key, shortest, longest, usual))
			return usual
		}
		return d
	}
	usual = read("invite_life", c.InviteLife, defaultLife)
	most = read("max_life", c.MaxLife, max(defaultMax, usual))
	if most < usual {
		problems = append(problems, errors.New("max_life: is shorter than invite_life"))
	}
	return usual, most, problems
}

// Open implements providers.Config.
func (c *Config) Open(d providers.Deps) (providers.Provider, error) {
	usual, most, problems := c.lives()
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if d.Mailer == nil || d.Directory == nil {
		return nil, errors.New("invitations are mailed by usher itself, and there is nothing to mail with")
	}
	now := d.Now
	if now == nil {
		now = time.Now
	}
	p := &Provider{directory: d.Directory, mailer: d.Mailer, roles: d.Roles, life: usual, most: most, now: now}
	for n, m := range c.Members {
		if err := p.record(m, d.EmailRule); err != nil {
			return nil, fmt.Errorf("members[%d]: %w", n, err)
		}
	}
	return p, nil
}

// record makes somebody a member who is not one yet.
func (p *Provider) record(m Member, rule identity.EmailRule) error {
	if err := p.known(m.Roles); err != nil {
		return err
	}
	address, err := identity.ParseEmail(m.Email)
	if err != nil {
		return err
	}
	_, err = p.directory.Join(context.Background(), m.Organization, providers.Person{
		Email: address.Typed, EmailKey: address.Key(rule), GivenName: m.GivenName, FamilyName: m.FamilyName,
	}, m.Roles)
	if identity.CodeOf(err) == identity.CodeAlreadyMember {
		return nil
	}
	return err
}
