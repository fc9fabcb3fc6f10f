package lease

import (
	"slices"
	"time"

	"usher/internal/quota"
	"usher/ledger"
)

const (
	shares  = 20          // a lease is this part of the limit
	atLeast = time.Second // what an instance that is alone leases for
	retry   = time.Second // after which others may have given something back
	heldNth = 0           // of the use that an instance holds; the others are calls that have ended
)

// settle brings the ledger's record up to a report and leases what is wanted. It
// changes b alone.
func (r *report) settle(b *ledger.Budget, inside time.Time) answer {
	b.Ahead += r.mark.error(b, r.begun, inside)
	now := timeOf(b)
	a := answer{mark: mark{ledger: now, before: r.begun, after: inside}}
	if until := now.Add(r.pause); r.pause > 0 && until.After(b.PausedUntil) {
		b.PausedUntil = until
	}
	if longest := now.Add(quota.MaxPause); b.PausedUntil.After(longest) {
		b.PausedUntil = longest
	}
	a.paused = b.PausedUntil.Sub(now)
	b.Uses = slices.DeleteFunc(b.Uses, func(u ledger.BudgetUse) bool {
		return !now.Before(u.Until) || u.Holder == r.holder && u.Nth == heldNth
	})
	for _, acc := range r.accounts {
		r.record(b, now, acc)
	}
	a.granted, a.wait = r.lease(b, now)
	for _, acc := range r.accounts {
		r.hold(b, now, acc, a.granted[acc.budget.Class])
	}
	for _, u := range b.Uses {
		a.counts = max(a.counts, u.Until.Sub(now))
	}
	return a
}

// record notes the calls of a class that have ended.
func (r *report) record(b *ledger.Budget, now time.Time, acc account) {
	for n, u := range b.Uses {
		if u.Class == acc.budget.Class {
			b.Uses[n].Until = earlier(u.Until, now.Add(r.longest(u, acc.budget)))
		}
	}
	for _, e := range acc.ended {
		until := now.Add(e.last.Sub(r.begun)).Add(acc.budget.Lasts())
		if until.After(now) {
			b.Uses = append(b.Uses, ledger.BudgetUse{Class: acc.budget.Class, Holder: r.holder, Nth: e.nth, Calls: e.calls, Until: until})
		}
	}
}

// longest is how long somebody else's use can count from now on. It is recorded
// for longer if the ledger's clock was set back. Whoever else has held anything
// is dead where this instance is alone, and lets nothing go any more.
func (r *report) longest(u ledger.BudgetUse, b quota.Budget) time.Duration {
	switch {
	case u.Nth != heldNth:
		return b.Lasts()
	case r.term.shared:
		return r.term.hold + callTime + b.Lasts()
	default:
		return callTime + b.Lasts()
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// hold notes what this instance goes on holding of a class: it counts until a
// window after the last call that may be made with it.
func (r *report) hold(b *ledger.Budget, now time.Time, acc account, leased int) {
	if n := acc.spare + acc.underway + leased; n > 0 {
		b.Uses = append(b.Uses, ledger.BudgetUse{
			Class: acc.budget.Class, Holder: r.holder, Nth: heldNth, Calls: n, Spare: acc.spare + leased,
			Until: now.Add(r.term.hold + callTime + acc.budget.Lasts()),
		})
	}
}

// lease returns how many calls of each class may be had, or none and after how
// long to ask again.
func (r *report) lease(b *ledger.Budget, now time.Time) (map[string]int, time.Duration) {
	granted := map[string]int{}
	var wait time.Duration
	for _, want := range r.wanted {
		acc := r.accounts[slices.IndexFunc(r.accounts, func(a account) bool { return a.budget.Class == want.Class })]
		if acc.spare > 0 {
			continue
		}
		used := acc.underway
		for _, u := range b.Uses {
			if u.Class == want.Class {
				used += u.Calls
			}
		}
		if over := used + 1 - (want.Calls - want.Kept); over > 0 {
			wait = max(wait, r.wait(b, now, want, over))
			continue
		}
		granted[want.Class] = r.size(want, want.Calls-used)
	}
	if wait > 0 || len(r.wanted) == 0 {
		return nil, wait
	}
	return granted, 0
}

// size is how many calls are leased at once of what is left: few, so that others
// get some, and those that are kept from the background only one by one.
func (r *report) size(want quota.Budget, left int) int {
	size := want.Calls / shares
	if !r.term.shared {
		size = max(size, int(int64(want.Calls)*int64(atLeast)/int64(want.Window)))
	}
	left -= max(want.Kept, quota.Kept(want.Calls))
	if r.term.shared {
		left = (left + 1) / 2
	}
	return max(min(size, left), 1)
}

// wait returns when so many calls of a class count no more, by what is recorded.
// It is never so short that those who wait ask all the time.
func (r *report) wait(b *ledger.Budget, now time.Time, want quota.Budget, over int) time.Duration {
	var uses []ledger.BudgetUse
	wait := want.Window
	for _, u := range b.Uses {
		if u.Class != want.Class {
			continue
		}
		uses = append(uses, u)
		if r.term.shared && u.Nth == heldNth && u.Spare > 0 {
			wait = min(wait, retry)
		}
	}
	slices.SortFunc(uses, func(a, b ledger.BudgetUse) int { return a.Until.Compare(b.Until) })
	for _, u := range uses {
		if over -= u.Calls; over <= 0 {
			wait = min(wait, u.Until.Sub(now))
			break
		}
	}
	return max(wait, min(max(want.Window/50, 50*time.Millisecond), 500*time.Millisecond))
}
