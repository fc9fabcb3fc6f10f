package ledger_test

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
	"usher/ledger/ledgertest"
)

func fresh(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "usher.db") }

func TestSQLite(t *testing.T) { ledgertest.Run(t, ledgertest.Harness{Fresh: fresh}) }

func TestPostgres(t *testing.T) {
	ledgertest.Run(t, ledgertest.Harness{Fresh: ledgertest.Postgres, Shared: true})
}

func open(t testing.TB, url string, o *ledger.Options) *ledger.Ledger {
	t.Helper()
	if _, err := ledger.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func organization(t testing.TB, l *ledger.Ledger) *identity.Organization {
	t.Helper()
	o := &identity.Organization{Slug: "acme", Connection: "one", ProviderID: "p"}
	if err := l.Write(t.Context(), func(tx *ledger.Tx) error { return tx.InsertOrganization(o) }); err != nil {
		t.Fatal(err)
	}
	return o
}

func draft(o *identity.Organization, email string) *identity.Invite {
	return &identity.Invite{
		OrganizationID: o.ID, Connection: o.Connection, Email: email, EmailKey: email, Roles: []string{"member"},
		State: identity.StateSending, Notify: true, Attempt: 1,
	}
}

// Whoever opens the file after another has left knows at once that the other
// is dead, whatever its lease says.
func TestOtherHoldersAreDead(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	first := open(t, url, nil)
	o := organization(t, first)
	i := draft(o, "a@example.com")
	k := ledger.IdempotencyKey{Key: "k"}
	c, _, err := first.ClaimKey(t.Context(), k, []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	err = first.Write(t.Context(), func(tx *ledger.Tx) error {
		if err := tx.InsertInvite(i); err != nil {
			return err
		}
		if err := tx.AttachInvite(c, i.ID, 1); err != nil {
			return err
		}
		return tx.Lease(i.ID, 1000*time.Hour)
	})
	if err != nil {
		t.Fatal(err)
	}
	if all, err := first.Interrupted(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("interrupted while its holder lives: %v, %v", all, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := open(t, url, nil)
	all, err := second.Interrupted(t.Context())
	if err != nil || len(all) != 1 || all[0].ID != i.ID {
		t.Errorf("interrupted: %v, %v, want %s", all, err, i.ID)
	}
	if err := second.Write(t.Context(), func(tx *ledger.Tx) error { return tx.Lease(i.ID, time.Hour) }); err != nil {
		t.Errorf("taking the lease over: %v", err)
	}
	again, _, err := second.ClaimKey(t.Context(), k, []byte("body"))
	if err != nil || again.InviteID != i.ID {
		t.Errorf("taking the claim over: %+v, %v", again, err)
	}
}

func TestOneTransactionAtATime(t *testing.T) {
	t.Parallel()
	l := open(t, fresh(t), nil)
	o := organization(t, l)
	var inside, most atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := l.Write(t.Context(), func(tx *ledger.Tx) error {
				most.Store(max(most.Load(), inside.Add(1)))
				defer inside.Add(-1)
				_, err := tx.Organization(o.ID)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 {
		t.Errorf("%d transactions at once", most.Load())
	}
}

// Reading and cancelling at random must leave every connection fit for use.
func TestCancelledReads(t *testing.T) {
	t.Parallel()
	l := open(t, fresh(t), nil)
	o := organization(t, l)
	err := l.Write(t.Context(), func(tx *ledger.Tx) error {
		for n := range 300 {
			i := draft(o, "a@example.com")
			i.State, i.Message = identity.StateFailed, string(make([]byte, n))
			if err := tx.InsertInvite(i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	list := func(ctx context.Context) (int, error) {
		all, err := l.Invites(ctx, ledger.InviteQuery{OrganizationID: o.ID, Limit: 300})
		return len(all), err
	}
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for m := range 50 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n*m)*10*time.Microsecond)
				if got, err := list(ctx); err == nil && got != 300 {
					t.Errorf("half a list without an error: %d", got)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if got, err := list(t.Context()); err != nil || got != 300 {
		t.Errorf("afterwards: %d, %v", got, err)
	}
}

// The zero byte is text like any other.
func TestNulByte(t *testing.T) {
	t.Parallel()
	l := open(t, fresh(t), nil)
	o := organization(t, l)
	i := draft(o, "nul@example.com")
	i.Message, i.Metadata = "a\x00b", map[string]any{"nul": "\x00"}
	if err := l.Write(t.Context(), func(tx *ledger.Tx) error { return tx.InsertInvite(i) }); err != nil {
		t.Fatal(err)
	}
	got, err := l.Invite(t.Context(), o.ID, i.ID)
	if err != nil || got.Message != i.Message || got.Metadata["nul"] != "\x00" {
		t.Errorf("got %+v, %v", got, err)
	}
}
