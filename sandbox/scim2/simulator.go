package scim2

import (
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"usher/sandbox/fault"
	"usher/sandbox/stage"
)

// Options say what one simulated service is. The zero value is usable.
type Options struct {
	// Path is the base path of the service; "/scim/v2" when empty, "/" for none.
	Path string
	// BaseURL is where the simulator is reached, without a trailing slash and
	// without Path: the start of every location. Empty: taken from each
	// request's Host.
	BaseURL string
	// Token is the bearer token that never expires; made when empty.
	Token string
	// Now is the clock's source; nil means time.Now.
	Now func() time.Time
	// Limits switches the rate limit on (Quirks.RateLimits).
	Limits bool
	// Quirks to start with; nil means DefaultQuirks.
	Quirks *Quirks
	// Sleep waits for the delays of faults; nil means a real timer.
	Sleep stage.Sleep
}

// Simulator is one simulated service. It is an http.Handler and safe for
// concurrent use; it owns no goroutines and needs no closing.
type Simulator struct {
	*stage.Front            // ServeHTTP, Injector, Now
	*stage.Switches[Quirks] // Quirks, SetQuirks, PatchQuirks

	o      Options
	clock  *fault.Clock
	routes []route
	users  *kind
	groups *kind

	mu      sync.Mutex // guards everything below
	q       Quirks
	lastID  int
	records []*record // in the order of their creation
	byID    map[string]*record
	clients []Client
	tokens  map[string]time.Time // issued at /token: when they expire
	windows map[window]int
}

// New returns a simulator of an empty service.
func New(o Options) *Simulator {
	if o.Path == "" {
		o.Path = "/scim/v2"
	}
	o.Path = strings.TrimSuffix("/"+strings.Trim(o.Path, "/"), "/")
	o.BaseURL = strings.TrimSuffix(o.BaseURL, "/")
	if o.Token == "" {
		o.Token = rand.Text() + rand.Text()
	}
	s := &Simulator{
		o: o, clock: fault.NewClock(o.Now), users: userKind(), groups: groupKind(),
		q: DefaultQuirks(), byID: map[string]*record{}, tokens: map[string]time.Time{}, windows: map[window]int{},
	}
	if o.Quirks != nil {
		s.q = *o.Quirks
	}
	s.q.RateLimits = s.q.RateLimits || o.Limits
	s.routes = s.table()
	s.Switches = stage.NewSwitches(&s.mu, &s.q, stage.SwitchOptions[Quirks]{Check: Quirks.check})
	s.Front = stage.NewFront(s, s.serve, fault.Options{Clock: s.clock, Sleep: o.Sleep})
	return s
}

// Path is the base path of the service, as in "/scim/v2"; empty for none.
func (s *Simulator) Path() string { return s.o.Path }

// Token is the bearer token that never expires.
func (s *Simulator) Token() string { return s.o.Token }
