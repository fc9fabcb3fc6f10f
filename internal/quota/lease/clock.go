package lease

import (
	"time"

	"usher/ledger"
)

// mark is one moment in the ledger's time, and between which two of this
// instance's own it lay.
type mark struct{ ledger, before, after time.Time }

// aheadFor is what the two clocks may differ by before it counts.
const aheadFor = 50 * time.Millisecond

// timeOf is the ledger's time without what its clock was set by.
func timeOf(b *ledger.Budget) time.Time { return b.Now.Add(-b.Ahead) }

// error returns by how much the ledger's clock must have been set ahead since
// the mark; b was read between two moments of this instance's time. If it was,
// then no more time is believed to have passed than must have. A clock that was
// set back makes calls count for longer, which is no error.
func (m mark) error(b *ledger.Budget, before, after time.Time) time.Duration {
	passed := timeOf(b).Sub(m.ledger)
	if m.before.IsZero() || passed-after.Sub(m.before) <= aheadFor {
		return 0
	}
	return passed - max(before.Sub(m.after), 0)
}
