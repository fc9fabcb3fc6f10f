package clerk

import (
	"context"
	"net/http"
	"slices"

	"usher/identity"
	"usher/providers"
	"usher/providers/clerk/internal"
)

// refused looks into the refusal of a call: which rows were made all the same,
// whether the call is atomic being unknown (FACTS.md section 15), and which are
// its cause. The others are untried.
func (b *bulk) refused(ctx context.Context, open []*bulkRow, refusal error) error {
	e := internal.AsAPIError(refusal)
	if e != nil && lookedAtRows(e) {
		if err := b.kept(ctx, open); err != nil {
			conclude(open, &uncertain{explain(refusal)})
			return nil
		}
	}
	left := b.open()
	if len(left) == 0 {
		return nil
	}
	if err := b.journal.Undo(ctx, stepCreate, places(left)); err != nil {
		conclude(left, &uncertain{err})
		return nil
	}
	if !providers.Singly(explain(refusal)) || e == nil {
		return refusal
	}
	if err := b.blame(ctx, left, e); err != nil || len(b.open()) < len(open) {
		return err // who is decided is in nobody's way any more
	}
	return b.decide(refusal)
}

// lookedAtRows reports a refusal by which some rows may have been made: not one
// of the whole gateway or organization, which comes before.
func lookedAtRows(e *internal.APIError) bool {
	return e.Status != http.StatusTooManyRequests && e.Status != http.StatusUnauthorized && e.IdentityCode() != identity.CodeNotFound
}

// kept takes up the rows of a refused call that the vendor made. What was
// created a moment ago need not be listed yet (FACTS.md section 11, 20).
func (b *bulk) kept(ctx context.Context, open []*bulkRow) error {
	if err := b.deps.Sleep(ctx, b.settings.lagWait); err != nil {
		return err
	}
	rows, err := b.pendingOf(ctx, open)
	if err != nil {
		return err
	}
	for _, row := range open {
		if there := row.pending(rows[row.email], ""); there != nil && row.isOurs(there) && row.ofAttempt(there) {
			b.done(ctx, row, there)
		}
	}
	return nil
}

// blame gives the refusal of a call to the rows that it is about, as far as that
// can be found. An error means that the vendor cannot be asked.
func (b *bulk) blame(ctx context.Context, left []*bulkRow, e *internal.APIError) error {
	if len(left) == 1 {
		conclude(left, e)
		return nil
	}
	for _, row := range left {
		if slices.ContainsFunc(e.Emails, func(named string) bool { return same(named, row.email) }) {
			row.outcome.Err = explain(e)
		}
	}
	switch {
	case len(b.open()) < len(left):
		return nil
	case e.IsDuplicate():
		return b.lookAtPending(ctx)
	case e.Code == internal.CodeAlreadyMember:
		return b.lookAtMembers(ctx)
	case e.IdentityCode() == identity.CodeUnknownRole:
		return b.blameRoles(ctx, left, e)
	default:
		return nil
	}
}

// blameRoles finds the rows with a role that the organization does not have.
func (b *bulk) blameRoles(ctx context.Context, left []*bulkRow, e *internal.APIError) error {
	if !slices.ContainsFunc(left, func(row *bulkRow) bool { return row.body.Role != left[0].body.Role }) {
		conclude(left, e)
		return nil
	}
	roles, err := b.assignable(ctx, b.org)
	if err != nil {
		return err
	}
	for _, row := range left {
		if !slices.ContainsFunc(roles, func(r internal.Role) bool { return r.Key == row.body.Role }) {
			row.outcome.Err = explain(e)
		}
	}
	return nil
}
