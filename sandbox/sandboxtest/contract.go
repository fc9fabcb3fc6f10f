package sandboxtest

import (
	"sync"
	"testing"

	"usher/internal/contracttest"
)

// Contract loads a vendor's documents once, when they are first asked for. What
// it returns gives them; nil where they are absent.
func Contract(vendor string, spec contracttest.Spec) func(t *testing.T) *contracttest.Validator {
	var once sync.Once
	var v *contracttest.Validator
	var err error
	return func(t *testing.T) *contracttest.Validator {
		t.Helper()
		dir, found := contracttest.Find(t, vendor)
		if !found {
			return nil
		}
		once.Do(func() { v, err = contracttest.Load(dir, spec) })
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
