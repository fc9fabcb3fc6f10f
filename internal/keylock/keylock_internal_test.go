package keylock

import (
	"context"
	"testing"
)

// What nobody holds or waits for any more is not kept.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	l := New()
	give, err := l.Take(t.Context(), "a", "b", "a")
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Take(ended, "c", "b"); err == nil {
		t.Error("two hold one key")
	}
	if len(l.keys) != 2 {
		t.Errorf("%d locks for two keys", len(l.keys))
	}
	give()
	if len(l.keys) != 0 {
		t.Errorf("%d locks are left", len(l.keys))
	}
}
