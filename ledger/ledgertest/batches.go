package ledgertest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
)

// upload begins a batch with rows that are asked for.
func (w *world) upload(rows int) string {
	w.t.Helper()
	b := &identity.Batch{OrganizationID: w.org.ID, Inviter: identity.Actor{Issuer: "i", Subject: "s", Email: "e"}}
	w.must(func(tx *ledger.Tx) error {
		if err := tx.InsertBatch(b); err != nil {
			return err
		}
		var all []ledger.BatchRow
		for n := range rows {
			all = append(all, ledger.BatchRow{
				BatchItem: identity.BatchItem{Row: n + 1, Line: n + 2, Email: fmt.Sprintf("p%d@example.com", n), Outcome: identity.OutcomeQueued},
				Request:   fmt.Sprintf(`{"n":%d}`, n),
			})
		}
		return tx.AppendBatchRows(b.ID, all)
	})
	return b.ID
}

// running is an upload that was published.
func (w *world) running(rows int) string {
	w.t.Helper()
	id := w.upload(rows)
	w.moves(id, identity.BatchReceiving, identity.BatchRunning, true)
	return id
}

func (w *world) moves(id string, from, to identity.BatchState, want bool) {
	w.t.Helper()
	moved, err := inTx(w, func(tx *ledger.Tx) (bool, error) { return tx.MoveBatch(id, from, to) })
	wantCode(w.t, "move", err, "")
	equal(w.t, fmt.Sprintf("moved from %s to %s", from, to), moved, want)
}

func (w *world) set(id string, i identity.BatchItem, alone bool) {
	w.t.Helper()
	w.must(func(tx *ledger.Tx) error { return tx.SetBatchRow(id, i, alone) })
}

func (w *world) batch(id string) *identity.Batch {
	w.t.Helper()
	b, err := w.Batch(w.t.Context(), w.org.ID, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) rowsOf(id string, outcome identity.Outcome, after, limit int) (rows []int) {
	w.t.Helper()
	items, err := w.BatchItems(w.t.Context(), id, outcome, after, limit)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, i := range items {
		rows = append(rows, i.Row)
	}
	return rows
}

func (w *world) wantOpen(ids ...string) {
	w.t.Helper()
	open, err := w.OpenBatches(w.t.Context())
	wantCode(w.t, "open batches", err, "")
	got := []string{}
	for _, b := range open {
		got = append(got, b.ID)
	}
	equal(w.t, "open batches", got, append([]string{}, ids...))
}

func (s *suite) batches(t *testing.T) {
	t.Run("not seen before it is whole", s.batchArriving)
	t.Run("rows", s.batchRows)
	t.Run("outcomes", s.batchOutcomes)
	t.Run("postponed", s.batchPostponed)
	t.Run("retry", s.batchRetry)
	t.Run("lists", s.batchLists)
	t.Run("key", s.batchKey)
}

func (s *suite) batchArriving(t *testing.T) {
	t.Parallel()
	w := s.world(t)
	wantCode(t, "of no organization", w.Write(t.Context(), func(tx *ledger.Tx) error {
		return tx.InsertBatch(&identity.Batch{OrganizationID: "org_x"})
	}), identity.CodeNotFound)
	id := w.upload(3)
	_, err := w.Batch(t.Context(), w.org.ID, id)
	wantCode(t, "read", err, identity.CodeNotFound)
	w.wantOpen()
	w.moves(id, identity.BatchRunning, identity.BatchDone, false)
	given, kept := w.upload(450), w.running(2)
	w.clock.Advance(time.Hour)
	n, err := w.PruneUploads(t.Context(), 2*time.Hour)
	wantCode(t, "prune", err, "")
	equal(t, "too young", n, 0)
	n, err = w.PruneUploads(t.Context(), time.Minute)
	wantCode(t, "prune", err, "")
	equal(t, "pruned", n, 2)
	for _, gone := range []string{id, given} {
		wantCode(t, "append", w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.AppendBatchRows(gone, nil) }), identity.CodeConflict)
		equal(t, "rows", w.rowsOf(gone, "", 0, 0), []int(nil))
	}
	wantCode(t, "forget one that runs", w.ForgetUpload(t.Context(), kept), "")
	equal(t, "it stays", w.batch(kept).Counts, map[identity.Outcome]int{identity.OutcomeQueued: 2})
}

