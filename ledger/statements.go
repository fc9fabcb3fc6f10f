package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// statements keeps a database's statements prepared, each once.
type statements struct {
	db    *sql.DB
	holds func(string) bool // what texts the database can keep
	stale func(error) bool  // the connection had died since it was used last
	told  func(error) error // says what to do about what the database says
	mu    sync.RWMutex
	kept  map[string]*sql.Stmt
}

func newStatements(d database, db *sql.DB) *statements {
	return &statements{
		db: db, holds: d.holds, stale: d.stale, told: func(err error) error { return trouble(d, err) }, kept: map[string]*sql.Stmt{},
	}
}

// rereads is how often a read goes on to the next connection after one that had
// died: more often than there are connections.
const rereads = 32

// reread asks, and asks again where the connection had died.
func reread[T any](ctx context.Context, s *statements, ask func() (T, error)) (T, error) {
	answer, err := ask()
	for n := 0; n < rereads && s.stale(err) && ctx.Err() == nil; n++ {
		answer, err = ask()
	}
	return answer, err
}

// foreign reports that an argument holds a text that the database cannot keep:
// nothing there is like it.
func (s *statements) foreign(args []any) bool {
	return slices.ContainsFunc(args, func(arg any) bool {
		switch v := arg.(type) {
		case string:
			return !s.holds(v)
		case sql.NullString:
			return !s.holds(v.String)
		default:
			return false
		}
	})
}

// errForeign is the fate of a text that the database cannot keep.
var errForeign = errors.New("the database keeps no text with a zero byte or with invalid UTF-8")

func (s *statements) prepare(ctx context.Context, texts ...string) error {
	for _, text := range texts {
		if _, err := s.stmt(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// stmt returns the prepared statement. It must not be asked for a new text
// while the database's only connection is in use.
func (s *statements) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	s.mu.RLock()
	stmt := s.kept[text]
	s.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	stmt, err := reread(ctx, s, func() (*sql.Stmt, error) { return s.db.PrepareContext(ctx, text) })
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.kept[text]; other != nil {
		return other, stmt.Close()
	}
	s.kept[text] = stmt
	return stmt, nil
}

func (s *statements) known(text string) *sql.Stmt {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.kept[text]
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stmt := range s.kept {
		if err := stmt.Close(); err != nil {
			return err
		}
	}
	clear(s.kept)
	return nil
}

// row is one row, or why there is none. It is asked for when it is scanned.
type row struct {
	ctx   context.Context
	stmt  *sql.Stmt
	args  []any
	err   error
	told  func(error) error
	again *statements // nil: in a transaction, where nothing is asked again
}

func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	ask := func() (struct{}, error) { return struct{}{}, r.stmt.QueryRowContext(r.ctx, r.args...).Scan(dest...) }
	var err error
	if r.again == nil {
		_, err = ask()
	} else {
		_, err = reread(r.ctx, r.again, ask)
	}
	return r.told(err)
}

// row runs a prepared point read. Those take microseconds: ctx is asked before
// and not watched during it.
func (s *statements) row(ctx context.Context, text string, args ...any) row {
	if err := ctx.Err(); err != nil {
		return row{err: err}
	}
	if s.foreign(args) {
		return row{err: sql.ErrNoRows}
	}
	stmt, err := s.stmt(ctx, text)
	if err != nil {
		return row{err: s.told(err)}
	}
	return row{ctx: context.WithoutCancel(ctx), stmt: stmt, args: args, told: s.told, again: s}
}

func (s *statements) rows(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if s.foreign(args) {
		return nil, sql.ErrNoRows
	}
	stmt, err := s.stmt(ctx, text)
	if err != nil {
		return nil, s.told(err)
	}
	rows, err := reread(ctx, s, func() (*sql.Rows, error) { return stmt.QueryContext(ctx, args...) })
	return rows, s.told(err)
}

// few runs a prepared read of a few rows that lie together. As for row, ctx is
// asked before and not watched during it: watching costs more than reading.
func (s *statements) few(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.rows(context.WithoutCancel(ctx), text, args...)
}

// collect reads all rows.
func collect[T any](rows *sql.Rows, err error, scan func(scanner) (T, error)) (all []T, _ error) {
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// scanner is a row that is ready to be read.
type scanner interface{ Scan(dest ...any) error }

// prepared returns a statement of writeStatements in this transaction.
func (t *Tx) prepared(text string) (*sql.Stmt, error) {
	if err := t.caller.Err(); err != nil {
		return nil, err
	}
	stmt := t.led.write.known(text)
	if stmt == nil {
		return nil, fmt.Errorf("not a prepared statement: %s", text)
	}
	return t.tx.StmtContext(t.ctx, stmt), nil
}

func (t *Tx) row(text string, args ...any) row {
	if t.led.write.foreign(args) {
		return row{err: sql.ErrNoRows}
	}
	stmt, err := t.prepared(text)
	if err != nil {
		return row{err: err}
	}
	return row{ctx: t.ctx, stmt: stmt, args: args, told: t.spoiled}
}

func (t *Tx) rows(text string, args ...any) (*sql.Rows, error) {
	if t.led.write.foreign(args) {
		return nil, sql.ErrNoRows
	}
	stmt, err := t.prepared(text)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(t.ctx, args...)
	return rows, t.spoiled(err)
}

// exec returns how many rows it changed.
func (t *Tx) exec(text string, args ...any) (int64, error) {
	if t.led.write.foreign(args) {
		return 0, t.spoiled(errForeign)
	}
	stmt, err := t.prepared(text)
	if err != nil {
		return 0, err
	}
	done, err := stmt.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, t.spoiled(err)
	}
	return done.RowsAffected()
}

// spoiled notes that a statement has failed. Not every database goes on after
// that: whatever the function makes of it, its part is undone.
func (t *Tx) spoiled(err error) error {
	err = t.led.write.told(err)
	if t.spoilt == nil && err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.spoilt = err
	}
	return err
}

// writeStatements are all that run in transactions, prepared once at Open.
func writeStatements() []string {
	return slices.Concat(
		organizationStatements(), inviteStatements(), eventStatements(), leaseStatements(),
		stepStatements(), memberStatements(), keyStatements(), turnStatements(), linkStatements(), directoryStatements(),
		instanceStatements(), batchStatements(), budgetStatements(),
	)
}

// liveStates is identity.State.Live as SQL. It must read like the condition of
// the index invites_live for that index to serve.
const liveStates = `state IN ('queued', 'sending', 'pending', 'uncertain')`
