package ledger

import (
	"context"
	"time"

	"usher/identity"
)

const (
	insertEvent = `INSERT INTO invite_events (invite_id, seq, at, state, reason, actor_issuer, actor_subject, actor_email)
		VALUES ($1, (SELECT COALESCE(MAX(seq), 0) + 1 FROM invite_events WHERE invite_id = $1), $2, $3, $4, $5, $6, $7)`
	// What comes after the beginning of a sending tells what became of it. That
	// it is uncertain, or goes on after an interruption, tells nothing yet.
	mailedSince = `SELECT e.at FROM invites i JOIN invite_events e ON e.invite_id = i.id
		WHERE i.organization_id = $1 AND i.email_key = $2 AND e.state = 'sending' AND e.reason = '' AND e.at > $3
		AND COALESCE((SELECT o.state IN ('failed', 'queued') OR (o.state IN ('pending', 'expired') AND o.reason <> '')
			FROM invite_events o WHERE o.invite_id = e.invite_id AND o.seq > e.seq
			AND o.state <> 'uncertain' AND NOT (o.state = 'sending' AND o.reason <> '')
			ORDER BY o.seq LIMIT 1), FALSE) = FALSE
		ORDER BY e.at`
	eventsOfInvite = `SELECT at, state, reason, actor_issuer, actor_subject, actor_email
		FROM invite_events WHERE invite_id = $1 ORDER BY seq`
)

func eventStatements() []string { return []string{insertEvent, mailedSince} }

// AppendEvent adds to an invite's history. A zero At means now. The order of a
// history is the order of appending, whatever the clock does. Codes:
// not_found.
func (t *Tx) AppendEvent(inviteID string, e identity.InviteEvent) error {
	if e.At.IsZero() {
		e.At = t.now
	}
	t.changes(changedHistory, inviteID)
	_, err := t.exec(insertEvent, inviteID, micros(e.At), string(e.State), e.Reason, e.Actor.Issuer, e.Actor.Subject, e.Actor.Email)
	return failed("record event", err)
}

// Mailed returns when sendings to an address began after a time, oldest first,
// without those that definitely did not happen.
func (t *Tx) Mailed(orgID, emailKey string, after time.Time) ([]time.Time, error) {
	rows, err := t.rows(mailedSince, orgID, emailKey, micros(after))
	times, err := collect(rows, err, func(s scanner) (time.Time, error) {
		var at int64
		err := s.Scan(&at)
		return fromMicros(at), err
	})
	return times, failed("count mails", err)
}

// History returns an invite's events, oldest first; none for an unknown one.
func (l *Ledger) History(ctx context.Context, inviteID string) ([]identity.InviteEvent, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("read history", err)
	}
	events, err := read(l.kept.histories, inviteID, func() ([]identity.InviteEvent, error) {
		rows, err := l.read.few(ctx, eventsOfInvite, inviteID)
		return collect(rows, err, func(s scanner) (e identity.InviteEvent, err error) {
			var at int64
			err = s.Scan(&at, &e.State, &e.Reason, &e.Actor.Issuer, &e.Actor.Subject, &e.Actor.Email)
			e.At = fromMicros(at)
			return e, err
		})
	})
	return ownHistory(events), failed("read history", err)
}