func (s *suite) batchRows(t *testing.T) {
	t.Parallel()
	w := s.world(t)
	id := w.running(5)
	w.wantOpen(id)
	invite := w.insert("p0@example.com", identity.StateQueued)
	received, err := inTx(w, func(tx *ledger.Tx) ([]ledger.BatchRow, error) { return tx.ReceivedRows(id, 2) })
	wantCode(t, "received", err, "")
	equal(t, "received", received, []ledger.BatchRow{
		{BatchItem: identity.BatchItem{Row: 1, Line: 2, Email: "p0@example.com", Outcome: identity.OutcomeQueued}, Request: `{"n":0}`},
		{BatchItem: identity.BatchItem{Row: 2, Line: 3, Email: "p1@example.com", Outcome: identity.OutcomeQueued}, Request: `{"n":1}`},
	})
	first := received[0].BatchItem
	first.InviteID = invite.ID
	w.set(id, first, true)
	queued, err := inTx(w, func(tx *ledger.Tx) ([]ledger.QueuedRow, error) { return tx.QueuedRows(id, 10) })
	wantCode(t, "queued", err, "")
	equal(t, "queued", queued, []ledger.QueuedRow{{BatchItem: first, Alone: true}})
	equal(t, "both kinds", w.rowsOf(id, identity.OutcomeQueued, 0, 3), []int{1, 2, 3})
	unsent, err := inTx(w, func(tx *ledger.Tx) ([]identity.BatchItem, error) { return tx.UnsentRows(id, 10) })
	wantCode(t, "unsent", err, "")
	equal(t, "unsent", len(unsent), 5)
	w.moves(id, identity.BatchRunning, identity.BatchCancelling, true)
	queued, err = inTx(w, func(tx *ledger.Tx) ([]ledger.QueuedRow, error) { return tx.QueuedRows(id, 10) })
	wantCode(t, "queued", err, "")
	equal(t, "nothing of a cancelled batch is to be sent", len(queued), 0)
	w.moves(id, identity.BatchCancelling, identity.BatchCancelled, false)
	w.wantOpen(id) // as long as there are rows to be sent
	for _, row := range unsent {
		row.Outcome = identity.OutcomeCancelled
		w.set(id, row, false)
	}
	w.moves(id, identity.BatchCancelling, identity.BatchCancelled, true)
	w.wantOpen()
	equal(t, "finished", w.batch(id).FinishedAt, ptr(w.Now()))
}

func (s *suite) batchOutcomes(t *testing.T) {
	t.Parallel()
	w := s.world(t)
	id := w.running(3)
	i := w.insert("p0@example.com", identity.StateSending)
	row := identity.BatchItem{Row: 1, Line: 2, Email: "p0@example.com", Outcome: identity.OutcomeSending, InviteID: i.ID}
	unsettled := func() []ledger.UnsettledRow {
		rows, err := inTx(w, func(tx *ledger.Tx) ([]ledger.UnsettledRow, error) { return tx.UnsettledRows(id, 10) })
		wantCode(t, "unsettled", err, "")
		return rows
	}
	w.set(id, row, false)
	equal(t, "being sent", len(unsettled()), 0)
	i.State, i.StateReason = identity.StateUncertain, "interrupted"
	w.must(func(tx *ledger.Tx) error { return tx.UpdateInvite(i) })
	equal(t, "uncertain now", unsettled(), []ledger.UnsettledRow{{BatchItem: row, State: identity.StateUncertain, Reason: "interrupted"}})
	row.Outcome = identity.OutcomeUncertain
	w.set(id, row, false)
	equal(t, "known to be uncertain", len(unsettled()), 0)
	i.State, i.StateReason, i.SentAt = identity.StateExpired, "", ptr(w.Now())
	w.must(func(tx *ledger.Tx) error { return tx.UpdateInvite(i) })
	equal(t, "sent, and expired", unsettled(), []ledger.UnsettledRow{{BatchItem: row, State: identity.StateExpired, Sent: true}})
	row.Outcome, row.Code, row.Field, row.Detail = identity.OutcomeFailed, "c", "/f", "d"
	w.set(id, row, false)
	items, err := w.BatchItems(t.Context(), id, identity.OutcomeFailed, 0, 0)
	wantCode(t, "items", err, "")
	equal(t, "items", items, []identity.BatchItem{row})
	equal(t, "counts", w.batch(id).Counts, map[identity.Outcome]int{identity.OutcomeQueued: 2, identity.OutcomeFailed: 1})
}

