package roq

import (
	"context"
	"slices"

	graphql "github.com/graph-gophers/graphql-go"
)

// groupView is UserGroupModel.
type groupView struct {
	ID                    graphql.ID
	Reference, Name, Type string
	UserGroupType         *groupType

	s *Simulator
	g *group
}

// groupType is UserGroupTypeModel.
type groupType struct {
	ID                   graphql.ID
	Name                 string
	CreatedAt, UpdatedAt date
}

func (s *Simulator) groupView(g *group) *groupView {
	kind := &groupType{graphql.ID(g.typeID), g.kind, dateOf(g.created), dateOf(g.updated)}
	return &groupView{ID: graphql.ID(g.id), Reference: g.reference, Name: g.name, Type: g.kind, UserGroupType: kind, s: s, g: g}
}

// Roles resolves the group's roles.
func (v *groupView) Roles(ctx context.Context) (*page[*roleView], error) {
	return v.s.roleList(callOf(ctx), rolesArgs{}, func(r *role) bool { return slices.Contains(v.g.roles, r.id) })
}

// Users resolves the group's users.
func (v *groupView) Users(ctx context.Context, a usersArgs) (*page[*userView], error) {
	c := callOf(ctx)
	keep := func(u *user) bool {
		return c.sees(u.tenant) && slices.Contains(v.g.users, u.id) && v.s.match(a.Filter, u)
	}
	return list(v.s, v.s.users, keep, userColumn, a.listArgs, v.s.userView)
}

type groupsArgs struct {
	Filter *groupFilter
	listArgs
}

type groupFilter struct {
	ID, RoleID, UserID    *idFilter
	Reference, Name, Type *stringFilter
}

func (f *groupFilter) match(g *group) bool {
	return f == nil || f.ID.match(&g.id) && f.Reference.match(&g.reference) && f.Name.match(&g.name) && f.Type.match(&g.kind) &&
		f.RoleID.matchAny(g.roles) && f.UserID.matchAny(g.users)
}

func groupColumn(g *group, name string) *string {
	switch name {
	case "createdAt":
		return timeColumn(g.created)
	case "updatedAt":
		return timeColumn(g.updated)
	case "name":
		return &g.name
	case "reference":
		return &g.reference
	}
	return &g.kind
}

func (s *Simulator) groupList(a groupsArgs, keep func(*group) bool) (*page[*groupView], error) {
	return list(s, s.groups, func(g *group) bool { return keep(g) && a.Filter.match(g) }, groupColumn, a.listArgs, s.groupView)
}

// UserGroups implements the query. Groups are the environment's.
func (r *root) UserGroups(a groupsArgs) (*page[*groupView], error) {
	return r.s.groupList(a, func(*group) bool { return true })
}

// UserGroup implements the query.
func (r *root) UserGroup(a struct{ ID graphql.ID }) (*groupView, error) {
	id := string(a.ID)
	if err := checkUUID(id); err != nil {
		return nil, err
	}
	g := find(r.s.groups, func(g *group) bool { return g.id == id })
	if g == nil {
		return nil, notFound(codeGroupNotFound, "UserGroup", id)
	}
	return r.s.groupView(g), nil
}
