package invites_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/invites"
	"usher/ledger"
	"usher/providers"
	"usher/providers/memory"
)

// waits are the pauses that the sender of batches asked for. They are over at
// once; waiting for work never is.
type waits struct {
	mu  sync.Mutex
	all []time.Duration
}

func (w *waits) after(d time.Duration) <-chan time.Time {
	over := make(chan time.Time, 1)
	if d == longWait {
		return over
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, d)
	over <- time.Time{}
	return over
}

func (w *waits) longest() (d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range w.all {
		d = max(d, one)
	}
	return d
}

const longWait = 24 * time.Hour

// started is open with the background work running.
func (h *house) started() *waits {
	h.t.Helper()
	w := &waits{}
	h.serve(func(o *invites.Options) { o.After, o.SettleEvery = w.after, longWait })
	if err := h.service.Start(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	return w
}

// batchHouse is a house whose vendor takes so many invitations in a call.
func batchHouse(t *testing.T, bulk int, whole bool) (*house, *waits) {
	t.Helper()
	h := build(t, func(o *memory.Options) { o.Fields.Bulk, o.BulkWhole = bulk, whole })
	closeHouse(t, h.service, h.ledger)
	return h, h.started()
}

// handIn hands in a batch of addresses.
func (h *house) handIn(org *identity.Organization, addresses ...string) string {
	h.t.Helper()
	upload, err := h.service.ReceiveBatch(h.t.Context(), h.admin, org)
	must(h.t, err)
	for n, address := range addresses {
		must(h.t, upload.Add(h.t.Context(), n+1, request(address), nil))
	}
	b, err := upload.Publish(h.t.Context(), nil)
	must(h.t, err)
	return b.ID
}

func people(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("person%03d@example.com", i))
	}
	return all
}

// finished waits until a batch is done, with the settler at work beside.
func (h *house) finished(org *identity.Organization, id string) *identity.Batch {
	h.t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		b, err := h.service.Batch(h.t.Context(), org, id)
		must(h.t, err)
		if b.FinishedAt != nil {
			return b
		}
		select {
		case h.tick <- time.Time{}:
		case <-time.After(2 * time.Millisecond):
		case <-limit:
			h.t.Fatalf("the batch does not end: %+v", b)
		}
	}
}

// onceEach checks that everybody was mailed once and that every row says so.
func (h *house) onceEach(id string, addresses []string) {
	h.t.Helper()
	b := h.finished(h.org, id)
	if b.State != identity.BatchDone || b.Counts[identity.OutcomeSent] != len(addresses) {
		h.t.Errorf("the batch ended as %s with %v", b.State, b.Counts)
	}
	for _, address := range addresses {
		h.mails(address, 1)
	}
}

// Where nobody can be asked what became of a row, it is left to a person: its
// batch ends, and those behind it are sent.
func TestBatchEndsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *memory.Options) {
		o.Silent, o.Withheld = true, []providers.Capability{providers.CapInviteList}
	})
	closeHouse(t, h.service, h.ledger)
	h.started()
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Unclear: true})
	first := h.handIn(h.org, "a@example.com", "b@example.com")
	second := h.handIn(h.org, "c@example.com")
	b := h.finished(h.org, first)
	if b.State != identity.BatchDone || b.Counts[identity.OutcomeUncertain] != 1 || b.Counts[identity.OutcomeSent] != 1 {
		t.Errorf("the batch ended as %s with %v", b.State, b.Counts)
	}
	if b := h.finished(h.org, second); b.Counts[identity.OutcomeSent] != 1 {
		t.Errorf("the batch behind it ended with %v", b.Counts)
	}
}

// A batch does not end while somebody else settles one of its rows, even where
// the vendor keeps no invitations.
func TestBatchWaitsForWhoSettles(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *memory.Options) {
		o.Silent, o.Withheld = true, []providers.Capability{providers.CapInviteList}
	})
	closeHouse(t, h.service, h.ledger)
	h.started()
	entered := make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "invite", Dies: true, Entered: entered})
	first := h.handIn(h.org, "a@example.com")
	<-entered
	closeHouse(t, h.service, h.ledger)
	h.open()
	rows, err := h.service.BatchItems(t.Context(), h.org, first, "", identity.PageRequest{})
	must(t, err)
	id := rows.Items[0].InviteID
	must(t, h.ledger.Write(t.Context(), func(tx *ledger.Tx) error {
		i, err := tx.Invite(h.org.ID, id)
		if err != nil {
			return err
		}
		i.State, i.StateReason = identity.StateUncertain, identity.ReasonInterrupted
		if err := tx.UpdateInvite(i); err != nil {
			return err
		}
		return tx.Lease(id, time.Hour)
	}))
	must(t, h.service.Start(t.Context()))
	second := h.handIn(h.org, "b@example.com")
	h.finished(h.org, second)
	if b, err := h.service.Batch(t.Context(), h.org, first); err != nil || b.FinishedAt != nil {
		t.Errorf("it ended while its row was being settled: %+v, %v", b, err)
	}
	must(t, h.ledger.Write(t.Context(), func(tx *ledger.Tx) error { return tx.Unlease(id) }))
	if b := h.finished(h.org, first); b.Counts[identity.OutcomeUncertain] != 1 {
		t.Errorf("it ended with %v", b.Counts)
	}
}

