package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The bench runs and says all it is to say. What it measures on a machine that
// runs other tests beside says nothing.
func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a great many processes")
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bench")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "usher/internal/bench").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	command := exec.CommandContext(t.Context(), path, "-quick")
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	command.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	if err := command.Run(); err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	head, rows, ok := strings.Cut(stdout.String(), "\n\n")
	if !ok {
		t.Fatalf("no table in:\n%s", &stdout)
	}
	for _, want := range []string{`machine: \S+`, `load before: \S+`, `Go: go1`, `commit: \S+`, `quick run: the figures mean nothing`} {
		if !regexp.MustCompile(`(?m)^` + want).MatchString(head) {
			t.Errorf("the head says nothing like %q:\n%s", want, head)
		}
	}
	checkTable(t, rows)
	if left, err := os.ReadDir(envOf(command, "TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func envOf(command *exec.Cmd, name string) string {
	value := ""
	for _, line := range command.Env {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			value = v
		}
	}
	return value
}

func checkTable(t *testing.T, text string) {
	t.Helper()
	var got []string
	for n, line := range strings.Split(strings.TrimSpace(text), "\n") {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for c := range cells {
			cells[c] = strings.TrimSpace(cells[c])
		}
		if len(cells) != 5 {
			t.Fatalf("%d columns: %s", len(cells), line)
		}
		switch n {
		case 0:
			if want := []string{"what", "must", "stretch", "measured", "verdict"}; !slices.Equal(cells, want) {
				t.Errorf("the columns are %q, want %q", cells, want)
			}
		case 1: // the line below
		default:
			if !slices.Contains([]string{"stretch", "must", "MISS", noGoal, notMeasured}, cells[4]) {
				t.Errorf("verdict %q: %s", cells[4], line)
			}
			if cells[4] != notMeasured && !regexp.MustCompile(`^-?\d+(\.\d+)?.* \(.+\)$`).MatchString(cells[3]) {
				t.Errorf("no figure with its reference: %q", cells[3])
			}
			what, _, _ := strings.Cut(cells[0], ":")
			got = append(got, what)
		}
	}
	want := []string{
		"stripped binary", "usher serve, idle",
		"read one invite, remembered token", "the disk alone",
		"sending to Asgardeo, 100 a second", "sending to Asgardeo, 100 a second",
		"sending to Asgardeo with an Idempotency-Key, 100 a second", "sending to Asgardeo with an Idempotency-Key, 100 a second",
		"sending to Clerk, 100 a second", "sending to Clerk, 100 a second",
		"sending to Clerk with an Idempotency-Key, 100 a second", "sending to Clerk with an Idempotency-Key, 100 a second",
		"members, read through", "new upstream connections a request, after warm-up",
		"peak memory at 16 connections", "peak memory at 512 connections",
		"organizations 10 → 500", "reading any of 500 invites over any of 10", "organizations 10 → 500", "issuers 1 → 20", "issuers 1 → 20",
		"SQLite, invites 100 → 1000, organizations 10 → 100", "SQLite, invites 100 → 1000, organizations 10 → 100",
		"Postgres, invites 100 → 1000, organizations 10 → 100", "Postgres, invites 100 → 1000, organizations 10 → 100",
		"batch of 200 → 2000 rows", "batch of 200 → 2000 rows", "memory while 200 rows stream in", "batch of 200 → 2000 rows",
		"SQLite, a single invite's p99 while a batch of 2000 rows is sent, over idle",
		"Postgres, a single invite's p99 while a batch of 2000 rows is sent, over idle",
		"SQLite, settled after each of 2 kills while 60 rows are sent", "Postgres, settled after each of 2 kills while 60 rows are sent",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the rows are\n%q, want\n%q", got, want)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		goal     goal
		measured float64
		want     string
	}{
		{"less is better, stretch", goal{must: 2, stretch: 1}, 1, "stretch"},
		{"less is better, must", goal{must: 2, stretch: 1}, 1.1, "must"},
		{"less is better, missed", goal{must: 2, stretch: 1}, 2.1, "MISS"},
		{"no stretch", goal{must: 2}, 0, "must"},
		{"no goal", goal{}, 3, noGoal},
		{"more is better, stretch", goal{must: 0.5, stretch: 0.7, atLeast: true}, 0.7, "stretch"},
		{"more is better, must", goal{must: 0.5, stretch: 0.7, atLeast: true}, 0.6, "must"},
		{"more is better, missed", goal{must: 0.5, stretch: 0.7, atLeast: true}, 0.4, "MISS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.goal.verdict(tt.measured); got != tt.want {
				t.Errorf("verdict %q, want %q", got, tt.want)
			}
		})
	}
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-slow"}, {"more"}} {
		if code := run(context.Background(), args, nil, &bytes.Buffer{}, &bytes.Buffer{}); code != 2 {
			t.Errorf("%q ended with %d, want 2", args, code)
		}
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		figures []float64
		want    float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{3, 1, 2}, 2}, {[]float64{4, 1, 2, 3}, 2.5}} {
		if got := median(tt.figures); got != tt.want {
			t.Errorf("median of %v is %v, want %v", tt.figures, got, tt.want)
		}
	}
}
