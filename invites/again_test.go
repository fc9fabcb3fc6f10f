package invites_test

import (
	"fmt"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
	"usher/providers/memory"
)

// until waits for what the background brings about, with the settler at work.
func (h *house) until(what string, come func() bool) {
	h.t.Helper()
	limit := time.After(2 * time.Minute)
	for !come() {
		select {
		case h.tick <- time.Time{}:
		case <-time.After(2 * time.Millisecond):
		case <-limit:
			h.t.Fatalf("it never came about that %s", what)
		}
	}
}

func (h *house) counts(org *identity.Organization, id string) map[identity.Outcome]int {
	h.t.Helper()
	b, err := h.service.Batch(h.t.Context(), org, id)
	must(h.t, err)
	return b.Counts
}

func (h *house) rows(id string, outcome identity.Outcome) []identity.BatchItem {
	h.t.Helper()
	page, err := h.service.BatchItems(h.t.Context(), h.org, id, outcome, identity.PageRequest{Limit: 200})
	must(h.t, err)
	return page.Items
}

func (h *house) lastDue(id string) time.Time {
	h.t.Helper()
	due, err := h.ledger.LastDue(h.t.Context(), id)
	must(h.t, err)
	return due
}

// A vendor that fails before anything is sent has the row tried again by itself,
// each time later, and not for ever; a restart does not begin the count anew.
func TestBatchRowTriedAgain(t *testing.T) {
	t.Parallel()
	h, _ := batchHouse(t, 0, false)
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderError, Times: 1_000_000})
	id := h.handIn(h.org, "a@example.com")
	due := time.Time{}
	for n, want := range []time.Duration{5 * time.Second, 15 * time.Second, 45 * time.Second, 135 * time.Second, 405 * time.Second} {
		h.until(fmt.Sprintf("the row is postponed %d times", n+1), func() bool { return h.lastDue(id).After(due) })
		if calls := h.vendor.Calls("invite"); calls != n+1 {
			t.Errorf("%d calls, want %d", calls, n+1)
		}
		due = h.lastDue(id)
		now := h.ledger.Now()
		if wait := due.Sub(now); wait > want || wait < want-time.Second {
			t.Errorf("the row waits for %s, want %s", wait, want)
		}
		row := h.rows(id, "")[0]
		if i := h.get(row.InviteID); row.Outcome != identity.OutcomeQueued || i.State != identity.StateQueued || i.StateReason != string(identity.CodeProviderError) {
			t.Errorf("while it waits the row is %+v and its invite %s (%s)", row, i.State, i.StateReason)
		}
		b, err := h.service.Batch(t.Context(), h.org, id)
		must(t, err)
		if b.FinishedAt != nil || b.EstimatedFinishAt != nil && b.EstimatedFinishAt.Before(due) {
			t.Errorf("while a row waits until %s the batch is %+v", due, b)
		}
		if n == 2 {
			closeHouse(t, h.service, h.ledger)
			h.started()
		}
		h.clock.Advance(due.Sub(now) + time.Millisecond)
	}
	b := h.finished(h.org, id)
	if row := h.rows(id, "")[0]; b.Counts[identity.OutcomeFailed] != 1 || row.Code != identity.CodeProviderError {
		t.Errorf("it ended as %+v", row)
	}
	if n := h.vendor.Calls("invite"); n != 6 {
		t.Errorf("%d calls, want 6", n)
	}
	h.vendor.Heal()
	_, err := h.service.RetryBatch(t.Context(), h.admin, h.org, id)
	must(t, err)
	h.onceEach(id, []string{"a@example.com"})
}

// What fails once holds up nobody else, and is sent when it is due: several rows
// together where they were to go together.
func TestBatchGoesOnBesideAFailure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bulk, failed, calls int
		op                  string
	}{{0, 1, 31, "invite"}, {10, 10, 4, "invite many"}} {
		t.Run(c.op, func(t *testing.T) {
			t.Parallel()
			h, _ := batchHouse(t, c.bulk, false)
			h.vendor.Inject(memory.Fault{Op: c.op, Code: identity.CodeProviderError})
			all := people(30)
			id := h.handIn(h.org, all...)
			h.until("the others are sent and these wait", func() bool {
				counts := h.counts(h.org, id)
				return counts[identity.OutcomeSent] == len(all)-c.failed && counts[identity.OutcomeQueued] == c.failed
			})
			h.clock.Advance(6 * time.Second)
			h.onceEach(id, all)
			if n := h.vendor.Calls(c.op); n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
		})
	}
}

// An answer is an answer: a row that the vendor refuses fails at once.
func TestBatchRowRefused(t *testing.T) {
	t.Parallel()
	h, _ := batchHouse(t, 0, false)
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderError, Refuses: true, Times: 1_000_000})
	id := h.handIn(h.org, "a@example.com")
	b := h.finished(h.org, id)
	if n := h.vendor.Calls("invite"); b.Counts[identity.OutcomeFailed] != 1 || n != 1 {
		t.Errorf("%d calls, and it ended with %v", n, b.Counts)
	}
}

