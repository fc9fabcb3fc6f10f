package workos

import (
	"context"

	"usher/identity"
	"usher/providers"
	"usher/providers/workos/internal"
)

// FindMember implements providers.MemberFinder. Who accepted an invitation is
// the invitee, even under another address: the vendor lets colleagues of a
// company's domain accept (FACTS.md section 6.3). Otherwise an account counts
// if it has the address and the vendor says that it is verified.
func (p *Provider) FindMember(ctx context.Context, ref providers.InviteRef) (*identity.Member, error) {
	member, err := p.invitee(ctx, ref)
	if err == nil && member == nil {
		member, err = p.memberByAddress(ctx, ref.Org, p.address(ref.Address))
	}
	if err != nil {
		return nil, explain(err)
	}
	if member == nil {
		return nil, identity.Errorf(identity.CodeNotFound, "Nobody of that address is a member.")
	}
	return member, nil
}

// invitee returns the membership of who accepted the invitation, or nil.
func (p *Provider) invitee(ctx context.Context, ref providers.InviteRef) (*identity.Member, error) {
	if err := checkOrganization(ref.Org); err != nil {
		return nil, err
	}
	row, err := p.known(ctx, ref.Org, ref.ProviderID, p.address(ref.Address))
	if err != nil || row == nil || row.AcceptedUserID == "" {
		return nil, err
	}
	return p.membership(ctx, ref.Org, row.AcceptedUserID)
}

// memberByAddress returns the membership of who has proven an address, or nil.
func (p *Provider) memberByAddress(ctx context.Context, org identity.OrgRef, address string) (*identity.Member, error) {
	if err := checkOrganization(org); err != nil {
		return nil, err
	}
	users, err := p.client.Users(ctx, address)
	if err != nil {
		return nil, err
	}
	for _, user := range users.Data {
		if !user.EmailVerified || !p.same(user.Email, address) {
			continue
		}
		if member, err := p.membership(ctx, org, user.ID); err != nil || member != nil {
			return member, err
		}
	}
	return nil, nil
}

// membership returns a user's active membership, or nil.
func (p *Provider) membership(ctx context.Context, org identity.OrgRef, user string) (*identity.Member, error) {
	if !internal.ValidID(user) {
		return nil, nil
	}
	page, err := p.client.Memberships(ctx, org.ProviderID, user, internal.MaxPage, "")
	if err != nil {
		return nil, err
	}
	if err := checkMemberships(page.Data, org); err != nil {
		return nil, err
	}
	for _, m := range page.Data {
		if m.UserID == user && m.Status == internal.StatusActive {
			return p.toMember(ctx, m, org)
		}
	}
	return nil, nil
}

func checkMemberships(rows []internal.Membership, org identity.OrgRef) error {
	for _, m := range rows {
		if m.OrganizationID != org.ProviderID {
			return wrongAnswer("another organization", false)
		}
	}
	return nil
}

// toMember reads a membership. Its user is asked for where it is not told.
func (p *Provider) toMember(ctx context.Context, m internal.Membership, org identity.OrgRef) (*identity.Member, error) {
	user := m.User
	if (user == nil || user.ID != m.UserID) && internal.ValidID(m.UserID) {
		var err error
		if user, err = p.client.User(ctx, m.UserID); err != nil && !internal.IsGone(err) {
			return nil, err
		}
	}
	slugs := []string{m.Role.Slug}
	for _, role := range m.Roles {
		slugs = append(slugs, role.Slug)
	}
	member := &identity.Member{
		OrganizationID: org.ID, ProviderID: m.ID, Roles: p.portable(slugs), CreatedAt: m.CreatedAt,
	}
	if user != nil {
		member.UserName, member.Email = user.Email, user.Email
		member.GivenName, member.FamilyName = user.FirstName, user.LastName
	}
	return member, nil
}

// ListMembers implements providers.Provider: the active memberships. Who is
// invited has a pending one there, and is no member yet. The cursor is the
// vendor's.
func (p *Provider) ListMembers(ctx context.Context, org identity.OrgRef, r identity.PageRequest) (*identity.Page[identity.Member], error) {
	limit, err := pageSize(r, "om_")
	if err != nil {
		return nil, err
	}
	if err := checkOrganization(org); err != nil {
		return nil, err
	}
	page, err := p.client.Memberships(ctx, org.ProviderID, "", limit, r.Cursor)
	if err != nil {
		return nil, explain(err)
	}
	if err := checkMemberships(page.Data, org); err != nil {
		return nil, err
	}
	if err := nextPage(page.Metadata.After, r.Cursor); err != nil {
		return nil, err
	}
	list := &identity.Page[identity.Member]{Items: make([]identity.Member, 0, len(page.Data)), Next: page.Metadata.After}
	for _, m := range page.Data {
		if m.Status != internal.StatusActive {
			continue
		}
		member, err := p.toMember(ctx, m, org)
		if err != nil {
			return nil, explain(err)
		}
		list.Items = append(list.Items, *member)
	}
	return list, nil
}
