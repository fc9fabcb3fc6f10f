package invites

import (
	"context"
	"sync"
	"time"

	"usher/identity"
	"usher/internal/redact"
	"usher/ledger"
	"usher/providers"
)

// How batches are sent: so many calls of one connection at a time, so many calls
// for one batch before others have their turn, so many transactions for what needs
// no call, and how long a connection that cannot be had is left alone.
const (
	batchSenders  = 4
	batchTurn     = 8
	tidyTurn      = 32
	batchPatience = time.Minute
	firstPause    = time.Second
	longestPause  = time.Minute
)

// batches is what the senders of batches share.
type batches struct {
	mu    sync.Mutex
	lanes map[string]chan struct{} // by connection; holds an element if there may be work

	paces paces
}

func newBatches(connections map[string]*Connection) *batches {
	b := &batches{lanes: map[string]chan struct{}{}}
	for name := range connections {
		b.lanes[name] = make(chan struct{}, 1)
	}
	return b
}

// wake has every connection look for work.
func (b *batches) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, lane := range b.lanes {
		select {
		case lane <- struct{}{}:
		default: // it is going to look anyway
		}
	}
}

// sendBatches sends a connection's batches until the service is closed. While
// the vendor is left alone, what needs no vendor is done all the same.
func (s *Service) sendBatches(c *Connection) {
	var pause time.Duration
	var resume <-chan time.Time // nil: the vendor is not left alone
	for s.background.Err() == nil {
		worked, wait := s.batchRound(s.background, c, resume == nil)
		switch {
		case wait > 0:
			pause = min(max(2*pause, wait, firstPause), max(longestPause, wait))
			resume = s.options.After(pause)
			continue
		case worked && resume == nil:
			pause = 0
		}
		if worked {
			continue
		}
		select {
		case <-s.background.Done():
		case <-resume:
			resume = nil
		case <-s.batches.lanes[c.Name]:
		case <-s.options.After(s.options.SettleEvery):
		}
	}
}

// batchRound gives every organization of a connection that has open batches a
// turn. It reports whether anything was done, and how long the vendor is to be
// left alone.
func (s *Service) batchRound(ctx context.Context, c *Connection, sending bool) (worked bool, wait time.Duration) {
	turns, err := s.turns(ctx, c)
	if err != nil {
		if ctx.Err() == nil {
			s.log.ErrorContext(ctx, "open batches could not be read", "connection", c.Name, "error", redact.Text(err.Error()))
		}
		return false, firstPause
	}
	var mu sync.Mutex
	var senders sync.WaitGroup
	slots := make(chan struct{}, batchSenders)
	for _, turn := range turns {
		slots <- struct{}{}
		senders.Go(func() {
			defer func() { <-slots }()
			did, after, err := s.batchStep(ctx, c, turn, sending)
			if err != nil && ctx.Err() == nil {
				s.log.ErrorContext(ctx, "a batch could not go on", "organization", turn.org.ID, "error", redact.Text(err.Error()))
				after = max(after, firstPause)
			}
			mu.Lock()
			defer mu.Unlock()
			worked, wait = worked || did, max(wait, after)
		})
	}
	senders.Wait()
	return worked, wait
}

// turn is one organization's turn in a round.
type turn struct {
	org   *identity.Organization
	open  []identity.Batch // oldest first
	batch identity.Batch   // of open
	first bool             // of the organization in this round
}

// turns returns whose turn it is: each organization with its open batches,
// several times where there are few of them.
func (s *Service) turns(ctx context.Context, c *Connection) ([]turn, error) {
	open, err := s.ledger.OpenBatches(ctx)
	if err != nil {
		return nil, err
	}
	var all []turn
	places := map[string]int{}
	for _, b := range open {
		if n, known := places[b.OrganizationID]; known {
			all[n].open = append(all[n].open, b)
			continue
		}
		org, err := s.ledger.Organization(ctx, b.OrganizationID)
		if err != nil {
			return nil, err
		}
		if org.Connection == c.Name {
			places[org.ID] = len(all)
			all = append(all, turn{org: org, open: []identity.Batch{b}, first: true})
		}
	}
	for n := 0; len(all) > 0 && len(all) < batchSenders; n++ {
		again := all[n]
		again.first = false
		all = append(all, again)
	}
	return all, nil
}

// batchStep does the next piece of work of an organization's batches. One that
// waits for an answer about a row does not hold up those behind it.
func (s *Service) batchStep(ctx context.Context, c *Connection, t turn, sending bool) (worked bool, wait time.Duration, err error) {
	defer recovered(&err)
	for _, t.batch = range t.open {
		if worked, wait, err = s.oneBatch(ctx, c, t, sending); worked || wait > 0 || err != nil {
			return worked, wait, err
		}
	}
	return false, 0, nil
}

