package oidc

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts for all issuers. Its issuer label is a configured name, or
// empty for tokens of no configured issuer: a caller cannot make labels.
type metrics struct {
	verifications *prometheus.CounterVec
	refreshes     *prometheus.CounterVec
	hits          *prometheus.CounterVec
	inquiries     *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		verifications: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_token_verifications_total",
			Help: "Bearer tokens that were verified rather than remembered, by outcome.",
		}, []string{"issuer", "outcome"}),
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_issuer_key_refreshes_total",
			Help: "Fetches of an issuer's key set, by outcome.",
		}, []string{"issuer", "outcome"}),
		hits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_token_cache_hits_total",
			Help: "Bearer tokens that were remembered.",
		}, []string{"issuer"}),
		inquiries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_issuer_introspections_total",
			Help: "Requests about an opaque token, by outcome.",
		}, []string{"issuer", "outcome"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.verifications, m.refreshes, m.hits, m.inquiries} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) verified(issuer, outcome string) {
	m.verifications.WithLabelValues(issuer, outcome).Inc()
}

// issuerCounters are one issuer's.
type issuerCounters struct {
	name    string
	metrics *metrics
	hits    prometheus.Counter
}

func (m *metrics) issuer(name string) *issuerCounters {
	return &issuerCounters{name: name, metrics: m, hits: m.hits.WithLabelValues(name)}
}

func (c *issuerCounters) refreshed(outcome string) {
	c.metrics.refreshes.WithLabelValues(c.name, outcome).Inc()
}

func (c *issuerCounters) introspected(outcome string) {
	c.metrics.inquiries.WithLabelValues(c.name, outcome).Inc()
}
