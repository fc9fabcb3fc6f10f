package ledger

import (
	"context"
	"database/sql"
	"time"

	"usher/identity"
)

// outcomeReceived is what a row is before it has been looked at again and has
// become an invite. Callers see it as queued.
const outcomeReceived = "received"

const (
	batchColumns = `b.id, b.organization_id, b.state, b.inviter_issuer, b.inviter_subject, b.inviter_email, b.created_at, b.updated_at, b.finished_at`
	insertBatch  = `INSERT INTO batches (id, organization_id, state, inviter_issuer, inviter_subject, inviter_email, created_at, updated_at, finished_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $7, NULL)`
	insertBatchRow = `INSERT INTO batch_rows (batch_id, n, line, email, request, outcome, code, field, detail, alone, invite_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, FALSE, NULLIF($10, ''))`
	touchBatch = `UPDATE batches SET updated_at = $2 WHERE id = $1 AND state = 'receiving'`
	moveBatch  = `UPDATE batches SET state = $3, updated_at = $4, finished_at = NULL WHERE id = $1 AND state = $2`
	endBatch   = `UPDATE batches SET state = $3, updated_at = $4, finished_at = $4 WHERE id = $1 AND state = $2
		AND NOT EXISTS (SELECT 1 FROM batch_rows WHERE batch_id = $1 AND outcome IN ('received', 'queued', 'sending'))`

	// The first condition on state is that of the index batches_open.
	batchByID = `SELECT ` + batchColumns + ` FROM batches b WHERE b.id = $1 AND b.organization_id = $2 AND b.state <> 'receiving'`
	batchList = `SELECT ` + batchColumns + ` FROM batches b WHERE b.organization_id = $1 AND b.state <> 'receiving'
		AND (b.created_at, b.id) < ($2, $3) ORDER BY b.created_at DESC, b.id DESC LIMIT $4`
	openBatches = `SELECT ` + batchColumns + ` FROM batches b WHERE b.state IN ('receiving', 'running', 'cancelling')
		AND b.state IN ('running', 'cancelling') ORDER BY b.id`
	countBatch = `SELECT outcome, COUNT(*) FROM batch_rows WHERE batch_id = $1 GROUP BY outcome`

	itemColumns  = `r.n, r.line, r.email, r.outcome, r.code, r.field, r.detail, COALESCE(r.invite_id, '')`
	batchItems   = `SELECT ` + itemColumns + ` FROM batch_rows r WHERE r.batch_id = $1 AND r.n > $2 ORDER BY r.n LIMIT $3`
	batchItemsOf = `SELECT ` + itemColumns + ` FROM batch_rows r WHERE r.batch_id = $1 AND r.outcome = $4 AND r.n > $2 ORDER BY r.n LIMIT $3`

	staleUploads    = `SELECT id FROM batches WHERE state IN ('receiving', 'running', 'cancelling') AND state = 'receiving' AND updated_at < $1`
	forgetBatchRows = `DELETE FROM batch_rows WHERE batch_id = $1 AND n IN (SELECT n FROM batch_rows WHERE batch_id = $1 LIMIT $2)`
	forgetBatch     = `DELETE FROM batches WHERE id = $1 AND state = 'receiving'`
)

func batchStatements() []string {
	return []string{
		insertBatch, insertBatchRow, touchBatch, moveBatch, endBatch, forgetBatchRows, forgetBatch,
		receivedRows, queuedRows, unsettledRows, unsentRows, takenBack, setBatchRow, postponeRow, failedRows, retryBatchRows,
	}
}

// BatchRow is a row to record.
type BatchRow struct {
	identity.BatchItem
	// Request is what was asked for, as text; empty for a row that cannot be sent
	// whatever happens.
	Request string
	Alone   bool // not to be sent together with others in one call
}

func scanBatch(s scanner) (b identity.Batch, err error) {
	var created, updated int64
	var finished sql.NullInt64
	err = s.Scan(&b.ID, &b.OrganizationID, &b.State, &b.Inviter.Issuer, &b.Inviter.Subject, &b.Inviter.Email, &created, &updated, &finished)
	b.CreatedAt, b.UpdatedAt, b.FinishedAt = fromMicros(created), fromMicros(updated), fromNullMicros(finished)
	return b, err
}

func scanItem(s scanner) (i identity.BatchItem, err error) {
	err = s.Scan(&i.Row, &i.Line, &i.Email, &i.Outcome, &i.Code, &i.Field, &i.Detail, &i.InviteID)
	if i.Outcome == outcomeReceived {
		i.Outcome = identity.OutcomeQueued
	}
	return i, err
}

// InsertBatch records a batch whose rows are about to arrive, and fills in its
// ID, State and times. It is seen by nobody before MoveBatch has set it running.
// Codes: not_found for an unknown organization.
func (t *Tx) InsertBatch(b *identity.Batch) error {
	b.ID, b.State, b.CreatedAt, b.UpdatedAt = identity.NewID(identity.PrefixBatch), identity.BatchReceiving, t.now, t.now
	_, err := t.exec(insertBatch, b.ID, b.OrganizationID, string(b.State), b.Inviter.Issuer, b.Inviter.Subject, b.Inviter.Email, micros(t.now))
	return failed("record batch", err)
}

