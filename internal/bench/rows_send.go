package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"usher/internal/httpx"
)

// sender sends invitations, each to somebody new.
type sender struct {
	u     *usher
	org   int // the nth organization
	token string
	keyed bool   // with an Idempotency-Key
	to    string // the vendor's name, for the table
	next  atomic.Int64
	conns sync.Pool // of *conn
}

// address is that of the nth person.
func address(n int64) string { return fmt.Sprintf("person-%08d@example.net", n) }

// request is the sending of the nth invitation.
func (s *sender) request(n int64) []byte {
	key := ""
	if s.keyed {
		key = fmt.Sprintf("key-%08d", n)
	}
	return post(s.u.path(s.org, "/invites"), s.token, key, `{"email":"`+address(n)+`","roles":["member"],"given_name":"Ada"}`)
}

// send sends one on a kept connection.
func (s *sender) send(ctx context.Context, _ int) error {
	c, ok := s.conns.Get().(*conn)
	if !ok {
		var err error
		if c, err = dial(ctx, s.u.address); err != nil {
			return err
		}
	}
	if _, err := c.ask(s.request(s.next.Add(1))); err != nil {
		return errors.Join(err, c.Close())
	}
	s.conns.Put(c)
	return nil
}

// upstream makes the calls of one sending bare: the same requests to the same
// vendor, one after the other.
type upstream struct {
	calls     []call // of the sending to sample
	sample    string
	origin    string
	transport *http.Transport
	next      atomic.Int64
}

func (u *upstream) send(ctx context.Context, _ int) error {
	person := address(u.next.Add(1))
	for _, c := range u.calls {
		uri := strings.ReplaceAll(c.uri, url.QueryEscape(u.sample), url.QueryEscape(person))
		body := bytes.ReplaceAll(c.body, []byte(u.sample), []byte(person))
		request, err := http.NewRequestWithContext(ctx, c.method, u.origin+uri, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header = c.header
		answer, err := u.transport.RoundTrip(request)
		if err != nil {
			return err
		}
		if _, err := readAll(answer); err != nil {
			return err
		}
		if answer.StatusCode/100 != 2 {
			return fmt.Errorf("the vendor answered %d to the bare %s %s", answer.StatusCode, c.method, uri)
		}
	}
	return nil
}

// sending measures what usher adds to the vendor's calls, without and with an
// Idempotency-Key: to Asgardeo, where a sending is two steps that are recorded
// each, and to Clerk, where it is one.
func (b *bench) sending(ctx context.Context) error {
	return errors.Join(b.syncing(ctx), b.sendingTo(ctx, "Asgardeo", world{organizations: 1}), b.sendingTo(ctx, "Clerk", world{organizations: 1, clerk: true}))
}

// syncing measures what nobody who records a step before a call can save: one
// after the other, a few pages are written and made durable, as often as sendings
// begin.
func (b *bench) syncing(ctx context.Context) (err error) {
	const pages, length = 10 * 4096, 4 << 20
	f, err := os.CreateTemp(b.dir, "sync-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(make([]byte, length)); err != nil {
		return err
	}
	page := make([]byte, pages)
	var one sync.Mutex
	var at int64
	took, err := openLoop(ctx, b.plan.rate, b.plan.send, func(context.Context, int) error {
		one.Lock()
		defer one.Unlock()
		if at += pages; at+pages > length {
			at = 0
		}
		if _, err := f.WriteAt(page, at); err != nil {
			return err
		}
		return f.Sync()
	})
	b.table.add(fmt.Sprintf("the disk alone: ten pages written and made durable, %d a second: p99", b.plan.rate), goal{unit: "%.2f ms"}, took.p99(),
		"p50 %.2f ms; a sending to Clerk waits for two of these, one to Asgardeo for three", took.p50())
	return err
}

func (b *bench) sendingTo(ctx context.Context, vendor string, w world) (err error) {
	u, err := b.start(ctx, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.stop()) }()
	token, err := b.issuer.token(0, 0)
	if err != nil {
		return err
	}
	for _, keyed := range []bool{false, true} {
		s := &sender{u: u, token: token, keyed: keyed, to: vendor}
		if keyed {
			s.next.Store(1 << 20) // people without a living invite
		}
		if err := b.sendingAdds(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// paced is one open-loop turn.
type paced struct {
	latencies
	opened int64 // connections to the vendor
}

func (b *bench) sendingAdds(ctx context.Context, s *sender) error {
	bare, err := b.bareSend(ctx, s)
	if err != nil {
		return err
	}
	defer bare.transport.CloseIdleConnections()
	pace := func(work func(context.Context, int) error) func() (paced, error) {
		return func() (paced, error) {
			before := b.vendor.connections.Load()
			took, err := openLoop(ctx, b.plan.rate, b.plan.send, work)
			return paced{took, b.vendor.connections.Load() - before}, err
		}
	}
	as, bs, err := alternate(b.plan.sendRounds, pace(s.send), pace(bare.send))
	if err != nil {
		return err
	}
	for _, turn := range as[min(1, len(as)-1):] { // the first warms up
		b.upstream.opened += turn.opened
		b.upstream.requests += int64(len(turn.latencies))
	}
	what := "sending to " + s.to
	if s.keyed {
		what += " with an Idempotency-Key"
	}
	for _, row := range []struct {
		name   string
		figure func(paced) float64
		goal   goal
	}{
		{"p50", func(p paced) float64 { return p.p50() }, goal{must: 1, stretch: 0.4, unit: "%.2f ms"}},
		{"p99", func(p paced) float64 { return p.p99() }, goal{must: 3, stretch: 1.5, unit: "%.2f ms"}},
	} {
		var added []float64
		for n := range as {
			added = append(added, row.figure(as[n])-row.figure(bs[n]))
		}
		b.table.add(fmt.Sprintf("%s, %d a second: added %s over the vendor's calls bare", what, b.plan.rate, row.name), row.goal, median(added),
			"%.2f over %.2f ms, %d calls", middle(as, row.figure), middle(bs, row.figure), len(bare.calls))
	}
	return nil
}

// bareSend learns which calls a sending makes once tokens and roles are known.
func (b *bench) bareSend(ctx context.Context, s *sender) (*upstream, error) {
	if err := s.send(ctx, 0); err != nil {
		return nil, err
	}
	calls, err := b.vendor.during(func() error { return s.send(ctx, 0) })
	if err != nil {
		return nil, err
	}
	if len(calls) == 0 {
		return nil, errors.New("a sending made no call to the vendor")
	}
	for n := range calls {
		calls[n].header.Del("Content-Length") // the transport sets it
	}
	return &upstream{
		calls: calls, sample: address(s.next.Load()), origin: b.vendor.origin(), transport: httpx.NewTransport(),
	}, nil
}
