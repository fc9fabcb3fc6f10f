package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// vendorToken gets a token of the demo organization, as an administrator's
// script at the vendor would.
func (w *world) vendorToken() string {
	w.t.Helper()
	base := w.env["USHER_SANDBOX_ASGARDEO_URL"]
	scopes := "internal_org_guest_mgt_invite_add internal_org_guest_mgt_invite_list internal_org_user_mgt_list internal_org_user_mgt_delete internal_org_role_mgt_view"
	root := w.token(base, url.Values{"grant_type": {"client_credentials"}, "scope": {scopes + " internal_user_mgt_list"}})
	return w.token(base, url.Values{
		"grant_type": {"organization_switch"}, "token": {root}, "scope": {scopes},
		"switching_organization": {w.env["USHER_SANDBOX_ASGARDEO_ORGANIZATION_ID"]},
	})
}

func (w *world) token(base string, form url.Values) string {
	w.t.Helper()
	form.Set("client_id", w.env["USHER_SANDBOX_ASGARDEO_CLIENT_ID"])
	form.Set("client_secret", w.env["USHER_SANDBOX_ASGARDEO_CLIENT_SECRET"])
	got, err := http.PostForm(base+"/oauth2/token", form)
	if err != nil {
		w.t.Fatal(err)
	}
	defer got.Body.Close()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(got.Body).Decode(&token); err != nil || token.AccessToken == "" {
		w.t.Fatalf("no token: %d %v", got.StatusCode, err)
	}
	return token.AccessToken
}

// atVendor calls the vendor's own API and fails on any refusal.
func (w *world) atVendor(method, path, body string) {
	w.t.Helper()
	request, err := http.NewRequest(method, w.env["USHER_SANDBOX_ASGARDEO_URL"]+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+w.vendorToken())
	request.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer got.Body.Close()
	text, _ := io.ReadAll(got.Body)
	if got.StatusCode >= 300 || strings.Contains(string(text), "Failed") {
		w.t.Fatalf("%s %s: %d %s", method, path, got.StatusCode, text)
	}
}

func (w *world) removeMember(id string) {
	w.t.Helper()
	w.atVendor("DELETE", "/o/scim2/Users/"+id, "")
}

func (w *world) inviteAtVendor(email string) {
	w.t.Helper()
	w.atVendor("POST", "/o/api/server/v1/guests/invite",
		`{"usernames":["`+email+`"],"userDomain":"DEFAULT","properties":[{"key":"manageNotificationsInternally","value":"true"}]}`)
}

// wantDeadLink fails if a page still has a form that works.
func (w *world) wantDeadLink(link string) {
	w.t.Helper()
	_, before := w.accounts("again@example.com")
	request, err := http.NewRequest(http.MethodPost, link, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	got.Body.Close()
	if _, after := w.accounts("again@example.com"); len(after) != len(before) || got.StatusCode < 400 {
		w.t.Errorf("a withdrawn link still works: %d", got.StatusCode)
	}
}

// createAtVendor makes an account whose address is somebody else's.
func (w *world) createAtVendor(userName, email string) {
	w.t.Helper()
	base := w.env["USHER_SANDBOX_ASGARDEO_URL"]
	token := w.token(base, url.Values{"grant_type": {"client_credentials"}, "scope": {"internal_user_mgt_create"}})
	request, err := http.NewRequest(http.MethodPost, base+"/scim2/Users", strings.NewReader(
		`{"schemas":[],"userName":"DEFAULT/`+userName+`","password":"Attack-3r-pass","emails":[{"primary":true,"value":"`+email+`"}]}`))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/scim+json")
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(got.Body)
		w.t.Fatalf("create at the vendor: %d %s", got.StatusCode, text)
	}
}
