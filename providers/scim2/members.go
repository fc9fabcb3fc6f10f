package scim2

import (
	"context"
	"encoding/base64"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"usher/identity"
	"usher/scim"
	"usher/scim/client"
)

// Pages of members.
const (
	memberPage    = 100
	memberDefault = 50
	singlePage    = 25 // where each member must be read by himself
	idChunk       = 40 // ids in one filter: longer addresses get lost on the way
)

// cursorPrefix begins a cursor before it is encoded: the rest is the last id.
const cursorPrefix = "after "

// ListMembers implements providers.Provider: the members of the organization's
// group in the order of their ids, joined with their accounts, and with the
// roles whose groups hold them. A page may hold fewer than were asked for.
func (p *Provider) ListMembers(ctx context.Context, org identity.OrgRef, r identity.PageRequest) (*identity.Page[identity.Member], error) {
	after, err := readCursor(r.Cursor)
	if err != nil {
		return nil, err
	}
	f, err := p.features(ctx)
	if err != nil {
		return nil, err
	}
	g, err := p.organization(ctx, org)
	if err != nil {
		return nil, err
	}
	count := memberDefault
	if r.Limit > 0 {
		count = min(r.Limit, memberPage)
	}
	ids, more := pageOf(g.Members, after, count)
	users, err := p.ofIDs(ctx, f, ids)
	if err != nil {
		return nil, err
	}
	if (!f.filter || f.noIDs.Load()) && len(ids) > singlePage {
		ids, more = ids[:singlePage], true
	}
	if err := p.eachMissing(ctx, ids, users); err != nil {
		return nil, err
	}
	page := &identity.Page[identity.Member]{Items: []identity.Member{}}
	if more {
		page.Next = cursorAfter(ids[len(ids)-1])
	}
	if len(ids) == 0 {
		return page, nil
	}
	roles, err := p.holders(ctx, g)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if u, ok := users[id]; ok {
			page.Items = append(page.Items, *p.member(org, u, roles(id)))
		}
	}
	return page, nil
}

// cursorAfter is the cursor of the page that follows an id.
func cursorAfter(id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorPrefix + id))
}

// readCursor returns the id that a cursor follows, "" for an empty cursor.
func readCursor(cursor string) (after string, err error) {
	if cursor == "" {
		return "", nil
	}
	// What does not decode in whole decodes to a part of it, whose cursor is another.
	text, _ := base64.RawURLEncoding.DecodeString(cursor)
	after, ok := strings.CutPrefix(string(text), cursorPrefix)
	if !ok || after == "" || cursorAfter(after) != cursor {
		return "", identity.FieldError(identity.CodeInvalidRequest, "query:cursor", "The cursor is not one of ours.")
	}
	return after, nil
}

