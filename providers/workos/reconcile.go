package workos

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/workos/internal"
)

// maxPages bounds the walk through one address's invitations.
const maxPages = 100

// rows returns every invitation of an address in an organization, oldest first,
// in whatever state: the vendor filters by none (FACTS.md section 13.3).
func (p *Provider) rows(ctx context.Context, org identity.OrgRef, address string) ([]internal.Invitation, error) {
	filter := address
	if !ascii(address) {
		filter = "" // the vendor's filter does not take it; what is listed is compared
	}
	var rows []internal.Invitation
	after := ""
	for range maxPages {
		page, err := p.page(ctx, org, filter, internal.MaxPage, after)
		if err != nil {
			return nil, err
		}
		for _, row := range page.Data {
			if internal.ValidID(row.ID) && p.same(row.Email, address) {
				rows = append(rows, row)
			}
		}
		if after = page.Metadata.After; after == "" {
			return rows, nil
		}
	}
	return nil, endless()
}

// page returns one page of an organization's invitations, and only if all of
// them are that organization's.
func (p *Provider) page(ctx context.Context, org identity.OrgRef, email string, limit int, after string) (*internal.List[internal.Invitation], error) {
	if err := checkOrganization(org); err != nil {
		return nil, err
	}
	page, err := p.client.Invitations(ctx, org.ProviderID, email, limit, after)
	if err != nil {
		return nil, err
	}
	for _, row := range page.Data {
		if row.OrganizationID != org.ProviderID {
			return nil, wrongAnswer("another organization", false)
		}
	}
	return page, nextPage(page.Metadata.After, after)
}

// nextPage refuses a cursor that leads nowhere or back to the same page.
func nextPage(next, from string) error {
	if next != "" && (next == from || !internal.ValidID(next)) {
		return endless()
	}
	return nil
}

func endless() error {
	return &identity.Error{Code: identity.CodeProviderError, Detail: "The identity provider's list has no end."}
}

// pending returns the pending invitation with the id, else the newest pending
// one, or nil. The vendor lets an address have one in an organization.
func pending(rows []internal.Invitation, id string) *internal.Invitation {
	var found *internal.Invitation
	for n := range rows {
		if rows[n].State != internal.StatePending {
			continue
		}
		if found = &rows[n]; found.ID == id {
			break
		}
	}
	return found
}

// past reports that an invitation has run out, whether the vendor has noticed
// or not: its state may turn only when it is looked at (FACTS.md section 6.2).
func (p *Provider) past(row *internal.Invitation) bool {
	return row.ExpiresAt != nil && !row.ExpiresAt.After(p.deps.Now())
}

// mine returns the invitation that a lost call of this attempt made, or nil.
// There is no reference to know it by. It has the role that was asked for, was
// made since the attempt began, and had not ended before. Of several, the
// pending one.
func (s *sending) mine(rows []internal.Invitation) *internal.Invitation {
	role, err := s.roleSlug()
	if err != nil {
		role = "" // it cannot be told any more
	}
	began := s.beginning()
	var found *internal.Invitation
	for n := range rows {
		row := &rows[n]
		switch {
		case role != "" && row.RoleSlug != "" && row.RoleSlug != role,
			row.CreatedAt.Before(began.at.Add(-skew)),
			row.ID == began.id, // it was there before
			endedBefore(row, began.at):
		case found == nil || found.State != internal.StatePending:
			found = row
		}
	}
	return found
}

func endedBefore(row *internal.Invitation, at time.Time) bool {
	for _, end := range []*time.Time{row.AcceptedAt, row.RevokedAt, row.ExpiresAt} {
		if end != nil && end.Before(at) {
			return true
		}
	}
	return false
}

// doubtful reports that an invitation was revoked so near to when the attempt
// began that, clocks being what they are, it may be one from before.
func (s *sending) doubtful(row *internal.Invitation) bool {
	return row.State == internal.StateRevoked && row.RevokedAt != nil && row.RevokedAt.Before(s.beginning().at.Add(skew))
}

// ListInvites implements providers.InviteLister. The cursor is the vendor's.
func (p *Provider) ListInvites(ctx context.Context, org identity.OrgRef, r identity.PageRequest) (*identity.Page[providers.RemoteInvite], error) {
	limit, err := pageSize(r, "invitation_")
	if err != nil {
		return nil, err
	}
	page, err := p.page(ctx, org, "", limit, r.Cursor)
	if err == nil && r.Cursor == "" && len(page.Data) == 0 {
		err = p.isThere(ctx, org)
	}
	if err != nil {
		return nil, explain(err)
	}
	list := &identity.Page[providers.RemoteInvite]{Items: make([]providers.RemoteInvite, 0, len(page.Data)), Next: page.Metadata.After}
	for n := range page.Data {
		row := &page.Data[n]
		state, ok := p.stateOf(row)
		if !ok || !internal.ValidID(row.ID) {
			p.deps.Logger.LogAttrs(ctx, slog.LevelWarn, "an invitation at the provider is listed in a way that is not understood",
				slog.String("organization", org.ID), slog.String("state", row.State))
			continue
		}
		roles := p.portable([]string{row.RoleSlug})
		created := row.CreatedAt
		list.Items = append(list.Items, providers.RemoteInvite{
			ProviderID: row.ID, Email: row.Email, State: state, Roles: roles, UnmappedRoles: len(roles) == 0,
			ExpiresAt: row.ExpiresAt, CreatedAt: &created, Reference: map[string]string{refID: row.ID},
		})
	}
	return list, nil
}

// isThere makes sure that the vendor has an organization: of one that it does not
// have, or not in the key's environment, it lists no invitations, while it knows
// nothing of its members (FACTS.md sections 2 and 13.11).
func (p *Provider) isThere(ctx context.Context, org identity.OrgRef) error {
	_, err := p.client.Memberships(ctx, org.ProviderID, "", 1, "")
	return err
}

// pageSize reads what page is asked for. A cursor is the id of the last thing
// on the page before, which begins with a prefix.
func pageSize(r identity.PageRequest, prefix string) (int, error) {
	const usual = 50
	if r.Cursor != "" && (!strings.HasPrefix(r.Cursor, prefix) || !internal.ValidID(r.Cursor)) {
		return 0, identity.FieldError(identity.CodeInvalidRequest, "query:cursor", "The cursor is not one of ours.")
	}
	if r.Limit <= 0 {
		return usual, nil
	}
	return min(r.Limit, internal.MaxPage), nil
}

func (p *Provider) stateOf(row *internal.Invitation) (identity.State, bool) {
	switch row.State {
	case internal.StatePending:
		if p.past(row) {
			return identity.StateExpired, true
		}
		return identity.StatePending, true
	case internal.StateAccepted:
		return identity.StateAccepted, true
	case internal.StateExpired:
		return identity.StateExpired, true
	case internal.StateRevoked:
		return identity.StateRevoked, true
	default:
		return "", false
	}
}
