package ledger_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"usher/ledger"
)

// withoutRights runs fn as somebody who is not root, for whom rights on files
// do not count. The thread that has given its rights away ends with it.
func withoutRights(t *testing.T, fn func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		fn()
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		runtime.LockOSThread()
		if err := syscall.Setfsuid(65534); err != nil {
			t.Error(err)
			return
		}
		fn()
	})
	wg.Wait()
}

func TestRights(t *testing.T) {
	t.Parallel()
	const remedy = "give the user that usher runs as the right to write there"
	for _, tc := range []struct {
		name         string
		folder, file os.FileMode
		problem      string
	}{
		{"read-only file", 0o777, 0o444, "cannot be written"},
		{"unreadable file", 0o777, 0o000, "cannot be written"},
		{"read-only folder", 0o555, 0o444, "cannot be locked"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			url := fresh(t)
			if _, err := ledger.Up(t.Context(), url); err != nil {
				t.Fatal(err)
			}
			path, err := filepath.EvalSymlinks(strings.TrimPrefix(url, "sqlite:"))
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Dir(path)
			if err := os.Remove(path + ".lock"); err != nil {
				t.Fatal(err)
			}
			for name, mode := range map[string]os.FileMode{path: tc.file, dir: tc.folder, filepath.Dir(dir): 0o755} {
				if err := os.Chmod(name, mode); err != nil {
					t.Fatal(err)
				}
			}
			t.Cleanup(func() { _ = os.Chmod(dir, 0o777) })
			withoutRights(t, func() {
				wantDatabaseError(t, "open", openError(t, url), path, tc.problem, remedy)
				wantDatabaseError(t, "up", upError(t, url), path, tc.problem, remedy)
			})
		})
	}
}
