package roq

import (
	"context"

	graphql "github.com/graph-gophers/graphql-go"
)

// tooLate is the refusal of a transition (FACTS.md section 4.4).
func tooLate(code, text, status string) error {
	return badRequest(code, text+" because invite is already "+status, map[string]any{"userInviteStatus": status})
}

// ResendUserInvite implements the mutation: whatever is not accepted becomes
// pending again, under the same id.
func (r *root) ResendUserInvite(ctx context.Context, a struct{ ID graphql.ID }) (*inviteView, error) {
	c, i, err := r.inviteToChange(ctx, "resendUserInvite", string(a.ID))
	if err != nil {
		return nil, err
	}
	s := r.s
	if i.status == accepted {
		return nil, tooLate(codeResendFailed, "Unable to resend", i.status)
	}
	if !s.q.ResendKeepsStatus {
		now := s.now()
		i.set(pending, now)
		i.validTill = now.Add(s.inviteLife())
	}
	if s.q.ResendNewToken {
		i.token = newToken()
	}
	if s.q.ResendNewTokenID {
		i.tokenID = s.newID()
	}
	s.mailInvite(c, i)
	return s.inviteView(i), nil
}

// CancelUserInvite implements the mutation.
func (r *root) CancelUserInvite(ctx context.Context, a struct{ ID graphql.ID }) (*inviteView, error) {
	_, i, err := r.inviteToChange(ctx, "cancelUserInvite", string(a.ID))
	if err != nil {
		return nil, err
	}
	if i.status != pending && (i.status != expired || !r.s.q.CancelExpired) {
		return nil, tooLate(codeCancelFailed, "Unable to cancel user invite", i.status)
	}
	i.set(canceled, r.s.now())
	return r.s.inviteView(i), nil
}

type inviteUpdate struct {
	FirstName, LastName, Locale graphql.NullString
	Data                        jsonObject
	AcceptedByUserID            graphql.NullID
}

// UpdateUserInvite implements the mutation, which changes no status.
func (r *root) UpdateUserInvite(ctx context.Context, a struct {
	ID         graphql.ID
	UserInvite inviteUpdate
}) (*inviteView, error) {
	_, i, err := r.inviteToChange(ctx, "updateUserInvite", string(a.ID))
	if err != nil {
		return nil, err
	}
	in := a.UserInvite
	if by := text(in.AcceptedByUserID.Value); by != nil {
		if err := checkUUID(*by); err != nil {
			return nil, err
		}
		if r.s.user(*by) == nil {
			return nil, notFound(codeUserNotFound, "User", *by)
		}
	}
	if in.AcceptedByUserID.Set {
		i.acceptedBy = text(in.AcceptedByUserID.Value)
	}
	setText(&i.first, in.FirstName)
	setText(&i.last, in.LastName)
	setNull(&i.locale, in.Locale)
	if in.Data.set {
		i.data = in.Data.value
	}
	i.updated = r.s.now()
	return r.s.inviteView(i), nil
}

func (r *root) inviteToChange(ctx context.Context, field, id string) (*call, *invite, error) {
	c, err := r.may(ctx, field)
	if err != nil {
		return nil, nil, err
	}
	i, err := r.s.inviteFor(c, id)
	return c, i, err
}

type tokenInput struct{ Token string }

// AcceptUserInviteV2 implements the mutation.
func (r *root) AcceptUserInviteV2(a struct{ Data tokenInput }) (*inviteView, error) {
	return r.accept(a.Data.Token)
}

// AcceptUserInvite implements the older mutation.
func (r *root) AcceptUserInvite(a struct{ AcceptUserInvite tokenInput }) (*inviteView, error) {
	return r.accept(a.AcceptUserInvite.Token)
}

// accept needs no permission: who has the token got the mail.
func (r *root) accept(token string) (*inviteView, error) {
	i, err := r.s.accept(token, !r.s.q.AcceptWithoutUser, "")
	if err != nil {
		return nil, err
	}
	return r.s.inviteView(i), nil
}

// accept takes up the invitation of a token; with signUp, for a user that is
// made or found.
func (s *Simulator) accept(token string, signUp bool, password string) (*invite, error) {
	i := find(s.invites, func(i *invite) bool { return i.token == token })
	switch {
	case token == "":
		return nil, badRequest(codeTokenInvalid, "Token is invalid", nil)
	case i == nil:
		return nil, &failure{404, codeTokenUnknown, "Token not found", nil}
	}
	status := i.status
	if status == pending && !i.validTill.After(s.now()) {
		status = expired
	}
	switch {
	case status == pending:
	case status == expired && !s.q.AcceptByStatus:
		return nil, badRequest(codeTokenExpired, "Token has been expired", nil)
	case status == accepted && !s.q.AcceptByStatus:
		return nil, badRequest(codeAlreadyAccepted, "Invite has already been accepted", nil)
	default:
		return nil, tooLate(codeAcceptFailed, "Unable to accept", status)
	}
	if signUp {
		i.acceptedBy = ptr(s.signUp(i, password).id)
	}
	i.set(accepted, s.now())
	return i, nil
}

// signUp makes the user of an invitation, or finds the one of its address, and
// gives him the roles: those of the invitation or, without any, the inviter's.
func (s *Simulator) signUp(i *invite, password string) *user {
	u := s.known(i.email, i.tenant)
	now := s.now()
	if u == nil {
		u = &user{id: s.newID(), email: i.email, first: ptr(i.first), last: ptr(i.last), locale: i.locale, active: true,
			password: password, confirmed: true, created: now}
		u.reference = s.newID()
		s.users = append(s.users, u)
	}
	if u.tenant == nil {
		u.tenant = i.tenant
	}
	u.updated = now
	keys := i.roleKeys
	if inviter := s.user(i.creator); len(keys) == 0 && inviter != nil {
		for _, r := range s.rolesOf(inviter) {
			keys = append(keys, r.Key)
		}
	}
	s.assign(u, keys)
	return u
}

// setText changes a text that is never null.
func setText(at *string, v graphql.NullString) {
	switch {
	case v.Value != nil:
		*at = *v.Value
	case v.Set:
		*at = ""
	}
}

func setNull(at **string, v graphql.NullString) {
	if v.Set {
		*at = v.Value
	}
}
