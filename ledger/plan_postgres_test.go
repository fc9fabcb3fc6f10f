package ledger_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"usher/ledger"
	"usher/ledger/ledgertest"
)

// An index serves every statement: where walking through a table is forbidden,
// none does. Instances are a handful.
func TestPlansOnPostgres(t *testing.T) {
	t.Parallel()
	url := ledgertest.Postgres(t)
	open(t, url, nil)
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	if _, err := c.Exec(t.Context(), `SELECT set_config('enable_seqscan', 'off', false), set_config('plan_cache_mode', 'force_generic_plan', false)`); err != nil {
		t.Fatal(err)
	}
	walks := regexp.MustCompile(`Seq Scan on ([a-z_]+)`)
	for n, text := range ledger.Texts() {
		if !regexp.MustCompile(`^\s*(SELECT|INSERT|UPDATE|DELETE)`).MatchString(text) {
			continue
		}
		for _, step := range explain(t, c, fmt.Sprint("p", n), text) {
			if found := walks.FindStringSubmatch(step); found != nil && found[1] != "instances" {
				t.Errorf("%s\n\t%s", strings.TrimSpace(step), text)
			}
		}
	}
}

func explain(t *testing.T, c *pgx.Conn, name, text string) []string {
	t.Helper()
	if _, err := c.Exec(t.Context(), "PREPARE "+name+" AS "+text); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var types int
	if err := c.QueryRow(t.Context(), `SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = $1`, name).Scan(&types); err != nil {
		t.Fatal(err)
	}
	call := name
	if types > 0 {
		call += "(NULL" + strings.Repeat(", NULL", types-1) + ")"
	}
	rows, err := c.Query(t.Context(), "EXPLAIN EXECUTE "+call)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return steps
}

// An instance that does nothing says that it is alive all the same.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	url := ledgertest.Postgres(t)
	idle := open(t, url, &ledger.Options{InstanceTTL: 3 * time.Second, Instance: "idle"})
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	until := func() (at int64) {
		if err := c.QueryRow(t.Context(), `SELECT alive_until FROM instances WHERE id = 'idle'`).Scan(&at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	for last, n := until(), 0; n < 3; n++ {
		eventually(t, "living longer", func() error {
			if now := until(); now > last {
				last = now
				return nil
			}
			time.Sleep(10 * time.Millisecond)
			return fmt.Errorf("still until %d", last)
		})
	}
	if !idle.Alive() {
		t.Error("not alive")
	}
	var theirs int64
	if err := c.QueryRow(t.Context(), `SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT`).Scan(&theirs); err != nil {
		t.Fatal(err)
	}
	if off := idle.Now().Sub(time.UnixMicro(theirs)).Abs(); off > 5*time.Second {
		t.Errorf("the time is not the server's: %s off", off)
	}
}
