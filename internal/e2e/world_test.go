package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/internal/processtest"
	"usher/sandbox"
	"usher/sandbox/mail"
)

func TestMain(m *testing.M) { processtest.Main(m) }

// world is a sandbox and a gateway, each a process.
type world struct {
	t       *testing.T
	dir     string
	env     map[string]string
	gateway *process
	url     string
	vendor  string // the simulator's origin
}

// process is a child that a test may kill.
type process struct {
	command *exec.Cmd
	done    chan struct{}
	output  *output
}

// output keeps what a process says, for failures and for assertions.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func run(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	if testing.Short() {
		t.Skip("a test with processes of its own")
	}
	path, err := processtest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{command: exec.Command(path, args...), done: make(chan struct{}), output: &output{}}
	p.command.Dir, p.command.Stdout, p.command.Stderr = dir, p.output, p.output
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.command.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop(os.Kill)
		if t.Failed() {
			t.Logf("usher %s said:\n%s", strings.Join(args, " "), p.output)
		}
	})
	return p
}

// stop signals the process and waits for its end.
func (p *process) stop(signal os.Signal) {
	_ = p.command.Process.Signal(signal)
	select {
	case <-p.done:
	case <-time.After(60 * time.Second):
		_ = p.command.Process.Kill()
		<-p.done
	}
}

// eventually asks until the answer is yes. It waits for another process, which
// has no event to offer.
func eventually(t *testing.T, what string, ask func() bool) {
	t.Helper()
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	limit := time.After(60 * time.Second)
	for !ask() {
		select {
		case <-every.C:
		case <-limit:
			t.Fatalf("never: %s", what)
		}
	}
}

