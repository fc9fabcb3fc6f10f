package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/providers/memory"
)

// listen serves the house over a real connection.
func (h *house) listen() *httptest.Server {
	s := httptest.NewServer(h.api)
	h.t.Cleanup(s.Close)
	return s
}

func post(ctx context.Context, url, body string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+admin)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", "key")
	return http.DefaultClient.Do(r)
}

// TestAClientThatGoesAwayAbortsNothing: the send ends, and the client finds
// its answer under its key.
func TestAClientThatGoesAwayAbortsNothing(t *testing.T) {
	t.Parallel()
	h := build(t)
	s := h.listen()
	entered, block := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "invite", Block: block, Entered: entered})
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := post(ctx, s.URL+invitesPath, jane)
		gone <- err
	}()
	<-entered
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	h.keyed(admin, invitesPath, jane, "key").is(409, "idempotency_in_progress")
	close(block)
	s.Close() // waits for what is under way
	got := h.keyed(admin, invitesPath, jane, "key").is(201, "")
	if got.header.Get("Idempotency-Replayed") != "true" || h.vendor.Calls("invite") != 1 {
		t.Errorf("%d calls, %v", h.vendor.Calls("invite"), got.header)
	}
}

// TestShutdownFinishesWhatIsUnderWay: the client of a stopping server still
// gets its answer.
func TestShutdownFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	h := build(t)
	s := h.listen()
	entered, block := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "invite", Block: block, Entered: entered})
	statuses := make(chan int, 1)
	go func() {
		status := 0
		if r, err := post(t.Context(), s.URL+invitesPath, jane); err == nil {
			status = r.StatusCode
			_ = r.Body.Close()
		}
		statuses <- status
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- s.Config.Shutdown(t.Context()) }()
	close(block)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if status := <-statuses; status != http.StatusCreated {
		t.Errorf("got status %d", status)
	}
}

// TestAReadEndsWithItsClient, and is not counted as a failure of ours.
func TestAReadEndsWithItsClient(t *testing.T) {
	t.Parallel()
	h := build(t)
	s := h.listen()
	entered, block := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "list invites", Block: block, Entered: entered})
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+invitesPath+"?refresh=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+admin)
	gone := make(chan error, 1)
	go func() {
		_, err := http.DefaultClient.Do(r)
		gone <- err
	}()
	<-entered
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s.Close() // waits for the handler
	close(block)
	if line := h.lines()[0]; line["status"] != 499.0 || line["level"] != "INFO" {
		t.Errorf("logged as %v", line)
	}
	if got := h.do("", "GET", "/metrics", "").body; !strings.Contains(got, `route="/v1/organizations/{org}/invites",status="499"} 1`) {
		t.Errorf("not counted as the client's:\n%s", got)
	}
}

// TestHead: the headers of GET and no body.
func TestHead(t *testing.T) {
	t.Parallel()
	h := build(t)
	s := h.listen()
	for _, path := range []string{"/v1/organizations/acme", "/v1/organizations/missing", "/livez", "/docs"} {
		answers := map[string]*http.Response{}
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+admin)
			r.Header.Set("X-Request-Id", "the-same-for-both")
			a, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(a.Body)
			_ = a.Body.Close()
			if err != nil || (len(body) > 0) != (method == http.MethodGet) {
				t.Errorf("%s %s: %d bytes, %v", method, path, len(body), err)
			}
			answers[method] = a
		}
		get, head := answers[http.MethodGet], answers[http.MethodHead]
		if get.StatusCode != head.StatusCode || get.Header.Get("Content-Type") != head.Header.Get("Content-Type") || get.ContentLength != head.ContentLength {
			t.Errorf("%s: GET %d %v, HEAD %d %v", path, get.StatusCode, get.Header, head.StatusCode, head.Header)
		}
	}
}

// TestABodyThatIsCutOff claims nothing and sends nothing.
func TestABodyThatIsCutOff(t *testing.T) {
	t.Parallel()
	h := build(t)
	s := h.listen()
	dialer := net.Dialer{}
	c, err := dialer.DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nIdempotency-Key: key\r\nContent-Length: 1000\r\n\r\n%s",
		invitesPath, admin, jane)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	if r.StatusCode != http.StatusBadRequest || h.vendor.Calls("invite") != 0 {
		t.Errorf("got %d, %d calls", r.StatusCode, h.vendor.Calls("invite"))
	}
	_ = c.Close()
	h.keyed(admin, invitesPath, jane, "key").is(201, "")
}

// TestABodyThatDoesNotCome holds nobody: the request is answered and the connection
// closed, whoever was to read the body, and whether or not somebody has tried.
func TestABodyThatDoesNotCome(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.api.HurryBodies(500 * time.Millisecond)
	s := h.listen()
	for name, tc := range map[string]struct {
		line, media, body string
		status            int
	}{
		"sending":          {"POST " + invitesPath, "application/json\r\nAuthorization: Bearer " + admin, "{", 400},
		"without a token":  {"POST " + invitesPath, "application/json", "{", 401},
		"of nobody's path": {"POST /nowhere", "application/json", "{", 404},
		"accepting":        {"POST /v1/invites/accept", "application/json", "{", 400},
		"by the page":      {"POST /accept", "application/x-www-form-urlencoded", "invite_token=", 404},
		"a file":           {"POST " + batchesPath, "application/x-ndjson\r\nAuthorization: Bearer " + admin, "{", 400},
		"of a GET":         {"GET " + callbackPath + "guess", "text/plain", "x", 404},
		"of an operator":   {"GET /livez", "text/plain", "x", 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dialer := net.Dialer{}
			c, err := dialer.DialContext(t.Context(), "tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, err = fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n%s", tc.line, tc.media, tc.body)
			if err != nil {
				t.Fatal(err)
			}
			_ = c.SetReadDeadline(time.Now().Add(time.Minute))
			in := bufio.NewReader(c)
			r, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.StatusCode != tc.status {
				t.Errorf("got %d, want %d", r.StatusCode, tc.status)
			}
			_, _ = io.Copy(io.Discard, r.Body)
			if _, err := in.ReadByte(); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the connection stays: %v", err)
			}
		})
	}
}
