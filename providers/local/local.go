package local

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"usher/identity"
	"usher/providers"
)

// Provider is the adapter.
type Provider struct {
	directory  providers.Directory
	mailer     providers.Mailer
	roles      map[string]string // portable key → its name for people
	life, most time.Duration
	now        func() time.Time
}

var (
	_ providers.Provider     = (*Provider)(nil)
	_ providers.Resender     = (*Provider)(nil)
	_ providers.Revoker      = (*Provider)(nil)
	_ providers.Settler      = (*Provider)(nil)
	_ providers.Accepter     = (*Provider)(nil)
	_ providers.MemberFinder = (*Provider)(nil)
	_ providers.RoleLister   = (*Provider)(nil)
)

// Describe implements providers.Provider.
func (p *Provider) Describe() providers.Description {
	return providers.Description{
		Provider: "local",
		Fields:   providers.Fields{Message: true, RedirectURL: true, ExpiresAt: true, MaxLife: p.most, Life: p.life},
	}
}

// Close implements providers.Provider.
func (p *Provider) Close() error { return nil }

// Invite implements providers.Provider.
func (p *Provider) Invite(ctx context.Context, r providers.InviteRequest) (*providers.Sent, error) {
	if err := p.known(r.Roles); err != nil {
		return nil, err
	}
	if err := p.noMember(ctx, r.Org, r.EmailKey); err != nil {
		return nil, err
	}
	sent := p.sent(r)
	return sent, providers.Mail(ctx, p.mailer, r, sent.ExpiresAt)
}

// Resend implements providers.Resender: another mail, with a link of its own.
func (p *Provider) Resend(ctx context.Context, r providers.ResendRequest) (*providers.Sent, error) {
	return p.Invite(ctx, r.InviteRequest)
}

// Revoke implements providers.Revoker. Nothing was granted, and the link of a
// revoked invite leads nowhere.
func (p *Provider) Revoke(context.Context, providers.InviteRef) error { return nil }

// Settle implements providers.Settler.
func (p *Provider) Settle(ctx context.Context, r providers.InviteRequest) (*providers.Settlement, error) {
	_, err := p.directory.Member(ctx, r.Org.ProviderID, r.EmailKey)
	switch identity.CodeOf(err) {
	case "":
		return &providers.Settlement{Verdict: providers.VerdictMember}, nil
	case identity.CodeNotFound:
		return providers.SettleMail(r.Journal, p.sent(r)), nil
	default:
		return nil, err
	}
}

// Accept implements providers.Accepter.
func (p *Provider) Accept(ctx context.Context, r providers.AcceptRequest) (*identity.Member, error) {
	if err := p.known(r.Roles); err != nil {
		return nil, err
	}
	member, err := p.directory.Join(ctx, r.Org.ProviderID, providers.Person{
		Email: r.Address.Typed, EmailKey: r.EmailKey, GivenName: r.GivenName, FamilyName: r.FamilyName, Locale: r.Locale,
	}, r.Roles)
	if err != nil {
		return nil, err
	}
	return p.ours(r.Org, *member), nil
}

// FindMember implements providers.MemberFinder. Every address in the directory
// was proven by a link.
func (p *Provider) FindMember(ctx context.Context, ref providers.InviteRef) (*identity.Member, error) {
	member, err := p.directory.Member(ctx, ref.Org.ProviderID, ref.EmailKey)
	if err != nil {
		return nil, err
	}
	return p.ours(ref.Org, *member), nil
}

// ListMembers implements providers.Provider.
func (p *Provider) ListMembers(ctx context.Context, org identity.OrgRef, r identity.PageRequest) (*identity.Page[identity.Member], error) {
	page, err := p.directory.Members(ctx, org.ProviderID, r)
	if err != nil {
		return nil, err
	}
	for n := range page.Items {
		page.Items[n] = *p.ours(org, page.Items[n])
	}
	return page, nil
}

// ListRoles implements providers.RoleLister.
func (p *Provider) ListRoles(_ context.Context, _ identity.OrgRef) ([]identity.Role, error) {
	var roles []identity.Role
	for _, key := range slices.Sorted(maps.Keys(p.roles)) {
		roles = append(roles, identity.Role{Key: key, Name: p.roles[key], ProviderID: key})
	}
	return roles, nil
}

// sent describes an invitation that is mailed now.
func (p *Provider) sent(r providers.InviteRequest) *providers.Sent {
	expires := p.now().Add(p.life).UTC().Truncate(time.Second)
	if r.ExpiresAt != nil {
		expires = *r.ExpiresAt
	}
	return &providers.Sent{ExpiresAt: &expires, NotCarried: []string{}}
}

func (p *Provider) noMember(ctx context.Context, org identity.OrgRef, emailKey string) error {
	_, err := p.directory.Member(ctx, org.ProviderID, emailKey)
	switch identity.CodeOf(err) {
	case "":
		return identity.Errorf(identity.CodeAlreadyMember, "The address belongs to a member already.")
	case identity.CodeNotFound:
		return nil
	default:
		return err
	}
}

// known refuses roles that the connection does not have.
func (p *Provider) known(roles []string) error {
	for n, key := range roles {
		if _, ok := p.roles[key]; !ok {
			return identity.FieldError(identity.CodeUnknownRole, "/roles/"+strconv.Itoa(n), "The role is not mapped.")
		}
	}
	return nil
}

// ours is a member of an organization with the roles that the connection has.
func (p *Provider) ours(org identity.OrgRef, m identity.Member) *identity.Member {
	m.OrganizationID = org.ID
	m.Roles = slices.DeleteFunc(slices.Clone(m.Roles), func(key string) bool { return p.roles[key] == "" })
	return &m
}
