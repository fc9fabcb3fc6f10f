package lease

import (
	"context"
	"sync"
	"time"

	"usher/internal/quota"
)

// scope is this instance's part of one scope.
type scope struct {
	name  string
	store *Store

	talking sync.Mutex // held while the ledger is spoken to; taken before mu
	mark    mark       // of the last time

	mu       sync.Mutex
	accounts map[string]*account // by class
	paused   time.Time           // until then, by this instance's time
	untold   bool                // the ledger does not know of the pause
	seen     time.Time           // when the ledger was last asked about pauses
	talked   time.Time           // when it was last told everything
	doubt    bool                // it may hold more for this instance than is known here
	counts   time.Time           // until then calls count or a pause holds, as far as is known
	failed   error               // of the last talk; nil: it went well
	failedAt time.Time
}

// account is this instance's part of one class.
type account struct {
	budget   quota.Budget
	spare    int // leased and not let go
	underway int
	ended    []ended // not reported yet; the ledger counts them as held
	nth      int64   // of the last in ended
	usedAt   time.Time
}

// ended are calls that have ended at about the same time, and count together.
type ended struct {
	nth         int64
	calls       int
	first, last time.Time
	told        bool // no more may be added
}

// held is how many calls the ledger counts for this instance besides those that
// were reported.
func (a *account) held() int {
	n := a.spare + a.underway
	for _, e := range a.ended {
		n += e.calls
	}
	return n
}

func (s *scope) account(b quota.Budget) *account {
	a, ok := s.accounts[b.Class]
	if !ok {
		a = &account{}
		s.accounts[b.Class] = a
	}
	b.Kept = 0
	a.budget = b
	return a
}

func (s *scope) take(ctx context.Context, budgets []quota.Budget) (quota.Slot, time.Duration, error) {
	for looked := false; ; {
		s.mu.Lock()
		now := s.store.now()
		wait, err := s.obstacle(now)
		spare := s.spare(budgets, now)
		if wait > 0 || err != nil {
			s.mu.Unlock()
			return nil, wait, err
		}
		if spare && (looked || s.sees(now)) {
			s.letGo(budgets, now)
			s.mu.Unlock()
			return &slot{scope: s, budgets: budgets}, 0, nil
		}
		s.mu.Unlock()
		granted := false
		if spare {
			_, err = s.watch(ctx)
			looked = true
		} else {
			granted, wait, err = s.talk(ctx, errand{wanted: budgets})
		}
		switch {
		case err != nil || wait > 0:
			return nil, wait, err
		case granted:
			return &slot{scope: s, budgets: budgets}, 0, nil
		}
	}
}

// obstacle is why nothing can go now: a pause, or a ledger that has just failed
// and would make everybody wait. s.mu is held.
func (s *scope) obstacle(now time.Time) (time.Duration, error) {
	if s.failed != nil && now.Sub(s.failedAt) < tendEach {
		return 0, s.failed
	}
	return max(s.paused.Sub(now), 0), nil
}

// sees reports whether what is known of pauses is fresh. s.mu is held.
func (s *scope) sees(now time.Time) bool {
	return !s.seen.IsZero() && now.Sub(s.seen) < s.store.term.fresh
}

// spare reports whether a leased call is left in every class. s.mu is held.
func (s *scope) spare(budgets []quota.Budget, now time.Time) bool {
	for _, b := range budgets {
		if s.account(b).spare == 0 || !now.Before(s.talked.Add(s.store.term.hold)) {
			return false
		}
	}
	return true
}

// letGo uses a leased call of every class. s.mu is held.
func (s *scope) letGo(budgets []quota.Budget, now time.Time) {
	for _, b := range budgets {
		a := s.account(b)
		a.spare--
		a.underway++
		a.usedAt = now
	}
}

type slot struct {
	scope   *scope
	budgets []quota.Budget
}

// Release implements quota.Slot. A call that was not sent is as good as leased
// and not let go.
func (l *slot) Release(sent bool) {
	s := l.scope
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.store.now()
	for _, b := range l.budgets {
		a := s.account(b)
		a.underway--
		if !sent {
			a.spare++
			continue
		}
		a.end(now)
	}
}

// grains bounds how many parts of a window are told apart.
const grains = 100

// end notes that a call has ended.
func (a *account) end(now time.Time) {
	if n := len(a.ended); n > 0 {
		e := &a.ended[n-1]
		if !e.told && now.Sub(e.first) < a.budget.Window/grains {
			e.calls++
			e.last = now
			return
		}
	}
	a.nth++
	a.ended = append(a.ended, ended{nth: a.nth, calls: 1, first: now, last: now})
}

func (s *scope) pause(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if until := s.store.now().Add(d); until.After(s.paused) {
		s.paused, s.untold = until, true
	}
}

// idle is how long a class keeps what it does not use, where others may want it.
func (a *account) idle() time.Duration {
	return min(max(a.budget.Window/60, time.Second), 10*time.Second)
}

// tend talks to the ledger if there is something that it should know now.
func (s *scope) tend(ctx context.Context) error {
	s.mu.Lock()
	now, shared := s.store.now(), s.store.term.shared
	due := s.untold || s.doubt
	held, idle := false, false
	for _, a := range s.accounts {
		held = held || a.held() > 0
		idle = idle || shared && a.spare+len(a.ended) > 0 && now.Sub(a.usedAt) >= a.idle()
	}
	due = due || idle || held && now.Sub(s.talked) >= s.store.term.hold/2
	watch := now.Before(s.counts)
	s.mu.Unlock()
	if !due && watch {
		stepped, err := s.watch(ctx)
		if err != nil {
			return err
		}
		due = stepped
	}
	if !due {
		return nil
	}
	_, _, err := s.talk(ctx, errand{giveBack: idle})
	return err
}