// AppendBatchRows records rows of a batch that is arriving. Rows that are queued
// need a Request. Codes: conflict where the batch is not arriving any more.
func (t *Tx) AppendBatchRows(batchID string, rows []BatchRow) error {
	const op = "record rows of a batch"
	n, err := t.exec(touchBatch, batchID, micros(t.now))
	if err == nil && n == 0 {
		return &identity.Error{Code: identity.CodeConflict, Op: op, Detail: "The upload was given up."}
	}
	for _, r := range rows {
		outcome := string(r.Outcome)
		if r.Outcome == identity.OutcomeQueued {
			outcome = outcomeReceived
		}
		if err == nil {
			_, err = t.exec(insertBatchRow, batchID, r.Row, r.Line, r.Email, r.Request, outcome, string(r.Code), r.Field, r.Detail, r.InviteID)
		}
	}
	return failed(op, err)
}

// MoveBatch takes a batch from one state to another, and reports whether it was
// in the first one. A batch that is done or cancelled is finished now; one with
// rows that are to be sent, or are being sent, stays as it is.
func (t *Tx) MoveBatch(batchID string, from, to identity.BatchState) (bool, error) {
	text := moveBatch
	if to == identity.BatchDone || to == identity.BatchCancelled {
		text = endBatch
	}
	n, err := t.exec(text, batchID, string(from), string(to), micros(t.now))
	return n == 1, failed("change batch", err)
}

// Batch returns an organization's batch with its counts. Codes: not_found.
func (l *Ledger) Batch(ctx context.Context, orgID, id string) (*identity.Batch, error) {
	b, err := scanBatch(l.read.row(ctx, batchByID, id, orgID))
	if err != nil {
		return nil, missing("read batch", err)
	}
	return &b, l.count(ctx, &b)
}

func (l *Ledger) count(ctx context.Context, b *identity.Batch) error {
	b.Counts = map[identity.Outcome]int{}
	rows, err := l.read.rows(ctx, countBatch, b.ID)
	_, err = collect(rows, err, func(s scanner) (_ struct{}, err error) {
		var outcome identity.Outcome
		var n int
		err = s.Scan(&outcome, &n)
		if outcome == outcomeReceived {
			outcome = identity.OutcomeQueued
		}
		b.Counts[outcome] += n
		return struct{}{}, err
	})
	return failed("count rows of a batch", err)
}

// BatchQuery asks for an organization's batches, newest first.
type BatchQuery struct {
	OrganizationID string
	Before         *InvitePosition // the last one of the page before; nil: from the newest
	Limit          int             // 0 means 50
}

// Batches returns an organization's batches with their counts.
func (l *Ledger) Batches(ctx context.Context, q BatchQuery) ([]identity.Batch, error) {
	const op = "list batches"
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	before, id := int64(1)<<62, ""
	if q.Before != nil {
		before, id = micros(q.Before.CreatedAt), q.Before.ID
	}
	rows, err := l.read.rows(ctx, batchList, q.OrganizationID, before, id, q.Limit)
	all, err := collect(rows, err, scanBatch)
	for n := range all {
		if err == nil {
			err = l.count(ctx, &all[n])
		}
	}
	return all, failed(op, err)
}

// OpenBatches returns the batches that have something to be done, of all
// organizations, oldest first, without their counts.
func (l *Ledger) OpenBatches(ctx context.Context) ([]identity.Batch, error) {
	rows, err := l.read.rows(ctx, openBatches)
	all, err := collect(rows, err, scanBatch)
	return all, failed("list open batches", err)
}

// BatchItems returns rows of a batch after a row, in their order. An empty
// outcome means all; a limit of 0 means 50.
func (l *Ledger) BatchItems(ctx context.Context, batchID string, outcome identity.Outcome, after, limit int) ([]identity.BatchItem, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	text, args := batchItems, []any{batchID, after, limit}
	switch outcome {
	case "":
	case identity.OutcomeQueued:
		text = queuedItems
	default:
		text, args = batchItemsOf, append(args, string(outcome))
	}
	rows, err := l.read.rows(ctx, text, args...)
	all, err := collect(rows, err, scanItem)
	return all, failed("list rows of a batch", err)
}

// queuedItems merges two walks along one index: rows that are invites already,
// and rows that are not.
const queuedItems = `SELECT * FROM (SELECT ` + itemColumns + ` FROM batch_rows r
		WHERE r.batch_id = $1 AND r.outcome = 'queued' AND r.n > $2 ORDER BY r.n LIMIT $3) s1
	UNION ALL SELECT * FROM (SELECT ` + itemColumns + ` FROM batch_rows r
		WHERE r.batch_id = $1 AND r.outcome = 'received' AND r.n > $2 ORDER BY r.n LIMIT $3) s2
	ORDER BY 1 LIMIT $3`

// PruneUploads forgets batches whose rows stopped arriving so long ago, and
// returns how many. Nothing of them was sent.
func (l *Ledger) PruneUploads(ctx context.Context, olderThan time.Duration) (int, error) {
	const op = "prune uploads"
	rows, err := l.read.rows(ctx, staleUploads, micros(l.Now().Add(-olderThan)))
	ids, err := collect(rows, err, func(s scanner) (id string, err error) { return id, s.Scan(&id) })
	if err != nil {
		return 0, failed(op, err)
	}
	for n, id := range ids {
		if err := l.ForgetUpload(ctx, id); err != nil {
			return n, err
		}
	}
	return len(ids), nil
}

// ForgetUpload forgets a batch that is not to be sent. One that was set running
// stays.
func (l *Ledger) ForgetUpload(ctx context.Context, batchID string) error {
	for {
		var left bool
		err := l.Write(ctx, func(t *Tx) error {
			if n, err := t.exec(touchBatch, batchID, 0); err != nil || n == 0 {
				return err
			}
			n, err := t.exec(forgetBatchRows, batchID, chunk)
			if err == nil && n < chunk {
				_, err = t.exec(forgetBatch, batchID)
			}
			left = n == chunk
			return err
		})
		if err != nil || !left {
			return failed("forget upload", err)
		}
	}
}
