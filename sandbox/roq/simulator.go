package roq

import (
	"crypto/rand"
	_ "embed"
	"log/slog"
	"strings"
	"sync"
	"time"

	graphql "github.com/graph-gophers/graphql-go"

	"usher/sandbox/fault"
	"usher/sandbox/stage"
)

//go:embed schema.graphql
var schemaText string

// ServiceAccount is the address that a service account signs in with.
const ServiceAccount = "project-service-account@roq.tech"

// Options say what one simulated environment is.
type Options struct {
	// EnvironmentID and APIKey are its credentials; made when empty.
	EnvironmentID string
	APIKey        string
	// BaseURL is where the simulator is reached, without a trailing slash: the
	// start of mailed links. Empty: taken from each request's Host.
	BaseURL string
	// Now is the clock's source; nil means time.Now.
	Now func() time.Time
	// Mail delivers mails; nil only notes them in State. An error never fails
	// the call that caused the mail; it is noted in State too.
	Mail   stage.Mailer
	Logger *slog.Logger // nil: nothing is logged
	// Quirks to start with; nil means DefaultQuirks.
	Quirks *Quirks
	// Sleep waits for a fault's delay; nil means a real timer.
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
	schema *graphql.Schema // of 2023-11
	older  *graphql.Schema // without V2
	key    []byte          // signs tokens

	mu        sync.Mutex // guards everything below
	q         Quirks
	lastID    int
	accountID string // the service account's user id
	tenants   []*tenant
	roles     []*role
	groups    []*group
	users     []*user
	invites   []*invite
	codes     map[string]*accountCode
}

// New returns a simulator without tenants, roles and users.
func New(o Options) *Simulator {
	s := &Simulator{o: o, log: stage.Logger(o.Logger), clock: fault.NewClock(o.Now), q: DefaultQuirks(), key: make([]byte, 32), codes: map[string]*accountCode{}}
	rand.Read(s.key) // never fails
	if o.Quirks != nil {
		s.q = o.Quirks.clone()
	}
	if s.o.EnvironmentID == "" {
		s.o.EnvironmentID = newUUID()
	}
	if s.o.APIKey == "" {
		s.o.APIKey = rand.Text()
	}
	s.accountID = s.newID()
	s.schema, s.older = s.parse(schemaText), s.parse(withoutV2())
	s.post = stage.NewPostman("roq", s.clock, o.Mail, o.Logger)
	s.Switches = stage.NewSwitches(&s.mu, &s.q, stage.SwitchOptions[Quirks]{Check: Quirks.check, Clone: Quirks.clone})
	s.Front = stage.NewFront(s, s.serve, fault.Options{Clock: s.clock, Sleep: o.Sleep})
	return s
}

// withoutV2 is the schema of an instance from before 2023-11.
func withoutV2() string {
	before, rest, _ := strings.Cut(schemaText, "  # v2:")
	_, after, _ := strings.Cut(rest, "  # end of v2\n")
	return before + after
}

// EnvironmentID is half of the environment's credentials.
func (s *Simulator) EnvironmentID() string { return s.o.EnvironmentID }

// APIKey is the other half.
func (s *Simulator) APIKey() string { return s.o.APIKey }

// Schema is what the environment can be asked, in GraphQL's schema language.
func Schema() string { return schemaText }
