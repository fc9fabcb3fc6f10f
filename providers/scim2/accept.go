package scim2

import (
	"context"
	"errors"
	"slices"

	"usher/identity"
	"usher/providers"
	"usher/scim"
)

// The journalled steps; each role has one of its own.
const (
	stepUser         = providers.AcceptPrefix + "user"
	stepRole         = providers.AcceptPrefix + "role_"
	stepOrganization = providers.AcceptPrefix + "organization"
)

// resultID is the key of a step's result: the id of the account that was made.
// A step without it made a request that somebody at the service must approve.
const resultID = "id"

// Accept implements providers.Accepter. The group of the organization comes
// last: who is in it is a member, with everything that belongs to it.
func (p *Provider) Accept(ctx context.Context, r providers.AcceptRequest) (*identity.Member, error) {
	org, err := p.organization(ctx, r.Org)
	if identity.CodeOf(err) == identity.CodeNotFound {
		// not_found would say that the invitation is gone.
		return nil, &identity.Error{Code: identity.CodeProviderError, Detail: "The identity provider does not know the organization.", Err: err}
	}
	if err != nil {
		return nil, err
	}
	targets, err := p.targets(ctx, org, r.Roles)
	if err != nil {
		return nil, err
	}
	user, err := p.account(ctx, r.InviteRequest)
	switch {
	case err != nil:
		return nil, err
	case holds(org.Members, user.ID):
		return nil, alreadyMember()
	case r.Journal.Step(stepOrganization).Done:
		return nil, identity.Errorf(identity.CodeNotFound, "The membership was given, and has been taken back at the identity provider.")
	}
	for n, key := range r.Roles {
		if targets[n].ID == org.ID {
			continue
		}
		if err := p.join(ctx, r.Journal, stepRole+key, targets[n].ID, user.ID); err != nil {
			return nil, err
		}
	}
	if err := p.join(ctx, r.Journal, stepOrganization, org.ID, user.ID); err != nil {
		return nil, err
	}
	return p.member(r.Org, *user, slices.Sorted(slices.Values(r.Roles))), nil
}

// account returns the invitee's account, which is made if there is none.
func (p *Provider) account(ctx context.Context, r providers.InviteRequest) (*scim.User, error) {
	give, err := p.people.Take(ctx, r.EmailKey)
	if err != nil {
		return nil, err
	}
	defer give()
	user, err := p.find(ctx, r.Address)
	if user != nil || err != nil {
		return user, err
	}
	if made := r.Journal.Step(stepUser); made.Done {
		user, err := p.made(ctx, made.Result[resultID], r.Address)
		if user != nil || err != nil {
			return user, err
		}
	}
	return p.create(ctx, r)
}

// made returns the account that an earlier try made, or nil if it is gone.
func (p *Provider) made(ctx context.Context, id string, a identity.Address) (user *scim.User, err error) {
	if id == "" {
		return nil, awaitsApproval()
	}
	err = p.call(ctx, func(ctx context.Context) (err error) {
		user, err = p.scim.GetUser(ctx, id)
		return err
	})
	switch {
	case identity.CodeOf(err) == identity.CodeNotFound:
		return nil, nil
	case err != nil:
		return nil, meant(opLook, err)
	case user.ID != id || !p.is(*user, a):
		return nil, stranger(false)
	}
	return user, nil
}

func awaitsApproval() error {
	return identity.Errorf(identity.CodeConflict, "The account has been asked for, and waits for somebody's approval at the identity provider.")
}

// stranger is the error of an account that is not the one asked for.
func stranger(acted bool) error {
	return &identity.Error{
		Code: identity.CodeProviderError, Unknown: acted,
		Detail: "The identity provider answered with another account than the one asked for.",
		Err:    errors.New("scim2: the account is somebody else's"),
	}
}

// create makes the invitee's account. Where the service says that there is one,
// it is looked for among all: filters may compare more closely than the service
// itself does.
func (p *Provider) create(ctx context.Context, r providers.InviteRequest) (*scim.User, error) {
	var user *scim.User
	err := step(ctx, r.Journal, stepUser, func() (result map[string]string, err error) {
		err = p.call(ctx, func(ctx context.Context) (err error) {
			user, err = p.scim.CreateUser(ctx, p.newUser(r))
			return err
		})
		switch {
		case err != nil:
			return nil, err
		case user == nil:
			return map[string]string{}, nil
		case !p.is(*user, r.Address):
			return nil, stranger(true)
		}
		return map[string]string{resultID: user.ID}, nil
	})
	switch {
	case identity.CodeOf(err) == identity.CodeConflict && !mayHaveActed(err):
		user, look := p.scan(ctx, r.Address)
		if user != nil || look != nil {
			return user, look
		}
		return nil, meant(opCreate, err)
	case err != nil:
		return nil, meant(opCreate, err)
	case user == nil:
		return nil, awaitsApproval()
	}
	return user, nil
}

// newUser is the account of somebody who has proven an address by its link.
func (p *Provider) newUser(r providers.InviteRequest) scim.User {
	active := true
	return scim.User{
		UserName: r.Address.Key(p.deps.EmailRule), Active: &active, PreferredLanguage: r.Locale,
		Name:   scim.Name{GivenName: r.GivenName, FamilyName: r.FamilyName},
		Emails: []scim.Email{{Value: deliverable(r.Address), Type: "work", Primary: true}},
	}
}

// step runs one journalled write. A definite refusal takes the step back.
func step(ctx context.Context, j providers.Journal, name string, do func() (map[string]string, error)) error {
	if err := j.Begin(ctx, name); err != nil {
		return err
	}
	result, err := do()
	if err == nil {
		return j.Done(ctx, name, result)
	}
	if !mayHaveActed(err) {
		if undo := j.Undo(ctx, name); undo != nil {
			return undo
		}
	}
	return err
}
