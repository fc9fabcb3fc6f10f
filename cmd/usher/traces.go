package main

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"usher/internal/telemetry"
)

// openTraces begins to trace, where the configuration or the environment names
// a collector.
func (g *gateway) openTraces(ctx context.Context, registry prometheus.Registerer) (err error) {
	c := g.config.Tracing
	if c == nil {
		return nil
	}
	headers := map[string]string{}
	for name, value := range c.Headers {
		headers[name] = value.Reveal()
	}
	if g.traces, err = telemetry.Open(ctx, telemetry.Options{
		Endpoint: c.Endpoint, SampleRatio: c.SampleRatio, Headers: headers,
		Version: programVersion(), Logger: g.log, Registry: registry,
	}); err != nil {
		return err
	}
	g.closers = append(g.closers, func() error { return g.traces.Close(context.WithoutCancel(ctx)) })
	return nil
}
