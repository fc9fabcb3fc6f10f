package providertest

import (
	"context"
	"sync"

	"usher/providers"
)

// BulkJournal is an in-memory providers.BulkJournal over the journals of its
// rows. It can die at any entry, and nothing is recorded after that.
type BulkJournal struct {
	mu      sync.Mutex
	rows    []*Journal
	calls   int
	crashAt int
	record  bool
	dead    bool
}

// NewBulkJournal returns the journal of several invitations, each of which has
// one from NewJournal.
func NewBulkJournal(invites []providers.InviteRequest) *BulkJournal {
	j := &BulkJournal{}
	for _, r := range invites {
		j.rows = append(j.rows, r.Journal.(*Journal))
	}
	return j
}

// CrashAt makes the n-th entry (from 1) the last; recorded says whether the
// ledger had written it.
func (j *BulkJournal) CrashAt(n int, recorded bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.crashAt, j.record = n, recorded
}

// Begin implements providers.BulkJournal.
func (j *BulkJournal) Begin(ctx context.Context, name string, n []int) error {
	return j.each(n, func(row *Journal) error { return row.Begin(ctx, name) })
}

// Done implements providers.BulkJournal.
func (j *BulkJournal) Done(ctx context.Context, name string, n int, result map[string]string) error {
	return j.each([]int{n}, func(row *Journal) error { return row.Done(ctx, name, result) })
}

// Undo implements providers.BulkJournal.
func (j *BulkJournal) Undo(ctx context.Context, name string, n []int) error {
	return j.each(n, func(row *Journal) error { return row.Undo(ctx, name) })
}

// each makes one entry in the journals of rows.
func (j *BulkJournal) each(n []int, enter func(*Journal) error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.dead {
		return errCrash
	}
	j.calls++
	j.dead = j.calls == j.crashAt
	if !j.dead || j.record {
		for _, row := range n {
			if err := enter(j.rows[row]); err != nil {
				return err
			}
		}
	}
	if j.dead {
		return errCrash
	}
	return nil
}

var _ providers.BulkJournal = (*BulkJournal)(nil)
