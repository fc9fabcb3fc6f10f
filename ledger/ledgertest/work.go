package ledgertest

import (
	"context"
	"slices"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
)

func (w *world) lease(id string, d time.Duration) error {
	return w.Write(w.t.Context(), func(tx *ledger.Tx) error { return tx.Lease(id, d) })
}

func (w *world) leased(id string) bool {
	w.t.Helper()
	held, err := inTx(w, func(tx *ledger.Tx) (bool, error) { return tx.Leased(id) })
	if err != nil {
		w.t.Fatal(err)
	}
	return held
}

func (w *world) interrupted() []string {
	w.t.Helper()
	all, err := w.Interrupted(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return ids(all)
}

func (w *world) uncertain(limit int) []string {
	w.t.Helper()
	all, err := w.Uncertain(w.t.Context(), "one", limit)
	if err != nil {
		w.t.Fatal(err)
	}
	return ids(all)
}

func (s *suite) leases(t *testing.T) {
	t.Run("taken once", func(t *testing.T) {
		t.Parallel()
		w := s.world(t)
		i := w.insert("a@example.com", identity.StatePending)
		if w.leased(i.ID) {
			t.Error("leased from the start")
		}
		wantCode(t, "first", w.lease(i.ID, time.Minute), "")
		equal(t, "conflict names the invite", wantCode(t, "second", w.lease(i.ID, time.Minute), identity.CodeConflict).InviteID, i.ID)
		if !w.leased(i.ID) {
			t.Error("not leased")
		}
		equal(t, "a living lease is no interruption", w.interrupted(), []string{})
		equal(t, "the invite is as it was", w.read(i.ID), i)
		unlease := func() error { return w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.Unlease(i.ID) }) }
		wantCode(t, "end", unlease(), "")
		wantCode(t, "end again", unlease(), "")
		if w.leased(i.ID) {
			t.Error("still leased")
		}
		wantCode(t, "again", w.lease(i.ID, time.Minute), "")
	})
	t.Run("of nobody", func(t *testing.T) {
		t.Parallel()
		w := s.world(t)
		wantCode(t, "lease", w.lease("inv_x", time.Minute), identity.CodeNotFound)
		wantCode(t, "unlease", w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.Unlease("inv_x") }), identity.CodeNotFound)
		_, err := inTx(w, func(tx *ledger.Tx) (bool, error) { return tx.Leased("inv_x") })
		wantCode(t, "leased", err, identity.CodeNotFound)
	})
	t.Run("many at once, one gets it", func(t *testing.T) {
		t.Parallel()
		w := s.world(t)
		i := w.insert("a@example.com", identity.StatePending)
		won := 0
		for _, err := range together(t.Context(), 16, func(context.Context, int) error { return w.lease(i.ID, time.Minute) }) {
			if err == nil {
				won++
			} else {
				wantCode(t, "loser", err, identity.CodeConflict)
			}
		}
		equal(t, "winners", won, 1)
	})
	t.Run("over when its time is", func(t *testing.T) {
		t.Parallel()
		w := s.world(t)
		i := w.insert("a@example.com", identity.StatePending)
		wantCode(t, "lease", w.lease(i.ID, time.Minute), "")
		w.clock.Advance(time.Minute - time.Microsecond)
		if !w.leased(i.ID) {
			t.Error("over too early")
		}
		w.clock.Advance(time.Microsecond)
		if w.leased(i.ID) {
			t.Error("not over")
		}
		equal(t, "interrupted", w.interrupted(), []string{i.ID})
		wantCode(t, "again", w.lease(i.ID, time.Minute), "")
		equal(t, "taken over", w.interrupted(), []string{})
	})
	t.Run("an update keeps it, a rolled back one does not", func(t *testing.T) {
		t.Parallel()
		w := s.world(t)
		i := w.insert("a@example.com", identity.StatePending)
		_ = w.Write(t.Context(), func(tx *ledger.Tx) error {
			if err := tx.Lease(i.ID, time.Minute); err != nil {
				t.Error(err)
			}
			return context.Canceled
		})
		if w.leased(i.ID) {
			t.Error("leased by a transaction that was rolled back")
		}
		w.must(func(tx *ledger.Tx) error {
			if err := tx.Lease(i.ID, time.Minute); err != nil {
				return err
			}
			return tx.UpdateInvite(i)
		})
		if !w.leased(i.ID) {
			t.Error("an update has ended the lease")
		}
	})
	t.Run("who is asked about next", func(t *testing.T) { t.Parallel(); s.askedNext(t) })
	t.Run("mails", func(t *testing.T) { t.Parallel(); s.mails(t) })
	t.Run("what a dead holder leaves", func(t *testing.T) { t.Parallel(); s.deadHolder(t) })
}

