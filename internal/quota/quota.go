package quota

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Declaration is what an adapter says about its vendor's limits.
type Declaration struct {
	// Scope is what the vendor counts by. Connections with the same scope share
	// its budgets. It is a label in metrics, so it holds no secret; empty: the
	// connection is a scope of its own.
	Scope string
	// Quotas are its classes; at most 64.
	Quotas []Quota
	// Period is the time by which the vendor counts: a refusal that names no
	// time closes the scope at most until its next multiple. 0: a minute.
	Period time.Duration
}

// Quota is one class of calls with its limit.
type Quota struct {
	Class string
	Limit
	// Counts reports whether a call counts in this class; a call may count in
	// several. Nil: every call does.
	Counts func(method, path string) bool
}

// Limit is how many calls may be made in any span of time of a length.
type Limit struct {
	Calls  int           // 0: no limit
	Window time.Duration // 0: the declaration's Period
}

// All is the name under which overrides hold what is true for every class that
// they do not name.
const All = "all"

// Options configures New. A nil pointer means all defaults.
type Options struct {
	Store    Store // defaults to NewStore
	Now      func() time.Time
	Sleep    func(context.Context, time.Duration) error
	Jitter   func() float64 // in [0,1)
	Observer Observer
}

// Observer is told what happens, for metrics. Its methods must not block.
type Observer interface {
	Limited(scope, class string, l Limit)              // once, at the start
	Passed(scope, class string)                        // a call was given its turn
	Waited(scope string, d time.Duration, passed bool) // how long, and whether in vain
	Waiting(scope string, n int)
	Paused(scope string, until time.Time)
}

// Registry holds the scopes of a process. It may be used concurrently.
type Registry struct {
	options Options
	running sync.WaitGroup

	mu     sync.Mutex
	scopes map[string]*scope
}

// New returns an empty registry. o may be nil.
func New(o *Options) *Registry {
	r := &Registry{scopes: map[string]*scope{}}
	if o != nil {
		r.options = *o
	}
	if r.options.Now == nil {
		r.options.Now = time.Now
	}
	if r.options.Sleep == nil {
		r.options.Sleep = sleep
	}
	if r.options.Jitter == nil {
		r.options.Jitter = rand.Float64
	}
	if r.options.Store == nil {
		r.options.Store = NewStore(r.options.Now)
	}
	if r.options.Observer == nil {
		r.options.Observer = unobserved{}
	}
	return r
}

// Open returns a connection's way through its scope. overrides replace declared
// limits by class or All; an override without a window keeps the declared one.
// wait is the longest a call waits for its turn. Connections that share a scope
// must agree on its limits.
func (r *Registry) Open(connection string, d Declaration, overrides map[string]Limit, wait time.Duration) (*Limiter, error) {
	if d.Scope == "" {
		d.Scope = "connection " + connection
	}
	if d.Period <= 0 {
		d.Period = time.Minute
	}
	budgets := make([]Budget, len(d.Quotas))
	for n, q := range d.Quotas {
		budgets[n] = Budget{Class: q.Class, Limit: q.Limit.or(overrides, q.Class)}
		if budgets[n].Window <= 0 {
			budgets[n].Window = d.Period
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.scopes[d.Scope]
	if !ok {
		s = newScope(r, d, connection, budgets)
		r.scopes[d.Scope] = s
	}
	for n, b := range budgets {
		if n >= len(s.budgets) || s.budgets[n] != b {
			return nil, fmt.Errorf("connections %s and %s share the vendor's limits (%s) and must set the same for %s", s.owner, connection, d.Scope, b.Class)
		}
	}
	return &Limiter{scope: s, quotas: d.Quotas, wait: wait}, nil
}

// or returns the limit that overrides leave of a declared one.
func (l Limit) or(overrides map[string]Limit, class string) Limit {
	o, ok := overrides[class]
	if !ok {
		o, ok = overrides[All]
	}
	if !ok {
		return l
	}
	if o.Window <= 0 {
		o.Window = l.Window
	}
	return o
}

// Close refuses everybody who waits, and everybody who comes. It returns when
// nothing of the registry runs any more.
func (r *Registry) Close() error {
	r.mu.Lock()
	for _, s := range r.scopes {
		s.close()
	}
	r.mu.Unlock()
	r.running.Wait()
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// unobserved is an Observer that does nothing.
type unobserved struct{}

func (unobserved) Limited(string, string, Limit)      {}
func (unobserved) Passed(string, string)              {}
func (unobserved) Waited(string, time.Duration, bool) {}
func (unobserved) Waiting(string, int)                {}
func (unobserved) Paused(string, time.Time)           {}
