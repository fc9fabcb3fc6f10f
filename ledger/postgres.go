package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	goose "github.com/pressly/goose/v3/database"

	"usher/ledger/schema"
)

// server is the Postgres database a ledger is kept in.
type server struct {
	config *pgx.ConnConfig
	// patience is for how long the server may be silent while it is waited for.
	patience time.Duration
	// replan is how old the plans of prepared statements may become.
	replan time.Duration
}

// How long things may take on the server. A process that is cut off in the middle
// of a transaction holds up the others until it is given up for idle; they wait,
// and live without a sign, for longer than that.
const (
	idleInTransaction = 5 * time.Second
	lockTimeout       = 20 * time.Second
	statementTimeout  = 20 * time.Second
	schemaTimeout     = 10 * time.Minute
	connectTimeout    = 5 * time.Second
	silence           = 10 * time.Second // beyond what a statement may take
	keepaliveIdle     = 15 * time.Second
	keepaliveEvery    = 5 * time.Second
	keepaliveTries    = 3
	idleReader        = 5 * time.Minute
	replanAfter       = 5 * time.Second
)

// Keys of advisory locks, with the schema's name beside them: two ledgers in two
// schemas of one database have nothing to do with each other.
const (
	lockWriter = 0x75736801
	lockSchema = 0x75736802
)

func parsePostgres(text string) (database, error) {
	config, err := pgx.ParseConfig(text)
	if err != nil { // its text holds the URL
		return nil, badURL(text, "is not a URL that Postgres has")
	}
	if config.Database == "" {
		return nil, badURL(text, "names no database")
	}
	return &server{config: config, patience: silence, replan: replanAfter}, nil
}

// name is the URL without its password and options.
func (s *server) name() string {
	u := url.URL{
		Scheme: "postgres", User: url.User(s.config.User), Path: "/" + s.config.Database,
		Host: net.JoinHostPort(s.config.Host, strconv.Itoa(int(s.config.Port))),
	}
	return u.String()
}

func (s *server) present() bool { return true }

func (s *server) shared() bool { return true }

// reserve keeps nobody out: the transactions of several processes run one after
// the other.
func (s *server) reserve() (func() error, error) { return func() error { return nil }, nil }

func (s *server) connect(m mode, connections int) (*sql.DB, error) {
	config := s.config.Copy()
	config.ConnectTimeout = connectTimeout
	config.DialFunc = s.dialer(m).dial
	config.StatementCacheCapacity, config.DescriptionCacheCapacity = 0, 0
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // what is not prepared here stays unprepared
	settings, args := sessionSettings(m)
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		c.PgConn().CustomData()[planned] = time.Now()
		_, err := c.Exec(ctx, settings, args...)
		return err
	}), stdlib.OptionResetSession(s.forgetPlans))
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if m == modeRead {
		db.SetConnMaxIdleTime(idleReader)
	}
	return db, nil
}

// planned is where a connection keeps since when its plans are made.
const planned = "usher: planned"

// forgetPlans has the server plan a connection's statements anew now and then. It
// plans a prepared statement a few times and keeps that plan for good, unless
// somebody analyzes the tables, which not every server does by itself: made while
// they were empty, a plan may walk through all that an organization has.
func (s *server) forgetPlans(ctx context.Context, c *pgx.Conn) error {
	kept := c.PgConn().CustomData()
	if since, ok := kept[planned].(time.Time); ok && time.Since(since) < s.replan {
		return nil
	}
	kept[planned] = time.Now()
	if _, err := c.Exec(ctx, `DISCARD PLANS`); err != nil {
		return driver.ErrBadConn // the pool takes another one
	}
	return nil
}

// sessionSettings is the statement that sets a fresh connection up.
func sessionSettings(m mode) (string, []any) {
	statement := statementTimeout
	if m == modeSchema {
		statement = schemaTimeout
	}
	values := [][2]string{
		{"application_name", "usher"},
		{"TimeZone", "UTC"},
		// Each statement sees what was committed before it: the writer waits for
		// its turn inside its transaction.
		{"default_transaction_isolation", "read committed"},
		{"statement_timeout", milliseconds(statement)},
		{"lock_timeout", milliseconds(lockTimeout)},
		{"idle_in_transaction_session_timeout", milliseconds(idleInTransaction)},
		{"tcp_keepalives_idle", strconv.Itoa(int(keepaliveIdle.Seconds()))},
		{"tcp_keepalives_interval", strconv.Itoa(int(keepaliveEvery.Seconds()))},
		{"tcp_keepalives_count", strconv.Itoa(keepaliveTries)},
		{"tcp_user_timeout", milliseconds(keepaliveIdle + keepaliveTries*keepaliveEvery)},
	}
	if m == modeRead || m == modeLook {
		values = append(values, [2]string{"default_transaction_read_only", "on"})
	}
	var parts []string
	var args []any
	for _, v := range values {
		args = append(args, v[0], v[1])
		parts = append(parts, "set_config($"+strconv.Itoa(len(args)-1)+", $"+strconv.Itoa(len(args))+", false)")
	}
	// What Write has returned for is on the disk, whatever the server's default.
	parts = append(parts, `set_config('synchronous_commit',
		CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)`)
	return `SELECT ` + strings.Join(parts, ", "), args
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func (s *server) dialer(m mode) *dialer {
	longest := statementTimeout
	if m == modeSchema {
		longest = schemaTimeout
	}
	return &dialer{patience: longest + s.patience, plain: net.Dialer{
		Timeout:         connectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepaliveIdle, Interval: keepaliveEvery, Count: keepaliveTries},
	}}
}

