package invites

import (
	"context"
	"errors"
	"time"

	"usher/identity"
	"usher/ledger"
	"usher/providers"
)

// A row that the vendor failed before anything was sent is tried again by
// itself: so often in all, and each time after so many times as long. The ledger
// counts.
const (
	mostTries   = 6
	firstSpace  = 5 * time.Second
	spaceGrowth = 3
)

// space is how long a row waits for its next try that was postponed so often.
func space(tries int) time.Duration {
	wait := firstSpace
	for range tries {
		wait *= spaceGrowth
	}
	return wait
}

// mayPass reports a failure of the vendor that the next try need not meet: it
// did not answer what it was asked, and the row has tries left.
func mayPass(cause error, tries int) bool {
	return isCode(cause, identity.CodeProviderError) && !providers.Refused(cause) && triesLeft(tries)
}

func triesLeft(tries int) bool { return tries+1 < mostTries }

// passes reports a reason that passes by itself, or once an operator has done
// something about it: until then the vendor is left alone.
func passes(err error) bool {
	return absent(err) || (isCode(err, identity.CodeInternal) && !errors.Is(err, errTogether))
}

// queueAgain is the refusal of a row for reasons that pass: it waits for its
// next turn.
func (r *sentRow) queueAgain(cause error, untouched bool) (identity.State, string) {
	code := identity.CodeOf(cause)
	if absent(cause) || (code == identity.CodeInternal && untouched) || unrecorded(cause) || mayPass(cause, r.tries) {
		return identity.StateQueued, string(code)
	}
	return fail(cause, untouched)
}

// waitsFor is why a row is queued again that was not tried on account of others;
// empty where the vendor did not make it wait.
func (r *sentRow) waitsFor(cause error) string {
	if passes(cause) || mayPass(cause, r.tries) || isCode(cause, identity.CodeQuotaExceeded) {
		return string(identity.CodeOf(cause))
	}
	return ""
}

// alone reports that a row is not to be sent together with others again.
func (r *sentRow) alone() bool { return r.invite.State == identity.StateQueued && !r.together }

// postpone lets a row wait that was tried once more. To do so twice is once.
func postpone(tx *ledger.Tx, batch string, row, tries int) error {
	return tx.Postpone(batch, row, tries+1, tx.Now().Add(space(tries)))
}

// settleAgain records what has become of a row that was being sent, now that its
// invite is settled, or is queued again and nobody has come to say so: nor whether
// it may go with others, so it goes alone. One whose sending was taken up again and
// then failed by the vendor is queued once more.
func (s *Service) settleAgain(tx *ledger.Tx, b *identity.Batch, org *identity.Organization, r *ledger.UnsettledRow) error {
	row := ledger.BatchRow{BatchItem: r.BatchItem, Alone: r.State == identity.StateQueued}
	row.Outcome, row.Code = outcomeOf(r.State, r.Reason, r.Sent)
	again := r.Reason == string(identity.CodeProviderError) && triesLeft(r.Tries)
	if again && r.State == identity.StateFailed && b.State == identity.BatchRunning {
		row.Code = ""
		if err := s.queueRow(tx, b, org, &row, r.Reason); err != nil {
			return err
		}
	}
	err := tx.SetBatchRow(b.ID, row.BatchItem, row.Alone)
	if err != nil || !again || row.Outcome != identity.OutcomeQueued {
		return err
	}
	return postpone(tx, b.ID, r.Row, r.Tries)
}

// endFull ends rows for which there is no room at the vendor any more, now that
// one of them was sent by itself and refused with cause: those that were refused
// together with it, or all of the batch where nobody else would be taken either.
func (s *Service) endFull(ctx context.Context, t turn, cause error) error {
	for {
		ended := 0
		err := s.ledger.Write(context.WithoutCancel(ctx), func(tx *ledger.Tx) error {
			rows, err := fullRows(tx, t, providers.Exhausted(cause))
			ended = len(rows)
			for n := range rows {
				if err == nil {
					err = s.endFullRow(tx, t, &rows[n], cause)
				}
			}
			return err
		})
		if err != nil || ended == 0 || ctx.Err() != nil {
			return err
		}
	}
}

// fullRows returns some of the rows that endFull ends.
func fullRows(tx *ledger.Tx, t turn, all bool) (rows []identity.BatchItem, err error) {
	if all {
		return tx.UnsentRows(t.batch.ID, batchChunk)
	}
	queued, err := tx.QueuedRows(t.batch.ID, batchChunk)
	if err != nil {
		return nil, err
	}
	for _, r := range queued {
		i, err := tx.Invite(t.org.ID, r.InviteID)
		if err != nil {
			return nil, err
		}
		if r.Alone && i.StateReason == string(identity.CodeQuotaExceeded) {
			rows = append(rows, r.BatchItem)
		}
	}
	return rows, nil
}

func (s *Service) endFullRow(tx *ledger.Tx, t turn, r *identity.BatchItem, cause error) error {
	state, reason, sent := identity.StateFailed, string(identity.CodeQuotaExceeded), false
	if r.InviteID != "" {
		i, err := tx.Invite(t.org.ID, r.InviteID)
		if err != nil {
			return err
		}
		if i.State == identity.StateQueued {
			if err := move(tx, i, state, reason, identity.Actor{}); err != nil {
				return err
			}
		}
		state, reason, sent = i.State, i.StateReason, i.SentAt != nil
	}
	r.Outcome, r.Code = outcomeOf(state, reason, sent)
	if r.Outcome == identity.OutcomeFailed {
		_, r.Field, r.Detail = explained(cause)
	}
	return tx.SetBatchRow(t.batch.ID, *r, false)
}
