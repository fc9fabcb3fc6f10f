package ledger_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"usher/identity"
	"usher/ledger"
	"usher/ledger/ledgertest"
)

// awaitDeath waits until an instance is told that another one has died.
func awaitDeath(t *testing.T, l *ledger.Ledger, what string) {
	t.Helper()
	select {
	case <-l.Deaths():
	case <-time.After(time.Minute):
		t.Fatalf("nobody noticed %s", what)
	}
}

// An instance learns of the others' deaths, and takes nobody for dead who lives.
func TestDeathsAreNoticed(t *testing.T) {
	t.Parallel()
	url := ledgertest.Postgres(t)
	l := open(t, url, &ledger.Options{InstanceTTL: 3 * time.Second})
	open(t, url, &ledger.Options{InstanceTTL: time.Hour, Instance: "lives"})

	ending := open(t, url, &ledger.Options{InstanceTTL: time.Hour})
	// It is known once somebody has looked: the look that notices one death shows
	// who lives then.
	dead := func(id string, life time.Duration) (until time.Time) {
		until = l.Now().Add(life)
		ledgertest.OnPostgres(t, url, fmt.Sprintf(`INSERT INTO instances (id, alive_until, opened_at) VALUES ('%s', %d, 0)`, id, until.UnixMicro()))
		return until
	}
	until := dead("killed", 4*time.Second)
	awaitDeath(t, l, "a death")
	if now := l.Now(); now.Before(until) {
		t.Errorf("dead %s before its time", until.Sub(now))
	}
	if err := ending.Close(); err != nil {
		t.Fatal(err)
	}
	awaitDeath(t, l, "a clean end")
	select {
	case <-l.Deaths():
		t.Error("a death without a dead")
	default:
	}
}

// Where no other instance can be, none dies.
func TestNoDeathsOnSQLite(t *testing.T) {
	t.Parallel()
	if open(t, fresh(t), nil).Deaths() != nil {
		t.Error("others are looked for")
	}
}

// A clock that was set back does not make an instance live for longer than it says.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	url := ledgertest.Postgres(t)
	l := open(t, url, &ledger.Options{Now: now, InstanceTTL: 3 * time.Hour, Instance: "one"})
	ahead.Store(int64(-10 * time.Hour))
	if err := l.Write(t.Context(), func(*ledger.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	var until int64
	if err := c.QueryRow(t.Context(), `SELECT alive_until FROM instances WHERE id = 'one'`).Scan(&until); err != nil {
		t.Fatal(err)
	}
	if left := time.UnixMicro(until).Sub(now()); left > 3*time.Hour || left < time.Hour || !l.Alive() {
		t.Errorf("lives for another %s, alive %v", left, l.Alive())
	}
}

// Who comes back from the dead takes nobody for dead at once: the others may have
// been away as well. Then it does.
func TestReturned(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	l := open(t, ledgertest.Postgres(t), &ledger.Options{Now: now, InstanceTTL: 3 * time.Hour})
	o := organization(t, l)
	if l.Returned() {
		t.Error("returned, and was never away")
	}
	l.Look(t.Context(), "another")
	awaitDeath(t, l, "that another is gone")
	ahead.Store(int64(3*time.Hour + time.Minute))
	if l.Alive() {
		t.Error("alive after its time")
	}
	if err := insert(t, l, o, "a@example.com"); err != nil {
		t.Fatal(err)
	}
	if !l.Alive() || !l.Returned() {
		t.Errorf("alive %v, returned %v", l.Alive(), l.Returned())
	}
	dies := func() bool {
		l.Look(t.Context(), "another")
		select {
		case <-l.Deaths():
			return true
		default:
			return false
		}
	}
	if dies() {
		t.Error("one that has just returned takes another for dead")
	}
	// However its clock is set: it goes by time that passes.
	for _, at := range []time.Duration{-100 * time.Hour, 100 * time.Hour} {
		ahead.Store(int64(at))
		if !l.Returned() {
			t.Error("not returned any more, since a clock was set")
		}
	}
	brief := open(t, ledgertest.Postgres(t), &ledger.Options{InstanceTTL: 300 * time.Millisecond, Now: now})
	ahead.Add(int64(time.Hour))
	if err := brief.Write(t.Context(), func(*ledger.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	eventually(t, "judging others again", func() error {
		if brief.Returned() {
			return fmt.Errorf("still %s", identity.CodeConflict)
		}
		return nil
	})
}
