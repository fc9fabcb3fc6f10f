package oidc

import (
	"context"
	"crypto"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	keysStale    = 10 * time.Minute // when keys in use are fetched again
	keysExpire   = 24 * time.Hour   // when keys that cannot be fetched again stop counting
	rediscover   = 24 * time.Hour   // when discovery is asked again where the keys are
	keyCooldown  = 30 * time.Second // between two fetches for an unknown kid
	keysFlooded  = 2 * time.Minute  // when they are, for one from a source over its limit
	backoffFirst = time.Second      // pause after the first failed fetch; doubles
	backoffLast  = 30 * time.Second
)

// keys are an issuer's usable keys as of one fetch. They do not change.
type keys struct {
	list        []jose.JSONWebKey
	at          time.Time // when the fetch began
	generation  uint64    // grows whenever the keys differ from those before
	fingerprint string
}

// pick returns the key for a kid and an algorithm. A token without kid is good
// for the only key that fits.
func (k *keys) pick(kid, alg string) crypto.PublicKey {
	var found crypto.PublicKey
	for i := range k.list {
		key := &k.list[i]
		if kid != "" && key.KeyID != kid || !fits(alg, key) {
			continue
		}
		if found != nil {
			return nil
		}
		found = key.Key
	}
	return found
}

// keySet keeps one issuer's keys. All its locks are its own, and none is held
// while anything is fetched.
type keySet struct {
	name         string
	issuer       string
	discoveryURL string
	jwksURL      string // configured; empty: discovery says
	algorithms   []string
	fetcher      *fetcher
	now          func() time.Time
	logger       *slog.Logger
	counters     *issuerCounters

	current atomic.Pointer[keys]
	closing chan struct{}
	flights sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	flight    *flight   // the fetch under way
	unknownAt time.Time // when an unknown kid last made us fetch
	failures  int       // fetches that went wrong in a row
	retryAt   time.Time // no fetch before this
	tried     bool
	lastError string

	// Discovery's answer. Only the flight under way touches it.
	discovered   string
	discoveredAt time.Time

	// introspection is discovery's introspection_endpoint; nil: none was said.
	introspection atomic.Pointer[string]
}

// flight is one fetch that any number of callers wait for.
type flight struct {
	done chan struct{}
	err  error // read it after done
}

var (
	errClosed   = errors.New("the authenticator is closed")
	errBackoff  = errors.New("the last fetch failed a moment ago")
	errCooldown = errors.New("the keys were fetched for an unknown kid a moment ago")
	errSource   = errors.New("too many tokens from the same source have failed")
)

// find returns the key to verify a token with, and the generation it belongs
// to. It may wait for a fetch: where there are no keys yet, and for an unknown kid
// if the issuer may be asked because of it and the cool-down allows that.
func (s *keySet) find(ctx context.Context, kid, alg string, mayAsk bool) (crypto.PublicKey, uint64, *refusal) {
	now := s.now()
	current := s.current.Load()
	if current == nil || now.Sub(current.at) >= keysExpire {
		if err := s.fetch(ctx, now, false); err != nil {
			return nil, 0, s.unavailable(err)
		}
		current = s.current.Load()
	}
	if key := current.pick(kid, alg); key != nil {
		return key, current.generation, nil
	}
	unknown := refuse(reasonUnknownKey, "the issuer has no key with kid %s for %s", cut(kid), alg)
	if !current.at.Before(now) {
		return nil, 0, unknown // fetched after the token came
	}
	if !mayAsk {
		s.glance(now, current)
		return nil, 0, refuse(reasonUnknownKey, "%w; not fetched again: %w", unknown.err, errSource)
	}
	if err := s.fetch(ctx, now, true); err != nil {
		return nil, 0, refuse(reasonUnknownKey, "%w; not fetched again: %w", unknown.err, err)
	}
	current = s.current.Load()
	if key := current.pick(kid, alg); key != nil {
		return key, current.generation, nil
	}
	return nil, 0, unknown
}

