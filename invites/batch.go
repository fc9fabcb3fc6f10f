package invites

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/identity"
	"usher/ledger"
)

// Bounds of what one transaction does for a batch: a single invite is not to
// wait for many rows. Some take a statement at most, others several.
const (
	appendChunk = 100
	batchChunk  = 10
)

// BatchUpload is a batch whose rows are arriving. Nothing of it is sent before
// Publish. It is used by one goroutine.
type BatchUpload struct {
	s     *Service
	c     *Connection
	by    Caller
	org   *identity.Organization
	batch identity.Batch

	rows  int
	seen  map[[16]byte]int // addresses, hashed, and the row that has it
	chunk []ledger.BatchRow
}

// ReceiveBatch begins a batch of an organization.
func (s *Service) ReceiveBatch(ctx context.Context, by Caller, org *identity.Organization) (*BatchUpload, error) {
	c, err := s.connectionOf(org)
	if err != nil {
		return nil, err
	}
	if c.ActAsCaller {
		return nil, identity.Errorf(identity.CodeUnsupported, "Batches are sent in the background, and this organization's connection acts with the caller's own token.")
	}
	u := &BatchUpload{
		s: s, c: c, by: by, org: org, seen: map[[16]byte]int{},
		batch: identity.Batch{OrganizationID: org.ID, Inviter: by.Actor},
	}
	return u, s.ledger.Write(ctx, func(tx *ledger.Tx) error { return tx.InsertBatch(&u.batch) })
}

// Add checks a row and records it: as queued, or with what is wrong with it.
// problem is what was found while the row was read, nil for nothing. The error
// is about the upload, not about the row.
func (u *BatchUpload) Add(ctx context.Context, line int, r SendRequest, problem error) error {
	u.rows++
	row := ledger.BatchRow{BatchItem: identity.BatchItem{Row: u.rows, Line: line, Email: shortened(r.Email), Outcome: identity.OutcomeQueued}}
	i, err := u.check(r, problem)
	if err == nil {
		hash := [16]byte(sha256Of(i.EmailKey))
		if first, twice := u.seen[hash]; twice {
			row.Outcome, row.Code, row.Field = identity.OutcomeSkipped, identity.CodeDuplicateRow, "/email"
			row.Detail = "Row " + strconv.Itoa(first) + " has this address too."
		} else {
			u.seen[hash] = u.rows
			row.Request, err = encodeRow(i)
		}
	}
	if err != nil {
		row.Outcome = identity.OutcomeFailed
		row.Code, row.Field, row.Detail = explained(err)
	}
	u.chunk = append(u.chunk, row)
	if len(u.chunk) < appendChunk {
		return nil
	}
	return u.flush(ctx)
}

func (u *BatchUpload) check(r SendRequest, problem error) (*identity.Invite, error) {
	if problem != nil {
		return nil, problem
	}
	i, address, err := u.s.validate(u.c, u.by, r)
	if err != nil {
		return nil, err
	}
	return i, u.c.Client.Check(u.s.inviteRequest(u.org, i, address, nil))
}

func (u *BatchUpload) flush(ctx context.Context) error {
	if len(u.chunk) == 0 {
		return nil
	}
	err := u.s.ledger.Write(ledger.InBackground(ctx), func(tx *ledger.Tx) error { return tx.AppendBatchRows(u.batch.ID, u.chunk) })
	u.chunk = u.chunk[:0]
	return err
}

// Publish records the last rows and has the batch sent. claim is the request's
// idempotency record, nil for none: if it holds a batch already, that one is
// returned and nothing is sent.
func (u *BatchUpload) Publish(ctx context.Context, claim *ledger.Claim) (*identity.Batch, error) {
	if claim != nil && claim.BatchID != "" {
		return u.s.Batch(ctx, u.org, claim.BatchID)
	}
	if u.rows == 0 {
		return nil, identity.Errorf(identity.CodeInvalidRequest, "The batch has no rows.")
	}
	if err := u.flush(ctx); err != nil {
		return nil, err
	}
	err := u.s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		moved, err := tx.MoveBatch(u.batch.ID, identity.BatchReceiving, identity.BatchRunning)
		if err == nil && !moved {
			err = identity.Errorf(identity.CodeConflict, "The upload was given up.")
		}
		if err != nil {
			return err
		}
		return tx.AttachBatch(claim, u.batch.ID)
	})
	if err != nil {
		return nil, err
	}
	u.s.batches.wake()
	return u.s.Batch(ctx, u.org, u.batch.ID)
}

// Discard forgets a batch that is not published. It may be called after
// Publish, and does nothing then.
func (u *BatchUpload) Discard(ctx context.Context) error {
	return u.s.ledger.ForgetUpload(ctx, u.batch.ID)
}

