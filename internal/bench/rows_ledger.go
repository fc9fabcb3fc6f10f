package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"usher/ledger/ledgertest"
)

// invitesEach is how many invites an organization has where the ledger grows.
const invitesEach = 10

// database is where a gateway's ledger can be kept.
type database struct {
	name string
	// fresh returns the URL of an empty ledger and what removes it; an empty URL
	// is a file of the gateway's own.
	fresh func(ctx context.Context) (url string, drop func(context.Context) error, err error)
	// missing is why there is none; nil: there is one.
	missing error
}

func databases() []database {
	server := os.Getenv(ledgertest.PostgresEnv)
	postgres := database{name: "Postgres", fresh: func(ctx context.Context) (string, func(context.Context) error, error) {
		return ledgertest.NewPostgres(ctx, server)
	}}
	if server == "" {
		postgres.missing = errors.New("needs a server in " + ledgertest.PostgresEnv)
	}
	file := func(context.Context) (string, func(context.Context) error, error) {
		return "", func(context.Context) error { return nil }, nil
	}
	return []database{{name: "SQLite", fresh: file}, postgres}
}

// ledgerGrowth measures what the size of the ledger changes for who reads one
// invite, and one organization's page of them: any of all there are, so that
// nothing of it is in the gateway's memory.
func (b *bench) ledgerGrowth(ctx context.Context) error {
	for _, d := range databases() {
		what := func(name string) string {
			small := b.plan.ledgerOrgs * invitesEach
			return fmt.Sprintf("%s, invites %d → %d, organizations %d → %d: time to %s", d.name,
				small, small*(1+b.plan.ledgerCopies), b.plan.ledgerOrgs, b.plan.ledgerOrgs*(1+b.plan.ledgerCopies), name)
		}
		rows := []ledgerRow{
			{what("get one invite"), func(u *usher, token string, n int) []byte { return u.read(n%len(u.invites), token) }},
			{what("list one organization's page"), func(u *usher, token string, n int) []byte {
				return get(u.path(n%len(u.orgs), "/invites"), token)
			}},
		}
		if d.missing != nil {
			for _, row := range rows {
				b.table.skip(row.what, atMostTwice(), d.missing)
			}
			continue
		}
		if err := b.ledgerGrowthOn(ctx, d, rows); err != nil {
			return err
		}
	}
	return nil
}

// ledgerRow is a kind of request; ask makes the one for the nth of whatever it
// reads, counted round and round.
type ledgerRow struct {
	what string
	ask  func(u *usher, token string, n int) []byte
}

func atMostTwice() goal { return goal{must: 2, unit: "%.2f"} }

func (b *bench) ledgerGrowthOn(ctx context.Context, d database, rows []ledgerRow) (err error) {
	small, endSmall, err := b.startOn(ctx, d, world{organizations: b.plan.ledgerOrgs, invites: b.plan.ledgerOrgs * invitesEach})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endSmall()) }()
	large, endLarge, err := b.startOn(ctx, d, world{organizations: b.plan.ledgerOrgs, invites: b.plan.ledgerOrgs * invitesEach, copies: b.plan.ledgerCopies})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endLarge()) }()
	token, err := b.issuer.token(0, 0)
	if err != nil {
		return err
	}
	for _, row := range rows {
		// One request after the other: how long it takes is what it costs the
		// gateway and the database together.
		one := func(u *usher) func() (load, error) {
			var asked atomic.Int64 // goes on from turn to turn: what was read lately is not asked for again
			return func() (load, error) {
				return turn(ctx, u.process, u.address, 1, b.plan.round, func(int64) []byte { return row.ask(u, token, int(asked.Add(1)*7919)) })
			}
		}
		as, bs, err := alternate(b.plan.rounds, one(large), one(small))
		if err != nil {
			return err
		}
		b.table.add(row.what, atMostTwice(), ratio(as, bs, load.each), "%.0f over %.0f µs over HTTP, of which CPU of the gateway %.0f over %.0f µs",
			middle(as, load.each), middle(bs, load.each), middle(as, load.micros), middle(bs, load.micros))
	}
	return nil
}

// startOn starts a gateway on a fresh ledger of a database. end stops it and
// removes the ledger.
func (b *bench) startOn(ctx context.Context, d database, w world) (u *usher, end func() error, err error) {
	url, drop, err := d.fresh(ctx)
	if err != nil {
		return nil, nil, err
	}
	removed := func() error { return drop(context.WithoutCancel(ctx)) }
	w.ledger = url
	if u, err = b.start(ctx, w); err != nil {
		return nil, nil, errors.Join(err, removed())
	}
	return u, func() error { return errors.Join(u.stop(), removed()) }, nil
}
