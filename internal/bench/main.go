package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program: 0 the table was printed, whatever it says; 1 not all of
// it could be; 2 wrong usage.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) == 1 && args[0] == bareCommand {
		return exit(stderr, serveBare(ctx, stdin, stdout))
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	quick := flags.Bool("quick", false, "a short run with small numbers: it shows that everything works, not how fast it is")
	verbose := flags.Bool("v", false, "show usher's own log")
	part := flags.String("part", "", "measure only the part whose name begins so")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return 2
	}
	b := &bench{plan: fullPlan(), part: *part, progress: stderr}
	if *quick {
		b.plan = quickPlan()
	}
	if *verbose {
		b.log = stderr
	}
	return exit(stderr, b.run(ctx, stdout))
}

func exit(stderr io.Writer, err error) int {
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "bench:", err) // nowhere left to complain
		return 1
	}
	return 0
}

// plan is how much is measured.
type plan struct {
	rounds     int           // of a pair that takes turns
	round      time.Duration // of one of the two
	send       time.Duration // open-loop sending, each turn
	sendRounds int
	rate       int           // sends a second
	memory     time.Duration // load before memory is read
	few, many  int           // organizations
	touched    int           // organizations read through to the vendor
	issuers    int

	ledgerOrgs, ledgerCopies int           // organizations of the small ledger, and how many more of each the large one has
	fewRows, manyRows        int           // of a batch
	uploads                  int           // rounds of one of each
	single                   int           // single invites a second beside a batch
	crashRows, crashKills    int           // of the crash test
	limit                    time.Duration // of the whole run
}

func fullPlan() plan {
	return plan{
		rounds: 5, round: 700 * time.Millisecond, send: 3 * time.Second, sendRounds: 3, rate: 500,
		memory: 3 * time.Second, few: 100, many: 100_000, touched: 10_000, issuers: 1000,
		ledgerOrgs: 1000, ledgerCopies: 99, fewRows: 10_000, manyRows: 100_000, uploads: 2, single: 100,
		crashRows: 2000, crashKills: 20, limit: time.Hour,
	}
}

func quickPlan() plan {
	return plan{
		rounds: 1, round: 100 * time.Millisecond, send: 300 * time.Millisecond, sendRounds: 1, rate: 100,
		memory: 200 * time.Millisecond, few: 10, many: 500, touched: 20, issuers: 20,
		ledgerOrgs: 10, ledgerCopies: 9, fewRows: 200, manyRows: 2000, uploads: 1, single: 50,
		crashRows: 60, crashKills: 2, limit: 10 * time.Minute,
	}
}

// bench is one run.
type bench struct {
	plan     plan
	part     string // the beginning of the names of what is measured
	progress io.Writer
	log      io.Writer // usher's own; nil: nowhere

	dir    string // everything of this run; removed at its end
	binary string
	self   string // this program, for the bare servers
	busy   string // load average before the run
	issuer *issuer
	vendor *vendor
	table  table

	upstream struct{ opened, requests int64 } // connections to the vendor after warm-up
}

// run measures everything and prints the table.
func (b *bench) run(ctx context.Context, stdout io.Writer) (err error) {
	if err := b.open(ctx); err != nil {
		return errors.Join(err, b.close())
	}
	defer func() { err = errors.Join(err, b.close()) }()
	ctx, cancel := context.WithTimeoutCause(ctx, b.plan.limit, errors.New("the run took longer than it may"))
	defer cancel()
	started := time.Now()
	b.busy = loadAverage()
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"binary and idle memory", b.binaryAndIdle},
		{"reading one invite", b.reading},
		{"sending", b.sending},
		{"members", b.members},
		{"memory under load", b.memory},
		{"organizations", b.organizations},
		{"issuers", b.issuerGrowth},
		{"ledger", b.ledgerGrowth},
		{"uploads", b.uploads},
		{"batch beside single invites", b.besideBatch},
		{"settling after kills", b.settling},
	} {
		if !strings.HasPrefix(part.name, b.part) {
			continue
		}
		_, _ = fmt.Fprintf(b.progress, "%6.1fs %s\n", time.Since(started).Seconds(), part.name)
		if err := errors.Join(part.do(ctx), b.vendor.answeredAll()); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return errors.Join(fmt.Errorf("%s, so the table is not whole: %w", part.name, err), b.print(context.WithoutCancel(ctx), stdout))
		}
	}
	_, _ = fmt.Fprintf(b.progress, "%6.1fs done\n", time.Since(started).Seconds())
	return b.print(ctx, stdout)
}

// open makes the folder, the binary and the surroundings.
func (b *bench) open(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "usher-bench-"); err != nil {
		return err
	}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.binary, err = buildUsher(ctx, b.dir); err != nil {
		return err
	}
	if b.vendor, err = startVendor(ctx); err != nil {
		return err
	}
	b.issuer, err = startIssuer(ctx)
	return err
}

func (b *bench) close() error {
	var errs []error
	if b.issuer != nil {
		errs = append(errs, b.issuer.server.Close())
	}
	if b.vendor != nil {
		errs = append(errs, b.vendor.server.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}