func sha256Of(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:16]
}

// shortened is an address as a row shows it, which may be no address at all.
func shortened(email string) string {
	const longest = 254
	if len(email) <= longest {
		return toText(email)
	}
	return toText(email[:longest])
}

// Batch returns one batch of an organization with its counts and, while it is
// open, when it is likely to be finished. Codes: not_found.
func (s *Service) Batch(ctx context.Context, org *identity.Organization, id string) (*identity.Batch, error) {
	b, err := s.ledger.Batch(ctx, org.ID, id)
	if err != nil {
		return nil, err
	}
	s.foresee(ctx, org, b)
	return b, nil
}

// Batches returns a page of an organization's batches, newest first.
// Codes: invalid_request.
func (s *Service) Batches(ctx context.Context, org *identity.Organization, r identity.PageRequest) (*identity.Page[identity.Batch], error) {
	wanted, err := limit(r.Limit)
	if err != nil {
		return nil, err
	}
	listing := []any{"batches", org.ID}
	at, err := decodeCursor(r.Cursor, listing...)
	if err != nil {
		return nil, err
	}
	q := ledger.BatchQuery{OrganizationID: org.ID, Limit: wanted + 1}
	if at != "" {
		if q.Before, err = parsePosition(at); err != nil {
			return nil, err
		}
	}
	rows, err := s.ledger.Batches(ctx, q)
	if err != nil {
		return nil, err
	}
	page := &identity.Page[identity.Batch]{Items: rows}
	if len(rows) > wanted {
		last := rows[wanted-1]
		page.Items = rows[:wanted]
		page.Next = encodeCursor(positionAt(last.CreatedAt, last.ID), listing...)
	}
	for n := range page.Items {
		s.foresee(ctx, org, &page.Items[n])
	}
	return page, nil
}

// BatchItems returns a page of a batch's rows in their order. An empty outcome
// means all. Codes: not_found, invalid_request.
func (s *Service) BatchItems(ctx context.Context, org *identity.Organization, id string, outcome identity.Outcome, r identity.PageRequest) (*identity.Page[identity.BatchItem], error) {
	wanted, err := limit(r.Limit)
	if err != nil {
		return nil, err
	}
	listing := []any{"batch items", org.ID, id, outcome}
	at, err := decodeCursor(r.Cursor, listing...)
	if err != nil {
		return nil, err
	}
	after := 0
	if at != "" {
		if after, err = strconv.Atoi(at); err != nil {
			return nil, invalid("query:cursor", "The cursor does not belong to this listing.")
		}
	}
	if _, err := s.ledger.Batch(ctx, org.ID, id); err != nil {
		return nil, err
	}
	rows, err := s.ledger.BatchItems(ctx, id, outcome, after, wanted+1)
	if err != nil {
		return nil, err
	}
	page := &identity.Page[identity.BatchItem]{Items: rows}
	if len(rows) > wanted {
		page.Items = rows[:wanted]
		page.Next = encodeCursor(strconv.Itoa(rows[wanted-1].Row), listing...)
	}
	return page, nil
}

// CancelBatch takes back what has not been sent of a running batch. One that is
// being cancelled, or ended, is answered as it is. Codes: not_found.
func (s *Service) CancelBatch(ctx context.Context, org *identity.Organization, id string) (*identity.Batch, error) {
	if _, err := s.Batch(ctx, org, id); err != nil {
		return nil, err
	}
	err := s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		_, err := tx.MoveBatch(id, identity.BatchRunning, identity.BatchCancelling)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.batches.wake()
	b, err := s.Batch(ctx, org, id)
	if _, configured := s.connections[org.Connection]; err == nil && !configured {
		return s.cancelHere(ctx, org, b)
	}
	return b, err
}

// cancelHere takes back what has not been sent of a batch that is being cancelled,
// where no connection is left to do so.
func (s *Service) cancelHere(ctx context.Context, org *identity.Organization, b *identity.Batch) (*identity.Batch, error) {
	for worked := b.State == identity.BatchCancelling; worked; {
		var err error
		if worked, err = s.tidy(ctx, b); err != nil {
			return nil, err
		}
	}
	return s.Batch(ctx, org, b.ID)
}

