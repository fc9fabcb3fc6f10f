package asgardeo

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest/scripted"
)

// members is the plainest call below /o/.
func (r *rig) members(ctx context.Context, id string) error {
	_, err := r.p.ListMembers(ctx, org(id), identity.PageRequest{})
	return err
}

func TestTokensAreKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for range 3 {
		if err := r.members(t.Context(), orgOne); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.members(t.Context(), orgTwo); err != nil {
		t.Fatal(err)
	}
	if got := [2]int{r.Count("token"), r.Count("switch")}; got != [2]int{1, 2} {
		t.Errorf("%v token calls, want one at the root and one for each organization", got)
	}
	r.Clock.Advance(59*time.Minute + 30*time.Second) // within the minute before the end
	if err := r.members(t.Context(), orgOne); err != nil {
		t.Fatal(err)
	}
	if got := [3]int{r.Count("token"), r.Count("switch"), r.Count("members")}; got != [3]int{2, 3, 5} {
		t.Errorf("%v calls after the early refresh, want 2, 3 and 5: no call with an old token", got)
	}
	want := []string{"internal_user_mgt_list internal_user_mgt_create", strings.Join(r.p.settings.OrganizationScopes, " ")}
	for _, asked := range r.asked {
		if !slices.Contains(want, asked) {
			t.Errorf("asked for the scopes %q", asked)
		}
	}
}

func TestTokenSingleFlight(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if err := r.members(t.Context(), orgOne); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := [2]int{r.Count("token"), r.Count("switch")}; got != [2]int{1, 1} {
		t.Errorf("%v token calls for 20 callers, want one of each", got)
	}
}

// TestFlightOutlivesItsCaller cancels the caller that started a fetch; the one
// who waits with it gets the token all the same.
func TestFlightOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	c, err := newCache[int](4, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	started, release := make(chan struct{}), make(chan struct{})
	fetch := func(ctx context.Context) (int, time.Time, error) {
		close(started)
		<-release
		return 7, time.Now().Add(time.Hour), ctx.Err()
	}
	first, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := c.get(first, "k", fetch)
		failed <- err
	}()
	<-started
	cancel()
	wantCode(t, <-failed, identity.CodeProviderTimeout)
	got := make(chan int)
	go func() {
		value, err := c.get(t.Context(), "k", fetch)
		if err != nil {
			t.Error(err)
		}
		got <- value
	}()
	close(release)
	if value := <-got; value != 7 {
		t.Errorf("got %d", value)
	}
}

