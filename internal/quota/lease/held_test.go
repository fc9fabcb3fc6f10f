package lease

import (
	"context"
	"fmt"
	"testing"
	"time"

	"usher/internal/quota"
	"usher/ledger"
)

// ledgerBook is a ledger in memory whose clock can be set, and which counts how
// often it is spoken to.
type ledgerBook struct {
	*moment
	holder string
	shared bool
	talks  int
}

// moment is a time and a budget that several instances share.
type moment struct {
	now    time.Time
	set    time.Duration // of the ledger's clock
	budget ledger.Budget
}

func (b *ledgerBook) Instance() string { return b.holder }
func (b *ledgerBook) Shared() bool     { return b.shared }

// Budget implements Book.
func (b *ledgerBook) Budget(context.Context, string) (*ledger.Budget, error) {
	got := b.budget
	got.Now, got.Uses = b.now.Add(b.set), nil
	return &got, nil
}

// ChangeBudget implements Book.
func (b *ledgerBook) ChangeBudget(_ context.Context, _ string, fn func(*ledger.Budget)) error {
	b.talks++
	b.budget.Now = b.now.Add(b.set)
	fn(&b.budget)
	return nil
}

// store is an instance with its way to the ledger. Nothing runs in the background.
func (m *moment) store(holder string, shared bool) (*Store, *ledgerBook) {
	b := &ledgerBook{moment: m, holder: holder, shared: shared}
	return newStore(b, &Options{Now: func() time.Time { return m.now }}), b
}

func newMoment() *moment { return &moment{now: time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)} }

func calls(n int) []quota.Budget {
	return []quota.Budget{{Class: "calls", Limit: quota.Limit{Calls: n, Window: 10 * time.Second}}}
}

// lets reports whether a call may go, and after how long to ask again if not.
func lets(t *testing.T, s *Store, budgets []quota.Budget) (quota.Slot, time.Duration) {
	t.Helper()
	slot, wait, err := s.Take(t.Context(), "vendor", budgets)
	if err != nil {
		t.Fatal(err)
	}
	return slot, wait
}

// What an instance took along when it died counts until a window after the vendor
// could last have counted a call made with it: what it had leased could be let go
// for a while, and a call that was let go could be on its way for a while more.
func TestTakenAlong(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		shared bool
		set    time.Duration // the ledger's clock, after the death
		from   func(b quota.Budget) time.Duration
	}{
		{"beside others", true, 0, func(b quota.Budget) time.Duration { return holdShared + callTime + b.Lasts() }},
		{"beside others, and the ledger's clock is set back", true, -time.Hour, func(b quota.Budget) time.Duration { return holdShared + callTime + b.Lasts() }},
		{"alone, after the restart", false, 0, func(b quota.Budget) time.Duration { return callTime + b.Lasts() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m, one := newMoment(), calls(1)
			first, _ := m.store("first", tc.shared)
			if slot, _ := lets(t, first, one); slot == nil {
				t.Fatal("the first call does not go")
			}
			m.set = tc.set
			began := m.now
			second, _ := m.store("second", tc.shared)
			for slot, wait := lets(t, second, one); slot == nil; slot, wait = lets(t, second, one) {
				m.now = m.now.Add(min(wait, 100*time.Millisecond))
			}
			if took, want := m.now.Sub(began), tc.from(one[0]); took < want || took > want+200*time.Millisecond {
				t.Errorf("it counted for %v, want %v", took, want)
			}
		})
	}
}

// A call that was not sent may be made by the same instance again, without asking;
// one that was sent may not.
func TestGivenBackCallGoesAgain(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprint("shared ", shared), func(t *testing.T) {
			t.Parallel()
			m, some := newMoment(), calls(60)
			s, b := m.store("one", shared)
			slot, _ := lets(t, s, some)
			account := s.scope("vendor").accounts["calls"]
			spare, talks := account.spare, b.talks
			for range 100 {
				slot.Release(false)
				if account.spare != spare+1 || account.underway != 0 {
					t.Fatalf("%d spare and %d under way after a call was given back, want %d and 0", account.spare, account.underway, spare+1)
				}
				if slot, _ = lets(t, s, some); slot == nil {
					t.Fatal("a call that was given back does not go again")
				}
			}
			if b.talks != talks {
				t.Errorf("the ledger was asked %d times for calls that were given back", b.talks-talks)
			}
			slot.Release(true)
			if account.spare != spare || account.held() != spare+1 {
				t.Errorf("%d spare, %d held after a call was sent, want %d and %d", account.spare, account.held(), spare, spare+1)
			}
		})
	}
}

// An instance leases a twentieth of a limit at once, and beside others at most half
// of what is left; what is kept from the background goes one by one.
func TestSizeOfALease(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		shared bool
		kept   int
		used   int // of 100 calls in ten seconds
		want   int
	}{
		{"shared", true, 0, 0, 5},
		{"shared, little is left", true, 0, 89, 3}, // half of 11 without the 5 that are kept
		{"shared, what is kept", true, 0, 95, 1},
		{"shared, the last", true, 0, 99, 1},
		{"shared, nothing is left", true, 0, 100, 0},
		{"alone", false, 0, 0, 10}, // a second's worth
		{"alone, little is left", false, 0, 89, 6},
		{"background", true, 5, 94, 1},
		{"background, what is kept is not for it", true, 5, 95, 0},
		{"alone in the background, what is kept is not for it", false, 5, 95, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m, some := newMoment(), calls(100)
			some[0].Kept = tc.kept
			if tc.used > 0 {
				m.budget.Uses = []ledger.BudgetUse{{Class: "calls", Holder: "another", Nth: 1, Calls: tc.used, Until: m.now.Add(time.Second)}}
			}
			s, _ := m.store("one", tc.shared)
			slot, wait := lets(t, s, some)
			if (slot != nil) != (tc.want > 0) || slot == nil && wait <= 0 {
				t.Fatalf("slot %v, wait %v", slot, wait)
			}
			got := s.scope("vendor").accounts["calls"].held()
			if got != tc.want {
				t.Errorf("leased %d, want %d", got, tc.want)
			}
			if tc.want == 0 {
				return
			}
			last := m.budget.Uses[len(m.budget.Uses)-1]
			if last.Holder != "one" || last.Calls != tc.want || last.Spare != tc.want {
				t.Errorf("recorded %+v", last)
			}
		})
	}
}

// Who finds nothing left asks again soon where another instance holds calls that it
// may give back, else when what counts has ended, and never all the time.
func TestWhenToAskAgain(t *testing.T) {
	t.Parallel()
	ends := func(spare int, after time.Duration) []ledger.BudgetUse {
		return []ledger.BudgetUse{{Class: "calls", Holder: "another", Nth: int64(1 - min(spare, 1)), Calls: 1, Spare: spare, Until: newMoment().now.Add(after)}}
	}
	for _, tc := range []struct {
		name   string
		shared bool
		uses   []ledger.BudgetUse
		want   time.Duration
	}{
		{"spare ones of another", true, ends(1, 9*time.Second), retry},
		{"spare ones of nobody who lives", false, ends(1, 9*time.Second), 9 * time.Second},
		{"what has been used", true, ends(0, 9*time.Second), 9 * time.Second},
		{"what ends at once", true, ends(0, time.Millisecond), 200 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := newMoment()
			m.budget.Uses = tc.uses
			s, _ := m.store("one", tc.shared)
			if slot, wait := lets(t, s, calls(1)); slot != nil || wait != tc.want {
				t.Errorf("slot %v, wait %v, want %v", slot, wait, tc.want)
			}
		})
	}
}
