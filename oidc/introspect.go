package oidc

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	introspectFor         = 30 * time.Second // how long a good answer is remembered
	knownFor              = time.Hour        // how long a token without exp counts as good before
	refuseFor             = 10 * time.Second // how long a bad one is
	defaultInquiryTime    = 5 * time.Second
	defaultInquiries      = 16
	defaultInquiryFails   = 300 // a minute
	inquiryWindow         = time.Minute
	maxAsking             = 1024 // inquiries that may be waited for at once
	troublesBeforePausing = 3
)

// introspector asks one issuer about opaque tokens. Of its requests under way a
// quarter is kept for tokens that were good before, and these are asked about
// whatever the budget for failures says: a flood of bad tokens shuts nobody out
// who was in.
type introspector struct {
	name     string
	asker    asker
	believed func() // called when a token was accepted; nil: nobody wants to know
	timeout  time.Duration
	failures int // budget for all sources together, in each inquiryWindow
	sources  *sources
	memory   *memory
	admit    func(claims map[string]any, now time.Time) (*remembered, *refusal)
	now      func() time.Time
	logger   *slog.Logger
	counters *issuerCounters

	fresh, known chan struct{} // slots of the requests under way
	closing      chan struct{}
	flights      sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	asking   map[tokenKey]*inquiry
	budget   bucket
	troubles int       // requests without a trustworthy answer, in a row
	retryAt  time.Time // until then nothing new is asked
	probing  bool      // and after it one question at a time, until one is answered
	tried    bool
	trouble  string // the class of the last request's failure
}

// question is a token to ask about.
type question struct {
	key   tokenKey
	token string
	from  source
	known bool // it was good before
}

// inquiry is one question under way, which any number of callers wait for.
type inquiry struct {
	done    chan struct{}
	found   *remembered // read these two after done
	refused *refusal
}

var (
	errBusy    = errors.New("too many tokens are being asked about")
	errTrouble = errors.New("the issuer could not be asked a moment ago")
	errFlood   = errors.New("too many tokens have failed")
)

func newIntrospector(by asker, timeout time.Duration, concurrency, failures int) *introspector {
	n := &introspector{asker: by, timeout: timeout, failures: failures, closing: make(chan struct{}), asking: map[tokenKey]*inquiry{}}
	n.known = make(chan struct{}, max(1, concurrency/4))
	n.fresh = make(chan struct{}, max(1, concurrency-cap(n.known)))
	return n
}

// ask returns what a token is good for. Callers with the same token wait for
// the same request, which goes on when they leave.
func (n *introspector) ask(ctx context.Context, q question) (*remembered, *refusal) {
	for {
		under, ours, refused := n.start(q)
		if refused != nil {
			return nil, refused
		}
		select {
		case <-under.done:
		case <-ctx.Done():
			return nil, n.unavailable(ctx.Err())
		}
		if under.refused == nil || ours || !errors.Is(under.refused, errSource) {
			return under.found, under.refused
		}
		// Somebody else's source is over its limit. Ours may not be.
	}
}

// start begins an inquiry or joins the one under way.
func (n *introspector) start(q question) (under *inquiry, ours bool, refused *refusal) {
	limit := maxAsking
	if !q.known {
		limit /= 2
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if under, ok := n.asking[q.key]; ok {
		return under, false, nil
	}
	if found, ok := n.memory.find(q.key, n.now()); ok { // answered since the caller looked
		return answeredAlready(found), false, nil
	}
	switch {
	case n.closed:
		return nil, false, refuse(reasonIssuerUnavailable, "issuer %s: %w", n.name, errClosed)
	case len(n.asking) >= limit:
		return nil, false, refuse(reasonIssuerUnavailable, "issuer %s: %w", n.name, errBusy)
	}
	if refused := n.admits(q); refused != nil {
		return nil, false, refused
	}
	under = &inquiry{done: make(chan struct{})}
	n.asking[q.key] = under
	n.flights.Add(1)
	go n.fly(q, under)
	return under, true, nil
}

// answeredAlready is an inquiry that is over.
func answeredAlready(found *remembered) *inquiry {
	done := make(chan struct{})
	close(done)
	return &inquiry{done: done, found: found}
}

// admits reports why a question may not be asked now. n.mu is held.
func (n *introspector) admits(q question) *refusal {
	if q.known {
		return nil
	}
	now := n.now()
	n.budget.fill(n.failures, inquiryWindow, now)
	switch {
	case now.Before(n.retryAt) || n.probing:
		r := refuse(reasonIssuerUnavailable, "issuer %s: %w", n.name, errTrouble)
		if r.retry = n.retryAt.Sub(now); r.retry <= 0 {
			r.retry = backoffFirst
		}
		return r
	case !n.sources.allows(q.from):
		return refuse(reasonTooManyFailures, "issuer %s: %w", n.name, errSource)
	case n.budget.empty():
		return refuse(reasonTooManyFailures, "issuer %s: %w", n.name, errFlood)
	default:
		return nil
	}
}

func (n *introspector) fly(q question, under *inquiry) {
	defer n.flights.Done()
	found, refused := n.carryOut(q)
	if refused == nil {
		own := *found
		n.memory.add(q.key, &own, n.now())
	}
	n.mu.Lock()
	delete(n.asking, q.key)
	n.mu.Unlock()
	under.found, under.refused = found, refused
	close(under.done)
}

func (n *introspector) carryOut(q question) (*remembered, *refusal) {
	release, err := n.slot(q.known)
	if err != nil {
		return nil, n.unavailable(err)
	}
	defer release()
	n.mu.Lock()
	refused := n.admits(q) // again: others have failed while this one waited
	probe := refused == nil && !q.known && n.troubles >= troublesBeforePausing
	n.probing = n.probing || probe
	n.mu.Unlock()
	if refused != nil {
		return nil, refused
	}
	if probe {
		defer n.probed()
	}
	ctx, cancel := context.WithTimeout(lifetime(n.closing), n.timeout)
	defer cancel()
	claims, err := n.asker.ask(ctx, q.token)
	if err != nil {
		return nil, n.failed(q, err)
	}
	now := n.now()
	found, refused := n.admit(claims, now)
	// An answer that is past its exp, within the leeway, cannot be remembered:
	// it must not be had for nothing either.
	n.answered(q, refused, refused != nil || !now.Before(found.principal.Expires))
	return found, refused
}

// probed ends the one question that is asked after a pause.
func (n *introspector) probed() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.probing = false
}

