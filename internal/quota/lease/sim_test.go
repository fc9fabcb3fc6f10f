package lease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"usher/internal/quota"
	"usher/ledger"
)

// table is a ledger in memory with a clock of its own that can be set, and with
// faults.
type table struct {
	budget ledger.Budget
	world  *world
	set    time.Duration // how far the clock was set ahead
}

var errFault = errors.New("the ledger is away")

// book is one instance's way to the table.
type book struct {
	*table
	holder string
	shared bool
}

func (b *book) Instance() string { return b.holder }
func (b *book) Shared() bool     { return b.shared }

// Budget implements Book.
func (b *book) Budget(context.Context, string) (*ledger.Budget, error) {
	b.world.delay("read")
	got := b.budget
	got.Now, got.Uses = b.world.now.Add(b.set), nil
	b.world.delay("read")
	return &got, b.world.fault()
}

// ChangeBudget implements Book. A fault comes before the commit, or after it.
func (b *book) ChangeBudget(_ context.Context, _ string, fn func(*ledger.Budget)) error {
	b.world.delay("begin")
	changed := b.budget
	changed.Uses = slices.Clone(b.budget.Uses)
	changed.Now = b.world.now.Add(b.set)
	b.world.delay("lock")
	fn(&changed)
	before := b.world.fault()
	if before == nil || b.world.flip("committed all the same") {
		b.budget = changed
	}
	b.world.delay("commit")
	return before
}

// world is some instances, their ledger and a vendor that counts exactly.
type world struct {
	t       *rapid.T
	now     time.Time
	table   *table
	shared  bool
	faulty  bool
	budgets []quota.Budget
	fleet   []*Store
	opened  int
	flying  []*flight
	counted map[string][]time.Time // by the vendor, by class
	paused  time.Time              // nobody may go
	from    time.Time              // since when everybody should know
}

// flight is one call.
type flight struct {
	slot    quota.Slot // nil: its instance is dead
	classes []quota.Budget
	letGo   time.Time
	counted bool
}

func (w *world) flip(what string) bool { return rapid.Bool().Draw(w.t, what) }

func (w *world) length(what string, most time.Duration) time.Duration {
	return time.Duration(rapid.Int64Range(0, int64(most)).Draw(w.t, what))
}

func (w *world) delay(what string) {
	if w.faulty && w.flip("slow") {
		w.advance(w.length(what, 2*time.Second))
	}
}

func (w *world) fault() error {
	if w.faulty && rapid.IntRange(0, 5).Draw(w.t, "fault") == 0 {
		return errFault
	}
	return nil
}

func (w *world) open() *Store {
	w.opened++
	return newStore(&book{table: w.table, holder: fmt.Sprint(w.opened), shared: w.shared}, &Options{Now: func() time.Time { return w.now }})
}

