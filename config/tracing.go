package config

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"usher/internal/loopback"
)

// variableEndpoint is the OpenTelemetry specification's name for the base URL
// of a collector.
const variableEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"

// tracing takes the endpoint from the environment where the section is absent,
// and checks what there is.
func (d *decoder) tracing(c *Config) {
	at := "tracing.endpoint"
	if endpoint, _ := d.options.lookup(variableEndpoint); c.Tracing == nil && endpoint != "" {
		c.Tracing, at = &Tracing{Endpoint: endpoint, SampleRatio: 1}, variableEndpoint
	}
	t := c.Tracing
	if t == nil {
		return
	}
	if why := t.badEndpoint(); why != "" {
		d.once(at, "%s", why)
	}
	if !(t.SampleRatio >= 0 && t.SampleRatio <= 1) {
		d.once("tracing.sample_ratio", "must be from 0 to 1")
	}
	for _, name := range slices.Sorted(maps.Keys(t.Headers)) {
		if !httpguts.ValidHeaderFieldName(name) {
			d.once("tracing.headers", "%q is not the name of a header", name)
		}
		if !httpguts.ValidHeaderFieldValue(t.Headers[name].Reveal()) {
			d.once(join("tracing.headers", name), "holds what a header cannot hold")
		}
	}
}

// badEndpoint says what is wrong with the endpoint, or "". Spans hold no
// secret, so a collector in the same network may be reached without TLS; what
// the headers hold is a secret.
func (t *Tracing) badEndpoint() string {
	if t.Endpoint == "" {
		return ""
	}
	u, err := url.Parse(t.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || u.Scheme != "http" && u.Scheme != "https":
		return "must be an absolute URL, http or https"
	case u.User != nil:
		return "must not hold credentials: put them into headers"
	case strings.ContainsAny(t.Endpoint, "?#"):
		return "must not have a query or a fragment"
	case u.Scheme == "http" && len(t.Headers) > 0 && !loopback.Is(u.Hostname()):
		return "must be https where headers are sent, or http on loopback"
	default:
		return ""
	}
}
