package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// memory measures the peak memory of fresh processes under load: reading,
// listing, reading through and sending, in turn.
func (b *bench) memory(ctx context.Context) error {
	for _, row := range []struct {
		conns int
		goal  goal
	}{
		{16, goal{must: 60, stretch: 30, unit: "%.1f MiB"}},
		{512, goal{must: 150, stretch: 80, unit: "%.1f MiB"}},
	} {
		if err := b.memoryAt(ctx, row.conns, row.goal); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) memoryAt(ctx context.Context, conns int, g goal) (err error) {
	u, err := b.start(ctx, world{organizations: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.stop()) }()
	token, err := b.issuer.token(0, 0)
	if err != nil {
		return err
	}
	s := &sender{u: u, token: token, keyed: true}
	reads := [][]byte{
		get(u.path(0, "/invites/"+u.invites[0]), token), get(u.path(0, "/invites"), token), get(u.path(0, "/members"), token),
	}
	answered, err := closedLoop(ctx, u.address, conns, b.plan.memory, 0, func(n int64) []byte {
		if kind := int(n) % (len(reads) + 1); kind < len(reads) {
			return reads[kind]
		}
		return s.request(n)
	})
	if err != nil {
		return err
	}
	what := fmt.Sprintf("peak memory at %d connections", conns)
	mib, err := u.memory(residentPeak)
	if err != nil {
		b.table.skip(what, g, err)
		return nil
	}
	b.table.add(what, g, mib, "%d reads, lists, members and sends in %s", answered, b.plan.memory)
	return nil
}

// organizations measures what the number of organizations changes. There are as
// many invites with few as with many, more than are kept in memory; what that
// does for a reading is the last row.
func (b *bench) organizations(ctx context.Context) (err error) {
	many, err := b.start(ctx, world{organizations: b.plan.many})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, many.stop()) }()
	few, err := b.start(ctx, world{organizations: b.plan.few, invites: b.plan.many})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, few.stop()) }()
	token, err := b.issuer.token(0, 0)
	if err != nil {
		return err
	}
	among := func(u *usher, invites int) func(int64) []byte {
		return func(n int64) []byte { return u.read(int(n*7919)%invites, token) }
	}
	if err := b.compare(ctx, fmt.Sprintf("organizations %d → %d: CPU of reading an invite", b.plan.few, b.plan.many),
		goal{must: 1.2, unit: "%.2f"}, many, few, among(many, b.plan.many), among(few, b.plan.many)); err != nil {
		return err
	}
	if err := b.compare(ctx, fmt.Sprintf("reading any of %d invites over any of %d: CPU", b.plan.many, b.plan.few),
		goal{unit: "%.2f"}, many, many, among(many, b.plan.many), among(many, b.plan.few)); err != nil {
		return err
	}
	if err := errors.Join(b.touch(ctx, many, token), b.touch(ctx, few, token)); err != nil {
		return err
	}
	what := fmt.Sprintf("organizations %d → %d: idle memory each, all used once", b.plan.few, b.plan.many)
	g := goal{must: 1, unit: "%.2f KiB"}
	after, err1 := many.memory(residentNow)
	before, err2 := few.memory(residentNow)
	if err := errors.Join(err1, err2); err != nil {
		b.table.skip(what, g, errNoProc)
		return nil
	}
	b.table.add(what, g, max(0, after-before)*1024/float64(b.plan.many-b.plan.few),
		"%.1f over %.1f MiB; %d reads of members among it", after, before, b.plan.touched)
	return nil
}

// read is a request for the nth invite.
func (u *usher) read(n int, token string) []byte {
	return get(u.path(n%len(u.orgs), "/invites/"+u.invites[n]), token)
}

// touch reads every invite, and through to the vendor in some organizations, so
// that whatever is kept for each is there.
func (b *bench) touch(ctx context.Context, u *usher, token string) error {
	_, err1 := closedLoop(ctx, u.address, busyConns, time.Hour, int64(b.plan.many), func(n int64) []byte {
		return u.read(int(n)%len(u.invites), token)
	})
	_, err2 := closedLoop(ctx, u.address, busyConns, time.Hour, int64(b.plan.touched), func(n int64) []byte {
		return get(u.path(int(n)%len(u.orgs), "/members"), token)
	})
	return errors.Join(err1, err2)
}

// issuerGrowth measures what the number of issuers changes.
func (b *bench) issuerGrowth(ctx context.Context) (err error) {
	const what = "issuers 1 → %d: "
	discovered := b.issuer.discoveries.Load()
	many, err := b.start(ctx, world{organizations: 1, issuers: b.plan.issuers})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, many.stop()) }()
	tokens := func(issuer func(n int) int) ([]string, error) {
		all := make([]string, b.plan.issuers)
		for n := range all {
			token, err := b.issuer.token(issuer(n), n)
			if err != nil {
				return nil, err
			}
			all[n] = token
		}
		return all, nil
	}
	ofMany, err1 := tokens(func(n int) int { return n })
	ofOne, err2 := tokens(func(int) int { return 0 })
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	reader := func(u *usher, tokens []string) func(int64) []byte {
		path := u.path(0, "")
		return func(n int64) []byte { return get(path, tokens[int(n)%len(tokens)]) }
	}
	// Each is used once before the second gateway asks for its own keys.
	if _, err := closedLoop(ctx, many.address, busyConns, time.Minute, int64(b.plan.issuers), reader(many, ofMany)); err != nil {
		return err
	}
	each := float64(b.issuer.discoveries.Load()-discovered) / float64(b.plan.issuers)
	one, err := b.start(ctx, world{organizations: 1, issuers: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, one.stop()) }()
	err = b.compare(ctx, fmt.Sprintf(what+"CPU a request, remembered tokens", b.plan.issuers), goal{must: 1.1, unit: "%.2f"},
		many, one, reader(many, ofMany), reader(one, ofOne))
	b.table.add(fmt.Sprintf(what+"discoveries each", b.plan.issuers), goal{must: 1.05, unit: "%.3f"}, each, "%d tokens at once after a cold start", b.plan.issuers)
	return err
}

// compare adds a row with the ratio of CPU a request.
func (b *bench) compare(ctx context.Context, what string, g goal, large, small *usher, ofLarge, ofSmall func(int64) []byte) error {
	as, bs, err := alternate(b.plan.rounds,
		func() (load, error) { return turn(ctx, large.process, large.address, busyConns, b.plan.round, ofLarge) },
		func() (load, error) { return turn(ctx, small.process, small.address, busyConns, b.plan.round, ofSmall) })
	if err != nil {
		return err
	}
	if as[0].cpuErr != nil {
		b.table.skip(what, g, as[0].cpuErr)
		return nil
	}
	b.table.add(what, g, ratio(as, bs, load.micros), "%.0f over %.0f µs", middle(as, load.micros), middle(bs, load.micros))
	return nil
}
