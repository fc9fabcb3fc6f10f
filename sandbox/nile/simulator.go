package nile

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"usher/sandbox/fault"
	"usher/sandbox/stage"
)

// DefaultDatabase is the id of the vendor's local container (FACTS.md section 1).
const DefaultDatabase = "01000000-0000-7000-8000-000000000000"

// Options say what one simulated database is.
type Options struct {
	Database string // its id; DefaultDatabase when empty
	// BaseURL is where the simulator is reached: scheme and host, without a
	// trailing slash. Empty: taken from each request's Host.
	BaseURL string
	// Now is the clock's source; nil means time.Now.
	Now func() time.Time
	// Mail is the SMTP relay; nil takes every mail and only notes it in State.
	// For an invite its error is the answer: 400 with the error's text.
	Mail   stage.Mailer
	Logger *slog.Logger // nil: nothing is logged
	// Quirks to start with; nil means DefaultQuirks.
	Quirks *Quirks
	// Sleep waits for delays; nil means a real timer.
	Sleep stage.Sleep
}

// Simulator is one simulated database. It is an http.Handler and safe for
// concurrent use; it owns no goroutines and needs no closing.
type Simulator struct {
	*stage.Front            // ServeHTTP, Injector, Now
	*stage.Switches[Quirks] // Quirks, SetQuirks, PatchQuirks

	o      Options
	clock  *fault.Clock
	post   *stage.Postman
	routes []route

	mu        sync.Mutex // guards everything below
	q         Quirks
	key       []byte // of session tokens
	secret    string // of CSRF pairs and reset cookies
	users     []*user
	tenants   []*tenant
	members   []member
	invites   []*invite
	sessions  map[string]*session      // opaque ones, by token
	tokens    map[string]*verification // by address
	templates map[string]Template
	variables map[string]string
	aborted   bool // see Quirks.AbortedTransaction
	windows   map[window]int
}

// New returns a simulator with an empty database.
func New(o Options) *Simulator {
	if o.Database == "" {
		o.Database = DefaultDatabase
	}
	o.BaseURL = strings.TrimSuffix(o.BaseURL, "/")
	s := &Simulator{
		o: o, clock: fault.NewClock(o.Now), q: DefaultQuirks(),
		sessions: map[string]*session{}, tokens: map[string]*verification{}, windows: map[window]int{},
		templates: defaultTemplates(), variables: map[string]string{"app_name": "Demo App", "sender": "noreply@example.test"},
	}
	if o.Quirks != nil {
		s.q = o.Quirks.clone()
	}
	s.newSecret()
	s.routes = s.table()
	s.post = stage.NewPostman("nile", s.clock, o.Mail, o.Logger)
	s.Switches = stage.NewSwitches(&s.mu, &s.q, stage.SwitchOptions[Quirks]{
		Check: Quirks.check, Clone: Quirks.clone,
		Changed: func() { s.aborted = s.aborted && s.q.AbortedTransaction },
	})
	s.Front = stage.NewFront(s, s.serve, fault.Options{
		Clock: s.clock,
		Sleep: o.Sleep,
		Extra: map[string]http.HandlerFunc{
			"POST /_sandbox/secret": func(w http.ResponseWriter, _ *http.Request) {
				s.RotateSecret()
				w.WriteHeader(http.StatusNoContent)
			},
		},
	})
	return s
}

// URL is the base of the vendor's API for a simulator with a BaseURL: what the
// vendor's SDK takes as apiUrl.
func (s *Simulator) URL() string { return s.o.BaseURL + s.prefix() }

// AppURL is the origin of the application that the simulator stands in for.
// Links made for it, such as {AppURL}/api/tenants/{id}/invite, lead to pages.
func (s *Simulator) AppURL() string { return s.o.BaseURL }

func (s *Simulator) prefix() string { return "/v2/databases/" + s.o.Database }

// RotateSecret gives the server another secret, as a new deployment may: every
// password session and every CSRF pair is worthless from then on. Opaque
// sessions stay.
func (s *Simulator) RotateSecret() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newSecret()
}

func (s *Simulator) newSecret() {
	s.key = make([]byte, 32)
	rand.Read(s.key) //nolint:errcheck // never fails
	s.secret = newToken()
}
