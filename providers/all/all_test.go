package all

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Every folder beside this one is in the table, but for the two that are not
// backends of a connection.
func TestTableHoldsEveryAdapter(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	table := Table()
	for _, entry := range entries {
		if !entry.IsDir() || slices.Contains([]string{"all", "memory", "providertest"}, entry.Name()) {
			continue
		}
		if _, ok := table[entry.Name()]; !ok {
			t.Errorf("providers/%s is not in the table of package all", filepath.Base(entry.Name()))
		}
	}
	for name, make := range table {
		if make() == nil {
			t.Errorf("%s makes no settings", name)
		}
		if make() == make() {
			t.Errorf("%s hands out the same settings twice", name)
		}
	}
}
