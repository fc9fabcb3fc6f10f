package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	goose "github.com/pressly/goose/v3/database"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"usher/ledger/schema"
)

// Remedies, said the same way wherever they apply.
const (
	remedyUp      = "run `usher ledger up`"
	remedyRestore = "restore it from a backup, or name another file"
	remedyRights  = "give the user that usher runs as the right to write there"
)

// file is the SQLite file a ledger is kept in.
type file struct {
	path string // absolute, links resolved: two names of one file have one lock
}

// parseSQLite reads what follows "sqlite:".
func parseSQLite(text, path string) (database, error) {
	path = strings.TrimPrefix(path, "//")
	switch {
	case path == "":
		return nil, badURL(text, "names no file")
	case path == ":memory:":
		return nil, badURL(text, "would be lost at the end")
	case strings.ContainsAny(path, "?#\x00"):
		return nil, badURL(text, "has more than a path")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, &DatabaseError{Database: path, Problem: "cannot be found", Remedy: "give an absolute path", Err: err}
	}
	return resolve(abs)
}

// resolve follows links and looks at what stands there. The file itself may be
// absent, its folder may not.
func resolve(path string) (database, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	} else {
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, &DatabaseError{Database: path, Problem: "is in a folder that does not exist", Remedy: "create the folder " + filepath.Dir(path)}
		case err != nil:
			return nil, &DatabaseError{Database: path, Problem: "cannot be reached", Remedy: remedyRights, Err: err}
		}
		path = filepath.Join(dir, filepath.Base(path))
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, &DatabaseError{Database: path, Problem: "cannot be reached", Remedy: remedyRights, Err: err}
	case info.IsDir():
		return nil, &DatabaseError{Database: path, Problem: "is a folder", Remedy: "name a file in it, as in sqlite:" + filepath.Join(path, "usher.db")}
	case !info.Mode().IsRegular():
		return nil, &DatabaseError{Database: path, Problem: "is not a regular file", Remedy: "name another file"}
	}
	return &file{path: path}, nil
}

func (f *file) present() bool {
	_, err := os.Stat(f.path)
	return err == nil
}

// reserve also creates the file where it is absent.
func (f *file) reserve() (func() error, error) {
	lock, err := f.lock()
	if err != nil {
		return nil, err
	}
	release := func() error { return unlockFile(lock) }
	h, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, errors.Join(f.wrong("cannot be written", remedyRights, err), release())
	}
	if err := h.Close(); err != nil {
		return nil, errors.Join(f.diagnose(err), release())
	}
	return release, nil
}

// lock takes the file for this process. unlockFile, or the process's death,
// gives it back.
func (f *file) lock() (*os.File, error) {
	path := f.path + ".lock"
	h, err := lockFile(path)
	switch {
	case errors.Is(err, errLocked):
		return nil, &DatabaseError{Database: f.path, Problem: "is in use by another usher" + holder(path), Remedy: "stop that one first, or name another file"}
	case err != nil:
		return nil, &DatabaseError{Database: f.path, Problem: "cannot be locked", Remedy: remedyRights, Err: err}
	}
	if err := writePID(h); err != nil {
		return nil, errors.Join(&DatabaseError{Database: f.path, Problem: "cannot be locked", Remedy: remedyRights, Err: err}, unlockFile(h))
	}
	return h, nil
}

// errLocked is returned by lockFile when somebody else holds the lock.
var errLocked = errors.New("locked")

func writePID(h *os.File) error {
	if err := h.Truncate(0); err != nil {
		return err
	}
	_, err := fmt.Fprintf(h, "%d\n", os.Getpid())
	return err
}

// holder says which process wrote the lock file, if it says so.
func holder(path string) string {
	b, err := os.ReadFile(path)
	pid := strings.TrimSpace(string(b))
	if err != nil || pid == "" || len(pid) > 20 || strings.Trim(pid, "0123456789") != "" {
		return ""
	}
	return " (process " + pid + ")"
}