func TestCacheClose(t *testing.T) {
	t.Parallel()
	c, err := newCache[int](4, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	done := make(chan error)
	go func() {
		_, err := c.get(t.Context(), "k", func(ctx context.Context) (int, time.Time, error) {
			close(started)
			<-ctx.Done()
			return 0, time.Time{}, ctx.Err()
		})
		done <- err
	}()
	<-started
	c.close()
	if err := <-done; err == nil {
		t.Error("a fetch went on after close")
	}
	if _, err := c.get(t.Context(), "k", nil); err == nil {
		t.Error("a closed cache fetches")
	}
}

func TestRefusedTokens(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		prime  bool // a first call fills the caches
		break_ func(r *rig)
		want   identity.Code
		calls  [3]int // token, switch, members in all
	}{
		{"401 with a cached token", true, func(r *rig) { r.Inject(scripted.Mishap{Op: "members", Status: 401}) }, "", [3]int{1, 2, 3}},
		{"401 again and again", true, func(r *rig) { r.Inject(scripted.Mishap{Op: "members", Times: -1, Status: 401}) }, identity.CodeProviderCredentials, [3]int{1, 2, 3}},
		{"403", true, func(r *rig) { r.Inject(scripted.Mishap{Op: "members", Status: 403}) }, identity.CodeProviderCredentials, [3]int{1, 1, 2}},
		{"root token revoked", true, func(r *rig) { r.Clock.Advance(time.Second); r.revokeAll(); r.forgetOrganizations() }, "", [3]int{2, 3, 2}},
		{"client refused", false, func(r *rig) { r.Inject(scripted.Mishap{Op: "token", Status: 401, Body: `{"error":"invalid_client"}`}) }, identity.CodeProviderCredentials, [3]int{1, 0, 0}},
		{"grant refused", false, func(r *rig) {
			r.Inject(scripted.Mishap{Op: "token", Status: 400, Body: `{"error":"unauthorized_client"}`})
		}, identity.CodeProviderCredentials, [3]int{1, 0, 0}},
		{"switch refused", false, func(r *rig) {
			r.Inject(scripted.Mishap{Op: "switch", Status: 400, Body: `{"error":"invalid_request"}`})
		}, identity.CodeProviderCredentials, [3]int{1, 1, 0}},
		{"organization disabled", false, func(r *rig) {
			r.Inject(scripted.Mishap{Op: "switch", Status: 400, Body: `{"error":"invalid_request","error_description":"The switching organization is in deactivated state."}`})
		}, identity.CodeConflict, [3]int{1, 1, 0}},
		{"another branch", false, func(r *rig) {
			r.Inject(scripted.Mishap{Op: "switch", Status: 400, Body: `{"error":"invalid_request","error_description":"Organization switch is only allowed for the organizations in the same branch."}`})
		}, identity.CodeNotFound, [3]int{1, 1, 0}},
		{"token of another organization", false, func(r *rig) { r.wrong = orgTwo }, identity.CodeProviderError, [3]int{1, 1, 0}},
		{"token of the root", false, func(r *rig) { r.wrong = rootOrg }, identity.CodeProviderError, [3]int{1, 1, 0}},
		{"no token in the answer", false, func(r *rig) { r.Inject(scripted.Mishap{Op: "token", Status: 200, Body: `{}`}) }, identity.CodeProviderError, [3]int{1, 0, 0}},
		{"HTML", false, func(r *rig) { r.Inject(scripted.Mishap{Op: "switch", Status: 200, Body: "<html>"}) }, identity.CodeProviderError, [3]int{1, 1, 0}},
		{"token endpoint down once", false, func(r *rig) { r.Inject(scripted.Mishap{Op: "token", Status: 503}) }, "", [3]int{2, 1, 1}},
		{"answer of the token endpoint lost", false, func(r *rig) { r.Inject(scripted.Mishap{Op: "switch", Acts: true, Cut: true}) }, "", [3]int{1, 2, 1}},
		{"rate limit", false, func(r *rig) {
			r.Inject(scripted.Mishap{Op: "token", Times: -1, Status: 429, Header: http.Header{"Retry-After": {"40"}}})
		}, identity.CodeProviderRateLimited, [3]int{1, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			if c.prime {
				if err := r.members(t.Context(), orgOne); err != nil {
					t.Fatal(err)
				}
			}
			c.break_(r)
			err := r.members(t.Context(), orgOne)
			wantCode(t, err, c.want)
			if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "eyJ")) {
				t.Errorf("a secret is in the error: %v", err)
			}
			if got := [3]int{r.Count("token"), r.Count("switch"), r.Count("members")}; got != c.calls {
				t.Errorf("%v calls of token, switch and members, want %v", got, c.calls)
			}
		})
	}
}

// revokeAll makes the vendor refuse every token it has given.
func (r *rig) revokeAll() {
	root, _ := r.p.tokens.cache.peek(rootKey + "\n" + strings.Join(r.p.settings.RootScopes, " "))
	r.Lock()
	defer r.Unlock()
	r.revoked[root.value] = true
}

func (r *rig) forgetOrganizations() {
	for _, key := range r.p.tokens.cache.entries.Keys() {
		if !strings.HasPrefix(key, rootKey) {
			r.p.tokens.cache.entries.Remove(key)
		}
	}
}

