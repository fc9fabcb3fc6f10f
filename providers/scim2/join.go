package scim2

import (
	"context"
	"errors"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/scim"
)

// maxWrites is how often a group is written for one member that others' writes
// take away again, or get in between of.
const maxWrites = 6

// backOff is the longest wait after others' write got in between.
const backOff = 200 * time.Millisecond

// How often a group is looked at again after a write that it does not show, and
// the first wait before; it doubles for each.
const (
	moreLooks = 3
	lookAgain = 250 * time.Millisecond
)

// errNotJoined is the cause of the error for a write that had no effect.
var errNotJoined = errors.New("scim2: the group does not hold the account that was added")

// join puts an account into a group, which is read before each write and after:
// who is in it is not written again, and a write without effect is no success.
func (p *Provider) join(ctx context.Context, j providers.Journal, name, id, user string) error {
	if j.Step(name).Done {
		return nil
	}
	f, err := p.features(ctx)
	if err != nil {
		return err
	}
	if !f.patch {
		// Two who write a whole group at once would each write the other away.
		give, err := p.groups.Take(ctx, id)
		if err != nil {
			return err
		}
		defer give()
	}
	var before *group
	taken, patience := false, 0
	for n := 0; ; n++ {
		g, err := p.look(ctx, id, user, patience)
		begun := j.Step(name).Begun
		switch {
		case err != nil && begun:
			return &uncertain{err}
		case err != nil:
			return err
		case holds(g.Members, user):
			if before != nil && !f.patch {
				p.compare(ctx, before, g)
			}
			if !begun {
				return nil
			}
			return j.Done(ctx, name, nil)
		case n == maxWrites, n > 0 && f.patch:
			return p.withoutEffect(ctx, j, name, taken)
		}
		if before == nil && !f.patch {
			if err := p.checkShown(ctx, f, g); err != nil {
				return err
			}
		}
		before = g
		ok, err := p.write(ctx, j, name, f, g, user)
		if err != nil {
			return err
		}
		taken, patience = taken || ok, 0
		if ok {
			patience = moreLooks
		} else if err := p.deps.Sleep(ctx, time.Duration(float64(backOff)*p.deps.Jitter())); err != nil {
			return &uncertain{err}
		}
	}
}

// look reads a group, and again and again while it does not show an account
// that was just put into it: what was written may come into sight later, and
// whoever wrote a whole group from an old sight of it would undo it.
func (p *Provider) look(ctx context.Context, id, user string, patience int) (*group, error) {
	for n := 0; ; n++ {
		g, err := p.group(ctx, opJoin, id)
		if err != nil || n == patience || holds(g.Members, user) {
			return g, err
		}
		if err := p.deps.Sleep(ctx, lookAgain<<n); err != nil {
			return g, nil
		}
	}
}

// withoutEffect ends an attempt to join. taken: the service took a write.
func (p *Provider) withoutEffect(ctx context.Context, j providers.Journal, name string, taken bool) error {
	if taken {
		return &identity.Error{
			Code: identity.CodeProviderError, Unknown: true, Err: errNotJoined,
			Detail: "The identity provider took the account into the group and does not show it there.",
		}
	}
	if err := j.Undo(ctx, name); err != nil {
		return err
	}
	return identity.Errorf(identity.CodeProviderUnavailable, "The group is being changed at the identity provider by others. Try again.")
}

// write adds an account to a group once. ok is false where the group has
// changed since it was read.
func (p *Provider) write(ctx context.Context, j providers.Journal, name string, f *features, g *group, user string) (ok bool, err error) {
	if err := j.Begin(ctx, name); err != nil {
		return false, err
	}
	added := scim.Reference{Value: user}
	err = p.call(ctx, func(ctx context.Context) error {
		if f.patch {
			return p.scim.Patch(ctx, groupsPath, g.ID, scim.NewPatch(scim.Add("members", []scim.Reference{added})))
		}
		whole, err := scim.WithMember(g.raw, added)
		if err != nil {
			return &identity.Error{Code: identity.CodeProviderError, Err: err}
		}
		version := ""
		if f.etag {
			version = g.version
		}
		return p.scim.Replace(ctx, groupsPath, g.ID, whole, version)
	})
	switch {
	case err == nil:
		return true, nil
	case !f.patch && identity.CodeOf(err) == identity.CodePreconditionFailed:
		return false, nil
	case mayHaveActed(err):
		return false, meant(opJoin, err)
	}
	if undo := j.Undo(ctx, name); undo != nil {
		return false, undo
	}
	return false, meant(opJoin, err)
}
