package invites

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/httpx"
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

// counter is a vendor that counts what it is sent.
type counter struct{ calls atomic.Int32 }

// RoundTrip implements http.RoundTripper.
func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.calls.Add(1)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

// What waits for its turn while this instance is taken for dead is not sent any more,
// also where the instance is alive again by then. What begins afterwards is.
func TestCallsOfAnInstanceThatWasAway(t *testing.T) {
	t.Parallel()
	now := atomic.Int64{}
	l, _ := openLedger(t, ledgertest.Postgres(t), func() time.Time { return time.UnixMicro(1_800_000_000_000_000 + now.Load()) })
	s, vendor := &Service{ledger: l}, &counter{}
	client := httpx.New(&httpx.Options{Transport: vendor})
	send := func(ctx context.Context, method string) error {
		_, err := client.Do(ctx, httpx.Call{Op: "test", Method: method, URL: "http://vendor.example/"})
		return err
	}
	before := s.whileAlive(t.Context())
	if err := send(before, http.MethodPost); err != nil {
		t.Fatal(err)
	}
	now.Add(time.Minute.Microseconds())
	if err := send(before, http.MethodPost); !errors.Is(err, errLate) {
		t.Errorf("while it is away: %v", err)
	}
	if err := l.Write(t.Context(), func(*ledger.Tx) error { return nil }); err != nil || !l.Alive() {
		t.Fatalf("alive %v, %v", l.Alive(), err)
	}
	if err := send(before, http.MethodPost); !errors.Is(err, errLate) {
		t.Errorf("when it is back: %v", err)
	}
	if err := errors.Join(send(before, http.MethodGet), send(s.whileAlive(t.Context()), http.MethodPost)); err != nil {
		t.Error(err)
	}
	if n := vendor.calls.Load(); n != 3 {
		t.Errorf("%d calls were sent", n)
	}
}

// Who comes too late to take a step back leaves it to whoever has it now.
func TestUndoOfSomebodyElsesStep(t *testing.T) {
	t.Parallel()
	l, all := openLedger(t, "sqlite:"+filepath.Join(t.TempDir(), "usher.db"), nil, "a@example.com")
	j := (&Service{ledger: l}).newJournal(all[0])
	if err := j.Begin(t.Context(), "invite"); err != nil {
		t.Fatal(err)
	}
	if err := l.Write(t.Context(), func(tx *ledger.Tx) error { return tx.Unlease(all[0].ID) }); err != nil {
		t.Fatal(err)
	}
	undo := j.Undo(t.Context(), "invite")
	b := &bulkJournal{ledger: l, each: []*journal{j}}
	if err := b.Undo(t.Context(), "invite", []int{0}); undo == nil || err != nil {
		t.Errorf("got %v, of several %v", undo, err)
	}
	if steps, err := l.Steps(t.Context(), all[0].ID, 1); err != nil || len(steps) != 1 {
		t.Errorf("steps %v, %v", steps, err)
	}
}
