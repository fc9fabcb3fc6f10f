package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Link is what the secret of an accept link leads to.
type Link struct {
	InviteID, OrganizationID string
	Attempt                  int
	Roles                    []string // that it offers
	Superseded               bool     // a later sending's link has taken its place
	CreatedAt                time.Time
}

const (
	insertLink = `INSERT INTO invite_links (hash, invite_id, attempt, roles, superseded, created_at)
		SELECT CAST($1 AS TEXT), i.id, CAST($3 AS BIGINT), CAST($4 AS TEXT), FALSE, CAST($5 AS BIGINT)
		FROM invites i WHERE i.id = $2 AND i.lease_holder = $6 AND i.lease_until > $5`
	supersedeLinks = `UPDATE invite_links SET superseded = TRUE WHERE invite_id = $1 AND attempt < $2`
	linkByHash     = `SELECT l.invite_id, i.organization_id, l.attempt, l.roles, l.superseded, l.created_at
		FROM invite_links l JOIN invites i ON i.id = l.invite_id WHERE l.hash = $1`
)

func linkStatements() []string { return []string{insertLink, supersedeLinks, linkByHash} }

// hashOfLink is what is kept of a link's secret. The secret is random and long:
// it needs no salt, and cannot be guessed from its hash.
func hashOfLink(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func scanLink(s scanner) (*Link, error) {
	var l Link
	var roles string
	var created int64
	if err := s.Scan(&l.InviteID, &l.OrganizationID, &l.Attempt, &roles, &l.Superseded, &created); err != nil {
		return nil, missing("read link", err)
	}
	l.CreatedAt = fromMicros(created)
	return &l, failed("read link", fromJSON(roles, &l.Roles))
}

// InsertLink records the secret of a link to an attempt of an invite, as a hash
// alone, with the roles that it offers. It takes the invite's lease. Codes:
// not_found for an unknown invite, conflict where this instance has no living
// lease.
func (t *Tx) InsertLink(secret, inviteID string, attempt int, roles []string) error {
	const op = "record link"
	text, err := toJSON(roles)
	if err != nil {
		return failed(op, err)
	}
	n, err := t.exec(insertLink, hashOfLink(secret), inviteID, attempt, text, micros(t.now), t.led.instance)
	return t.held(op, inviteID, n, err)
}

// SupersedeLinks ends the links of an invite's attempts before this one.
func (t *Tx) SupersedeLinks(inviteID string, attempt int) error {
	_, err := t.exec(supersedeLinks, inviteID, attempt)
	return failed("end former links", err)
}

// Link returns what the secret of a link leads to. Codes: not_found.
func (l *Ledger) Link(ctx context.Context, secret string) (*Link, error) {
	return scanLink(l.read.row(ctx, linkByHash, hashOfLink(secret)))
}

// Link returns what the secret of a link leads to. Codes: not_found.
func (t *Tx) Link(secret string) (*Link, error) {
	return scanLink(t.row(linkByHash, hashOfLink(secret)))
}