// A row that may have been sent is settled first. Where it was not, and the
// vendor fails when it is taken up again, it is tried again too.
func TestBatchRowTriedAgainAfterSettling(t *testing.T) {
	t.Parallel()
	h, _ := batchHouse(t, 0, false)
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Unclear: true})
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderError})
	id := h.handIn(h.org, "a@example.com")
	h.until("the row is postponed", func() bool { return !h.lastDue(id).IsZero() })
	row := h.rows(id, "")[0]
	if row.Outcome != identity.OutcomeQueued {
		t.Errorf("the row is %+v", row)
	}
	wantHistory(t, h.get(row.InviteID), identity.StateQueued, identity.StateSending, identity.StateUncertain, identity.StateSending, identity.StateFailed, identity.StateQueued)
	h.clock.Advance(6 * time.Second)
	h.onceEach(id, []string{"a@example.com"})
}

// Where the organization has no room left, one refusal is enough: nobody else of
// the batch is tried, and all can be once there is room.
func TestBatchWithoutRoom(t *testing.T) {
	t.Parallel()
	for _, bulk := range []int{0, 10} {
		t.Run(fmt.Sprint(bulk), func(t *testing.T) {
			t.Parallel()
			h, _ := batchHouse(t, bulk, false)
			for _, op := range []string{"invite many", "invite"} {
				h.vendor.Inject(memory.Fault{Op: op, Code: identity.CodeQuotaExceeded, Exhausts: true, Times: 1_000_000})
			}
			all := people(40)
			id := h.handIn(h.org, all...)
			b := h.finished(h.org, id)
			if b.Counts[identity.OutcomeFailed] != len(all) {
				t.Errorf("it ended with %v", b.Counts)
			}
			for _, row := range h.rows(id, "") {
				if row.Code != identity.CodeQuotaExceeded {
					t.Fatalf("a row ended as %+v", row)
				}
			}
			if n := h.vendor.Calls("invite") + h.vendor.Calls("invite many"); n > 12 { // four senders, a call of each kind
				t.Errorf("%d calls for one answer", n)
			}
			h.vendor.Heal()
			_, err := h.service.RetryBatch(t.Context(), h.admin, h.org, id)
			must(t, err)
			h.onceEach(id, all)
		})
	}
}

// Rows that were refused together for want of room go singly until one of them
// is refused by itself. That says nothing about rows of other calls.
func TestBatchChunkWithoutRoom(t *testing.T) {
	t.Parallel()
	h, _ := batchHouse(t, 10, false)
	block := make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "invite many", Code: identity.CodeQuotaExceeded})
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeQuotaExceeded})
	h.vendor.Inject(memory.Fault{Op: "invite", Block: block, Times: 3})
	all := people(30)
	id := h.handIn(h.org, all...)
	h.until("the rest of the call has failed", func() bool { return h.counts(h.org, id)[identity.OutcomeFailed] >= 7 })
	close(block)
	b := h.finished(h.org, id)
	if failed := b.Counts[identity.OutcomeFailed]; failed > 10 || b.Counts[identity.OutcomeSent] != len(all)-failed {
		t.Errorf("it ended with %v", b.Counts)
	}
	if n := h.vendor.Calls("invite"); n > 4 {
		t.Errorf("%d single calls", n)
	}
	_, err := h.service.RetryBatch(t.Context(), h.admin, h.org, id)
	must(t, err)
	h.onceEach(id, all)
}

// One invite of a bulk call that somebody else has taken over in the meantime
// is his to settle; the others have their outcome at once.
func TestBatchWithALostLease(t *testing.T) {
	t.Parallel()
	h, _ := batchHouse(t, 10, false)
	entered, block := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "invite many", Block: block, Entered: entered})
	all := people(10)
	id := h.handIn(h.org, all...)
	<-entered
	lost := h.rows(id, "")[3].InviteID
	must(t, h.ledger.Write(t.Context(), func(tx *ledger.Tx) error { return tx.Unlease(lost) }))
	close(block)
	limit := time.After(2 * time.Minute)
	for h.counts(h.org, id)[identity.OutcomeSent] < len(all)-1 { // and nobody settles
		select {
		case <-time.After(2 * time.Millisecond):
		case <-limit:
			t.Fatalf("the others wait: %v", h.counts(h.org, id))
		}
	}
	h.want(lost, identity.StateSending, "")
	h.onceEach(id, all)
}

// A row that had to be sent by itself still has to after a death between its
// invite's outcome and its own.
func TestRowStaysAlone(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *memory.Options) { o.Fields.Bulk = 10 })
	all := people(3)
	id := h.handIn(h.org, all...)
	must(t, h.ledger.Write(t.Context(), func(tx *ledger.Tx) error {
		rows, err := tx.ReceivedRows(id, len(all))
		for _, r := range rows {
			i := &identity.Invite{
				OrganizationID: h.org.ID, Connection: h.org.Connection, Email: r.Email, EmailKey: r.Email,
				Roles: []string{"member"}, State: identity.StateQueued, Notify: true, Attempt: 1,
			}
			if err := tx.InsertInvite(i); err != nil {
				return err
			}
			r.InviteID, r.Outcome = i.ID, identity.OutcomeSending
			if err := tx.SetBatchRow(id, r.BatchItem, true); err != nil {
				return err
			}
		}
		return err
	}))
	closeHouse(t, h.service, h.ledger)
	h.started()
	h.onceEach(id, all)
	if n := h.vendor.Calls("invite many"); n != 0 {
		t.Errorf("%d calls for several", n)
	}
}
