package clerk

import (
	"crypto/rsa"
	"log/slog"
	"sync"
	"time"

	"usher/sandbox/fault"
	"usher/sandbox/stage"
)

// Options say what one simulated instance is.
type Options struct {
	// BaseURL is where the simulator is reached, without a trailing slash and
	// without /v1: the start of ticket links, and the issuer of session tokens.
	// Empty: taken from each request's Host.
	BaseURL string
	// SecretKey is the instance's key; made when empty (see Simulator.SecretKey).
	SecretKey string
	// Production makes it a production instance: higher general limit, no mail
	// or user quota, no POST /sessions.
	Production bool
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
	// Key signs tickets and session tokens; nil makes one when the first is needed.
	Key *rsa.PrivateKey
	// Sleep waits for delays; nil means a real timer.
	Sleep stage.Sleep
}

// Simulator is one simulated instance. It is an http.Handler and safe for
// concurrent use; it owns no goroutines and needs no closing.
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
	instanceID  string
	settings    settings
	users       []*user
	orgs        []*organization
	members     []*membership
	invitations []*invitation
	tickets     []*appInvitation
	permissions []*permission
	roles       []*role
	roleSets    []*roleSet
	sessions    []*session
	mailMonth   string // the month that mailCount is for
	mailCount   int
	buckets     map[string]bucket
}

// New returns a simulator of an instance with nobody in it, the two default
// roles and the role set that holds them.
func New(o Options) *Simulator {
	s := &Simulator{o: o, clock: fault.NewClock(o.Now), key: stage.SigningKey(o.Key), q: DefaultQuirks(), buckets: map[string]bucket{}}
	if s.o.SecretKey == "" {
		s.o.SecretKey = newSecretKey(o.Production)
	}
	if o.Quirks != nil {
		s.q = *o.Quirks
	}
	s.q.RateLimits = s.q.RateLimits || o.Limits
	s.instanceID = s.newID("ins")
	s.addDefaults()
	s.routes = s.table()
	s.post = stage.NewPostman("clerk", s.clock, o.Mail, o.Logger)
	s.Switches = stage.NewSwitches(&s.mu, &s.q, stage.SwitchOptions[Quirks]{Check: Quirks.check})
	s.Front = stage.NewFront(s, s.serve, fault.Options{Clock: s.clock, Sleep: o.Sleep})
	return s
}

// SecretKey is the instance's key, sk_test_… or sk_live_….
func (s *Simulator) SecretKey() string { return s.o.SecretKey }

// Issuer is the issuer of session tokens for a simulator with a BaseURL: the
// Frontend API's address, which is the simulator itself here.
func (s *Simulator) Issuer() string { return s.o.BaseURL }
