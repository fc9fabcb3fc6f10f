package nile

import (
	"context"

	"usher/identity"
	"usher/providers"
	"usher/providers/nile/internal"
)

// invites returns a tenant's invitations and the id of the user who asked. A row
// of another tenant ends everything: a server without row-level rules lists all
// of them (FACTS.md section 9, 18).
func (p *Provider) invites(ctx context.Context, tenant string) (rows []internal.Invite, own string, err error) {
	err = p.use(ctx, func(s *internal.Session) (err error) {
		own = s.UserID
		rows, err = p.client.Invites(ctx, s, tenant)
		return err
	})
	for n := range rows {
		if !internal.SameID(rows[n].TenantID, tenant) {
			return nil, "", wrongOrganization(false)
		}
	}
	return rows, own, err
}

// invite returns an address's invitation, or nil. By the vendor's rule there is
// one of each spelling: the one of the id counts first, then the one spelled as
// usher does, then one that is pending.
func (p *Provider) invite(rows []internal.Invite, id string, a identity.Address) *internal.Invite {
	var found *internal.Invite
	best := 0
	for n := range rows {
		row := &rows[n]
		if !p.same(row.Identifier, a) {
			continue
		}
		rank := 1
		switch {
		case internal.SameID(row.ID, id):
			rank = 4
		case row.Identifier == p.address(a):
			rank = 3
		case p.isPending(row):
			rank = 2
		}
		if rank > best {
			best, found = rank, row
		}
	}
	return found
}

// isPending reports whether an invitation can still be accepted. Expired ones
// stay in the list (FACTS.md section 4).
func (p *Provider) isPending(row *internal.Invite) bool { return row.Expires.After(p.deps.Now()) }

// ListInvites implements providers.InviteLister: all of them on one page, since
// the vendor has no others. Those that were accepted or withdrawn are gone.
func (p *Provider) ListInvites(ctx context.Context, org identity.OrgRef, r identity.PageRequest) (*identity.Page[providers.RemoteInvite], error) {
	if r.Cursor != "" {
		return nil, foreignCursor()
	}
	tenant, err := tenantOf(org)
	if err != nil {
		return nil, err
	}
	rows, _, err := p.invites(ctx, tenant)
	if err != nil {
		return nil, explain(err)
	}
	page := &identity.Page[providers.RemoteInvite]{Items: make([]providers.RemoteInvite, 0, len(rows))}
	for n := range rows {
		row := &rows[n]
		state := identity.StatePending
		if !p.isPending(row) {
			state = identity.StateExpired
		}
		page.Items = append(page.Items, providers.RemoteInvite{
			ProviderID: row.ID, Email: row.Identifier, State: state, Roles: []string{p.role},
			ExpiresAt: expiry(row), Reference: map[string]string{refID: row.ID},
		})
	}
	return page, nil
}

// Revoke implements providers.Revoker. The vendor answers a withdrawal alike
// whether there was something or not (FACTS.md section 9, 6), so the list is
// read first, and with it the organization.
func (p *Provider) Revoke(ctx context.Context, ref providers.InviteRef) error {
	tenant, err := tenantOf(ref.Org)
	if err != nil {
		return err
	}
	rows, _, err := p.invites(ctx, tenant)
	if err != nil {
		return shut(err)
	}
	row := p.invite(rows, ref.ProviderID, ref.Address)
	if row == nil {
		return noInvitation()
	}
	return shut(p.remove(ctx, tenant, row.ID))
}

// remove deletes an invitation that was read before.
func (p *Provider) remove(ctx context.Context, tenant, id string) error {
	return p.use(ctx, func(s *internal.Session) error { return p.client.Delete(ctx, s, tenant, id) })
}

func noInvitation() error {
	return identity.Errorf(identity.CodeNotFound, "The identity provider has no such invitation.")
}

func foreignCursor() error {
	return identity.FieldError(identity.CodeInvalidRequest, "query:cursor", "The cursor is not one of ours.")
}
