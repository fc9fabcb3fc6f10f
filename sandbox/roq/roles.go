package roq

import (
	"context"
	"slices"

	graphql "github.com/graph-gophers/graphql-go"
)

// roleView is RoleModel.
type roleView struct {
	ID                     graphql.ID
	Key, Name              string
	Description, Reference *string
	IsSystemManaged        bool
	InviteRoleKeys         *[]string
	ProjectEntityID        *graphql.ID
	UserIDField            *string

	s *Simulator
	r *role
}

func (s *Simulator) roleView(r *role) *roleView {
	v := &roleView{ID: graphql.ID(r.id), Key: r.Key, Name: r.Name, IsSystemManaged: r.System, InviteRoleKeys: ptr(append([]string{}, r.Invites...)), s: s, r: r}
	if r.Description != "" {
		v.Description = ptr(r.Description)
	}
	return v
}

// Users resolves how many users have the role.
func (v *roleView) Users(ctx context.Context) count {
	c := callOf(ctx)
	return v.s.count(func(u *user) bool { return c.sees(u.tenant) && slices.Contains(u.roles, v.r.id) })
}

// UserGroups resolves the groups that have the role.
func (v *roleView) UserGroups() (*page[*groupView], error) {
	return v.s.groupList(groupsArgs{}, func(g *group) bool { return slices.Contains(g.roles, v.r.id) })
}

type rolesArgs struct {
	Filter *roleFilter
	listArgs
}

type roleFilter struct {
	ID, PermissionID, UserGroupID, UserID *idFilter
	Key, Name, Description                *stringFilter
	IsSystemManaged, Invite               *boolFilter
}

func (s *Simulator) matchRole(c *call, f *roleFilter, r *role) bool {
	if f == nil {
		return true
	}
	var users, groups []string
	for _, u := range s.users {
		if slices.Contains(u.roles, r.id) {
			users = append(users, u.id)
		}
	}
	for _, g := range s.groups {
		if slices.Contains(g.roles, r.id) {
			groups = append(groups, g.id)
		}
	}
	// Permissions have no ids here.
	return f.ID.match(&r.id) && f.Key.match(&r.Key) && f.Name.match(&r.Name) && f.Description.match(&r.Description) &&
		f.IsSystemManaged.match(r.System) && f.Invite.match(c.actor == nil || s.mayInvite(c.actor, r.Key)) &&
		f.PermissionID.match(nil) && f.UserID.matchAny(users) && f.UserGroupID.matchAny(groups)
}

func roleColumn(r *role, name string) *string {
	switch name {
	case "createdAt":
		return timeColumn(r.created)
	case "updatedAt":
		return timeColumn(r.updated)
	case "id":
		return &r.id
	case "key":
		return &r.Key
	case "name":
		return &r.Name
	case "isSystemManaged":
		return boolColumn(r.System)
	}
	return &r.Description
}

func (s *Simulator) roleList(c *call, a rolesArgs, keep func(*role) bool) (*page[*roleView], error) {
	return list(s, s.roles, func(r *role) bool { return keep(r) && s.matchRole(c, a.Filter, r) }, roleColumn, a.listArgs, s.roleView)
}

// Roles implements the query. Roles are the environment's, not a tenant's.
func (r *root) Roles(ctx context.Context, a rolesArgs) (*page[*roleView], error) {
	return r.s.roleList(callOf(ctx), a, func(*role) bool { return true })
}

// Role implements the query.
func (r *root) Role(a struct{ ID graphql.ID }) (*roleView, error) {
	id := string(a.ID)
	if err := checkUUID(id); err != nil {
		return nil, err
	}
	found := r.s.role(id)
	if found == nil {
		return nil, notFound(codeRoleNotFound, "Role", id)
	}
	return r.s.roleView(found), nil
}
