package asgardeo

import (
	"crypto/rsa"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"usher/sandbox/fault"
	"usher/sandbox/stage"
)

// Options say what one simulated root organization is.
type Options struct {
	// Root is the root organization's handle, the {root} of /t/{root}/; "rootorg" when empty.
	Root string
	// BaseURL is where the simulator is reached, without a trailing slash and
	// without /t/{root}: the start of issuer and links. Empty: taken from each
	// request's Host.
	BaseURL string
	// Now is the clock's source; nil means time.Now.
	Now func() time.Time
	// Mail delivers mails; nil only notes them in State. An error never fails
	// the call that caused the mail; it is noted in State too.
	Mail   stage.Mailer
	Logger *slog.Logger // nil: nothing is logged
	// Limits switches the vendor's rate limits on (Quirks.RateLimits).
	Limits bool
	// Quirks to start with; nil means DefaultQuirks.
	Quirks *Quirks
	// Key signs JWTs; nil makes one when the first is needed.
	Key *rsa.PrivateKey
	// Sleep waits for delays; nil means a real timer.
	Sleep stage.Sleep
}

// Simulator is one simulated root organization. It is an http.Handler and safe
// for concurrent use; it owns no goroutines and needs no closing.
type Simulator struct {
	*stage.Front            // ServeHTTP, Injector, Now
	*stage.Switches[Quirks] // Quirks, SetQuirks, PatchQuirks

	o      Options
	clock  *fault.Clock
	post   *stage.Postman
	routes []route
	key    func() (*rsa.PrivateKey, error) // signs tokens

	mu          sync.Mutex // guards everything below
	q           Quirks
	rootID      string
	lastID      int
	orgs        []*organization
	apps        []*application
	stores      []string
	users       []*user
	groups      []*group
	roles       []*role
	invitations []*invitation
	codes       map[string]*accountCode // set-password and verify codes
	approvals   []approval
	tokens      map[string]*token
	operations  []*operation
	due         []task
	windows     map[window]int
}

// New returns a simulator with an empty root organization.
func New(o Options) *Simulator {
	if o.Root == "" {
		o.Root = "rootorg"
	}
	s := &Simulator{
		o: o, clock: fault.NewClock(o.Now), key: stage.SigningKey(o.Key), q: DefaultQuirks(),
		codes: map[string]*accountCode{}, tokens: map[string]*token{}, windows: map[window]int{},
		stores: []string{defaultStore},
	}
	if o.Quirks != nil {
		s.q = o.Quirks.clone()
	}
	s.q.RateLimits = s.q.RateLimits || o.Limits
	s.rootID = s.newID()
	now := s.clock.Now()
	s.orgs = []*organization{{id: s.rootID, name: o.Root, handle: o.Root, status: statusActive, created: now, modified: now, ready: now}}
	s.routes = s.table()
	s.post = stage.NewPostman("asgardeo", s.clock, o.Mail, o.Logger)
	s.Switches = stage.NewSwitches(&s.mu, &s.q, stage.SwitchOptions[Quirks]{Check: Quirks.check, Clone: Quirks.clone})
	s.Front = stage.NewFront(s, s.serve, fault.Options{
		Clock: s.clock,
		Sleep: o.Sleep,
		Extra: map[string]http.HandlerFunc{
			"POST /_sandbox/approve": func(w http.ResponseWriter, r *http.Request) {
				s.Approve(r.Context())
				w.WriteHeader(http.StatusNoContent)
			},
		},
	})
	return s
}

// RootID is the id of the root organization.
func (s *Simulator) RootID() string { return s.rootID }

// Root is the handle of the root organization.
func (s *Simulator) Root() string { return s.o.Root }

// Issuer is the issuer of the root organization's tokens for a simulator with a BaseURL.
func (s *Simulator) Issuer() string { return s.issuer(s.o.BaseURL) }
