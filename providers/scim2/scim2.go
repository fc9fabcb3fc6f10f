package scim2

import (
	"errors"
	"slices"

	"usher/identity"
	"usher/internal/httpx"
	"usher/internal/keylock"
	"usher/providers"
	"usher/scim"
	"usher/scim/client"
)

// Provider is one connection to a SCIM service.
type Provider struct {
	http       *httpx.Client
	scim       *client.Client
	credential credential
	settings   *settings
	deps       providers.Deps
	service    *service
	groups     *keylock.Locks // groups that are written as a whole
	people     *keylock.Locks // people without an account
}

var (
	_ providers.Provider       = (*Provider)(nil)
	_ providers.Resender       = (*Provider)(nil)
	_ providers.Revoker        = (*Provider)(nil)
	_ providers.Settler        = (*Provider)(nil)
	_ providers.Accepter       = (*Provider)(nil)
	_ providers.MemberFinder   = (*Provider)(nil)
	_ providers.RoleLister     = (*Provider)(nil)
	_ providers.AddressChecker = (*Provider)(nil)
)

// Open implements providers.Config.
func (c *Config) Open(d providers.Deps) (providers.Provider, error) {
	set, problems := c.settle()
	problems = append(problems, d.CheckRoles("group")...)
	if d.ActAsCaller {
		problems = append(problems, errors.New("act_as: invitations are accepted by who holds the link, so scim2 has no caller's token to use"))
	}
	if d.Mailer == nil {
		problems = append(problems, errors.New("invitations are mailed by usher itself, and there is nothing to mail with"))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	d = d.For("scim2")
	http, err := d.HTTP(providers.HTTPOptions{Timeout: set.callTimeout, Quotas: c.Quotas()})
	if err != nil {
		return nil, err
	}
	p := &Provider{
		http: http, scim: client.New(http, client.Options{BaseURL: set.BaseURL, Authorize: authorize, Now: d.Now}),
		credential: fixed(set.Token), settings: set, deps: d, service: newService(d.Now),
		groups: keylock.New(), people: keylock.New(),
	}
	if set.TokenURL != "" {
		p.credential = newGranted(http, set, d.Now)
	}
	return p, nil
}

// Describe implements providers.Provider.
func (p *Provider) Describe() providers.Description {
	return providers.Description{
		Provider: "scim2",
		Fields: providers.Fields{
			Message: true, RedirectURL: true, ExpiresAt: true, MaxLife: p.settings.maxLife, Life: p.settings.life,
		},
		Emulated: map[providers.Capability]string{
			providers.CapInvite: "usher mails a link; the service learns nothing, and grants nothing, before the invitation is accepted",
			providers.CapResend: "usher mails another link, and the one before ends",
			providers.CapRevoke: "the link ends; nothing was granted",
			providers.CapAccept: "by usher's link: an account is made where there is none, and added to the groups of the roles and of the organization",
		},
	}
}

// Close implements providers.Provider.
func (p *Provider) Close() error { return nil }

// CheckAddress implements providers.AddressChecker. Refused is what no filter
// can carry as exactly this text.
func (p *Provider) CheckAddress(a identity.Address) error {
	for _, spelling := range p.spellings(a) {
		if _, err := scim.Eq(scim.RFC, "userName", spelling); err != nil {
			return identity.FieldError(identity.CodeEmailNotDeliverable, "/email",
				"The identity provider of this organization cannot look this address up safely.")
		}
	}
	return nil
}

// spellings are what an address is looked for by: services ought to compare
// user names and e-mails without case (RFC 7643 sections 4.1.1 and 4.1.2), and
// some do not.
func (p *Provider) spellings(a identity.Address) []string {
	all := []string{a.Key(p.deps.EmailRule), deliverable(a), a.Typed}
	slices.Sort(all)
	return slices.Compact(all)
}

// deliverable is how an address is written to somebody.
func deliverable(a identity.Address) string { return a.Local + "@" + a.Domain }

// same compares addresses by the connection's rule.
func (p *Provider) same(text string, a identity.Address) bool {
	parsed, err := identity.ParseEmail(text)
	return err == nil && parsed.Key(p.deps.EmailRule) == a.Key(p.deps.EmailRule)
}
