package ledger

import (
	"context"
	"database/sql"
)

const (
	// Only for who holds the lease.
	beginStep = `INSERT INTO invite_steps (invite_id, attempt, name, seq, begun_at, done_at, result)
		SELECT i.id, CAST($2 AS BIGINT), CAST($3 AS TEXT),
			(SELECT COALESCE(MAX(seq), 0) + 1 FROM invite_steps WHERE invite_id = $1 AND attempt = $2), CAST($4 AS BIGINT), NULL, ''
		FROM invites i WHERE i.id = $1 AND i.lease_holder = $5 AND i.lease_until > $4
		ON CONFLICT (invite_id, attempt, name) DO UPDATE SET begun_at = excluded.begun_at, done_at = NULL, result = ''`
	doneStep = `INSERT INTO invite_steps (invite_id, attempt, name, seq, begun_at, done_at, result)
		VALUES ($1, $2, $3, (SELECT COALESCE(MAX(seq), 0) + 1 FROM invite_steps WHERE invite_id = $1 AND attempt = $2), $4, $4, $5)
		ON CONFLICT (invite_id, attempt, name) DO UPDATE SET done_at = excluded.done_at, result = excluded.result`
	undoStep   = `DELETE FROM invite_steps WHERE invite_id = $1 AND attempt = $2 AND name = $3`
	clearSteps = `DELETE FROM invite_steps WHERE invite_id = $1 AND attempt = $2`
	readSteps  = `SELECT name, done_at, result FROM invite_steps WHERE invite_id = $1 AND attempt = $2 ORDER BY seq`
)

func stepStatements() []string { return []string{beginStep, doneStep, undoStep, clearSteps} }

// Steps returns what is recorded about an attempt to send, in the order the
// steps were first begun; none for an unknown invite.
func (l *Ledger) Steps(ctx context.Context, inviteID string, attempt int) ([]Step, error) {
	rows, err := l.read.rows(ctx, readSteps, inviteID, attempt)
	steps, err := collect(rows, err, func(s scanner) (Step, error) {
		step := Step{Begun: true}
		var done sql.NullInt64
		var result string
		if err := s.Scan(&step.Name, &done, &result); err != nil {
			return step, err
		}
		step.Done = done.Valid
		return step, fromJSON(result, &step.Result)
	})
	return steps, failed("read steps", err)
}

// BeginStep records that a step is about to be carried out. Beginning a step
// again makes it not done. It takes the invite's lease: without it somebody else
// may be at work. Codes: not_found for an unknown invite, conflict where this
// instance has no living lease.
func (t *Tx) BeginStep(inviteID string, attempt int, name string) error {
	n, err := t.exec(beginStep, inviteID, attempt, name, micros(t.now), t.led.instance)
	return t.held("begin step", inviteID, n, err)
}

// DoneStep records that a step has been carried out, and what came of it; it
// need not have been begun. Codes: not_found for an unknown invite.
func (t *Tx) DoneStep(inviteID string, attempt int, name string, result map[string]string) error {
	text, err := toJSON(result)
	if err == nil {
		_, err = t.exec(doneStep, inviteID, attempt, name, micros(t.now), text)
	}
	return failed("complete step", err)
}

// UndoStep forgets a step: one that definitely did not happen, or whose effect
// the vendor has lost.
func (t *Tx) UndoStep(inviteID string, attempt int, name string) error {
	_, err := t.exec(undoStep, inviteID, attempt, name)
	return failed("undo step", err)
}

// ClearSteps forgets all steps of an attempt.
func (t *Tx) ClearSteps(inviteID string, attempt int) error {
	_, err := t.exec(clearSteps, inviteID, attempt)
	return failed("clear steps", err)
}
