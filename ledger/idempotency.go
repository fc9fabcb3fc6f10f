package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"

	"usher/identity"
)

// A key's record is claimed while its request is under way, released after a
// failure that may be tried again, finished once there is an answer to replay.
//
//	(none) → claimed → finished
//	            ↑ ↓
//	         released
//
// A claim whose holder is dead counts as released.
const (
	keyClaimed  = "claimed"
	keyReleased = "released"
	keyFinished = "finished"

	livingClaim = `EXISTS (SELECT 1 FROM instances h WHERE h.id = holder AND h.alive_until > $1)`

	readKey = `SELECT body_hash, state, ` + livingClaim + `, token, invite_id, attempt, organization_id, batch_id, status, header, body
		FROM idempotency WHERE id = $2`
	insertKey = `INSERT INTO idempotency (id, body_hash, state, holder, token, attempt, status, header, created_at, updated_at)
		VALUES ($1, $2, 'claimed', $3, $4, 0, 0, '', $5, $5) ON CONFLICT DO NOTHING`
	takeKey = `UPDATE idempotency SET state = 'claimed', holder = $3, token = $4, updated_at = $5
		WHERE id = $1 AND token = $2 AND state <> 'finished'`
	finishKey = `UPDATE idempotency SET state = 'finished', status = $3, header = $4, body = $5, updated_at = $6
		WHERE id = $1 AND token = $2 AND state = 'claimed'`
	releaseKey = `UPDATE idempotency SET state = 'released', updated_at = $3
		WHERE id = $1 AND token = $2 AND state = 'claimed'`
	attachInvite = `UPDATE idempotency SET invite_id = NULLIF($3, ''), attempt = $4, updated_at = $5
		WHERE id = $1 AND token = $2 AND state = 'claimed'`
	attachOrganization = `UPDATE idempotency SET organization_id = $3, updated_at = $4
		WHERE id = $1 AND token = $2 AND state = 'claimed'`
	attachBatch = `UPDATE idempotency SET batch_id = $3, updated_at = $4
		WHERE id = $1 AND token = $2 AND state = 'claimed'`
	pruneKeys = `DELETE FROM idempotency WHERE id IN (SELECT id FROM idempotency
		WHERE updated_at < $2 AND (state <> 'claimed' OR NOT ` + livingClaim + `) ORDER BY updated_at LIMIT $3)`
)

func keyStatements() []string {
	return []string{readKey, insertKey, takeKey, finishKey, releaseKey, attachInvite, attachOrganization, attachBatch, pruneKeys}
}