func (s *Service) oneBatch(ctx context.Context, c *Connection, t turn, sending bool) (worked bool, wait time.Duration, err error) {
	if t.first {
		if worked, err = s.tidy(ctx, &t.batch); err != nil {
			return worked, 0, err
		}
	}
	if !sending || t.batch.State == identity.BatchCancelling {
		return worked, 0, nil
	}
	for range batchTurn {
		rows, err := s.takeRows(ctx, c, t)
		if err != nil || len(rows) == 0 {
			return worked, 0, err
		}
		worked = true
		if wait, err = s.sendRows(ctx, c, t, rows); err != nil || wait > 0 {
			return worked, wait, err
		}
	}
	return worked, 0, nil
}

// tidy does what a batch needs beside sending: rows become invites, those that
// others have settled get their outcome, those of a cancelled batch are taken
// back, and one that has nothing left to do ends.
func (s *Service) tidy(ctx context.Context, b *identity.Batch) (worked bool, err error) {
	err = s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		rows, err := tx.UnsettledRows(b.ID, batchChunk)
		if err != nil {
			return err
		}
		org, err := tx.Organization(b.OrganizationID)
		if err != nil {
			return err
		}
		for n := range rows {
			if err := s.settleAgain(tx, b, org, &rows[n]); err != nil {
				return err
			}
		}
		worked = len(rows) > 0
		return nil
	})
	if err != nil {
		return worked, err
	}
	prepare := s.queueRows
	if b.State == identity.BatchCancelling {
		prepare = s.takeBack
	}
	for range tidyTurn {
		did, err := prepare(ctx, b)
		if err != nil {
			return worked, err
		}
		if !did {
			break
		}
		worked = true
	}
	if worked {
		return true, nil
	}
	return false, s.endBatch(ctx, b)
}

// queueRows makes invites of rows.
func (s *Service) queueRows(ctx context.Context, b *identity.Batch) (worked bool, err error) {
	err = s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		rows, err := tx.ReceivedRows(b.ID, batchChunk)
		if err != nil {
			return err
		}
		org, err := tx.Organization(b.OrganizationID)
		if err != nil {
			return err
		}
		worked = len(rows) > 0
		for _, r := range rows {
			if err := s.queueRow(tx, b, org, &r, ""); err != nil {
				return err
			}
			if err := tx.SetBatchRow(b.ID, r.BatchItem, r.Alone); err != nil {
				return err
			}
		}
		return nil
	})
	return worked, err
}

// queueRow makes a queued invite of a row, or says on the row why not. reason is
// why an invite that failed is queued again, empty for no more than that somebody
// wants it.
func (s *Service) queueRow(tx *ledger.Tx, b *identity.Batch, org *identity.Organization, r *ledger.BatchRow, reason string) error {
	i, err := s.invitedBy(tx, b, org, r)
	if err != nil {
		return err
	}
	if _, err := tx.CloseExpired(org.ID, i.EmailKey); err != nil {
		return err
	}
	live, err := tx.LiveInvite(org.ID, i.EmailKey)
	switch {
	case err == nil && live.ID == i.ID: // settled meanwhile
		r.InviteID = i.ID
		r.Outcome, r.Code = outcomeOf(live.State, live.StateReason, live.SentAt != nil)
		return nil
	case err == nil:
		r.Outcome, r.Code, r.InviteID = identity.OutcomeSkipped, identity.CodeInvitePending, live.ID
		r.Field, r.Detail = "/email", "The address has a living invite to this organization already."
		return nil
	case !isCode(err, identity.CodeNotFound):
		return err
	}
	if err := s.withinMailBudget(tx, org.ID, i.EmailKey); err != nil {
		if !isCode(err, identity.CodeRateLimited) {
			return err
		}
		r.Outcome = identity.OutcomeFailed
		r.Code, r.Field, r.Detail = explained(err)
		return nil
	}
	r.Outcome = identity.OutcomeQueued
	if i.ID == "" {
		if err := tx.InsertInvite(i); err != nil {
			return err
		}
		r.InviteID = i.ID
		return tx.AppendEvent(i.ID, identity.InviteEvent{State: i.State, Actor: b.Inviter})
	}
	if i.State != identity.StateFailed {
		r.Outcome, r.Code = outcomeOf(i.State, i.StateReason, i.SentAt != nil)
		return nil
	}
	// What an earlier attempt has begun goes on, and does so alone.
	r.Alone = true
	return move(tx, i, identity.StateQueued, reason, b.Inviter)
}

