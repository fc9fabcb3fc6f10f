package ledger

import (
	"context"
	"database/sql"
	"time"

	"usher/identity"
)

// A lease lives while its holder does and until its time is over. The file
// lock makes this instance the only one alive, so every other holder is dead.
const (
	leaseOfInvite = `SELECT lease_holder, lease_until FROM invites WHERE id = $1`
	takeLease     = `UPDATE invites SET lease_holder = $2, lease_until = $3
		WHERE id = $1 AND (lease_holder IS NULL OR lease_holder <> $2 OR lease_until <= $4)`
	endLease = `UPDATE invites SET lease_holder = NULL, lease_until = NULL WHERE id = $1`

	// The first condition on state is that of the index invites_unsettled.
	interruptedInvites = `SELECT ` + inviteColumns + ` FROM invites i
		WHERE i.lease_holder IS NOT NULL AND (i.lease_holder <> $1 OR i.lease_until <= $2)
		UNION ALL
		SELECT ` + inviteColumns + ` FROM invites i
		WHERE i.state IN ('sending', 'uncertain') AND i.state = 'sending' AND i.lease_holder IS NULL
		ORDER BY created_at, id`
	uncertainInvites = `SELECT ` + inviteColumns + ` FROM invites i
		WHERE i.state IN ('sending', 'uncertain') AND i.state = 'uncertain'
		AND i.connection = $3 AND (i.lease_holder IS NULL OR i.lease_holder <> $1 OR i.lease_until <= $2)
		ORDER BY COALESCE(i.asked_at, 0), i.updated_at, i.id LIMIT $4`

	markAsked = `UPDATE invites SET asked_at = $2 WHERE id = $1`
	// The newest of an address alone: what became of it is what counts.
	endedInvites = `SELECT ` + inviteColumns + ` FROM invites i
		WHERE i.state IN ('expired', 'revoked') AND i.organization_id = $1 AND i.updated_at > $2
		AND NOT EXISTS (SELECT 1 FROM invites n
			WHERE n.organization_id = i.organization_id AND n.email_key = i.email_key AND n.nth > i.nth)
		ORDER BY COALESCE(i.asked_at, 0), i.id LIMIT $3`
)

func leaseStatements() []string { return []string{leaseOfInvite, takeLease, endLease, markAsked} }

// Lease makes this instance the one that works on an invite, for d at most. A
// lease is taken once: not again before Unlease or the end of d, by this
// instance either. One that a dead holder has left is taken over. Codes:
// not_found, conflict with RetryAfter.
func (t *Tx) Lease(inviteID string, d time.Duration) error {
	n, err := t.exec(takeLease, inviteID, t.led.instance, micros(t.now.Add(d)), micros(t.now))
	if err != nil {
		return failed("lease invite", err)
	}
	if n == 1 {
		return nil
	}
	if _, err := t.Leased(inviteID); err != nil {
		return err
	}
	return &identity.Error{
		Code: identity.CodeConflict, InviteID: inviteID, RetryAfter: time.Second,
		Detail: "Another request is working on this invite.",
	}
}

// Unlease takes the lease away, this instance's or a dead holder's. It may be
// called where there is none. Codes: not_found.
func (t *Tx) Unlease(inviteID string) error {
	n, err := t.exec(endLease, inviteID)
	if err == nil && n == 0 {
		err = sql.ErrNoRows
	}
	return missing("end lease", err)
}

// Leased reports whether a living holder works on an invite. Codes: not_found.
func (t *Tx) Leased(inviteID string) (bool, error) {
	var holder sql.NullString
	var until sql.NullInt64
	if err := t.row(leaseOfInvite, inviteID).Scan(&holder, &until); err != nil {
		return false, missing("read lease", err)
	}
	return holder.Valid && holder.String == t.led.instance && until.Int64 > micros(t.now), nil
}

// Interrupted returns the invites that somebody was working on and nobody is
// any more, of all organizations, oldest first: those with a lease that is not
// alive, and those being sent without a lease.
func (l *Ledger) Interrupted(ctx context.Context) ([]identity.Invite, error) {
	rows, err := l.read.rows(ctx, interruptedInvites, l.instance, micros(l.Now()))
	all, err := collect(rows, err, scanInvite)
	return all, failed("list interrupted invites", err)
}

// Uncertain returns a connection's uncertain invites that nobody is working on,
// of all organizations, those that the vendor was not asked about for the
// longest time first. A limit of 0 means 50.
func (l *Ledger) Uncertain(ctx context.Context, connection string, limit int) ([]identity.Invite, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	rows, err := l.read.rows(ctx, uncertainInvites, l.instance, micros(l.Now()), connection, limit)
	all, err := collect(rows, err, scanInvite)
	return all, failed("list uncertain invites", err)
}

// MarkAsked notes that the vendor has just been asked about an invite, whether
// it answered or not: others are asked about first next time. The invite stays
// as it is.
func (t *Tx) MarkAsked(inviteID string) error {
	_, err := t.exec(markAsked, inviteID, micros(t.now))
	return failed("note a look at the vendor", err)
}

// Ended returns an organization's invites that expired or were revoked after a
// time and are the newest of their address, those that the vendor was not asked
// about for the longest time first. A limit of 0 means 50.
func (l *Ledger) Ended(ctx context.Context, orgID string, after time.Time, limit int) ([]identity.Invite, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	rows, err := l.read.rows(ctx, endedInvites, orgID, micros(after), limit)
	all, err := collect(rows, err, scanInvite)
	return all, failed("list ended invites", err)
}
