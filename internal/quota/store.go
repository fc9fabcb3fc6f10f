package quota

import (
	"context"
	"sync"
	"time"
)

// Budget is one class of a scope with its limit.
type Budget struct {
	Class string
	Limit
	// Kept is how much of the limit this call must leave unused.
	Kept int
}

// Kept is how much of a limit the background leaves to others, so that a single
// call need not wait until the vendor counts anew.
func Kept(calls int) int { return calls / 20 }

// Store says whether there is budget; who may use it next is decided above it.
// A scope calls Take one at a time. One store serves all scopes.
type Store interface {
	// Take takes one call from every budget of a scope, or from none: then the
	// slot is nil and wait is after how long it is worth asking again. An error
	// means that the store could not be asked.
	Take(ctx context.Context, scope string, budgets []Budget) (slot Slot, wait time.Duration, err error)
	// Pause closes a scope from now for d, or leaves it closed for longer.
	Pause(ctx context.Context, scope string, d time.Duration)
}

// Slot is the right to one call. It must be released once.
type Slot interface {
	// Release says that the call has ended. A call that the vendor may have
	// seen uses its budget until the window has passed since; one that was not
	// sent gives it back.
	Release(sent bool)
}

// margin is how much longer than the window a call counts: a hundredth, from 10
// milliseconds to a second, for clocks that run apart.
func margin(window time.Duration) time.Duration {
	return min(max(window/100, 10*time.Millisecond), time.Second)
}

// Lasts is how long a call counts after its end, at most.
func (l Limit) Lasts() time.Duration { return l.Window + margin(l.Window) }

// memory is the store of one process. A call counts from when it was let go
// until a window after its end, because when the vendor counted it, between the
// two, is not known. So no span of the window's length holds more calls at the
// vendor than the limit, wherever it begins.
type memory struct {
	now func() time.Time

	mu     sync.Mutex
	paused map[string]time.Time
	spent  map[string]*spending // by scope and class
}

// spending is what is used of one budget.
type spending struct {
	underway int
	back     []time.Time // when each ended call gives back its budget, in order
}

// NewStore returns a store that lives in this process.
func NewStore(now func() time.Time) Store {
	return &memory{now: now, paused: map[string]time.Time{}, spent: map[string]*spending{}}
}

// Take implements Store.
func (m *memory) Take(_ context.Context, scope string, budgets []Budget) (Slot, time.Duration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if until, ok := m.paused[scope]; ok {
		if now.Before(until) {
			return nil, until.Sub(now), nil
		}
		delete(m.paused, scope)
	}
	var wait time.Duration
	for _, b := range budgets {
		wait = max(wait, m.of(scope, b).wait(now, b))
	}
	if wait > 0 {
		return nil, wait, nil
	}
	for _, b := range budgets {
		m.of(scope, b).underway++
	}
	return &memorySlot{memory: m, scope: scope, budgets: budgets}, 0, nil
}

// Pause implements Store.
func (m *memory) Pause(_ context.Context, scope string, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if until := m.now().Add(d); until.After(m.paused[scope]) {
		m.paused[scope] = until
	}
}

func (m *memory) of(scope string, b Budget) *spending {
	key := scope + "\n" + b.Class
	s, ok := m.spent[key]
	if !ok {
		s = &spending{}
		m.spent[key] = s
	}
	return s
}

// wait returns how long it is until the budget has room; 0: it has. Where that
// depends on calls under way, it is a whole window at least.
func (s *spending) wait(now time.Time, b Budget) time.Duration {
	for len(s.back) > 0 && !now.Before(s.back[0]) {
		s.back = s.back[1:]
	}
	switch over := s.underway + len(s.back) - (b.Calls - b.Kept); {
	case over < 0:
		return 0
	case over < len(s.back):
		return s.back[over].Sub(now)
	default:
		return b.Window
	}
}

type memorySlot struct {
	memory  *memory
	scope   string
	budgets []Budget
}

// Release implements Slot.
func (s *memorySlot) Release(sent bool) {
	m := s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range s.budgets {
		used := m.of(s.scope, b)
		used.underway--
		if sent {
			back := m.now().Add(b.Lasts())
			if n := len(used.back); n > 0 && back.Before(used.back[n-1]) {
				back = used.back[n-1]
			}
			used.back = append(used.back, back)
		}
	}
}
