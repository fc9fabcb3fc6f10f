package lease

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"usher/internal/quota"
	"usher/ledger"
)

// Book is where the leases are written down: the ledger.
type Book interface {
	// Instance names the holder of this instance's leases: another one each
	// time the ledger is opened.
	Instance() string
	// Shared tells that other instances may write as well.
	Shared() bool
	Budget(ctx context.Context, scope string) (*ledger.Budget, error)
	ChangeBudget(ctx context.Context, scope string, fn func(*ledger.Budget)) error
}

// Options configures Open. A nil pointer means all defaults.
type Options struct {
	Now    func() time.Time // this instance's own time, which must pass evenly; default time.Now
	Logger *slog.Logger     // default: none
}

// Store is a quota.Store in the ledger. It may be used concurrently.
type Store struct {
	book Book
	now  func() time.Time
	log  *slog.Logger
	term term

	mu     sync.Mutex
	scopes map[string]*scope

	kicked  chan struct{} // holds one: there is something to tell
	stop    context.CancelFunc
	running sync.WaitGroup
	closed  error // valid once nothing runs
}

// term is how long things hold.
type term struct {
	shared bool
	hold   time.Duration // leased calls may be let go for so long after the last talk
	fresh  time.Duration // how old what is known of pauses may be
}

const (
	holdShared = 20 * time.Second
	holdAlone  = 24 * time.Hour // nobody else waits for it
	freshFor   = 500 * time.Millisecond
	// callTime is how long after it was let go the vendor may count a call
	// whose instance has died.
	callTime = 40 * time.Second
	// talkTime bounds one talk to the ledger.
	talkTime = 5 * time.Second
	tendEach = time.Second
)

// Open returns a store. It must be closed before the book is. o may be nil.
func Open(ctx context.Context, book Book, o *Options) *Store {
	s := newStore(book, o)
	lasting, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.running.Go(func() { s.run(lasting) })
	return s
}

func newStore(book Book, o *Options) *Store {
	if o == nil {
		o = &Options{}
	}
	s := &Store{book: book, now: o.Now, log: o.Logger, scopes: map[string]*scope{}, kicked: make(chan struct{}, 1)}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.term = term{shared: book.Shared(), hold: holdAlone, fresh: holdAlone}
	if s.term.shared {
		s.term.hold, s.term.fresh = holdShared, freshFor
	}
	return s
}

// Close reports everything and gives back what was not used.
func (s *Store) Close() error {
	s.stop()
	s.running.Wait()
	return s.closed
}

// Take implements quota.Store.
func (s *Store) Take(ctx context.Context, scope string, budgets []quota.Budget) (quota.Slot, time.Duration, error) {
	return s.scope(scope).take(ctx, budgets)
}

// Pause implements quota.Store.
func (s *Store) Pause(_ context.Context, scope string, d time.Duration) {
	s.scope(scope).pause(d)
	select {
	case s.kicked <- struct{}{}:
	default:
	}
}

func (s *Store) scope(name string) *scope {
	s.mu.Lock()
	defer s.mu.Unlock()
	sc, ok := s.scopes[name]
	if !ok {
		sc = &scope{name: name, store: s, accounts: map[string]*account{}}
		s.scopes[name] = sc
	}
	return sc
}

func (s *Store) all() []*scope {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*scope, 0, len(s.scopes))
	for _, sc := range s.scopes {
		all = append(all, sc)
	}
	return all
}

// run tells the ledger what cannot wait for the next call, and at the end
// everything.
func (s *Store) run(ctx context.Context) {
	ticker := time.NewTicker(tendEach)
	defer ticker.Stop()
	for {
		select {
		case <-s.kicked:
			s.tend(ctx)
		case <-ticker.C:
			s.tend(ctx)
		case <-ctx.Done():
			s.closed = s.leave(ctx)
			return
		}
	}
}

func (s *Store) leave(ctx context.Context) error {
	var errs []error
	for _, sc := range s.all() {
		_, _, err := sc.talk(ctx, errand{leaves: true})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *Store) tend(ctx context.Context) {
	for _, sc := range s.all() {
		if err := sc.tend(ctx); err != nil {
			s.log.WarnContext(ctx, "the vendor's limits could not be shared", "scope", sc.name, "error", err)
		}
	}
}

var _ quota.Store = (*Store)(nil)
