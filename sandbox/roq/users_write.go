package roq

import (
	"context"
	"fmt"
	"slices"
	"time"

	graphql "github.com/graph-gophers/graphql-go"
)

// userFields are what creating and updating have in common.
type userFields struct {
	TenantID                                                graphql.NullID
	FirstName, LastName, Phone, Locale, Timezone, AvatarURL graphql.NullString
	Active, IsOptedIn, TwoFactorEnabled                     graphql.NullBool
	CustomData                                              jsonObject
}

type userInput struct {
	Email, Reference string
	Password         *string
	Roles            *[]string
	userFields
}

type userUpdate struct {
	Email graphql.NullString
	userFields
}

// CreateUser implements the mutation. It sends no mail.
func (r *root) CreateUser(ctx context.Context, a struct{ User userInput }) (*userView, error) {
	s, in := r.s, a.User
	c, err := r.may(ctx, "createUser")
	if err != nil {
		return nil, err
	}
	if err := checkEmail("email", in.Email); err != nil {
		return nil, err
	}
	if err := checkFilled("reference", in.Reference); err != nil {
		return nil, err
	}
	if c.actor != nil && !in.TenantID.Set {
		in.TenantID = graphql.NullID{Set: true, Value: idOrNil(c.actor.tenant)}
	}
	if err := s.checkTenant(c, in.TenantID, "createUser"); err != nil {
		return nil, err
	}
	if err := s.checkRoles(in.Roles); err != nil {
		return nil, err
	}
	now := s.now()
	u := &user{email: in.Email, reference: in.Reference, active: true, created: now}
	if err := s.checkUnique(u, text(in.TenantID.Value)); err != nil {
		return nil, err
	}
	u.id = s.newID()
	u.apply(in.userFields, s)
	if in.Password != nil {
		u.password = *in.Password
	}
	if in.Roles != nil {
		s.assign(u, *in.Roles)
	}
	s.users = append(s.users, u)
	return s.userView(u), nil
}

// UpdateUser implements the mutation; what is null is emptied, what is absent
// stays.
func (r *root) UpdateUser(ctx context.Context, a struct {
	ID   graphql.ID
	User userUpdate
}) (*userView, error) {
	s, in := r.s, a.User
	c, u, err := r.userFor(ctx, "updateUser", string(a.ID))
	if err != nil {
		return nil, err
	}
	if in.Email.Set {
		address := ""
		if in.Email.Value != nil {
			address = *in.Email.Value
		}
		if err := checkEmail("email", address); err != nil {
			return nil, err
		}
		if other := s.known(address, u.tenant); other != nil && other != u {
			return nil, userExists(address)
		}
	}
	if err := s.checkTenant(c, in.TenantID, "updateUser"); err != nil {
		return nil, err
	}
	setText(&u.email, in.Email)
	u.apply(in.userFields, s)
	return s.userView(u), nil
}

func (u *user) apply(in userFields, s *Simulator) {
	now := s.now()
	u.updated = now
	if in.TenantID.Set {
		u.tenant = text(in.TenantID.Value)
	}
	setNull(&u.first, in.FirstName)
	setNull(&u.last, in.LastName)
	setNull(&u.phone, in.Phone)
	setNull(&u.locale, in.Locale)
	setNull(&u.timezone, in.Timezone)
	setNull(&u.avatar, in.AvatarURL)
	if in.Active.Value != nil {
		u.active = *in.Active.Value
	}
	if in.TwoFactorEnabled.Set {
		u.twoFactor = in.TwoFactorEnabled.Value
	}
	if in.IsOptedIn.Value != nil {
		u.optedIn = time.Time{}
		if *in.IsOptedIn.Value {
			u.optedIn = now
		}
	}
	if in.CustomData.set {
		u.custom = in.CustomData.value
	}
}

// checkTenant refuses a tenant that does not exist or is not the caller's.
func (s *Simulator) checkTenant(c *call, id graphql.NullID, field string) error {
	if !id.Set {
		return nil
	}
	if id.Value != nil {
		if err := checkUUID(string(*id.Value)); err != nil {
			return err
		}
		if s.tenant(string(*id.Value)) == nil {
			return notFound(codeTenantNotFound, "Tenant", string(*id.Value))
		}
	}
	if !c.sees(text(id.Value)) {
		return forbidden(field)
	}
	return nil
}

func (s *Simulator) checkUnique(u *user, tenantID *string) error {
	if s.known(u.email, tenantID) != nil {
		return userExists(u.email)
	}
	if slices.ContainsFunc(s.users, func(other *user) bool { return other.reference == u.reference }) {
		return badRequest(codeUserExists, fmt.Sprintf("The user with the reference %s already exists", u.reference), map[string]any{"reference": u.reference})
	}
	return nil
}

func userExists(email string) error {
	return badRequest(codeUserExists, "The user with the email address "+email+" already exists", map[string]any{"email": email})
}

type rolesInput struct {
	UserID   graphql.ID
	RoleKeys []string
}

// AssignRolesToUser implements the mutation; roles that the user has already
// are left as they are.
func (r *root) AssignRolesToUser(ctx context.Context, a rolesInput) (bool, error) {
	_, u, err := r.userFor(ctx, "assignRolesToUser", string(a.UserID))
	if err == nil {
		err = r.s.checkRoles(&a.RoleKeys)
	}
	if err != nil {
		return false, err
	}
	r.s.assign(u, a.RoleKeys)
	return true, nil
}

// UnassignRolesFromUser implements the mutation; roles that the user does not
// have are passed over.
func (r *root) UnassignRolesFromUser(ctx context.Context, a rolesInput) (bool, error) {
	_, u, err := r.userFor(ctx, "unassignRolesFromUser", string(a.UserID))
	if err == nil {
		err = r.s.checkRoles(&a.RoleKeys)
	}
	if err != nil {
		return false, err
	}
	u.roles = slices.DeleteFunc(u.roles, func(id string) bool { return slices.Contains(a.RoleKeys, r.s.role(id).Key) })
	return true, nil
}

// assign gives a user roles that exist.
func (s *Simulator) assign(u *user, keys []string) {
	for _, key := range keys {
		if r := s.roleByKey(key); r != nil && !slices.Contains(u.roles, r.id) {
			u.roles = append(u.roles, r.id)
		}
	}
}
