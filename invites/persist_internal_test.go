package invites

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
)

// What is recorded again, since nobody could tell whether it had been, does not
// touch what this process has begun with the invite in the meantime.
func TestOutcomeRecordedAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		to   identity.State
		anew func(*identity.Invite)
	}{
		"sent again":   {identity.StatePending, func(i *identity.Invite) { i.Attempt++ }},
		"queued again": {identity.StateQueued, func(*identity.Invite) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, all := openLedger(t, "sqlite:"+filepath.Join(t.TempDir(), "usher.db"), nil, "a@example.com")
			s, i := &Service{ledger: l, busy: newBusy()}, all[0]
			var again func(*ledger.Tx) error
			lost := func(_ context.Context, fn func(*ledger.Tx) error, _ func() func()) error {
				again = fn
				return l.Write(t.Context(), fn)
			}
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(s.persist(t.Context(), lost, i, func(tx *ledger.Tx, row *identity.Invite) error {
				return conclude(tx, row, c.to, "", identity.Actor{})
			}))
			var later *identity.Invite
			must(l.Write(t.Context(), func(tx *ledger.Tx) (err error) {
				if later, err = tx.Invite(i.OrganizationID, i.ID); err != nil {
					return err
				}
				if err := tx.Lease(i.ID, time.Hour); err != nil {
					return err
				}
				c.anew(later)
				return move(tx, later, identity.StateSending, "", identity.Actor{})
			}))
			err := l.Write(t.Context(), again)
			if err == nil || ledger.Passes(err) {
				t.Errorf("recording it again: %v", err)
			}
			must(l.Write(t.Context(), func(tx *ledger.Tx) error {
				now, err := tx.Invite(i.OrganizationID, i.ID)
				if err == nil && (now.State != identity.StateSending || now.Attempt != later.Attempt) {
					t.Errorf("the invite is %s, attempt %d", now.State, now.Attempt)
				}
				return errors.Join(err, tx.Hold(i.ID))
			}))
		})
	}
}