// open starts a sandbox and a gateway over it. change edits the gateway's
// configuration first.
func open(t *testing.T, change ...func(config string) string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	env, config := filepath.Join(w.dir, "sandbox.env"), filepath.Join(w.dir, "usher.yaml")
	box := run(t, w.dir, "sandbox", "--env-file", env, "--config-out", config)
	eventually(t, "the sandbox is up", func() bool { return ended(t, box) || processtest.Exists(env) && processtest.Exists(config) })
	w.env = processtest.Env(t, env)
	address, err := url.Parse(w.env["USHER_SANDBOX_ASGARDEO_URL"])
	if err != nil {
		t.Fatal(err)
	}
	w.vendor = address.Scheme + "://" + address.Host
	text := processtest.Read(t, config)
	port := processtest.FreePort(t)
	text = regexp.MustCompile(`(?m)^listen:.*$`).ReplaceAllString(text, fmt.Sprintf("listen: 127.0.0.1:%d", port))
	w.url = fmt.Sprintf("http://127.0.0.1:%d", port)
	for _, c := range change {
		text = c(text)
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.serve()
	return w
}

// serve starts the gateway, again after it was stopped.
func (w *world) serve() {
	w.t.Helper()
	w.gateway = run(w.t, w.dir, "serve", "-c", "usher.yaml")
	eventually(w.t, "the gateway is ready", func() bool {
		if ended(w.t, w.gateway) {
			return true
		}
		answer, err := http.Get(w.url + "/readyz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

func ended(t *testing.T, p *process) bool {
	select {
	case <-p.done:
		t.Fatalf("the process ended: %s", p.output)
		return true
	default:
		return false
	}
}

// answer is what the gateway said.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

func (a *answer) String() string { return fmt.Sprintf("%d %s", a.status, a.text) }

// str returns a text of the body, "" if it is absent or null.
func (a *answer) str(key string) string {
	s, _ := a.body[key].(string)
	return s
}

// ask sends one request to the gateway. body is JSON text or a value.
func (w *world) ask(method, path string, body any, header ...string) *answer {
	w.t.Helper()
	a, err := w.try(method, path, body, header...)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) try(method, path string, body any, header ...string) (*answer, error) {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, w.url+path, reader)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+w.env["USHER_TOKEN"])
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for n := 0; n < len(header); n += 2 {
		request.Header.Set(header[n], header[n+1])
	}
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return nil, err
	}
	a := &answer{status: got.StatusCode, header: got.Header, text: string(text)}
	_ = json.Unmarshal(text, &a.body)
	return a, nil
}

const (
	org     = "/v1/organizations/acme-asgardeo"
	invites = org + "/invites"
)

// invite is the body of a plain invitation.
func invite(email string, roles ...string) map[string]any {
	if len(roles) == 0 {
		roles = []string{"member"}
	}
	return map[string]any{"email": email, "roles": roles}
}

// want fails unless the answer has the status, and the code if one is given.
func (w *world) want(a *answer, status int, code string) *answer {
	w.t.Helper()
	if a.status != status || (code != "" && a.str("code") != code) {
		w.t.Fatalf("got %s, want %d %s", a, status, code)
	}
	if status >= 400 && !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
		w.t.Errorf("a problem of type %q", a.header.Get("Content-Type"))
	}
	return a
}

// state reads an invite and returns its state.
func (w *world) state(id string) string {
	w.t.Helper()
	return w.want(w.ask("GET", invites+"/"+id, nil), 200, "").str("state")
}

// refresh has the organization compared with the vendor.
func (w *world) refresh() {
	w.t.Helper()
	w.want(w.ask("GET", invites+"?refresh=true", nil), 200, "")
}

// mails returns the messages of a kind to an address.
func (w *world) mails(to, kind string) []mail.Message {
	w.t.Helper()
	query := url.Values{"to": {to}}
	if kind != "" {
		query.Set("kind", kind)
	}
	var list []mail.Message
	w.admin("GET", w.env["USHER_MAIL_URL"]+"?"+query.Encode(), nil, &list)
	return list
}

// wantMails fails unless so many mails of each kind went to an address.
func (w *world) wantMails(to string, password, guest int) {
	w.t.Helper()
	if p, g := len(w.mails(to, "set_password")), len(w.mails(to, "guest_invitation")); p != password || g != guest {
		w.t.Errorf("%s got %d set-password and %d invitation mails, want %d and %d", to, p, g, password, guest)
	}
}

// openMails has a person open every mail and do what it asks for.
func (w *world) openMails(to string) {
	w.t.Helper()
	for _, m := range w.mails(to, "") {
		if _, err := sandbox.OpenMail(w.t.Context(), &m); err != nil {
			w.t.Fatalf("open %q: %v", m.Subject, err)
		}
	}
}

// openPassword has a person set a password, so that later sendings mail the
// invitation alone.
func (w *world) openPassword(to string) {
	w.t.Helper()
	for _, m := range w.mails(to, "set_password") {
		if _, err := sandbox.OpenMail(w.t.Context(), &m); err != nil {
			w.t.Fatal(err)
		}
	}
}

// fault makes the simulator fail: DESIGN of the rule is sandbox/fault's.
func (w *world) fault(method, path string, times, skip int, do map[string]any) {
	w.t.Helper()
	w.admin("POST", w.vendor+"/_sandbox/faults", map[string]any{
		"match": map[string]any{"method": method, "path": path}, "times": times, "skip": skip, "do": do,
	}, nil)
}

func (w *world) heal() {
	w.t.Helper()
	w.admin("DELETE", w.vendor+"/_sandbox/faults", nil, nil)
}

// account is an account at the simulator.
type account struct {
	ID             string   `json:"id"`
	OrganizationID string   `json:"organization_id"`
	UserName       string   `json:"user_name"`
	Email          string   `json:"email"`
	Roles          []string `json:"roles"`
	AccountState   string   `json:"account_state"`
}

// accounts returns the accounts of an address, in the root and elsewhere.
func (w *world) accounts(email string) (root, member []account) {
	w.t.Helper()
	var state struct{ Users []account }
	w.admin("GET", w.vendor+"/_sandbox/state", nil, &state)
	for _, u := range state.Users {
		switch {
		case !strings.EqualFold(u.UserName, "DEFAULT/"+email):
		case u.OrganizationID == w.env["USHER_SANDBOX_ASGARDEO_ORGANIZATION_ID"]:
			member = append(member, u)
		default:
			root = append(root, u)
		}
	}
	return root, member
}

// admin calls the sandbox's own surfaces.
func (w *world) admin(method, address string, body, into any) {
	w.t.Helper()
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode >= 300 {
		w.t.Fatalf("%s %s: %d %s %v", method, address, got.StatusCode, text, err)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			w.t.Fatalf("%s: %v in %s", address, err, text)
		}
	}
}
