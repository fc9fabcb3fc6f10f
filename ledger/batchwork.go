package ledger

import (
	"context"
	"database/sql"
	"time"

	"usher/identity"
)

const (
	receivedRows = `SELECT ` + itemColumns + `, r.request FROM batch_rows r
		WHERE r.batch_id = $1 AND r.outcome = 'received' ORDER BY r.n LIMIT $2`
	queuedRows = `SELECT ` + itemColumns + `, r.alone, r.tries FROM batch_rows r JOIN batches b ON b.id = r.batch_id
		WHERE r.batch_id = $1 AND r.outcome = 'queued' AND (r.due_at IS NULL OR r.due_at <= $3) AND b.state = 'running'
		ORDER BY r.n LIMIT $2`
	// In no order: to follow that of the rows would be to walk through all of them.
	unsettledRows = `SELECT ` + itemColumns + `, i.state, i.state_reason, i.sent_at IS NOT NULL, r.tries FROM batch_rows r JOIN invites i ON i.id = r.invite_id
		WHERE r.batch_id = $1 AND r.outcome IN ('sending', 'uncertain') AND i.state <> 'sending'
		AND NOT (r.outcome = 'uncertain' AND i.state = 'uncertain') LIMIT $2`
	unsentRows = `SELECT ` + itemColumns + ` FROM batch_rows r
		WHERE r.batch_id = $1 AND r.outcome IN ('queued', 'received') LIMIT $2`
	// The first condition on state is that of the index batches_open.
	takenBack = `SELECT COUNT(*) FROM batches b JOIN batch_rows r ON r.batch_id = b.id
		WHERE b.state IN ('receiving', 'running', 'cancelling') AND b.state = 'cancelling' AND b.organization_id = $1
		AND r.outcome IN ('sending', 'uncertain') AND r.invite_id = $2`
	setBatchRow = `UPDATE batch_rows SET outcome = $3, code = $4, field = $5, detail = $6, invite_id = NULLIF($7, ''), alone = $8,
		request = CASE WHEN $7 <> '' THEN '' ELSE request END WHERE batch_id = $1 AND n = $2`
	postponeRow = `UPDATE batch_rows SET tries = $3, due_at = $4 WHERE batch_id = $1 AND n = $2`
	lastDue     = `SELECT MAX(due_at) FROM batch_rows WHERE batch_id = $1 AND due_at IS NOT NULL AND outcome = 'queued'`
	failedRows  = `SELECT ` + itemColumns + `, r.request FROM batch_rows r
		WHERE r.batch_id = $1 AND r.outcome = 'failed' AND (r.request <> '' OR r.invite_id IS NOT NULL) AND r.n > $2 ORDER BY r.n LIMIT $3`
	retryBatchRows = `UPDATE batch_rows SET outcome = 'received', code = '', field = '', detail = '', alone = FALSE, tries = 0, due_at = NULL
		WHERE batch_id = $1 AND n > $2 AND n <= $3 AND outcome = 'failed' AND (request <> '' OR invite_id IS NOT NULL)`
)

// ReceivedRows returns the first rows of a batch that are no invites yet.
func (t *Tx) ReceivedRows(batchID string, limit int) ([]BatchRow, error) {
	return t.requested(receivedRows, batchID, limit)
}

// requested returns rows of a batch with what was asked for.
func (t *Tx) requested(text string, args ...any) ([]BatchRow, error) {
	rows, err := t.rows(text, args...)
	all, err := collect(rows, err, func(s scanner) (r BatchRow, err error) {
		r.BatchItem, err = scanItem(also(s, &r.Request))
		return r, err
	})
	return all, failed("read rows of a batch", err)
}

// QueuedRow is a row whose invite is to be sent.
type QueuedRow struct {
	identity.BatchItem
	Alone bool // not together with others in one call
	Tries int  // as Postpone has it
}

