package invites

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"usher/identity"
	"usher/ledger"
)

// Options configures New. A nil pointer means all defaults.
type Options struct {
	Logger *slog.Logger
	// SettleTimeout bounds asking the vendor about one invite. Defaults to 10 seconds.
	SettleTimeout time.Duration
	// SettleEvery is how often uncertain invites are asked about. Defaults to 15 seconds.
	SettleEvery time.Duration
	// StartTimeout bounds how long Start settles interrupted work before it
	// leaves the rest to the background. Defaults to 10 seconds.
	StartTimeout time.Duration
	// StaleAfter is the age at which an organization's invites are compared
	// with the vendor again when somebody reads them. Defaults to one minute.
	StaleAfter time.Duration
	// Mails is how many invitations may be mailed to one address of an
	// organization within MailWindow. 0: no limit.
	Mails      int
	MailWindow time.Duration
	// Links is what the links begin with that invitees accept by; the secret of
	// each is added.
	Links string
	// Tick replaces the timer of the settler, for tests.
	Tick <-chan time.Time
	// After is how the sender of batches waits. Defaults to time.After.
	After func(time.Duration) <-chan time.Time
}

// How long an invite is held at least before others may take it over; of how many
// operations at its vendor that is for, one after the other, and how much longer for
// what the ledger takes; and for how many organizations the last refresh is remembered.
const (
	leaseTime    = 5 * time.Minute
	operations   = 2
	leaseSlack   = time.Minute
	triedEntries = 10_000
)

// Service is the heart of the product. All methods may be called concurrently.
type Service struct {
	ledger      *ledger.Ledger
	connections map[string]*Connection
	options     Options
	log         *slog.Logger

	refreshes *flights
	tried     *lru.Cache[string, time.Time] // organization → last background refresh
	busy      *busy
	batches   *batches

	lease      time.Duration // how long one operation may hold an invite
	background context.Context
	stop       context.CancelFunc
	tasks      sync.WaitGroup
}

// New returns a service over a ledger and the configured connections. ctx is
// what its background work runs under; Start begins that work.
func New(ctx context.Context, l *ledger.Ledger, connections []*Connection, o *Options) (*Service, error) {
	s := &Service{ledger: l, connections: map[string]*Connection{}, busy: newBusy()}
	if o != nil {
		s.options = *o
	}
	setDefault(&s.options.SettleTimeout, 10*time.Second)
	setDefault(&s.options.SettleEvery, 15*time.Second)
	setDefault(&s.options.StartTimeout, 10*time.Second)
	setDefault(&s.options.StaleAfter, time.Minute)
	if s.options.After == nil {
		s.options.After = time.After
	}
	s.log = s.options.Logger
	if s.log == nil {
		s.log = slog.Default()
	}
	s.refreshes = newFlights(s.tasks.Go)
	s.lease = leaseTime
	for _, c := range connections {
		s.connections[c.Name] = c
		s.lease = max(s.lease, operations*c.Client.Timeout()+batchPatience+s.options.SettleTimeout+leaseSlack)
	}
	s.batches = newBatches(s.connections)
	tried, err := lru.New[string, time.Time](triedEntries)
	if err != nil {
		return nil, err
	}
	s.tried = tried
	s.background, s.stop = context.WithCancel(ledger.InBackground(context.WithoutCancel(ctx)))
	return s, nil
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// Close stops background work and waits for it, or for ctx.
func (s *Service) Close(ctx context.Context) error {
	s.stop()
	done := make(chan struct{})
	go func() {
		s.tasks.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Connections returns the configured connections, sorted by name.
func (s *Service) Connections() []*Connection {
	return slices.SortedFunc(maps.Values(s.connections), func(a, b *Connection) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
}

// Connection returns one connection; not_found if there is none of that name.
func (s *Service) Connection(name string) (*Connection, error) {
	c, ok := s.connections[name]
	if !ok {
		return nil, identity.Errorf(identity.CodeNotFound, "There is no such connection.")
	}
	return c, nil
}

// connectionOf returns the connection an organization lives in. Its absence
// is the operator's fault, not the caller's.
func (s *Service) connectionOf(org *identity.Organization) (*Connection, error) {
	c, ok := s.connections[org.Connection]
	if !ok {
		return nil, &identity.Error{
			Code: identity.CodeProviderUnavailable, Connection: org.Connection,
			Detail: "The connection this organization lives in is not configured.",
		}
	}
	return c, nil
}

// busy lets a caller wait until this process has finished with an invite.
type busy struct {
	mu   sync.Mutex
	work map[string]*work
}

// work is what this process does about one invite.
type work struct {
	hands int           // how many do it
	done  chan struct{} // closed when the last of them has ended
}

func newBusy() *busy { return &busy{work: map[string]*work{}} }

// begin marks an invite as being worked on; the function returned ends it. The
// ledger's lease makes sure that there is only one at a time who gets anywhere:
// others may try, and their end is not the end of the work.
func (b *busy) begin(id string) (end func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.work[id]
	if w == nil {
		w = &work{done: make(chan struct{})}
		b.work[id] = w
	}
	w.hands++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if w.hands--; w.hands == 0 {
			delete(b.work, id)
			close(w.done)
		}
	}
}

// working reports whether somebody in this process works on the invite.
func (b *busy) working(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.work[id] != nil
}

// wait returns when nobody in this process works on the invite, or with ctx.
func (b *busy) wait(ctx context.Context, id string) error {
	b.mu.Lock()
	w := b.work[id]
	b.mu.Unlock()
	if w == nil {
		return nil
	}
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