// slot waits for the right to one request, as long as the request itself may
// take.
func (n *introspector) slot(known bool) (release func(), err error) {
	ctx, cancel := context.WithTimeout(lifetime(n.closing), n.timeout)
	defer cancel()
	reserved := n.known
	if !known {
		reserved = nil // a nil channel is never ready
	}
	select {
	case n.fresh <- struct{}{}:
		return func() { <-n.fresh }, nil
	case reserved <- struct{}{}:
		return func() { <-n.known }, nil
	case <-ctx.Done():
		return nil, errBusy
	}
}

// answered records that the issuer said what a token is, and whether that
// counts against the limits.
func (n *introspector) answered(q question, refused *refusal, counts bool) {
	outcome := outcomeAccepted
	if refused != nil {
		outcome = string(refused.reason)
	}
	n.counters.introspected(outcome)
	n.mu.Lock()
	if n.troubles >= troublesBeforePausing {
		n.logger.Info("the issuer can be asked about tokens again", "issuer", n.name)
	}
	n.troubles, n.retryAt, n.tried, n.trouble = 0, time.Time{}, true, ""
	if counts {
		n.budget.spend()
	}
	n.mu.Unlock()
	if counts {
		n.sources.failed(q.from)
	}
	if refused == nil && n.believed != nil {
		n.believed()
	}
}

// failed records that there was no answer about a token, and says what to make
// of it. A single bad token must not be able to stop all asking, so a pause
// needs several failures in a row, and a status that blames the request is the
// token's own.
func (n *introspector) failed(q question, err error) *refusal {
	var f *fetchError
	if errors.As(err, &f) && f.blamesRequest() {
		refused := refuse(reasonInactive, "issuer %s: %w", n.name, err)
		n.logger.Warn("the issuer takes exception to a token it was asked about", "issuer", n.name, "error", err)
		n.answered(q, refused, true)
		return refused
	}
	class := classOf(err)
	n.counters.introspected(class)
	n.mu.Lock()
	now := n.now()
	n.tried, n.trouble = true, class
	paused, pause := now.Before(n.retryAt), backoffFirst
	if !paused { // what was under way when the pause began does not make it longer
		n.troubles++
		if over := n.troubles - troublesBeforePausing; over >= 0 || f.wait() > 0 {
			pause = max(f.wait(), min(backoffFirst<<min(max(over, 0), 10), backoffLast))
			n.retryAt = now.Add(pause)
		}
	}
	closed := n.closed
	n.mu.Unlock()
	if !paused && !closed {
		n.logger.Warn("the issuer cannot be asked about tokens: those that are not remembered are refused",
			"issuer", n.name, "class", class, "error", err, "retry_after", pause)
	}
	refused := n.unavailable(err)
	refused.retry = max(refused.retry, pause)
	return refused
}

// unavailable is the refusal of a token that nobody could be asked about.
func (n *introspector) unavailable(err error) *refusal {
	r := refuse(reasonIssuerUnavailable, "ask issuer %s: %w", n.name, err)
	n.mu.Lock()
	defer n.mu.Unlock()
	r.retry = max(0, n.retryAt.Sub(n.now()))
	return r
}

// status reports how the issuer stands; the caller adds the names.
func (n *introspector) status() IssuerStatus {
	n.mu.Lock()
	defer n.mu.Unlock()
	return IssuerStatus{Reachable: n.tried && n.trouble == "", LastError: n.trouble}
}

// close ends the requests under way and waits for them.
func (n *introspector) close() {
	n.mu.Lock()
	first := !n.closed
	n.closed = true
	n.mu.Unlock()
	if first {
		close(n.closing)
	}
	n.flights.Wait()
}
