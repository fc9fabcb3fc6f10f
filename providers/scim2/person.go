package scim2

import (
	"context"
	"slices"
	"sync/atomic"

	"usher/identity"
	"usher/scim"
	"usher/scim/client"
)

const (
	usersPath  = "/Users"
	groupsPath = "/Groups"
)

// find returns the account of the person behind an address, or nil. An answer
// is never taken at its word: an account counts if its user name is the address,
// or else if it lists the address among its e-mails.
func (p *Provider) find(ctx context.Context, a identity.Address) (*scim.User, error) {
	f, err := p.features(ctx)
	if err != nil {
		return nil, err
	}
	if f.filter {
		users, told, err := p.ask(ctx, f, a)
		if err != nil {
			return nil, err
		}
		found, err := p.pick(users, a)
		if found != nil || err != nil || told {
			return found, err
		}
	}
	return p.scan(ctx, a)
}

// ask looks for an address by filter. told: the service was able to answer, so
// nobody means that there is nobody.
func (p *Provider) ask(ctx context.Context, f *features, a identity.Address) (users []scim.User, told bool, err error) {
	var names, mails []scim.Filter
	for _, spelling := range p.spellings(a) {
		name, err := scim.Eq(scim.RFC, "userName", spelling)
		if err != nil {
			return nil, false, p.CheckAddress(a)
		}
		names = append(names, name)
		if p.settings.matchEmails {
			mail, err := scim.Eq(scim.RFC, "emails.value", spelling)
			if err != nil {
				return nil, false, p.CheckAddress(a)
			}
			mails = append(mails, mail)
		}
	}
	if !f.noOr.Load() && !f.noNames.Load() && !f.noEmails.Load() {
		users, err := p.matching(ctx, scim.Or(slices.Concat(names, mails)...))
		if !client.RefusesQuery(err) {
			return users, true, meant(opLook, err)
		}
		f.noOr.Store(true)
	}
	for _, part := range []struct {
		filters []scim.Filter
		refused *atomic.Bool
	}{{names, &f.noNames}, {mails, &f.noEmails}} {
		for _, filter := range part.filters {
			if part.refused.Load() {
				break
			}
			found, err := p.matching(ctx, filter)
			if client.RefusesQuery(err) {
				part.refused.Store(true)
				break
			}
			if err != nil {
				return nil, false, meant(opLook, err)
			}
			users = append(users, found...)
		}
	}
	return users, !f.noNames.Load() && (len(mails) == 0 || !f.noEmails.Load()), nil
}

// matching returns the users that a filter selects.
func (p *Provider) matching(ctx context.Context, f scim.Filter) (users []scim.User, err error) {
	err = p.call(ctx, func(ctx context.Context) (err error) {
		users, err = p.scim.FindUsers(ctx, f)
		return err
	})
	return users, err
}

// pick returns the one account of several that is the person's, or nil. A user
// name says more than a listed address.
func (p *Provider) pick(users []scim.User, a identity.Address) (*scim.User, error) {
	for _, is := range []func(scim.User, identity.Address) bool{p.named, p.listed} {
		var found *scim.User
		for n, u := range users {
			switch {
			case u.ID == "" || !is(u, a) || found != nil && found.ID == u.ID:
			case found == nil:
				found = &users[n]
			default:
				return nil, identity.FieldError(identity.CodeConflict, "/email",
					"Several accounts at the identity provider could be this person, and none of them can be told to be.")
			}
		}
		if found != nil {
			return found, nil
		}
	}
	return nil, nil
}

func (p *Provider) named(u scim.User, a identity.Address) bool { return p.same(u.UserName, a) }

func (p *Provider) listed(u scim.User, a identity.Address) bool {
	return p.settings.matchEmails && slices.ContainsFunc(u.Emails, func(e scim.Email) bool { return p.same(e.Value, a) })
}

// is reports whether an account is the person's.
func (p *Provider) is(u scim.User, a identity.Address) bool { return p.named(u, a) || p.listed(u, a) }

// scan looks for an address among all users, page by page.
func (p *Provider) scan(ctx context.Context, a identity.Address) (*scim.User, error) {
	var found []scim.User
	err := p.call(ctx, func(ctx context.Context) error {
		found = nil
		n := 0
		for u, err := range client.All[scim.User](ctx, p.scim, usersPath, scim.Filter{}) {
			if err != nil {
				return err
			}
			if n++; n > p.settings.MaxScan {
				return p.tooMany("users")
			}
			if p.is(u, a) {
				found = append(found, u)
			}
		}
		return nil
	})
	if err != nil {
		return nil, meant(opLook, err)
	}
	return p.pick(found, a)
}
