package main

import (
	"context"
	"net/http"
	"time"

	"usher/internal/httpx"
)

type batchGetCmd struct {
	apiFlags
	ID      string `arg:"" help:"The batch's id: bat_…."`
	Wait    bool   `help:"Watch it until every row has its outcome."`
	Results string `placeholder:"FILE" help:"Write what has become of each row to FILE.csv or FILE.ndjson (mode 0600)."`
}

// Help implements kong.HelpProvider.
func (c *batchGetCmd) Help() string {
	return `The exit code is 1 where a finished batch has rows that were not sent.

Examples:

    usher invite batch get bat_0dhvc8kt7g6qeb8ugt3i8f7m9c -o acme
    usher invite batch get bat_0dhvc8kt7g6qeb8ugt3i8f7m9c -o acme --wait --results outcome.csv`
}

// Run shows a batch, or watches it.
func (c *batchGetCmd) Run(ctx context.Context, s *shell) error {
	if err := checkResults(c.Results); err != nil {
		return err
	}
	w, err := c.watch(s, c.Results)
	if err != nil {
		return err
	}
	ctx, stop := watching(ctx)
	defer stop()
	answer, err := w.client.ask(ctx, w.call("get a batch", http.MethodGet, c.ID))
	if err != nil {
		return err
	}
	batch, err := decodeBatch(answer.Body)
	switch {
	case err != nil:
		return err
	case c.Wait && !batchEnded(batch):
		return w.finish(ctx, batch, answer.Header)
	default:
		return w.report(ctx, batch, answer.Body)
	}
}

type batchCancelCmd struct {
	apiFlags
	ID string `arg:"" help:"The batch's id: bat_…."`
}

// Help implements kong.HelpProvider.
func (c *batchCancelCmd) Help() string {
	return `What is being sent right now is still sent; what was sent stays. Cancelling twice changes nothing.

Examples:

    usher invite batch cancel bat_0dhvc8kt7g6qeb8ugt3i8f7m9c -o acme`
}

// Run takes back what a batch has not sent yet.
func (c *batchCancelCmd) Run(ctx context.Context, s *shell) error {
	return c.actOnBatch(ctx, s, "cancel", c.ID)
}

type batchRetryCmd struct {
	apiFlags
	ID string `arg:"" help:"The batch's id: bat_…."`
}

// Help implements kong.HelpProvider.
func (c *batchRetryCmd) Help() string {
	return `Sends again what the provider refused. Rows that are wrong in themselves stay failed: correct the file and import it again; who has an invite is skipped.

Examples:

    usher invite batch retry bat_0dhvc8kt7g6qeb8ugt3i8f7m9c -o acme
    usher invite batch get bat_0dhvc8kt7g6qeb8ugt3i8f7m9c -o acme --wait`
}

// Run has the failed rows of a batch sent again.
func (c *batchRetryCmd) Run(ctx context.Context, s *shell) error {
	return c.actOnBatch(ctx, s, "retry", c.ID)
}

func (f apiFlags) watch(s *shell, results string) (*watch, error) {
	client, err := f.open(s)
	if err != nil {
		return nil, err
	}
	return &watch{apiFlags: f, client: client, s: s, results: results, now: time.Now}, nil
}

// call is a call to a batch or one of its verbs.
func (w *watch) call(op, method string, parts ...string) httpx.Call {
	path := w.client.organizationPath(append([]string{"invite-batches"}, parts...)...)
	return httpx.Call{Op: op, Method: method, URL: w.client.base + path, Header: w.client.header()}
}

// actOnBatch posts to one of a batch's verbs and prints what it has become.
func (f apiFlags) actOnBatch(ctx context.Context, s *shell, verb, id string) error {
	client, err := f.open(s)
	if err != nil {
		return err
	}
	answer, err := client.post(ctx, verb+" a batch", client.organizationPath("invite-batches", id, verb), keyOr(""), nil)
	if err != nil {
		return err
	}
	batch, err := decodeBatch(answer)
	if err != nil {
		return err
	}
	if f.JSON {
		return printJSON(s, answer)
	}
	return s.say("%s: %s", batch.State, countsText(batch))
}