// Failed rows that somebody wants sent again while it is being found out that nothing
// else is left of their batch are sent: the batch does not end over them.
func TestBatchRetriedWhileItEnds(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *memory.Options) {
		o.Silent, o.Withheld = true, []providers.Capability{providers.CapInviteList}
	})
	closeHouse(t, h.service, h.ledger)
	h.timeout = 10 * time.Minute
	h.started()
	entered, release := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeQuotaExceeded})
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Unclear: true})
	h.vendor.Inject(memory.Fault{Op: "settle", Block: release, Entered: entered}) // the batch asks, before it ends
	id := h.handIn(h.org, "a@example.com", "b@example.com")
	<-entered
	_, err := h.service.RetryBatch(t.Context(), h.admin, h.org, id)
	must(t, err)
	close(release)
	b := h.finished(h.org, id)
	if b.State != identity.BatchDone || b.Counts[identity.OutcomeUncertain] != 1 || b.Counts[identity.OutcomeSent] != 1 {
		t.Errorf("the batch ended as %s with %v", b.State, b.Counts)
	}
	if n := h.vendor.Mails("one", "a@example.com") + h.vendor.Mails("one", "b@example.com"); n != 1 {
		t.Errorf("%d mails", n)
	}
}

// A row that was cut off while it was sent does not go on once its batch is cancelled:
// where the vendor shows that it did not happen it is taken back, and where it did,
// the row says so.
func TestCancelledBatchSendsNothingMore(t *testing.T) {
	t.Parallel()
	for acted, want := range map[bool]identity.Outcome{true: identity.OutcomeSent, false: identity.OutcomeCancelled} {
		t.Run(string(want), func(t *testing.T) {
			t.Parallel()
			h, _ := batchHouse(t, 0, false)
			h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Acted: acted, Unclear: true})
			h.vendor.Inject(memory.Fault{Op: "settle", Code: identity.CodeProviderUnavailable, Times: 1_000_000})
			id := h.handIn(h.org, "a@example.com")
			h.until("the row is uncertain", func() bool { return h.counts(h.org, id)[identity.OutcomeUncertain] == 1 })
			_, err := h.service.CancelBatch(t.Context(), h.org, id)
			must(t, err)
			h.vendor.Heal()
			b := h.finished(h.org, id)
			if b.State != identity.BatchCancelled || b.Counts[want] != 1 {
				t.Errorf("the batch ended as %s with %v", b.State, b.Counts)
			}
			h.mails("a@example.com", map[bool]int{true: 1}[acted])
			state, reason := identity.StateRevoked, identity.ReasonBatchCancelled
			if acted {
				state, reason = identity.StatePending, ""
			}
			h.want(h.rows(id, "")[0].InviteID, state, reason)
		})
	}
}

// Whatever happens to the first call for many rows, each of them is mailed once.
func TestBatchUnderFaults(t *testing.T) {
	t.Parallel()
	for _, bulk := range []int{0, 10} {
		op := "invite"
		if bulk > 0 {
			op = "invite many"
		}
		for name, fault := range map[string]memory.Fault{
			"nothing":                    {Op: "revoke", Code: identity.CodeInternal},
			"a lost answer":              {Op: op, Acted: true, Code: identity.CodeProviderTimeout},
			"a lost request":             {Op: op, Unclear: true, Code: identity.CodeProviderTimeout},
			"lost answers":               {Op: op, Acted: true, Code: identity.CodeProviderTimeout, Times: 3},
			"a vendor that is away":      {Op: op, Code: identity.CodeProviderUnavailable, Times: 5},
			"a limit":                    {Op: op, Code: identity.CodeProviderRateLimited, RetryAfter: time.Hour, Times: 3},
			"credentials that ran out":   {Op: op, Code: identity.CodeProviderCredentials, Times: 2},
			"everything, settling too":   {Code: identity.CodeProviderUnavailable, Times: 9},
			"an answer lost in the half": {Op: op, Acted: true, Rows: 4, Code: identity.CodeProviderTimeout},
		} {
			t.Run(fmt.Sprintf("%s/%d", name, bulk), func(t *testing.T) {
				t.Parallel()
				h, waited := batchHouse(t, bulk, false)
				h.vendor.Inject(fault)
				all := people(33)
				h.onceEach(h.handIn(h.org, all...), all)
				if fault.RetryAfter > 0 && waited.longest() < fault.RetryAfter {
					t.Errorf("paused for %v at most, and the vendor asked for %v", waited.longest(), fault.RetryAfter)
				}
				if calls := h.vendor.Calls("invite many"); bulk > 0 && calls < 4 {
					t.Errorf("%d bulk calls for %d rows", calls, len(all))
				}
			})
		}
	}
}

