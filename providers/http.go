package providers

import (
	"time"

	"usher/internal/httpx"
	"usher/internal/quota"
)

// Limited is implemented by the settings of a provider whose vendor limits how
// often it may be called. Configuration may override the limits by class.
type Limited interface {
	// Quotas declares the limits. It is called on valid settings.
	Quotas() quota.Declaration
}

// HTTPOptions is what an adapter chooses about its calls.
type HTTPOptions struct {
	Timeout time.Duration     // of one try; 0: httpx's default
	Quotas  quota.Declaration // the zero value: no limits
}

// HTTP returns what an adapter makes its calls with: over the transport of the
// process, within the vendor's limits, with the connection's own circuit
// breaker and budget of repetitions. An adapter calls it once.
func (d Deps) HTTP(o HTTPOptions) (*httpx.Client, error) {
	now := d.Now
	if now == nil {
		now = time.Now
	}
	var limiter *quota.Limiter
	if d.Quotas != nil {
		var err error
		if limiter, err = d.Quotas.Open(d.Connection, o.Quotas, d.Limits, d.LimitWait); err != nil {
			return nil, err
		}
	}
	d.Metrics.breaker(d.Connection, httpx.BreakerClosed)
	return httpx.New(&httpx.Options{
		Transport: d.Transport, Timeout: o.Timeout, Now: now, Sleep: d.Sleep, Jitter: d.Jitter, Limiter: limiter,
		Breaker: httpx.NewBreaker(&httpx.BreakerOptions{
			Now: now, Jitter: d.Jitter, Changed: func(s httpx.BreakerState) { d.Metrics.breaker(d.Connection, s) },
		}),
		Repeats: httpx.NewRepeats(now, func(allowed bool) { d.Metrics.repetition(d.Connection, allowed) }),
	}), nil
}
