package roq

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/roq/internal"
)

// How a tenant's invitations are read. The vendor cuts longer pages down to its
// own limit (FACTS.md section 4.5).
const (
	invitePage   = 500
	invitePages  = 2000 // of one reading
	inviteRounds = 2    // readings, if rows are missing
)

// ListInvites implements providers.InviteLister: all of them at once, since
// only the whole list can be told to be whole.
func (p *Provider) ListInvites(ctx context.Context, org identity.OrgRef, r identity.PageRequest) (*identity.Page[providers.RemoteInvite], error) {
	if r.Cursor != "" {
		return nil, badCursor()
	}
	rows, err := p.invitations(ctx, org)
	if err != nil {
		return nil, explain(err)
	}
	page := &identity.Page[providers.RemoteInvite]{Items: make([]providers.RemoteInvite, 0, len(rows))}
	for n := range rows {
		state, ok := p.stateOf(&rows[n])
		if !ok {
			p.deps.Logger.LogAttrs(ctx, slog.LevelWarn, "an invitation at the provider is listed in a way that is not understood",
				slog.String("organization", org.ID), slog.String("status", internal.Short(rows[n].Status)))
			continue
		}
		page.Items = append(page.Items, p.remote(&rows[n], state))
	}
	return page, nil
}

// invitations reads every invitation of a tenant. Rows of one moment have no
// order among themselves, so one can stand on two pages and another on none:
// the rows are counted, and read again if some are missing. An invitation that
// is not in the list would count as gone.
func (p *Provider) invitations(ctx context.Context, org identity.OrgRef) ([]internal.Invite, error) {
	tenant, err := tenantOf(org)
	if err != nil {
		return nil, err
	}
	var rows []internal.Invite
	have := map[string]bool{}
	for range inviteRounds {
		total, err := p.readAll(ctx, tenant, func(row internal.Invite) {
			if row.ID != "" && !have[row.ID] {
				have[row.ID] = true
				rows = append(rows, row)
			}
		})
		if err != nil {
			return nil, err
		}
		if len(rows) >= total {
			return rows, nil
		}
	}
	return nil, &identity.Error{Code: identity.CodeProviderError, Detail: "The identity provider lists fewer invitations than it counts."}
}

// readAll reads a list once, to its end, and returns how long it says it is.
func (p *Provider) readAll(ctx context.Context, tenant string, take func(internal.Invite)) (total int, err error) {
	offset := 0
	for range invitePages {
		var page *internal.InvitePage
		err := p.use(ctx, func(token string) (err error) {
			page, err = p.client.Invites(ctx, token, tenant, invitePage, offset)
			return err
		})
		if err != nil {
			return 0, err
		}
		if err := isThere(page.Tenants.Data, tenant); err != nil {
			return 0, err
		}
		for _, row := range page.UserInvites.Data {
			if !sameID(row.TenantID, tenant) {
				return 0, wrongOrganization(false)
			}
			take(row)
		}
		offset += len(page.UserInvites.Data)
		total = page.UserInvites.TotalCount
		if len(page.UserInvites.Data) == 0 || offset >= total {
			break
		}
	}
	return total, nil
}

// stateOf is what an invitation's status means. One that is past its life is
// over, whatever its status says: see over.
func (p *Provider) stateOf(row *internal.Invite) (identity.State, bool) {
	switch row.Status {
	case internal.StatusPending:
		if p.over(row) {
			return identity.StateExpired, true
		}
		return identity.StatePending, true
	case internal.StatusAccepted:
		return identity.StateAccepted, true
	case internal.StatusCanceled:
		return identity.StateRevoked, true
	case internal.StatusExpired:
		return identity.StateExpired, true
	default:
		return "", false
	}
}

func (p *Provider) remote(row *internal.Invite, state identity.State) providers.RemoteInvite {
	roles, unmapped := p.portable(row.Granted())
	remote := providers.RemoteInvite{
		ProviderID: row.ID, InviteID: row.Reference(), Email: row.Email, State: state, Roles: roles, UnmappedRoles: unmapped,
		CreatedAt: timeOf(row.CreatedAt), Reference: map[string]string{refID: row.ID},
	}
	if row.Status == internal.StatusPending {
		remote.ExpiresAt = p.expiry(row, time.Time{})
	}
	return remote
}

// portable returns the portable keys of the vendor's, sorted, and whether there
// are some without one.
func (p *Provider) portable(granted []string) (keys []string, unmapped bool) {
	keys = []string{}
	for _, name := range granted {
		known := false
		for key, mapped := range p.deps.Roles {
			if mapped == name {
				known = true
				keys = append(keys, key)
			}
		}
		unmapped = unmapped || !known
	}
	slices.Sort(keys)
	return slices.Compact(keys), unmapped
}

func badCursor() error {
	return identity.FieldError(identity.CodeInvalidRequest, "query:cursor", "The cursor is not one of ours.")
}
