package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
)

// busyConns is how many connections load is put on, where it is not the
// connections that are measured.
const busyConns = 16

// oneCore gives a server one core; the load has the other.
const oneCore = "GOMAXPROCS=1"

// binaryAndIdle measures what usher takes before it does anything.
func (b *bench) binaryAndIdle(ctx context.Context) error {
	info, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	b.table.add("stripped binary", goal{must: 45, unit: "%.1f MiB"}, float64(info.Size())/(1<<20), "go build -trimpath -ldflags '-s -w'")
	u, err := b.start(ctx, world{})
	if err != nil {
		return err
	}
	const what = "usher serve, idle: resident memory"
	g := goal{must: 40, unit: "%.1f MiB"}
	if mib, err := u.memory(residentNow); err != nil {
		b.table.skip(what, g, err)
	} else {
		b.table.add(what, g, mib, "just started, one issuer, one connection")
	}
	return u.stop()
}

// reading measures one invite read by id with a remembered token.
func (b *bench) reading(ctx context.Context) (err error) {
	u, err := b.start(ctx, world{organizations: 1, env: []string{oneCore}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.stop()) }()
	token, err := b.issuer.token(0, 0)
	if err != nil {
		return err
	}
	path := u.path(0, "/invites/"+u.invites[0])
	spec, err := answerOf(ctx, "http://"+u.address+path, token)
	if err != nil {
		return err
	}
	reference, err := b.startBare(ctx, spec, oneCore)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reference.stop()) }()
	same := func(int64) []byte { return get(path, token) }
	ours := func() (load, error) { return turn(ctx, u.process, u.address, busyConns, b.plan.round, same) }
	theirs := func() (load, error) {
		return turn(ctx, reference.process, reference.address, busyConns, b.plan.round, same)
	}
	as, bs, err := alternate(b.plan.rounds, ours, theirs)
	if err != nil {
		return err
	}
	b.table.add("read one invite, remembered token: requests a second over bare net/http",
		goal{must: 0.5, stretch: 0.7, unit: "%.2f", atLeast: true}, ratio(as, bs, load.rate),
		"%.1fk/s over %.1fk/s on one core each; CPU %.0f over %.0f µs",
		middle(as, load.rate)/1000, middle(bs, load.rate)/1000, middle(as, load.micros), middle(bs, load.micros))
	return nil
}

// answerOf asks usher once and makes a bare server's answer of it.
func answerOf(ctx context.Context, url, token string) (bareSpec, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return bareSpec{}, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return bareSpec{}, err
	}
	s := bareSpec{Token: token, Header: answer.Header}
	if s.Body, err = readAll(answer); err != nil {
		return bareSpec{}, err
	}
	s.Header.Del("Date") // every server sets its own
	return s, nil
}

// members measures a call that is read through to the vendor.
func (b *bench) members(ctx context.Context) (err error) {
	u, err := b.start(ctx, world{organizations: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.stop()) }()
	token, err := b.issuer.token(0, 0)
	if err != nil {
		return err
	}
	reference, err := b.startBare(ctx, bareSpec{Token: token, Upstream: b.vendor.base + "/o/scim2/Users", UpstreamToken: token})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reference.stop()) }()
	request := get(u.path(0, "/members?limit="+fmt.Sprint(pageOfMembers)), token)
	calls, err := b.vendor.during(func() error { _, err := once(ctx, reference.address, request); return err })
	if err != nil {
		return err
	}
	if len(calls) != 1 {
		return fmt.Errorf("the bare server made %d calls", len(calls))
	}
	same := func(int64) []byte { return request }
	as, bs, err := alternate(b.plan.rounds,
		func() (load, error) {
			before := b.vendor.connections.Load()
			l, err := turn(ctx, u.process, u.address, busyConns, b.plan.round, same)
			l.opened = b.vendor.connections.Load() - before
			return l, err
		},
		func() (load, error) {
			return turn(ctx, reference.process, reference.address, busyConns, b.plan.round, same)
		})
	if err != nil {
		return err
	}
	for _, l := range as {
		b.upstream.opened += l.opened
		b.upstream.requests += l.requests
	}
	const what = "members, read through: CPU over a bare translation"
	g := goal{must: 2.5, stretch: 1.6, unit: "%.2f"}
	if as[0].cpuErr != nil {
		b.table.skip(what, g, as[0].cpuErr)
	} else {
		b.table.add(what, g, ratio(as, bs, load.micros), "%.0f over %.0f µs; %d members, one vendor call each",
			middle(as, load.micros), middle(bs, load.micros), pageOfMembers)
	}
	b.table.add("new upstream connections a request, after warm-up", goal{must: 0.001, stretch: 0.0001, unit: "%.6f"},
		float64(b.upstream.opened)/float64(b.upstream.requests), "%d for %d sends and reads of members", b.upstream.opened, b.upstream.requests)
	return nil
}
