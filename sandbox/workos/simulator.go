package workos

import (
	"crypto/rsa"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"usher/sandbox/fault"
	"usher/sandbox/stage"
)

// Options say what one simulated environment is. The zero value is usable, but
// for a key: see AddKey.
type Options struct {
	// ClientID of the environment's application; "client_sandbox" when empty.
	// Ids of everything else depend on it, so that those of one environment
	// are unknown in another.
	ClientID string
	// BaseURL is where the simulator is reached, without a trailing slash: the
	// start of issuers and links. Empty: taken from each request's Host.
	BaseURL string
	// InvitationURL is the page that mailed links lead to, the application's
	// "User invitation URL"; empty: the simulator's own.
	InvitationURL string
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
	// Key signs access tokens; nil makes one when the first is needed.
	Key *rsa.PrivateKey
	// Client delivers webhooks, to this machine alone; nil means one of its own.
	Client *http.Client
	// Sleep waits for delays of faults; nil means a real timer.
	Sleep stage.Sleep
}

// Simulator is one simulated environment. It is an http.Handler and safe for
// concurrent use; it owns no goroutines and needs no closing.
type Simulator struct {
	*stage.Front            // ServeHTTP, Injector, Now
	*stage.Switches[Quirks] // Quirks, SetQuirks, PatchQuirks

	o      Options
	log    *slog.Logger
	clock  *fault.Clock
	post   *stage.Postman
	routes []route
	keys   keys

	mu          sync.Mutex // guards everything below
	q           Quirks
	lastID      uint64
	apiKeys     map[string][]string // route groups by key; none: all
	orgs        []*organization
	users       []*user
	memberships []*membership
	invitations []*invitation
	roles       []*role // environment roles, then organizations', each in priority order
	permissions []*permission
	defaultRole string
	sessions    []*session
	pending     map[string]string    // user ids by pending authentication token
	codes       map[string]loginCode // authorization codes
	events      []event
	endpoints   []*endpoint
	deliveries  []*delivery
	mailed      map[string]int // mails by UTC day
	windows     map[window]int
	replays     map[string]replay
}

// New returns a simulator of an environment with the default role "member" and
// nothing else in it.
func New(o Options) *Simulator {
	if o.ClientID == "" {
		o.ClientID = "client_sandbox"
	}
	s := &Simulator{
		o: o, log: stage.Logger(o.Logger), clock: fault.NewClock(o.Now), q: DefaultQuirks(),
		apiKeys: map[string][]string{}, pending: map[string]string{}, codes: map[string]loginCode{},
		mailed: map[string]int{}, windows: map[window]int{}, replays: map[string]replay{},
	}
	s.keys.key = o.Key
	if o.Quirks != nil {
		s.q = o.Quirks.clone()
	}
	s.q.RateLimits = s.q.RateLimits || o.Limits
	s.defaultRole = "member"
	s.roles = []*role{s.newRole("", "member", "Member")}
	s.routes = s.table()
	s.post = stage.NewPostman("workos", s.clock, o.Mail, o.Logger)
	s.Switches = stage.NewSwitches(&s.mu, &s.q, stage.SwitchOptions[Quirks]{Check: Quirks.check, Clone: Quirks.clone})
	s.Front = stage.NewFront(s, s.serve, fault.Options{
		Clock: s.clock,
		Sleep: o.Sleep,
		Extra: map[string]http.HandlerFunc{
			"POST /_sandbox/webhooks/deliver": func(w http.ResponseWriter, r *http.Request) {
				s.DeliverWebhooks(r.Context())
				w.WriteHeader(http.StatusNoContent)
			},
		},
	})
	return s
}

// ClientID is the client id of the environment's application.
func (s *Simulator) ClientID() string { return s.o.ClientID }

// Issuer is the issuer of access tokens for a simulator with a BaseURL, in the
// form that Quirks.TokenIssuer asks for.
func (s *Simulator) Issuer() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issuer(s.o.BaseURL)
}