func (s *suite) batchPostponed(t *testing.T) {
	t.Parallel()
	w := s.world(t)
	id := w.running(3)
	for n := range 3 {
		invite := w.insert(fmt.Sprintf("p%d@example.com", n), identity.StateQueued)
		w.set(id, identity.BatchItem{Row: n + 1, Outcome: identity.OutcomeQueued, InviteID: invite.ID}, false)
	}
	queued := func() map[int]int {
		rows, err := inTx(w, func(tx *ledger.Tx) ([]ledger.QueuedRow, error) { return tx.QueuedRows(id, 10) })
		wantCode(t, "queued", err, "")
		tries := map[int]int{}
		for _, r := range rows {
			tries[r.Row] = r.Tries
		}
		return tries
	}
	due := func() time.Time {
		at, err := w.LastDue(t.Context(), id)
		wantCode(t, "last due", err, "")
		return at
	}
	equal(t, "none is postponed", due(), time.Time{})
	later := w.Now().Add(time.Minute)
	w.must(func(tx *ledger.Tx) error { return tx.Postpone(id, 1, 1, later.Add(-time.Second)) })
	w.must(func(tx *ledger.Tx) error { return tx.Postpone(id, 2, 2, later) })
	equal(t, "others are sent", queued(), map[int]int{3: 0})
	equal(t, "the last", due(), later)
	equal(t, "all are shown", w.rowsOf(id, identity.OutcomeQueued, 0, 0), []int{1, 2, 3})
	w.clock.Advance(time.Minute - time.Second)
	equal(t, "one is due", queued(), map[int]int{1: 1, 3: 0})
	w.reopen("second")
	w.clock.Advance(time.Second)
	equal(t, "both are due", queued(), map[int]int{1: 1, 2: 2, 3: 0})
	invite := w.insert("unsettled@example.com", identity.StateFailed)
	w.set(id, identity.BatchItem{Row: 2, Outcome: identity.OutcomeUncertain, InviteID: invite.ID}, false)
	unsettled, err := inTx(w, func(tx *ledger.Tx) ([]ledger.UnsettledRow, error) { return tx.UnsettledRows(id, 10) })
	wantCode(t, "unsettled", err, "")
	if len(unsettled) != 1 || unsettled[0].Tries != 2 {
		t.Errorf("got %+v", unsettled)
	}
	w.set(id, identity.BatchItem{Row: 2, Outcome: identity.OutcomeFailed, InviteID: invite.ID}, false)
	w.must(func(tx *ledger.Tx) error { return tx.RetryBatchRows(id, 1, 2) })
	w.set(id, identity.BatchItem{Row: 2, Outcome: identity.OutcomeQueued, InviteID: invite.ID}, false)
	equal(t, "it begins anew", queued(), map[int]int{1: 1, 2: 0, 3: 0})
}

func (s *suite) batchRetry(t *testing.T) {
	t.Parallel()
	w := s.world(t)
	id := w.upload(3)
	hopeless := identity.BatchItem{Row: 4, Line: 9, Outcome: identity.OutcomeFailed, Code: "invalid_request"}
	w.must(func(tx *ledger.Tx) error { return tx.AppendBatchRows(id, []ledger.BatchRow{{BatchItem: hopeless}}) })
	w.moves(id, identity.BatchReceiving, identity.BatchRunning, true)
	i := w.insert("p1@example.com", identity.StateFailed)
	w.set(id, identity.BatchItem{Row: 1, Line: 2, Email: "p0@example.com", Outcome: identity.OutcomeFailed, Code: "c"}, true)
	w.set(id, identity.BatchItem{Row: 2, Line: 3, Email: "p1@example.com", Outcome: identity.OutcomeFailed, Code: "c", InviteID: i.ID}, true)
	failed := func(after, limit int) (found []int) {
		rows, err := inTx(w, func(tx *ledger.Tx) ([]ledger.BatchRow, error) { return tx.FailedRows(id, after, limit) })
		wantCode(t, "failed", err, "")
		for _, r := range rows {
			found = append(found, r.Row)
			if (r.Request == "") != (r.InviteID != "") {
				t.Errorf("row %d has request %q and invite %q", r.Row, r.Request, r.InviteID)
			}
		}
		return found
	}
	equal(t, "can be sent", failed(0, 10), []int{1, 2})
	equal(t, "the first", failed(0, 1), []int{1})
	equal(t, "behind it", failed(1, 10), []int{2})
	w.must(func(tx *ledger.Tx) error { return tx.RetryBatchRows(id, 1, 2) })
	equal(t, "not behind it", failed(0, 10), []int{1})
	w.must(func(tx *ledger.Tx) error { return tx.RetryBatchRows(id, 0, 4) })
	equal(t, "afterwards", failed(0, 10), []int(nil))
	equal(t, "queued", w.rowsOf(id, identity.OutcomeQueued, 0, 0), []int{1, 2, 3})
	equal(t, "failed", w.rowsOf(id, identity.OutcomeFailed, 0, 0), []int{4})
}

