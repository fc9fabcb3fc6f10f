package ledgertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// firstCopy is the number of the first copy: all have three digits, which stand
// in the place of three letters of an id.
const firstCopy = 100

// MostCopies is how many copies Multiply can make.
const MostCopies = 1000 - firstCopy

// CopyID returns the id that the nth copy of an organization or of an invite has.
func CopyID(id string, n int) string { return id[:4] + strconv.Itoa(firstCopy+n) + id[7:] }

// copied are the tables that Multiply copies, each with the columns in which a
// copy differs: ids, and texts that must be there once only.
func copied() []struct{ table, ids, texts string } {
	return []struct{ table, ids, texts string }{
		{"organizations", "id", "slug provider_id"},
		{"aliases", "organization_id", "provider_id"},
		{"invites", "id organization_id", ""},
		{"invite_roles", "invite_id organization_id", ""},
		{"invite_events", "invite_id", ""},
	}
}

// Multiply copies all organizations and invites of a ledger so many times, with
// the invites' roles and histories: millions of rows, which one after the other
// would take the ledger itself too long. Nobody may have the ledger open.
// Postgres knows afterwards how large its tables are, and has nothing to clean up
// behind them.
func Multiply(ctx context.Context, ledgerURL string, copies int) (err error) {
	if copies > MostCopies {
		return fmt.Errorf("%d copies are more than %d", copies, MostCopies)
	}
	kind, source := "pgx", ledgerURL
	if path, ok := strings.CutPrefix(ledgerURL, "sqlite:"); ok {
		kind, source = "sqlite", path
	}
	db, err := sql.Open(kind, source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1) // temporary tables are a connection's
	if kind == "sqlite" {
		if _, err := db.ExecContext(ctx, `PRAGMA synchronous = OFF; PRAGMA cache_size = -200000`); err != nil {
			return err
		}
	}
	var steps []string
	for _, c := range copied() {
		if _, err := db.ExecContext(ctx, `CREATE TEMPORARY TABLE base_`+c.table+` AS SELECT * FROM `+c.table); err != nil {
			return err
		}
		step, err := copyStep(ctx, db, c.table, strings.Fields(c.ids), strings.Fields(c.texts))
		if err != nil {
			return err
		}
		steps = append(steps, step)
	}
	for n := range copies {
		if err := copyOnce(ctx, db, steps, n); err != nil {
			return err
		}
	}
	if kind == "pgx" {
		_, err = db.ExecContext(ctx, `VACUUM ANALYZE`)
	}
	return err
}

// copyStep is the statement that copies a table's rows; $1 is the copy's number.
func copyStep(ctx context.Context, db *sql.DB, table string, ids, texts []string) (string, error) {
	rows, err := db.QueryContext(ctx, `SELECT * FROM `+table+` LIMIT 0`)
	if err != nil {
		return "", err
	}
	columns, err := rows.Columns()
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return "", err
	}
	var values []string
	for _, c := range columns {
		value := c
		for _, id := range ids {
			if c == id {
				value = `SUBSTR(` + c + `, 1, 4) || CAST($1 AS TEXT) || SUBSTR(` + c + `, 8)`
			}
		}
		for _, text := range texts {
			if c == text {
				value = c + ` || '-' || CAST($1 AS TEXT)`
			}
		}
		values = append(values, value)
	}
	return `INSERT INTO ` + table + ` (` + strings.Join(columns, ", ") + `) SELECT ` + strings.Join(values, ", ") + ` FROM base_` + table, nil
}

func copyOnce(ctx context.Context, db *sql.DB, steps []string, n int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if _, err := tx.ExecContext(ctx, step, strconv.Itoa(firstCopy+n)); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}