// RetryBatch sends the failed rows of a batch again, those that can be sent at
// all. Whoever handed it in: a row with a role that the caller may not grant
// stays failed, and says so. Codes: not_found, conflict while the batch is being
// cancelled.
func (s *Service) RetryBatch(ctx context.Context, by Caller, org *identity.Organization, id string) (*identity.Batch, error) {
	c, err := s.connectionOf(org)
	if err != nil {
		return nil, err
	}
	b, err := s.Batch(ctx, org, id)
	if err != nil {
		return nil, err
	}
	cancelling := identity.Errorf(identity.CodeConflict, "The batch is being cancelled.")
	if b.State == identity.BatchCancelling {
		return nil, cancelling
	}
	for after, more := 0, true; more; {
		last := after
		err := s.ledger.Write(ledger.InBackground(ctx), func(tx *ledger.Tx) error {
			rows, err := tx.FailedRows(id, after, appendChunk)
			if more = len(rows) == appendChunk; err != nil || len(rows) == 0 {
				return err
			}
			last = rows[len(rows)-1].Row
			if retried, err := s.retryRows(tx, c, by, org, b, rows); err != nil || !retried {
				return err
			}
			for _, state := range []identity.BatchState{identity.BatchRunning, identity.BatchDone, identity.BatchCancelled} {
				if moved, err := tx.MoveBatch(id, state, identity.BatchRunning); err != nil || moved {
					return err
				}
			}
			return cancelling // since it was looked at
		})
		if err != nil {
			return nil, err
		}
		after = last
	}
	s.batches.wake()
	return s.Batch(ctx, org, id)
}

// retryRows queues failed rows again, but for those that the caller may not send.
func (s *Service) retryRows(tx *ledger.Tx, c *Connection, by Caller, org *identity.Organization, b *identity.Batch, rows []ledger.BatchRow) (retried bool, err error) {
	first, last := rows[0].Row, rows[len(rows)-1].Row
	if checkGrantable(c, by, slices.Sorted(maps.Keys(c.Roles))) == nil {
		return true, tx.RetryBatchRows(b.ID, first-1, last)
	}
	for _, r := range rows {
		i, err := s.invitedBy(tx, b, org, &r)
		if err != nil {
			return false, err
		}
		if refused := checkGrantable(c, by, grantedBy(c, i)); refused != nil {
			r.Code, r.Field, r.Detail = explained(refused)
			err = tx.SetBatchRow(b.ID, r.BatchItem, r.Alone)
		} else {
			retried, err = true, tx.RetryBatchRows(b.ID, r.Row-1, r.Row)
		}
		if err != nil {
			return false, err
		}
	}
	return retried, nil
}

// encodeRow keeps what was asked for until it becomes an invite.
func encodeRow(i *identity.Invite) (string, error) {
	text, err := json.Marshal(queuedRequest{
		Email: i.Email, EmailKey: i.EmailKey, Roles: i.Roles, GivenName: i.GivenName, FamilyName: i.FamilyName, Locale: i.Locale,
		Message: i.Message, RedirectURL: i.RedirectURL, ExpiresAt: i.ExpiresAt, Metadata: i.Metadata, Notify: i.Notify,
	})
	return string(text), err
}

// queuedRequest is a checked request as the ledger keeps it.
type queuedRequest struct {
	Email       string         `json:"email"`
	EmailKey    string         `json:"email_key"`
	Roles       []string       `json:"roles"`
	GivenName   string         `json:"given_name,omitempty"`
	FamilyName  string         `json:"family_name,omitempty"`
	Locale      string         `json:"locale,omitempty"`
	Message     string         `json:"message,omitempty"`
	RedirectURL string         `json:"redirect_url,omitempty"`
	ExpiresAt   *time.Time     `json:"expires_at,omitempty"`
	Metadata    map[string]any `json:"metadata,omitempty"`
	Notify      bool           `json:"notify"`
}

// decodeRow is the invite that a row asks for.
func decodeRow(text string, b *identity.Batch) (*identity.Invite, error) {
	var q queuedRequest
	if err := json.Unmarshal([]byte(text), &q); err != nil {
		return nil, err
	}
	return &identity.Invite{
		OrganizationID: b.OrganizationID, Email: q.Email, EmailKey: q.EmailKey, Roles: q.Roles,
		GivenName: q.GivenName, FamilyName: q.FamilyName, Locale: q.Locale, Message: q.Message, RedirectURL: q.RedirectURL,
		ExpiresAt: q.ExpiresAt, Metadata: q.Metadata, Notify: q.Notify, NotCarried: []string{}, Inviter: b.Inviter, Attempt: 1,
		State: identity.StateQueued,
	}, nil
}

// explained is what a row shows of an error: what a problem document would.
func explained(err error) (code identity.Code, field, detail string) {
	var known *identity.Error
	if !errors.As(err, &known) {
		return identity.CodeInternal, "", ""
	}
	return known.Code, known.Field, known.Detail
}

func retryAfter(err error) time.Duration {
	var known *identity.Error
	if errors.As(err, &known) {
		return known.RetryAfter
	}
	return 0
}

// toText makes text of what may be none.
func toText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
