package roq

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"usher/identity"
	"usher/providers"
	"usher/providers/roq/internal"
)

// Pages of members.
const (
	memberPage    = 200
	memberDefault = 50
)

// FindMember implements providers.MemberFinder: the tenant's user of the
// address, else the user by whom the invitation was accepted, who may have
// signed up under another one.
func (p *Provider) FindMember(ctx context.Context, ref providers.InviteRef) (*identity.Member, error) {
	known := ref.ProviderID
	if known == "" {
		known = ref.Reference[refID]
	}
	seen, err := p.look(ctx, ref.Org, ref.Address, internal.Question{Known: known})
	if err != nil {
		return nil, explain(err)
	}
	if user := seen.member(ref.Org.ProviderID); user != nil {
		return p.toMember(user, ref.Org), nil
	}
	nobody := identity.Errorf(identity.CodeNotFound, "Nobody of that address is a member.")
	if seen.known == nil || seen.known.Status != internal.StatusAccepted || seen.known.AcceptedByUserID == "" {
		return nil, nobody
	}
	var users []internal.User
	err = p.use(ctx, func(token string) (err error) {
		users, err = p.client.Member(ctx, token, ref.Org.ProviderID, seen.known.AcceptedByUserID)
		return err
	})
	if err != nil {
		return nil, explain(err)
	}
	for n := range users {
		if sameID(users[n].ID, seen.known.AcceptedByUserID) && sameID(users[n].TenantID, ref.Org.ProviderID) && !users[n].Deactivated() {
			return p.toMember(&users[n], ref.Org), nil
		}
	}
	return nil, nobody
}

func (p *Provider) toMember(u *internal.User, org identity.OrgRef) *identity.Member {
	m := &identity.Member{
		OrganizationID: org.ID, ProviderID: u.ID, UserName: u.Email, Email: u.Email,
		GivenName: u.FirstName, FamilyName: u.LastName, CreatedAt: timeOf(u.CreatedAt), Roles: []string{},
	}
	if u.Roles != nil {
		var keys []string
		for _, role := range u.Roles.Data {
			keys = append(keys, role.Key)
		}
		m.Roles, _ = p.portable(keys)
	}
	return m
}

// ListMembers implements providers.Provider. The cursor is the number of users
// before the page. Users who were deactivated are left out, so a page may hold
// fewer members than were asked for.
func (p *Provider) ListMembers(ctx context.Context, org identity.OrgRef, r identity.PageRequest) (*identity.Page[identity.Member], error) {
	offset, limit := 0, memberDefault
	if r.Cursor != "" {
		n, err := strconv.Atoi(r.Cursor)
		if err != nil || n < 1 || strconv.Itoa(n) != r.Cursor {
			return nil, badCursor()
		}
		offset = n
	}
	if r.Limit > 0 {
		limit = min(r.Limit, memberPage)
	}
	tenant, err := tenantOf(org)
	if err != nil {
		return nil, err
	}
	var page *internal.MemberPage
	err = p.use(ctx, func(token string) (err error) {
		page, err = p.client.Members(ctx, token, tenant, limit, offset)
		return err
	})
	if err != nil {
		return nil, explain(err)
	}
	if err := isThere(page.Tenants.Data, tenant); err != nil {
		return nil, err
	}
	list := &identity.Page[identity.Member]{Items: make([]identity.Member, 0, len(page.Users.Data))}
	for n := range page.Users.Data {
		user := &page.Users.Data[n]
		if !sameID(user.TenantID, tenant) {
			return nil, wrongOrganization(false)
		}
		if user.ID != "" && !user.Deactivated() {
			list.Items = append(list.Items, *p.toMember(user, org))
		}
	}
	if next := offset + len(page.Users.Data); len(page.Users.Data) > 0 && next < page.Users.TotalCount {
		list.Next = strconv.Itoa(next)
	}
	return list, nil
}

// ListRoles implements providers.RoleLister: the mapped roles that the
// environment has. Tenants share them.
func (p *Provider) ListRoles(ctx context.Context, org identity.OrgRef) ([]identity.Role, error) {
	tenant, err := tenantOf(org)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, name := range p.deps.Roles {
		names = append(names, name)
	}
	slices.Sort(names)
	var page *internal.RolePage
	err = p.use(ctx, func(token string) (err error) {
		page, err = p.client.Roles(ctx, token, tenant, slices.Compact(names))
		return err
	})
	if err != nil {
		return nil, explain(err)
	}
	if err := isThere(page.Tenants.Data, tenant); err != nil {
		return nil, err
	}
	roles := []identity.Role{}
	for key, name := range p.deps.Roles {
		there := slices.IndexFunc(page.Roles.Data, func(r internal.Role) bool { return r.Key == name })
		if there >= 0 {
			roles = append(roles, identity.Role{Key: key, Name: page.Roles.Data[there].Name, ProviderID: name})
		}
	}
	slices.SortFunc(roles, func(a, b identity.Role) int { return strings.Compare(a.Key, b.Key) })
	return roles, nil
}
