package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traced makes the server span of a request, named by its route. It stands
// before observe, so that the log line has the trace's id, and is on the engine
// only where there is a tracer. Probes are not traced.
func (a *API) traced(c *gin.Context) {
	route := a.template(c.FullPath())
	if isProbe(route) {
		c.Next()
		return
	}
	r := requestOf(c.Request.Context())
	ctx, span := a.startSpan(c.Request, knownMethod(r.method)+" "+route)
	r.trace = span.SpanContext().TraceID().String()
	c.Request = c.Request.WithContext(ctx)
	defer func() {
		if span.IsRecording() {
			describe(span, r, route, c.Writer.Status())
		}
		span.End()
	}()
	c.Next()
}

// startSpan begins a request's span. Anybody can write a traceparent (W3C
// Trace Context), so unless callers are trusted it is only linked to: it can
// neither choose our trace's id nor what is sampled. A tracestate is never taken.
func (a *API) startSpan(r *http.Request, name string) (context.Context, trace.Span) {
	ctx, options := r.Context(), []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}
	extracted := propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	caller := trace.SpanContextFromContext(extracted).WithTraceState(trace.TraceState{})
	switch {
	case !caller.IsValid():
	case a.trustTraces:
		ctx = trace.ContextWithRemoteSpanContext(ctx, caller)
	default:
		options = append(options, trace.WithLinks(trace.Link{SpanContext: caller}))
	}
	return a.tracer.Start(ctx, name, options...)
}

// describe says what became of a request, by the names of the OpenTelemetry
// semantic conventions and a few of our own. Nothing that a caller wrote is in
// it but the request id.
func describe(span trace.Span, r *request, route string, status int) {
	if r.gone {
		status = statusClientGone
	}
	span.SetAttributes(
		attribute.String("http.request.method", knownMethod(r.method)), attribute.String("http.route", route),
		attribute.Int("http.response.status_code", status), attribute.String("usher.request_id", r.id),
	)
	if r.organization != "" {
		span.SetAttributes(attribute.String("usher.organization", r.organization))
	}
	if r.code != "" {
		span.SetAttributes(attribute.String("usher.code", string(r.code)))
	}
	if r.replayed {
		span.SetAttributes(attribute.Bool("usher.replayed", true))
	}
	if status >= http.StatusInternalServerError {
		span.SetAttributes(attribute.String("error.type", string(r.code)))
		span.SetStatus(codes.Error, "")
	}
}
