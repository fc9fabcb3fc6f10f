package providers

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/identity"
)

// Metrics counts and times operations of all connections. A nil *Metrics
// measures nothing.
type Metrics struct {
	operations *prometheus.HistogramVec
}

// NewMetrics registers the metrics with r.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{operations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "usher_provider_operation_seconds",
		Help:    "Time an operation on a connection took, retries included, by problem code (ok if none).",
		Buckets: []float64{.005, .025, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"connection", "operation", "code"})}
	return m, r.Register(m.operations)
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
