package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// usher returns a path that runs this test binary as usher.
func usher(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bin", "usher")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// child is an usher that runs.
type child struct {
	t      *testing.T
	cmd    *exec.Cmd
	done   chan struct{}
	output *lockedBuffer
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func start(t *testing.T, dir string, args ...string) *child {
	t.Helper()
	if testing.Short() {
		t.Skip("a test with processes of its own")
	}
	c := &child{t: t, cmd: exec.Command(usher(t), args...), done: make(chan struct{}), output: &lockedBuffer{}}
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = dir, c.output, c.output
	c.cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = c.cmd.Wait() // the exit code is read from ProcessState
		close(c.done)
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.done
		if t.Failed() {
			t.Logf("usher %s said:\n%s", strings.Join(args, " "), c.output)
		}
	})
	return c
}

func (c *child) signal(s os.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// code waits for the end and returns the exit code.
func (c *child) code() int {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(patience):
		c.t.Fatal("it does not end")
	}
	return c.cmd.ProcessState.ExitCode()
}

func (c *child) waitFor(what string, ask func() bool) {
	c.t.Helper()
	ended := false
	if !eventually(func() bool {
		select {
		case <-c.done:
			ended = true
		default:
		}
		return ended || ask()
	}) {
		c.t.Fatalf("never: %s", what)
	}
	if ended {
		c.t.Fatalf("it ended before: %s", what)
	}
}

// house is a sandbox and a gateway, each a process, with one request hanging
// at the vendor.
type house struct {
	env     map[string]string
	gateway *child
	faults  string
	answer  chan answered // of the request under way
}

type answered struct {
	status int
	body   string
	err    error
}

// underWay starts everything and returns when a request hangs at the vendor.
func underWay(t *testing.T, grace string) *house {
	t.Helper()
	dir := t.TempDir()
	env, file := filepath.Join(dir, "usher.env"), filepath.Join(dir, "usher.yaml")
	listen := freeAddress(t)
	box := start(t, dir, "sandbox", "--listen", listen, "--env-file", env, "--config-out", file)
	box.waitFor("the sandbox is up", func() bool { _, err := os.Stat(env); return err == nil })
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, "shutdown_grace: "+grace+"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	h := &house{env: sourced(t.Fatalf, env), answer: make(chan answered, 1)}
	h.gateway = start(t, dir, "serve", "-c", file)
	h.gateway.waitFor("the gateway is ready", func() bool { return get(h.env["USHER_URL"]+"/readyz") == http.StatusOK })
	origin, _, _ := strings.Cut(h.env["USHER_SANDBOX_ASGARDEO_URL"], "/t/")
	h.faults = origin + "/_sandbox/faults"
	fault := `{"match":{"method":"GET","path":"^/t/[^/]+/scim2/Users$"},"times":1,"do":{"hang":true}}`
	if code := send(t, h.faults, "", fault).status; code != http.StatusCreated {
		t.Fatalf("the fault answers %d", code)
	}
	go func() {
		h.answer <- send(t, h.env["USHER_URL"]+"/v1/organizations/acme-asgardeo/invites", h.env["USHER_TOKEN"], `{"email":"ada@example.com","roles":["member"]}`)
	}()
	h.gateway.waitFor("the vendor holds the request", h.held)
	return h
}

// held reports whether the vendor holds a request.
func (h *house) held() bool {
	answer, err := http.Get(h.faults)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	var rules []struct{ Hits int }
	return json.NewDecoder(answer.Body).Decode(&rules) == nil && len(rules) == 1 && rules[0].Hits == 1
}

// letGo ends the fault: the vendor drops the connection, and goes on as usual.
func (h *house) letGo(t *testing.T) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, h.faults, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
}

func send(t *testing.T, url, token, body string) answered {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return answered{err: err}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return answered{err: err}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answered{status: answer.StatusCode, body: string(text), err: err}
}

func get(url string) int {
	answer, err := http.Get(url)
	if err != nil {
		return 0
	}
	answer.Body.Close()
	return answer.StatusCode
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// The first signal takes no more requests and finishes those under way.
func TestSignalFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	h := underWay(t, "60s")
	h.gateway.signal(syscall.SIGTERM)
	h.gateway.waitFor("new requests are refused", func() bool { return get(h.env["USHER_URL"]+"/livez") == 0 })
	h.letGo(t)
	got := <-h.answer
	if got.err != nil || got.status != http.StatusCreated || !strings.Contains(got.body, `"state":"pending"`) {
		t.Errorf("the request under way got %+v", got)
	}
	if code := h.gateway.code(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// The second signal ends at once, and says that something was cut.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	h := underWay(t, "60s")
	h.gateway.signal(os.Interrupt)
	h.gateway.waitFor("new requests are refused", func() bool { return get(h.env["USHER_URL"]+"/livez") == 0 })
	h.gateway.signal(os.Interrupt)
	if code := h.gateway.code(); code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	if got := <-h.answer; got.err == nil && got.status < 500 {
		t.Errorf("the request under way got %+v", got)
	}
	if said := h.gateway.output.String(); !strings.Contains(said, "usher: requests were still under way at the end of the grace and were cut") {
		t.Errorf("said %s", said)
	}
}

// So does the end of the grace; and the next start settles what was cut.
func TestEndOfTheGrace(t *testing.T) {
	t.Parallel()
	h := underWay(t, "50ms")
	h.gateway.signal(os.Interrupt)
	if code := h.gateway.code(); code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	<-h.answer
	h.letGo(t)
	again := start(t, h.gateway.cmd.Dir, h.gateway.cmd.Args[1:]...)
	again.waitFor("the gateway is ready", func() bool { return get(h.env["USHER_URL"]+"/readyz") == http.StatusOK })
	cmd := exec.Command(usher(t), "invite", "list", "-o", "acme-asgardeo")
	for name, value := range h.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), " sending ") || strings.Contains(string(out), " uncertain ") || !strings.Contains(string(out), "ada@example.com") {
		t.Errorf("after the restart (%v):\n%s", err, out)
	}
	again.signal(os.Interrupt)
	if code := again.code(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// A demo ends cleanly whenever it is told to, also before it has begun.
func TestDemoEndsWhenever(t *testing.T) {
	t.Parallel()
	for n := range 8 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			demo := start(t, dir, "demo", "--listen", "127.0.0.1:0")
			demo.waitFor("it has begun", func() bool { return len(leftovers(t, dir)) > 0 })
			pause := time.NewTimer(time.Duration(n) * 15 * time.Millisecond)
			select {
			case <-pause.C:
			case <-t.Context().Done():
			}
			demo.signal(os.Interrupt)
			if code := demo.code(); code != exitOK {
				t.Errorf("exit code %d", code)
			}
			if left := leftovers(t, dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "usher-demo-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}
