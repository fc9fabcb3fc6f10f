package sandbox

import (
	"net/http"
	"reflect"
	"testing"

	"usher/sandbox/mail"
	"usher/sandbox/workos"
)

func TestWorkOSFirstPeople(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	state, org := s.WorkOS().State(), env(t, s)["USHER_SANDBOX_WORKOS_ORGANIZATION_ID"]
	got := map[string][]string{}
	for _, m := range state.Memberships {
		if m.OrganizationID == org && m.Status == "active" {
			got[m.Email] = m.Roles
		}
	}
	want := map[string][]string{AdministratorEmail: {"admin"}, MemberEmail: {"member"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("members %v, want %v", got, want)
	}
	if len(state.Invitations) != 0 || s.WorkOS().Quirks().RateLimits {
		t.Errorf("the world does not start plain: %+v", state.Invitations)
	}
	if !start(t, &Options{VendorLimits: true}).WorkOS().Quirks().RateLimits {
		t.Error("rate limits are off")
	}
}

// TestWorkOSInvitedPersonJoins is an invitation by bare HTTP: one call, one
// mail, one click.
func TestWorkOSInvitedPersonJoins(t *testing.T) {
	t.Parallel()
	s := start(t, &Options{Now: fixedNow})
	vars, b := env(t, s), plain(t)
	base, key, org := vars["USHER_SANDBOX_WORKOS_URL"], vars["USHER_SANDBOX_WORKOS_API_KEY"], vars["USHER_SANDBOX_WORKOS_ORGANIZATION_ID"]
	const email = "newcomer@example.com"
	var sent struct{ ID, State string }
	b.json(http.MethodPost, base+"/user_management/invitations", key, map[string]any{
		"email": email, "organization_id": org, "role_slug": "member",
	}, http.StatusCreated, &sent)
	mails := s.Mail().Messages(mail.Filter{To: email, Kind: workos.MailInvitation})
	if len(mails) != 1 || sent.State != "pending" {
		t.Fatalf("%d mails, invitation %+v", len(mails), sent)
	}
	before := s.WorkOS().State()
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		if status, text := b.do(method, mails[0].Links[0], nil, nil); status != http.StatusOK {
			t.Fatalf("%s: %d %s", method, status, text)
		}
	}
	if after := s.WorkOS().State(); !reflect.DeepEqual(after, before) {
		t.Errorf("looking at the page changed the world: %+v", after)
	}
	page, err := OpenMail(t.Context(), mails[0])
	if err != nil || page.Title != "Invitation accepted" {
		t.Fatalf("page %+v, %v", page, err)
	}
	if again, err := OpenMail(t.Context(), mails[0]); err == nil {
		t.Errorf("opened twice: %+v", again)
	}
	var now struct {
		State string
		User  string `json:"accepted_user_id"`
	}
	b.json(http.MethodGet, base+"/user_management/invitations/"+sent.ID, key, nil, http.StatusOK, &now)
	var list struct {
		Data []struct {
			User string `json:"user_id"`
		}
	}
	b.json(http.MethodGet, base+"/user_management/organization_memberships?organization_id="+org+"&user_id="+now.User, key, nil, http.StatusOK, &list)
	if now.State != "accepted" || len(list.Data) != 1 || list.Data[0].User != now.User {
		t.Errorf("invitation %+v, members %+v", now, list)
	}
}