// advance lets time pass. The vendor counts each call in time.
func (w *world) advance(d time.Duration) {
	end := w.now.Add(d)
	for {
		var next *flight
		for _, f := range w.flying {
			if !f.counted && (next == nil || f.letGo.Before(next.letGo)) {
				next = f
			}
		}
		if next == nil || next.letGo.Add(callTime).After(end) {
			break
		}
		w.now = later(w.now, next.letGo.Add(callTime))
		w.count(next)
	}
	w.now = end
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// count is the vendor's.
func (w *world) count(f *flight) {
	if f.counted {
		return
	}
	f.counted = true
	for _, b := range f.classes {
		all := append(w.counted[b.Class], w.now)
		w.counted[b.Class] = all
		within := 0
		for n := len(all) - 1; n >= 0 && w.now.Sub(all[n]) < b.Window; n-- {
			within++
		}
		if within > b.Calls {
			w.t.Fatalf("the vendor has counted %d %s within %v, the limit is %d", within, b.Class, b.Window, b.Calls)
		}
	}
}

func (w *world) pick() (int, *Store) {
	n := rapid.IntRange(0, len(w.fleet)-1).Draw(w.t, "instance")
	return n, w.fleet[n]
}

func (w *world) take() {
	_, s := w.pick()
	classes := w.budgets[:rapid.IntRange(1, len(w.budgets)).Draw(w.t, "classes")]
	if w.flip("background") {
		classes = slices.Clone(classes)
		for n := range classes {
			classes[n].Kept = quota.Kept(classes[n].Calls)
		}
	}
	slot, wait, err := s.Take(w.t.Context(), "vendor", classes)
	switch {
	case slot == nil && wait <= 0 && err == nil:
		w.t.Fatalf("no slot, no wait and no error")
	case slot != nil && !w.now.Before(w.from) && w.now.Before(w.paused):
		w.t.Fatalf("a call went %v before the end of a pause", w.paused.Sub(w.now))
	case slot != nil:
		w.flying = append(w.flying, &flight{slot: slot, classes: classes, letGo: w.now})
	}
}

// land ends a call.
func (w *world) land() {
	if len(w.flying) == 0 {
		return
	}
	n := rapid.IntRange(0, len(w.flying)-1).Draw(w.t, "flight")
	f := w.flying[n]
	if f.slot == nil || w.flip("counted") {
		w.count(f)
	}
	if f.slot != nil {
		f.slot.Release(f.counted)
	}
	if f.counted || f.slot != nil {
		w.flying = slices.Delete(w.flying, n, n+1)
	}
}

// die ends an instance without a word, or properly. Another one comes.
func (w *world) die() {
	n, s := w.pick()
	if w.flip("properly") {
		_ = s.leave(w.t.Context())
	}
	for _, f := range w.flying {
		if f.slot != nil && f.slot.(*slot).scope.store == s {
			f.slot = nil
		}
	}
	w.fleet[n] = w.open()
}

func (w *world) pause() {
	_, s := w.pick()
	d := time.Second + w.length("pause", time.Minute)
	s.Pause(w.t.Context(), "vendor", d)
	told := s.scope("vendor").tend(w.t.Context()) == nil && !s.scope("vendor").untold
	if until := w.now.Add(d - 10*time.Second); told && until.After(w.paused) { // what telling takes is not counted
		w.paused, w.from = until, later(w.from, w.now.Add(freshFor+5*time.Second))
	}
}

// step sets the ledger's clock, by more than talks take, while somebody watches it
// who knows of all that counts.
func (w *world) step() {
	watches := func(s *Store) bool {
		sc := s.scope("vendor")
		return !sc.mark.before.IsZero() && !w.paused.After(sc.counts) && !slices.ContainsFunc(w.table.budget.Uses, func(u ledger.BudgetUse) bool {
			return u.Until.Sub(w.now.Add(w.table.set-w.table.budget.Ahead)) > sc.counts.Sub(w.now)
		})
	}
	first := slices.IndexFunc(w.fleet, watches)
	if first < 0 {
		return
	}
	by := 10*time.Second + w.length("by", 2*time.Hour)
	if w.flip("back") {
		by = -by
	}
	w.table.set += by
	faulty := w.faulty
	w.faulty = false
	for _, s := range append([]*Store{w.fleet[first]}, w.fleet...) {
		if err := s.scope("vendor").tend(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	w.faulty = faulty
}

func (w *world) run(steps int) {
	for range steps {
		switch what := rapid.IntRange(0, 19).Draw(w.t, "what"); {
		case what < 8:
			w.take()
		case what < 13:
			w.land()
		case what < 16:
			w.advance(w.length("passes", rapid.SampledFrom([]time.Duration{time.Second, 5 * time.Second, w.budgets[0].Window}).Draw(w.t, "about")))
		case what < 17:
			_, s := w.pick()
			_ = s.scope("vendor").tend(w.t.Context())
		case what < 18:
			w.die()
		case what < 19:
			w.step()
		default:
			if rapid.IntRange(0, 4).Draw(w.t, "pauses") == 0 {
				w.pause()
			}
		}
	}
}

func newWorld(t *rapid.T, shared bool) *world {
	w := &world{t: t, now: time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC), shared: shared, counted: map[string][]time.Time{}}
	w.table = &table{world: w}
	w.budgets = []quota.Budget{
		{Class: "calls", Limit: quota.Limit{Calls: rapid.IntRange(1, 60).Draw(t, "calls"), Window: 10 * time.Second}},
		{Class: "bulk", Limit: quota.Limit{Calls: rapid.IntRange(1, 30).Draw(t, "bulk"), Window: time.Minute}},
	}
	instances := 1
	if shared {
		instances = rapid.IntRange(1, 3).Draw(t, "instances")
	}
	for range instances {
		w.fleet = append(w.fleet, w.open())
	}
	w.faulty = rapid.Bool().Draw(t, "faulty")
	return w
}

// Whatever instances do, whenever they die, whatever the ledger does and its
// clock: the vendor counts no more calls in any window than its limit.
func TestNoWindowHoldsMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	for name, shared := range map[string]bool{"shared": true, "alone": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { newWorld(t, shared).run(400) })
		})
	}
}
