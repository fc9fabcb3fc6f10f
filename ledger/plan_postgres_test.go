package ledger_test

import (
	"context"
	"database/sql"
	"errors"
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

// A statement that was planned while the tables were empty is planned anew once
// they are not, though nobody analyzes them.
func TestPlansAreMadeAnew(t *testing.T) {
	t.Parallel()
	url := ledgertest.Postgres(t)
	open(t, url, nil)
	db, err := ledger.Writer(url, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec := func(text string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	exec(`ALTER TABLE invites SET (autovacuum_enabled = off)`)
	read, err := db.PrepareContext(t.Context(), ledger.InviteByID)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	use := func() {
		t.Helper()
		for range 10 { // the first few are planned for what they ask for
			if err := read.QueryRowContext(t.Context(), "inv_1", "org_1").Scan(); err == nil || !errors.Is(err, sql.ErrNoRows) {
				t.Fatal(err)
			}
		}
	}
	use()
	exec(`INSERT INTO organizations (id, name, connection, provider_id, created_at, updated_at) VALUES ('org_0', '', 'one', '', 0, 0)`)
	exec(`INSERT INTO invites (id, organization_id, connection, provider_id, email, email_key, nth, roles, unmapped_roles, state, state_reason,
				given_name, family_name, locale, message, redirect_url, metadata, notify, not_carried, inviter_issuer, inviter_subject, inviter_email,
				created_at, updated_at, attempt, reference)
			SELECT 'inv_0' || n, 'org_0', 'one', '', n, n, 1, '', FALSE, 'failed', '', '', '', '', '', '', '', FALSE, '', '', '', '', n, n, 1, ''
			FROM generate_series(1, 5000) n`)
	use()
	var name string
	if err := db.QueryRowContext(t.Context(), `SELECT name FROM pg_prepared_statements WHERE statement = $1`, ledger.InviteByID).Scan(&name); err != nil {
		t.Fatal(err)
	}
	var plan string
	if err := db.QueryRowContext(t.Context(), `EXPLAIN EXECUTE "`+name+`" ('inv_1', 'org_1')`).Scan(&plan); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(plan, " invites_pkey ") {
		t.Error(plan)
	}
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
