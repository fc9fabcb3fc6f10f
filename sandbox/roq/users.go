package roq

import (
	"context"
	"slices"
	"strings"

	graphql "github.com/graph-gophers/graphql-go"
)

// profileView is UserProfileModel. No providers are simulated.
type profileView struct {
	ID                                                      graphql.ID
	Reference                                               string
	Email                                                   *string
	FirstName, LastName, Phone, Locale, Timezone, AvatarURL *string
	ConnectedProviders                                      []provider
}

type provider struct{ ID, Name, AuthenticationProviderID string }

func (s *Simulator) profileView(u *user) *profileView {
	return &profileView{ID: graphql.ID(u.id), Reference: u.reference, Email: &u.email, FirstName: u.first, LastName: u.last, Phone: u.phone,
		Locale: u.locale, Timezone: u.timezone, AvatarURL: u.avatar, ConnectedProviders: []provider{}}
}

// userView is UserModel.
type userView struct {
	ID                                                      graphql.ID
	Reference, Email                                        string
	TenantID                                                *graphql.ID
	FirstName, LastName, Phone, Locale, Timezone, AvatarURL *string
	Active, IsOptedIn, Synced, TwoFactorEnabled             *bool
	CustomData                                              *jsonObject
	CreatedAt, UpdatedAt                                    date

	s *Simulator
	u *user
}

func (s *Simulator) userView(u *user) *userView {
	return &userView{
		ID: graphql.ID(u.id), Reference: u.reference, Email: u.email, TenantID: idOrNil(u.tenant), FirstName: u.first, LastName: u.last,
		Phone: u.phone, Locale: u.locale, Timezone: u.timezone, AvatarURL: u.avatar, Active: ptr(u.active), IsOptedIn: ptr(!u.optedIn.IsZero()),
		Synced: u.synced, TwoFactorEnabled: u.twoFactor, CustomData: objectOrNil(u.custom),
		CreatedAt: dateOf(u.created), UpdatedAt: dateOf(u.updated), s: s, u: u,
	}
}

// Tenant resolves the user's tenant.
func (v *userView) Tenant() *tenantView {
	if v.u.tenant == nil {
		return nil
	}
	if t := v.s.tenant(*v.u.tenant); t != nil {
		return v.s.tenantView(t)
	}
	return nil
}

// Roles resolves the user's roles.
func (v *userView) Roles(ctx context.Context, a rolesArgs) (*page[*roleView], error) {
	return v.s.roleList(callOf(ctx), a, func(r *role) bool { return slices.Contains(v.u.roles, r.id) })
}

// UserGroups resolves the user's groups.
func (v *userView) UserGroups(a groupsArgs) (*page[*groupView], error) {
	return v.s.groupList(a, func(g *group) bool { return slices.Contains(g.users, v.u.id) })
}

type userFilter struct {
	ID, TenantID, RoleID, UserProviderID                                    *idFilter
	Reference, RoleKey, Email, FirstName, LastName, Phone, Locale, Timezone *stringFilter
	UserGroupID                                                             *groupIDFilter
	UserGroupName                                                           *groupNameFilter
	Active, WithDeactivated                                                 *boolFilter
	OptedInAt                                                               *dateFilter
	Search                                                                  *string
}

// match hides deactivated users unless they are asked for, by withDeactivated
// or by active itself (FACTS.md section 5, inferred).
func (s *Simulator) match(f *userFilter, u *user) bool {
	hidden := !u.active && !s.q.ShowDeactivated
	if f == nil {
		return !hidden
	}
	if hidden && !f.WithDeactivated.isTrue() && f.Active == nil {
		return false
	}
	var keys, groupIDs, groupNames []string
	for _, r := range s.rolesOf(u) {
		keys = append(keys, r.Key)
	}
	for _, g := range s.groupsOf(u) {
		groupIDs, groupNames = append(groupIDs, g.id), append(groupNames, g.name)
	}
	return f.ID.match(&u.id) && f.TenantID.match(u.tenant) && f.Reference.match(&u.reference) && f.Email.match(&u.email) &&
		f.FirstName.match(u.first) && f.LastName.match(u.last) && f.Phone.match(u.phone) && f.Locale.match(u.locale) && f.Timezone.match(u.timezone) &&
		f.Active.match(u.active) && f.OptedInAt.match(u.optedIn) && f.UserProviderID.match(nil) &&
		f.RoleID.matchAny(u.roles) && f.RoleKey.matchAny(keys) && f.UserGroupID.match(groupIDs) && f.UserGroupName.match(groupNames) &&
		s.mentions(u, f.Search)
}

// mentions is the search within the filter: in the names and the address.
func (s *Simulator) mentions(u *user, part *string) bool {
	return part == nil || slices.ContainsFunc([]*string{&u.email, u.first, u.last}, func(v *string) bool { return s.contains(v, *part) })
}

func userColumn(u *user, name string) *string {
	switch name {
	case "createdAt":
		return timeColumn(u.created)
	case "updatedAt":
		return timeColumn(u.updated)
	case "active":
		return boolColumn(u.active)
	case "email":
		return &u.email
	case "firstName":
		return u.first
	case "lastName":
		return u.last
	case "locale":
		return u.locale
	case "phone":
		return u.phone
	}
	return u.timezone
}

type usersArgs struct {
	Filter *userFilter
	listArgs
}

// Users implements the query.
func (r *root) Users(ctx context.Context, a usersArgs) (*page[*userView], error) {
	c := callOf(ctx)
	return list(r.s, r.s.users, func(u *user) bool { return c.sees(u.tenant) && r.s.match(a.Filter, u) }, userColumn, a.listArgs, r.s.userView)
}

// User implements the query.
func (r *root) User(ctx context.Context, a struct{ ID graphql.ID }) (*userView, error) {
	u, err := r.s.userSeen(callOf(ctx), string(a.ID))
	if err != nil {
		return nil, err
	}
	return r.s.userView(u), nil
}

// UserProfiles implements the query.
func (r *root) UserProfiles(ctx context.Context, a usersArgs) (*page[*profileView], error) {
	c := callOf(ctx)
	return list(r.s, r.s.users, func(u *user) bool { return c.sees(u.tenant) && r.s.match(a.Filter, u) }, userColumn, a.listArgs, r.s.profileView)
}

// UserProfile implements the query.
func (r *root) UserProfile(ctx context.Context, a struct{ ID graphql.ID }) (*profileView, error) {
	u, err := r.s.userSeen(callOf(ctx), string(a.ID))
	if err != nil {
		return nil, err
	}
	return r.s.profileView(u), nil
}

// userSeen is the user with an id, for those who may see him.
func (s *Simulator) userSeen(c *call, id string) (*user, error) {
	if err := checkUUID(id); err != nil {
		return nil, err
	}
	u := s.user(id)
	if u == nil || !c.sees(u.tenant) {
		return nil, notFound(codeUserNotFound, "User", id)
	}
	return u, nil
}

// userFor is the user that a mutation works on.
func (r *root) userFor(ctx context.Context, field, id string) (*call, *user, error) {
	c := callOf(ctx)
	// Everybody may change what is his own.
	if own := c.actor != nil && strings.EqualFold(c.actor.id, id) && field != "assignRolesToUser" && field != "unassignRolesFromUser"; !own {
		if _, err := r.may(ctx, field); err != nil {
			return nil, nil, err
		}
	}
	u, err := r.s.userSeen(c, id)
	return c, u, err
}
