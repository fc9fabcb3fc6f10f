package asgardeo

import (
	"slices"
	"testing"
)

// Each call counts in the family of its path, in the root organization and
// below /o/ alike, and connections to one host share one scope.
func TestQuotas(t *testing.T) {
	t.Parallel()
	cases := []struct {
		path string
		want []string
	}{
		{"/oauth2/token", []string{"oauth2"}},
		{"/oauth2/introspect", []string{"oauth2"}},
		{"/scim2/Users", []string{"scim2"}},
		{"/o/scim2/v2/Roles/1", []string{"scim2"}},
		{"/scim2/Bulk", []string{"scim2", "bulk"}},
		{"/o/scim2/Bulk", []string{"scim2", "bulk"}},
		{"/o/api/server/v1/guests/invite", []string{"server"}},
		{"/api/identity/user/v1.0/resend-code", []string{"identity"}},
		{"/other", nil},
	}
	for _, base := range []string{"https://api.asgardeo.io/t/acme", "https://api.asgardeo.io/t/other/"} {
		declared := (&Config{BaseURL: base}).Quotas()
		if declared.Scope != "asgardeo api.asgardeo.io" {
			t.Errorf("%s: scope %q", base, declared.Scope)
		}
		for _, tc := range cases {
			var classes []string
			for _, q := range declared.Quotas {
				if q.Counts("GET", "/t/acme"+tc.path) || q.Counts("GET", "/t/other"+tc.path) {
					classes = append(classes, q.Class)
				}
			}
			if !slices.Equal(classes, tc.want) {
				t.Errorf("%s counts in %v, want %v", tc.path, classes, tc.want)
			}
		}
	}
}
