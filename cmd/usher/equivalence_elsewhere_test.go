package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"usher/sandbox/asgardeo"
)

// elsewhere makes an invitation as the vendor's own dashboard would: by the
// vendor's interface, with nothing of usher's in it.
func (b *backend) elsewhere(email string) {
	b.t.Helper()
	invite, ok := map[string]func(string){
		"asgardeo": b.elsewhereAtAsgardeo,
		"clerk":    b.elsewhereAtClerk,
		"memory":   func(email string) { b.memory.AddInvite(memoryOrganization, email, "Member") },
		"nile":     b.elsewhereAtNile,
		"roq":      b.elsewhereAtROQ,
		"workos":   b.elsewhereAtWorkOS,
	}[b.connection.Name]
	if !ok {
		b.t.Fatal("nobody knows how this vendor's dashboard invites")
	}
	invite(email)
}

func (b *backend) setting(name string) string {
	text, _ := b.connection.Settings[name].(string)
	return text
}

// vendorCall calls a vendor and decodes the answer.
func (b *backend) vendorCall(method, address, kind, body string, into any, headers ...string) *http.Response {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	for n := 0; n < len(headers); n += 2 {
		request.Header.Add(headers[n], headers[n+1])
	}
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	text, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode >= 300 {
		b.t.Fatalf("%s %s: %d %s %v", method, address, got.StatusCode, text, err)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			b.t.Fatalf("%s: %v in %s", address, err, text)
		}
	}
	return got
}

const (
	kindJSON = "application/json"
	kindForm = "application/x-www-form-urlencoded"
)

func text(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(out)
}

func (b *backend) elsewhereAtAsgardeo(email string) {
	b.t.Helper()
	base, org := b.setting("base_url"), b.organization.ProviderID
	sim := b.sandbox.Asgardeo()
	sim.AddUser(asgardeo.Person{Email: email})
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(b.setting("client_id")+":"+b.setting("client_secret")))
	var token struct {
		Token string `json:"access_token"`
	}
	b.vendorCall("POST", base+"/oauth2/token", kindForm, url.Values{"grant_type": {"client_credentials"}, "scope": {"openid"}}.Encode(), &token, "Authorization", basic)
	b.vendorCall("POST", base+"/oauth2/token", kindForm, url.Values{
		"grant_type": {"organization_switch"}, "token": {token.Token}, "switching_organization": {org}, "scope": {"internal_org_guest_mgt_invite_add"},
	}.Encode(), &token, "Authorization", basic)
	b.vendorCall("POST", base+"/o/api/server/v1/guests/invite", kindJSON, text(object{
		"usernames": []string{email}, "roles": []string{sim.RoleID(org, "Member")},
	}), nil, "Authorization", "Bearer "+token.Token)
}

func (b *backend) elsewhereAtClerk(email string) {
	b.t.Helper()
	b.vendorCall("POST", b.setting("base_url")+"/v1/organizations/"+b.organization.ProviderID+"/invitations", kindJSON,
		text(object{"email_address": email, "role": "org:member"}), nil,
		"Authorization", "Bearer "+b.setting("secret_key"), "Clerk-API-Version", "2026-05-12")
}

func (b *backend) elsewhereAtWorkOS(email string) {
	b.t.Helper()
	b.vendorCall("POST", b.setting("base_url")+"/user_management/invitations", kindJSON,
		text(object{"email": email, "organization_id": b.organization.ProviderID, "role_slug": "member"}), nil,
		"Authorization", "Bearer "+b.setting("api_key"))
}

func (b *backend) elsewhereAtROQ(email string) {
	b.t.Helper()
	base, environment, key := b.setting("base_url"), b.setting("environment_id"), b.setting("api_key")
	var token struct{ AccessToken string }
	b.vendorCall("POST", base+"/v01/authorize/serviceAccount", kindJSON, text(object{
		"email": "project-service-account@roq.tech", "environmentId": environment, "apiKey": key,
	}), &token)
	var sent struct {
		Errors []any
		Data   struct {
			SendUserInvitesV2 struct{ Success []object }
		}
	}
	b.vendorCall("POST", base+"/v01/server/graphql", kindJSON, text(object{
		"query": "mutation($data: UserInvitesCreateV2Dto!) { sendUserInvitesV2(data: $data) { success { id } errors { error } } }",
		"variables": object{"data": object{"tenantId": b.organization.ProviderID, "userInvites": []object{
			{"email": email, "createdByUserId": b.setting("inviter_id"), "roles": []string{"member"}},
		}}},
	}), &sent, "roq-platform-authorization", "Bearer "+token.AccessToken,
		"roq-platform-server-authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(environment+":"+key)))
	if len(sent.Errors) > 0 || len(sent.Data.SendUserInvitesV2.Success) != 1 {
		b.t.Fatalf("got %+v", sent)
	}
}

// elsewhereAtNile signs in as usher's own user, who is a member, with a
// browser's cookies.
func (b *backend) elsewhereAtNile(email string) {
	b.t.Helper()
	base := b.setting("base_url")
	jar := map[string]string{}
	headers := func() []string {
		var cookies []string
		for name, value := range jar {
			cookies = append(cookies, name+"="+value)
		}
		return []string{"nile-origin", b.setting("origin"), "Cookie", strings.Join(cookies, "; ")}
	}
	keep := func(r *http.Response) {
		for _, c := range r.Cookies() {
			jar[c.Name] = c.Value
		}
	}
	var csrf struct{ CSRFToken string }
	keep(b.vendorCall("GET", base+"/auth/csrf", kindJSON, "", &csrf, headers()...))
	keep(b.vendorCall("POST", base+"/auth/callback/credentials", kindForm, url.Values{
		"email": {b.setting("email")}, "password": {b.setting("password")}, "csrfToken": {csrf.CSRFToken}, "callbackUrl": {b.setting("origin")},
	}.Encode(), nil, headers()...))
	keep(b.vendorCall("GET", base+"/auth/csrf", kindJSON, "", &csrf, headers()...))
	b.vendorCall("POST", base+"/tenants/"+b.organization.ProviderID+"/invite", kindForm, url.Values{
		"identifier": {email}, "csrfToken": {csrf.CSRFToken}, "callbackUrl": {b.setting("origin")}, "redirectUrl": {b.setting("origin") + "/join"},
	}.Encode(), nil, headers()...)
}