// pageOf returns the ids of a group's accounts that follow one, in their order,
// and whether there are more.
func pageOf(members []scim.Reference, after string, count int) (ids []string, more bool) {
	for _, r := range members {
		if isUser(r) && r.Value > after {
			ids = append(ids, r.Value)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) > count {
		return ids[:count], true
	}
	return ids, false
}

// ofIDs reads accounts by filter, as many at once as an address can name.
func (p *Provider) ofIDs(ctx context.Context, f *features, ids []string) (map[string]scim.User, error) {
	users := map[string]scim.User{}
	if !f.filter {
		return users, nil
	}
	size := idChunk
	if f.maxResults > 0 {
		size = min(size, f.maxResults)
	}
	for chunk := range slices.Chunk(slices.Clone(ids), size) {
		if err := p.fill(ctx, f, chunk, users); err != nil {
			return nil, err
		}
	}
	return users, nil
}

// eachMissing reads one by one the accounts that have not come yet. Who is not
// there at all is left out.
func (p *Provider) eachMissing(ctx context.Context, ids []string, users map[string]scim.User) error {
	for _, id := range ids {
		if _, ok := users[id]; ok {
			continue
		}
		var user *scim.User
		err := p.call(ctx, func(ctx context.Context) (err error) {
			user, err = p.scim.GetUser(ctx, id)
			return err
		})
		switch {
		case identity.CodeOf(err) == identity.CodeNotFound: // deleted, or a group within the group
		case err != nil:
			return meant(opLook, err)
		case user.ID != id:
			return stranger(false)
		default:
			users[id] = *user
		}
	}
	return nil
}

// fill asks for the accounts of some ids at once, until nothing new comes: a
// service may cut its answers shorter than it says.
func (p *Provider) fill(ctx context.Context, f *features, ids []string, users map[string]scim.User) error {
	for len(ids) > 0 && !f.noIDs.Load() {
		var filters []scim.Filter
		for _, id := range ids {
			if filter, err := scim.Eq(scim.RFC, "id", id); err == nil {
				filters = append(filters, filter)
			}
		}
		if len(filters) == 0 {
			return nil
		}
		var page *scim.ListResponse[scim.User]
		err := p.call(ctx, func(ctx context.Context) (err error) {
			page, err = client.List[scim.User](ctx, p.scim, usersPath, client.Query{Filter: scim.Or(filters...), StartIndex: 1, Count: len(ids)})
			return err
		})
		if client.RefusesQuery(err) {
			f.noIDs.Store(true)
			return nil
		}
		if err != nil {
			return meant(opLook, err)
		}
		before := len(ids)
		for _, u := range page.Resources {
			if slices.Contains(ids, u.ID) {
				users[u.ID] = u
			}
		}
		ids = slices.DeleteFunc(ids, func(id string) bool { _, ok := users[id]; return ok })
		if len(ids) == before {
			return nil
		}
	}
	return nil
}

// holders reads the groups of all roles and returns a function that tells the
// roles of an account, sorted. A name that several groups have is no role's.
func (p *Provider) holders(ctx context.Context, org *group) (func(user string) []string, error) {
	keys := slices.Sorted(maps.Keys(p.deps.Roles))
	roles, err := p.rolesOf(ctx, org, keys, true)
	if err != nil {
		return nil, err
	}
	members := map[string][]scim.Reference{}
	for _, key := range keys {
		switch groups := roles[key]; {
		case len(groups) > 1:
			p.deps.Logger.LogAttrs(ctx, slog.LevelWarn, "several groups have the name of a role's", slog.String("role", key), slog.String("group", org.ID))
		case len(groups) == 1 && len(groups[0].Members) == 0 && groups[0].ID != org.ID:
			// Lists may leave the members out.
			g, err := p.read(ctx, opLook, groups[0].ID, "displayName", "members")
			if err != nil {
				return nil, err
			}
			members[key] = g.Members
		case len(groups) == 1:
			members[key] = groups[0].Members
		}
	}
	return func(user string) []string {
		mine := []string{}
		for _, key := range keys {
			if holds(members[key], user) {
				mine = append(mine, key)
			}
		}
		return mine
	}, nil
}

// ListRoles implements providers.RoleLister: the roles whose groups exist.
func (p *Provider) ListRoles(ctx context.Context, org identity.OrgRef) ([]identity.Role, error) {
	g, err := p.organization(ctx, org)
	if err != nil {
		return nil, err
	}
	keys := slices.Sorted(maps.Keys(p.deps.Roles))
	found, err := p.rolesOf(ctx, g, keys, false)
	if err != nil {
		return nil, err
	}
	roles := []identity.Role{}
	for _, key := range keys {
		if groups := found[key]; len(groups) == 1 {
			roles = append(roles, identity.Role{Key: key, Name: groups[0].DisplayName, ProviderID: groups[0].ID})
		}
	}
	return roles, nil
}

// member is an account as a member of an organization.
func (p *Provider) member(org identity.OrgRef, u scim.User, roles []string) *identity.Member {
	m := &identity.Member{
		OrganizationID: org.ID, ProviderID: u.ID, UserName: u.UserName, Roles: roles,
		GivenName: u.Name.GivenName, FamilyName: u.Name.FamilyName,
	}
	if all := u.Addresses(); len(all) > 0 {
		m.Email = all[0]
	} else if _, err := identity.ParseEmail(u.UserName); err == nil {
		m.Email = u.UserName
	}
	return m
}
