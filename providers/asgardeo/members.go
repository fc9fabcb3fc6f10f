package asgardeo

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"usher/identity"
	"usher/providers/asgardeo/internal"
	"usher/scim"
)

// Pages of members. The vendor cuts pages at 100 (FACTS.md section 2.1).
const (
	memberPage    = 100
	memberDefault = 50
)

// member returns the member that joined under a user name by invitation, or
// nil. It must be an account shared from another organization; one that was
// made inside this organization under the same name is somebody else's doing.
func (p *Provider) member(ctx context.Context, org identity.OrgRef, name string) (*identity.Member, error) {
	filter, err := equal("userName", name)
	if err != nil {
		return nil, nil // nobody can have been invited under such a name
	}
	var users []scim.User
	var home string
	err = p.within(ctx, org, scopeMembers, func(t *token) (err error) {
		if !t.caller {
			home = t.userOrg
		}
		users, err = p.client.FindUsers(ctx, t.value, internal.Organization, filter)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		_, found := p.cutStore(u.UserName)
		if u.ID == "" || !p.same(found, name) || !p.sharedFrom(u, home) {
			continue
		}
		if err := p.belongs(u, org); err != nil {
			return nil, err
		}
		return p.toMember(u, org, nil), nil
	}
	return nil, nil
}

// sharedFrom reports whether a member's account lives in the root organization.
// home is that organization's id, if it is known.
func (p *Provider) sharedFrom(u scim.User, home string) bool {
	if !p.settings.requireManagedOrg {
		return true
	}
	managed := u.Attribute("managedOrg", internal.Schema, scim.SchemaEnterprise)
	return managed != "" && (home == "" || managed == home)
}

// belongs refuses a user whose address at the vendor names another
// organization than the one asked about.
func (p *Provider) belongs(u scim.User, org identity.OrgRef) error {
	location, err := url.Parse(u.Meta.Location)
	if err != nil {
		return nil
	}
	_, below, ok := strings.Cut(location.Path, "/o/")
	if !ok {
		return nil
	}
	named, _, _ := strings.Cut(below, "/")
	if named == "scim2" || named == org.ProviderID {
		return nil
	}
	return wrongOrganization()
}

func (p *Provider) toMember(u scim.User, org identity.OrgRef, roles []string) *identity.Member {
	m := &identity.Member{
		OrganizationID: org.ID, ProviderID: u.ID, GivenName: u.Name.GivenName, FamilyName: u.Name.FamilyName,
		Roles: roles, CreatedAt: u.Meta.Created,
	}
	_, m.UserName = p.cutStore(u.UserName)
	if all := u.Addresses(); len(all) > 0 {
		m.Email = all[0]
	}
	return m
}

// ListMembers implements providers.Provider. The cursor is the index of the
// next user. A page may hold fewer members than were asked for.
func (p *Provider) ListMembers(ctx context.Context, org identity.OrgRef, r identity.PageRequest) (*identity.Page[identity.Member], error) {
	start, count := 1, memberDefault
	if r.Cursor != "" {
		n, err := strconv.Atoi(r.Cursor)
		if err != nil || n < 1 || strconv.Itoa(n) != r.Cursor {
			return nil, badCursor()
		}
		start = n
	}
	if r.Limit > 0 {
		count = min(r.Limit, memberPage)
	}
	var page *scim.ListResponse[scim.User]
	err := p.within(ctx, org, scopeMembers, func(t *token) (err error) {
		page, err = p.client.ListUsers(ctx, t.value, start, count)
		return err
	})
	if err != nil {
		return nil, explain(err)
	}
	if err := p.checkPage(page, start, count, org); err != nil {
		return nil, err
	}
	rolesOf, err := p.rolesOf(ctx, org, page.Resources)
	if err != nil {
		return nil, explain(err)
	}
	list := &identity.Page[identity.Member]{Items: make([]identity.Member, 0, len(page.Resources))}
	for _, u := range page.Resources {
		list.Items = append(list.Items, *p.toMember(u, org, rolesOf(u)))
	}
	if next := start + len(page.Resources); !internal.Last(page, next, count) {
		list.Next = strconv.Itoa(next)
	}
	return list, nil
}

// checkPage refuses a page of another organization, and one that is not the
// page asked for: who ignores startIndex would repeat the first one for ever.
func (p *Provider) checkPage(page *scim.ListResponse[scim.User], start, count int, org identity.OrgRef) error {
	if (page.StartIndex > 0 && page.StartIndex != start && len(page.Resources) > 0) || len(page.Resources) > max(count, memberPage) {
		return &identity.Error{
			Code: identity.CodeProviderError, Detail: "The identity provider answered with another page than the one asked for.",
		}
	}
	for _, u := range page.Resources {
		if err := p.belongs(u, org); err != nil {
			return err
		}
	}
	return nil
}

// rolesOf returns a function that tells a listed user's portable roles. Some
// servers list each user's role ids; where one user comes without any, the
// roles themselves are asked for their users.
func (p *Provider) rolesOf(ctx context.Context, org identity.OrgRef, users []scim.User) (func(scim.User) []string, error) {
	none := func(scim.User) []string { return []string{} }
	if len(users) == 0 || len(p.deps.Roles) == 0 {
		return none, nil
	}
	set, err := p.roleSet(ctx, org)
	if err != nil {
		return nil, err
	}
	listed := func(u scim.User, id string) bool {
		return slices.ContainsFunc(u.Roles, func(r scim.Reference) bool { return r.Value == id })
	}
	complete := !slices.ContainsFunc(users, func(u scim.User) bool {
		return !slices.ContainsFunc(u.Roles, func(r scim.Reference) bool { return r.Value != "" })
	})
	if complete {
		return func(u scim.User) []string {
			return p.portableIDs(set, func(id string) bool { return listed(u, id) })
		}, nil
	}
	holders, err := p.roleHolders(ctx, org, set)
	if err != nil {
		return nil, err
	}
	return func(u scim.User) []string {
		return p.portableIDs(set, func(id string) bool { return holders[id][u.ID] || listed(u, id) })
	}, nil
}

// roleHolders asks for the users of each mapped role.
func (p *Provider) roleHolders(ctx context.Context, org identity.OrgRef, set *roleSet) (map[string]map[string]bool, error) {
	holders := map[string]map[string]bool{}
	for _, name := range p.deps.Roles {
		id, ok := set.ids[name]
		if !ok || holders[id] != nil {
			continue
		}
		var users []string
		err := p.within(ctx, org, scopeRoles, func(t *token) (err error) {
			users, err = p.client.RoleUsers(ctx, t.value, id)
			return err
		})
		if e := internal.AsAPIError(err); e != nil && e.Status == http.StatusNotFound {
			p.dropRoles(ctx, org) // deleted since it was remembered
			continue
		}
		if err != nil {
			return nil, err
		}
		holders[id] = map[string]bool{}
		for _, user := range users {
			holders[id][user] = true
		}
	}
	return holders, nil
}
