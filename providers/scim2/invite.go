package scim2

import (
	"context"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/scim"
)

// Invite implements providers.Provider: everything is looked at that accepting
// will need, and the link is mailed.
func (p *Provider) Invite(ctx context.Context, r providers.InviteRequest) (*providers.Sent, error) {
	if err := p.known(r.Roles); err != nil {
		return nil, err
	}
	org, err := p.organization(ctx, r.Org)
	if err != nil {
		return nil, err
	}
	if _, err := p.targets(ctx, org, r.Roles); err != nil {
		return nil, err
	}
	person, err := p.find(ctx, r.Address)
	if err != nil {
		return nil, err
	}
	if person != nil && holds(org.Members, person.ID) {
		return nil, alreadyMember()
	}
	sent := p.sent(r, person)
	if err := providers.Mail(ctx, p.deps.Mailer, r, sent.ExpiresAt); err != nil {
		return nil, err
	}
	return sent, nil
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
	org, err := p.organization(ctx, r.Org)
	if err != nil {
		return nil, err
	}
	person, err := p.find(ctx, r.Address)
	if err != nil {
		return nil, err
	}
	if person != nil && holds(org.Members, person.ID) {
		return &providers.Settlement{Verdict: providers.VerdictMember}, nil
	}
	return providers.SettleMail(r.Journal, p.sent(r, person)), nil
}

// sent describes an invitation that is mailed now. Names and language become
// those of a new account; one that exists keeps its own.
func (p *Provider) sent(r providers.InviteRequest, person *scim.User) *providers.Sent {
	expires := p.deps.Now().Add(p.settings.life).UTC().Truncate(time.Second)
	if r.ExpiresAt != nil {
		expires = *r.ExpiresAt
	}
	sent := &providers.Sent{ExpiresAt: &expires, NotCarried: []string{}}
	for _, field := range []struct {
		name    string
		missing bool
	}{
		{"given_name", r.GivenName != "" && person != nil},
		{"family_name", r.FamilyName != "" && person != nil},
		{"locale", r.Locale != "" && person != nil},
		{"metadata", len(r.Metadata) > 0},
	} {
		if field.missing {
			sent.NotCarried = append(sent.NotCarried, field.name)
		}
	}
	return sent
}

// FindMember implements providers.MemberFinder.
func (p *Provider) FindMember(ctx context.Context, ref providers.InviteRef) (*identity.Member, error) {
	org, err := p.organization(ctx, ref.Org)
	if err != nil {
		return nil, err
	}
	person, err := p.find(ctx, ref.Address)
	if err != nil {
		return nil, err
	}
	if person == nil || !holds(org.Members, person.ID) {
		return nil, identity.Errorf(identity.CodeNotFound, "Nobody of that address is a member.")
	}
	roles, err := p.holders(ctx, org)
	if err != nil {
		return nil, err
	}
	return p.member(ref.Org, *person, roles(person.ID)), nil
}
