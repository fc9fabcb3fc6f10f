package fault_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"usher/sandbox/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type bench struct {
	t     *testing.T
	in    *fault.Injector
	srv   *httptest.Server
	acted atomic.Int32
	body  atomic.Value // last body the handler read
}

func newBench(t *testing.T, o *fault.Options) *bench {
	t.Helper()
	b := &bench{t: t, in: fault.New(o)}
	b.srv = httptest.NewServer(b.in.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		b.body.Store(string(got))
		b.acted.Add(1)
		w.Header().Set("X-Real", "yes")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, "real")
	})))
	t.Cleanup(b.srv.Close)
	return b
}

// try makes one call on a connection of its own; a client re-sends what it
// lost on a used one.
func (b *bench) try(ctx context.Context, method, path, kind, body string) (status int, header http.Header, text string, err error) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, b.srv.URL+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Close = true
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	resp, err := b.srv.Client().Do(r)
	if err != nil {
		return 0, nil, "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(raw), err
}

func (b *bench) admin(method, path, body string, want int) string {
	b.t.Helper()
	status, _, text, err := b.try(b.t.Context(), method, "/_sandbox/"+path, "application/json", body)
	if err != nil || status != want {
		b.t.Fatalf("%s %s: %d %v, want %d: %s", method, path, status, err, want, text)
	}
	return text
}

func TestFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, do  string
		status    int // 0: the connection is dropped before a status
		header    string
		text      string // a part of it
		cut       bool   // reading the body fails
		acted     int32
		recorded  int
		reachable bool // the real answer comes through
	}{
		{name: "status", do: `{"status":500,"body":"{\"e\":1}","headers":{"Retry-After":"7"}}`, status: 500, header: "7", text: `{"e":1}`, recorded: 500},
		{name: "status after acting", do: `{"status":503,"after":true}`, status: 503, acted: 1, recorded: 503},
		{name: "cut before", do: `{"cut":"before"}`},
		{name: "cut after", do: `{"cut":"after"}`, acted: 1},
		{name: "html", do: `{"html":true}`, status: 200, text: "<!DOCTYPE html>", recorded: 200},
		{name: "html with status after", do: `{"html":true,"status":502,"after":true}`, status: 502, text: "<html>", acted: 1, recorded: 502},
		{name: "half body", do: `{"half_body":true,"body":"{\"access"}`, status: 200, text: `{"access`, cut: true, recorded: 200},
		{name: "half body after", do: `{"half_body":true,"after":true}`, status: 200, cut: true, acted: 1, recorded: 200},
		{name: "delay alone", do: `{"delay_ms":1}`, status: 201, text: "real", acted: 1, recorded: 201, reachable: true},
		{name: "delay and status", do: `{"delay_ms":1,"status":429}`, status: 429, recorded: 429},
		{name: "no content", do: `{"status":204,"body":"ignored"}`, status: 204, recorded: 204},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			b.admin("POST", "faults", `{"match":{"path":"^/x$"},"do":`+test.do+`}`, http.StatusCreated)
			status, header, text, err := b.try(t.Context(), "POST", "/x", "", "sent")
			if status != test.status || !strings.Contains(text, test.text) || test.text == "" && text != "" && !test.cut {
				t.Errorf("answer %d %q, want %d %q", status, text, test.status, test.text)
			}
			if dropped := test.status == 0 || test.cut; (err != nil) != dropped {
				t.Errorf("error %v, want one: %v", err, dropped)
			}
			if test.header != "" && header.Get("Retry-After") != test.header {
				t.Errorf("Retry-After %q", header.Get("Retry-After"))
			}
			if got := header.Get(fault.Header) != ""; status != 0 && got == test.reachable {
				t.Errorf("marked as injected: %v", got)
			}
			if b.acted.Load() != test.acted {
				t.Errorf("the handler ran %d times, want %d", b.acted.Load(), test.acted)
			}
			if test.acted > 0 && b.body.Load() != "sent" {
				t.Errorf("the handler read %q", b.body.Load())
			}
			calls := waitCalls(t, b.in, 1)
			want := fault.Call{N: 1, Method: "POST", Path: "/x", Status: test.recorded, At: calls[0].At, Acted: test.acted > 0, Fault: "fault-1"}
			if calls[0] != want {
				t.Errorf("call %+v, want %+v", calls[0], want)
			}
			if status, _, text, err := b.try(t.Context(), "POST", "/x", "", ""); status != 201 || text != "real" || err != nil {
				t.Errorf("the second call met %d %q %v", status, text, err)
			}
		})
	}
}

