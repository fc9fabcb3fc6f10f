package oidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// warmers is how many issuers are asked for their keys at once at the start.
const warmers = 16

// Options are optional; a nil *Options means all defaults.
type Options struct {
	// Trust lists, for an issuer's name, the connections that trust it. An
	// organization claim resolves in these alone; none: it resolves nowhere.
	Trust map[string][]string
	// HTTP fetches discovery documents and key sets. Its redirect policy and
	// cookie jar are not used. Default: a client of its own, without
	// environment proxies.
	HTTP *http.Client
	// Timeout bounds one fetch. Default 10 s.
	Timeout time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger gets a warning for each fetch of keys that went wrong. Default: none.
	Logger *slog.Logger
	// Metrics is where counters are registered. Default: nowhere.
	Metrics prometheus.Registerer
	// CacheSize is how many verified tokens are remembered, and how many opaque
	// ones that were refused, and that were good before. Default 10000.
	CacheSize int
	// Connection returns the name of the connection that an organization, by id
	// or slug, lives in; "" if there is none. Opaque tokens that several issuers
	// could have issued go to the one it trusts. Default: they are refused.
	Connection func(ctx context.Context, organization string) string
	// SourceFailures is how many failing tokens that an issuer must be asked
	// about one source may present in SourceWindow. Beyond, nobody is asked
	// because of its tokens; those that need no asking, and opaque ones that
	// were good before, are accepted as ever. Default 60; negative: no limit.
	SourceFailures int
	SourceWindow   time.Duration // default 1m
}

// Authenticator verifies bearer tokens. It is safe for concurrent use.
type Authenticator struct {
	issuers []*issuer
	byURL   map[string]*issuer
	memory  *memory
	doubts  *doubts
	sources *sources
	routes  *routes
	metrics *metrics
	fetcher *fetcher
	now     func() time.Time

	closing chan struct{}
	closer  sync.Once
	warming sync.WaitGroup
}

// New makes an Authenticator; call Close when done. It waits for no issuer:
// key sets are fetched in the background, and an issuer that cannot be reached
// is a warning in the log and fails its own tokens only, until it is back. An
// error lists every problem of the configuration as *ConfigError.
func New(issuers []IssuerConfig, o *Options) (*Authenticator, error) {
	if err := errors.Join(Validate(issuers)...); err != nil {
		return nil, err
	}
	if o == nil {
		o = &Options{}
	}
	a := &Authenticator{
		byURL:   make(map[string]*issuer, len(issuers)),
		fetcher: newFetcher(o.HTTP, o.Timeout),
		now:     o.Now,
		closing: make(chan struct{}),
	}
	if a.now == nil {
		a.now = time.Now
	}
	logger := o.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	var err error
	if a.memory, err = newMemory(o.CacheSize); err != nil {
		return nil, fmt.Errorf("remembered tokens: %w", err)
	}
	if a.doubts, err = newDoubts(o.CacheSize); err != nil {
		return nil, fmt.Errorf("remembered tokens: %w", err)
	}
	if a.sources, err = newSources(o.SourceFailures, o.SourceWindow, a.now); err != nil {
		return nil, fmt.Errorf("sources of failing tokens: %w", err)
	}
	if a.metrics, err = newMetrics(o.Metrics); err != nil {
		return nil, fmt.Errorf("metrics of the issuers: %w", err)
	}
	prefixes := map[*issuer][]string{}
	for _, c := range issuers {
		i, err := a.open(c.withDefaults(), o.Trust[c.Name], logger)
		if err != nil {
			return nil, fmt.Errorf("issuer %s: %w", c.Name, err)
		}
		a.issuers = append(a.issuers, i)
		if i.keys != nil {
			a.byURL[i.url] = i
		}
		_, prefixes[i] = c.prefixes()
	}
	a.routes = newRoutes(a.issuers, prefixes, o)
	a.warm()
	return a, nil
}

