package invites

import (
	"context"

	"usher/identity"
	"usher/internal/redact"
	"usher/ledger"
	"usher/providers"
)

// reach says what settling may do.
type reach int

const (
	askOnly reach = iota // record what the vendor shows
	mayGoOn              // and go on with an interrupted send that did not happen
)

// settle asks the vendor about an uncertain invite and records the answer. An
// interrupted send that did not happen goes on at the step it had reached,
// where that is allowed, under the claim of who asks for that, nil for none;
// wentOn reports that it did and was not refused. An error means that the vendor
// could not be asked; the invite stays uncertain.
func (s *Service) settle(ctx context.Context, c *Connection, org *identity.Organization, i *identity.Invite, may reach, claim *ledger.Claim) (row *identity.Invite, wentOn bool, err error) {
	row, taken, err := s.take(ctx, i)
	if err != nil || !taken {
		return row, false, err
	}
	return s.settleTaken(ctx, c, org, row, may, claim)
}

// settleTaken is settle for who has taken the invite.
func (s *Service) settleTaken(ctx context.Context, c *Connection, org *identity.Organization, row *identity.Invite, may reach, claim *ledger.Claim) (_ *identity.Invite, wentOn bool, err error) {
	defer s.busy.begin(row.ID)()
	verdict, sent, err := s.ask(ctx, c, org, row)
	if err != nil {
		return nil, false, s.release(ctx, row, err)
	}
	interrupted := row.StateReason == identity.ReasonInterrupted
	revoking := row.StateReason == identity.ReasonRevokeUnknown
	switch {
	case interrupted && (verdict == providers.VerdictNotSent || verdict == providers.VerdictUnchanged):
		if may == mayGoOn {
			return s.goOn(ctx, c, org, row, claim)
		}
		err = s.release(ctx, row, nil)
	case verdict == providers.VerdictSent && (!revoking || row.SentAt == nil):
		err = s.recordSent(ctx, s.ledger.Persist, row, nil, sent, identity.StatePending, "")
	case revoking && (verdict == providers.VerdictSent || verdict == providers.VerdictUnchanged):
		row.ProviderID = sent.ProviderID
		err = s.finish(ctx, row, identity.StatePending, "")
	case verdict == providers.VerdictUnchanged:
		row.ProviderID = sent.ProviderID
		err = s.finish(ctx, row, identity.StatePending, identity.ReasonNotSent)
	case verdict == verdictBefore:
		err = s.finish(ctx, row, identity.StateFailed, string(identity.CodeAlreadyMember))
	case verdict == providers.VerdictMember:
		err = s.finish(ctx, row, identity.StateAccepted, "")
	case verdict == providers.VerdictNotSent && revoking:
		err = s.finish(ctx, row, identity.StateRevoked, "")
	case verdict == providers.VerdictNotSent:
		err = s.finish(ctx, row, identity.StateFailed, identity.ReasonNotSent)
	default:
		err = s.release(ctx, row, nil)
	}
	return row, false, err
}

// take leases an uncertain invite for settling. taken is false when somebody
// else has it or it is not uncertain any more.
func (s *Service) take(ctx context.Context, i *identity.Invite) (row *identity.Invite, taken bool, err error) {
	err = s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		if row, err = tx.Invite(i.OrganizationID, i.ID); err != nil {
			return err
		}
		leased, err := tx.Leased(i.ID)
		if err != nil || leased || row.State != identity.StateUncertain {
			return err
		}
		taken = true
		return tx.Lease(i.ID, s.lease)
	})
	return row, taken && err == nil, err
}

// verdictBefore: whom nothing was sent to is a member already.
const verdictBefore providers.Verdict = "member_before"

