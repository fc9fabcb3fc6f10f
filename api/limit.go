package api

import (
	"crypto/sha256"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"usher/identity"
)

// The fields of draft-ietf-httpapi-ratelimit-headers-10, structured as RFC
// 9651 has it.
const (
	headerPolicy = "RateLimit-Policy"
	headerLimit  = "RateLimit"
)

// maxPrincipals is how many principals' buckets are kept. The one that was
// quiet for longest goes first; its bucket has most likely filled up again, and
// a full one is what it gets when it comes back.
const maxPrincipals = 10_000

// RateLimit is how many requests one principal may make: Burst at once, and
// PerMinute in the long run. A PerMinute of 0 sets no limit.
type RateLimit struct {
	PerMinute int
	Burst     int // 0: PerMinute
}

// limiter holds one token bucket for each principal. It may be used
// concurrently; nil limits nobody.
type limiter struct {
	rate    rate.Limit
	burst   int
	policy  string // as RateLimit-Policy has it
	buckets *lru.Cache[[sha256.Size]byte, *rate.Limiter]
}

func newLimiter(l RateLimit) (*limiter, error) {
	if l.PerMinute <= 0 {
		return nil, nil
	}
	if l.Burst <= 0 {
		l.Burst = l.PerMinute
	}
	buckets, err := lru.New[[sha256.Size]byte, *rate.Limiter](maxPrincipals)
	if err != nil {
		return nil, fmt.Errorf("api: remember principals: %w", err)
	}
	perSecond := rate.Limit(float64(l.PerMinute) / time.Minute.Seconds())
	window := ceilSeconds(float64(l.Burst) / float64(perSecond))
	return &limiter{
		rate: perSecond, burst: l.Burst, buckets: buckets,
		policy: fmt.Sprintf(`"default";q=%d;w=%d`, l.Burst, window),
	}, nil
}

// bucket returns somebody's bucket; a new one is full. The key is a hash, so
// that long subjects take no more room than short ones.
func (l *limiter) bucket(who string) *rate.Limiter {
	key := sha256.Sum256([]byte(who))
	if b, ok := l.buckets.Get(key); ok {
		return b
	}
	b := rate.NewLimiter(l.rate, l.burst)
	if known, ok, _ := l.buckets.PeekOrAdd(key, b); ok {
		return known
	}
	return b
}

// whose names the bucket of a request: its principal's, or that of the source
// of a request that nobody's token came with.
func (a *API) whose(r *http.Request) string {
	if p := requestOf(r.Context()).principal; p != nil {
		return p.Issuer + "\x00" + p.Subject
	}
	source := a.source(r)
	if source.Is6() { // one subscriber's
		if network, err := source.Prefix(64); err == nil {
			source = network.Addr()
		}
	}
	return "\x00" + source.String()
}

// take takes one request out of somebody's bucket. It returns how many
// whole requests are left, and after how many seconds there is one more.
func (l *limiter) take(who string, now time.Time) (ok bool, left, next int) {
	b := l.bucket(who)
	ok = b.AllowN(now, 1)
	tokens := max(0, b.TokensAt(now))
	whole := math.Floor(tokens)
	return ok, int(whole), ceilSeconds((whole + 1 - tokens) / float64(l.rate))
}

// ceilSeconds rounds up to whole seconds, and never down to none.
func ceilSeconds(s float64) int { return max(1, int(math.Ceil(s))) }

// limit holds the caller to its rate, whatever it asks for. Its headers are
// set on the answer itself, so that every answer from here on has them.
func (a *API) limit(x *exchange, _ route, c *call) error {
	err := a.spend(humagin.Unwrap(x).Request, x.humaContext.SetHeader)
	c.admitted = err == nil
	return err
}

// spend takes a request out of its bucket and tells, by the answer's headers,
// where that stands. An error means that it is empty.
func (a *API) spend(r *http.Request, set func(name, value string)) error {
	if a.limiter == nil {
		return nil
	}
	ok, left, next := a.limiter.take(a.whose(r), a.now())
	set(headerPolicy, a.limiter.policy)
	set(headerLimit, `"default";r=`+strconv.Itoa(left)+";t="+strconv.Itoa(next))
	if ok {
		return nil
	}
	return &identity.Error{
		Code: identity.CodeRateLimited, Detail: "Too many requests come from the same caller.",
		RetryAfter: time.Duration(next) * time.Second,
	}
}