func TestDroppedScopes(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.dropped = []string{scopeMembers}
	err := r.members(t.Context(), orgOne)
	wantCode(t, err, identity.CodeProviderCredentials)
	if !strings.Contains(err.Error(), scopeMembers) || r.Count("members") != 0 {
		t.Errorf("error %v after %d calls, want the missing scope named and no call", err, r.Count("members"))
	}
	// What needs other scopes works.
	if _, err := r.p.ListInvites(t.Context(), org(orgOne), identity.PageRequest{}); err != nil {
		t.Error(err)
	}
	r.dropped = nil
	r.Clock.Advance(tokenIncomplete)
	if err := r.members(t.Context(), orgOne); err != nil {
		t.Errorf("after the scope was granted: %v", err)
	}
}

func TestScopesOverridden(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config, _ *providers.Deps) { c.OrganizationScopes = []string{"renamed"} })
	if err := r.members(t.Context(), orgOne); err != nil {
		t.Fatal(err)
	}
	if got := r.asked[len(r.asked)-1]; got != "renamed" {
		t.Errorf("asked for %q", got)
	}
}

func TestOpaqueTokens(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		introspect bool
		wrong      string
		want       identity.Code
		asked      int
	}{
		{"asked about", true, "", "", 1},
		{"for another organization", true, orgTwo, identity.CodeProviderError, 1},
		{"trusted", false, "", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(cfg *Config, _ *providers.Deps) { cfg.IntrospectOpaqueTokens = &c.introspect })
			r.hide, r.wrong = true, c.wrong
			wantCode(t, r.members(t.Context(), orgOne), c.want)
			if got := r.Count("introspect"); got != c.asked {
				t.Errorf("%d introspections, want %d", got, c.asked)
			}
		})
	}
}

func TestActAsCaller(t *testing.T) {
	t.Parallel()
	all := strings.Join((&settings{}).defaultScopes(), " ")
	for _, c := range []struct {
		name   string
		claims map[string]any // of the caller's token; nil: no caller
		break_ func(r *rig)
		want   identity.Code
		calls  [3]int // token, switch, members
	}{
		{"own token for the organization", map[string]any{"org_id": orgOne, "scope": all}, nil, "", [3]int{0, 0, 2}},
		{"own token without the scope", map[string]any{"org_id": orgOne, "scope": "openid"}, nil, identity.CodePermissionDenied, [3]int{0, 0, 0}},
		{"scopes as an array", map[string]any{"org_id": orgOne, "scope": []any{scopeMembers}}, nil, "", [3]int{0, 0, 2}},
		{"token of the root is exchanged", map[string]any{"org_id": rootOrg, "scope": "openid"}, nil, "", [3]int{0, 1, 2}},
		{"exchange gives nothing", map[string]any{"org_id": rootOrg}, func(r *rig) { r.dropped = r.p.settings.OrganizationScopes }, identity.CodePermissionDenied, [3]int{0, 1, 0}},
		{"vendor says 403", map[string]any{"org_id": orgOne}, func(r *rig) { r.Inject(scripted.Mishap{Op: "members", Status: 403}) }, identity.CodePermissionDenied, [3]int{0, 0, 1}},
		{"vendor says 401", map[string]any{"org_id": orgOne}, func(r *rig) { r.Inject(scripted.Mishap{Op: "members", Status: 401}) }, identity.CodeProviderCredentials, [3]int{0, 0, 1}},
		{"expired token", map[string]any{"org_id": rootOrg, "exp": int64(1)}, nil, identity.CodeProviderCredentials, [3]int{0, 1, 0}},
		{"exchange for another organization", map[string]any{"org_id": rootOrg}, func(r *rig) { r.wrong = orgTwo }, identity.CodeProviderError, [3]int{0, 1, 0}},
		{"background", nil, nil, "", [3]int{1, 1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(_ *Config, d *providers.Deps) { d.ActAsCaller = true })
			ctx := t.Context()
			if c.claims != nil {
				if c.claims["exp"] == nil {
					c.claims["exp"] = r.Clock.Now().Add(time.Hour).Unix()
				}
				ctx = providers.WithCaller(ctx, providers.Caller{Issuer: "i", Token: r.jwt(c.claims)})
			}
			if c.break_ != nil {
				c.break_(r)
			}
			err := r.members(ctx, orgOne)
			wantCode(t, explain(err), c.want)
			if err == nil {
				err = r.members(ctx, orgOne)
			}
			if err != nil && c.want == "" {
				t.Error(err)
			}
			if got := [3]int{r.Count("token"), r.Count("switch"), r.Count("members")}; got != c.calls {
				t.Errorf("%v calls of token, switch and members, want %v", got, c.calls)
			}
			for _, key := range r.p.tokens.cache.entries.Keys() {
				if strings.Contains(key, "eyJ") {
					t.Error("a caller's token is a key of the cache")
				}
			}
		})
	}
}