// id is a hash of the whole key. Each part goes in with its length before it,
// so that no two keys are the same bytes.
func (k IdempotencyKey) id() string {
	h := sha256.New()
	for _, part := range []string{k.Issuer, k.Subject, k.Organization, k.Method, k.Path, k.Key} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// keyRecord is a row of idempotency.
type keyRecord struct {
	bodyHash       []byte
	state, token   string
	alive          bool // who holds it
	inviteID       string
	attempt        int
	organizationID string
	batchID        string
	answer         Answer
}

func scanKey(s scanner) (*keyRecord, error) {
	var r keyRecord
	var invite, organization, batch sql.NullString
	var header string
	err := s.Scan(&r.bodyHash, &r.state, &r.alive, &r.token, &invite, &r.attempt, &organization, &batch, &r.answer.Status, &header, &r.answer.Body)
	if err != nil {
		return nil, err
	}
	r.inviteID, r.organizationID, r.batchID = invite.String, organization.String, batch.String
	return &r, fromJSON(header, &r.answer.Header)
}

// judge says what a record means for a new request: an answer to replay, an
// error, or neither, where it may be claimed.
func judge(r *keyRecord, bodyHash []byte) (*Answer, error) {
	switch {
	case !bytes.Equal(r.bodyHash, bodyHash):
		return nil, identity.FieldError(identity.CodeIdempotencyKeyReused, "header:Idempotency-Key",
			"This key was used for another request body.")
	case r.state == keyFinished:
		return &r.answer, nil
	case r.state == keyClaimed && r.alive:
		return nil, keyInProgress()
	}
	return nil, nil
}

func keyInProgress() error {
	return identity.FieldError(identity.CodeIdempotencyInProgress, "header:Idempotency-Key",
		"A request with this key is under way.")
}

// ClaimKey looks a request up by its key: exactly one of claim, answer and
// error is set. A claim means that the request is to be carried out now; its
// InviteID, OrganizationID or BatchID is what an earlier try under the key has made, one
// that was released or whose process died. An answer is to be replayed. Codes:
// idempotency_key_reused for another body hash, idempotency_in_progress while
// a twin is under way. Only hashes are stored: of the key, and of the body as
// the caller made it.
func (l *Ledger) ClaimKey(ctx context.Context, k IdempotencyKey, bodyHash []byte) (*Claim, *Answer, error) {
	const op = "claim idempotency key"
	id := k.id()
	known, err := scanKey(l.read.row(ctx, readKey, micros(l.Now()), id))
	if err == nil { // most repetitions need no transaction
		if answer, err := judge(known, bodyHash); answer != nil || err != nil {
			return nil, answer, err
		}
	} else if !errors.Is(err, sql.ErrNoRows) {
		return nil, nil, failed(op, err)
	}
	claim := &Claim{ID: id, token: identity.NewID(""), made: time.Now()}
	var answer *Answer
	// Without what the request does next the claim is worth nothing.
	err = l.WriteAhead(ctx, func(t *Tx) error {
		n, err := t.exec(insertKey, id, bodyHash, l.instance, claim.token, micros(t.now))
		if err != nil || n == 1 {
			return failed(op, err)
		}
		known, err := scanKey(t.row(readKey, micros(t.now), id))
		if err != nil {
			return failed(op, err)
		}
		if answer, err = judge(known, bodyHash); answer != nil || err != nil {
			return err
		}
		claim.InviteID, claim.Attempt, claim.OrganizationID = known.inviteID, known.attempt, known.organizationID
		claim.BatchID = known.batchID
		n, err = t.exec(takeKey, id, known.token, l.instance, claim.token, micros(t.now))
		if err == nil && n == 0 {
			err = keyInProgress()
		}
		return failed(op, err)
	})
	if err != nil || answer != nil {
		return nil, answer, err
	}
	return claim, nil, nil
}

// FinishKey stores the answer of a claimed request for replaying. A nil claim
// is no claim: nothing happens. Codes: conflict where the claim is not held
// any more.
func (l *Ledger) FinishKey(ctx context.Context, c *Claim, a Answer) error {
	if c == nil {
		return nil
	}
	const op = "finish idempotency key"
	header, err := toJSON(a.Header)
	if err != nil {
		return failed(op, err)
	}
	return l.Write(ctx, func(t *Tx) error {
		n, err := t.exec(finishKey, c.ID, c.token, a.Status, header, a.Body, micros(t.now))
		return t.claimed(op, c, n, err)
	})
}

// ReleaseKey gives a claimed key back, to be tried again with the same body;
// what the next claim gets is the InviteID of this one. A nil claim is no
// claim: nothing happens. Where the ledger cannot be written now, the key is
// given back as soon as it can. Codes: conflict where the claim is not held any
// more.
func (l *Ledger) ReleaseKey(ctx context.Context, c *Claim) error {
	if c == nil {
		return nil
	}
	const op = "release idempotency key"
	return l.Persist(ctx, func(t *Tx) error {
		n, err := t.exec(releaseKey, c.ID, c.token, micros(t.now))
		if err == nil && n == 0 { // one that was lost is given back
			err = notHeld(op)
		}
		return failed(op, err)
	}, nil)
}

// AttachInvite records which invite a claimed request sends and with which of
// its attempts, in the transaction that begins it, and sets c.InviteID and
// c.Attempt. An empty id takes it away again. A nil claim is no claim: nothing
// happens. Codes: conflict where the claim is not held any more, not_found for
// an unknown invite.
func (t *Tx) AttachInvite(c *Claim, inviteID string, attempt int) error {
	if c == nil {
		return nil
	}
	n, err := t.exec(attachInvite, c.ID, c.token, inviteID, attempt, micros(t.now))
	if err := t.claimed("attach invite", c, n, err); err != nil {
		return err
	}
	c.InviteID, c.Attempt = inviteID, attempt
	return nil
}

// AttachOrganization records which organization a claimed request has made, in
// the transaction that inserts it, and sets c.OrganizationID. A nil claim is no
// claim: nothing happens. Codes: conflict where the claim is not held any more,
// not_found for an unknown organization.
func (t *Tx) AttachOrganization(c *Claim, organizationID string) error {
	if c == nil {
		return nil
	}
	n, err := t.exec(attachOrganization, c.ID, c.token, organizationID, micros(t.now))
	if err := t.claimed("attach organization", c, n, err); err != nil {
		return err
	}
	c.OrganizationID = organizationID
	return nil
}

// AttachBatch records which batch a claimed request has handed in, in the
// transaction that sets it running, and sets c.BatchID. A nil claim is no claim:
// nothing happens. Codes: conflict where the claim is not held any more,
// not_found for an unknown batch.
func (t *Tx) AttachBatch(c *Claim, batchID string) error {
	if c == nil {
		return nil
	}
	n, err := t.exec(attachBatch, c.ID, c.token, batchID, micros(t.now))
	if err := t.claimed("attach batch", c, n, err); err != nil {
		return err
	}
	c.BatchID = batchID
	return nil
}

// claimed is the outcome of a change of n claims. A claim that is not there may
// have been lost with what was written ahead since: that passes.
func (t *Tx) claimed(op string, c *Claim, n int64, err error) error {
	if err == nil && n == 0 {
		err = t.led.lostSince(c.made)
	}
	if err == nil && n == 0 {
		err = notHeld(op)
	}
	return failed(op, err)
}

func notHeld(op string) error {
	return &identity.Error{Code: identity.CodeConflict, Op: op, Detail: "The request's idempotency key is not held any more."}
}

// PruneKeys forgets the keys that nothing has happened to for so long, but not
// those whose request is under way, and returns how many. It works in small
// transactions, so that others get between.
func (l *Ledger) PruneKeys(ctx context.Context, olderThan time.Duration) (int64, error) {
	var all int64
	for {
		var n int64
		err := l.Write(ctx, func(t *Tx) (err error) {
			n, err = t.exec(pruneKeys, micros(t.now), micros(t.now.Add(-olderThan)), chunk)
			return failed("prune idempotency keys", err)
		})
		all += n
		if err != nil || n < chunk {
			return all, err
		}
	}
}
