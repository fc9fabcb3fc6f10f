package nile

import (
	"context"

	"usher/providers"
	"usher/providers/nile/internal"
)

// Settle implements providers.Settler. not_sent is safe to act on: Invite looks
// at the list again before it creates anything, and takes what it finds there
// for its own lost call where its journal says that it made one.
func (p *Provider) Settle(ctx context.Context, r providers.InviteRequest) (*providers.Settlement, error) {
	s := &sending{Provider: p, request: r, providerID: r.Reference[refID]}
	var err error
	if s.tenant, err = tenantOf(r.Org); err != nil {
		return nil, err
	}
	row, err := s.look(ctx)
	if err != nil {
		return nil, shut(err)
	}
	if settled := s.stands(row); settled != nil {
		return settled, nil
	}
	member, err := p.proven(ctx, s.tenant, r.Address)
	switch {
	case err != nil:
		return nil, shut(err)
	case member != nil:
		return &providers.Settlement{Verdict: providers.VerdictMember}, nil
	default:
		return &providers.Settlement{Verdict: providers.VerdictNotSent}, nil
	}
}

// stands is the verdict where the vendor's row tells enough, else nil.
func (s *sending) stands(row *internal.Invite) *providers.Settlement {
	if row == nil {
		return nil
	}
	j, known := s.request.Journal, s.request.Reference[refID] != ""
	sent := &providers.Settlement{Verdict: providers.VerdictSent, Sent: s.sent(row)}
	unchanged := &providers.Settlement{Verdict: providers.VerdictUnchanged, Sent: s.sent(row)}
	switch create := j.Step(stepCreate); {
	case j.Step(stepClean).Begun:
		return nil // nobody was mailed about it
	case create.Begun && s.wasSent(row):
		return sent // and if it has expired since, the next comparison says so
	case !s.isPending(row):
		return nil
	case create.Begun, j.Step(stepDead).Begun:
		return unchanged
	case known:
		return sent // by an attempt before this one, or by somebody else
	default:
		return nil // it was made elsewhere; a comparison will find it
	}
}
