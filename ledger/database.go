package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"strings"

	goose "github.com/pressly/goose/v3/database"
)

// database is what differs between the databases a ledger can be kept in. All
// else, the schema's history and every statement, is the same.
type database interface {
	// present is false where there is nothing to look at yet.
	present() bool
	// reserve keeps other processes out, where one process alone may have the
	// ledger open, and makes sure that it can be written.
	reserve() (release func() error, err error)
	// connect returns a pool of connections, which are kept.
	connect(m mode, connections int) (*sql.DB, error)
	// shared tells that other processes may have the ledger open as well: what
	// they change is not known here, and whether they live must be asked.
	shared() bool

	// dialect and steps are the schema's history, for goose; alone makes sure
	// that it is changed by one process at a time.
	dialect() goose.Dialect
	steps() fs.FS
	alone(ctx context.Context, db *sql.DB) (release func() error, err error)
	tables(ctx context.Context, db *sql.DB) ([]string, error)

	// wal is the write-ahead log that is to be shortened from here; nil: the database
	// does that.
	wal() (*wal, error)

	// statements are what enter and fate need prepared.
	statements() []string
	// enter waits until no other process is in a transaction, and names this one.
	enter(ctx context.Context, w *statements, tx *sql.Tx) (name string, err error)
	// lost reports that the connection was cut: what was sent over it last may
	// have been carried out.
	lost(err error) bool
	// fate asks what became of a transaction whose commit was not answered.
	fate(ctx context.Context, w *statements, tx *sql.Tx, name string) (committed bool, err error)
	// time asks for the database's time, in microseconds since 1970; zero where
	// it has none of its own.
	time(ctx context.Context, db *sql.DB) (int64, error)

	// holds reports whether the database can keep a text.
	holds(text string) bool
	// stale reports that a connection had died since it was used last.
	stale(err error) bool
	// passes reports a trouble that may be over the next time.
	passes(err error) bool
	// diagnose turns what the database says into what to do about it.
	diagnose(err error) error
	// wrong is a *DatabaseError about this database.
	wrong(problem, remedy string, cause error) error
}

// mode is what connections are for.
type mode int

const (
	modeWrite  mode = iota // the one writer
	modeRead               // beside the writer
	modeLook               // changes nothing, creates nothing
	modeLog                // shortens the write-ahead log
	modeSchema             // changes the schema
)

// remedyURL says what a ledger's URL looks like.
const remedyURL = "write sqlite: and the path of a file, as in sqlite:usher.db, or postgres://user:password@host:5432/database"

// parseURL reads a ledger's URL.
func parseURL(text string) (database, error) {
	scheme, rest, ok := strings.Cut(text, ":")
	switch {
	case !ok || scheme == "":
		return nil, badURL(text, "is not a ledger URL")
	case scheme == "sqlite":
		return parseSQLite(text, rest)
	case scheme == "postgres" || scheme == "postgresql":
		return parsePostgres(text)
	default:
		return nil, badURL(text, "is of a kind that this usher does not have")
	}
}

// badURL is about a URL that cannot be used. One that may hold a password is
// not shown.
func badURL(text, problem string) error {
	shown := fmt.Sprintf("%q", text)
	if scheme, rest, ok := strings.Cut(text, ":"); ok && (strings.Contains(rest, "@") || strings.Contains(rest, "password")) {
		shown = fmt.Sprintf("%q", scheme+":…")
	}
	return &DatabaseError{Database: shown, Problem: problem, Remedy: remedyURL}
}

// isForeignKey reports that something was recorded about a row that is not
// there.
func isForeignKey(err error) bool { return isForeignKeySQLite(err) || isForeignKeyPostgres(err) }
