package ledger

import (
	"context"
	"time"

	"usher/identity"
)

// A lease lives while its holder is alive in instances and until its time is
// over. $1 is the time.
const (
	livingLease = `(lease_until > $1 AND EXISTS (SELECT 1 FROM instances h WHERE h.id = lease_holder AND h.alive_until > $1))`
	unleased    = `(lease_holder IS NULL OR NOT ` + livingLease + `)`

	leaseOfInvite = `SELECT lease_holder IS NOT NULL AND ` + livingLease + ` FROM invites WHERE id = $2`
	takeLease     = `UPDATE invites SET lease_holder = $3, lease_until = $4 WHERE id = $2 AND ` + unleased
	ownLease      = `SELECT COUNT(*) FROM invites WHERE id = $1 AND lease_holder = $2`
	endLease      = `UPDATE invites SET lease_holder = NULL, lease_until = NULL
		WHERE id = $2 AND (lease_holder = $3 OR ` + unleased + `)`

	// The first condition on state is that of the index invites_unsettled.
	interruptedInvites = `SELECT ` + inviteColumns + ` FROM invites i
		WHERE i.lease_holder IS NOT NULL AND ` + unleased + `
		UNION ALL
		SELECT ` + inviteColumns + ` FROM invites i
		WHERE i.state IN ('sending', 'uncertain') AND i.state = 'sending' AND i.lease_holder IS NULL
		ORDER BY created_at, id`
	uncertainInvites = `SELECT ` + inviteColumns + ` FROM invites i
		WHERE i.state IN ('sending', 'uncertain') AND i.state = 'uncertain'
		AND i.connection = $2 AND ` + unleased + `
		ORDER BY COALESCE(i.asked_at, 0), i.updated_at, i.id LIMIT $3`

	markAsked = `UPDATE invites SET asked_at = $2 WHERE id = $1`
	// The newest of an address alone: what became of it is what counts.
	endedInvites = `SELECT ` + inviteColumns + ` FROM invites i
		WHERE i.state IN ('expired', 'revoked') AND i.organization_id = $1 AND i.updated_at > $2
		AND NOT EXISTS (SELECT 1 FROM invites n
			WHERE n.organization_id = i.organization_id AND n.email_key = i.email_key AND n.nth > i.nth)
		ORDER BY COALESCE(i.asked_at, 0), i.id LIMIT $3`
)

func leaseStatements() []string {
	return []string{leaseOfInvite, takeLease, ownLease, endLease, markAsked}
}

// Lease makes this instance the one that works on an invite, for d at most. A
// lease is taken once: not again before Unlease or the end of d, by this
// instance either. One that a dead holder has left is taken over. Codes:
// not_found, conflict with RetryAfter.
func (t *Tx) Lease(inviteID string, d time.Duration) error {
	n, err := t.exec(takeLease, micros(t.now), inviteID, t.led.instance, micros(t.now.Add(d)))
	return t.held("lease invite", inviteID, n, err)
}

// Unlease takes the lease away, this instance's or a dead holder's. It may be
// called where there is none. Codes: not_found, conflict where somebody else
// has taken it over.
func (t *Tx) Unlease(inviteID string) error {
	n, err := t.exec(endLease, micros(t.now), inviteID, t.led.instance)
	return t.held("end lease", inviteID, n, err)
}

// Hold makes sure that this instance still has the lease it took, whose time may
// be over: nobody has taken it over. It is for who is about to record what came
// of the work. Codes: not_found, conflict.
func (t *Tx) Hold(inviteID string) error {
	var n int64
	err := t.row(ownLease, inviteID, t.led.instance).Scan(&n)
	return t.held("hold lease", inviteID, n, err)
}

// held is the error of what has changed nothing where the lease is not, or not
// to be had by, this instance's.
func (t *Tx) held(op, inviteID string, changed int64, err error) error {
	if err != nil || changed > 0 {
		return failed(op, err)
	}
	var one int
	if err := t.row(inviteExists, inviteID).Scan(&one); err != nil {
		return missing(op, err)
	}
	return &identity.Error{
		Code: identity.CodeConflict, InviteID: inviteID, RetryAfter: time.Second, Op: op,
		Detail: "Another request is working on this invite.",
	}
}

// Leased reports whether a living holder works on an invite. Codes: not_found.
func (t *Tx) Leased(inviteID string) (leased bool, err error) {
	err = t.row(leaseOfInvite, micros(t.now), inviteID).Scan(&leased)
	return leased, missing("read lease", err)
}

// Interrupted returns the invites that somebody was working on and nobody is
// any more, of all organizations, oldest first: those with a lease that is not
// alive, and those being sent without a lease.
func (l *Ledger) Interrupted(ctx context.Context) ([]identity.Invite, error) {
	rows, err := l.read.rows(ctx, interruptedInvites, micros(l.Now()))
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
	rows, err := l.read.rows(ctx, uncertainInvites, micros(l.Now()), connection, limit)
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
