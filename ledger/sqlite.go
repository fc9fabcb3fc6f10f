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

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
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

// parseURL reads "sqlite:path".
func parseURL(text string) (*file, error) {
	scheme, path, ok := strings.Cut(text, ":")
	bad := func(problem string) (*file, error) {
		return nil, &FileError{Path: fmt.Sprintf("%q", text), Problem: problem, Remedy: "write sqlite: and the path of a file, as in sqlite:usher.db"}
	}
	switch {
	case !ok || scheme == "":
		return bad("is not a ledger URL")
	case scheme != "sqlite":
		return bad("is of a kind that this usher does not have")
	}
	path = strings.TrimPrefix(path, "//")
	switch {
	case path == "":
		return bad("names no file")
	case path == ":memory:":
		return bad("would be lost at the end")
	case strings.ContainsAny(path, "?#\x00"):
		return bad("has more than a path")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, &FileError{Path: path, Problem: "cannot be found", Remedy: "give an absolute path", Err: err}
	}
	return resolve(abs)
}

// resolve follows links and looks at what stands there. The file itself may be
// absent, its folder may not.
func resolve(path string) (*file, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	} else {
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, &FileError{Path: path, Problem: "is in a folder that does not exist", Remedy: "create the folder " + filepath.Dir(path)}
		case err != nil:
			return nil, &FileError{Path: path, Problem: "cannot be reached", Remedy: remedyRights, Err: err}
		}
		path = filepath.Join(dir, filepath.Base(path))
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, &FileError{Path: path, Problem: "cannot be reached", Remedy: remedyRights, Err: err}
	case info.IsDir():
		return nil, &FileError{Path: path, Problem: "is a folder", Remedy: "name a file in it, as in sqlite:" + filepath.Join(path, "usher.db")}
	case !info.Mode().IsRegular():
		return nil, &FileError{Path: path, Problem: "is not a regular file", Remedy: "name another file"}
	}
	return &file{path: path}, nil
}

func (f *file) exists() bool {
	_, err := os.Stat(f.path)
	return err == nil
}

func (f *file) mustExist() error {
	if f.exists() {
		return nil
	}
	return &FileError{Path: f.path, Problem: "does not exist", Remedy: remedyUp}
}

// mustBeWritable also creates the file where it is absent.
func (f *file) mustBeWritable() error {
	h, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return &FileError{Path: f.path, Problem: "cannot be written", Remedy: remedyRights, Err: err}
	}
	return h.Close()
}

// lock takes the file for this process. unlockFile, or the process's death,
// gives it back.
func (f *file) lock() (*os.File, error) {
	path := f.path + ".lock"
	h, err := lockFile(path)
	switch {
	case errors.Is(err, errLocked):
		return nil, &FileError{Path: f.path, Problem: "is in use by another usher" + holder(path), Remedy: "stop that one first, or name another file"}
	case err != nil:
		return nil, &FileError{Path: f.path, Problem: "cannot be locked", Remedy: remedyRights, Err: err}
	}
	if err := writePID(h); err != nil {
		return nil, errors.Join(&FileError{Path: f.path, Problem: "cannot be locked", Remedy: remedyRights, Err: err}, unlockFile(h))
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

type mode int

const (
	modeWrite mode = iota // the one writer
	modeRead              // beside the writer
	modeLook              // changes nothing, creates nothing
)

// initialize makes SQLite set itself up by one goroutine: connections that are
// the first of the process and open at once race for that (lnd issue 8666).
var initialize = sync.OnceValue(func() error {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return err
	}
	return errors.Join(db.Ping(), db.Close())
})

// connect opens the database with a number of connections that are kept.
func (f *file) connect(m mode, connections int) (*sql.DB, error) {
	if err := initialize(); err != nil {
		return nil, f.diagnose(err)
	}
	q := url.Values{"_busy_timeout": {"10000"}, "_foreign_keys": {"on"}, "_dqs": {"0"}, "_error_rc": {"1"}}
	switch m {
	case modeWrite:
		q.Set("_journal_mode", "WAL")
		q.Set("_synchronous", "FULL")
		q.Set("_txlock", "immediate")
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

// diagnose turns what SQLite says about the file into what to do about it.
func (f *file) diagnose(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*FileError](err); ok {
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
	}
	return &FileError{Path: f.path, Problem: problem, Remedy: remedy, Err: err}
}

// resultCode returns SQLite's extended result code, or 0.
func resultCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

func isForeignKey(err error) bool { return resultCode(err) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY }

// tables returns the names of the database's tables.
func (f *file) tables(ctx context.Context, db *sql.DB) ([]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
	all, err := collect(rows, err, func(s scanner) (name string, err error) { return name, s.Scan(&name) })
	return all, f.diagnose(err)
}
