package invites_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/invites"
)

// Check finds what Send would refuse whatever the organization is, and leaves
// the rest to Send.
func TestCheck(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for field, spoil := range map[string]func(*invites.SendRequest){
		"": func(r *invites.SendRequest) {
			r.Roles, r.RedirectURL = []string{"no such role"}, "https://elsewhere.example"
		},
		"/email":       func(r *invites.SendRequest) { r.Email = "jane" },
		"/roles":       func(r *invites.SendRequest) { r.Roles = nil },
		"/roles/1":     func(r *invites.SendRequest) { r.Roles = []string{"member", "member"} },
		"/given_name":  func(r *invites.SendRequest) { r.GivenName = strings.Repeat("x", 101) },
		"/family_name": func(r *invites.SendRequest) { r.FamilyName = "a\tb" },
		"/locale":      func(r *invites.SendRequest) { r.Locale = "english" },
		"/message":     func(r *invites.SendRequest) { r.Message = "see https://elsewhere.example" },
		"/expires_at":  func(r *invites.SendRequest) { r.ExpiresAt = &now },
		"/metadata":    func(r *invites.SendRequest) { r.Metadata = map[string]any{"x": strings.Repeat("x", 4096)} },
	} {
		r := invites.SendRequest{Email: "jane@example.com", Roles: []string{"member"}}
		spoil(&r)
		var known *identity.Error
		err := r.Check(now)
		if field == "" && err == nil {
			continue
		}
		if !errors.As(err, &known) || known.Code != identity.CodeInvalidRequest || known.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
}