func (s *suite) deadHolder(t *testing.T) {
	w := s.world(t)
	insert := func(email string, state identity.State, leased bool) string {
		i := w.insert(email, state)
		if leased {
			wantCode(t, email, w.lease(i.ID, time.Hour), "")
		}
		w.clock.Advance(time.Second)
		return i.ID
	}
	revoking := insert("revoking@example.com", identity.StatePending, true)
	sending := insert("sending@example.com", identity.StateSending, true)
	bare := insert("bare@example.com", identity.StateSending, false)
	settling := insert("settling@example.com", identity.StateUncertain, true)
	idle := insert("idle@example.com", identity.StateUncertain, false)
	insert("done@example.com", identity.StatePending, false)
	insert("ended@example.com", identity.StateFailed, false)

	equal(t, "while the holder lives: interrupted", w.interrupted(), []string{bare})
	equal(t, "while the holder lives: uncertain", w.uncertain(10), []string{idle})
	w.reopen("second")
	equal(t, "interrupted, oldest first", w.interrupted(), []string{revoking, sending, bare, settling})
	equal(t, "uncertain, oldest first", w.uncertain(10), []string{settling, idle})
	equal(t, "uncertain, limited", w.uncertain(1), []string{settling})
	if w.leased(sending) {
		t.Error("a dead holder's lease counts")
	}
	wantCode(t, "take over", w.lease(sending, time.Hour), "")
	wantCode(t, "once", w.lease(sending, time.Hour), identity.CodeConflict)
	w.must(func(tx *ledger.Tx) error { return tx.Unlease(revoking) })
	equal(t, "taken over or ended", w.interrupted(), []string{bare, settling})
	i := w.read(idle)
	w.clock.Advance(-48 * time.Hour)
	w.must(func(tx *ledger.Tx) error { return tx.UpdateInvite(i) })
	w.clock.Advance(48 * time.Hour)
	equal(t, "by the last change", w.uncertain(10), []string{idle, settling})
	w.must(func(tx *ledger.Tx) error { return tx.MarkAsked(idle) })
	equal(t, "by the last question", w.uncertain(10), []string{settling, idle})
	equal(t, "unchanged by the question", w.read(idle).UpdatedAt, i.UpdatedAt)
	elsewhere, err := w.Uncertain(t.Context(), "two", 10)
	if err != nil || len(elsewhere) != 0 {
		t.Errorf("of another connection: %v, %v", elsewhere, err)
	}
}

