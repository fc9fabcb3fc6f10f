package ledger_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"usher/identity"
	"usher/ledger"
)

const (
	restore = "restore it from a backup, or name another file"
	runUp   = "run `usher ledger up`"
	writeIt = "write sqlite: and the path of a file, as in sqlite:usher.db, or postgres://user:password@host:5432/database"
)

// wantDatabaseError compares a problem and what to do about it.
func wantDatabaseError(t *testing.T, what string, err error, path, problem, remedy string) {
	t.Helper()
	got, ok := errors.AsType[*ledger.DatabaseError](err)
	if !ok {
		t.Errorf("%s: got %v, want a *DatabaseError: %s: %s", what, err, problem, remedy)
		return
	}
	if got.Database != path || got.Problem != problem || got.Remedy != remedy {
		t.Errorf("%s:\n got %s | %s | %s\nwant %s | %s | %s", what, got.Database, got.Problem, got.Remedy, path, problem, remedy)
	}
	if text := got.Error(); !strings.HasPrefix(text, "ledger "+path+" "+problem+": "+remedy) || strings.Contains(text, "\n") {
		t.Errorf("%s: text %q", what, text)
	}
	if identity.CodeOf(err) != identity.CodeInternal {
		t.Errorf("%s: code %s", what, identity.CodeOf(err))
	}
}

func openError(t *testing.T, url string) error {
	t.Helper()
	l, err := ledger.Open(t.Context(), url, nil)
	if err == nil {
		t.Error(errors.Join(errors.New("opened"), l.Close()))
	}
	return err
}

func upError(t *testing.T, url string) error {
	t.Helper()
	_, err := ledger.Up(t.Context(), url)
	return err
}

func statusError(t *testing.T, url string) error {
	t.Helper()
	_, err := ledger.Status(t.Context(), url)
	return err
}