// warm fetches every issuer's keys, some at a time, without waiting for it.
func (a *Authenticator) warm() {
	next := make(chan *issuer, len(a.issuers))
	for _, i := range a.issuers {
		if i.keys != nil {
			next <- i
		}
	}
	close(next)
	for range min(warmers, len(a.issuers)) {
		a.warming.Go(func() {
			for i := range next {
				if f, err := i.keys.start(a.now(), false); err == nil {
					_ = f.wait(lifetime(a.closing)) // the key set logs what went wrong
				}
			}
		})
	}
}

// Authenticate verifies a bearer token (without the word Bearer) and returns
// whose it is. Errors are *identity.Error with code unauthenticated;
// RetryAfter is set when the issuer's keys are not to be had right now.
func (a *Authenticator) Authenticate(ctx context.Context, bearer string) (*Principal, error) {
	if len(bearer) > maxToken {
		refused := refuse(reasonTooLong, "the token has %d bytes", len(bearer))
		a.metrics.verified("", string(refused.reason))
		return nil, refused.identity()
	}
	if a.routes.opaque(bearer) {
		return a.introspect(ctx, bearer)
	}
	key, now := keyOf(bearer), a.now()
	r, ok := a.memory.find(key, now)
	if ok {
		r.issuer.counters.hits.Inc()
		return r.principal.bearing(bearer), nil
	}
	from := sourceOf(originOf(ctx).Source)
	r, name, refused := a.verify(ctx, bearer, now, from)
	if refused != nil {
		// One token that is tried again and again counts once in a while.
		if refused.reason == reasonUnknownKey && a.doubts.refusal(key, now) == nil {
			a.doubts.refuse(key, refused, now)
			a.sources.failed(from)
		}
		a.metrics.verified(name, string(refused.reason))
		return nil, refused.identity()
	}
	a.metrics.verified(name, outcomeAccepted)
	a.memory.add(key, r, now)
	return r.principal.bearing(bearer), nil
}

// verify does the whole work for a token that is not remembered. It also
// returns the issuer's configured name, if it got that far.
func (a *Authenticator) verify(ctx context.Context, bearer string, now time.Time, from source) (*remembered, string, *refusal) {
	t, refused := parseToken(bearer)
	if refused != nil {
		return nil, "", refused
	}
	iss, _ := t.claims["iss"].(string)
	i, ok := a.byURL[iss]
	if !ok {
		return nil, "", refuse(reasonUnknownIssuer, "issuer %s is not configured", cut(iss))
	}
	if refused := i.policy.check(t, now); refused != nil {
		return nil, i.name, refused
	}
	key, generation, refused := i.keys.find(ctx, t.header.kid, t.header.alg, a.sources.allows(from))
	if refused != nil {
		return nil, i.name, refused
	}
	if err := i.verify(ctx, t, key); err != nil {
		return nil, i.name, refuse(reasonSignature, "%w", err)
	}
	i.keys.used()
	expires, err := numericDate(t.claims, "exp")
	if err != nil {
		return nil, i.name, refuse(reasonClaims, "exp: %w", err)
	}
	return &remembered{principal: i.mapping.principal(t.claims, expires), issuer: i, generation: generation}, i.name, nil
}

// Issuers returns how each issuer stands, in the order of the configuration.
func (a *Authenticator) Issuers() []IssuerStatus {
	all := make([]IssuerStatus, 0, len(a.issuers))
	for _, i := range a.issuers {
		all = append(all, i.status())
	}
	return all
}

// Close ends background work and waits for it. Tokens presented afterwards are
// refused unless keys are at hand. It may be called more than once.
func (a *Authenticator) Close() error {
	a.closer.Do(func() { close(a.closing) })
	a.warming.Wait()
	for _, i := range a.issuers {
		if i.inquiries != nil {
			i.inquiries.close()
		}
		if i.keys != nil {
			i.keys.close()
		}
	}
	a.fetcher.close()
	return nil
}
