package invites

import (
	"context"
	"time"

	"usher/identity"
	"usher/internal/redact"
	"usher/ledger"
	"usher/providers"
)

// Start settles work that an earlier run left unfinished, as far as the vendors
// answer in time, and then goes on settling in the background until Close. It
// is called once, before requests are served.
func (s *Service) Start(ctx context.Context) error {
	rows, err := s.ledger.Interrupted(ctx)
	if err != nil {
		return err
	}
	for n := range rows {
		if err := s.markInterrupted(ctx, &rows[n]); err != nil {
			return err
		}
	}
	first, cancel := context.WithTimeout(ctx, s.options.StartTimeout)
	defer cancel()
	s.settleAll(first)
	s.tasks.Go(s.settler)
	return nil
}

// markInterrupted frees an invite that nobody works on any more. One that was
// being sent becomes uncertain; a revocation that was begun does too.
func (s *Service) markInterrupted(ctx context.Context, i *identity.Invite) error {
	revoking := false
	steps, err := s.ledger.Steps(ctx, i.ID, i.Attempt)
	if err != nil {
		return err
	}
	for _, step := range steps {
		revoking = revoking || (step.Name == stepRevoke && !step.Done)
	}
	return s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		row, err := tx.Invite(i.OrganizationID, i.ID)
		if err != nil {
			return err
		}
		switch {
		case row.State == identity.StateSending:
			err = move(tx, row, identity.StateUncertain, identity.ReasonInterrupted, identity.Actor{})
		case row.State == identity.StatePending && revoking:
			err = move(tx, row, identity.StateUncertain, identity.ReasonRevokeUnknown, identity.Actor{})
		case row.State == identity.StateUncertain && revoking:
			// A revocation was asked for last: what is not there is not sent again.
			row.StateReason = identity.ReasonRevokeUnknown
			err = tx.UpdateInvite(row)
		}
		if err != nil {
			return err
		}
		return tx.Unlease(row.ID)
	})
}

// settler asks about uncertain invites until the service is closed.
func (s *Service) settler() {
	tick := s.options.Tick
	if tick == nil {
		ticker := time.NewTicker(s.options.SettleEvery)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-s.background.Done():
			return
		case <-tick:
			s.settleAll(s.background)
		}
	}
}

// settleAll asks about every uncertain invite once, oldest first.
func (s *Service) settleAll(ctx context.Context) {
	const batch = 500
	rows, err := s.ledger.Uncertain(ctx, batch)
	if err != nil {
		s.log.ErrorContext(ctx, "uncertain invites could not be read", "error", redact.Text(err.Error()))
		return
	}
	for n := range rows {
		if ctx.Err() != nil {
			return
		}
		s.settleOne(ctx, &rows[n])
	}
}

func (s *Service) settleOne(ctx context.Context, i *identity.Invite) {
	org, err := s.ledger.Organization(ctx, i.OrganizationID)
	if err != nil {
		s.log.ErrorContext(ctx, "an uncertain invite has no organization", "invite", i.ID, "error", redact.Text(err.Error()))
		return
	}
	c, err := s.connectionOf(org)
	if err != nil {
		s.log.DebugContext(ctx, "an uncertain invite lives in a connection that is not configured", "invite", i.ID, "connection", org.Connection)
		return
	}
	settled, err := s.settle(ctx, c, org, i)
	if err != nil {
		s.log.WarnContext(ctx, "an uncertain invite could not be settled", "invite", i.ID, "error", redact.Text(err.Error()))
		return
	}
	s.log.InfoContext(ctx, "an uncertain invite was asked about", "invite", i.ID, "state", settled.State)
}

// settle asks the vendor about an uncertain invite and records the answer. An
// interrupted send that did not happen goes on at the step it had reached. An
// error means that the vendor could not be asked; the invite stays uncertain.
func (s *Service) settle(ctx context.Context, c *Connection, org *identity.Organization, i *identity.Invite) (*identity.Invite, error) {
	row, taken, err := s.take(ctx, i)
	if err != nil || !taken {
		return row, err
	}
	defer s.busy.begin(row.ID)()
	verdict, sent, err := s.ask(ctx, c, org, row)
	if err != nil {
		return nil, s.release(ctx, row, err)
	}
	interrupted := row.StateReason == identity.ReasonInterrupted
	switch {
	case row.StateReason == identity.ReasonRevokeUnknown && (verdict == providers.VerdictSent || verdict == providers.VerdictUnchanged):
		row.ProviderID = sent.ProviderID
		err = s.finish(ctx, row, identity.StatePending, "")
	case verdict == providers.VerdictUnchanged && !interrupted:
		row.ProviderID = sent.ProviderID
		err = s.finish(ctx, row, identity.StatePending, identity.ReasonNotSent)
	case verdict == providers.VerdictSent:
		err = s.recordSent(ctx, row, nil, sent, identity.StatePending, "")
	case verdict == providers.VerdictMember:
		err = s.finish(ctx, row, identity.StateAccepted, "")
	case verdict == providers.VerdictNotSent && row.StateReason == identity.ReasonRevokeUnknown:
		err = s.finish(ctx, row, identity.StateRevoked, "")
	case interrupted && (verdict == providers.VerdictNotSent || verdict == providers.VerdictUnchanged):
		return s.goOn(ctx, c, org, row)
	case verdict == providers.VerdictNotSent:
		err = s.finish(ctx, row, identity.StateFailed, identity.ReasonNotSent)
	default:
		err = s.release(ctx, row, nil)
	}
	return row, err
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
		return tx.Lease(i.ID, leaseTime)
	})
	return row, taken && err == nil, err
}

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
	return settled.Verdict, settled.Sent, nil
}

// goOn takes up an interrupted send at the step it had reached.
func (s *Service) goOn(ctx context.Context, c *Connection, org *identity.Organization, i *identity.Invite) (*identity.Invite, error) {
	err := s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		return move(tx, i, identity.StateSending, identity.ReasonInterrupted, identity.Actor{})
	})
	if err != nil {
		return nil, s.release(ctx, i, err)
	}
	sent, err := s.deliver(ctx, c, org, i, tryLater)
	if err != nil {
		// The outcome is recorded; the row says what it is.
		return s.ledger.Invite(ctx, i.OrganizationID, i.ID)
	}
	return sent, nil
}

// tryLater is the refusal of a send that goes on in the background: a vendor
// that cannot be reached now does not lose the invite.
func tryLater(code identity.Code, untouched bool) (identity.State, string) {
	switch code {
	case identity.CodeProviderUnavailable, identity.CodeProviderRateLimited, identity.CodeProviderCredentials:
		return identity.StateUncertain, identity.ReasonInterrupted
	default:
		return fail(code, untouched)
	}
}

// finish ends an operation on a leased invite.
func (s *Service) finish(ctx context.Context, i *identity.Invite, to identity.State, reason string) error {
	return s.ledger.Write(context.WithoutCancel(ctx), func(tx *ledger.Tx) error {
		if err := move(tx, i, to, reason, identity.Actor{}); err != nil {
			return err
		}
		return tx.Unlease(i.ID)
	})
}

// release gives an invite back as it is, and returns cause.
func (s *Service) release(ctx context.Context, i *identity.Invite, cause error) error {
	err := s.ledger.Write(context.WithoutCancel(ctx), func(tx *ledger.Tx) error { return tx.Unlease(i.ID) })
	if cause != nil {
		return cause
	}
	return err
}
