package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a test waits for another process.
const patience = 60 * time.Second

// TestMain makes this test binary a usher wherever it is called by that name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"usher": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			// Where demos keep their temporary ledger, so that scripts can look.
			e.Setenv("TMPDIR", filepath.Join(e.WorkDir, "tmp"))
			return os.MkdirAll(filepath.Join(e.WorkDir, "tmp"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": scriptExits, "waitfor": scriptWaitFor, "source": scriptSource, "freeport": scriptFreePort,
			"capture": scriptCapture, "fetch": scriptFetch, "busyport": scriptBusyPort, "mode": scriptMode, "replace": scriptReplace,
			"oneline": scriptOneLine,
		},
	})
}

// scriptExits runs a program and compares its exit code: exits 2 usher demo x.
func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exits with %d, want %d", got, want)
	}
}

// scriptWaitFor waits until a file is there, or a URL answers 200.
func scriptWaitFor(ts *testscript.TestScript, _ bool, args []string) {
	what := args[0]
	there := func() bool {
		_, err := os.Stat(ts.MkAbs(what))
		return err == nil
	}
	if strings.HasPrefix(what, "http") {
		there = func() bool {
			answer, err := http.Get(what)
			if err != nil {
				return false
			}
			defer answer.Body.Close()
			return answer.StatusCode == http.StatusOK
		}
	}
	if !eventually(there) {
		ts.Fatalf("%s never came", what)
	}
}

// eventually asks until the answer is yes. It waits for another process, which
// has no event to offer.
func eventually(ask func() bool) bool {
	every, limit := time.NewTicker(10*time.Millisecond), time.After(patience)
	defer every.Stop()
	for !ask() {
		select {
		case <-every.C:
		case <-limit:
			return false
		}
	}
	return true
}

// scriptSource reads an environment file as a shell does.
func scriptSource(ts *testscript.TestScript, _ bool, args []string) {
	for name, value := range sourced(ts.Fatalf, ts.MkAbs(args[0])) {
		ts.Setenv(name, value)
	}
}

func sourced(fatal func(string, ...any), path string) map[string]string {
	out, err := exec.Command("env", "-i", "sh", "-c", `. "$1" && env`, "sh", path).Output()
	if err != nil {
		fatal("source %s: %v", path, err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok && strings.HasPrefix(name, "USHER_") {
			env[name] = value
		}
	}
	return env
}

// scriptFreePort puts a loopback address that nobody listens on into a variable.
func scriptFreePort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], l.Addr().String())
	ts.Check(l.Close())
}

// scriptBusyPort puts a loopback address that is taken into a variable.
func scriptBusyPort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}

// scriptCapture puts what a pattern finds in a file into a variable.
func scriptCapture(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile(args[1]).FindString(ts.ReadFile(args[2]))
	if found == "" {
		ts.Fatalf("no %s in %s", args[1], args[2])
	}
	ts.Setenv(args[0], found)
}

// scriptFetch prints what a URL answers.
func scriptFetch(ts *testscript.TestScript, _ bool, args []string) {
	answer, err := http.Get(args[0])
	ts.Check(err)
	defer answer.Body.Close()
	_, err = io.Copy(ts.Stdout(), answer.Body)
	ts.Check(err)
}

// scriptMode compares a file's permissions.
func scriptMode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// scriptReplace replaces a text in a file, which must be there.
func scriptReplace(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[2])
	if !strings.Contains(text, args[0]) {
		ts.Fatalf("no %q in %s", args[0], args[2])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.ReplaceAll(text, args[0], args[1])), 0o600))
}

// scriptOneLine fails unless a stream of the last command is one line.
func scriptOneLine(ts *testscript.TestScript, _ bool, args []string) {
	if text := ts.ReadFile(args[0]); strings.Count(text, "\n") != 1 {
		ts.Fatalf("%s is not one line:\n%s", args[0], text)
	}
}
