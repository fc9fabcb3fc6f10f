package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// uploaded is a file of invitations that was handed in.
type uploaded struct {
	batch  string        // its id
	took   time.Duration // until all rows were taken
	memory float64       // by how much the gateway's grew meanwhile, in MiB
	memErr error
	sent   time.Duration // until all rows were sent after that
}

func (u uploaded) seconds() float64     { return u.took.Seconds() }
func (u uploaded) sentSeconds() float64 { return u.sent.Seconds() }

// uploads measures files of few and of many rows: the time and the memory of
// taking them, and the time of sending them afterwards to a vendor that answers
// at once and limits nothing. Each is taken by a gateway that was just started,
// since what one has needed once it keeps for some time.
func (b *bench) uploads(ctx context.Context) error {
	few, many := b.plan.fewRows, b.plan.manyRows
	as, bs, err := alternate(b.plan.uploads,
		func() (uploaded, error) { return b.uploadFresh(ctx, many) },
		func() (uploaded, error) { return b.uploadFresh(ctx, few) })
	if err != nil {
		return err
	}
	b.table.add(fmt.Sprintf("batch of %d → %d rows: time until it is taken", few, many), goal{must: 12, unit: "%.1f"},
		ratio(as, bs, uploaded.seconds), "%.2f over %.2f s; CSV, streamed", middle(as, uploaded.seconds), middle(bs, uploaded.seconds))
	b.table.add(fmt.Sprintf("batch of %d → %d rows: time until it is sent, after that", few, many), goal{must: 12, unit: "%.1f"},
		ratio(as, bs, uploaded.sentSeconds), "%.2f over %.2f s; to Clerk, ten a call", middle(as, uploaded.sentSeconds), middle(bs, uploaded.sentSeconds))
	memory := func(of []uploaded) (most float64, err error) {
		for _, u := range of {
			most, err = max(most, u.memory), errors.Join(err, u.memErr)
		}
		return most, err
	}
	atFew, err1 := memory(bs)
	atMany, err2 := memory(as)
	g := goal{must: 32, unit: "%.1f MiB"}
	for _, row := range []struct {
		what string
		more float64
		note string
	}{
		{fmt.Sprintf("memory while %d rows stream in", few), atFew, fmt.Sprintf("peak over that of a gateway that has just started; the most of %d", len(bs))},
		{fmt.Sprintf("batch of %d → %d rows: memory while it streams in", few, many), atMany - atFew, fmt.Sprintf("%.1f over %.1f MiB", atMany, atFew)},
	} {
		if errors.Join(err1, err2) != nil {
			b.table.skip(row.what, g, errNoProc)
			continue
		}
		b.table.add(row.what, g, row.more, "%s", row.note)
	}
	return nil
}

// uploadFresh hands a file to a fresh gateway and waits until it is sent.
func (b *bench) uploadFresh(ctx context.Context, rows int) (up uploaded, err error) {
	u, err := b.start(ctx, world{organizations: 1, clerk: true})
	if err != nil {
		return up, err
	}
	defer func() { err = errors.Join(err, u.stop()) }()
	token, err := b.issuer.token(0, 0)
	if err != nil {
		return up, err
	}
	if _, err := once(ctx, u.address, get(u.path(0, ""), token)); err != nil {
		return up, err
	}
	before, beforeErr := u.memory(residentNow)
	if up, err = u.upload(ctx, token, rows); err != nil {
		return up, err
	}
	peak, peakErr := u.memory(residentPeak)
	up.memory, up.memErr = peak-before, errors.Join(beforeErr, peakErr)
	began := time.Now()
	for {
		state, err := u.batch(ctx, token, up.batch)
		if err != nil {
			return up, err
		}
		if state.State == "done" {
			up.sent = time.Since(began)
			return up, state.allSent(rows)
		}
		pause(100 * time.Millisecond) // each time counts the rows
	}
}

