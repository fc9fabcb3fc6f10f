package invites

import (
	"context"

	"usher/identity"
	"usher/ledger"
)

// write is how an outcome is recorded: Persist or PersistAhead of the ledger.
type write func(ctx context.Context, fn func(*ledger.Tx) error, owed func() (settled func())) error

// persist records what came of the work on a leased invite, which fn changes as its
// row. What has happened at a vendor is known here alone: where the ledger cannot be
// written now, it is recorded as soon as it can, and until then the invite counts as
// being worked on. The error is of the first try; i is then as fn would have it.
func (s *Service) persist(ctx context.Context, w write, i *identity.Invite, fn func(*ledger.Tx, *identity.Invite) error) error {
	return s.persistAll(ctx, w, []*identity.Invite{i}, func(tx *ledger.Tx, rows []*identity.Invite) error { return fn(tx, rows[0]) })
}

// persistAll is persist for several invites at once. fn finds nil in the place of one
// that is recorded already.
func (s *Service) persistAll(ctx context.Context, w write, all []*identity.Invite, fn func(*ledger.Tx, []*identity.Invite) error) error {
	before, again := make([]identity.Invite, len(all)), false
	for n, i := range all {
		before[n] = *i
	}
	return w(context.WithoutCancel(ctx), func(tx *ledger.Tx) error {
		if !again {
			again = true
			return fn(tx, all)
		}
		rows, err := unchanged(tx, before) // the caller has gone on with all
		if err != nil {
			return err
		}
		return fn(tx, rows)
	}, func() func() {
		var ends []func()
		for n := range before {
			ends = append(ends, s.busy.begin(before[n].ID))
		}
		return func() {
			for _, end := range ends {
				end()
			}
		}
	})
}

// unchanged returns those invites that the ledger has as they were before, and nil in
// the place of the others: what came of the work on them was recorded after all, though
// nobody could tell, and this instance may be at the next already. If that is so of all,
// it fails with a conflict.
func unchanged(tx *ledger.Tx, before []identity.Invite) ([]*identity.Invite, error) {
	rows, left := make([]*identity.Invite, len(before)), false
	for n, i := range before {
		now, err := tx.Invite(i.OrganizationID, i.ID)
		if err != nil {
			return nil, err
		}
		if now.Attempt == i.Attempt && now.UpdatedAt.Equal(i.UpdatedAt) {
			rows[n], left = &i, true
		}
	}
	if !left {
		return nil, identity.Errorf(identity.CodeConflict, "The outcome is recorded already.")
	}
	return rows, nil
}
