package api

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"usher/ledger"
)

// TestAPanicReleasesTheKey: the same request can be tried again.
func TestAPanicReleasesTheKey(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "usher.db")
	if _, err := ledger.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	a := &API{ledger: l, log: slog.New(slog.DiscardHandler)}
	key := ledger.IdempotencyKey{Issuer: "i", Subject: "s", Method: "POST", Path: "/x", Key: "k"}
	for range 2 {
		claim, _, err := l.ClaimKey(t.Context(), key, []byte("hash"))
		if err != nil {
			t.Fatal(err)
		}
		rendered(t, func(hc huma.Context) {
			defer func() {
				if recover() != "fell over" {
					t.Error("the panic was swallowed")
				}
			}()
			a.performOnce(newExchange(hc), claim, func(huma.Context) { panic("fell over") })
		})
	}
}