// invitedBy is the invite of a row that is tried again, or a new one.
func (s *Service) invitedBy(tx *ledger.Tx, b *identity.Batch, org *identity.Organization, r *ledger.BatchRow) (*identity.Invite, error) {
	if r.InviteID != "" {
		return tx.Invite(org.ID, r.InviteID)
	}
	i, err := decodeRow(r.Request, b)
	if err == nil {
		i.Connection = org.Connection
	}
	return i, err
}

// takeBack ends rows of a batch that is being cancelled.
func (s *Service) takeBack(ctx context.Context, b *identity.Batch) (worked bool, err error) {
	err = s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		rows, err := tx.UnsentRows(b.ID, batchChunk)
		if err != nil {
			return err
		}
		worked = len(rows) > 0
		for _, r := range rows {
			r.Outcome = identity.OutcomeCancelled
			if r.InviteID != "" {
				i, err := tx.Invite(b.OrganizationID, r.InviteID)
				if err != nil {
					return err
				}
				if i.State == identity.StateQueued {
					if err := move(tx, i, identity.StateRevoked, identity.ReasonBatchCancelled, identity.Actor{}); err != nil {
						return err
					}
				}
				r.Outcome, r.Code = outcomeOf(i.State, i.StateReason, i.SentAt != nil)
			}
			if err := tx.SetBatchRow(b.ID, r, false); err != nil {
				return err
			}
		}
		return nil
	})
	return worked, err
}

// endBatch ends a batch with nothing left to do.
func (s *Service) endBatch(ctx context.Context, b *identity.Batch) error {
	counted, err := s.ledger.Batch(ctx, b.OrganizationID, b.ID)
	if err != nil {
		return err
	}
	left := counted.Counts[identity.OutcomeQueued] + counted.Counts[identity.OutcomeSending]
	org, err := s.ledger.Organization(ctx, b.OrganizationID)
	if err != nil {
		return err
	}
	if c, err := s.connectionOf(org); err == nil && left == 0 {
		if left, err = s.unanswered(ctx, c, b, counted.Counts[identity.OutcomeUncertain]); err != nil {
			return err
		}
	}
	if left > 0 {
		return nil
	}
	to := identity.BatchDone
	if b.State == identity.BatchCancelling {
		to = identity.BatchCancelled
	}
	return s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		_, err := tx.MoveBatch(b.ID, b.State, to)
		return err
	})
}

// unanswered returns how many of a batch's uncertain invites may still become
// something by themselves. Where the vendor keeps no invitations, one that was
// asked about and is uncertain still is left to a person.
func (s *Service) unanswered(ctx context.Context, c *Connection, b *identity.Batch, uncertain int) (left int, err error) {
	if uncertain == 0 || c.Client.Has(providers.CapInviteList) {
		return uncertain, nil
	}
	items, err := s.ledger.BatchItems(ctx, b.ID, identity.OutcomeUncertain, 0, uncertain)
	if err != nil {
		return 0, err
	}
	for _, item := range items {
		i, err := s.ledger.Invite(ctx, b.OrganizationID, item.InviteID)
		if err != nil {
			return 0, err
		}
		settled, asked, err := s.settleOne(ctx, c, i)
		if err != nil || !asked || settled.State != identity.StateUncertain {
			left++
		}
	}
	return left, nil
}

// takeRows leases the next invites of a batch: as many as one call of the
// vendor takes.
func (s *Service) takeRows(ctx context.Context, c *Connection, t turn) (taken []sentRow, err error) {
	most := max(c.Client.Fields().Bulk, 1)
	err = s.ledger.WriteAhead(ctx, func(tx *ledger.Tx) error {
		taken = taken[:0]
		rows, err := tx.QueuedRows(t.batch.ID, most)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.Alone && len(taken) > 0 {
				break
			}
			i, err := tx.Invite(t.org.ID, r.InviteID)
			if err != nil {
				return err
			}
			if err := endOverdue(tx, i, &r.BatchItem); err != nil {
				return err
			}
			if i.State != identity.StateQueued { // revoked, or settled otherwise
				r.Outcome, r.Code = outcomeOf(i.State, i.StateReason, i.SentAt != nil)
				if err := tx.SetBatchRow(t.batch.ID, r.BatchItem, false); err != nil {
					return err
				}
				continue
			}
			if err := tx.Lease(i.ID, s.lease); err != nil {
				return err
			}
			row := sentRow{item: r.BatchItem, invite: i, tries: r.Tries}
			i.Connection = t.org.Connection
			if err := move(tx, i, identity.StateSending, "", t.batch.Inviter); err != nil {
				return err
			}
			row.item.Outcome = identity.OutcomeSending
			if err := tx.SetBatchRow(t.batch.ID, row.item, r.Alone); err != nil {
				return err
			}
			taken = append(taken, row)
			if r.Alone {
				break
			}
		}
		return nil
	})
	return taken, err
}

