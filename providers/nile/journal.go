package nile

import (
	"context"
	"errors"
	"fmt"

	"usher/providers"
)

// The journalled steps.
const (
	stepLook   = "look_before_sending"
	stepDead   = "delete_dead_invitation"
	stepCreate = "create_invitation"
	stepClean  = "delete_unmailed_invitation"
	stepAccept = providers.AcceptPrefix + "invitation"
)

// The keys of Sent.Reference and of the steps' results.
const (
	refID      = "id"      // the vendor's id of the invitation
	refExpires = "expires" // result of stepCreate
	refMark    = "mark"    // result of stepLook: which sending of the invitation was the last
	refPending = "pending" // result of stepLook: "yes" if it had not expired
)

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

// then is the first of two errors, with the other one in its text.
func then(first, second error) error {
	if first == nil {
		return second
	}
	return fmt.Errorf("%w; then: %v", first, second)
}

// step runs one journalled write. A definite refusal takes the step back.
func step(ctx context.Context, j providers.Journal, name string, do func() (map[string]string, error)) error {
	if err := j.Begin(ctx, name); err != nil {
		return err
	}
	result, err := do()
	if err == nil {
		return j.Done(ctx, name, result)
	}
	if mayHaveActed(err) {
		return err
	}
	if undo := j.Undo(ctx, name); undo != nil {
		return undo
	}
	return err
}

// lost reports a step that was begun and whose end nobody knows.
func lost(j providers.Journal, name string) bool {
	step := j.Step(name)
	return step.Begun && !step.Done
}
