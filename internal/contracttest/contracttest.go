// Package contracttest finds the vendors' contract documents for tests. They
// are not part of this repository: tests that need them skip visibly where
// they are absent, and fail where USHER_REQUIRE_CONTRACTS or CI is set.
package contracttest

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir returns the folder with one vendor's documents, see Find, and skips the
// test where there is none.
func Dir(t testing.TB, vendor string) string {
	t.Helper()
	dir, ok := Find(t, vendor)
	if !ok {
		t.Skipf("no contract documents of %s (set USHER_CONTRACTS to their folder)", vendor)
	}
	return dir
}

// Find returns the folder with one vendor's documents: below USHER_CONTRACTS if
// that is set, else below shared/contracts beside the repository.
func Find(t testing.TB, vendor string) (string, bool) {
	t.Helper()
	root := os.Getenv("USHER_CONTRACTS")
	if root == "" {
		root = filepath.Join(moduleRoot(t), "..", "shared", "contracts")
	}
	dir := filepath.Join(root, vendor)
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("USHER_REQUIRE_CONTRACTS") != "" || os.Getenv("CI") != "" {
			t.Fatalf("the contract documents are required here and absent: %v", err)
		}
		return "", false
	}
	return dir, true
}

func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = parent
	}
}