// QueuedRows returns the first rows of a running batch whose invites are to be
// sent now.
func (t *Tx) QueuedRows(batchID string, limit int) ([]QueuedRow, error) {
	rows, err := t.rows(queuedRows, batchID, limit, micros(t.now))
	all, err := collect(rows, err, func(s scanner) (r QueuedRow, err error) {
		r.BatchItem, err = scanItem(also(s, &r.Alone, &r.Tries))
		return r, err
	})
	return all, failed("read rows of a batch", err)
}

// UnsettledRow is a row that was being sent, and what its invite is now.
type UnsettledRow struct {
	identity.BatchItem
	State  identity.State
	Reason string
	Sent   bool // the vendor took it, whatever came after
	Tries  int  // how often it was postponed
}

// UnsettledRows returns rows, in no order, that were being sent or uncertain, and whose
// invites are not so any more.
func (t *Tx) UnsettledRows(batchID string, limit int) ([]UnsettledRow, error) {
	rows, err := t.rows(unsettledRows, batchID, limit)
	all, err := collect(rows, err, func(s scanner) (r UnsettledRow, err error) {
		r.BatchItem, err = scanItem(also(s, &r.State, &r.Reason, &r.Sent, &r.Tries))
		return r, err
	})
	return all, failed("read rows of a batch", err)
}

// UnsentRows returns rows of a batch, in no order, that have not been sent.
func (t *Tx) UnsentRows(batchID string, limit int) ([]identity.BatchItem, error) {
	rows, err := t.rows(unsentRows, batchID, limit)
	all, err := collect(rows, err, scanItem)
	return all, failed("read rows of a batch", err)
}

// TakenBack reports that an invite was being sent as a row of a batch that is being
// cancelled by now.
func (t *Tx) TakenBack(orgID, inviteID string) (bool, error) {
	var n int
	err := t.row(takenBack, orgID, inviteID).Scan(&n)
	return n > 0, failed("read batch", err)
}

// SetBatchRow records what has become of a row. One that has an invite does not
// keep its request.
func (t *Tx) SetBatchRow(batchID string, i identity.BatchItem, alone bool) error {
	_, err := t.exec(setBatchRow, batchID, i.Row, string(i.Outcome), string(i.Code), i.Field, i.Detail, i.InviteID, alone)
	return failed("change row of a batch", err)
}

// Postpone notes how often a queued row was tried, and lets it wait until a time
// before QueuedRows returns it again.
func (t *Tx) Postpone(batchID string, row, tries int, until time.Time) error {
	_, err := t.exec(postponeRow, batchID, row, tries, micros(until))
	return failed("postpone row of a batch", err)
}

// LastDue returns when the last of a batch's queued rows is due, which may be
// over; the zero time where none was postponed.
func (l *Ledger) LastDue(ctx context.Context, batchID string) (time.Time, error) {
	var due sql.NullInt64
	err := l.read.row(ctx, lastDue, batchID).Scan(&due)
	if err != nil || !due.Valid {
		return time.Time{}, failed("read when rows are due", err)
	}
	return fromMicros(due.Int64), nil
}

// FailedRows returns the first failed rows of a batch behind a row that can be
// sent at all.
func (t *Tx) FailedRows(batchID string, after, limit int) ([]BatchRow, error) {
	return t.requested(failedRows, batchID, after, limit)
}

// RetryBatchRows queues those of FailedRows again that are behind a row, up to
// and with another one, as if they had never been tried.
func (t *Tx) RetryBatchRows(batchID string, after, last int) error {
	_, err := t.exec(retryBatchRows, batchID, after, last)
	return failed("retry rows of a batch", err)
}

// also scans more columns behind those that another scan asks for.
func also(s scanner, more ...any) scanner { return extended{s, more} }

type extended struct {
	scanner
	more []any
}

// Scan implements scanner.
func (e extended) Scan(dest ...any) error { return e.scanner.Scan(append(dest, e.more...)...) }
