package oidc

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	defaultSourceFailures = 60
	defaultSourceWindow   = time.Minute
	// maxSources is how many sources are remembered; those that failed longest
	// ago are forgotten first.
	maxSources = 10000
	mostOwed   = 16 // by a bucket
)

// Origin is where a request with a token comes from and where it goes. The
// zero value is an origin of its own: that of requests about which nothing is
// known.
type Origin struct {
	// Source is the address of the caller, as far as it can be believed.
	Source netip.Addr
	// Organization is the organization that the request is for, by id or slug
	// as the caller wrote it. Empty: none.
	Organization string
}

type originKey struct{}

// WithOrigin returns a context that tells [Authenticator.Authenticate] where a
// request comes from: for the limit on failing tokens of one source, and for
// the way of an opaque token to its issuer.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

func originOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// source is who counts as one: an IPv4 address, or the /64 of an IPv6 address,
// which is what one customer of a network gets at least (RFC 6177).
type source netip.Prefix

func sourceOf(a netip.Addr) source {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	prefix, err := a.Prefix(bits)
	if err != nil {
		return source{} // no address: they all count as one
	}
	return source(prefix)
}

// bucket is a budget of failures that fills up again over time.
type bucket struct {
	left float64
	at   time.Time
}

// fill brings a bucket up to date: full at first, and size more in each window.
func (b *bucket) fill(size int, window time.Duration, now time.Time) {
	if b.at.IsZero() {
		b.left = float64(size)
	} else if passed := now.Sub(b.at); passed > 0 {
		b.left = min(float64(size), b.left+float64(size)*float64(passed)/float64(window))
	} else {
		return
	}
	b.at = now
}

// empty reports whether there is nothing left to spend.
func (b *bucket) empty() bool { return b.left < 1 }

// spend takes one out. What was under way as the bucket ran empty is owed, or
// each drop that fills it would let that many through again.
func (b *bucket) spend() { b.left = max(-mostOwed, b.left-1) }

// sources counts the failing tokens of each source for which an issuer had to
// be asked, or would have had to be.
type sources struct {
	failures int // negative: no limit
	window   time.Duration
	now      func() time.Time

	mu      sync.Mutex
	buckets *simplelru.LRU[source, *bucket]
}

func newSources(failures int, window time.Duration, now func() time.Time) (*sources, error) {
	if failures == 0 {
		failures = defaultSourceFailures
	}
	if window <= 0 {
		window = defaultSourceWindow
	}
	buckets, err := simplelru.NewLRU[source, *bucket](maxSources, nil)
	return &sources{failures: failures, window: window, now: now, buckets: buckets}, err
}

// allows reports whether an issuer may be asked because of a token from here.
func (s *sources) allows(from source) bool {
	if s.failures < 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.buckets.Get(from)
	if !ok {
		return true
	}
	b.fill(s.failures, s.window, s.now())
	return !b.empty()
}

// failed counts one failing token.
func (s *sources) failed(from source) {
	if s.failures < 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.buckets.Get(from)
	if !ok {
		b = &bucket{}
		s.buckets.Add(from, b)
	}
	b.fill(s.failures, s.window, s.now())
	b.spend()
}
