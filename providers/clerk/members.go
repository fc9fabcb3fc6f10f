package clerk

import (
	"context"
	"slices"
	"strconv"

	"usher/identity"
	"usher/providers"
	"usher/providers/clerk/internal"
)

// defaultPage is how many members are listed at once if nobody says.
const defaultPage = 50

// FindMember implements providers.MemberFinder. The member is a user whose
// account has the address, verified; a membership under an address that nobody
// has proven is somebody else's.
func (p *Provider) FindMember(ctx context.Context, ref providers.InviteRef) (*identity.Member, error) {
	m, err := p.member(ctx, ref.Org, email(ref.Address))
	switch {
	case err != nil:
		return nil, explain(err)
	case m == nil:
		return nil, identity.Errorf(identity.CodeNotFound, "The person is not a member of the organization.")
	}
	return m, nil
}

// member returns the membership of the user who has proven an address, or nil.
// The filters of the user list are not relied on: what they let through is
// looked at, and the membership decides.
func (p *Provider) member(ctx context.Context, org identity.OrgRef, address string) (*identity.Member, error) {
	if err := checkOrg(org); err != nil {
		return nil, err
	}
	users, err := p.client.ListUsers(ctx, internal.UserQuery{Emails: []string{address}, Organization: org.ProviderID})
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		if !isID(u.ID) || !slices.ContainsFunc(u.Emails, func(e internal.EmailAddress) bool {
			return e.Verified() && same(e.Address, address)
		}) {
			continue
		}
		page, err := p.client.ListMemberships(ctx, org.ProviderID, []string{u.ID}, internal.MaxPage, 0)
		if err != nil {
			return nil, err
		}
		for n := range page.Data {
			row := &page.Data[n]
			if row.User == nil || row.User.ID != u.ID {
				continue
			}
			if row.Organization.ID != org.ProviderID {
				return nil, wrongOrganization()
			}
			m := p.toMember(row, org)
			m.Email = address
			return m, nil
		}
	}
	return nil, nil
}

// holders returns which of these addresses a member's account has, verified or
// not: the vendor invites none of them. The filters are not relied on here either.
func (p *Provider) holders(ctx context.Context, org identity.OrgRef, addresses []string) (map[string]bool, error) {
	users, err := p.client.ListUsers(ctx, internal.UserQuery{Emails: addresses, Organization: org.ProviderID})
	if err != nil {
		return nil, err
	}
	has := map[string][]string{} // addresses by user
	var ids []string
	for _, u := range users {
		for _, address := range addresses {
			if isID(u.ID) && slices.ContainsFunc(u.Emails, func(e internal.EmailAddress) bool { return same(e.Address, address) }) {
				has[u.ID] = append(has[u.ID], address)
			}
		}
		if len(has[u.ID]) > 0 {
			ids = append(ids, u.ID)
		}
	}
	held := map[string]bool{}
	if len(ids) == 0 {
		return held, nil
	}
	page, err := p.client.ListMemberships(ctx, org.ProviderID, ids, internal.MaxPage, 0)
	if err != nil {
		return nil, err
	}
	for n := range page.Data {
		row := &page.Data[n]
		if row.Organization.ID != org.ProviderID {
			return nil, wrongOrganization()
		}
		if row.User != nil {
			for _, address := range has[row.User.ID] {
				held[address] = true
			}
		}
	}
	return held, nil
}

func same(a, b string) bool { return identity.SameEmail(a, b, identity.EmailLowercase) }

// ListMembers implements providers.Provider. The cursor is the number of
// memberships before the page.
func (p *Provider) ListMembers(ctx context.Context, org identity.OrgRef, r identity.PageRequest) (*identity.Page[identity.Member], error) {
	offset, err := offsetOf(r.Cursor)
	if err != nil {
		return nil, err
	}
	if err := checkOrg(org); err != nil {
		return nil, err
	}
	page, err := p.client.ListMemberships(ctx, org.ProviderID, nil, pageSize(r.Limit), offset)
	if err != nil {
		return nil, explain(err)
	}
	list := &identity.Page[identity.Member]{Items: make([]identity.Member, 0, len(page.Data)), Next: next(page, offset)}
	for n := range page.Data {
		row := &page.Data[n]
		if row.Organization.ID != org.ProviderID {
			return nil, wrongOrganization()
		}
		list.Items = append(list.Items, *p.toMember(row, org))
	}
	if err := p.addEmails(ctx, list.Items); err != nil {
		return nil, explain(err)
	}
	return list, nil
}

// toMember is a membership as usher has it. Its e-mail address is empty where
// the user signs in with something else.
func (p *Provider) toMember(row *internal.Membership, org identity.OrgRef) *identity.Member {
	created := row.CreatedAt.Time()
	m := &identity.Member{OrganizationID: org.ID, ProviderID: row.ID, CreatedAt: &created}
	m.Roles, _ = p.portable(row.Role)
	if u := row.User; u != nil {
		// What is done to a membership later names the user, not the membership.
		m.ProviderID, m.GivenName, m.FamilyName, m.UserName = u.ID, u.GivenName, u.FamilyName, u.UserName
		if _, err := identity.ParseEmail(u.Identifier); err == nil {
			m.Email = u.Identifier
		}
	}
	return m
}

// addEmails looks up the addresses of members who sign in with a user name or a
// phone number (FACTS.md section 6.2).
func (p *Provider) addEmails(ctx context.Context, members []identity.Member) error {
	var ids []string
	for _, m := range members {
		if m.Email == "" && isID(m.ProviderID) {
			ids = append(ids, m.ProviderID)
		}
	}
	known := map[string]string{}
	for chunk := range slices.Chunk(ids, internal.MaxIDs) {
		users, err := p.client.ListUsers(ctx, internal.UserQuery{IDs: chunk})
		if err != nil {
			return err
		}
		for _, u := range users {
			known[u.ID] = mainEmail(u)
		}
	}
	for n := range members {
		if members[n].Email == "" {
			members[n].Email = known[members[n].ProviderID]
		}
	}
	return nil
}

// mainEmail is a user's primary address, or the first verified one, or "".
func mainEmail(u internal.User) string {
	verified := ""
	for _, e := range u.Emails {
		if u.PrimaryEmail != "" && e.ID == u.PrimaryEmail {
			return e.Address
		}
		if verified == "" && e.Verified() {
			verified = e.Address
		}
	}
	return verified
}

func pageSize(limit int) int {
	if limit <= 0 {
		return defaultPage
	}
	return min(limit, internal.MaxPage)
}

// next is the cursor of the page after this one, or "".
func next[T any](page *internal.Page[T], offset int) string {
	if after := offset + len(page.Data); len(page.Data) > 0 && after < page.Total {
		return strconv.Itoa(after)
	}
	return ""
}

func offsetOf(cursor string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(cursor)
	if err != nil || n < 1 || strconv.Itoa(n) != cursor {
		return 0, identity.FieldError(identity.CodeInvalidRequest, "query:cursor", "The cursor is not one of ours.")
	}
	return n, nil
}
