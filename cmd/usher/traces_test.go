package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector is a fake OTLP collector: it keeps spans, and what came as bytes.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	raw   bytes.Buffer
	keys  []string // of the calls
	spans []*tracepb.Span
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		message, err := io.ReadAll(r.Body)
		var data tracepb.TracesData
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(message, &data) != nil {
			t.Errorf("the collector cannot read %s (%v)", r.URL, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw.Write(message)
		c.keys = append(c.keys, r.Header.Get("X-Key"))
		for _, resource := range data.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				c.spans = append(c.spans, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// TestTraces: one trace leads from a request to each call to the vendor, is
// there when the gateway has ended, and holds no secret.
func TestTraces(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	_, env, gateway := serveBeside(t, "tracing: {endpoint: '"+c.URL+"', headers: {x-key: c0llect0r}}\n")
	invites := env["USHER_URL"] + "/v1/organizations/acme-asgardeo/invites"
	got := send(t, invites, env["USHER_TOKEN"], `{"email":"ada@example.com","roles":["member"],"given_name":"Ada"}`)
	if got.status != http.StatusCreated {
		t.Fatalf("got %+v", got)
	}
	if got := send(t, invites+"?email=ada@example.com", env["USHER_TOKEN_READER"], `{}`); got.status != http.StatusForbidden {
		t.Fatalf("got %+v", got)
	}
	gateway.signal(os.Interrupt)
	if code := gateway.code(); code != exitOK {
		t.Errorf("exit code %d", code)
	}

	var server *tracepb.Span
	for _, s := range c.spans {
		if s.GetKind() == tracepb.Span_SPAN_KIND_SERVER && server == nil {
			server = s
		}
	}
	if server.GetName() != "POST /v1/organizations/{org}/invites" {
		t.Fatalf("got %v of %d spans", server, len(c.spans))
	}
	calls := 0
	for _, s := range c.spans {
		if s.GetKind() == tracepb.Span_SPAN_KIND_CLIENT && bytes.Equal(s.GetTraceId(), server.GetTraceId()) {
			calls++
			if !bytes.Equal(s.GetParentSpanId(), server.GetSpanId()) || !strings.HasSuffix(s.GetName(), " asgardeo") {
				t.Errorf("got %v", s)
			}
		}
	}
	if calls < 4 { // a token, a look, an account, an invitation
		t.Errorf("%d calls to the vendor are in the trace", calls)
	}
	for _, secret := range []string{
		env["USHER_TOKEN"], env["USHER_TOKEN_READER"], env["USHER_SANDBOX_ASGARDEO_CLIENT_SECRET"], env["USHER_SANDBOX_ASGARDEO_CLIENT_ID"],
		"ada@", "Ada", "example.com", "filter", "scim2", "Bearer", "c0llect0r",
	} {
		if secret == "" || bytes.Contains(c.raw.Bytes(), []byte(secret)) {
			t.Errorf("the collector is told %q", secret)
		}
	}
	for _, s := range c.spans {
		for _, a := range s.GetAttributes() {
			if text := a.GetValue().GetStringValue(); strings.ContainsAny(text, "@?&= ") || len(s.GetEvents()) > 0 || s.GetStatus().GetMessage() != "" {
				t.Errorf("too much is told: %v", s)
			}
		}
	}
	for _, key := range c.keys {
		if key != "c0llect0r" {
			t.Errorf("called with the key %q", key)
		}
	}
	if !strings.Contains(gateway.output.String(), "trace_id=") {
		t.Errorf("the log has no trace:\n%s", gateway.output)
	}
}
