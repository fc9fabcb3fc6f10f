package asgardeo

import (
	"fmt"
	"testing"
	"time"

	"usher/providers"
)

// What is remembered of organizations and callers is bounded: beyond
// token_cache_size the longest unused are forgotten, and fetched again.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const size = 3
	r := newRig(t, func(c *Config, d *providers.Deps) { c.TokenCacheSize, d.ActAsCaller = size, true })
	for n := range 20 {
		id := []string{orgOne, orgTwo}[n%2]
		token := r.jwt(map[string]any{"org_id": rootOrg, "jti": fmt.Sprint(n), "exp": r.Clock.Now().Add(time.Hour).Unix()})
		if _, err := r.p.ListRoles(providers.WithCaller(t.Context(), providers.Caller{Token: token}), org(id)); err != nil {
			t.Fatal(err)
		}
		if err := r.members(t.Context(), id); err != nil { // the service's own
			t.Fatal(err)
		}
	}
	if tokens, roles := r.p.tokens.cache.entries.Len(), r.p.roles.entries.Len(); tokens != size || roles != size {
		t.Errorf("%d tokens and %d role sets are remembered, want %d", tokens, roles, size)
	}
	if n := r.Count("switch"); n < 20 {
		t.Errorf("%d exchanges, want one for each caller", n)
	}
}
