package providers

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/identity"
	"usher/internal/httpx"
	"usher/internal/quota"
)

// Metrics counts and times what happens on all connections. Its labels name
// connections, scopes and classes, never an organization or an e-mail address.
// A nil *Metrics measures nothing.
type Metrics struct {
	operations  *prometheus.HistogramVec
	breakers    *prometheus.GaugeVec
	repetitions *prometheus.CounterVec
	limits      *prometheus.GaugeVec
	calls       *prometheus.CounterVec
	waits       *prometheus.HistogramVec
	waiting     *prometheus.GaugeVec
	pauses      *prometheus.GaugeVec
}

// NewMetrics registers the metrics with r.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		operations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "usher_provider_operation_seconds",
			Help:    "Time an operation on a connection took, retries included, by problem code (ok if none).",
			Buckets: []float64{.005, .025, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"connection", "operation", "code"}),
		breakers:    gauge("usher_provider_breaker_state", "The connection's circuit breaker: 0 closed, 1 half-open, 2 open.", "connection"),
		repetitions: counter("usher_provider_repetitions_total", "Repetitions of single calls: sent, or withheld because too many were repeated.", "connection", "outcome"),
		limits:      gauge("usher_vendor_limit_calls", "How many calls the vendor allows in a window; 0: not limited.", "scope", "class"),
		calls:       counter("usher_vendor_calls_total", "Calls that were let through, by the classes the vendor counts them in.", "scope", "class"),
		waits: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "usher_vendor_wait_seconds",
			Help:    "Time a call waited for its turn under the vendor's limits: passed, or refused.",
			Buckets: []float64{.001, .01, .1, .5, 1, 2.5, 5, 10, 30},
		}, []string{"scope", "outcome"}),
		waiting: gauge("usher_vendor_waiting", "Calls that wait for their turn now.", "scope"),
		pauses:  gauge("usher_vendor_paused_until_timestamp_seconds", "When the vendor's last refusal is over.", "scope"),
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.operations, m.breakers, m.repetitions, m.limits, m.calls, m.waits, m.waiting, m.pauses} {
		errs = append(errs, r.Register(c))
	}
	return m, errors.Join(errs...)
}

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func (m *Metrics) observe(connection, op string, code identity.Code, d time.Duration) {
	if m == nil {
		return
	}
	label := string(code)
	if label == "" {
		label = "ok"
	}
	m.operations.WithLabelValues(connection, op, label).Observe(d.Seconds())
}

func (m *Metrics) breaker(connection string, s httpx.BreakerState) {
	if m != nil {
		m.breakers.WithLabelValues(connection).Set(float64(s))
	}
}

func (m *Metrics) repetition(connection string, allowed bool) {
	if m != nil {
		m.repetitions.WithLabelValues(connection, outcome(allowed, "sent", "withheld")).Inc()
	}
}

// Limited implements quota.Observer.
func (m *Metrics) Limited(scope, class string, l quota.Limit) {
	m.limits.WithLabelValues(scope, class).Set(float64(l.Calls))
}

// Passed implements quota.Observer.
func (m *Metrics) Passed(scope, class string) { m.calls.WithLabelValues(scope, class).Inc() }

// Waited implements quota.Observer.
func (m *Metrics) Waited(scope string, d time.Duration, passed bool) {
	m.waits.WithLabelValues(scope, outcome(passed, "passed", "refused")).Observe(d.Seconds())
}

// Waiting implements quota.Observer.
func (m *Metrics) Waiting(scope string, n int) { m.waiting.WithLabelValues(scope).Set(float64(n)) }

// Paused implements quota.Observer.
func (m *Metrics) Paused(scope string, until time.Time) {
	m.pauses.WithLabelValues(scope).Set(float64(until.UnixMilli()) / 1000)
}

func outcome(yes bool, ifYes, ifNo string) string {
	if yes {
		return ifYes
	}
	return ifNo
}

var _ quota.Observer = (*Metrics)(nil)
