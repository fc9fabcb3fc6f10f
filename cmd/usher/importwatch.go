package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"usher/api"
	"usher/identity"
	"usher/internal/httpx"
)

// How often a batch is asked about where the gateway does not say: soon at
// first, since most are short.
const (
	pollFirst = 500 * time.Millisecond
	pollMost  = 5 * time.Second
	pollLeast = 20 * time.Millisecond // also where the gateway says at once
)

// itemsPage is how many rows are asked for at once, and itemsShown how many of
// those that failed are printed.
const (
	itemsPage  = 200
	itemsShown = 10
)

// watching ends with the first SIGINT or SIGTERM. The second ends the program
// as ever.
func watching(ctx context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	release := context.AfterFunc(ctx, stop)
	return ctx, func() {
		release()
		stop()
	}
}

// stopped tells somebody who pressed Ctrl-C what goes on without him.
func stopped(s *shell, lines ...string) error {
	for _, line := range lines {
		_, _ = fmt.Fprintln(s.stderr, line) // nowhere left to complain
	}
	return errInterrupted
}

// watch is a command that looks at one batch.
type watch struct {
	apiFlags
	client  *apiClient
	s       *shell
	results string // empty: none is wanted
	now     func() time.Time
}

// begin prints which batch it is.
func (w *watch) begin(answer *httpx.Response) (*api.Batch, error) {
	b, err := decodeBatch(answer.Body)
	if err != nil {
		return nil, err
	}
	if w.JSON {
		return b, printJSON(w.s, answer.Body)
	}
	return b, w.s.say("batch %s: %d rows", b.ID, b.Counts.Rows)
}

// finish watches a batch to its end and tells what became of it.
func (w *watch) finish(ctx context.Context, b *api.Batch, header http.Header) error {
	b, answer, err := w.follow(ctx, b, header)
	if err == nil {
		err = w.report(ctx, b, answer)
	}
	if err != nil && ctx.Err() != nil {
		return stopped(w.s, "The batch goes on at the gateway.",
			"To watch it again: the same command, or usher invite batch get "+b.ID+" --wait"+w.organization(),
			"To stop it:        usher invite batch cancel "+b.ID+w.organization())
	}
	return err
}

// organization is the flag that leads to the batch again.
func (f apiFlags) organization() string {
	return " -o " + shellWord(f.Organization)
}

// follow asks until every row has its outcome. A gateway that does not answer
// for a while is waited for as long as --timeout says.
func (w *watch) follow(ctx context.Context, b *api.Batch, header http.Header) (*api.Batch, []byte, error) {
	p := newProgress(w.s)
	defer p.end()
	answered := w.now()
	var answer []byte
	for n := 0; ; n++ {
		p.show(b)
		if answer != nil && batchEnded(b) {
			return b, answer, nil
		}
		if n > 0 || !batchEnded(b) {
			if err := httpx.Sleep(ctx, pollWait(header, n)); err != nil {
				return b, nil, err
			}
		}
		got, err := w.client.ask(ctx, w.call("get a batch", http.MethodGet, b.ID))
		var refusal *apiError
		switch {
		case err != nil && ctx.Err() != nil, err != nil && exitCode(err) != exitUnavailable, err != nil && w.now().Sub(answered) > w.Timeout:
			return b, nil, err
		case errors.As(err, &refusal):
			header = refusal.header
			continue
		case err != nil:
			header = nil
			continue
		}
		now, err := decodeBatch(got.Body)
		if err != nil {
			return b, nil, err
		}
		b, answer, header, answered = now, got.Body, got.Header, w.now()
	}
}

// pollWait is how long to wait before asking again.
func pollWait(header http.Header, n int) time.Duration {
	if header.Get("Retry-After") != "" {
		return max(httpx.RetryAfter(header, time.Now()), pollLeast)
	}
	const doublings = 10
	return min(pollFirst<<min(n, doublings), pollMost)
}

// batchEnded reports whether every row of a batch has its outcome.
func batchEnded(b *api.Batch) bool {
	return b.State == string(identity.BatchDone) || b.State == string(identity.BatchCancelled)
}

// report prints the end of a batch and writes what became of each row.
func (w *watch) report(ctx context.Context, b *api.Batch, answer []byte) error {
	if w.results != "" {
		if err := w.writeResults(ctx, b.ID); err != nil {
			return err
		}
	}
	if w.JSON {
		if err := printJSON(w.s, answer); err != nil {
			return err
		}
	} else if err := w.tell(ctx, b); err != nil {
		return err
	}
	return unsent(b)
}

// unsent is the error of a finished batch of which rows were not sent.
func unsent(b *api.Batch) error {
	n := b.Counts.Rows - b.Counts.Sent - b.Counts.Skipped
	if n == 0 || !batchEnded(b) {
		return nil
	}
	return fmt.Errorf("%d of %d rows were not sent", n, b.Counts.Rows)
}

// tell prints how far a batch is, and of what failed the beginning.
func (w *watch) tell(ctx context.Context, b *api.Batch) error {
	if b.Counts.Failed > 0 {
		query := url.Values{"outcome": {string(identity.OutcomeFailed)}, "limit": {strconv.Itoa(itemsShown)}}
		page, err := w.items(ctx, b.ID, query)
		if err != nil {
			return err
		}
		for _, text := range page.Data {
			var i api.BatchItem
			if err := json.Unmarshal(text, &i); err != nil {
				return fmt.Errorf("the answer is not a list of rows: %w", err)
			}
			if err := w.s.say("%s", describeItem(i)); err != nil {
				return err
			}
		}
		if more := b.Counts.Failed - len(page.Data); more > 0 {
			if err := w.s.say("… and %d more: --results FILE has all", more); err != nil {
				return err
			}
		}
	}
	return w.s.say("%s: %s", b.State, countsText(b))
}

// countsText is what became of a batch's rows; what is 0 is left out.
func countsText(b *api.Batch) string {
	text := fmt.Sprintf("%d rows", b.Counts.Rows)
	for _, c := range []struct {
		n    int
		what identity.Outcome
	}{
		{b.Counts.Sent, identity.OutcomeSent}, {b.Counts.Skipped, identity.OutcomeSkipped}, {b.Counts.Failed, identity.OutcomeFailed},
		{b.Counts.Cancelled, identity.OutcomeCancelled}, {b.Counts.Uncertain, identity.OutcomeUncertain},
		{b.Counts.Queued + b.Counts.Sending, identity.OutcomeQueued},
	} {
		if c.n > 0 {
			text += fmt.Sprintf(", %d %s", c.n, c.what)
		}
	}
	return text
}

// itemList is a page of rows, each as the gateway wrote it.
type itemList struct {
	Data       []json.RawMessage `json:"data"`
	NextCursor *string           `json:"next_cursor"`
}

func (w *watch) items(ctx context.Context, id string, query url.Values) (*itemList, error) {
	answer, err := w.client.get(ctx, "list a batch's rows", w.client.organizationPath("invite-batches", id, "items"), query)
	if err != nil {
		return nil, err
	}
	var page itemList
	if err := json.Unmarshal(answer, &page); err != nil || page.Data == nil {
		return nil, errors.New("the answer is not a list of rows")
	}
	return &page, nil
}