// waitCalls waits until n calls are finished: a dropped connection reaches the
// client a moment before the call is noted.
func waitCalls(t *testing.T, in *fault.Injector, n int) []fault.Call {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		if calls := in.Calls(); len(calls) >= n {
			return calls
		}
		if fault.Sleep(ctx, time.Millisecond) != nil {
			t.Fatalf("%d calls, want %d", len(in.Calls()), n)
		}
	}
}

func TestHangUntilReleased(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.admin("POST", "faults", `{"match":{},"do":{"hang":true,"after":true}}`, 201)
	done := make(chan error, 1)
	go func() {
		_, _, _, err := b.try(t.Context(), "POST", "/x", "", "sent")
		done <- err
	}()
	for b.acted.Load() == 0 {
		if err := fault.Sleep(t.Context(), time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-done:
		t.Fatalf("answered before it was released: %v", err)
	default:
	}
	b.admin("DELETE", "faults", "", 204)
	if err := <-done; err == nil {
		t.Error("released call got an answer")
	}
}

func TestHangEndsWithClient(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.admin("POST", "faults", `{"match":{},"do":{"hang":true}}`, 201)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, _, _, err := b.try(ctx, "POST", "/x", "", "a body nobody reads"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	if got := waitCalls(t, b.in, 1)[0]; got.Status != 0 || got.Acted {
		t.Errorf("call %+v", got)
	}
}

func TestEndlessEndsWithClient(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.admin("POST", "faults", `{"match":{},"do":{"endless":true}}`, 201)
	r, err := http.NewRequestWithContext(t.Context(), "POST", b.srv.URL+"/x", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.CopyN(io.Discard, bufio.NewReader(resp.Body), 1<<20); err != nil {
		t.Errorf("ended after %d bytes: %v", n, err)
	}
	resp.Body.Close()
	waitCalls(t, b.in, 1)
}

func TestMatching(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	tests := []struct {
		name, rule         string
		method, path, body string
		want               []int // statuses of successive calls
	}{
		{"method", `{"match":{"method":"POST"},"do":{"status":500}}`, "GET", "/x", "", []int{201}},
		{"method in lower case", `{"match":{"method":"post"},"do":{"status":500}}`, "POST", "/x", "", []int{500, 201}},
		{"path", `{"match":{"path":"^/y$"},"do":{"status":500}}`, "POST", "/x", "", []int{201}},
		{"form", `{"match":{"form":"grant_type=switch"},"do":{"status":500}}`, "POST", "/x", "a=1&grant_type=switch", []int{500, 201}},
		{"other form", `{"match":{"form":"grant_type=switch"},"do":{"status":500}}`, "POST", "/x", "grant_type=client", []int{201}},
		{"body", `{"match":{"body":"a@example.com"},"do":{"status":500}}`, "POST", "/x", `{"u":"a@example.com"}`, []int{500, 201}},
		{"twice", `{"match":{},"times":2,"do":{"status":500}}`, "POST", "/x", "", []int{500, 500, 201}},
		{"skip", `{"match":{},"skip":1,"do":{"status":500}}`, "POST", "/x", "", []int{201, 500, 201}},
		{"always", `{"match":{},"times":-1,"do":{"status":500}}`, "POST", "/x", "", []int{500, 500, 500}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			b.admin("POST", "faults", test.rule, 201)
			for i, want := range test.want {
				status, _, _, err := b.try(t.Context(), test.method, test.path, form, test.body)
				if err != nil || status != want {
					t.Errorf("call %d: %d %v, want %d", i, status, err, want)
				}
				if want == 201 && b.body.Load() != test.body {
					t.Errorf("the handler read %q", b.body.Load())
				}
			}
		})
	}
}

func TestTwoRulesStrikeInOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, status := range []int{500, 502} {
		if _, err := b.in.Add(fault.Fault{Do: fault.Action{Status: status}}); err != nil {
			t.Fatal(err)
		}
	}
	var got []int
	for range 3 {
		status, _, _, err := b.try(t.Context(), "GET", "/x", "", "")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, status)
	}
	if got[0] != 500 || got[1] != 502 || got[2] != 201 {
		t.Errorf("statuses %v", got)
	}
	rules := b.in.Rules()
	if rules[0].Hits != 1 || rules[1].Hits != 1 {
		t.Errorf("rules %+v", rules)
	}
}