func (s *suite) batchLists(t *testing.T) {
	t.Parallel()
	w := s.world(t)
	var all []string
	for range 5 {
		all = append(all, w.running(2))
		w.clock.Advance(time.Second)
	}
	w.upload(1)
	slices.Reverse(all)
	var got []string
	q := ledger.BatchQuery{OrganizationID: w.org.ID, Limit: 2}
	for {
		page, err := w.Batches(t.Context(), q)
		wantCode(t, "list", err, "")
		if len(page) == 0 {
			break
		}
		for _, b := range page {
			got = append(got, b.ID)
			equal(t, "counts", b.Counts[identity.OutcomeQueued], 2)
		}
		last := page[len(page)-1]
		q.Before = &ledger.InvitePosition{CreatedAt: last.CreatedAt, ID: last.ID}
	}
	equal(t, "pages", got, all)
	other := w.organization("other")
	page, err := w.Batches(t.Context(), ledger.BatchQuery{OrganizationID: other.ID})
	wantCode(t, "of another organization", err, "")
	equal(t, "of another organization", len(page), 0)
	_, err = w.Batch(t.Context(), other.ID, all[0])
	wantCode(t, "one of another organization", err, identity.CodeNotFound)
	equal(t, "rows after one", w.rowsOf(all[0], "", 1, 0), []int{2})
}

// What a key has handed in is found by who tries again after a crash.
func (s *suite) batchKey(t *testing.T) {
	t.Parallel()
	w := s.world(t)
	key := ledger.IdempotencyKey{Issuer: "i", Subject: "s", Organization: w.org.ID, Method: "POST", Path: "/v1", Key: "k"}
	claim, _, err := w.ClaimKey(t.Context(), key, []byte("hash"))
	wantCode(t, "claim", err, "")
	id := w.running(1)
	w.must(func(tx *ledger.Tx) error { return tx.AttachBatch(claim, id) })
	w.must(func(tx *ledger.Tx) error { return tx.AttachBatch(nil, id) })
	w.reopen("second")
	again, answer, err := w.ClaimKey(t.Context(), key, []byte("hash"))
	wantCode(t, "claim again", err, "")
	if again == nil || answer != nil || again.BatchID != id {
		t.Errorf("got %+v, %+v", again, answer)
	}
	wantCode(t, "the dead one's claim", w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.AttachBatch(claim, id) }), identity.CodeConflict)
}

func (s *suite) cadence(t *testing.T) {
	w := s.world(t)
	var want []string
	for n := range 5 {
		org := w.organization("org" + number(n))
		i := w.draft("a@example.com", identity.StatePending)
		i.OrganizationID = org.ID
		if n == 2 {
			i.State = identity.StateExpired
		} else {
			want = append(want, org.ID)
		}
		w.must(func(tx *ledger.Tx) error { return tx.InsertInvite(i) })
		i.ID, i.Email, i.EmailKey = "", "b@example.com", "b@example.com"
		w.must(func(tx *ledger.Tx) error { return tx.InsertInvite(i) })
	}
	slices.Sort(want)
	var got []string
	for after := ""; ; after = got[len(got)-1] {
		ids, err := w.PendingOrganizations(t.Context(), after, 3)
		wantCode(t, "organizations", err, "")
		if len(ids) == 0 {
			break
		}
		got = append(got, ids...)
	}
	equal(t, "organizations with pending invites", got, want)
}
