package workos

import (
	"slices"
	"strings"
	"testing"
)

// Each call counts where the vendor counts it; connections with one key share
// one scope, whose name is a label in metrics and holds no key.
func TestQuotas(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "https://gateway.example.com/workos/"} {
		c := &Config{BaseURL: base, APIKey: apiKey}
		declared := c.Quotas()
		same, other := (&Config{BaseURL: base, APIKey: apiKey, InviteDays: 3}).Quotas(), (&Config{BaseURL: base, APIKey: apiKey + "2"}).Quotas()
		if declared.Scope != same.Scope || declared.Scope == other.Scope || strings.Contains(declared.Scope, "sk_") {
			t.Errorf("scopes %q, %q, %q", declared.Scope, same.Scope, other.Scope)
		}
		root := strings.TrimSuffix(strings.TrimPrefix(base, "https://gateway.example.com"), "/")
		for _, tc := range []struct {
			method, path string
			want         []string
		}{
			{"POST", "/user_management/invitations", []string{"calls", "writes"}},
			{"GET", "/user_management/invitations", []string{"calls", "reads"}},
			{"PUT", "/user_management/organization_memberships/om_1", []string{"calls", "writes"}},
			{"GET", "/authorization/organizations/org_1/roles", []string{"calls"}},
			{"GET", "/events", []string{"calls"}},
		} {
			var classes []string
			for _, q := range declared.Quotas {
				if q.Counts == nil || q.Counts(tc.method, root+tc.path) {
					classes = append(classes, q.Class)
				}
			}
			if !slices.Equal(classes, tc.want) {
				t.Errorf("%s %s counts in %v, want %v", tc.method, tc.path, classes, tc.want)
			}
		}
	}
}
