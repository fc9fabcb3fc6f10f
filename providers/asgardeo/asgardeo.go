package asgardeo

import (
	"context"
	"errors"
	"strings"

	"usher/identity"
	"usher/providers"
	"usher/providers/asgardeo/internal"
)

// Provider is one connection to a root organization.
type Provider struct {
	client   *internal.Client
	settings *settings
	deps     providers.Deps
	tokens   *tokens
	roles    *cache[*roleSet]
	lag      *lag
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
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	d = d.For("asgardeo")
	http, err := d.HTTP(providers.HTTPOptions{Timeout: set.callTimeout, Quotas: c.Quotas()})
	if err != nil {
		return nil, err
	}
	own := internal.Credentials{ID: set.ClientID, Secret: set.ClientSecret}
	p := &Provider{
		client: internal.New(http, set.BaseURL, set.RolesVersion, own, d.Now), settings: set, deps: d,
	}
	if p.lag, err = newLag(set.lagWait, d.Now, d.Sleep); err != nil {
		return nil, err
	}
	if p.roles, err = newCache[*roleSet](set.TokenCacheSize, d.Now); err != nil {
		return nil, err
	}
	kept, err := newCache[*token](set.TokenCacheSize, d.Now)
	if err != nil {
		return nil, err
	}
	p.tokens = &tokens{client: p.client, settings: set, now: d.Now, lag: p.lag, cache: kept}
	return p, nil
}

// Describe implements providers.Provider.
func (p *Provider) Describe() providers.Description {
	return providers.Description{
		Provider: "asgardeo",
		Fields:   providers.Fields{Life: p.settings.inviteLife},
		Emulated: map[providers.Capability]string{
			providers.CapResend: "the pending invitation is withdrawn and a new one is sent, with a new link and a new life; " +
				"if the second step fails, no invitation is pending until the resend is tried again",
		},
	}
}

// Close implements providers.Provider. It waits for what is being fetched.
func (p *Provider) Close() error {
	p.roles.close()
	p.tokens.cache.close()
	return nil
}

// CheckAddress implements providers.AddressChecker. Refused is what the
// vendor's filters would read as something else: they know no escape, cut at
// blanks, take a star for a wildcard and what stands before a slash for a user
// store (FACTS.md sections 2.1 and 15.3).
func (p *Provider) CheckAddress(a identity.Address) error {
	if strings.ContainsAny(a.Local+a.Domain, "\"\\ *()/\x00") || strings.ContainsFunc(a.Local+a.Domain, unsafe) {
		return identity.FieldError(identity.CodeEmailNotDeliverable, "/email",
			"The identity provider of this organization cannot look this address up safely.")
	}
	return nil
}

// address is how the vendor is told an address and how it is compared.
func (p *Provider) address(a identity.Address) string { return a.Key(p.deps.EmailRule) }

// caller returns the credential of the caller this work is done for, if the
// connection acts as the caller. Background work has none and uses the
// service's.
func (p *Provider) caller(ctx context.Context) (providers.Caller, bool) {
	if !p.deps.ActAsCaller {
		return providers.Caller{}, false
	}
	return providers.CallerFrom(ctx)
}

// within runs a call below /o/ with a token for the organization that has the
// scope.
func (p *Provider) within(ctx context.Context, org identity.OrgRef, scope string, call func(t *token) error) error {
	return p.tokens.use(ctx, func(ctx context.Context) (*token, error) { return p.tokenFor(ctx, org) }, scope, call)
}

func (p *Provider) tokenFor(ctx context.Context, org identity.OrgRef) (*token, error) {
	if org.ProviderID == "" {
		return nil, identity.Errorf(identity.CodeNotFound, "The identity provider does not know the organization.")
	}
	if caller, ok := p.caller(ctx); ok {
		return p.tokens.forCaller(ctx, org.ProviderID, caller)
	}
	return p.tokens.organization(ctx, org.ProviderID)
}

// atRoot runs a call in the root organization, always with the service's
// credential: callers have no business there.
func (p *Provider) atRoot(ctx context.Context, scope string, call func(t *token) error) error {
	return p.tokens.use(ctx, p.tokens.root, scope, call)
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
