package nile

import (
	"context"
	"errors"

	"usher/identity"
	"usher/providers"
	"usher/providers/nile/internal"
)

// acceptance is an invitation that is being taken up.
type acceptance struct {
	*Provider
	request providers.AcceptRequest
	tenant  string
}

// Accept implements providers.Accepter: it presents the invitation's token,
// which anybody who knows it could. Nobody has to be signed in, and that the
// person may do this is not the vendor's business (FACTS.md section 6).
func (p *Provider) Accept(ctx context.Context, r providers.AcceptRequest) (*identity.Member, error) {
	tenant, err := tenantOf(r.Org)
	if err != nil {
		return nil, err
	}
	if err := p.checkRoles(r.Roles); err != nil {
		return nil, err
	}
	a := &acceptance{Provider: p, request: r, tenant: tenant}
	user, err := a.run(ctx)
	if err != nil {
		return nil, shut(err)
	}
	return p.member(r.Org, user), nil
}

// errRotated: the invitation was sent again between the look at it and the call.
var errRotated = &identity.Error{
	Code: identity.CodeConflict, Detail: "The invitation is being sent again. Try once more.",
}

// run makes the invitee a member. A token that was replaced under it is looked
// up once more.
func (a *acceptance) run(ctx context.Context) (*internal.User, error) {
	user, err := a.take(ctx)
	if errors.Is(err, errRotated) {
		return a.take(ctx)
	}
	return user, err
}

// take looks and accepts. Everything that the vendor would punish by burning the
// invitation is looked for before it is asked.
func (a *acceptance) take(ctx context.Context) (*internal.User, error) {
	j := a.request.Journal
	users, row, err := a.look(ctx)
	if err != nil {
		return nil, err
	}
	if user := a.holder(users, a.request.Address); user != nil {
		if !lost(j, stepAccept) {
			return nil, alreadyMember()
		}
		return user, j.Done(ctx, stepAccept, nil)
	}
	if row == nil {
		return nil, noInvitation()
	}
	if err := a.acceptable(users, row); err != nil {
		return nil, err
	}
	var user *internal.User
	err = step(ctx, j, stepAccept, func() (map[string]string, error) {
		err := a.client.Accept(ctx, a.tenant, row, a.callback(a.request.RedirectURL))
		if err != nil && !mayHaveActed(err) && internal.AsAPIError(err) == nil {
			return nil, err // it was not sent
		}
		user, err = a.became(ctx, row, err)
		return nil, err
	})
	return user, err
}

// look returns the tenant's members and the address's invitation, or nil.
func (a *acceptance) look(ctx context.Context) ([]internal.User, *internal.Invite, error) {
	users, err := a.users(ctx, a.tenant)
	if err != nil {
		return nil, nil, err
	}
	rows, _, err := a.invites(ctx, a.tenant)
	return users, a.invite(rows, a.request.ProviderID, a.request.Address), err
}

func (a *acceptance) acceptable(users []internal.User, row *internal.Invite) error {
	switch {
	case !a.isPending(row):
		return identity.Errorf(identity.CodeInviteExpired, "The invitation has expired.")
	case row.CreatedBy != "" && !hasUser(users, row.CreatedBy):
		return identity.Errorf(identity.CodeConflict,
			"Who sent the invitation has left the organization, so the identity provider does not honour it. It has to be sent again.")
	case !internal.IsToken(row.Token.Reveal()) || !internal.IsEmail(row.Identifier):
		return &identity.Error{Code: identity.CodeProviderError, Err: errors.New("nile: the invitation cannot be presented as it is listed")}
	default:
		return nil
	}
}

// became looks at what came of an acceptance. The vendor's word is not enough: a
// token that was used, one that was replaced and a broken database have the same
// refusal, and a lost answer has none (FACTS.md section 6).
func (a *acceptance) became(ctx context.Context, row *internal.Invite, refusal error) (*internal.User, error) {
	acted := refusal == nil || mayHaveActed(refusal)
	unknown := func(err error) error {
		if acted {
			return &uncertain{err}
		}
		return err
	}
	users, now, err := a.look(ctx)
	if err != nil {
		return nil, unknown(then(refusal, err))
	}
	user, e := a.holder(users, a.request.Address), internal.AsAPIError(refusal)
	switch {
	case user != nil && acted:
		return user, nil
	case user != nil:
		return nil, alreadyMember() // by another way, in between
	case refusal == nil:
		return nil, &identity.Error{
			Code: identity.CodeProviderError, Unknown: true, Detail: "The identity provider took the invitation up and does not list the member.",
		}
	case acted:
		return nil, refusal
	case now != nil && now.Mark() != row.Mark():
		return nil, errRotated
	case e != nil && e.Reason == internal.ReasonNoInvite && now != nil:
		return nil, &identity.Error{Code: identity.CodeProviderError, Err: refusal} // it is there, and was not found
	default:
		return nil, refusal
	}
}
