package workos

import (
	"context"
	"errors"
	"time"

	"usher/providers"
	"usher/providers/workos/internal"
)

// The journalled steps. start is no call: it says when an attempt began and
// which invitation it found, so that what it did can be told from what was
// there before.
const (
	stepStart    = "start"
	stepSend     = "send_invitation"
	stepResend   = "resend_invitation"
	stepWithdraw = "withdraw_expired"
)

// The keys of the steps' results and of Sent.Reference.
const (
	refID      = "id"
	refDays    = "days"
	refExpires = "expires_at"
	refCreated = "created_at"
	refAt      = "at" // of start alone
)

// skew is how far the vendor's clock may be from ours.
const skew = time.Minute

// begin records when an attempt begins, and from which invitation if it begins
// from one. It is durable with the step that follows.
func (s *sending) begin(ctx context.Context, row *internal.Invitation) error {
	result := map[string]string{refAt: s.deps.Now().UTC().Format(time.RFC3339Nano)}
	if row != nil {
		result[refID], result[refExpires] = row.ID, stamp(row.ExpiresAt)
	}
	return s.request.Journal.Done(ctx, stepStart, result)
}

// beginning is what start recorded. The zero time: it did not.
type beginning struct {
	at          time.Time
	id, expires string
}

func (s *sending) beginning() beginning {
	result := s.request.Journal.Step(stepStart).Result
	return beginning{at: readTime(result[refAt]), id: result[refID], expires: result[refExpires]}
}

// step runs one journalled write. A definite refusal takes the step back.
func (s *sending) step(ctx context.Context, name string, do func() (*internal.Invitation, error)) (*internal.Invitation, error) {
	if err := s.request.Journal.Begin(ctx, name); err != nil {
		return nil, err
	}
	row, err := do()
	if err == nil {
		return row, s.done(ctx, name, row)
	}
	if mayHaveActed(err) {
		return nil, err
	}
	return nil, s.undo(ctx, name, err)
}

func (s *sending) done(ctx context.Context, name string, row *internal.Invitation) error {
	result := map[string]string{refID: row.ID, refExpires: stamp(row.ExpiresAt)}
	if !row.CreatedAt.IsZero() {
		result[refCreated] = stamp(&row.CreatedAt)
	}
	return s.request.Journal.Done(ctx, name, result)
}

// undo takes a step back, and with it the beginning: nothing of the attempt has
// reached the vendor then. It returns cause.
func (s *sending) undo(ctx context.Context, name string, cause error) error {
	for _, recorded := range []string{name, stepStart} {
		if !s.request.Journal.Step(recorded).Begun {
			continue
		}
		if err := s.request.Journal.Undo(ctx, recorded); err != nil {
			return err
		}
	}
	return cause
}

// unsettled marks an error after which a step is begun and nobody knows how it
// ended, whatever the error itself is about.
func (s *sending) unsettled(err error) error {
	for _, name := range []string{stepSend, stepResend} {
		if step := s.request.Journal.Step(name); step.Begun && !step.Done {
			return &uncertain{err}
		}
	}
	return err
}

// uncertain is an error after which the vendor may have acted.
type uncertain struct{ error }

// Unwrap returns the error itself.
func (u *uncertain) Unwrap() error { return u.error }

// MayHaveActed implements providers.Uncertainer.
func (u *uncertain) MayHaveActed() bool { return true }

// mayHaveActed reads an error. One that does not say may have.
func mayHaveActed(err error) bool {
	var u providers.Uncertainer
	return !errors.As(err, &u) || u.MayHaveActed()
}

// recorded is the invitation that a step was done with.
func recorded(step providers.Step) *internal.Invitation {
	row := &internal.Invitation{
		ID: step.Result[refID], State: internal.StatePending, CreatedAt: readTime(step.Result[refCreated]),
	}
	if at := readTime(step.Result[refExpires]); !at.IsZero() {
		row.ExpiresAt = &at
	}
	return row
}

// readTime reads what stamp wrote; the zero time is what it did not.
func readTime(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// stamp writes a time; nil is "".
func stamp(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}