// One row that the vendor refuses does not cost the others of its call theirs,
// whether the vendor then takes the others or not.
func TestBatchWithARefusedRow(t *testing.T) {
	t.Parallel()
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprint(whole), func(t *testing.T) {
			t.Parallel()
			h, _ := batchHouse(t, 10, whole)
			h.vendor.AddInvite("one", "elsewhere@example.com", "Member")
			good := people(15)
			id := h.handIn(h.org, append([]string{"member@example.com", "elsewhere@example.com"}, good...)...)
			b := h.finished(h.org, id)
			if b.Counts[identity.OutcomeSent] != 15 || b.Counts[identity.OutcomeSkipped] != 2 {
				t.Errorf("got %v", b.Counts)
			}
			for _, address := range good {
				h.mails(address, 1)
			}
			items, err := h.service.BatchItems(t.Context(), h.org, id, identity.OutcomeSkipped, identity.PageRequest{})
			must(t, err)
			if items.Items[0].Code != identity.CodeAlreadyMember || items.Items[1].Code != identity.CodeInvitePending {
				t.Errorf("got %+v", items.Items)
			}
		})
	}
}

// A process that dies in a call leaves invites that the next one settles.
func TestBatchOfADeadProcess(t *testing.T) {
	t.Parallel()
	for _, bulk := range []int{0, 10} {
		for _, acted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d/%v", bulk, acted), func(t *testing.T) {
				t.Parallel()
				h, _ := batchHouse(t, bulk, false)
				op := "invite"
				if bulk > 0 {
					op = "invite many"
				}
				entered := make(chan struct{})
				h.vendor.Inject(memory.Fault{Op: op, Dies: true, Acted: acted, Entered: entered})
				all := people(12)
				id := h.handIn(h.org, all...)
				<-entered
				closeHouse(t, h.service, h.ledger)
				h.clock.Advance(time.Hour)
				h.started()
				h.onceEach(id, all)
			})
		}
	}
}

// A row whose vendor does not say what became of it holds up its own batch, and
// not those behind it.
func TestBatchBehindAnUncertainRow(t *testing.T) {
	t.Parallel()
	h, _ := batchHouse(t, 0, false)
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderTimeout, Unclear: true})
	h.vendor.Inject(memory.Fault{Op: "settle", Code: identity.CodeProviderUnavailable, Times: 1_000_000})
	first := h.handIn(h.org, "a@example.com", "b@example.com")
	second := h.handIn(h.org, "c@example.com")
	if b := h.finished(h.org, second); b.Counts[identity.OutcomeSent] != 1 {
		t.Errorf("got %v", b.Counts)
	}
	b, err := h.service.Batch(t.Context(), h.org, first)
	must(t, err)
	if b.FinishedAt != nil || b.Counts[identity.OutcomeUncertain] != 1 {
		t.Errorf("the first is %s with %v", b.State, b.Counts)
	}
	h.vendor.Heal()
	h.onceEach(first, []string{"a@example.com", "b@example.com"})
}

// A refusal that could not be recorded is not what became of a row: its invite
// goes on, and the row says so.
func TestBatchRowIsWhatTheLedgerHas(t *testing.T) {
	t.Parallel()
	h, _ := batchHouse(t, 0, false)
	entered, block := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeQuotaExceeded, Block: block, Entered: entered})
	id := h.handIn(h.org, "a@example.com")
	<-entered
	sending, err := h.service.List(t.Context(), h.admin, h.org, invites.ListRequest{Email: "a@example.com"})
	must(t, err)
	must(t, h.ledger.Write(t.Context(), func(tx *ledger.Tx) error { return tx.Unlease(sending.Items[0].ID) }))
	close(block)
	h.onceEach(id, []string{"a@example.com"})
	items, err := h.service.BatchItems(t.Context(), h.org, id, "", identity.PageRequest{})
	must(t, err)
	if row := items.Items[0]; row.Code != "" || row.Field != "" || row.Detail != "" {
		t.Errorf("a row that was sent is explained: %+v", row)
	}
}

