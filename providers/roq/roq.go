package roq

import (
	"errors"
	"slices"
	"strings"

	"usher/identity"
	"usher/providers"
	"usher/providers/roq/internal"
)

// Provider is one connection to an environment.
type Provider struct {
	client   *internal.Client
	settings *settings
	deps     providers.Deps
	tokens   *tokens
}

var (
	_ providers.Provider     = (*Provider)(nil)
	_ providers.InviteLister = (*Provider)(nil)
	_ providers.Resender     = (*Provider)(nil)
	_ providers.Revoker      = (*Provider)(nil)
	_ providers.Settler      = (*Provider)(nil)
	_ providers.MemberFinder = (*Provider)(nil)
	_ providers.RoleLister   = (*Provider)(nil)
	_ providers.BulkInviter  = (*Provider)(nil)
	_ providers.Pacer        = (*Provider)(nil)
)

// Open implements providers.Config.
func (c *Config) Open(d providers.Deps) (providers.Provider, error) {
	set, problems := c.settle()
	problems = append(problems, d.CheckRoles("key")...)
	if d.ActAsCaller {
		problems = append(problems, errors.New("act_as: roq takes no tokens of callers, only its service account's"))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	d = d.For("roq")
	http, err := d.HTTP(providers.HTTPOptions{Timeout: set.callTimeout, Quotas: c.Quotas()})
	if err != nil {
		return nil, err
	}
	own := internal.Credentials{Environment: set.EnvironmentID, Key: set.APIKey, Account: set.ServiceAccount}
	client := internal.New(http, set.BaseURL, own, d.Now)
	return &Provider{
		client: client, settings: set, deps: d, tokens: newTokens(client, set.EnvironmentID, d.Now),
	}, nil
}

// Describe implements providers.Provider.
func (p *Provider) Describe() providers.Description {
	fields := providers.Fields{Life: p.settings.inviteLife}
	if p.settings.BulkSize > 1 {
		fields.Bulk = p.settings.BulkSize
	}
	return providers.Description{Provider: "roq", Fields: fields}
}

// Close implements providers.Provider.
func (p *Provider) Close() error { return nil }

// address is how the vendor is told an address.
func (p *Provider) address(a identity.Address) string { return a.Key(p.deps.EmailRule) }

// spellings are what an address is looked for by. The vendor compares exactly,
// and what it holds may have been spelled by somebody else: as the caller did,
// for one. Nothing that reads patterns is used, so no address can match
// another one.
func (p *Provider) spellings(a identity.Address) []string {
	all := []string{p.address(a), a.Typed, a.Local + "@" + a.Domain}
	slices.Sort(all)
	return slices.Compact(all)
}

// same compares addresses by the connection's rule.
func (p *Provider) same(a, b string) bool {
	return a != "" && (a == b || identity.SameEmail(a, b, p.deps.EmailRule))
}

// sameID compares ids of the vendor's.
func sameID(a, b string) bool { return internal.SameID(a, b) }

// tenantOf returns the vendor's id of an organization. It is never empty: a
// filter that compares with nothing would match what belongs to nobody.
func tenantOf(org identity.OrgRef) (string, error) {
	if strings.TrimSpace(org.ProviderID) == "" {
		return "", unknownOrganization()
	}
	return org.ProviderID, nil
}

func unknownOrganization() error {
	return identity.Errorf(identity.CodeNotFound, "The identity provider does not know the organization.")
}

// isThere refuses an organization that the vendor did not return.
func isThere(tenants []internal.Tenant, tenant string) error {
	if slices.ContainsFunc(tenants, func(t internal.Tenant) bool { return sameID(t.ID, tenant) }) {
		return nil
	}
	return unknownOrganization()
}

// wrongOrganization is the error of an answer about another organization than
// the one asked for. acted: it is the answer to a write.
func wrongOrganization(acted bool) error {
	return &identity.Error{
		Code: identity.CodeProviderError, Unknown: acted,
		Detail: "The identity provider answered for another organization than the one asked about.",
		Err:    errors.New("roq: a row belongs to another tenant"),
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

// mayHaveActed reads an error. One that does not say may have.
func mayHaveActed(err error) bool {
	var u providers.Uncertainer
	return !errors.As(err, &u) || u.MayHaveActed()
}

// uncertain is an error after which the vendor may have acted.
type uncertain struct{ error }

// Unwrap returns the error itself.
func (u *uncertain) Unwrap() error { return u.error }

// MayHaveActed implements providers.Uncertainer.
func (u *uncertain) MayHaveActed() bool { return true }
