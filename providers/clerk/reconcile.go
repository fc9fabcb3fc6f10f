package clerk

import (
	"context"
	"log/slog"
	"strconv"

	"usher/identity"
	"usher/providers"
	"usher/providers/clerk/internal"
)

// lookupPages bounds a look-up of one address. It has a handful of invitations.
const lookupPages = 100

// invitationsOf returns an address's invitations to an organization, oldest
// first; of one status, if it is not empty. The vendor's filter is not relied
// on: a row counts only if it is of the address, and one of another
// organization ends everything.
func (p *Provider) invitationsOf(ctx context.Context, org identity.OrgRef, address, status string) ([]*internal.Invitation, error) {
	if err := checkOrg(org); err != nil {
		return nil, err
	}
	var rows []*internal.Invitation
	q := internal.InvitationQuery{Status: status, Email: address, Limit: internal.MaxPage}
	for range lookupPages {
		page, err := p.client.ListInvitations(ctx, org.ProviderID, q)
		if err != nil {
			return nil, err
		}
		for n := range page.Data {
			row := &page.Data[n]
			if err := belongs(row, org); err != nil {
				return nil, err
			}
			if row.ID != "" && same(row.Email, address) {
				rows = append(rows, row)
			}
		}
		if q.Offset += len(page.Data); next(page, q.Offset-len(page.Data)) == "" {
			return rows, nil
		}
	}
	return nil, &identity.Error{Code: identity.CodeProviderError, Detail: "The identity provider's list of invitations has no end."}
}

// pending returns the pending invitation of the id, else the last one that is
// pending, or nil.
func (p *Provider) pending(rows []*internal.Invitation, id string) *internal.Invitation {
	var found *internal.Invitation
	for _, row := range rows {
		if !p.isPending(row) {
			continue
		}
		if id != "" && row.ID == id {
			return row
		}
		found = row
	}
	return found
}

// Settle implements providers.Settler. not_sent is safe to act on: Invite looks
// at the list again before it creates anything, and takes what it finds there
// under the invite's id for its own lost call.
func (p *Provider) Settle(ctx context.Context, r providers.InviteRequest) (*providers.Settlement, error) {
	s := p.newSending(r)
	settled, err := s.settle(ctx)
	if err == nil && settled.Verdict == providers.VerdictNotSent && s.lost(stepCreate) {
		// What was created a moment ago need not be listed yet (FACTS.md
		// section 11, 20), and the lost call may still be under way.
		if err := p.deps.Sleep(ctx, p.settings.lagWait); err != nil {
			return nil, &identity.Error{Code: identity.CodeProviderTimeout, Op: "wait for the vendor's list", Err: err}
		}
		settled, err = s.settle(ctx)
	}
	if err != nil {
		return nil, explain(err)
	}
	return settled, nil
}

func (s *sending) settle(ctx context.Context) (*providers.Settlement, error) {
	rows, err := s.invitationsOf(ctx, s.request.Org, s.email, "")
	if err != nil {
		return nil, err
	}
	if row := s.pending(rows, ""); row != nil {
		return s.stands(row), nil
	}
	own := s.own(rows)
	switch {
	case own != nil && own.Status == internal.StatusAccepted:
		return &providers.Settlement{Verdict: providers.VerdictMember}, nil
	case own != nil && s.lost(stepCreate) && (s.counted() || len(s.request.Reference) == 0):
		// It was sent, and has ended since: that is for the next comparison.
		return &providers.Settlement{Verdict: providers.VerdictSent, Sent: s.sent(own)}, nil
	}
	member, err := s.member(ctx, s.request.Org, s.email)
	switch {
	case err != nil:
		return nil, err
	case member != nil:
		return &providers.Settlement{Verdict: providers.VerdictMember}, nil
	default:
		return &providers.Settlement{Verdict: providers.VerdictNotSent}, nil
	}
}

// stands is the verdict where an invitation is pending.
func (s *sending) stands(row *internal.Invitation) *providers.Settlement {
	create := s.request.Journal.Step(stepCreate)
	switch {
	case s.lost(stepWithdraw) && !create.Begun, s.isOurs(row) && !s.ofAttempt(row):
		// What a former attempt sent, or somebody else, was not withdrawn.
		return &providers.Settlement{Verdict: providers.VerdictUnchanged, Sent: s.sent(row)}
	case s.isOurs(row), !create.Begun && len(s.request.Reference) > 0:
		return &providers.Settlement{Verdict: providers.VerdictSent, Sent: s.sent(row)}
	default:
		// It was made elsewhere. A comparison will find it.
		return &providers.Settlement{Verdict: providers.VerdictNotSent}
	}
}

// ListInvites implements providers.InviteLister: every invitation there ever
// was, oldest first, so that of several rows of an invite the last one counts.
func (p *Provider) ListInvites(ctx context.Context, org identity.OrgRef, r identity.PageRequest) (*identity.Page[providers.RemoteInvite], error) {
	offset, err := offsetOf(r.Cursor)
	if err != nil {
		return nil, err
	}
	if err := checkOrg(org); err != nil {
		return nil, err
	}
	page, err := p.client.ListInvitations(ctx, org.ProviderID, internal.InvitationQuery{Limit: pageSize(r.Limit), Offset: offset})
	if err != nil {
		return nil, explain(err)
	}
	list := &identity.Page[providers.RemoteInvite]{Items: make([]providers.RemoteInvite, 0, len(page.Data)), Next: next(page, offset)}
	for n := range page.Data {
		row := &page.Data[n]
		if err := belongs(row, org); err != nil {
			return nil, err
		}
		state, ok := p.stateOf(row)
		if !ok || row.ID == "" {
			p.deps.Logger.LogAttrs(ctx, slog.LevelWarn, "an invitation at the provider is listed in a way that is not understood",
				slog.String("organization", org.ID))
			continue
		}
		list.Items = append(list.Items, p.remote(row, state))
	}
	return list, nil
}

// stateOf is the state an invitation is in. One past its life may still be
// called pending (FACTS.md section 4.5).
func (p *Provider) stateOf(row *internal.Invitation) (identity.State, bool) {
	switch row.Status {
	case internal.StatusPending:
		if at := expiry(row); at != nil && !at.After(p.deps.Now()) {
			return identity.StateExpired, true
		}
		return identity.StatePending, true
	case internal.StatusAccepted:
		return identity.StateAccepted, true
	case internal.StatusRevoked:
		return identity.StateRevoked, true
	case internal.StatusExpired:
		return identity.StateExpired, true
	default:
		return "", false
	}
}

// isPending reports whether an invitation can still be accepted.
func (p *Provider) isPending(row *internal.Invitation) bool {
	state, ok := p.stateOf(row)
	return ok && state == identity.StatePending
}

func (p *Provider) remote(row *internal.Invitation, state identity.State) providers.RemoteInvite {
	created := row.CreatedAt.Time()
	remote := providers.RemoteInvite{
		ProviderID: row.ID, InviteID: row.PrivateMetadata.Text(metaInvite), Email: row.Email, State: state,
		ExpiresAt: expiry(row), CreatedAt: &created,
	}
	remote.Roles, remote.UnmappedRoles = p.portable(row.Role)
	if n := lifeOf(row); n > 0 {
		remote.Reference = map[string]string{refDays: strconv.Itoa(n)}
	}
	return remote
}
