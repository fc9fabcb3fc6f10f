package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// settledLine is what the crash test says about settling.
var settledLine = regexp.MustCompile(`settled after a kill: median ([0-9.]+) s, .*longest ([0-9.]+) s`)

// settling runs the crash test, which kills gateways while batches are sent, and
// says how long it took after each kill until everything was settled that was
// open then.
func (b *bench) settling(ctx context.Context) error {
	for _, d := range databases() {
		what := fmt.Sprintf("%s, settled after each of %d kills while %d rows are sent: median", d.name, b.plan.crashKills, b.plan.crashRows)
		g := goal{unit: "%.2f s"}
		if d.missing != nil {
			b.table.skip(what, g, d.missing)
			continue
		}
		said, err := b.crashTest(ctx, d)
		if err != nil {
			return err
		}
		found := settledLine.FindSubmatch(said)
		if found == nil {
			return fmt.Errorf("the crash test on %s says nothing about settling: %s", d.name, said)
		}
		median, err := strconv.ParseFloat(string(found[1]), 64)
		if err != nil {
			return err
		}
		b.table.add(what, g, median, "longest %s s", found[2])
	}
	return nil
}

// crashTest runs internal/crashtest on one database.
func (b *bench) crashTest(ctx context.Context, d database) ([]byte, error) {
	command := exec.CommandContext(ctx, "go", "test", "usher/internal/crashtest", "-count=1", "-v", "-timeout=0", "-run=^TestCrash$/^"+strings.ToLower(d.name)+"$")
	command.Env = append(os.Environ(), "TMPDIR="+b.dir, "USHER_CRASH_DIR=",
		fmt.Sprint("USHER_CRASH_ROWS=", b.plan.crashRows), fmt.Sprint("USHER_CRASH_KILLS=", b.plan.crashKills))
	together(command)
	out, err := command.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("crash test on %s: %w: %s", d.name, err, bytes.TrimSpace(out))
	}
	return out, nil
}
