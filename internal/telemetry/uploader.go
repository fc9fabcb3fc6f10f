package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	tries   = 3
	maxWait = 4 * time.Second // between two tries, whatever Retry-After says
	maxRead = 64 << 10        // of an answer, so that its connection can be used again
)

// uploader sends batches to a collector as OTLP/HTTP has it, in protobuf. It
// implements otlptrace.Client.
type uploader struct {
	url     string
	headers map[string]string
	client  *http.Client
	log     *slog.Logger
	lost    prometheus.Counter
	after   func(time.Duration) <-chan time.Time
	failing atomic.Bool // the last batch was lost
}

func newUploader(o Options) (*uploader, error) {
	base, err := url.Parse(o.Endpoint)
	if err != nil || base.Host == "" {
		return nil, errors.New("telemetry: the endpoint is not an absolute URL")
	}
	u := &uploader{
		url: strings.TrimRight(o.Endpoint, "/") + "/v1/traces", headers: o.Headers, log: o.Logger, after: o.After,
		client: &http.Client{
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConns: 2, IdleConnTimeout: time.Minute,
				TLSHandshakeTimeout: uploadTimeout,
			},
			// A redirect would take the headers elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "usher_trace_spans_lost_total", Help: "Spans that the collector did not take.",
		}),
	}
	if u.log == nil {
		u.log = slog.Default()
	}
	if u.after == nil {
		u.after = time.After
	}
	if o.Registry == nil {
		return u, nil
	}
	if err := o.Registry.Register(u.lost); err != nil {
		return nil, fmt.Errorf("telemetry: register metrics: %w", err)
	}
	return u, nil
}

// Start implements otlptrace.Client.
func (u *uploader) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (u *uploader) Stop(context.Context) error {
	u.client.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client. A batch that the collector does not
// take is counted, and told once in the log until one is taken again; no error
// goes back, since the SDK would print it beside the log.
func (u *uploader) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// TracesData is ExportTraceServiceRequest on the wire: both hold nothing
	// but the resource spans, as field 1.
	message, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err == nil {
		err = u.send(ctx, message)
	}
	switch {
	case err != nil:
		u.lost.Add(float64(count(spans)))
		if !u.failing.Swap(true) {
			u.log.WarnContext(ctx, "the collector takes no traces, and spans are lost", "error", err.Error())
		}
	case u.failing.Swap(false):
		u.log.InfoContext(ctx, "the collector takes traces again")
	}
	return nil
}

// send tries a few times where the protocol says that another try may help.
func (u *uploader) send(ctx context.Context, message []byte) error {
	for try := 1; ; try++ {
		wait, again, err := u.post(ctx, message)
		if err == nil || !again || try == tries {
			return err
		}
		if wait <= 0 {
			wait = time.Duration(try) * time.Second
		}
		select {
		case <-u.after(min(wait, maxWait)):
		case <-ctx.Done():
			return err
		}
	}
}

// post makes one call. An error tells whether to try again, and after how long.
func (u *uploader) post(ctx context.Context, message []byte) (wait time.Duration, again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.url, bytes.NewReader(message))
	if err != nil {
		return 0, false, err
	}
	for name, value := range u.headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("User-Agent", "usher")
	answer, err := u.client.Do(r)
	if err != nil {
		return 0, true, err
	}
	defer answer.Body.Close()
	// What the answer says is for people at the collector.
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxRead))
	switch answer.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
		return time.Duration(seconds) * time.Second, again, fmt.Errorf("the collector answers %s", answer.Status)
	}
	return 0, false, nil
}

func count(spans []*tracepb.ResourceSpans) (n int) {
	for _, resource := range spans {
		for _, scope := range resource.GetScopeSpans() {
			n += len(scope.GetSpans())
		}
	}
	return n
}
