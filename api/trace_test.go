package api_test

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"usher/api"
	"usher/identity"
	"usher/providers/memory"
)

// traces keeps every span.
func traces(r *tracetest.SpanRecorder, trust bool) func(*api.Options) {
	return func(o *api.Options) {
		o.Tracer = sdk.NewTracerProvider(sdk.WithSpanProcessor(r)).Tracer("test")
		o.TrustTraces = trust
	}
}

func told(s sdk.ReadOnlySpan) string {
	list := []string{s.Name(), s.SpanKind().String(), s.Status().Code.String()}
	for _, a := range s.Attributes() {
		list = append(list, fmt.Sprintf("%s=%v", a.Key, a.Value.AsInterface()))
	}
	return strings.Join(list, " ")
}

// TestOneSpanARequest, named by its route, and its trace's id in the log line.
func TestOneSpanARequest(t *testing.T) {
	t.Parallel()
	var spans tracetest.SpanRecorder
	h := build(t, traces(&spans, false))
	h.vendor.Inject(memory.Fault{Op: "list members", Code: identity.CodeProviderCredentials})
	h.do(single, "GET", "/v1/organizations/current/members?limit=7", "", "X-Request-Id", "request-1")
	h.do(admin, "GET", "/v1/organizations/missing", "", "X-Request-Id", "request-2")
	h.do("", "BREW", "/secret/path", "", "X-Request-Id", "request-3")
	h.keyed(admin, invitesPath, jane, "key")
	h.keyed(admin, invitesPath, jane, "key")
	for _, probe := range []string{"/livez", "/readyz", "/metrics"} {
		h.do("", "GET", probe, "")
	}
	got := spans.Ended()
	want := []string{
		"GET /v1/organizations/{org}/members server Error http.request.method=GET http.route=/v1/organizations/{org}/members http.response.status_code=502 " +
			"usher.request_id=request-1 usher.organization=" + h.acme.ID + " usher.code=provider_rejected_credentials error.type=provider_rejected_credentials",
		"GET /v1/organizations/{org} server Unset http.request.method=GET http.route=/v1/organizations/{org} http.response.status_code=404 usher.request_id=request-2 usher.code=not_found",
		"other unmatched server Unset http.request.method=other http.route=unmatched http.response.status_code=404 usher.request_id=request-3 usher.code=not_found",
		"http.response.status_code=201",
		"usher.replayed=true",
	}
	if len(got) != len(want) {
		t.Fatalf("%d spans", len(got))
	}
	for n, s := range got {
		if text := told(s); n < 3 && text != want[n] || !strings.Contains(text, want[n]) {
			t.Errorf("got\n%s\nwant\n%s", text, want[n])
		}
		if id := h.lines()[n]["trace_id"]; id != s.SpanContext().TraceID().String() {
			t.Errorf("line %d has the trace %v", n, id)
		}
	}
}

const (
	callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceparent  = "00-" + callersTrace + "-00f067aa0ba902b7-01"
)

// TestTraceparent: anybody can write one, so it is gone on with only where
// callers are trusted.
func TestTraceparent(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, header     string
		trust            bool
		parent, linkedTo string
	}{
		{"linked to", traceparent, false, "", callersTrace},
		{"gone on with", traceparent, true, callersTrace, ""},
		{"none", "", true, "", ""},
		{"nonsense", "00-x-y-01", false, "", ""},
		{"trusted nonsense", "00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01", true, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var spans tracetest.SpanRecorder
			h := build(t, traces(&spans, tc.trust))
			h.do(admin, "GET", "/v1/organizations", "", "traceparent", tc.header, "tracestate", "vendor=secret", "baggage", "user=secret")
			s := spans.Ended()[0]
			parent, links := "", ""
			if s.Parent().IsValid() {
				parent = s.Parent().TraceID().String()
			}
			for _, l := range s.Links() {
				links += l.SpanContext.TraceID().String()
				if l.SpanContext.TraceState().Len() != 0 {
					t.Error("the link has the caller's tracestate")
				}
			}
			if parent != tc.parent || links != tc.linkedTo || (s.SpanContext().TraceID().String() == callersTrace) != (tc.parent != "") || s.SpanContext().TraceState().Len() != 0 {
				t.Errorf("parent %q, links %q, context %v", parent, links, s.SpanContext())
			}
		})
	}
}

// TestSpansKeepSecrets puts tokens and addresses wherever a caller can.
func TestSpansKeepSecrets(t *testing.T) {
	t.Parallel()
	var spans tracetest.SpanRecorder
	h := build(t, traces(&spans, false))
	for _, token := range []string{admin, reader, "token-wrong", "token-panic", "token-broken"} {
		for _, op := range h.document().operations() {
			h.do(token, op.method, h.concrete(op, "acme", "jane@example.com")+"?email=jane@example.com", h.bodyFor(op), "Idempotency-Key", "key-jane")
			h.do(token, op.method, h.concrete(op, "jane@example.com", "jane"), `{"email":"jane@example.com","roles":["jane"]}`)
		}
	}
	if n := len(spans.Ended()); n < 100 {
		t.Fatalf("%d spans", n)
	}
	for _, s := range spans.Ended() {
		text := told(s) + s.Status().Description
		for _, e := range s.Events() {
			text += e.Name + fmt.Sprint(e.Attributes)
		}
		for _, secret := range []string{"token-", "jane", "@", "email", "Bearer"} {
			if strings.Contains(withoutIDs(text), secret) {
				t.Fatalf("a span holds %q: %s", secret, text)
			}
		}
	}
}

// TestAPanicEndsItsSpan.
func TestAPanicEndsItsSpan(t *testing.T) {
	t.Parallel()
	var spans tracetest.SpanRecorder
	h := build(t, traces(&spans, false))
	h.do("token-panic", "GET", "/v1/organizations", "").is(500, "internal")
	s := spans.Ended()[0]
	if s.Status().Code != codes.Error || !slices.Contains(s.Attributes(), attribute.String("usher.code", "internal")) {
		t.Errorf("got %s", told(s))
	}
}

// TestNoTracer: without one nothing is made, and the log says nothing of it.
func TestNoTracer(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.do(admin, "GET", "/v1/organizations", "", "traceparent", traceparent).is(200, "")
	if strings.Contains(h.log.String(), "trace") {
		t.Errorf("the log: %s", h.log)
	}
}

// TestWithoutATracerNothingIsPaid: a request without one allocates less than
// one whose span is thrown away at once. Not parallel: it counts allocations.
func TestWithoutATracerNothingIsPaid(t *testing.T) {
	count := func(tracer trace.Tracer) float64 {
		h := build(t, func(o *api.Options) {
			o.Tracer, o.Logger = tracer, slog.New(slog.DiscardHandler)
		})
		r := httptest.NewRequest("GET", "/nowhere", nil)
		return testing.AllocsPerRun(200, func() { h.api.ServeHTTP(httptest.NewRecorder(), r) })
	}
	off, thrownAway := count(nil), count(noop.NewTracerProvider().Tracer("test"))
	if off >= thrownAway {
		t.Errorf("%v allocations without a tracer, %v with one that does nothing", off, thrownAway)
	}
	t.Logf("%v allocations without a tracer, %v with one that does nothing", off, thrownAway)
}