// dump returns the bytes of a ledger with some rows in it, at rest.
func dump(t *testing.T) []byte {
	t.Helper()
	url := fresh(t)
	l := open(t, url, nil)
	o := organization(t, l)
	err := l.Write(t.Context(), func(tx *ledger.Tx) error {
		for n := range 200 {
			if err := tx.InsertInvite(draft(o, fmt.Sprintf("a%d@example.com", n))); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(strings.TrimPrefix(url, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestURLs(t *testing.T) {
	t.Parallel()
	for url, problem := range map[string]string{
		"":                        "is not a ledger URL",
		"usher.db":                "is not a ledger URL",
		":usher.db":               "is not a ledger URL",
		"mysql://localhost/usher": "is of a kind that this usher does not have",
		"SQLITE:usher.db":         "is of a kind that this usher does not have",
		"sqlite:":                 "names no file",
		"sqlite://":               "names no file",
		"sqlite::memory:":         "would be lost at the end",
		"sqlite:usher.db?mode=ro": "has more than a path",
		"sqlite:usher.db#x":       "has more than a path",
		"sqlite:a\x00b":           "has more than a path",
	} {
		quoted := fmt.Sprintf("%q", url)
		wantDatabaseError(t, "open", openError(t, url), quoted, problem, writeIt)
		wantDatabaseError(t, "up", upError(t, url), quoted, problem, writeIt)
		wantDatabaseError(t, "status", statusError(t, url), quoted, problem, writeIt)
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"usher.db", "with blank.db", "50%25.db", "ü&=+;'\"$.db", "-rf", "a:b.db"} {
		for _, prefix := range []string{"sqlite:", "sqlite://"} {
			path := filepath.Join(t.TempDir(), name)
			open(t, prefix+path, nil)
			if _, err := os.Stat(path); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestBrokenFiles(t *testing.T) {
	t.Parallel()
	good := dump(t)
	known, err := ledger.Status(t.Context(), fresh(t))
	if err != nil {
		t.Fatal(err)
	}
	newest := known[len(known)-1].Version
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, b []byte) {
		if err := os.WriteFile(path(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	alter := func(name, statement string) {
		db, err := sql.Open("sqlite", path(name))
		if err == nil {
			_, err = db.ExecContext(t.Context(), statement)
		}
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	write("text", []byte(strings.Repeat("this is no database\n", 300)))
	write("short", []byte("this is no database"))
	write("zeros", make([]byte, 8192))
	alter("foreign", "CREATE TABLE songs (name TEXT)")
	write("newer", good)
	alter("newer", "INSERT INTO ledger_schema (version_id, is_applied) VALUES (4711, TRUE)")
	write("empty", nil)
	if err := os.Mkdir(path("folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, problem, remedy string
		only                  string // "open": the others have nothing to complain about
	}{
		{name: "text", problem: "is not a database", remedy: restore},
		{name: "short", problem: "is not a database", remedy: restore},
		{name: "zeros", problem: "is not a database", remedy: restore},
		{name: "foreign", problem: "is a database of something else", remedy: "name another one"},
		{
			name: "newer", problem: fmt.Sprintf("has schema version 4711 and this usher knows up to %d", newest),
			remedy: "run the newer usher, or restore the ledger from a backup of before",
		},
		{name: "folder", problem: "is a folder", remedy: "name a file in it, as in sqlite:" + path("folder/usher.db")},
		{name: "no/such/folder.db", problem: "is in a folder that does not exist", remedy: "create the folder " + path("no/such")},
		{name: "text/usher.db", problem: "cannot be reached", remedy: "give the user that usher runs as the right to write there"},
		{name: "absent", problem: "does not exist", remedy: runUp, only: "open"},
		{name: "empty", problem: "does not have this usher's schema", remedy: runUp, only: "open"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			url := "sqlite:" + path(tc.name)
			wantDatabaseError(t, "open", openError(t, url), path(tc.name), tc.problem, tc.remedy)
			if tc.only != "open" {
				wantDatabaseError(t, "status", statusError(t, url), path(tc.name), tc.problem, tc.remedy)
				wantDatabaseError(t, "up", upError(t, url), path(tc.name), tc.problem, tc.remedy)
				return
			}
			if err := statusError(t, url); err != nil {
				t.Errorf("status: %v", err)
			}
			if err := upError(t, url); err != nil {
				t.Errorf("up: %v", err)
			}
			open(t, url, nil)
		})
	}
	for _, size := range []int{50, 100, 511, 4096, 4097, len(good) / 2, len(good) - 4096} {
		t.Run(fmt.Sprintf("cut to %d", size), func(t *testing.T) {
			t.Parallel()
			name := fmt.Sprintf("cut%d", size)
			write(name, good[:size])
			for range 2 { // looking at it does not change it
				wantDatabaseError(t, "open", openError(t, "sqlite:"+path(name)), path(name), "is damaged", restore)
			}
			wantDatabaseError(t, "status", statusError(t, "sqlite:"+path(name)), path(name), "is damaged", restore)
			wantDatabaseError(t, "up", upError(t, "sqlite:"+path(name)), path(name), "is damaged", restore)
		})
	}
	t.Run("holes", func(t *testing.T) { t.Parallel(); holes(t, good, dir) })
}

// holes overwrites one page after the other: whatever the ledger does then, it
// says so with an error, and tells no falsehoods about what it still has.
func holes(t *testing.T, good []byte, dir string) {
	const page = 4096
	seen := 0
	for at := page; at < len(good); at += page {
		b := append([]byte(nil), good...)
		for n := range page {
			b[at+n] = 0xA5
		}
		path := filepath.Join(dir, fmt.Sprintf("hole%d", at))
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := ledger.Open(t.Context(), "sqlite:"+path, nil)
		if err != nil {
			seen++
			continue
		}
		o, err := l.Organization(t.Context(), "acme")
		if err == nil {
			var all []identity.Invite
			all, err = l.Invites(t.Context(), ledger.InviteQuery{OrganizationID: o.ID, Limit: 1000})
			if err == nil && len(all) != 200 {
				t.Errorf("hole at %d: %d invites and no error", at, len(all))
			}
		}
		if err != nil {
			seen++
			if e, ok := errors.AsType[*identity.Error](err); !ok || e.Code != identity.CodeInternal && e.Code != identity.CodeNotFound {
				t.Errorf("hole at %d: %v", at, err)
			}
		}
		if err := l.Close(); err != nil {
			t.Errorf("hole at %d: close: %v", at, err)
		}
	}
	if seen == 0 {
		t.Error("no hole was met")
	}
}

func TestSecondOpen(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	l := open(t, url, nil)
	path, err := filepath.EvalSymlinks(strings.TrimPrefix(url, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	problem := fmt.Sprintf("is in use by another usher (process %d)", os.Getpid())
	const remedy = "stop that one first, or name another file"
	for _, url := range []string{url, "sqlite:" + link} {
		wantDatabaseError(t, "open", openError(t, url), path, problem, remedy)
		wantDatabaseError(t, "up", upError(t, url), path, problem, remedy)
		_, err := ledger.Down(t.Context(), url)
		wantDatabaseError(t, "down", err, path, problem, remedy)
		all, err := ledger.Status(t.Context(), url)
		if err != nil || len(all) == 0 || all[0].AppliedAt == nil {
			t.Errorf("status: %+v, %v", all, err)
		}
	}
	organization(t, l) // the first one has not been disturbed
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, "sqlite:"+link, nil)
}

const holderEnv = "USHER_LEDGER_HOLDER"

// TestHolder is the other process of TestSecondProcess.
func TestHolder(t *testing.T) {
	url := os.Getenv(holderEnv)
	if url == "" {
		t.Skip("runs in a process of its own")
	}
	l, err := ledger.Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("holding")
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
	t.Error("survived", l.Close())
}

func TestSecondProcess(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	if err := open(t, url, nil).Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHolder$")
	cmd.Env = append(os.Environ(), holderEnv+"="+url)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "holding"; {
		continue
	}
	path, err := filepath.EvalSymlinks(strings.TrimPrefix(url, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	problem := fmt.Sprintf("is in use by another usher (process %d)", cmd.Process.Pid)
	wantDatabaseError(t, "open", openError(t, url), path, problem, "stop that one first, or name another file")
	wantDatabaseError(t, "up", upError(t, url), path, problem, "stop that one first, or name another file")
	if err := statusError(t, url); err != nil {
		t.Errorf("status: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the other process was not killed")
	}
	open(t, url, nil)
}

// Starting other programs must not keep the lock: each has the file open for a
// moment, between its start and its own beginning.
func TestLockAndChildren(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
				if err := cmd.Run(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	url := fresh(t)
	for range 100 {
		if err := open(t, url, nil).Close(); err != nil {
			t.Error(err)
		}
	}
	stop()
	wg.Wait()
}
