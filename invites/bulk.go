package invites

import (
	"context"
	"errors"
	"slices"

	"usher/identity"
	"usher/internal/redact"
	"usher/ledger"
	"usher/providers"
)

// bulkJournal is the journals of several attempts that are sent together. What
// is recorded about them at once is one transaction.
type bulkJournal struct {
	ledger *ledger.Ledger
	each   []*journal
}

// Begin implements providers.BulkJournal. After an error nothing may be sent.
func (b *bulkJournal) Begin(ctx context.Context, name string, rows []int) error {
	err := b.ledger.Write(context.WithoutCancel(ctx), func(tx *ledger.Tx) error {
		for _, n := range rows {
			j := b.each[n]
			if err := j.flush(tx); err != nil {
				return err
			}
			if err := tx.BeginStep(j.invite, j.attempt, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return &identity.Error{Code: identity.CodeInternal, Op: "record step " + name, Err: err}
	}
	for _, n := range rows {
		b.each[n].flushed()
	}
	if err := inTime(b.ledger, name); err != nil {
		return err
	}
	for _, n := range rows {
		b.each[n].set(name, providers.Step{Begun: true})
	}
	return nil
}

// Done implements providers.BulkJournal; see journal.Done.
func (b *bulkJournal) Done(ctx context.Context, name string, n int, result map[string]string) error {
	return b.each[n].Done(ctx, name, result)
}

// Undo implements providers.BulkJournal; see journal.Undo.
func (b *bulkJournal) Undo(ctx context.Context, name string, rows []int) error {
	err := b.ledger.Write(context.WithoutCancel(ctx), func(tx *ledger.Tx) error {
		for _, n := range rows {
			switch held := tx.Hold(b.each[n].invite); {
			case isCode(held, identity.CodeConflict): // the step is somebody else's by now
				continue
			case held != nil:
				return held
			}
			if err := tx.UndoStep(b.each[n].invite, b.each[n].attempt, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return &identity.Error{Code: identity.CodeInternal, Op: "take back step " + name, Unknown: true, Err: err}
	}
	for _, n := range rows {
		b.each[n].forget(name)
	}
	return nil
}

// deliverMany hands leased invites in state sending to the vendor in one call
// and records what became of each, all in one transaction. It returns why
// invites were not sent.
func (s *Service) deliverMany(ctx context.Context, c *Connection, org *identity.Organization, rows []sentRow) []error {
	causes := make([]error, len(rows))
	b := &bulkJournal{ledger: s.ledger}
	request := providers.BulkRequest{Org: org.Ref(), Journal: b}
	for n := range rows {
		i := rows[n].invite
		address, err := identity.ParseEmail(i.Email)
		if err != nil { // it was one when the row was recorded
			causes[n] = err
		}
		b.each = append(b.each, s.newJournal(i))
		request.Invites = append(request.Invites, s.inviteRequest(org, i, address, nil))
	}
	outcomes, cause := c.Client.InviteMany(s.whileAlive(ctx), request)
	for n := range rows {
		switch {
		case outcomes[n].Err != nil:
			causes[n] = outcomes[n].Err
		case outcomes[n].Untried():
			causes[n] = untried(cause)
			rows[n].together = !providers.Singly(cause) || mayPass(cause, rows[n].tries)
		}
	}
	each := make([]*identity.Invite, len(rows))
	for n := range rows {
		each[n] = rows[n].invite
	}
	lost, sent, known := make([]error, len(rows)), slices.Clone(rows), slices.Clone(causes)
	err := s.persistAll(ctx, s.ledger.Persist, each, func(tx *ledger.Tx, now []*identity.Invite) error {
		for n, i := range now {
			if i == nil {
				continue
			}
			// Whoever has taken an invite over settles it, and the others do not wait for that.
			held := tx.Hold(i.ID)
			if i == each[n] { // not a later try, which nobody waits for
				lost[n] = held
			}
			switch {
			case isCode(held, identity.CodeConflict):
				continue
			case held != nil:
				return held
			}
			sent[n].invite = i
			if err := s.concludeRow(tx, &sent[n], b.each[n], outcomes[n], known[n]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.log.ErrorContext(ctx, "the outcome of a bulk call could not be recorded", "organization", org.ID, "error", redact.Text(err.Error()))
	}
	for n := range causes {
		switch {
		case err != nil:
			causes[n] = err
		case lost[n] != nil:
			causes[n] = overtaken(lost[n], rows[n].invite.ID)
		}
	}
	return causes
}

// errTogether is why a row was not sent that stood beside one that the vendor
// refuses.
var errTogether = errors.New("invites: another row stood in the way")

func untried(cause error) error {
	if cause == nil {
		return errTogether
	}
	return cause
}

// concludeRow records what became of one invite of a bulk call.
func (s *Service) concludeRow(tx *ledger.Tx, r *sentRow, j *journal, o providers.BulkOutcome, cause error) error {
	i := r.invite
	if err := j.flush(tx); err != nil {
		return err
	}
	var failure *identity.Error
	switch {
	case o.Sent != nil:
		applySent(i, o.Sent, tx.Now())
		return conclude(tx, i, identity.StatePending, "", identity.Actor{})
	case o.Untried(), isCode(cause, identity.CodeInvitePending):
		// Alone, what stands at the vendor is looked up and adopted.
		return conclude(tx, i, identity.StateQueued, r.waitsFor(cause), identity.Actor{})
	case errors.As(cause, &failure) && failure.Unknown:
		return conclude(tx, i, identity.StateUncertain, identity.ReasonInterrupted, identity.Actor{})
	default:
		state, reason := r.queueAgain(cause, j.untouched())
		return conclude(tx, i, state, reason, identity.Actor{})
	}
}
