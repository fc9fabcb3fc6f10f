package scim2

import (
	"context"
	"log/slog"
	"slices"

	"usher/identity"
	"usher/scim"
	"usher/scim/client"
)

// checkShown refuses to write a group as a whole that does not show who is in
// it: they would all be gone. One that shows nobody is empty unless somebody's
// account says otherwise (RFC 7643 section 4.1.2, "groups").
func (p *Provider) checkShown(ctx context.Context, f *features, g *group) error {
	if len(g.Members) > 0 {
		return nil
	}
	var within bool
	seek := func(filter scim.Filter) error {
		return p.call(ctx, func(ctx context.Context) error {
			n := 0
			for u, err := range client.All[scim.User](ctx, p.scim, usersPath, filter, "userName", "groups") {
				if err != nil {
					return err
				}
				if n++; n > p.settings.MaxScan {
					return p.tooMany("users")
				}
				if within = slices.ContainsFunc(u.Groups, func(r scim.Reference) bool { return r.Value == g.ID }); within {
					return nil
				}
			}
			return nil
		})
	}
	filter, err := scim.Eq(scim.RFC, "groups.value", g.ID)
	if err != nil || !f.filter {
		filter = scim.Filter{}
	}
	err = seek(filter)
	if filter.String() != "" && (client.RefusesQuery(err) || err == nil && !within) {
		// A filter by what a service does not have finds nobody (RFC 7644 section 3.4.2.1).
		err = seek(scim.Filter{})
	}
	switch {
	case err != nil:
		return meant(opLook, err)
	case within:
		return identity.Errorf(identity.CodeUnsupported,
			"The identity provider does not show who is in its groups and takes them as a whole only, so nobody can be added without losing the others.")
	}
	return nil
}

// compare tells the operator of members who were there before a group was
// written as a whole and are not any more. Whoever took them out may have meant
// it, so they are not put back.
func (p *Provider) compare(ctx context.Context, before, after *group) {
	gone := 0
	for _, r := range before.Members {
		if isUser(r) && !holds(after.Members, r.Value) {
			gone++
		}
	}
	if gone > 0 {
		p.deps.Logger.LogAttrs(ctx, slog.LevelWarn, "members left a group while it was written",
			slog.String("group", after.ID), slog.Int("members", gone))
	}
}