func (s *suite) steps(t *testing.T) {
	w := s.world(t)
	i, other := w.insert("a@example.com", identity.StateSending), w.insert("b@example.com", identity.StateSending)
	steps := func(id string, attempt int) []ledger.Step {
		t.Helper()
		got, err := w.Steps(t.Context(), id, attempt)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	do := func(fn func(tx *ledger.Tx) error) { t.Helper(); w.must(fn) }
	begun := func(name string) ledger.Step { return ledger.Step{Name: name, Begun: true} }
	done := func(name string, result map[string]string) ledger.Step {
		return ledger.Step{Name: name, Begun: true, Done: true, Result: result}
	}
	user := map[string]string{"id": "ü-1", "name": "DEFAULT/a"}

	wantCode(t, "begin without the lease", w.Write(t.Context(), func(tx *ledger.Tx) error {
		return tx.BeginStep(i.ID, 1, "invite")
	}), identity.CodeConflict)
	wantCode(t, "lease", w.lease(i.ID, time.Hour), "")
	wantCode(t, "lease", w.lease(other.ID, time.Hour), "")
	equal(t, "none", steps(i.ID, 1), []ledger.Step(nil))
	do(func(tx *ledger.Tx) error { return tx.BeginStep(i.ID, 1, "invite") })
	do(func(tx *ledger.Tx) error { return tx.BeginStep(i.ID, 1, "create") })
	equal(t, "in the order of beginning", steps(i.ID, 1), []ledger.Step{begun("invite"), begun("create")})
	do(func(tx *ledger.Tx) error { return tx.DoneStep(i.ID, 1, "create", user) })
	do(func(tx *ledger.Tx) error { return tx.DoneStep(i.ID, 1, "mail", nil) })
	equal(t, "done", steps(i.ID, 1), []ledger.Step{begun("invite"), done("create", user), done("mail", nil)})
	do(func(tx *ledger.Tx) error { return tx.UndoStep(i.ID, 1, "invite") })
	do(func(tx *ledger.Tx) error { return tx.UndoStep(i.ID, 1, "create") })
	do(func(tx *ledger.Tx) error { return tx.UndoStep(i.ID, 1, "nothing") })
	equal(t, "undone", steps(i.ID, 1), []ledger.Step{done("mail", nil)})
	do(func(tx *ledger.Tx) error { return tx.BeginStep(i.ID, 1, "create") })
	equal(t, "begun again", steps(i.ID, 1), []ledger.Step{done("mail", nil), begun("create")})

	do(func(tx *ledger.Tx) error { return tx.BeginStep(i.ID, 2, "create") })
	do(func(tx *ledger.Tx) error { return tx.BeginStep(other.ID, 1, "create") })
	do(func(tx *ledger.Tx) error { return tx.ClearSteps(i.ID, 1) })
	equal(t, "cleared", steps(i.ID, 1), []ledger.Step(nil))
	equal(t, "another attempt", steps(i.ID, 2), []ledger.Step{begun("create")})
	equal(t, "another invite", steps(other.ID, 1), []ledger.Step{begun("create")})

	for name, fn := range map[string]func(tx *ledger.Tx) error{
		"begin": func(tx *ledger.Tx) error { return tx.BeginStep("inv_x", 1, "create") },
		"done":  func(tx *ledger.Tx) error { return tx.DoneStep("inv_x", 1, "create", nil) },
	} {
		wantCode(t, name+" of nobody", w.Write(t.Context(), fn), identity.CodeNotFound)
	}
}

func (s *suite) members(t *testing.T) {
	w := s.world(t)
	other := w.organization("other")
	mapped := func(org, connection string, providerIDs ...string) []string {
		t.Helper()
		members := make([]identity.Member, len(providerIDs))
		for n, id := range providerIDs {
			members[n] = identity.Member{ProviderID: id, Email: "kept@example.com"}
		}
		alone := slices.Clone(members)
		if len(members)%2 == 0 { // in a transaction of its own first, or after
			wantCode(t, "map alone", w.MapMembers(t.Context(), org, connection, alone), "")
		}
		w.must(func(tx *ledger.Tx) error { return tx.MapMembers(org, connection, members) })
		wantCode(t, "map alone", w.MapMembers(t.Context(), org, connection, alone), "")
		equal(t, "mapped alone", alone, members)
		got := make([]string, len(members))
		for n, m := range members {
			got[n] = m.ID
			equal(t, "the rest of the member", m, identity.Member{ID: m.ID, ProviderID: providerIDs[n], Email: "kept@example.com"})
		}
		return got
	}
	first := mapped(w.org.ID, "one", "a", "b", "a", "ü '")
	if first[0] == first[1] || first[0] != first[2] || first[0][:4] != identity.PrefixMember {
		t.Errorf("ids %v", first)
	}
	again := mapped(w.org.ID, "one", "b", "c", "a")
	equal(t, "again, and a new one between", again, []string{first[1], again[1], first[0]})
	seen := map[string]bool{}
	for _, id := range append(mapped(other.ID, "one", "a"), mapped(w.org.ID, "two", "a")[0], mapped(w.org.ID, "one", "A")[0], first[0]) {
		if seen[id] {
			t.Errorf("%s is the id of two", id)
		}
		seen[id] = true
	}
	mapped(w.org.ID, "one")

	many := make([]string, 1234)
	for n := range many {
		many[n] = "many-" + number(n)
	}
	equal(t, "many, twice", mapped(w.org.ID, "one", many...), mapped(w.org.ID, "one", many...))

	err := w.Write(t.Context(), func(tx *ledger.Tx) error {
		return tx.MapMembers(w.org.ID, "one", []identity.Member{{ProviderID: "new"}, {}})
	})
	wantCode(t, "no provider id", err, identity.CodeInternal)
	err = w.Write(t.Context(), func(tx *ledger.Tx) error {
		return tx.MapMembers("org_x", "one", []identity.Member{{ProviderID: "a"}})
	})
	wantCode(t, "no organization", err, identity.CodeNotFound)
}

// clockBackwards lets the clock jump back by a year in the middle of
// everything.
func (s *suite) clockBackwards(t *testing.T) {
	w := s.world(t)
	old := w.insert("a@example.com", identity.StateFailed)
	held := w.insert("held@example.com", identity.StateSending)
	wantCode(t, "lease", w.lease(held.ID, time.Minute), "")
	claim, _, err := w.ClaimKey(t.Context(), ledger.IdempotencyKey{Key: "k"}, []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	w.must(func(tx *ledger.Tx) error {
		return tx.AppendEvent(held.ID, identity.InviteEvent{State: identity.StateSending})
	})

	w.clock.Advance(-365 * 24 * time.Hour)

	next := w.insert("a@example.com", identity.StateFailed)
	latest, err := inTx(w, func(tx *ledger.Tx) (*identity.Invite, error) { return tx.LatestInvite(w.org.ID, "a@example.com") })
	if err != nil || latest.ID != next.ID {
		t.Errorf("latest %v, %v, want the one recorded last (%s, not %s)", latest, err, next.ID, old.ID)
	}
	if !w.leased(held.ID) {
		t.Error("the lease is over")
	}
	w.must(func(tx *ledger.Tx) error {
		return tx.AppendEvent(held.ID, identity.InviteEvent{State: identity.StatePending})
	})
	events, err := w.History(t.Context(), held.ID)
	if err != nil || len(events) != 2 || events[1].State != identity.StatePending || !events[1].At.Before(events[0].At) {
		t.Errorf("history %+v, %v, want the order of appending", events, err)
	}
	wantCode(t, "finish", w.FinishKey(t.Context(), claim, ledger.Answer{Status: 201}), "")
	_, answer, err := w.ClaimKey(t.Context(), ledger.IdempotencyKey{Key: "k"}, []byte("body"))
	if err != nil || answer == nil {
		t.Errorf("replay: %v, %v", answer, err)
	}
	got := readAll(t, w, ledger.InviteQuery{OrganizationID: w.org.ID, Limit: 1}, 10)
	if len(got) != 3 || got[2].ID != next.ID {
		t.Errorf("list %v, want all three, ordered by their times", ids(got))
	}
}
