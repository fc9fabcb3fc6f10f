package crashtest

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"usher/internal/processtest"
)

// world is a sandbox with the gateways before it, each a process.
type world struct {
	t        *testing.T
	dir      string
	env      map[string]string
	vendors  []*vendor
	relay    *relay
	gateways []*gateway
}

// gateway is one instance, which is started again whenever it was killed.
type gateway struct {
	name string
	url  string
	*process
}

// database is where a run keeps its ledger.
type database struct {
	name      string
	url       func(t *testing.T, dir string) string
	instances int
}

// vendorNames are the simulated vendors with a state of their own.
func vendorNames() []string { return []string{"asgardeo", "clerk", "nile", "roq", "workos", "scim2"} }

// startLimit is how long a process may take to answer. A gateway first settles
// what was interrupted.
const startLimit = 2 * time.Minute

func openWorld(t *testing.T, db database) *world {
	t.Helper()
	w := &world{t: t, dir: folder(t, db.name)}
	env, config := filepath.Join(w.dir, "sandbox.env"), filepath.Join(w.dir, "sandbox.yaml")
	box, err := run(t, w.dir, "sandbox.log", "sandbox", "--env-file", env, "--config-out", config, "--ledger", db.url(t, w.dir))
	if err != nil {
		t.Fatal(err)
	}
	if !eventually(startLimit, 20*time.Millisecond, func() bool { return box.ended() || processtest.Exists(env) && processtest.Exists(config) }) || box.ended() {
		t.Fatalf("the sandbox does not start:\n%s", w.said("sandbox.log"))
	}
	w.env = processtest.Env(t, env)
	for _, name := range vendorNames() {
		w.vendors = append(w.vendors, &vendor{name: name, origin: origin(t, w.env["USHER_SANDBOX_"+strings.ToUpper(name)+"_URL"])})
	}
	w.openGateways(processtest.Read(t, config), db.instances)
	return w
}

// openGateways starts the gateways with the sandbox's configuration, but that
// they mail through the relay.
func (w *world) openGateways(config string, instances int) {
	w.t.Helper()
	smtp := regexp.MustCompile(`(?m)^  port: (\d+)$`)
	catcher := smtp.FindStringSubmatch(config)
	if catcher == nil {
		w.t.Fatalf("no mail server in the configuration:\n%s", config)
	}
	w.relay = newRelay(w.t, "127.0.0.1:"+catcher[1])
	config = smtp.ReplaceAllString(config, fmt.Sprintf("  port: %d", w.relay.port()))
	for n := range instances {
		port := processtest.FreePort(w.t)
		g := &gateway{name: fmt.Sprintf("usher%d", n+1), url: fmt.Sprintf("http://127.0.0.1:%d", port)}
		text := regexp.MustCompile(`(?m)^listen:.*$`).ReplaceAllString(config, fmt.Sprintf("listen: 127.0.0.1:%d", port))
		if err := os.WriteFile(filepath.Join(w.dir, g.name+".yaml"), []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
		w.gateways = append(w.gateways, g)
		if err := w.serve(g); err != nil {
			w.t.Fatal(err)
		}
		if err := w.ready(g); err != nil {
			w.t.Fatal(err)
		}
	}
}

// serve starts a gateway and does not wait for it.
func (w *world) serve(g *gateway) (err error) {
	g.process, err = run(w.t, w.dir, g.name+".log", "serve", "-c", g.name+".yaml")
	return err
}

// ready waits until a gateway answers.
func (w *world) ready(g *gateway) error {
	answers := func() bool {
		if g.ended() {
			return true
		}
		answer, err := http.Get(g.url + "/readyz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}
	if !eventually(startLimit, 10*time.Millisecond, answers) || g.ended() {
		return fmt.Errorf("%s does not start:\n%s", g.name, w.said(g.name+".log"))
	}
	return nil
}

// said returns the end of what a process said.
func (w *world) said(log string) string {
	const most = 6000
	text := processtest.Read(w.t, filepath.Join(w.dir, log))
	return text[max(0, len(text)-most):]
}

// folder is where a run keeps its files.
func folder(t *testing.T, name string) string {
	t.Helper()
	kept := os.Getenv("USHER_CRASH_DIR")
	if kept == "" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(kept, name+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Log("the ledger and the logs are in", dir)
	return dir
}

func origin(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		t.Fatalf("%q is no address of a vendor: %v", address, err)
	}
	return u.Scheme + "://" + u.Host
}
