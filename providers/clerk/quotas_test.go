package clerk

import (
	"slices"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/internal/quota"
	"usher/providers"
)

// Each call counts in its classes, by instance: connections with one key share
// their limits, others do not, and no label tells the key.
func TestQuotas(t *testing.T) {
	t.Parallel()
	scopes := map[string]string{}
	for _, base := range []string{"https://api.clerk.com", "https://api.clerk.com/", "https://proxy.example/clerk"} {
		declared := (&Config{BaseURL: base, SecretKey: "sk_live_one"}).Quotas()
		prefix := strings.TrimRight(base[strings.Index(base, "//")+2:], "/")
		_, prefix, _ = strings.Cut(prefix, "/")
		if prefix != "" {
			prefix = "/" + prefix
		}
		for _, tc := range []struct {
			method, path string
			want         []string
		}{
			{"GET", "/v1/users", []string{"calls"}},
			{"POST", "/v1/organizations/org_1/invitations", []string{"calls", "invitations"}},
			{"GET", "/v1/organizations/org_1/invitations", []string{"calls"}},
			{"POST", "/v1/organizations/org_1/invitations/bulk", []string{"calls", "bulk"}},
			{"POST", "/v1/organizations/org_1/invitations/orginv_1/revoke", []string{"calls"}},
			{"POST", "/v1/invitations", []string{"calls"}},
		} {
			var classes []string
			for _, q := range declared.Quotas {
				if q.Counts == nil || q.Counts(tc.method, prefix+tc.path) {
					classes = append(classes, q.Class)
				}
			}
			if !slices.Equal(classes, tc.want) {
				t.Errorf("%s: %s %s counts in %v, want %v", base, tc.method, tc.path, classes, tc.want)
			}
		}
		scopes[base] = declared.Scope
	}
	other := (&Config{SecretKey: "sk_test_two"}).Quotas()
	if scopes["https://api.clerk.com"] != scopes["https://api.clerk.com/"] || other.Scope == scopes["https://api.clerk.com"] || strings.Contains(other.Scope, "two") {
		t.Errorf("scopes %v and %s", scopes, other.Scope)
	}
	if live := (&Config{SecretKey: "sk_live_one"}).Quotas().Quotas[0]; live.Calls != 1000 || other.Quotas[0].Calls != 100 || live.Window != 10*time.Second {
		t.Errorf("%d and %d calls in %v", live.Calls, other.Quotas[0].Calls, live.Window)
	}
}

// The 251st invitation of an hour is held back here, not refused there; reading
// goes on.
func TestInvitationsOfAnHour(t *testing.T) {
	t.Parallel()
	var quotas *quota.Registry
	r := newRig(t, func(v *vendor, _ *Config, d *providers.Deps) {
		quotas = quota.New(&quota.Options{Now: v.Clock.Now})
		d.Quotas, d.LimitWait, d.Limits = quotas, time.Millisecond, map[string]quota.Limit{"invitations": {Calls: 2}}
	})
	t.Cleanup(func() { _ = quotas.Close() })
	for _, email := range []string{"a@example.com", "b@example.com"} {
		if _, err := r.client().Invite(t.Context(), r.request(email)); err != nil {
			t.Fatal(err)
		}
	}
	request := r.request("c@example.com")
	_, err := r.client().Invite(t.Context(), request)
	wantCode(t, err, identity.CodeProviderRateLimited)
	if known, _ := err.(*identity.Error); known.Unknown || known.RetryAfter < 59*time.Minute || request.Journal.Step(stepCreate).Begun {
		t.Errorf("error %+v, step %+v", known, request.Journal.Step(stepCreate))
	}
	if _, err := r.client().ListInvites(t.Context(), org(orgOne), identity.PageRequest{}); err != nil {
		t.Error(err)
	}
	if r.Count("create") != 2 {
		t.Errorf("%d creations", r.Count("create"))
	}
}
