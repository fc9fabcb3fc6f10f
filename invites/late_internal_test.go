package invites

import (
	"sync/atomic"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
	"usher/ledger/ledgertest"
)

// openLedger opens a fresh ledger with a leased invite in it for each address.
func openLedger(t *testing.T, url string, now func() time.Time, addresses ...string) (*ledger.Ledger, []*identity.Invite) {
	t.Helper()
	if _, err := ledger.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), url, &ledger.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	var all []*identity.Invite
	err = l.Write(t.Context(), func(tx *ledger.Tx) error {
		org := &identity.Organization{Name: "one", Connection: "main", ProviderID: "one"}
		if err := tx.InsertOrganization(org); err != nil {
			return err
		}
		for _, address := range addresses {
			i := &identity.Invite{
				OrganizationID: org.ID, Connection: "main", Email: address, EmailKey: address,
				Roles: []string{"member"}, State: identity.StateSending, Attempt: 1,
			}
			if err := tx.InsertLeased(i, time.Hour); err != nil {
				return err
			}
			all = append(all, i)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return l, all
}

// Whoever was so long at recording the beginning of a step that others may think it
// dead sends nothing, be it one invitation or several.
func TestBeginningThatTookTooLong(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*testing.T, *ledger.Ledger, []*identity.Invite) error{
		"one": func(t *testing.T, l *ledger.Ledger, all []*identity.Invite) error {
			return (&Service{ledger: l}).newJournal(all[0]).Begin(t.Context(), "invite")
		},
		"several": func(t *testing.T, l *ledger.Ledger, all []*identity.Invite) error {
			b := &bulkJournal{ledger: l}
			for _, i := range all {
				b.each = append(b.each, (&Service{ledger: l}).newJournal(i))
			}
			return b.Begin(t.Context(), "invite", []int{0, 1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
			var looks atomic.Int32 // at the clock: the transaction's beginning, its part, and then a minute later
			looks.Store(-1 << 20)
			l, all := openLedger(t, ledgertest.Postgres(t), func() time.Time {
				if looks.Add(1) > 2 {
					return start.Add(time.Minute)
				}
				return start
			}, "a@example.com", "b@example.com")
			looks.Store(0)
			if err := begin(t, l, all); identity.CodeOf(err) != identity.CodeInternal {
				t.Errorf("got %v, alive %v", err, l.Alive())
			}
		})
	}
}
