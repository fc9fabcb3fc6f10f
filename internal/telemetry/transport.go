package telemetry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// transport makes a client span for each call. Its attributes are those of the
// OpenTelemetry semantic conventions for HTTP, but for url.full: addresses hold
// ids, filters and secrets.
type transport struct {
	tracer               trace.Tracer
	connection, provider string
	base                 http.RoundTripper
}

// RoundTrip implements http.RoundTripper. The span lasts until the answer's
// body has been read or closed. The request is passed on as it is, without a
// traceparent.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	_, span := t.tracer.Start(r.Context(), r.Method+" "+t.provider, trace.WithSpanKind(trace.SpanKindClient))
	if !span.IsRecording() {
		return t.base.RoundTrip(r)
	}
	span.SetAttributes(
		attribute.String("http.request.method", r.Method), attribute.String("server.address", r.URL.Hostname()),
		attribute.String("usher.connection", t.connection), attribute.String("usher.provider", t.provider),
	)
	if port, err := strconv.Atoi(r.URL.Port()); err == nil {
		span.SetAttributes(attribute.Int("server.port", port))
	}
	answer, err := t.base.RoundTrip(r)
	if err != nil {
		fail(span, errorType(err))
		span.End()
		return answer, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", answer.StatusCode))
	if answer.StatusCode >= http.StatusBadRequest {
		fail(span, strconv.Itoa(answer.StatusCode))
	}
	answer.Body = &body{ReadCloser: answer.Body, end: sync.OnceFunc(func() { span.End() })}
	return answer, nil
}

func fail(span trace.Span, kind string) {
	span.SetAttributes(attribute.String("error.type", kind))
	span.SetStatus(codes.Error, "")
}

// errorType names the kind of an error; its text may quote the address.
func errorType(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	default:
		return "connection"
	}
}

// body ends a span when it has been read or closed.
type body struct {
	io.ReadCloser
	end func()
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end()
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
