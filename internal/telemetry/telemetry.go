package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// How spans are batched. A full queue drops spans and holds up nobody.
const (
	queueSize     = 2048
	batchSize     = 512
	batchDelay    = 5 * time.Second
	uploadTimeout = 10 * time.Second
	flushTime     = 5 * time.Second // the longest that Close takes
)

// instrumentation names what makes the spans.
const instrumentation = "usher"

// Options configures Open.
type Options struct {
	// Endpoint is the base URL of the collector; /v1/traces is added. Empty:
	// nothing is traced.
	Endpoint string
	// SampleRatio is the share of traces begun here that are kept, 0 to 1.
	SampleRatio float64
	Headers     map[string]string // for the collector
	Version     string            // of the program
	Logger      *slog.Logger      // nil: slog.Default
	// Registry is where the counter of lost spans is registered; nil: nowhere.
	Registry prometheus.Registerer
	// After waits between two tries of an upload; nil: time.After.
	After func(time.Duration) <-chan time.Time
}

// Traces makes spans and sends them. It is safe for concurrent use; nil makes
// none.
type Traces struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// Open returns Traces, or nil where there is no endpoint. It makes no call: a
// collector that cannot be reached is a warning in the log, and its spans are
// lost. Close it when done.
func Open(ctx context.Context, o Options) (*Traces, error) {
	if o.Endpoint == "" {
		return nil, nil
	}
	u, err := newUploader(o)
	if err != nil {
		return nil, err
	}
	exporter, err := otlptrace.New(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter, sdk.WithMaxQueueSize(queueSize), sdk.WithMaxExportBatchSize(batchSize),
			sdk.WithBatchTimeout(batchDelay), sdk.WithExportTimeout(uploadTimeout)),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(o.SampleRatio))),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "usher"), attribute.String("service.version", o.Version))),
	)
	return &Traces{provider: provider, tracer: provider.Tracer(instrumentation)}, nil
}

// Tracer makes spans; nil where nothing is traced.
func (t *Traces) Tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.tracer
}

// Transport returns a transport that makes one client span for each call, or
// base itself where nothing is traced.
func (t *Traces) Transport(connection, provider string, base http.RoundTripper) http.RoundTripper {
	if t == nil {
		return base
	}
	return &transport{tracer: t.tracer, connection: connection, provider: provider, base: base}
}

// Close sends what has not been sent, until ctx ends or five seconds have
// passed, and ends. It may be called again.
func (t *Traces) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}
