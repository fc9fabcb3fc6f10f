package invites

import (
	"context"
	"sync"
	"time"

	"usher/identity"
)

// How long it is at least and at most until a batch is worth reading again.
const (
	askSoonest = time.Second
	askLatest  = time.Minute
)

// foresee fills in when an open batch is likely to be finished, and when it is
// worth reading again: after a tenth of the time until then, or where that is
// not known, of the time since its state last changed.
func (s *Service) foresee(ctx context.Context, org *identity.Organization, b *identity.Batch) {
	if b.FinishedAt != nil {
		return
	}
	s.estimate(ctx, org, b)
	now := s.ledger.Now()
	span := now.Sub(b.UpdatedAt)
	if b.EstimatedFinishAt != nil {
		span = b.EstimatedFinishAt.Sub(now)
	}
	const parts = 10
	b.AskAgain = min(max(span/parts, askSoonest), askLatest)
}

// estimate fills in when an open batch is likely to be finished. The vendor's
// limit decides where it is known; otherwise how fast rows were sent lately. No
// batch is finished before its postponed rows are due.
func (s *Service) estimate(ctx context.Context, org *identity.Organization, b *identity.Batch) {
	left := b.Counts[identity.OutcomeQueued] + b.Counts[identity.OutcomeSending]
	if b.State != identity.BatchRunning || left == 0 {
		return
	}
	c, err := s.connectionOf(org)
	if err != nil {
		return
	}
	rows := s.ahead(ctx, c, org, b.ID, left)
	per := max(c.Client.Fields().Bulk, 1)
	now := s.ledger.Now()
	took, known := s.batches.paces.of(c.Name, now, rows)
	if calls, window := c.Client.Pace(per > 1); calls > 0 {
		wait, err := c.Client.Wait(ctx, per > 1)
		if err != nil {
			return
		}
		limited := wait + windows((rows+per-1)/per, calls, window)
		took, known = max(took, limited), true
	}
	if !known {
		return
	}
	if due, err := s.ledger.LastDue(ctx, b.ID); err == nil {
		took = max(took, due.Sub(now))
	}
	at := now.Add(took).Truncate(time.Second).Add(time.Second)
	b.EstimatedFinishAt = &at
}

// windows is how long a number of calls takes under a limit: so many at once,
// and as many again each time the window is over.
func windows(calls, limit int, window time.Duration) time.Duration {
	return time.Duration((calls-1)/limit) * window
}

// ahead is how many rows of a connection are sent until a batch is through: its
// own, and of each other organization as many at most, since they take turns;
// and all of its organization's batches before it.
func (s *Service) ahead(ctx context.Context, c *Connection, org *identity.Organization, batch string, own int) int {
	open, err := s.ledger.OpenBatches(ctx)
	if err != nil {
		return own
	}
	before, others := 0, map[string]int{}
	for _, o := range open {
		if o.ID == batch || (o.OrganizationID == org.ID && o.ID > batch) {
			continue
		}
		other, err := s.ledger.Organization(ctx, o.OrganizationID)
		if err != nil || other.Connection != c.Name {
			continue
		}
		counted, err := s.ledger.Batch(ctx, o.OrganizationID, o.ID)
		if err != nil {
			continue
		}
		waiting := counted.Counts[identity.OutcomeQueued] + counted.Counts[identity.OutcomeSending]
		if o.OrganizationID == org.ID {
			before += waiting
		} else {
			others[o.OrganizationID] += waiting
		}
	}
	own += before
	all := own
	for _, waiting := range others {
		all += min(waiting, own)
	}
	return all
}

// paces remembers how fast the rows of each connection were sent lately.
type paces struct {
	mu   sync.Mutex
	each map[string]*pace
}

// paceSpan is what "lately" means, and paceLeast how long must have been
// measured before it says anything.
const (
	paceSpan  = time.Minute
	paceLeast = time.Second
)

// pace counts rows in two spans, the last whole one and the one that runs.
type pace struct {
	begun, before time.Time
	rows, former  int
	last          time.Time
}

func (p *paces) add(connection string, now time.Time, rows int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.each == nil {
		p.each = map[string]*pace{}
	}
	one := p.each[connection]
	switch {
	case one == nil || now.Sub(one.last) > paceSpan:
		one = &pace{begun: now}
		p.each[connection] = one
	case now.Sub(one.begun) > paceSpan:
		one.before, one.former = one.begun, one.rows
		one.begun, one.rows = now, 0
	}
	one.rows += rows
	one.last = now
}

// of returns how long a number of rows takes at the pace of late, if that is
// known.
func (p *paces) of(connection string, now time.Time, rows int) (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.each[connection]
	if one == nil || now.Sub(one.last) > paceSpan {
		return 0, false
	}
	since, sent := one.begun, one.rows
	if !one.before.IsZero() {
		since, sent = one.before, sent+one.former
	}
	took := one.last.Sub(since)
	if took < paceLeast || sent == 0 {
		return 0, false
	}
	return time.Duration(float64(took) / float64(sent) * float64(rows)), true
}
