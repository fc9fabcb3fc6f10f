package providers_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"usher/identity"
	"usher/internal/httpx"
	"usher/internal/quota"
	"usher/providers"
)

// caller is an adapter that makes one call for each operation.
type caller struct {
	bare
	http *httpx.Client
	url  string
}

func (c *caller) ListMembers(ctx context.Context, org identity.OrgRef, _ identity.PageRequest) (*identity.Page[identity.Member], error) {
	r, err := c.http.Do(ctx, httpx.Call{Op: "list", Method: "GET", URL: c.url + "/" + org.ProviderID})
	if err == nil && r.Status >= 300 {
		err = vendorError{code: httpx.StatusCode(r.Status)}
	}
	return nil, err
}

func vendorLimit(n int) quota.Declaration {
	return quota.Declaration{Scope: "vendor", Quotas: []quota.Quota{{Class: "calls", Limit: quota.Limit{Calls: n, Window: time.Minute}}}}
}

func openCaller(t *testing.T, name, url string, d providers.Deps, q quota.Declaration) *providers.Client {
	t.Helper()
	d.Connection, d.Jitter = name, func() float64 { return 1 }
	h, err := d.HTTP(providers.HTTPOptions{Quotas: q})
	if err != nil {
		t.Fatal(err)
	}
	return providers.NewClient(name, &caller{http: h, url: url}, quiet(t))
}

func members(t *testing.T, c *providers.Client, org string) error {
	_, err := c.ListMembers(t.Context(), identity.OrgRef{ID: "org_" + org, ProviderID: org}, identity.PageRequest{})
	return err
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(r *http.Request, status int) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), ContentLength: -1, Request: r}, nil
}

// Two connections to one vendor keep to its limit together, and organizations
// take turns: the small one is not behind the large one's queue.
func TestConnectionsShareLimitsFairly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		quotas := quota.New(nil)
		defer quotas.Close()
		d := providers.Deps{Quotas: quotas, LimitWait: time.Hour, Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			order = append(order, strings.TrimPrefix(r.URL.Path, "/"))
			mu.Unlock()
			return answer(r, 200)
		})}
		limit := vendorLimit(2)
		limit.Quotas[0].Window = time.Second
		one, two := openCaller(t, "one", "http://vendor.example", d, limit), openCaller(t, "two", "http://vendor.example", d, limit)
		for range 20 {
			go func() { _ = members(t, one, "large") }()
		}
		synctest.Wait()
		go func() { _ = members(t, two, "small") }()
		synctest.Wait()
		mu.Lock()
		if len(order) != 2 {
			t.Errorf("%d calls at once, the limit is 2", len(order))
		}
		mu.Unlock()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if at := slices.Index(order, "small"); at < 2 || at > 3 || len(order) != 21 {
			t.Errorf("the small organization was number %d of %d", at, len(order))
		}
	})
}

// Background work waits longer than an operation may last, and has the
// operation's whole time besides.
func TestPatientOperation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		quotas := quota.New(nil)
		defer quotas.Close()
		var left time.Duration
		c := openCaller(t, "one", "http://vendor.example", providers.Deps{Quotas: quotas, Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
			deadline, _ := r.Context().Deadline()
			left = time.Until(deadline)
			return answer(r, 200)
		})}, vendorLimit(1))
		if err := members(t, c, "a"); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err := c.ListMembers(quota.WithPatience(t.Context(), time.Hour), identity.OrgRef{ID: "org_b"}, identity.PageRequest{})
		if took := time.Since(start); err != nil || took != 60600*time.Millisecond || left != 10*time.Second {
			t.Errorf("it took %v, with %v for the call: %v", took, left, err)
		}
	})
}

// What is held back was not sent, says so, and says when to come back.
func TestHeldBackCalls(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		limit  int
		status int
		calls  int // that reach the vendor before
		want   identity.Code
		after  time.Duration
	}{
		{"the vendor's limit", 3, 200, 3, identity.CodeProviderRateLimited, 61 * time.Second},
		{"the breaker", 0, 500, 10, identity.CodeProviderUnavailable, 5 * time.Second},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				quotas := quota.New(nil)
				defer quotas.Close()
				c := openCaller(t, "one", "http://vendor.example", providers.Deps{Quotas: quotas, Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
					calls++
					return answer(r, tc.status)
				})}, vendorLimit(tc.limit))
				for range tc.calls {
					_ = members(t, c, "a")
				}
				err := members(t, c, "b")
				var known *identity.Error
				if !errors.As(err, &known) || known.Code != tc.want || known.Unknown || known.RetryAfter != tc.after || calls != tc.calls {
					t.Errorf("got %+v after %d calls", err, calls)
				}
			})
		})
	}
}

// The metrics show limits, waits, refusals, pauses, breakers and repetitions,
// and name no organization and no address.
func TestMetricsOfProtections(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	metrics, err := providers.NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		quotas := quota.New(&quota.Options{Observer: metrics})
		defer quotas.Close()
		status := 200
		d := providers.Deps{Quotas: quotas, Metrics: metrics, Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
			return answer(r, status)
		})}
		first := openCaller(t, "main", "http://vendor.example", d, vendorLimit(24))
		second := openCaller(t, "second", "http://vendor.example", d, vendorLimit(24))
		for _, phase := range []struct {
			client        *providers.Client
			status, calls int
		}{
			{first, 200, 1},
			{first, 503, 20}, // nine tries until the breaker opens, six of them repetitions
			{second, 200, 13},
			{second, 429, 1}, // the last of the limit: its repetition is refused
		} {
			status = phase.status
			for range phase.calls {
				_ = members(t, phase.client, "secret")
			}
		}
	})
	got := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`usher_provider_breaker_state{connection="main"} 2`,
		`usher_provider_breaker_state{connection="second"} 0`,
		`usher_provider_repetitions_total{connection="main",outcome="sent"} 6`,
		`usher_vendor_calls_total{class="calls",scope="vendor"} 24`,
		`usher_vendor_limit_calls{class="calls",scope="vendor"} 24`,
		`usher_vendor_waiting{scope="vendor"} 0`,
		`usher_vendor_wait_seconds_count{outcome="passed",scope="vendor"} 24`,
		`usher_vendor_wait_seconds_count{outcome="refused",scope="vendor"} 1`,
		`usher_vendor_paused_until_timestamp_seconds{scope="vendor"}`,
	} {
		if !strings.Contains(got.Body.String(), "\n"+want) {
			t.Errorf("no %s in\n%s", want, got.Body)
		}
	}
	if strings.Contains(got.Body.String(), "secret") {
		t.Errorf("an organization is in\n%s", got.Body)
	}
}

// One transport serves all connections: a process that is warm opens no more.
func TestConnectionsShareTheTransport(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	transport := httpx.NewTransport()
	defer transport.CloseIdleConnections()
	var clients []*providers.Client
	for n := range 4 {
		clients = append(clients, openCaller(t, fmt.Sprint(n), server.URL, providers.Deps{Transport: transport}, quota.Declaration{}))
	}
	const callers, each = 16, 250
	round := func() {
		var wg sync.WaitGroup
		for n := range callers {
			wg.Go(func() {
				for m := range each {
					if err := members(t, clients[(n+m)%len(clients)], "a"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
	round()
	warm := opened.Load()
	round()
	if more := opened.Load() - warm; more*1000 > callers*each || warm > 2*callers {
		t.Errorf("%d connections at first, %d more for %d requests afterwards", warm, more, callers*each)
	}
}