// fetch begins or joins a fetch and waits for it.
func (s *keySet) fetch(ctx context.Context, now time.Time, unknownKey bool) error {
	f, err := s.start(now, unknownKey)
	if err != nil {
		return err
	}
	return f.wait(ctx)
}

// glance has keys fetched again that are not quite fresh, and waits for nothing. A
// source may be over its limit because the issuer has changed its keys, and then all
// its good tokens are among those that fail: no other token may ever tell us.
func (s *keySet) glance(now time.Time, current *keys) {
	if now.Sub(current.at) >= keysFlooded {
		_, _ = s.start(now, true) // the key set logs what went wrong
	}
}

// used tells that a good token was verified with the keys at hand, which
// serve while they are fetched again once they are old. Tokens that fail do
// not get here.
func (s *keySet) used() {
	if now := s.now(); s.old(now) {
		_, _ = s.start(now, false) // the key set logs what went wrong
	}
}

func (s *keySet) unavailable(err error) *refusal {
	r := refuse(reasonKeysUnavailable, "keys of issuer %s: %w", s.name, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	r.retry = max(0, s.retryAt.Sub(s.now()))
	return r
}

// generation returns the number of the keys in use.
func (s *keySet) generation() uint64 {
	if k := s.current.Load(); k != nil {
		return k.generation
	}
	return 0
}

func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// landed returns a flight that is over.
func landed() *flight {
	f := &flight{done: make(chan struct{})}
	close(f.done)
	return f
}

// old reports whether the keys should be fetched again.
func (s *keySet) old(now time.Time) bool {
	k := s.current.Load()
	return k == nil || now.Sub(k.at) >= keysStale
}

// start begins a fetch or joins the one under way. There is none to begin if
// another caller's brought the keys a moment ago.
func (s *keySet) start(now time.Time, unknownKey bool) (*flight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errClosed
	case s.flight != nil:
		return s.flight, nil
	case !unknownKey && !s.old(now):
		return landed(), nil
	case now.Before(s.retryAt):
		return nil, errBackoff
	case unknownKey && !s.unknownAt.IsZero() && now.Sub(s.unknownAt) < keyCooldown:
		return nil, errCooldown
	}
	if unknownKey {
		s.unknownAt = now
	}
	f := &flight{done: make(chan struct{})}
	s.flight = f
	s.flights.Add(1)
	go s.fly(f, now)
	return f, nil
}

func (s *keySet) fly(f *flight, began time.Time) {
	defer s.flights.Done()
	next, err := s.load(lifetime(s.closing))
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(f.done)
	s.flight, f.err = nil, err
	if err != nil {
		s.failed(err)
		return
	}
	next.at = began
	if old := s.current.Load(); old != nil && old.fingerprint == next.fingerprint {
		next.generation = old.generation
	} else if old != nil {
		next.generation = old.generation + 1
	}
	s.current.Store(next)
	if s.failures > 0 {
		s.logger.Info("the issuer's keys can be had again", "issuer", s.name)
	}
	s.tried, s.failures, s.lastError, s.retryAt = true, 0, "", time.Time{}
	s.counters.refreshed("ok")
}

// failed records a fetch that went wrong. s.mu is held.
func (s *keySet) failed(err error) {
	class := classOf(err)
	s.counters.refreshed(class)
	if s.closed {
		return
	}
	pause := min(backoffFirst<<min(s.failures, 10), backoffLast)
	s.failures++
	s.tried, s.lastError, s.retryAt = true, class, s.now().Add(pause)
	s.logger.Warn("the issuer's keys cannot be had: its tokens are refused unless older keys verify them",
		"issuer", s.name, "class", class, "error", err, "retry_after", pause)
}

// status reports how the issuer stands; the caller adds the names.
func (s *keySet) status() IssuerStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := IssuerStatus{Name: s.name, Issuer: s.issuer, Reachable: s.tried && s.lastError == "", LastError: s.lastError}
	if k := s.current.Load(); k != nil {
		st.KeysAt = k.at
	}
	return st
}

// close ends the fetch under way and waits for it.
func (s *keySet) close() {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		close(s.closing)
	}
	s.flights.Wait()
}
