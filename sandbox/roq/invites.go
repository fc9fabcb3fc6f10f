package roq

import (
	"context"
	"slices"

	graphql "github.com/graph-gophers/graphql-go"
)

// inviteView is UserInviteModel.
type inviteView struct {
	ID               graphql.ID
	TenantID         *graphql.ID
	Email            string
	FirstName        *string
	LastName         *string
	Locale           *string
	Data             *jsonObject
	RoleKeys         *[]string
	Status           string
	StatusUpdatedAt  *date
	UserTokenID      graphql.ID
	CreatedByUserID  graphql.ID
	AcceptedByUserID *graphql.ID
	CreatedAt        date
	UpdatedAt        *date

	s *Simulator
	i *invite
}

func (s *Simulator) inviteView(i *invite) *inviteView {
	keys := slices.Clone(i.roleKeys)
	return &inviteView{
		ID: graphql.ID(i.id), TenantID: idOrNil(i.tenant), Email: i.email, FirstName: ptr(i.first), LastName: ptr(i.last), Locale: i.locale,
		Data: objectOrNil(i.data), RoleKeys: &keys, Status: i.status, StatusUpdatedAt: dateOrNil(i.statusUpdated),
		UserTokenID: graphql.ID(i.tokenID), CreatedByUserID: graphql.ID(i.creator), AcceptedByUserID: idOrNil(i.acceptedBy),
		CreatedAt: dateOf(i.created), UpdatedAt: dateOrNil(i.updated), s: s, i: i,
	}
}

// CreatedBy resolves the inviter.
func (v *inviteView) CreatedBy(usersArgs) (*userView, error) {
	u := v.s.user(v.i.creator)
	if u == nil {
		return nil, notFound(codeUserNotFound, "User", v.i.creator)
	}
	return v.s.userView(u), nil
}

// AcceptedBy resolves who accepted, null before.
func (v *inviteView) AcceptedBy(usersArgs) *userView {
	if v.i.acceptedBy == nil {
		return nil
	}
	if u := v.s.user(*v.i.acceptedBy); u != nil {
		return v.s.userView(u)
	}
	return nil
}

// Roles resolves the roles asked for, as far as they exist.
func (v *inviteView) Roles(ctx context.Context, a rolesArgs) (*page[*roleView], error) {
	return v.s.roleList(callOf(ctx), a, func(r *role) bool { return slices.Contains(v.i.roleKeys, r.Key) })
}

type inviteFilter struct {
	ID, TenantID, UserTokenID, CreatedByUserID, AcceptedByUserID *idFilter
	Email, FirstName, LastName, Locale, Status                   *stringFilter
}

func (f *inviteFilter) match(i *invite) bool {
	return f == nil ||
		f.ID.match(&i.id) && f.TenantID.match(i.tenant) && f.UserTokenID.match(&i.tokenID) && f.CreatedByUserID.match(&i.creator) &&
			f.AcceptedByUserID.match(i.acceptedBy) && f.Email.match(&i.email) && f.FirstName.match(&i.first) && f.LastName.match(&i.last) &&
			f.Locale.match(i.locale) && f.Status.match(&i.status)
}

func inviteColumn(i *invite, name string) *string {
	switch name {
	case "createdAt":
		return timeColumn(i.created)
	case "updatedAt":
		return timeColumn(i.updated)
	case "email":
		return &i.email
	case "firstName":
		return &i.first
	case "lastName":
		return &i.last
	case "locale":
		return i.locale
	case "status":
		return &i.status
	}
	return jsonColumn(i.data)
}

type invitesArgs struct {
	Filter *inviteFilter
	listArgs
}

// UserInvites implements the query.
func (r *root) UserInvites(ctx context.Context, a invitesArgs) (*page[*inviteView], error) {
	c := callOf(ctx)
	return list(r.s, r.s.invites, func(i *invite) bool { return c.sees(i.tenant) && a.Filter.match(i) }, inviteColumn, a.listArgs, r.s.inviteView)
}

// UserInvite implements the query.
func (r *root) UserInvite(ctx context.Context, a struct{ ID graphql.ID }) (*inviteView, error) {
	i, err := r.s.inviteFor(callOf(ctx), string(a.ID))
	if err != nil {
		return nil, err
	}
	return r.s.inviteView(i), nil
}

// inviteFor is the invitation with an id, for those who may see it.
func (s *Simulator) inviteFor(c *call, id string) (*invite, error) {
	if err := checkUUID(id); err != nil {
		return nil, err
	}
	i := s.invite(id)
	if i == nil || !c.sees(i.tenant) {
		return nil, notFound(codeInviteNotFound, "UserInvite", id)
	}
	return i, nil
}

type tokenCheck struct {
	IsValid   bool
	IsExpired *bool
	Email     *string
}

// CheckUserInviteToken implements the query: a token is valid as long as it
// can be accepted.
func (r *root) CheckUserInviteToken(a struct{ Token string }) tokenCheck {
	i := find(r.s.invites, func(i *invite) bool { return i.token == a.Token })
	if i == nil {
		return tokenCheck{}
	}
	over := !i.validTill.After(r.s.now())
	return tokenCheck{IsValid: i.status == pending && !over, IsExpired: &over, Email: &i.email}
}

func idOrNil(id *string) *graphql.ID {
	if id == nil {
		return nil
	}
	return ptr(graphql.ID(*id))
}
