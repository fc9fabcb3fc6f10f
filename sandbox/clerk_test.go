package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"usher/sandbox/clerk"
	"usher/sandbox/mail"
)

// clerkCall is one call of the Backend API by bare HTTP.
func clerkCall(t *testing.T, s *Sandbox, method, path, body string, want int) map[string]any {
	t.Helper()
	vars := env(t, s)
	r, err := http.NewRequestWithContext(t.Context(), method, vars["USHER_SANDBOX_CLERK_URL"]+"/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+vars["USHER_SANDBOX_CLERK_SECRET_KEY"])
	r.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode != want {
		t.Fatalf("%s %s: %d %v, want %d (%v)", method, path, res.StatusCode, out, want, err)
	}
	return out
}

func clerkMembers(s *Sandbox) map[string]string {
	state, emails, out := s.Clerk().State(), map[string]string{}, map[string]string{}
	for _, u := range state.Users {
		emails[u.ID] = u.Emails[0]
	}
	for _, m := range state.Members {
		out[emails[m.UserID]] = m.Role
	}
	return out
}

// TestClerkInviteeJoins plays the invitee, with a page of the vendor's own and
// with one of an application that is not there: a look changes nothing, a
// click makes a member.
func TestClerkInviteeJoins(t *testing.T) {
	t.Parallel()
	for name, redirect := range map[string]string{"vendor's page": "", "application elsewhere": `,"redirect_url":"https://app.example.com/join"`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, &Options{Now: fixedNow, VendorLimits: true})
			want := map[string]string{AdministratorEmail: "org:admin", MemberEmail: "org:member"}
			if got := clerkMembers(s); !reflect.DeepEqual(got, want) {
				t.Fatalf("first members %v", got)
			}
			path := "/organizations/" + env(t, s)["USHER_SANDBOX_CLERK_ORGANIZATION_ID"] + "/invitations"
			clerkCall(t, s, http.MethodPost, path, `{"email_address":"new@example.com","role":"org:member"`+redirect+`}`, http.StatusOK)
			m, err := s.Mail().Wait(t.Context(), mail.Filter{To: "new@example.com", Kind: clerk.MailOrganizationInvitation}.Match)
			if err != nil {
				t.Fatal(err)
			}
			b := plain(t)
			before := s.Clerk().State()
			for _, method := range []string{http.MethodHead, http.MethodGet} {
				wanted := http.StatusOK
				if redirect != "" {
					wanted = http.StatusSeeOther
				}
				b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				if status, text := b.do(method, m.Links[0], nil, nil); status != wanted {
					t.Fatalf("%s: %d %s", method, status, text)
				}
			}
			if after := s.Clerk().State(); !reflect.DeepEqual(after, before) {
				t.Errorf("looking at the page changed the world: %+v", after)
			}
			page, err := OpenMail(t.Context(), m)
			if err != nil || !strings.Contains(page.Text, "member of Acme") {
				t.Fatalf("page %+v, %v", page, err)
			}
			want["new@example.com"] = "org:member"
			if got := clerkMembers(s); !reflect.DeepEqual(got, want) {
				t.Errorf("members %v, want %v", got, want)
			}
			if again, err := OpenMail(t.Context(), m); err == nil {
				t.Errorf("accepted twice: %+v", again)
			}
		})
	}
}

// TestClerkLimits guards against a demo that stops at the vendor's five seats,
// and against vendor limits that do not.
func TestClerkLimits(t *testing.T) {
	t.Parallel()
	for limits, refusedAt := range map[bool]int{false: 0, true: 4} {
		s := start(t, &Options{VendorLimits: limits})
		if got := s.Clerk().Quirks().RateLimits; got != limits {
			t.Errorf("rate limits %v, want %v", got, limits)
		}
		path := "/organizations/" + env(t, s)["USHER_SANDBOX_CLERK_ORGANIZATION_ID"] + "/invitations"
		for n := 1; n <= 6; n++ {
			want := http.StatusOK
			if refusedAt > 0 && n >= refusedAt {
				want = http.StatusForbidden
			}
			clerkCall(t, s, http.MethodPost, path, fmt.Sprintf(`{"email_address":"n%d@example.com","role":"org:member","notify":false}`, n), want)
		}
	}
}
