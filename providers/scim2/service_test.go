package scim2

import (
	"slices"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/providertest/scripted"
)

// times returns how often the service was asked what it can do.
func (r *rig) times() int {
	n := 0
	for _, call := range r.asked() {
		if strings.HasPrefix(call, "GET /ServiceProviderConfig") {
			n++
		}
	}
	return n
}

func TestWhatTheServiceCanDo(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	for name, tt := range map[string]struct {
		change              func(v *vendor, c *Config)
		patch, filter, etag bool
		asked               int
	}{
		"as it says":                   {func(v *vendor, _ *Config) { v.etag = false }, true, true, false, 1},
		"says nothing":                 {func(v *vendor, _ *Config) { v.silent = true }, false, false, false, 1},
		"the settings know better":     {func(v *vendor, c *Config) { v.patch, c.Patch, c.ETag = false, &yes, &no }, true, true, false, 1},
		"the settings know everything": {func(_ *vendor, c *Config) { c.Patch, c.ETag, c.Filter = &no, &yes, &no }, false, false, true, 0},
	} {
		r := newRig(t, func(v *vendor, c *Config, _ *providers.Deps) { tt.change(v, c) })
		for range 2 {
			f, err := r.p.features(t.Context())
			if err != nil || f.patch != tt.patch || f.filter != tt.filter || f.etag != tt.etag {
				t.Errorf("%s: %+v, %v", name, f, err)
			}
		}
		if n := r.times(); n != tt.asked {
			t.Errorf("%s: asked %d times, want %d", name, n, tt.asked)
		}
	}
}

// What it says is believed for a while, an error not at all, and that it said
// nothing not for long.
func TestWhatTheServiceCanDoChanges(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Inject(scripted.Mishap{Op: "GET /ServiceProviderConfig*", Status: 500})
	if _, err := r.p.features(t.Context()); identity.CodeOf(err) != identity.CodeProviderError {
		t.Error(err)
	}
	for _, tt := range []struct {
		pass   time.Duration
		silent bool
		want   int
	}{{0, false, 2}, {59 * time.Minute, false, 0}, {time.Minute, true, 1}, {4 * time.Minute, false, 0}, {time.Minute, false, 1}} {
		r.Clock.Advance(tt.pass)
		r.Lock()
		r.silent = tt.silent
		r.Unlock()
		if _, err := r.p.features(t.Context()); err != nil {
			t.Error(err)
		}
		if got := r.times(); got != tt.want {
			t.Errorf("after %v: asked %d times, want %d", tt.pass, got, tt.want)
		}
	}
}

// A filter that is refused is not asked again until the service is asked anew
// what it can do.
func TestRefusedFiltersAreRemembered(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(v *vendor, _ *Config, _ *providers.Deps) {
		v.refuses = map[string]bool{"or": true, "emails.value": true}
	})
	filters := func() int {
		n := 0
		for _, call := range r.asked() {
			if strings.Contains(call, "emails.value") {
				n++
			}
		}
		return n
	}
	for _, want := range []int{2, 0, 2} {
		if _, err := r.c.Invite(t.Context(), request(t, "ada@example.com")); err != nil {
			t.Fatal(err)
		}
		if got := filters(); got != want {
			t.Errorf("asked %d times, want %d", got, want)
		}
		if want == 0 {
			r.Clock.Advance(time.Hour)
		}
	}
}

func TestQuotas(t *testing.T) {
	t.Parallel()
	a, same := (&Config{BaseURL: base}).Quotas(), (&Config{BaseURL: base + "/"}).Quotas()
	other := (&Config{BaseURL: "https://id.example.com/t/secret-tenant/scim"}).Quotas()
	if a.Scope != same.Scope || a.Scope == other.Scope || !strings.HasPrefix(a.Scope, "scim2 id.example.com ") || strings.Contains(other.Scope, "tenant") {
		t.Errorf("scopes %q, %q, %q", a.Scope, same.Scope, other.Scope)
	}
	if len(a.Quotas) != 1 || a.Quotas[0].Class != "calls" || a.Quotas[0].Calls != 0 || a.Quotas[0].Counts != nil {
		t.Errorf("quotas %+v", a.Quotas)
	}
	if d := (&Config{BaseURL: "https://[::1"}).Quotas(); d.Scope != "" {
		t.Errorf("scope of no URL: %q", d.Scope)
	}
}

// Every ability that is not the service's own says how it comes about.
func TestDescribe(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	want := map[providers.Capability]providers.Support{
		providers.CapInvite: providers.Emulated, providers.CapResend: providers.Emulated, providers.CapRevoke: providers.Emulated,
		providers.CapAccept: providers.Emulated, providers.CapMembersList: providers.Native, providers.CapRolesList: providers.Native,
		providers.CapInviteList: providers.Unsupported, providers.CapInviteMany: providers.Unsupported,
	}
	var seen []providers.Capability
	for _, c := range r.c.Capabilities() {
		seen = append(seen, c.Capability)
		if c.Support != want[c.Capability] {
			t.Errorf("%s is %s, want %s", c.Capability, c.Support, want[c.Capability])
		}
	}
	if len(seen) != len(want) || !slices.IsSorted(seen) {
		t.Errorf("capabilities %v", seen)
	}
}