func TestExchangedTokenDiesWithTheCallers(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *Config, d *providers.Deps) { d.ActAsCaller = true })
	token := r.jwt(map[string]any{"org_id": rootOrg, "exp": r.Clock.Now().Add(5 * time.Minute).Unix()})
	ctx := providers.WithCaller(t.Context(), providers.Caller{Token: token})
	if err := r.members(ctx, orgOne); err != nil {
		t.Fatal(err)
	}
	r.Clock.Advance(5*time.Minute + time.Second)
	wantCode(t, r.members(ctx, orgOne), identity.CodeProviderCredentials)
}

func TestOpaqueCaller(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *Config, d *providers.Deps) { d.ActAsCaller = true })
	r.hide = true
	token := r.jwt(map[string]any{"org_id": orgOne, "exp": r.Clock.Now().Add(time.Hour).Unix()})
	ctx := providers.WithCaller(t.Context(), providers.Caller{Token: token})
	for range 2 {
		if err := r.members(ctx, orgOne); err != nil {
			t.Fatal(err)
		}
	}
	if got := [2]int{r.Count("introspect"), r.Count("switch")}; got != [2]int{1, 0} {
		t.Errorf("%v introspections and switches, want 1 and 0", got)
	}
}

// TestCallerMayNotInvite: who may not invite does not make accounts either,
// though those are made with the service's credential.
func TestCallerMayNotInvite(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *Config, d *providers.Deps) { d.ActAsCaller = true })
	scopes := scopeRoles + " " + scopeApplication
	token := r.jwt(map[string]any{"org_id": orgOne, "scope": scopes, "exp": r.Clock.Now().Add(time.Hour).Unix()})
	ctx := providers.WithCaller(t.Context(), providers.Caller{Token: token})
	_, err := r.p.Invite(ctx, r.request("new@example.com"))
	wantCode(t, err, identity.CodePermissionDenied)
	if r.Count("create") != 0 || r.Count("invite") != 0 {
		t.Errorf("calls %v", r.Calls)
	}
}

func TestFreshOrganization(t *testing.T) {
	t.Parallel()
	const notShared = `{"error":"invalid_request","error_description":"Organization switching is not allowed for organizations that have not shared the application"}`
	r := newRig(t, nil)
	r.Inject(scripted.Mishap{Op: "switch", Times: 3, Status: 400, Body: notShared})
	if err := r.members(t.Context(), orgOne); err != nil {
		t.Fatal(err)
	}
	if got := r.Count("switch"); got != 4 {
		t.Errorf("%d switches, want 4", got)
	}
	// One that stays so is not waited for twice.
	r.Inject(scripted.Mishap{Op: "switch", Times: -1, Status: 400, Body: notShared})
	wantCode(t, r.members(t.Context(), orgTwo), identity.CodeProviderCredentials)
	before := r.Count("switch")
	r.Clock.Advance(time.Minute)
	wantCode(t, r.members(t.Context(), orgTwo), identity.CodeProviderCredentials)
	if got := r.Count("switch") - before; got != 1 || before < 7 {
		t.Errorf("%d switches at first and %d later, want several and 1", before-4, got)
	}
}