// initialize makes SQLite set itself up by one goroutine: connections that are
// the first of the process and open at once race for that (lnd issue 8666).
var initialize = sync.OnceValue(func() error {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return err
	}
	return errors.Join(db.Ping(), db.Close())
})

func (f *file) connect(m mode, connections int) (*sql.DB, error) {
	if err := initialize(); err != nil {
		return nil, f.diagnose(err)
	}
	q := url.Values{"_busy_timeout": {"10000"}, "_foreign_keys": {"on"}, "_dqs": {"0"}, "_error_rc": {"1"}}
	switch m {
	case modeWrite, modeSchema:
		q.Set("_journal_mode", "WAL")
		q.Set("_synchronous", "FULL")
		q.Set("_txlock", "immediate")
		q.Add("_pragma", "temp_store(MEMORY)") // what undoes one member of a group alone would become a file
		q.Add("_pragma", "cache_size(-8000)")  // takes twice that: a page is a little more than the allocator's 4 KiB
		if m == modeWrite {
			q.Add("_pragma", "wal_autocheckpoint(0)") // see wal
		}
	case modeLog:
		q.Set("_synchronous", "FULL")
		q.Set("_busy_timeout", "0")
	case modeRead:
		q.Set("_query_only", "on")
	case modeLook:
		q.Set("_query_only", "on")
		q.Set("mode", "ro")
	}
	path := filepath.ToSlash(f.path)
	if !strings.HasPrefix(path, "/") { // a drive letter
		path = "/" + path
	}
	uri := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return nil, f.diagnose(err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

func (f *file) wrong(problem, remedy string, cause error) error {
	return &DatabaseError{Database: f.path, Problem: problem, Remedy: remedy, Err: cause}
}

func (f *file) diagnose(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*DatabaseError](err); ok {
		return err
	}
	problem, remedy := "cannot be opened", "see the cause"
	switch resultCode(err) & 0xff {
	case sqlite3.SQLITE_NOTADB:
		problem, remedy = "is not a database", "restore it from a backup, or name another file"
	case sqlite3.SQLITE_CORRUPT:
		problem, remedy = "is damaged", remedyRestore
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN:
		problem, remedy = "cannot be written", remedyRights
	case sqlite3.SQLITE_FULL:
		problem, remedy = "cannot grow", "make room on its disk"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		problem, remedy = "is in use by another program", "stop that one first"
	case sqlite3.SQLITE_IOERR:
		problem, remedy = "cannot be read or written", "see that its disk is well and has room"
	}
	return &DatabaseError{Database: f.path, Problem: problem, Remedy: remedy, Passes: f.passes(err), Err: err}
}

func (f *file) stale(error) bool { return false }

func (f *file) passes(err error) bool {
	switch resultCode(err) & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR:
		return true
	default:
		return false
	}
}

// resultCode returns SQLite's extended result code, or 0.
func resultCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

func isForeignKeySQLite(err error) bool {
	return resultCode(err) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
}

func (f *file) tables(ctx context.Context, db *sql.DB) ([]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
	all, err := collect(rows, err, func(s scanner) (name string, err error) { return name, s.Scan(&name) })
	return all, f.diagnose(err)
}

// The file's lock keeps other processes out: nobody else writes, and the time is
// this machine's.

func (f *file) shared() bool { return false }

func (f *file) statements() []string { return nil }

func (f *file) enter(context.Context, *statements, *sql.Tx) (string, error) { return "", nil }

func (f *file) alone(context.Context, *sql.DB) (func() error, error) {
	return func() error { return nil }, nil
}

func (f *file) time(context.Context, *sql.DB) (int64, error) { return 0, nil }

// There is no connection to be cut.

func (f *file) lost(error) bool { return false }

func (f *file) fate(context.Context, *statements, *sql.Tx, string) (bool, error) { return false, nil }

func (f *file) holds(string) bool { return true }

func (f *file) dialect() goose.Dialect { return goose.DialectSQLite3 }

func (f *file) steps() fs.FS { return schema.FS() }