// A queued invite that somebody revokes is not sent, and its row says so.
func TestBatchRowRevoked(t *testing.T) {
	t.Parallel()
	h, _ := batchHouse(t, 0, false)
	entered, block := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "invite", Block: block, Entered: entered})
	h.vendor.Inject(memory.Fault{Op: "invite", Block: block, Times: 10})
	all := people(12)
	id := h.handIn(h.org, all...)
	<-entered
	var last *identity.Page[identity.Invite]
	h.until("the last row has an invite", func() bool {
		var err error
		last, err = h.service.List(t.Context(), h.admin, h.org, invites.ListRequest{Email: all[11]})
		must(t, err)
		return len(last.Items) == 1
	})
	if last.Items[0].State != identity.StateQueued {
		t.Fatalf("the last row is %+v", last.Items)
	}
	_, err := h.service.Revoke(t.Context(), h.admin, h.org, last.Items[0].ID)
	must(t, err)
	close(block)
	b := h.finished(h.org, id)
	if b.Counts[identity.OutcomeSent] != 11 || b.Counts[identity.OutcomeCancelled] != 1 {
		t.Errorf("got %v", b.Counts)
	}
	h.mails(all[11], 0)
}

// Rows of one organization do not hold up those of another on the same
// connection.
func TestBatchesTakeTurns(t *testing.T) {
	t.Parallel()
	h, _ := batchHouse(t, 0, false)
	entered, block := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "invite", Block: block, Entered: entered})
	long := h.handIn(h.org, people(200)...)
	<-entered
	short := h.handIn(h.other, "one@example.com")
	close(block)
	if b := h.finished(h.other, short); b.Counts[identity.OutcomeSent] != 1 {
		t.Errorf("got %v", b.Counts)
	}
	b, err := h.service.Batch(t.Context(), h.org, long)
	must(t, err)
	if sent := b.Counts[identity.OutcomeSent]; sent > 100 {
		t.Errorf("%d rows were sent before the other organization's one", sent)
	}
	h.onceEach(long, people(200))
}

// An organization with pending invites is compared with its vendor without
// being asked, as often as its connection says; one without is not.
func TestCadence(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.send("a@example.com")
	closeHouse(t, h.service, h.ledger)
	rounds := make(chan time.Time)
	h.every = 10 * time.Minute
	h.serve(func(o *invites.Options) {
		o.After = func(time.Duration) <-chan time.Time { return rounds }
	})
	must(t, h.service.Start(t.Context()))
	h.compared(rounds, h.org)
	must(t, h.vendor.Accept("one", "a@example.com"))
	h.send("b@example.com")
	listed := h.vendor.Calls("list invites")
	h.clock.Advance(9 * time.Minute)
	for range 4 {
		rounds <- time.Time{}
	}
	if n := h.vendor.Calls("list invites"); n != listed {
		t.Errorf("compared %d times too early", n-listed)
	}
	h.clock.Advance(time.Minute + time.Second)
	h.compared(rounds, h.org)
	page, err := h.ledger.Invites(t.Context(), ledger.InviteQuery{OrganizationID: h.org.ID, EmailKey: "a@example.com"})
	must(t, err)
	if page[0].State != identity.StateAccepted {
		t.Errorf("the acceptance was not seen: %s", page[0].State)
	}
	other, err := h.ledger.Organization(t.Context(), h.other.ID)
	must(t, err)
	if other.SyncedAt != nil {
		t.Error("an organization without pending invites was compared")
	}
}

// compared drives rounds of the background until an organization has been
// compared now.
func (h *house) compared(rounds chan<- time.Time, org *identity.Organization) {
	h.t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		now, err := h.ledger.Organization(h.t.Context(), org.ID)
		must(h.t, err)
		if now.SyncedAt != nil && about(*now.SyncedAt, h.ledger.Now()) {
			return
		}
		select {
		case rounds <- time.Time{}:
		case <-time.After(5 * time.Millisecond):
		case <-limit:
			h.t.Fatal("the organization is not compared")
		}
	}
}

// A batch of a connection that is not configured any more can still be cancelled.
func TestBatchOfAConnectionThatIsGone(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.vendor.Inject(memory.Fault{Op: "invite", Code: identity.CodeProviderUnavailable, Times: 1000}) // nothing is sent
	id := h.handIn(h.org, people(3)...)
	closeHouse(t, h.service, h.ledger)
	var err error
	h.ledger, err = ledger.Open(t.Context(), h.url, &ledger.Options{Now: h.clock.Now})
	must(t, err)
	h.service, err = invites.New(t.Context(), h.ledger, nil, &invites.Options{Tick: h.tick})
	must(t, err)
	defer closeHouse(t, h.service, h.ledger)
	must(t, h.service.Start(t.Context()))
	b, err := h.service.CancelBatch(t.Context(), h.org, id)
	must(t, err)
	if b.State != identity.BatchCancelled || b.Counts[identity.OutcomeCancelled] != 3 {
		t.Errorf("the batch is %s: %v", b.State, b.Counts)
	}
}
