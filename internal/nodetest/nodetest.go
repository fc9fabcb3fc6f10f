// Package nodetest runs other people's JavaScript, as npm serves it, beside
// our code in tests: the vendors' own SDKs against the simulators, and servers
// that we did not write. package.json names the versions.
//
// The modules are not part of this repository. Tests that need them skip
// visibly where USHER_NODE is not set, and fail instead where CI is. `.ci/run`
// installs them:
//
//	cp internal/nodetest/package.json DIR && npm install --prefix DIR
//	USHER_NODE=DIR go test ./...
package nodetest

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Run runs a script of the calling package to its end, and fails the test with
// what it printed unless it ends with 0. The script may import every package
// that package.json names. env adds to an environment that holds PATH alone,
// so that no key of the machine's can reach it.
func Run(t testing.TB, script string, env map[string]string) {
	t.Helper()
	cmd := command(t, t.Context(), script, env)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	t.Logf("%s\n%s", script, out)
}

// Serve starts a script that serves until the test ends, and returns the first
// line that it prints: by custom the URL it serves at.
func Serve(t testing.TB, script string, env map[string]string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	cmd := command(t, ctx, script, env)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, lines)
	}()
	t.Cleanup(func() {
		stop()
		<-drained
		_ = cmd.Wait()
	})
	if err != nil {
		stop()
		<-drained
		t.Fatalf("%s ended before it served: %v\n%s", script, err, problems.String())
	}
	return strings.TrimSpace(line)
}

// command copies the script beside the modules, since that is where an import
// looks for them.
func command(t testing.TB, ctx context.Context, script string, env map[string]string) *exec.Cmd {
	t.Helper()
	modules := os.Getenv("USHER_NODE")
	if modules == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("USHER_NODE is not set: other people's clients and servers must run here")
		}
		t.Skip("no npm modules (set USHER_NODE to the folder that holds node_modules)")
	}
	source, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(modules, "run-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	copied := filepath.Join(dir, filepath.Base(script))
	if err := os.WriteFile(copied, source, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "node", copied)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}
