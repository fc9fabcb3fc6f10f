package ledgertest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"usher/ledger"
)

// change is ChangeBudget of a scope, which has to work.
func (w *world) change(scope string, fn func(*ledger.Budget)) {
	w.t.Helper()
	if err := w.ChangeBudget(w.t.Context(), scope, fn); err != nil {
		w.t.Fatal(err)
	}
}

// budget returns all that is recorded of a scope.
func (w *world) budget(scope string) (got ledger.Budget) {
	w.t.Helper()
	w.change(scope, func(b *ledger.Budget) { got = *b })
	return got
}

func (s *suite) budgets(t *testing.T) {
	until := func(w *world, d time.Duration) time.Time { return w.Now().Add(d) }
	t.Run("nothing is recorded at first", func(t *testing.T) {
		t.Parallel()
		w := s.world(t)
		b, err := w.Budget(t.Context(), "vendor")
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "read", b.Uses, []ledger.BudgetUse(nil))
		b2 := w.budget("vendor")
		if !b.PausedUntil.IsZero() || !b2.PausedUntil.IsZero() || b.Now.IsZero() || b2.Now.IsZero() || len(b2.Uses) != 0 {
			t.Errorf("got %+v and %+v", b, b2)
		}
	})
	t.Run("changes last, by scope", func(t *testing.T) {
		t.Parallel()
		w := s.world(t)
		uses := []ledger.BudgetUse{
			{Class: "bulk", Holder: "a", Nth: 0, Calls: 3, Spare: 2, Until: until(w, time.Hour)},
			{Class: "calls", Holder: "a", Nth: 7, Calls: 1, Until: until(w, time.Minute)},
			{Class: "calls", Holder: "b", Nth: 7, Calls: 4, Spare: 4, Until: until(w, time.Second)},
		}
		paused := until(w, 30*time.Second)
		w.change("vendor", func(b *ledger.Budget) {
			b.Uses = []ledger.BudgetUse{uses[2], uses[0], uses[1]}
			b.PausedUntil, b.Ahead = paused, -3*time.Second
		})
		w.reopen("second")
		b := w.budget("vendor")
		equal(t, "uses", b.Uses, uses)
		equal(t, "ahead", b.Ahead, -3*time.Second)
		equal(t, "paused", b.PausedUntil, paused)
		look, err := w.Budget(t.Context(), "vendor")
		if err != nil || !look.PausedUntil.Equal(paused) || look.Ahead != -3*time.Second {
			t.Errorf("got %+v, %v", look, err)
		}
		equal(t, "another scope", len(w.budget("other").Uses), 0)

		uses[1].Calls = 2
		w.change("vendor", func(b *ledger.Budget) {
			b.Uses[1].Calls = 2
			b.Uses = slices.Delete(b.Uses, 2, 3)
			b.Uses = slices.Delete(b.Uses, 0, 1)
			b.PausedUntil = time.Time{}
		})
		b = w.budget("vendor")
		equal(t, "uses afterwards", b.Uses, uses[1:2])
		if !b.PausedUntil.IsZero() {
			t.Errorf("paused until %v", b.PausedUntil)
		}
	})
	t.Run("one at a time", func(t *testing.T) {
		t.Parallel()
		w := s.world(t)
		const many = 30
		errs := together(t.Context(), many, func(ctx context.Context, n int) error {
			return w.ChangeBudget(ctx, "vendor", func(b *ledger.Budget) {
				if len(b.Uses) == 0 {
					b.Uses = []ledger.BudgetUse{{Class: "calls", Holder: "all", Until: until(w, time.Hour)}}
				}
				b.Uses[0].Calls++
			})
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		equal(t, "calls", w.budget("vendor").Uses[0].Calls, many)
	})
	t.Run("a cancelled change changes nothing", func(t *testing.T) {
		t.Parallel()
		w := s.world(t)
		ctx, cancel := context.WithCancel(t.Context())
		err := w.ChangeBudget(ctx, "vendor", func(b *ledger.Budget) {
			b.Uses = append(b.Uses, ledger.BudgetUse{Class: "calls", Calls: 1, Until: until(w, time.Hour)})
			cancel()
		})
		if !errors.Is(err, context.Canceled) || len(w.budget("vendor").Uses) != 0 {
			t.Errorf("got %v", err)
		}
	})
}
