package scim2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"usher/identity"
	"usher/scim"
	"usher/scim/client"
)

// placeholder stands for the organization's displayName in a role's group name.
const placeholder = "{organization}"

// group is a group as it came.
type group struct {
	scim.Group
	raw     json.RawMessage
	version string
}

// holds reports whether an account is in a group itself, not by another group.
func holds(members []scim.Reference, user string) bool {
	return slices.ContainsFunc(members, func(r scim.Reference) bool { return r.Value == user && isUser(r) })
}

// isUser reports that a member is no group within the group, as far as it says
// (RFC 7643 section 4.2).
func isUser(r scim.Reference) bool {
	within := strings.EqualFold(r.Type, "Group") || r.Type == "" && strings.Contains(r.Ref, groupsPath+"/")
	return r.Value != "" && !within
}

// group reads one group with all its members. A service may return them only
// where they are asked for by name (RFC 7643 section 7, "returned"), so one that
// came with none is asked for them.
func (p *Provider) group(ctx context.Context, op operation, id string) (*group, error) {
	g, err := p.read(ctx, op, id)
	if err != nil || len(g.Members) > 0 {
		return g, err
	}
	with, err := p.read(ctx, op, id, "displayName", "members")
	if err != nil || len(with.Members) == 0 {
		return g, err
	}
	var whole, part map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(g.raw, &whole), json.Unmarshal(with.raw, &part)); err != nil {
		return nil, &identity.Error{Code: identity.CodeProviderError, Err: err}
	}
	for key, value := range part {
		if strings.EqualFold(key, "members") {
			whole[key] = value
		}
	}
	g.Members = with.Members
	g.raw, err = json.Marshal(whole)
	return g, err
}

// read reads a group once. One that is another than the one asked for is
// nobody's business here.
func (p *Provider) read(ctx context.Context, op operation, id string, attributes ...string) (*group, error) {
	if strings.TrimSpace(id) == "" {
		return nil, unknownOrganization()
	}
	var d *client.Document
	err := p.call(ctx, func(ctx context.Context) (err error) {
		d, err = p.scim.Read(ctx, groupsPath, id, attributes...)
		return err
	})
	if err != nil {
		return nil, meant(op, err)
	}
	g := &group{raw: d.Raw, version: d.Version}
	if err := json.Unmarshal(d.Raw, &g.Group); err != nil {
		return nil, &identity.Error{Code: identity.CodeProviderError, Err: fmt.Errorf("scim2: read a group: %w", err)}
	}
	if g.ID != id {
		return nil, &identity.Error{
			Code:   identity.CodeProviderError,
			Detail: "The identity provider answered with another group than the one asked for.",
			Err:    errors.New("scim2: the group has another id"),
		}
	}
	return g, nil
}

// organization reads an organization's group.
func (p *Provider) organization(ctx context.Context, org identity.OrgRef) (*group, error) {
	return p.group(ctx, opOrganization, org.ProviderID)
}

// known refuses roles that the connection does not have.
func (p *Provider) known(roles []string) error {
	for n, key := range roles {
		if _, ok := p.deps.Roles[key]; !ok {
			return unknownRole(n)
		}
	}
	return nil
}

func unknownRole(n int) error {
	return identity.FieldError(identity.CodeUnknownRole, "/roles/"+strconv.Itoa(n),
		"The organization has no group for this role at the identity provider.")
}

// groupName is what a role's group of an organization is called.
func (p *Provider) groupName(org *group, key string) string {
	return strings.ReplaceAll(p.deps.Roles[key], placeholder, org.DisplayName)
}

