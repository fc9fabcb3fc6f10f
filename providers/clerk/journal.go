package clerk

import (
	"context"
	"errors"

	"usher/providers"
)

// The journalled steps.
const (
	stepWithdraw = "withdraw_invitation"
	stepCreate   = "create_invitation"
)

// The keys of Sent.Reference and of the steps' results.
const (
	refDays = "days" // how long the invitation lives
	refID   = "id"   // result of both steps: the vendor's id
)

// lost reports a step that was begun and whose end nobody knows.
func (s *sending) lost(name string) bool {
	step := s.request.Journal.Step(name)
	return step.Begun && !step.Done
}

// unsettled marks an error after which a step is begun and nobody knows how it
// ended, whatever the error itself is about.
func (s *sending) unsettled(err error) error {
	if s.lost(stepWithdraw) || s.lost(stepCreate) {
		return &uncertain{err}
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

// step runs one journalled write, which returns the vendor's id of what it
// wrote. A definite refusal takes the step back.
func (s *sending) step(ctx context.Context, name string, do func() (id string, err error)) error {
	if err := s.request.Journal.Begin(ctx, name); err != nil {
		return err
	}
	id, err := do()
	if err == nil {
		return s.request.Journal.Done(ctx, name, map[string]string{refID: id})
	}
	if mayHaveActed(err) {
		return err
	}
	if undo := s.request.Journal.Undo(ctx, name); undo != nil {
		return undo
	}
	return err
}
