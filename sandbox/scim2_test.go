package sandbox

import (
	"net/http"
	"reflect"
	"testing"
)

// The organization is a group of everybody in it, and each role a group.
func TestFirstPeopleOfSCIM2(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	vars := env(t, s)
	got := map[string][]string{}
	var users struct {
		Resources []struct {
			UserName string
			Groups   []struct{ Display string }
		}
	}
	plain(t).json(http.MethodGet, vars["USHER_SANDBOX_SCIM2_URL"]+"/Users", vars["USHER_SANDBOX_SCIM2_TOKEN"], nil, http.StatusOK, &users)
	for _, u := range users.Resources {
		for _, g := range u.Groups {
			got[u.UserName] = append(got[u.UserName], g.Display)
		}
	}
	want := map[string][]string{AdministratorEmail: {"Acme", "Acme: Admin"}, MemberEmail: {"Acme", "Acme: Member"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("groups %v, want %v", got, want)
	}
	if s.SCIM2().Quirks().RateLimits || !start(t, &Options{VendorLimits: true}).SCIM2().Quirks().RateLimits {
		t.Error("rate limits are not as asked for")
	}
}
