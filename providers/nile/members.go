package nile

import (
	"context"
	"slices"
	"strings"

	"usher/identity"
	"usher/providers"
	"usher/providers/nile/internal"
)

// defaultPage is how many members are listed at once if nobody says.
const defaultPage = 50

// users returns all members of a tenant.
func (p *Provider) users(ctx context.Context, tenant string) (rows []internal.User, err error) {
	err = p.use(ctx, func(s *internal.Session) (err error) {
		rows, err = p.client.Users(ctx, s, tenant)
		return err
	})
	return rows, err
}

// holder returns the member who has an address, or nil; of several spellings the
// one that usher uses counts.
func (p *Provider) holder(users []internal.User, a identity.Address) (found *internal.User) {
	for n := range users {
		u := &users[n]
		if p.same(u.Email, a) && (found == nil || u.Email == p.address(a)) {
			found = u
		}
	}
	return found
}

// hasUser reports whether a user is among the members.
func hasUser(users []internal.User, id string) bool {
	return slices.ContainsFunc(users, func(u internal.User) bool { return internal.SameID(u.ID, id) })
}

// FindMember implements providers.MemberFinder. Accepting an invitation proves
// the address (FACTS.md section 6), so a member who has not proven it did not
// join by one: anybody who reaches the vendor can become a member under any
// address (section 9, 13).
func (p *Provider) FindMember(ctx context.Context, ref providers.InviteRef) (*identity.Member, error) {
	tenant, err := tenantOf(ref.Org)
	if err != nil {
		return nil, err
	}
	m, err := p.proven(ctx, tenant, ref.Address)
	switch {
	case err != nil:
		return nil, shut(err)
	case m == nil:
		return nil, identity.Errorf(identity.CodeNotFound, "The person is not a member of the organization.")
	}
	return p.member(ref.Org, m), nil
}

// proven returns the member who has proven an address, or nil.
func (p *Provider) proven(ctx context.Context, tenant string, a identity.Address) (*internal.User, error) {
	users, err := p.users(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return p.holder(slices.DeleteFunc(users, func(u internal.User) bool { return u.EmailVerified == "" }), a), nil
}

// ListMembers implements providers.Provider. The vendor lists everybody at once
// and in no order, so pages are cut here: by id, which the cursor is one of.
func (p *Provider) ListMembers(ctx context.Context, org identity.OrgRef, r identity.PageRequest) (*identity.Page[identity.Member], error) {
	if r.Cursor != "" && !internal.IsID(r.Cursor) {
		return nil, foreignCursor()
	}
	tenant, err := tenantOf(org)
	if err != nil {
		return nil, err
	}
	users, err := p.users(ctx, tenant)
	if err != nil {
		return nil, explain(err)
	}
	slices.SortFunc(users, func(a, b internal.User) int { return strings.Compare(a.ID, b.ID) })
	start, _ := slices.BinarySearchFunc(users, r.Cursor, func(u internal.User, after string) int {
		if u.ID <= after {
			return -1
		}
		return 1
	})
	limit := r.Limit
	if limit <= 0 {
		limit = defaultPage
	}
	end := min(start+limit, len(users))
	page := &identity.Page[identity.Member]{Items: make([]identity.Member, 0, end-start)}
	for n := start; n < end; n++ {
		page.Items = append(page.Items, *p.member(org, &users[n]))
	}
	if end < len(users) {
		page.Next = users[end-1].ID
	}
	return page, nil
}

// member is a user of a tenant as usher has him.
func (p *Provider) member(org identity.OrgRef, u *internal.User) *identity.Member {
	return &identity.Member{
		OrganizationID: org.ID, ProviderID: u.ID, Email: u.Email, GivenName: u.GivenName, FamilyName: u.FamilyName,
		Roles: []string{p.role},
	}
}
