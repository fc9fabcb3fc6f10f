package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"testing"

	"usher/sandbox/mail"
	"usher/sandbox/roq"
)

func TestROQFacts(t *testing.T) {
	t.Parallel()
	s, other := start(t, nil), start(t, nil)
	vars, others := env(t, s), env(t, other)
	for _, name := range []string{"URL", "ENVIRONMENT_ID", "API_KEY", "TENANT_ID", "INVITER_ID"} {
		if v := vars["USHER_SANDBOX_ROQ_"+name]; v == "" || v == others["USHER_SANDBOX_ROQ_"+name] {
			t.Errorf("%s is empty or the same in two worlds", name)
		}
	}
	want := ConnectionFacts{
		Name: "roq", Provider: "roq", Issuers: []string{"demo"}, ActAs: "service", Emails: "lowercase",
		Roles: []RoleFacts{{Key: "admin", Provider: "admin", GrantableBy: []string{"admin"}}, {Key: "member", Provider: "member"}},
		Settings: map[string]any{
			"base_url": vars["USHER_SANDBOX_ROQ_URL"], "environment_id": vars["USHER_SANDBOX_ROQ_ENVIRONMENT_ID"],
			"api_key": vars["USHER_SANDBOX_ROQ_API_KEY"], "inviter_id": vars["USHER_SANDBOX_ROQ_INVITER_ID"],
		},
	}
	facts := s.Facts()
	n := slices.IndexFunc(facts.Connections, func(c ConnectionFacts) bool { return c.Name == "roq" })
	if n < 0 || !reflect.DeepEqual(facts.Connections[n], want) {
		t.Fatalf("got  %+v\nwant %+v", facts.Connections, want)
	}
	if got := facts.Organizations[n]; got != (Organization{Slug: "acme-roq", Name: "Acme", Connection: "roq", ProviderID: vars["USHER_SANDBOX_ROQ_TENANT_ID"]}) {
		t.Errorf("%+v", got)
	}
}

// What the environment file says is enough to invite somebody, whose mail then
// comes by SMTP and whose click makes him a user.
func TestROQInvitesAndIsAccepted(t *testing.T) {
	t.Parallel()
	s := start(t, &Options{Now: fixedNow})
	vars := env(t, s)
	url, environment, key := vars["USHER_SANDBOX_ROQ_URL"], vars["USHER_SANDBOX_ROQ_ENVIRONMENT_ID"], vars["USHER_SANDBOX_ROQ_API_KEY"]
	got := map[string][]string{}
	for _, u := range s.ROQ().State().Users {
		if u.TenantID == vars["USHER_SANDBOX_ROQ_TENANT_ID"] {
			got[u.Email] = u.Roles
		}
	}
	if want := map[string][]string{AdministratorEmail: {"admin"}, MemberEmail: {"member"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("members %v, want %v", got, want)
	}

	post := func(path string, header http.Header, body any, into any) {
		t.Helper()
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		header.Set("Content-Type", "application/json")
		status, answer := plain(t).do(http.MethodPost, url+path, header, raw)
		if err := json.Unmarshal(answer, into); err != nil || status >= 300 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	var token struct{ AccessToken string }
	post("/v01/authorize/serviceAccount", http.Header{}, map[string]string{"email": roq.ServiceAccount, "environmentId": environment, "apiKey": key}, &token)
	var sent struct {
		Data struct {
			SendUserInvitesV2 struct {
				Success []struct{ ID string }
			}
		}
	}
	post("/v01/server/graphql", http.Header{
		"Roq-Platform-Authorization":        {"Bearer " + token.AccessToken},
		"Roq-Platform-Server-Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(environment+":"+key))},
	}, map[string]any{
		"query": `mutation ($data: UserInvitesCreateV2Dto!) { sendUserInvitesV2(data: $data) { success { id } } }`,
		"variables": map[string]any{"data": map[string]any{"tenantId": vars["USHER_SANDBOX_ROQ_TENANT_ID"], "userInvites": []any{
			map[string]any{"createdByUserId": vars["USHER_SANDBOX_ROQ_INVITER_ID"], "email": "new@example.com", "roles": []string{"member"}},
		}}},
	}, &sent)
	if len(sent.Data.SendUserInvitesV2.Success) != 1 {
		t.Fatalf("%+v", sent)
	}
	m, err := s.Mail().Wait(t.Context(), mail.Filter{Kind: roq.MailInvitation, To: "new@example.com"}.Match)
	if err != nil {
		t.Fatal(err)
	}
	if page, err := OpenMail(t.Context(), m); err != nil || page.Title != "Accept invitation" {
		t.Fatalf("%+v %v", page, err)
	}
	state := s.ROQ().State()
	if last := state.Users[len(state.Users)-1]; last.Email != "new@example.com" || !reflect.DeepEqual(last.Roles, []string{"member"}) || state.Invites[0].Status != "accepted" {
		t.Errorf("%+v %+v", last, state.Invites)
	}
}
