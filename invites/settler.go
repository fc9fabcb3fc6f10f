package invites

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"usher/identity"
	"usher/internal/redact"
	"usher/ledger"
)

// Start settles work that an earlier run left unfinished, as far as the vendors
// answer in time, and then goes on settling in the background until Close. It
// is called once, before requests are served.
func (s *Service) Start(ctx context.Context) error {
	if err := s.findInterrupted(ctx); err != nil {
		return err
	}
	first := make(chan struct{})
	s.tasks.Go(func() {
		defer close(first)
		s.settleAll(s.background)
	})
	timeout := time.NewTimer(s.options.StartTimeout)
	defer timeout.Stop()
	select {
	case <-first:
	case <-timeout.C:
	case <-ctx.Done():
	}
	s.tasks.Go(func() {
		<-first
		s.settler()
	})
	s.tasks.Go(func() {
		<-first
		s.cadence()
	})
	for _, c := range s.connections {
		s.tasks.Go(func() {
			<-first
			s.sendBatches(c)
		})
	}
	return nil
}

// findInterrupted looks for invites that somebody worked on and nobody does any
// more: another process, or a request of this one that could not record how it
// ended.
func (s *Service) findInterrupted(ctx context.Context) error {
	if s.ledger.Returned() { // who seems to be dead may just not have been heard
		return nil
	}
	rows, err := s.ledger.Interrupted(ctx)
	if err != nil {
		return err
	}
	for n := range rows {
		if s.busy.working(rows[n].ID) {
			continue
		}
		if err := s.markInterrupted(ctx, &rows[n]); err != nil {
			return err
		}
	}
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
		if leased, err := tx.Leased(row.ID); err != nil || leased || row.Attempt != i.Attempt {
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

// How much is settled at a time for one connection, for how long answers are
// kept under their keys, and after how long a batch that stopped arriving is
// given up.
const (
	settleBatch = 100
	keepKeys    = 48 * time.Hour
	keepUploads = time.Hour
	pruneEvery  = time.Hour
)

// settler asks about uncertain invites, and forgets old keys, until the service
// is closed: from time to time, and at once when another process has died.
func (s *Service) settler() {
	tick := s.options.Tick
	if tick == nil {
		ticker := time.NewTicker(s.options.SettleEvery)
		defer ticker.Stop()
		tick = ticker.C
	}
	pruned := time.Time{}
	for {
		select {
		case <-s.background.Done():
			return
		case <-tick:
		case <-s.ledger.Deaths():
		}
		if err := s.findInterrupted(s.background); err != nil && s.background.Err() == nil {
			s.log.ErrorContext(s.background, "interrupted invites could not be read", "error", redact.Text(err.Error()))
		}
		s.settleAll(s.background)
		if now := s.ledger.Now(); now.Sub(pruned) >= pruneEvery {
			pruned = now
			s.prune(s.background)
		}
	}
}

// prune forgets what nobody needs any more.
func (s *Service) prune(ctx context.Context) {
	if _, err := s.ledger.PruneKeys(ctx, keepKeys); err != nil && ctx.Err() == nil {
		s.log.ErrorContext(ctx, "old idempotency keys could not be forgotten", "error", redact.Text(err.Error()))
	}
	if _, err := s.ledger.PruneUploads(ctx, keepUploads); err != nil && ctx.Err() == nil {
		s.log.ErrorContext(ctx, "uploads that were given up could not be forgotten", "error", redact.Text(err.Error()))
	}
}

// settleAll asks about uncertain invites, those of each connection beside those
// of the others, so that a vendor that does not answer holds up its own alone.
func (s *Service) settleAll(ctx context.Context) {
	var connections sync.WaitGroup
	for _, c := range s.connections {
		connections.Go(func() { s.settleConnection(ctx, c) })
	}
	connections.Wait()
	s.batches.wake() // rows may have been settled
}

// settleConnection asks about the uncertain invites of one connection, those
// not asked about for the longest time first, until the vendor is not to be had.
func (s *Service) settleConnection(ctx context.Context, c *Connection) {
	rows, err := s.ledger.Uncertain(ctx, c.Name, settleBatch)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		s.log.ErrorContext(ctx, "uncertain invites could not be read", "connection", c.Name, "error", redact.Text(err.Error()))
		return
	}
	for n := range rows {
		if ctx.Err() != nil {
			return
		}
		settled, _, err := s.settleOne(ctx, c, &rows[n])
		if err == nil {
			s.log.InfoContext(ctx, "an uncertain invite was asked about", "invite", rows[n].ID, "state", settled.State)
			continue
		}
		s.log.WarnContext(ctx, "an uncertain invite could not be settled", "invite", rows[n].ID, "error", redact.Text(err.Error()))
		if absent(err) {
			return
		}
	}
}

// absent reports that a vendor does not answer at all for now.
func absent(err error) bool {
	switch identity.CodeOf(err) {
	case identity.CodeProviderUnavailable, identity.CodeProviderTimeout, identity.CodeProviderRateLimited, identity.CodeProviderCredentials:
		return true
	default:
		return false
	}
}

// settleOne settles an invite in the background. asked is false where somebody
// else is at it, or it is settled already.
func (s *Service) settleOne(ctx context.Context, c *Connection, i *identity.Invite) (settled *identity.Invite, asked bool, err error) {
	defer recovered(&err)
	org, err := s.ledger.Organization(ctx, i.OrganizationID)
	if err != nil {
		return nil, false, err
	}
	settled, asked, err = s.take(ctx, i)
	if err == nil && asked {
		settled, _, err = s.settleTaken(ctx, c, org, settled, mayGoOn, nil)
	}
	return settled, asked, err
}

// recovered turns a panic of a background task into its error: the next invite
// is not to suffer from it.
func recovered(err *error) {
	if value := recover(); value != nil {
		*err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
	}
}
