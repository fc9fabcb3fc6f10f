package roq

import (
	"context"

	graphql "github.com/graph-gophers/graphql-go"
)

// ChangeUserPasswordV2 implements the mutation that SDK 1.0.20 uses.
func (r *root) ChangeUserPasswordV2(ctx context.Context, a struct {
	Data struct{ UserID, Password, NewPassword string }
}) (bool, error) {
	return r.changePassword(ctx, "changeUserPasswordV2", a.Data.UserID, a.Data.Password, a.Data.NewPassword)
}

// ChangeUserPassword implements the older mutation.
func (r *root) ChangeUserPassword(ctx context.Context, a struct {
	ID    graphql.ID
	Input struct{ Password, NewPassword string }
}) (bool, error) {
	return r.changePassword(ctx, "changeUserPassword", string(a.ID), a.Input.Password, a.Input.NewPassword)
}

func (r *root) changePassword(ctx context.Context, field, id, old, next string) (bool, error) {
	_, u, err := r.userFor(ctx, field, id)
	if err != nil {
		return false, err
	}
	if err := checkFilled("newPassword", next); err != nil {
		return false, err
	}
	if u.password == "" || u.password != old {
		return false, badRequest(codeInvalidCredentials, messageCredentials, nil)
	}
	u.password, u.updated = next, r.s.now()
	return true, nil
}

// VerifyPassword implements the mutation: a wrong password is false, no error.
func (r *root) VerifyPassword(ctx context.Context, a struct {
	UserID   graphql.ID
	Password string
}) (bool, error) {
	_, u, err := r.userFor(ctx, "verifyPassword", string(a.UserID))
	if err != nil {
		return false, err
	}
	return u.password != "" && u.password == a.Password, nil
}
