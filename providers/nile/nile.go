package nile

import (
	"context"
	"errors"
	"fmt"

	"usher/identity"
	"usher/internal/keylock"
	"usher/providers"
	"usher/providers/nile/internal"
)

// Provider is one connection to a Nile database.
type Provider struct {
	client   *internal.Client
	settings *settings
	deps     providers.Deps
	role     string // the one there is
	sessions *sessions
	// lanes let one sending at a time look whether an address has an invitation and
	// create one. The vendor takes a second one for a wish to send the first again,
	// so two that looked at the same time would both be mailed.
	lanes *keylock.Locks
}

var (
	_ providers.Provider       = (*Provider)(nil)
	_ providers.InviteLister   = (*Provider)(nil)
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
	if len(d.Roles) != 1 {
		problems = append(problems, fmt.Errorf("roles: the vendor has no roles, so there is exactly one here, such as member; there are %d", len(d.Roles)))
	}
	if d.ActAsCaller {
		problems = append(problems, errors.New("act_as: callers' tokens are not passed on; usher acts as its own user"))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	d = d.For("nile")
	http, err := d.HTTP(providers.HTTPOptions{Timeout: set.callTimeout, Quotas: c.Quotas()})
	if err != nil {
		return nil, err
	}
	p := &Provider{
		client: internal.New(http, set.BaseURL, set.Origin, set.secure, d.Now), settings: set, deps: d, lanes: keylock.New(),
	}
	for key := range d.Roles {
		p.role = key
	}
	p.sessions = newSessions(p.client, internal.Credentials{Email: set.Email, Password: set.Password}, d.Now)
	return p, nil
}

// Describe implements providers.Provider.
func (p *Provider) Describe() providers.Description {
	return providers.Description{
		Provider: "nile",
		Fields:   providers.Fields{RedirectURL: true, Life: inviteLife, MaxRoles: 1},
	}
}

// Close implements providers.Provider. Nothing is held.
func (p *Provider) Close() error { return nil }

// ListRoles implements providers.RoleLister.
func (p *Provider) ListRoles(context.Context, identity.OrgRef) ([]identity.Role, error) {
	return []identity.Role{{Key: p.role, Name: p.deps.Roles[p.role], ProviderID: p.role}}, nil
}

// checkRoles refuses every role but the one there is.
func (p *Provider) checkRoles(keys []string) error {
	for n, key := range keys {
		if key != p.role {
			return identity.FieldError(identity.CodeUnknownRole, fmt.Sprintf("/roles/%d", n), "The organization has no such role at the identity provider.")
		}
	}
	return nil
}

// CheckAddress implements providers.AddressChecker: the vendor invites plain
// addresses alone, and puts what it is sent into statements without care
// (FACTS.md section 9, 12).
func (p *Provider) CheckAddress(a identity.Address) error {
	if internal.IsEmail(p.address(a)) {
		return nil
	}
	return identity.FieldError(identity.CodeEmailNotDeliverable, "/email",
		"The identity provider invites only addresses of plain letters, digits and . _ %% + - before the @.")
}

// address is how the vendor is told an address.
func (p *Provider) address(a identity.Address) string { return a.Key(p.deps.EmailRule) }

// same compares an address of the vendor's by the connection's rule.
func (p *Provider) same(theirs string, a identity.Address) bool {
	return theirs == p.address(a) || identity.SameEmail(theirs, p.address(a), p.deps.EmailRule)
}

// tenantOf returns the vendor's id of an organization that calls can be made for.
func tenantOf(org identity.OrgRef) (string, error) {
	if !internal.IsID(org.ProviderID) {
		return "", identity.Errorf(identity.CodeNotFound, "The identity provider does not know the organization.")
	}
	return org.ProviderID, nil
}

// wrongOrganization is the error of an answer about another organization than
// the one asked for. acted: it is the answer to a write.
func wrongOrganization(acted bool) error {
	return &identity.Error{
		Code: identity.CodeProviderError, Unknown: acted,
		Detail: "The identity provider answered for another organization than the one asked about.",
		Err:    errors.New("nile: a row belongs to another tenant"),
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
		Code: problem.Code, Field: problem.Field, Detail: problem.Detail, RetryAfter: e.Retry, Unknown: mayHaveActed(err), Err: err,
	}
}

// shut explains an error where "not found" is read as the end of an invitation:
// that usher's user is not a member of the tenant any more says nothing about
// what is in there.
func shut(err error) error {
	if e := internal.AsAPIError(err); e != nil && (e.Reason == internal.ReasonNotAMember || e.Reason == internal.ReasonNoTenant) {
		return &identity.Error{Code: identity.CodeProviderCredentials, Detail: e.Problem().Detail, Err: err}
	}
	return explain(err)
}
