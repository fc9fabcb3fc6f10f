package lease

import (
	"context"
	"slices"
	"time"

	"usher/internal/quota"
	"usher/ledger"
)

// errand is why the ledger is spoken to, besides reporting.
type errand struct {
	wanted   []quota.Budget // one call of each
	giveBack bool           // what is spare and was not used lately
	leaves   bool           // all that is spare
}

// report is what this instance knows when a talk begins.
type report struct {
	begun    time.Time
	mark     mark
	term     term
	holder   string
	pause    time.Duration // that the ledger does not know of
	accounts []account
	wanted   []quota.Budget
}

// answer is what came of a talk.
type answer struct {
	mark    mark
	paused  time.Duration  // from mark.after on
	granted map[string]int // calls leased, by class; nil: none
	wait    time.Duration  // if none
	counts  time.Duration  // from mark.after on: how long some calls count
}

// talk reports to the ledger, and leases what is wanted: then one call of each
// class is under way. Otherwise wait is after how long to ask again. It is short,
// and goes on when the caller leaves: it is about others as well.
func (s *scope) talk(ctx context.Context, e errand) (granted bool, wait time.Duration, err error) {
	s.talking.Lock()
	defer s.talking.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), talkTime)
	defer cancel()
	r := s.report(e)
	var a answer
	err = s.store.book.ChangeBudget(ctx, s.name, func(b *ledger.Budget) { a = r.settle(b, s.store.now()) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed, s.failedAt = err, s.store.now()
	if err != nil {
		s.doubt = true
		s.untold = s.untold || r.pause > 0
		return false, 0, err
	}
	s.mark, s.doubt = a.mark, false
	s.seen, s.talked = r.begun, r.begun
	s.counts = a.mark.after.Add(a.counts)
	s.learn(a.mark.after, a.paused)
	for _, told := range r.accounts {
		own := s.accounts[told.budget.Class]
		own.ended = slices.Delete(own.ended, 0, len(told.ended))
		own.spare += a.granted[told.budget.Class]
	}
	now := s.store.now()
	if a.granted == nil || now.Before(s.paused) || !s.spare(e.wanted, now) {
		return false, a.wait, nil
	}
	s.letGo(e.wanted, now)
	return true, 0, nil
}

// report takes down what is known, and decides what is given back: that must
// not be let go any more, whatever comes of the talk.
func (s *scope) report(e errand) *report {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.store.now()
	r := &report{begun: now, mark: s.mark, term: s.store.term, holder: s.store.book.Instance(), wanted: e.wanted}
	if s.untold {
		r.pause, s.untold = s.paused.Sub(now), false
	}
	for _, b := range e.wanted {
		s.account(b)
	}
	over := !now.Before(s.talked.Add(r.term.hold))
	for _, a := range s.accounts {
		if over || e.leaves || e.giveBack && now.Sub(a.usedAt) >= a.idle() {
			a.spare = 0
		}
		for n := range a.ended {
			a.ended[n].told = true
		}
		copied := *a
		copied.ended = slices.Clone(a.ended)
		r.accounts = append(r.accounts, copied)
	}
	return r
}

// watch asks the ledger about pauses, and returns whether its time was set ahead
// since it was asked last.
func (s *scope) watch(ctx context.Context) (stepped bool, err error) {
	s.talking.Lock()
	defer s.talking.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), talkTime)
	defer cancel()
	begun := s.store.now()
	b, err := s.store.book.Budget(ctx, s.name)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.store.now()
	s.failed, s.failedAt = err, now
	if err != nil {
		return false, err
	}
	s.seen = begun
	s.learn(now, b.PausedUntil.Sub(timeOf(b)))
	if stepped = s.mark.error(b, begun, now) != 0; !stepped {
		s.mark = mark{ledger: timeOf(b), before: begun, after: now}
	}
	return stepped, nil
}

// learn obeys a pause that the ledger knows of. s.mu is held.
func (s *scope) learn(now time.Time, paused time.Duration) {
	if until := now.Add(min(paused, quota.MaxPause)); until.After(s.paused) {
		s.paused = until
	}
	if s.paused.After(s.counts) {
		s.counts = s.paused
	}
}