// upload hands a CSV file of so many rows to the first organization, as it is
// written: nobody has the whole of it.
func (u *usher) upload(ctx context.Context, token string, rows int) (up uploaded, err error) {
	file, to := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := writeRows(to, rows)
		_ = to.CloseWithError(err) // it always is nil
		written <- err
	}()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+u.address+u.path(0, "/invite-batches"), file)
	if err != nil {
		return up, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "text/csv")
	began := time.Now()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		_ = file.CloseWithError(err) // it always is nil
		return up, errors.Join(err, <-written)
	}
	body, err := readAll(answer)
	up.took = time.Since(began)
	if err != nil || answer.StatusCode != http.StatusAccepted {
		return up, errors.Join(err, fmt.Errorf("a file of %d rows was answered %d: %s", rows, answer.StatusCode, body))
	}
	var taken struct{ ID string }
	err = errors.Join(json.Unmarshal(body, &taken), <-written)
	up.batch = taken.ID
	return up, err
}

func writeRows(w io.Writer, rows int) error {
	out := bufio.NewWriterSize(w, 32<<10)
	_, err := out.WriteString("email,roles,given_name,family_name\n")
	for n := range rows {
		if err == nil {
			_, err = fmt.Fprintf(out, "row-%08d@example.net,member,Ada,Lovelace\n", n)
		}
	}
	return errors.Join(err, out.Flush())
}

// batchState is how far a batch is.
type batchState struct {
	State  string
	Counts map[string]int
}

func (s batchState) allSent(rows int) error {
	if s.Counts["sent"] != rows {
		return fmt.Errorf("of %d rows of a batch not all were sent: %v", rows, s.Counts)
	}
	return nil
}

func (u *usher) batch(ctx context.Context, token, id string) (s batchState, err error) {
	text, err := once(ctx, u.address, get(u.path(0, "/invite-batches/"+id), token))
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(text, &s)
}

// besideBatch measures single invites of another organization of the same
// connection while a batch is being sent, over the same while none is. The same
// gateway is idle in between, since the vendor keeps the batch's calls waiting.
func (b *bench) besideBatch(ctx context.Context) error {
	for _, d := range databases() {
		what := fmt.Sprintf("%s, a single invite's p99 while a batch of %d rows is sent, over idle", d.name, b.plan.manyRows)
		g := goal{must: 5, unit: "%.1f"}
		if d.missing != nil {
			b.table.skip(what, g, d.missing)
			continue
		}
		if err := b.besideBatchOn(ctx, d, what, g); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) besideBatchOn(ctx context.Context, d database, what string, g goal) (err error) {
	u, end, err := b.startOn(ctx, d, world{organizations: 2, clerk: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	token, err := b.issuer.token(0, 0)
	if err != nil {
		return err
	}
	s := &sender{u: u, org: 1, token: token}
	b.vendor.bulk.hold()
	defer b.vendor.bulk.release()
	up, err := u.upload(ctx, token, b.plan.manyRows)
	if err != nil {
		return err
	}
	window := func() (paced, error) {
		took, err := openLoop(ctx, b.plan.single, b.plan.send, s.send)
		return paced{latencies: took}, err
	}
	var sent int
	busy := func() (paced, error) {
		before, err1 := u.batch(ctx, token, up.batch)
		b.vendor.bulk.release()
		took, err2 := window()
		b.vendor.bulk.hold()
		after, err3 := u.batch(ctx, token, up.batch)
		sent += after.Counts["sent"] - before.Counts["sent"]
		return took, errors.Join(err1, err2, err3)
	}
	idle := func() (paced, error) {
		// Calls that have waited since an earlier turn are let go, and others wait
		// from now: none may run out of its time.
		b.vendor.bulk.release()
		b.vendor.bulk.hold()
		pause(quiet)
		return window()
	}
	as, bs, err := alternate(b.plan.rounds, busy, idle)
	if err != nil {
		return err
	}
	state, err := u.batch(ctx, token, up.batch)
	if err != nil {
		return err
	}
	if state.State != "running" {
		b.table.skip(what, g, fmt.Errorf("the batch was sent before the measurement was over: %v", state.Counts))
		return nil
	}
	b.table.add(what, g, ratio(as, bs, paced.p99), "%.2f over %.2f ms, p50 %.2f over %.2f ms; %d a second of another organization; the batch went at %.0f rows a second",
		middle(as, paced.p99), middle(bs, paced.p99), middle(as, paced.p50), middle(bs, paced.p50), b.plan.single,
		float64(sent)/(b.plan.send.Seconds()*float64(b.plan.rounds+1)))
	return nil
}

// quiet is how long the gateway has for what a batch has under way, once the
// vendor answers no more of its calls.
const quiet = 300 * time.Millisecond
