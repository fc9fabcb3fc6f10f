package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"usher/internal/telemetry"
)

// collector is a fake OTLP collector.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	answers []int // statuses, in turn; then 200
	calls   []*http.Request
	spans   []*tracepb.Span
}

func newCollector(t *testing.T, answers ...int) *collector {
	c := &collector{answers: answers}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.calls = append(c.calls, r)
		if len(c.answers) > 0 {
			status := c.answers[0]
			c.answers = c.answers[1:]
			w.Header().Set("Location", "/elsewhere")
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(status)
			return
		}
		message, err := io.ReadAll(r.Body)
		var data tracepb.TracesData
		if err := errors.Join(err, proto.Unmarshal(message, &data)); err != nil {
			t.Error(err)
		}
		for _, resource := range data.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				c.spans = append(c.spans, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// house is traces that go to a collector.
type house struct {
	*telemetry.Traces
	log      bytes.Buffer
	registry *prometheus.Registry
	waits    []time.Duration
}

func open(t *testing.T, endpoint string, ratio float64) *house {
	t.Helper()
	h := &house{registry: prometheus.NewRegistry()}
	var err error
	h.Traces, err = telemetry.Open(t.Context(), telemetry.Options{
		Endpoint: endpoint, SampleRatio: ratio, Headers: map[string]string{"X-Key": "k3y"}, Version: "1.2.3",
		Logger: slog.New(slog.NewTextHandler(&h.log, nil)), Registry: h.registry,
		After: func(d time.Duration) <-chan time.Time {
			h.waits = append(h.waits, d)
			now := make(chan time.Time, 1)
			now <- time.Time{}
			return now
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) close(t *testing.T) {
	t.Helper()
	if err := errors.Join(h.Close(t.Context()), h.Close(t.Context())); err != nil {
		t.Error(err)
	}
}

func (h *house) lost(t *testing.T) float64 {
	t.Helper()
	families, err := h.registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "usher_trace_spans_lost_total" {
		t.Fatalf("%v, %v", families, err)
	}
	return families[0].GetMetric()[0].GetCounter().GetValue()
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Without an endpoint nothing is built, and a call to a vendor goes through
// what it went through before. Not parallel: it counts allocations.
func TestOff(t *testing.T) {
	off, err := telemetry.Open(t.Context(), telemetry.Options{})
	if off != nil || err != nil {
		t.Fatalf("got %v, %v", off, err)
	}
	base := &http.Transport{}
	if off.Tracer() != nil || off.Transport("main", "asgardeo", base) != base {
		t.Error("something is in the way")
	}
	if n := testing.AllocsPerRun(100, func() { off.Tracer(); off.Transport("main", "asgardeo", base) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if err := off.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func attributes(s *tracepb.Span) string {
	var list []string
	for _, a := range s.GetAttributes() {
		text := a.GetValue().GetStringValue()
		if text == "" {
			text = strings.TrimPrefix(a.GetValue().String(), "int_value:")
		}
		list = append(list, a.GetKey()+"="+text)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// A call to a vendor is one span below the one of its context; it says where
// it went and how it ended, and the vendor learns nothing of it.
func TestTransport(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	h := open(t, c.URL+"/", 1)
	const url = "https://vendor.example:8443/t/acme/Users/jane@example.com?filter=jane@example.com&ticket=s3cret"
	const where = "server.address=vendor.example server.port=8443 usher.connection=main usher.provider=asgardeo"
	want := map[string]string{} // by the parent's id
	for _, step := range []struct {
		name   string
		answer *http.Response
		err    error
		want   string
	}{
		{"answered", &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("s3cret"))}, nil,
			"http.request.method=GET http.response.status_code=200 " + where},
		{"refused", &http.Response{StatusCode: 404, Body: http.NoBody}, nil,
			"error.type=404 http.request.method=GET http.response.status_code=404 " + where},
		{"no connection", nil, errors.New("cannot reach " + url), "error.type=connection http.request.method=GET " + where},
		{"too late", nil, context.DeadlineExceeded, "error.type=timeout http.request.method=GET " + where},
		{"given up", nil, context.Canceled, "error.type=cancelled http.request.method=GET " + where},
	} {
		ctx, parent := h.Tracer().Start(t.Context(), step.name)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer s3cret")
		base := transportFunc(func(passed *http.Request) (*http.Response, error) {
			if passed.Header.Get("traceparent") != "" || passed.Header.Get("Authorization") != "Bearer s3cret" {
				t.Errorf("%s: the vendor gets %v", step.name, passed.Header)
			}
			return step.answer, step.err
		})
		answer, err := h.Transport("main", "asgardeo", base).RoundTrip(r)
		if !errors.Is(err, step.err) {
			t.Errorf("%s: got %v", step.name, err)
		}
		if err == nil {
			if _, err := io.ReadAll(answer.Body); err != nil {
				t.Error(err)
			}
		}
		want[string(spanID(parent))] = step.want
		parent.End()
	}
	h.close(t)
	for _, s := range c.spans {
		if strings.Contains(s.String(), "s3cret") || strings.Contains(s.String(), "jane") || strings.Contains(s.String(), "filter") {
			t.Errorf("too much is told: %s", s)
		}
		if s.GetKind() != tracepb.Span_SPAN_KIND_CLIENT {
			continue
		}
		expected, ok := want[string(s.GetParentSpanId())]
		delete(want, string(s.GetParentSpanId()))
		failed := s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR
		if got := attributes(s); !ok || got != expected || s.GetName() != "GET asgardeo" || failed != strings.HasPrefix(expected, "error.type") {
			t.Errorf("got %s\n%s\nwant\n%s", s.GetName(), got, expected)
		}
	}
	if len(want) != 0 {
		t.Errorf("no span for %v", want)
	}
	if call := c.calls[0]; call.URL.Path != "/v1/traces" || call.Header.Get("Content-Type") != "application/x-protobuf" || call.Header.Get("X-Key") != "k3y" {
		t.Errorf("the collector is called as %s %v", call.URL, call.Header)
	}
}

func spanID(s trace.Span) []byte {
	id := s.SpanContext().SpanID()
	return id[:]
}

// A share of none keeps none, and leaves the call alone.
func TestSampledOut(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	h := open(t, c.URL, 0)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://vendor.example", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := h.Transport("main", "asgardeo", transportFunc(func(passed *http.Request) (*http.Response, error) {
		if passed != r {
			t.Error("another request")
		}
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	})).RoundTrip(r)
	if err != nil || answer.Body != http.NoBody {
		t.Errorf("%v, %v", answer, err)
	}
	h.close(t)
	if len(c.calls) != 0 {
		t.Errorf("%d calls", len(c.calls))
	}
}

// Upload tries again where that may help, and otherwise counts and tells.
func TestUpload(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		answers []int
		calls   int
		waits   []time.Duration
		lost    float64
	}{
		{"taken", nil, 1, nil, 0},
		{"too many, then taken", []int{429}, 2, []time.Duration{3 * time.Second}, 0},
		{"down for long", []int{503, 502, 504}, 3, []time.Duration{3 * time.Second, 3 * time.Second}, 1},
		{"refused", []int{400}, 1, nil, 1},
		{"not let in", []int{401}, 1, nil, 1},
		{"sent elsewhere", []int{307}, 1, nil, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := newCollector(t, tc.answers...)
			h := open(t, c.URL, 1)
			_, span := h.Tracer().Start(t.Context(), "work")
			span.End()
			h.close(t)
			if len(c.calls) != tc.calls || !slices.Equal(h.waits, tc.waits) || len(c.spans) != int(1-tc.lost) || h.lost(t) != tc.lost {
				t.Errorf("%d calls, waits %v, %d spans, %v lost", len(c.calls), h.waits, len(c.spans), h.lost(t))
			}
			if told := strings.Contains(h.log.String(), "the collector takes no traces"); told != (tc.lost > 0) || strings.Contains(h.log.String(), "k3y") {
				t.Errorf("the log: %s", &h.log)
			}
		})
	}
}

// A collector that is not there costs spans, and not the end.
func TestNoCollector(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	c.Close()
	h := open(t, c.URL, 1)
	_, span := h.Tracer().Start(t.Context(), "work")
	span.End()
	h.close(t)
	if h.lost(t) != 1 || len(h.waits) != 2 {
		t.Errorf("%v lost after %v", h.lost(t), h.waits)
	}
}

// What the configuration would refuse is refused here too.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	if _, err := telemetry.Open(t.Context(), telemetry.Options{Endpoint: "collector"}); err == nil {
		t.Error("no error")
	}
	r := prometheus.NewRegistry()
	for n := range 2 {
		traces, err := telemetry.Open(t.Context(), telemetry.Options{Endpoint: "http://127.0.0.1:1", Registry: r})
		if (err == nil) != (n == 0) {
			t.Errorf("%d: %v", n, err)
		}
		if err := traces.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkTransport is what the span of one call costs, off and on.
func BenchmarkTransport(b *testing.B) {
	answer := &http.Response{StatusCode: 200, Body: http.NoBody}
	base := transportFunc(func(*http.Request) (*http.Response, error) { answer.Body = http.NoBody; return answer, nil })
	for name, endpoint := range map[string]string{"off": "", "on": "http://127.0.0.1:1"} {
		b.Run(name, func(b *testing.B) {
			traces, err := telemetry.Open(b.Context(), telemetry.Options{Endpoint: endpoint, SampleRatio: 1, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			transport := traces.Transport("main", "asgardeo", base)
			r := httptest.NewRequest(http.MethodGet, "https://vendor.example/x", nil)
			b.ReportAllocs()
			for b.Loop() {
				answer, err := transport.RoundTrip(r)
				if err != nil {
					b.Fatal(err)
				}
				_ = answer.Body.Close()
			}
		})
	}
}
