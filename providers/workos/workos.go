package workos

import (
	"errors"
	"strings"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/workos/internal"
)

// Provider is one connection to an environment of the vendor's.
type Provider struct {
	client   *internal.Client
	settings *settings
	deps     providers.Deps
}

var (
	_ providers.Provider       = (*Provider)(nil)
	_ providers.InviteLister   = (*Provider)(nil)
	_ providers.Resender       = (*Provider)(nil)
	_ providers.Revoker        = (*Provider)(nil)
	_ providers.Settler        = (*Provider)(nil)
	_ providers.MemberFinder   = (*Provider)(nil)
	_ providers.RoleLister     = (*Provider)(nil)
	_ providers.AddressChecker = (*Provider)(nil)
)

// Open implements providers.Config.
func (c *Config) Open(d providers.Deps) (providers.Provider, error) {
	set, problems := c.settle()
	problems = append(problems, d.CheckRoles("name")...)
	if d.ActAsCaller {
		problems = append(problems, errors.New("act_as: the vendor's interface takes API keys alone, no token of a caller"))
	}
	if d.EmailRule == identity.EmailExact {
		problems = append(problems, errors.New("emails: the vendor does not say that it tells upper from lower case, so addresses cannot be compared exactly"))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	d = d.For("workos")
	http, err := d.HTTP(providers.HTTPOptions{Timeout: set.callTimeout, Quotas: c.Quotas()})
	if err != nil {
		return nil, err
	}
	return &Provider{
		client: internal.New(http, set.BaseURL, set.APIKey, d.Now), settings: set, deps: d,
	}, nil
}

// Describe implements providers.Provider.
func (p *Provider) Describe() providers.Description {
	return providers.Description{
		Provider: "workos",
		Fields: providers.Fields{
			ExpiresAt: true, MinLife: day + margin, MaxLife: maxDays * day, Life: time.Duration(p.settings.InviteDays) * day, MaxRoles: 1,
		},
	}
}

// Close implements providers.Provider. Nothing is held.
func (p *Provider) Close() error { return nil }

// CheckAddress implements providers.AddressChecker. The vendor's documents ask
// for an address of the plain kind (format "email"), in the filter that an
// invitation is found again by too: a name that is not ASCII is refused. Domains
// are ASCII here in any case.
func (p *Provider) CheckAddress(a identity.Address) error {
	if !ascii(a.Local) {
		return identity.FieldError(identity.CodeEmailNotDeliverable, "/email",
			"The identity provider of this organization takes no address with letters beyond ASCII before the @.")
	}
	return nil
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// address is how the vendor is told an address and asked for it.
func (p *Provider) address(a identity.Address) string { return a.Key(p.deps.EmailRule) }

func (p *Provider) same(a, b string) bool { return identity.SameEmail(a, b, p.deps.EmailRule) }

// checkOrganization refuses an organization that cannot be one of the vendor's.
// An empty one would be no filter at all.
func checkOrganization(org identity.OrgRef) error {
	if !internal.ValidID(org.ProviderID) {
		return identity.Errorf(identity.CodeNotFound, "The identity provider does not know the organization.")
	}
	return nil
}

// fits compares what the vendor returned with what was asked about. acted says
// that it was returned by a call that changes something.
func (p *Provider) fits(row *internal.Invitation, org identity.OrgRef, address string, acted bool) error {
	switch {
	case row.OrganizationID != org.ProviderID:
		return wrongAnswer("another organization", acted)
	case !p.same(row.Email, address):
		return wrongAnswer("another address", acted)
	default:
		return nil
	}
}

func wrongAnswer(of string, acted bool) error {
	return &identity.Error{
		Code: identity.CodeProviderError, Unknown: acted,
		Detail: "The identity provider answered for " + of + " than the one asked about.",
	}
}

// explain gives a vendor's error the words and the field a caller is shown.
func explain(err error) error {
	e := internal.AsAPIError(err)
	var known *identity.Error
	if e == nil || errors.As(err, &known) {
		return err
	}
	problem := e.Problem()
	return &identity.Error{
		Code: problem.Code, Field: problem.Field, Detail: problem.Detail, RetryAfter: e.Retry, Unknown: e.Acted, Err: err,
	}
}