// ask gets the vendor's verdict within the time set for it.
func (s *Service) ask(ctx context.Context, c *Connection, org *identity.Organization, i *identity.Invite) (providers.Verdict, *providers.Sent, error) {
	address, err := identity.ParseEmail(i.Email)
	if err != nil {
		return "", nil, err
	}
	j, err := s.openJournal(ctx, i)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.SettleTimeout)
	defer cancel()
	settled, err := c.Client.Settle(ctx, s.inviteRequest(org, i, address, j))
	if err != nil {
		return "", nil, err
	}
	if settled.Sent == nil {
		settled.Sent = &providers.Sent{ProviderID: i.ProviderID, ExpiresAt: i.ExpiresAt, Reference: i.Reference}
	}
	if settled.Verdict == providers.VerdictSent && i.Attempt > 1 && j.untouched() {
		// What is there is what an attempt before this one has sent.
		return providers.VerdictUnchanged, settled.Sent, nil
	}
	if settled.Verdict == providers.VerdictMember && i.StateReason == identity.ReasonInterrupted && i.SentAt == nil && j.untouched() {
		return verdictBefore, settled.Sent, nil
	}
	return settled.Verdict, settled.Sent, nil
}

// goOn takes up an interrupted send at the step it had reached. Nothing cuts it
// off but its own time limit: what it asks for is to happen once and wholly. A row
// of a batch that has been cancelled since is taken back instead.
func (s *Service) goOn(ctx context.Context, c *Connection, org *identity.Organization, i *identity.Invite, claim *ledger.Claim) (row *identity.Invite, wentOn bool, err error) {
	ctx = context.WithoutCancel(ctx)
	asked, cancelled := *i, false
	err = s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		if err := tx.Hold(i.ID); err != nil {
			return err
		}
		taken, err := tx.TakenBack(i.OrganizationID, i.ID)
		if err != nil {
			return err
		}
		if cancelled = taken && i.SentAt == nil; cancelled {
			return conclude(tx, i, identity.StateRevoked, identity.ReasonBatchCancelled, identity.Actor{})
		}
		if err := tx.MarkAsked(i.ID); err != nil {
			return err
		}
		if err := tx.AttachInvite(claim, i.ID, i.Attempt); err != nil {
			return err
		}
		return move(tx, i, identity.StateSending, identity.ReasonInterrupted, identity.Actor{})
	})
	switch {
	case err != nil:
		return nil, false, s.release(ctx, &asked, err)
	case cancelled:
		return i, false, nil
	}
	if row, err = s.deliver(ctx, c, org, i, ending{refused: tryLater, later: true}); err != nil {
		s.log.WarnContext(ctx, "an interrupted send could not go on", "invite", i.ID, "error", redact.Text(err.Error()))
		// The outcome is recorded; the row says what it is.
		row, err = s.ledger.Invite(ctx, i.OrganizationID, i.ID)
	}
	return row, err == nil && row.State != identity.StateFailed, err
}

// tryLater is the refusal of a send that goes on in the background: a vendor
// that cannot be reached now does not lose the invite, and neither does a ledger
// that cannot be written.
func tryLater(cause error, untouched bool) (identity.State, string) {
	if absent(cause) || unrecorded(cause) {
		return identity.StateUncertain, identity.ReasonInterrupted
	}
	return fail(cause, untouched)
}

// finish ends an operation on a leased invite.
func (s *Service) finish(ctx context.Context, i *identity.Invite, to identity.State, reason string) error {
	return s.persist(ctx, s.ledger.Persist, i, func(tx *ledger.Tx, row *identity.Invite) error {
		return conclude(tx, row, to, reason, identity.Actor{})
	})
}

// release gives an invite that was asked about back as it is, and returns cause.
func (s *Service) release(ctx context.Context, i *identity.Invite, cause error) error {
	err := s.persist(ctx, s.ledger.Persist, i, func(tx *ledger.Tx, row *identity.Invite) error {
		if err := tx.Hold(row.ID); err != nil {
			return err
		}
		if err := tx.MarkAsked(row.ID); err != nil {
			return err
		}
		return tx.Unlease(row.ID)
	})
	if cause != nil {
		return cause
	}
	return err
}
