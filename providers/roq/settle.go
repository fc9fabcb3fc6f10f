package roq

import (
	"cmp"
	"context"

	"usher/identity"
	"usher/providers"
	"usher/providers/roq/internal"
)

// Settle implements providers.Settler. not_sent is safe to act on: a second
// invitation is refused while one is pending, and Invite takes that refusal for
// its own lost call when its journal says that it made one.
func (p *Provider) Settle(ctx context.Context, r providers.InviteRequest) (*providers.Settlement, error) {
	s := &sending{Provider: p, request: r, tenant: r.Org.ProviderID}
	var err error
	if s.seen, err = p.look(ctx, r.Org, r.Address, internal.Question{Known: knownID(r, "")}); err != nil {
		return nil, explain(err)
	}
	if r.Journal.Step(stepLook).Begun && !r.Journal.Step(stepResend).Done {
		return s.settleResend(), nil
	}
	known := s.seen.known
	if known == nil || known.Status != internal.StatusPending {
		if row := s.ownPending(); row != nil {
			known = row
		}
	}
	switch {
	case known != nil && known.Status == internal.StatusPending:
		return &providers.Settlement{Verdict: providers.VerdictSent, Sent: s.sent(known)}, nil
	case known != nil && known.Status == internal.StatusAccepted, s.seen.member(s.tenant) != nil:
		return &providers.Settlement{Verdict: providers.VerdictMember}, nil
	default:
		return &providers.Settlement{Verdict: providers.VerdictNotSent}, nil
	}
}

// settleResend answers for a resend that was begun.
func (s *sending) settleResend() *providers.Settlement {
	row := s.seen.known
	switch became := s.resendBecame(); {
	case row != nil && row.Status == internal.StatusAccepted, s.seen.member(s.tenant) != nil:
		return &providers.Settlement{Verdict: providers.VerdictMember}
	case became == didHappen:
		return &providers.Settlement{Verdict: providers.VerdictSent, Sent: s.sent(row)}
	case became == notKnown:
		return &providers.Settlement{Verdict: providers.VerdictUnknown}
	}
	if row == nil || row.Status != internal.StatusPending {
		row = s.ownPending()
	}
	if row == nil {
		return &providers.Settlement{Verdict: providers.VerdictNotSent}
	}
	return &providers.Settlement{Verdict: providers.VerdictUnchanged, Sent: s.sent(row)}
}

// Revoke implements providers.Revoker. The invitation is read first: an id
// alone does not say whose it is. One that is not pending any more is not
// there: the vendor withdraws no other (FACTS.md section 4.4).
func (p *Provider) Revoke(ctx context.Context, ref providers.InviteRef) error {
	seen, err := p.look(ctx, ref.Org, ref.Address, internal.Question{Known: cmp.Or(ref.ProviderID, ref.Reference[refID])})
	if err != nil {
		return explain(err)
	}
	row := seen.known
	if row == nil && len(seen.pending) > 0 {
		row = &seen.pending[0] // the id was never learnt, or is none of the vendor's
	}
	if row == nil || row.Status != internal.StatusPending {
		return noInvitation(nil)
	}
	after, err := p.call(ctx, row.ID, p.client.Cancel)
	e := internal.AsAPIError(err)
	switch {
	case e != nil && !e.Acted && (e.Code == internal.CodeNotCanceled || e.Code == internal.CodeUnknownInvite):
		return noInvitation(err) // it ended since it was read
	case err != nil:
		return explain(err)
	case after.Status == internal.StatusPending:
		return &identity.Error{Code: identity.CodeProviderError, Unknown: true, Detail: "The identity provider did not withdraw the invitation."}
	default:
		return nil
	}
}

func noInvitation(cause error) error {
	return &identity.Error{Code: identity.CodeNotFound, Detail: "The identity provider has no such invitation.", Err: cause}
}
