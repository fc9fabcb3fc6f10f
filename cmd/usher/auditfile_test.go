package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"usher/config"
	"usher/internal/audit"
)

// serveBeside starts a sandbox and a gateway in front of it, with more lines in
// the configuration.
func serveBeside(t *testing.T, more string) (dir string, env map[string]string, gateway *child) {
	t.Helper()
	dir = t.TempDir()
	envFile, file := filepath.Join(dir, "usher.env"), filepath.Join(dir, "usher.yaml")
	box := start(t, dir, "sandbox", "--listen", freeAddress(t), "--env-file", envFile, "--config-out", file)
	box.waitFor("the sandbox is up", func() bool { _, err := os.Stat(envFile); return err == nil })
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, more...), 0o600); err != nil {
		t.Fatal(err)
	}
	env = sourced(t.Fatalf, envFile)
	gateway = start(t, dir, "serve", "-c", file)
	gateway.waitFor("the gateway is ready", func() bool { return get(env["USHER_URL"]+"/readyz") == http.StatusOK })
	return dir, env, gateway
}

// recorded returns the entries among lines of any kind.
func recorded(t *testing.T, text string) []audit.Entry {
	t.Helper()
	var list []audit.Entry
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, `{"stream":"audit"`) {
			continue
		}
		var e audit.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

// TestAuditFile: a file of its own, which can be rotated while the gateway
// runs.
func TestAuditFile(t *testing.T) {
	t.Parallel()
	dir, env, gateway := serveBeside(t, "audit: {file: audit.jsonl}\n")
	path := filepath.Join(dir, "audit.jsonl")
	invites := env["USHER_URL"] + "/v1/organizations/acme-asgardeo/invites"
	if got := send(t, invites, env["USHER_TOKEN"], `{"email":"ada@example.com","roles":["member"]}`); got.status != http.StatusCreated {
		t.Fatalf("got %+v", got)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	gateway.signal(syscall.SIGHUP)
	gateway.waitFor("a new file is there", func() bool { _, err := os.Stat(path); return err == nil })
	if got := send(t, invites, env["USHER_TOKEN_READER"], `{"email":"ada@example.com","roles":["member"]}`); got.status != http.StatusForbidden {
		t.Fatalf("got %+v", got)
	}
	gateway.signal(os.Interrupt)
	if code := gateway.code(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	for name, want := range map[string]int{path + ".1": http.StatusCreated, path: http.StatusForbidden} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		entries := recorded(t, string(text))
		if len(entries) != 1 || entries[0].Status != want || entries[0].Source != "127.0.0.1" || entries[0].Operation != "sendInvite" {
			t.Errorf("%s: %s", name, text)
		}
		for _, secret := range []string{env["USHER_TOKEN"], env["USHER_TOKEN_READER"], "ada@", "Bearer"} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s holds %q: %s", name, secret, text)
			}
		}
	}
	if strings.Contains(gateway.output.String(), `"stream"`) {
		t.Errorf("it is on standard error too:\n%s", gateway.output)
	}
}

// TestAuditStream: without a file the record is on standard error, apart from
// the log by its first key.
func TestAuditStream(t *testing.T) {
	t.Parallel()
	_, env, gateway := serveBeside(t, "")
	got := send(t, env["USHER_URL"]+"/v1/organizations/acme-asgardeo/invites", env["USHER_TOKEN_OUTSIDER"], `{}`)
	if got.status != http.StatusNotFound {
		t.Fatalf("got %+v", got)
	}
	gateway.waitFor("the line is there", func() bool { return strings.Contains(gateway.output.String(), `"stream"`) })
	if entries := recorded(t, gateway.output.String()); len(entries) != 1 || entries[0].OrganizationRef != "acme-asgardeo" || entries[0].Code != "not_found" {
		t.Errorf("got %+v in\n%s", entries, gateway.output)
	}
}

// TestAuditFileThatCannotBeOpened stops the start.
func TestAuditFileThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	g := &gateway{}
	g.config = &config.Config{Audit: config.Audit{Enabled: true, File: filepath.Join(t.TempDir(), "nowhere", "audit.jsonl")}}
	if err := g.openAudit(nil); err == nil || !strings.HasPrefix(err.Error(), "open the audit record: ") {
		t.Errorf("got %v", err)
	}
	g.config.Audit.Enabled = false
	if err := g.openAudit(nil); err != nil || g.audit != nil {
		t.Errorf("got %v, %v", g.audit, err)
	}
}