func TestBadRules(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, rule := range []string{
		`{`, `{"unknown":1}`, `{"match":{"path":"("},"do":{"status":500}}`, `{"match":{"form":"%zz"},"do":{"status":500}}`,
		`{"do":{}}`, `{"do":{"cut":"sometimes"}}`, `{"do":{"status":42}}`, `{"do":{"status":500,"hang":true}}`,
		`{"do":{"delay_ms":-1}}`, `{"do":{"delay_ms":5,"after":true}}`, `{"do":{"endless":true,"half_body":true}}`,
	} {
		b.admin("POST", "faults", rule, http.StatusBadRequest)
	}
	if n := len(b.in.Rules()); n != 0 {
		t.Errorf("%d rules were kept", n)
	}
}

func TestCallsHideSecrets(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	if _, _, _, err := b.try(t.Context(), "GET", "/p?code=s3cret&Confirmation=s3cret&access_token=s3cret&invitation_token=s3cret&page=2", "", ""); err != nil {
		t.Fatal(err)
	}
	b.admin("GET", "calls", "", 200)
	text := b.admin("GET", "calls", "", 200)
	if strings.Contains(text, "s3cret") || !strings.Contains(text, "page=2") {
		t.Errorf("calls %s", text)
	}
	if n := len(b.in.Calls()); n != 1 {
		t.Errorf("%d calls: the admin surface is among them", n)
	}
	b.admin("DELETE", "calls", "", 204)
	if text := b.admin("GET", "calls", "", 200); text != "[]\n" {
		t.Errorf("calls after delete %s", text)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := newBench(t, &fault.Options{Clock: fault.NewClock(func() time.Time { return start })})
	b.admin("POST", "clock", `{"advance":"-1h"}`, 400)
	b.admin("POST", "clock", `{"advance":"soon"}`, 400)
	b.admin("POST", "clock", `{"advance":"73h"}`, 200)
	if got, want := b.in.Clock().Now(), start.Add(73*time.Hour); !got.Equal(want) {
		t.Errorf("now %v, want %v", got, want)
	}
	if text := b.admin("GET", "clock", "", 200); !strings.Contains(text, "2026-01-04T01:00:00Z") {
		t.Errorf("clock %s", text)
	}
	if got := b.in.Clock().Advance(-time.Hour); !got.Equal(start.Add(73 * time.Hour)) {
		t.Errorf("time ran backwards to %v", got)
	}
}

func TestHooks(t *testing.T) {
	t.Parallel()
	value := map[string]int{"n": 1}
	b := newBench(t, &fault.Options{
		Quirks: func() any { return value },
		PatchQuirks: func(patch []byte) error {
			if string(patch) == "bad" {
				return errors.New("no such quirk")
			}
			return json.Unmarshal(patch, &value)
		},
		State: func() any { return "state" },
		Extra: map[string]http.HandlerFunc{"POST /_sandbox/extra": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) }},
	})
	b.admin("PATCH", "quirks", "bad", 400)
	if text := b.admin("PATCH", "quirks", `{"n":2}`, 200); text != "{\"n\":2}\n" {
		t.Errorf("quirks %s", text)
	}
	if text := b.admin("GET", "state", "", 200); text != "\"state\"\n" {
		t.Errorf("state %s", text)
	}
	b.admin("POST", "extra", "", 202)
	b.admin("GET", "nothing", "", 404)
	newBench(t, nil).admin("GET", "quirks", "", 404)
}

func TestDelayEndsWithClient(t *testing.T) {
	t.Parallel()
	slept := make(chan time.Duration, 1)
	b := newBench(t, &fault.Options{Sleep: func(ctx context.Context, d time.Duration) error {
		slept <- d
		<-ctx.Done()
		return ctx.Err()
	}})
	if _, err := b.in.Add(fault.Fault{Do: fault.Action{DelayMS: 90_000}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-slept
		cancel()
	}()
	if _, _, _, err := b.try(ctx, "POST", "/x", "", "body"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if got := waitCalls(t, b.in, 1)[0]; got.Acted || b.acted.Load() != 0 {
		t.Errorf("call %+v acted", got)
	}
}