// endOverdue ends a row that waited until nobody could accept its invite any more.
func endOverdue(tx *ledger.Tx, i *identity.Invite, r *identity.BatchItem) error {
	if i.State != identity.StateQueued || !overdue(i, tx.Now()) {
		return nil
	}
	_, r.Field, r.Detail = explained(errOverdue())
	return move(tx, i, identity.StateFailed, string(identity.CodeInvalidRequest), identity.Actor{})
}

// sentRow is a row whose invite is being sent.
type sentRow struct {
	item   identity.BatchItem
	invite *identity.Invite
	tries  int // before this one
	// together: it was not tried on account of others, and may go with them again.
	together bool
}

// sendRows sends invites that were taken, and records what became of their
// rows. It returns how long the vendor is to be left alone.
func (s *Service) sendRows(ctx context.Context, c *Connection, t turn, rows []sentRow) (wait time.Duration, err error) {
	ctx = providers.InBackground(ctx, batchPatience)
	for n := range rows {
		defer s.busy.begin(rows[n].invite.ID)()
	}
	var causes []error
	if len(rows) > 1 {
		causes = s.deliverMany(ctx, c, t.org, rows)
	} else {
		_, err := s.deliver(ctx, c, t.org, rows[0].invite, ending{refused: rows[0].queueAgain, later: true})
		causes = []error{err}
	}
	err = s.ledger.WriteAhead(context.WithoutCancel(ctx), func(tx *ledger.Tx) error {
		for n := range rows {
			if err := s.settleRow(tx, t.batch.ID, &rows[n], causes[n]); err != nil {
				return err
			}
		}
		return nil
	})
	for n := range rows {
		if rows[n].invite.State == identity.StateQueued && passes(causes[n]) {
			wait = max(wait, firstPause, retryAfter(causes[n]))
		}
		if err == nil && rows[n].invite.State == identity.StateFailed && isCode(causes[n], identity.CodeQuotaExceeded) {
			err = s.endFull(ctx, t, causes[n])
		}
	}
	s.batches.paces.add(c.Name, s.ledger.Now(), len(rows))
	return wait, err
}

// settleRow records what has become of a row, as the ledger has its invite: what
// could not be recorded there has not become of it.
func (s *Service) settleRow(tx *ledger.Tx, batch string, r *sentRow, cause error) (err error) {
	if r.invite, err = tx.Invite(r.invite.OrganizationID, r.invite.ID); err != nil {
		return err
	}
	item := r.item
	item.Outcome, item.Code = outcomeOf(r.invite.State, r.invite.StateReason, r.invite.SentAt != nil)
	if cause != nil && (item.Outcome == identity.OutcomeFailed || item.Outcome == identity.OutcomeSkipped) {
		_, item.Field, item.Detail = explained(cause)
	}
	if err := tx.SetBatchRow(batch, item, r.alone()); err != nil || item.Outcome != identity.OutcomeQueued || !mayPass(cause, r.tries) {
		return err
	}
	return postpone(tx, batch, item.Row, r.tries)
}

// outcomeOf is what an invite's state says about its row. sent: the vendor took
// the invite, whatever came after.
func outcomeOf(state identity.State, reason string, sent bool) (identity.Outcome, identity.Code) {
	switch state {
	case identity.StateQueued:
		return identity.OutcomeQueued, ""
	case identity.StateSending:
		return identity.OutcomeSending, ""
	case identity.StateUncertain:
		return identity.OutcomeUncertain, ""
	case identity.StateFailed:
		code := identity.Code(reason)
		if code == identity.CodeAlreadyMember || code == identity.CodeInvitePending {
			return identity.OutcomeSkipped, code
		}
		return identity.OutcomeFailed, code
	case identity.StatePending:
		if reason == identity.ReasonAdopted {
			return identity.OutcomeSkipped, identity.CodeInvitePending
		}
	case identity.StateRevoked:
		if !sent {
			return identity.OutcomeCancelled, ""
		}
	}
	return identity.OutcomeSent, ""
}