const (
	enterTransaction = `SELECT pg_current_xact_id()::text, pg_advisory_xact_lock($1, hashtext(current_schema()))::text`
	fateOfCommit     = `SELECT pg_xact_status(CAST($1 AS TEXT)::xid8) = 'committed'`
	serverTime       = `SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT`
	serverTables     = `SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()`
	holdSchema       = `SELECT pg_advisory_lock($1, hashtext(current_schema()))`
	releaseSchema    = `SELECT pg_advisory_unlock($1, hashtext(current_schema()))`
)

// The server shortens its log itself.

func (s *server) wal() (*wal, error) { return nil, nil }

func (s *server) statements() []string { return []string{enterTransaction, fateOfCommit} }

func (s *server) enter(ctx context.Context, w *statements, tx *sql.Tx) (name string, err error) {
	var none string
	err = tx.StmtContext(ctx, w.known(enterTransaction)).QueryRowContext(ctx, lockWriter).Scan(&name, &none)
	return name, err
}

// fate is asked in a transaction that has entered: the one that is asked about
// has ended by then, since it has let go of the lock.
func (s *server) fate(ctx context.Context, w *statements, tx *sql.Tx, name string) (bool, error) {
	var committed sql.NullBool
	err := tx.StmtContext(ctx, w.known(fateOfCommit)).QueryRowContext(ctx, name).Scan(&committed)
	return committed.Bool, err
}

func (s *server) alone(ctx context.Context, db *sql.DB) (func() error, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, s.diagnose(err)
	}
	if _, err := conn.ExecContext(ctx, holdSchema, lockSchema); err != nil {
		return nil, errors.Join(s.diagnose(err), conn.Close())
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), releaseSchema, lockSchema)
		return errors.Join(s.diagnose(err), conn.Close())
	}, nil
}

func (s *server) time(ctx context.Context, db *sql.DB) (now int64, err error) {
	err = db.QueryRowContext(ctx, serverTime).Scan(&now)
	return now, s.diagnose(err)
}

func (s *server) tables(ctx context.Context, db *sql.DB) ([]string, error) {
	rows, err := db.QueryContext(ctx, serverTables)
	all, err := collect(rows, err, func(s scanner) (name string, err error) { return name, s.Scan(&name) })
	return all, s.diagnose(err)
}

// holds: Postgres keeps valid UTF-8 without the zero byte.
func (s *server) holds(text string) bool {
	return utf8.ValidString(text) && !strings.Contains(text, "\x00")
}

func (s *server) dialect() goose.Dialect { return goose.DialectPostgres }

// steps compares texts byte by byte, as SQLite does and Go: lists are ordered by
// ids, and an index does not depend on what the server's system knows about
// languages.
func (s *server) steps() fs.FS { return schema.Collated(`COLLATE "C"`) }

func (s *server) wrong(problem, remedy string, cause error) error {
	return &DatabaseError{Database: s.name(), Problem: problem, Remedy: remedy, Err: cause}
}

// SQLSTATEs that are told apart.
const (
	stateForeignKey    = "23503"
	stateReadOnly      = "25006"
	stateIdle          = "25P03"
	stateNoUser        = "28000"
	statePassword      = "28P01"
	stateNoDatabase    = "3D000"
	stateNoRight       = "42501"
	stateDiskFull      = "53100"
	stateConnections   = "53300"
	stateLocked        = "55P03"
	stateCancelled     = "57014"
	stateShutdown      = "57P01"
	stateCrash         = "57P02"
	stateStarting      = "57P03"
	classOfConnections = "08"
)

func stateOf(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func isForeignKeyPostgres(err error) bool { return stateOf(err) == stateForeignKey }

func (s *server) lost(err error) bool {
	switch state := stateOf(err); {
	case state == stateShutdown, state == stateCrash, state == stateStarting, state == stateIdle, strings.HasPrefix(state, classOfConnections):
		return true
	case state != "" || errors.Is(err, pgx.ErrTxCommitRollback):
		return false
	}
	var network net.Error
	return errors.As(err, &network) || pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func (s *server) stale(err error) bool {
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return err != nil && !connecting && stateOf(err) != stateStarting && s.lost(err)
}

func (s *server) diagnose(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*DatabaseError](err); ok {
		return err
	}
	problem, remedy := "cannot be used", "see the cause"
	switch state := stateOf(err); {
	case state == stateNoUser || state == statePassword:
		problem, remedy = "refuses the user or the password", "correct them in the ledger's URL"
	case state == stateNoDatabase:
		problem, remedy = "does not exist", "create the database, or name another one"
	case state == stateNoRight:
		problem, remedy = "cannot be changed by this user", "make the user the owner of the database or of a schema in it"
	case state == stateReadOnly:
		problem, remedy = "cannot be written", "name the primary server, not a replica"
	case state == stateDiskFull:
		problem, remedy = "cannot grow", "make room on the server's disk"
	case state == stateConnections:
		problem, remedy = "has no connection free", "raise max_connections on the server, or run fewer programs on it"
	case state == stateLocked:
		problem, remedy = "is being changed by another usher", "try again once that one is done"
	case state == stateCancelled:
		problem, remedy = "took too long", "see what keeps the server busy"
	case s.lost(err):
		problem, remedy = "cannot be reached", "see that the server runs and that the URL names its address"
	}
	return &DatabaseError{Database: s.name(), Problem: problem, Remedy: remedy, Passes: s.passes(err), Err: err}
}

func (s *server) passes(err error) bool {
	switch stateOf(err) {
	case stateDiskFull, stateConnections, stateLocked, stateCancelled:
		return true
	default:
		return s.lost(err)
	}
}