// rolesOf returns, by portable key, the groups that the roles of an organization
// could be: none, one, or several where names are not unique. A role of the
// organization's own name is the organization's own group. The members come
// with them if they are asked for.
func (p *Provider) rolesOf(ctx context.Context, org *group, keys []string, members bool) (map[string][]scim.Group, error) {
	var names []string
	for _, key := range keys {
		name := p.groupName(org, key)
		if name != org.DisplayName && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	found, err := p.groupsNamed(ctx, names, members)
	if err != nil {
		return nil, err
	}
	roles := map[string][]scim.Group{}
	for _, key := range keys {
		if name := p.groupName(org, key); name == org.DisplayName {
			roles[key] = []scim.Group{org.Group}
		} else {
			roles[key] = found[name]
		}
	}
	return roles, nil
}

// targets returns the group of each role, in their order. unknown_role names
// the first one that there is none for, or that could be several.
func (p *Provider) targets(ctx context.Context, org *group, keys []string) ([]scim.Group, error) {
	if err := p.known(keys); err != nil {
		return nil, err
	}
	roles, err := p.rolesOf(ctx, org, keys, false)
	if err != nil {
		return nil, err
	}
	targets := make([]scim.Group, len(keys))
	for n, key := range keys {
		switch groups := roles[key]; len(groups) {
		case 0:
			return nil, unknownRole(n)
		case 1:
			targets[n] = groups[0]
		default:
			return nil, identity.FieldError(identity.CodeUnknownRole, "/roles/"+strconv.Itoa(n),
				"The identity provider has several groups of the name that this role has there.")
		}
	}
	return targets, nil
}

// groupsNamed returns the groups of exactly these names.
func (p *Provider) groupsNamed(ctx context.Context, names []string, members bool) (map[string][]scim.Group, error) {
	found := map[string][]scim.Group{}
	if len(names) == 0 {
		return found, nil
	}
	f, err := p.features(ctx)
	if err != nil {
		return nil, err
	}
	attributes := []string{"displayName"}
	if members {
		attributes = append(attributes, "members")
	}
	filters, can := nameFilters(names)
	if can && f.filter && !f.noGroups.Load() {
		told, err := p.askGroups(ctx, f, filters, attributes, names, found)
		if told || err != nil {
			return found, meant(opLook, err)
		}
	}
	err = p.collect(ctx, scim.Filter{}, attributes, names, found)
	return found, meant(opLook, err)
}

// nameFilters asks for one group each. can is false where a name cannot be
// carried.
func nameFilters(names []string) (filters []scim.Filter, can bool) {
	for _, name := range names {
		filter, err := scim.Eq(scim.RFC, "displayName", name)
		if err != nil {
			return nil, false
		}
		filters = append(filters, filter)
	}
	return filters, true
}

// askGroups looks for groups by filter: all at once, and each that did not come
// by itself, since a service may read the first part of a filter alone. told:
// the service was able to answer.
func (p *Provider) askGroups(ctx context.Context, f *features, filters []scim.Filter, attributes, names []string, found map[string][]scim.Group) (told bool, err error) {
	if len(filters) > 1 && !f.noOr.Load() {
		err := p.collect(ctx, scim.Or(filters...), attributes, names, found)
		if client.RefusesQuery(err) {
			f.noOr.Store(true)
		} else if err != nil {
			return false, err
		}
	}
	for n, filter := range filters {
		if len(found[names[n]]) > 0 {
			continue
		}
		err := p.collect(ctx, filter, attributes, names, found)
		if client.RefusesQuery(err) {
			f.noGroups.Store(true)
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// collect adds the groups that a filter selects and that have one of the names.
func (p *Provider) collect(ctx context.Context, filter scim.Filter, attributes, names []string, found map[string][]scim.Group) error {
	return p.call(ctx, func(ctx context.Context) error {
		n := 0
		for g, err := range client.All[scim.Group](ctx, p.scim, groupsPath, filter, attributes...) {
			if err != nil {
				return err
			}
			if n++; n > p.settings.MaxScan {
				return p.tooMany("groups")
			}
			same := func(other scim.Group) bool { return other.ID == g.ID }
			if g.ID != "" && slices.Contains(names, g.DisplayName) && !slices.ContainsFunc(found[g.DisplayName], same) {
				found[g.DisplayName] = append(found[g.DisplayName], g)
			}
		}
		return nil
	})
}
