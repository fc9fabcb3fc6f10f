package invites_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
	"usher/providers/memory"
)

// lock keeps everybody else from writing to the ledger, as another program would.
func (h *house) lock() (unlock func()) {
	h.t.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(h.url, "sqlite:"))
	must(h.t, err)
	ctx := context.WithoutCancel(h.t.Context())
	c, err := db.Conn(ctx)
	must(h.t, err)
	for _, statement := range []string{"PRAGMA busy_timeout = 60000", "BEGIN IMMEDIATE"} {
		_, err := c.ExecContext(ctx, statement)
		must(h.t, err)
	}
	return func() {
		_, err := c.ExecContext(ctx, "ROLLBACK")
		must(h.t, err)
		must(h.t, c.Close())
		must(h.t, db.Close())
	}
}

// What the vendor has done while the ledger could not be written is recorded as it
// happened once it can, without asking anybody: a vendor that cannot be asked would
// leave it uncertain.
func TestOutcomeIsNotLostWithTheLedger(t *testing.T) {
	t.Parallel()
	for name, keyed := range map[string]bool{"without a key": false, "with a key": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := patient(t)
			h.started() // nobody ticks
			entered, release := make(chan struct{}), make(chan struct{})
			h.vendor.Inject(memory.Fault{Op: "invite", Block: release, Entered: entered})
			r := request("x@example.com")
			if keyed {
				r.Claim = h.claim("k")
			}
			answered := make(chan error, 1)
			go func() {
				_, err := h.service.Send(t.Context(), h.admin, h.org, r)
				answered <- err
			}()
			<-entered
			unlock := h.lock()
			close(release)
			err := <-answered
			known := wantCode(t, err, identity.CodeInternal)
			if !ledger.Passes(err) || known == nil {
				t.Fatalf("got %v", err)
			}
			living := h.living("x@example.com")
			h.want(living, identity.StateSending, "")
			unlock()
			for end := time.Now().Add(time.Minute); len(h.get(living).History) == 1; {
				if time.Now().After(end) {
					t.Fatal("never recorded")
				}
			}
			h.want(living, identity.StatePending, "")
			if i := h.get(living); i.SentAt == nil || i.ProviderID == "" {
				t.Errorf("recorded: %+v", i)
			}
			wantHistory(t, h.get(living), identity.StateSending, identity.StatePending)
			h.mails("x@example.com", 1)
			if n := h.vendor.Calls("settle"); n != 0 {
				t.Errorf("the vendor was asked %d times", n)
			}
			i, err := h.service.Resend(t.Context(), h.admin, h.org, living, nil) // nobody holds it any more
			must(t, err)
			h.want(i.ID, identity.StatePending, "")
		})
	}
}

// A row that is taken up again while the ledger cannot be written is not lost: nothing
// of it has been sent, and it goes on once the ledger can be.
func TestRowTakenUpAgainWithoutTheLedger(t *testing.T) {
	t.Parallel()
	h := build(t)
	closeHouse(t, h.service, h.ledger)
	h.timeout = 10 * time.Minute
	h.started()
	entered, release := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Unclear: true})
	h.vendor.Inject(memory.Fault{Op: "settle"})
	h.vendor.Inject(memory.Fault{Op: "settle", Block: release, Entered: entered}) // of the sending that goes on
	id := h.handIn(h.org, "a@example.com")
	h.until("the row is taken up again", func() bool {
		select {
		case <-entered:
			return true
		default:
			return false
		}
	})
	unlock := h.lock()
	close(release)
	time.Sleep(12 * time.Second) // the ledger waits for ten
	unlock()
	h.onceEach(id, []string{"a@example.com"})
}
