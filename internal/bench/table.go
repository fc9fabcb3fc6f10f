package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"
)

// goal is what a row must reach and what it should: PERFORMANCE goals.
type goal struct {
	must, stretch float64
	unit          string // how the figures are written, a format of one float
	atLeast       bool   // more is better; otherwise less is
}

func (g goal) verdict(measured float64) string {
	reached := func(bound float64) bool {
		if g.atLeast {
			return measured >= bound
		}
		return measured <= bound
	}
	switch {
	case g.must == 0:
		return noGoal
	case g.stretch != 0 && reached(g.stretch):
		return "stretch"
	case reached(g.must):
		return "must"
	default:
		return "MISS"
	}
}

// table is what is printed: a Markdown table that is aligned for terminals too.
type table struct{ rows [][]string }

// noGoal is the verdict of a row that nothing is asked of.
const noGoal = "–"

// notMeasured is the verdict of a row that this machine cannot measure.
const notMeasured = "not measured"

// add records a row. beside is the reference, or how the figure came about.
func (t *table) add(what string, g goal, measured float64, beside string, args ...any) {
	figure := fmt.Sprintf(g.unit, measured) + " (" + fmt.Sprintf(beside, args...) + ")"
	t.rows = append(t.rows, []string{what, g.bound(g.must), g.bound(g.stretch), figure, g.verdict(measured)})
}

// skip records a row that cannot be measured here.
func (t *table) skip(what string, g goal, why error) {
	t.rows = append(t.rows, []string{what, g.bound(g.must), g.bound(g.stretch), why.Error(), notMeasured})
}

func (g goal) bound(value float64) string {
	if value == 0 {
		return "–"
	}
	sign := "≤ "
	if g.atLeast {
		sign = "≥ "
	}
	return sign + fmt.Sprintf(strings.Replace(g.unit, ".3f", ".4g", 1), value)
}

func (t *table) String() string {
	rows := slices.Concat([][]string{{"what", "must", "stretch", "measured", "verdict"}}, t.rows)
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for n, cell := range row {
			widths[n] = max(widths[n], utf8.RuneCountInString(cell))
		}
	}
	var text strings.Builder
	for n, row := range rows {
		for column, cell := range row {
			text.WriteString("| " + cell + strings.Repeat(" ", widths[column]-utf8.RuneCountInString(cell)+1))
		}
		text.WriteString("|\n")
		if n == 0 {
			for _, width := range widths {
				text.WriteString("|" + strings.Repeat("-", width+2))
			}
			text.WriteString("|\n")
		}
	}
	return text.String()
}

// print writes the table, and what it was measured on and with.
func (b *bench) print(ctx context.Context, w io.Writer) error {
	kind := "full run"
	if b.plan.limit < fullPlan().limit {
		kind = "quick run: the figures mean nothing"
	}
	_, err := fmt.Fprintf(w, "machine: %s\nload before: %s\nGo: %s\ncommit: %s\n%s\n\n%s",
		machine(), b.busy, runtime.Version(), commit(ctx), kind, &b.table)
	return err
}

// machine describes what this runs on.
func machine() string {
	model := "processor unknown"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s/%s, %d cores, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), model)
}

// loadAverage is how busy the machine is with other work.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(text))[0]
}

// commit is what is checked out, marked where it is not what is measured.
func commit(ctx context.Context) string {
	text, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

// median returns the middle of some figures.
func median(figures []float64) float64 {
	if len(figures) == 0 {
		return 0
	}
	sorted := slices.SortedFunc(slices.Values(figures), cmp.Compare[float64])
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
