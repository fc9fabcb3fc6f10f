package workos

import (
	"context"

	"usher/identity"
	"usher/providers"
	"usher/providers/workos/internal"
)

// Resend implements providers.Resender. While the invitation is pending the
// vendor mails it again; whether its link and its life are renewed is the
// vendor's choice, and read from the answer. Otherwise another one is sent.
func (p *Provider) Resend(ctx context.Context, r providers.ResendRequest) (*providers.Sent, error) {
	s := p.newSending(r.InviteRequest)
	sent, err := s.again(ctx, r.ProviderID)
	if err != nil {
		return nil, s.unsettled(explain(err))
	}
	return sent, nil
}

func (s *sending) again(ctx context.Context, id string) (*providers.Sent, error) {
	if step := s.request.Journal.Step(stepResend); step.Done {
		return s.sent(recorded(step)), nil
	}
	row, err := s.current(ctx, s.request.Org, id, s.address)
	if err != nil {
		return nil, err
	}
	if s.before = row; s.request.Journal.Step(stepSend).Begun {
		return s.invite(ctx)
	}
	if row == nil || row.State != internal.StatePending || s.past(row) {
		return s.anew(ctx)
	}
	if s.request.Journal.Step(stepResend).Begun {
		verdict, err := s.resent(ctx, row)
		switch {
		case err != nil:
			return nil, err
		case verdict == providers.VerdictSent:
			return s.sent(row), s.done(ctx, stepResend, row)
		case verdict == providers.VerdictUnknown:
			return nil, identity.Errorf(identity.CodeProviderTimeout, "The identity provider does not tell whether it sent the invitation again.")
		}
	}
	if err := s.begin(ctx, row); err != nil {
		return nil, err
	}
	locale, _ := internal.Locale(s.request.Locale)
	row, err = s.step(ctx, stepResend, func() (*internal.Invitation, error) {
		again, err := s.client.ResendInvitation(ctx, row.ID, locale)
		if err != nil {
			return nil, err
		}
		return again, s.fits(again, s.request.Org, s.address, true)
	})
	if internal.Is(err, internal.CodeExpired, internal.CodeRevoked) || internal.IsGone(err) {
		return s.invite(ctx) // it ended while we looked
	}
	if err != nil {
		return nil, err
	}
	return s.sent(row), nil
}

// anew sends another invitation where there is none to send again. What an
// attempt before this one has begun with the old one is over with it.
func (s *sending) anew(ctx context.Context) (*providers.Sent, error) {
	if s.request.Journal.Step(stepResend).Begun {
		if err := s.undo(ctx, stepResend, nil); err != nil {
			return nil, err
		}
	}
	return s.invite(ctx)
}

// current returns the invitation of an address that stands: the one with the id
// if it is pending, else the pending one, else the one with the id, else the
// newest; nil if there is none. The path of an id names no organization, so
// what it leads to is compared (FACTS.md section 13.11).
func (p *Provider) current(ctx context.Context, org identity.OrgRef, id, address string) (*internal.Invitation, error) {
	if err := checkOrganization(org); err != nil {
		return nil, err
	}
	known, err := p.known(ctx, org, id, address)
	if err != nil || (known != nil && known.State == internal.StatePending) {
		return known, err
	}
	rows, err := p.rows(ctx, org, address)
	switch row := pending(rows, ""); {
	case err != nil:
		return nil, err
	case row != nil:
		return row, nil
	case known == nil && len(rows) > 0:
		return &rows[len(rows)-1], nil
	default:
		return known, nil
	}
}

// known returns the invitation with an id, or nil if the vendor has none.
func (p *Provider) known(ctx context.Context, org identity.OrgRef, id, address string) (*internal.Invitation, error) {
	if !internal.ValidID(id) {
		return nil, nil
	}
	row, err := p.client.Invitation(ctx, id)
	if internal.IsGone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if row.ID != id {
		return nil, wrongAnswer("another invitation", false)
	}
	return row, p.fits(row, org, address, false)
}

// Revoke implements providers.Revoker. The invitation is read first: its path
// names no organization.
func (p *Provider) Revoke(ctx context.Context, ref providers.InviteRef) error {
	address := p.address(ref.Address)
	row, err := p.current(ctx, ref.Org, ref.ProviderID, address)
	if err != nil {
		return explain(err)
	}
	if row == nil || row.State != internal.StatePending {
		return notThere()
	}
	answer, err := p.client.RevokeInvitation(ctx, row.ID)
	switch {
	case over(err):
		return notThere()
	case err != nil:
		return explain(err)
	case answer.State == internal.StatePending:
		return wrongAnswer("another state", true)
	default:
		return p.fits(answer, ref.Org, address, true)
	}
}

func notThere() error {
	return identity.Errorf(identity.CodeNotFound, "The identity provider has no such invitation.")
}
