package asgardeo_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"usher/sandbox/asgardeo"
)

func TestClientCredentials(t *testing.T) { // FACTS.md section 1.1
	t.Parallel()
	w := newWorld(t, nil)
	only := w.sim.AddApplication(asgardeo.App{Name: "Only", ClientID: "only", ClientSecret: "x", Grants: []string{"organization_switch"}})
	grant := url.Values{"grant_type": {"client_credentials"}, "scope": {"internal_user_mgt_list internal_unknown internal_org_user_mgt_list"}}
	with := func(more ...string) url.Values {
		form := url.Values{}
		for k, v := range grant {
			form[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			form.Set(more[i], more[i+1])
		}
		return form
	}
	basic := func(id, secret string) string {
		return "Basic " + b64(url.QueryEscape(id)+":"+url.QueryEscape(secret))
	}
	tests := []struct {
		name, auth string
		form       url.Values
		status     int
		error      string
	}{
		{"basic", basic("gateway", "s3cret/+"), with(), 200, ""},
		{"basic, not encoded", "Basic " + b64("gateway:s3cret/+"), with(), 200, ""},
		{"form", "", with("client_id", "gateway", "client_secret", "s3cret/+"), 200, ""},
		{"both", basic("gateway", "s3cret/+"), with("client_id", "gateway", "client_secret", "s3cret/+"), 400, "invalid_request"},
		{"wrong secret", basic("gateway", "other"), with(), 401, "invalid_client"},
		{"unknown client", basic("nobody", ""), with(), 401, "invalid_client"},
		{"no client", "", with(), 401, "invalid_client"},
		{"no grant", basic("gateway", "s3cret/+"), url.Values{}, 400, "invalid_request"},
		{"unknown grant", basic("gateway", "s3cret/+"), url.Values{"grant_type": {"organization_switch_cc"}}, 400, "unsupported_grant_type"},
		{"grant not of the application", basic(only.ClientID, "x"), with(), 400, "unauthorized_client"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := w.do("POST", "/oauth2/token", "", test.form, "Authorization", test.auth)
			if a.Status != test.status || a.Text("error") != test.error {
				t.Fatalf("%d %s", a.Status, a.Raw)
			}
			if test.status == 200 && (a.Text("scope") != "internal_user_mgt_list internal_org_user_mgt_list" || a.At("expires_in") != 3600.0 || a.Text("token_type") != "Bearer") {
				t.Errorf("answer %s", a.Raw)
			}
		})
	}
	w.quirks(func(q *asgardeo.Quirks) {
		q.DroppedScopes = []string{"internal_user_mgt_list", "internal_org_user_mgt_list"}
	})
	a := w.want(w.do("POST", "/oauth2/token", "", with(), "Authorization", basic("gateway", "s3cret/+")), 200)
	if a.At("scope") != nil {
		t.Errorf("dropped scopes were granted: %s", a.Raw)
	}
	if a := w.do("POST", w.srv.URL+"/t/otherorg/oauth2/token", "", with(), "Authorization", basic("gateway", "s3cret/+")); a.Status != 401 {
		t.Errorf("another root tenant gave %d", a.Status)
	}
	if a := w.do("POST", "/oauth2/token", "", "{}"); a.Status != 400 {
		t.Errorf("a JSON body gave %d", a.Status)
	}
}

func TestOrganizationSwitch(t *testing.T) { // FACTS.md section 1.2
	t.Parallel()
	w := newWorld(t, nil)
	hidden := w.sim.AddOrganization("Hidden", "")
	w.sim.UnshareApplication(w.app.ID, hidden)
	off := w.sim.AddOrganization("Off", "")
	w.sim.SetOrganizationStatus(off, "DISABLED")
	child := w.sim.AddOrganization("Child", w.acme)
	sibling := w.sim.AddOrganization("Sibling", "")
	tests := []struct {
		name, token, target string
		status              int
		error, description  string
	}{
		{"ok", w.root(), w.acme, 200, "", ""},
		{"grandchild", w.root(), child, 200, "", ""},
		{"child of the token's organization", w.org(w.acme), child, 200, "", ""},
		{"disabled", w.root(), off, 400, "invalid_request", "The switching organization is in deactivated state."},
		{"not shared", w.root(), hidden, 400, "invalid_request", "Organization switching is not allowed for organizations that have not shared the application"},
		{"other branch", w.org(w.acme), sibling, 400, "invalid_request", "Organization switch is only allowed for the organizations in the same branch."},
		{"bad token", "nonsense", w.acme, 400, "invalid_grant", "Invalid token received."},
		{"unknown organization", w.root(), "none", 400, "invalid_request", "Invalid organization id: none"},
		{"no token", "", w.acme, 400, "invalid_request", "Missing parameters: token"},
		{"no organization", w.root(), "", 400, "invalid_request", "Missing parameters: switching_organization"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := w.tokenRequest(url.Values{"grant_type": {"organization_switch"}, "token": {test.token}, "switching_organization": {test.target},
				"scope": {"openid internal_user_mgt_list internal_org_user_mgt_list"}})
			if a.Status != test.status || a.Text("error") != test.error || a.Text("error_description") != test.description {
				t.Fatalf("%d %s", a.Status, a.Raw)
			}
			if a.Status == 200 && (a.Text("scope") != "internal_org_user_mgt_list" || a.At("refresh_token") != nil) {
				t.Errorf("answer %s", a.Raw)
			}
		})
	}
}

func TestUserSwitch(t *testing.T) { // FACTS.md section 1.2, tokens of users
	t.Parallel()
	w := newWorld(t, nil)
	member := w.sim.AddUser(asgardeo.Person{Email: "member@example.com"})
	admin := w.sim.AddUser(asgardeo.Person{Email: "admin@example.com"})
	stranger := w.sim.AddUser(asgardeo.Person{Email: "stranger@example.com"})
	w.sim.AddMember(w.acme, member, "member")
	w.sim.AddMember(w.acme, admin, "admin")
	ask := func(user string) answer {
		return w.tokenRequest(url.Values{"grant_type": {"organization_switch"}, "token": {w.sim.UserToken(user, "gateway", "openid")},
			"switching_organization": {w.acme}, "scope": {"internal_org_user_mgt_list internal_org_user_mgt_create"}})
	}
	if a := w.want(ask(admin), 200); a.Text("scope") != "internal_org_user_mgt_list" {
		t.Errorf("administrator: %s", a.Raw)
	}
	if a := w.want(ask(member), 200); a.At("scope") != nil {
		t.Errorf("member without permission: %s", a.Raw)
	}
	w.want(ask(stranger), 500)
	w.quirks(func(q *asgardeo.Quirks) { q.SwitchWithoutAccess = 200 })
	if a := w.want(ask(stranger), 200); a.At("scope") != nil {
		t.Errorf("stranger: %s", a.Raw)
	}
}

func TestTokenLife(t *testing.T) { // FACTS.md sections 1.1 and 13
	t.Parallel()
	w := newWorld(t, nil)
	token := w.root()
	introspect := func() answer {
		return w.want(w.do("POST", "/oauth2/introspect", "", url.Values{"token": {token}, "client_id": {"gateway"}, "client_secret": {"s3cret/+"}}), 200)
	}
	if a := introspect(); a.At("active") != true || a.Text("org_id") != w.sim.RootID() || a.Text("aut") != "APPLICATION" || a.Text("client_id") != "gateway" {
		t.Errorf("introspection %s", a.Raw)
	}
	w.advance(time.Hour - time.Second)
	w.want(w.do("GET", "/scim2/Users", token, nil), 200)
	w.advance(time.Second)
	w.want(w.do("GET", "/scim2/Users", token, nil), 401)
	if a := introspect(); a.At("active") != false {
		t.Errorf("expired token: %s", a.Raw)
	}
	token = w.root()
	w.want(w.do("POST", "/oauth2/revoke", "", url.Values{"token": {token}, "client_id": {"gateway"}, "client_secret": {"s3cret/+"}}), 200)
	w.want(w.do("GET", "/scim2/Users", token, nil), 401)
	if a := w.do("POST", "/oauth2/introspect", "", url.Values{"token": {token}}); a.Status != 401 {
		t.Errorf("introspection without client: %d", a.Status)
	}
}

func TestJWT(t *testing.T) { // FACTS.md section 13
	t.Parallel()
	w := newWorld(t, nil)
	w.app = w.sim.AddApplication(asgardeo.App{Name: "JWT", ClientID: "jwt", ClientSecret: "x", JWT: true, TokenLife: 10 * time.Minute})
	user := w.sim.AddUser(asgardeo.Person{Email: "u@example.com"})
	w.sim.AddMember(w.acme, user)
	discovery := w.want(w.do("GET", "/oauth2/token/.well-known/openid-configuration", "", nil), 200)
	if discovery.Text("issuer") != w.sim.Issuer() || discovery.Text("jwks_uri") != w.srv.URL+"/t/rootorg/oauth2/jwks" {
		t.Fatalf("discovery %s", discovery.Raw)
	}
	var keys jose.JSONWebKeySet
	decode(t, w.want(w.do("GET", "/oauth2/jwks", "", nil), 200).Raw, &keys)
	userToken := w.sim.UserToken(user, "jwt", "openid")
	switched := w.want(w.tokenRequest(url.Values{"grant_type": {"organization_switch"}, "token": {userToken}, "switching_organization": {w.acme}}), 200)
	tests := []struct {
		name, token string
		want        map[string]any // nil value: absent
	}{
		{"root", w.root(), map[string]any{"sub": "jwt", "aut": "APPLICATION", "org_id": w.sim.RootID(), "org_handle": "rootorg", "user_org": nil}},
		{"switched", w.org(w.acme), map[string]any{"sub": "jwt", "aut": "APPLICATION", "org_id": w.acme, "org_name": "Acme", "user_org": w.sim.RootID()}},
		{"user", userToken, map[string]any{"sub": user, "aut": "APPLICATION_USER", "scope": "openid", "org_id": w.sim.RootID(), "user_org": nil}},
		{"user, switched", switched.Text("access_token"), map[string]any{"sub": user, "aut": "APPLICATION_USER", "scope": "", "org_id": w.acme, "user_org": w.sim.RootID()}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			parsed, err := jwt.ParseSigned(test.token, []jose.SignatureAlgorithm{jose.RS256})
			if err != nil {
				t.Fatal(err)
			}
			if typ := parsed.Headers[0].ExtraHeaders[jose.HeaderType]; typ != "at+jwt" {
				t.Errorf("typ %v", typ)
			}
			var claims map[string]any
			if err := parsed.Claims(keys.Keys[0].Key, &claims); err != nil {
				t.Fatal(err)
			}
			want := map[string]any{"iss": w.sim.Issuer(), "aud": "jwt", "azp": "jwt", "client_id": "jwt",
				"iat": float64(start.Unix()), "nbf": float64(start.Unix()), "exp": float64(start.Add(10 * time.Minute).Unix())}
			for k, v := range test.want {
				want[k] = v
			}
			for k, v := range want {
				if claims[k] != v {
					t.Errorf("%s: %v, want %v", k, claims[k], v)
				}
			}
		})
	}
	w.quirks(func(q *asgardeo.Quirks) { q.ScopeArray = true; q.NoOrgHandle = true })
	parsed, err := jwt.ParseSigned(w.sim.UserToken(user, "jwt", "a", "b"), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil {
		t.Fatal(err)
	}
	if list, _ := claims["scope"].([]any); len(list) != 2 || claims["org_handle"] != nil {
		t.Errorf("claims %v", claims)
	}
}

func TestOrganizationApplication(t *testing.T) { // FACTS.md section 1.2, last paragraph
	t.Parallel()
	w := newWorld(t, nil)
	a := w.sim.AddApplication(asgardeo.App{Organization: w.acme, Name: "Inner", Grants: []string{"client_credentials"}})
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {a.ClientID}, "client_secret": {a.ClientSecret},
		"scope": {"internal_user_mgt_list internal_org_user_mgt_list"}}
	got := w.want(w.do("POST", "/o/"+w.acme+"/oauth2/token", "", form), 200)
	if got.Text("scope") != "internal_org_user_mgt_list" {
		t.Errorf("scope %s", got.Raw)
	}
	w.want(w.do("GET", "/o/scim2/Users", got.Text("access_token"), nil), 200)
	w.want(w.do("POST", "/oauth2/token", "", form), 401)
}

func TestTokensOfOtherTenants(t *testing.T) { // FACTS.md section 11
	t.Parallel()
	w := newWorld(t, nil)
	w.want(w.do("GET", w.srv.URL+"/t/otherorg/scim2/Users", w.root(), nil), 401)
	w.want(w.do("GET", w.srv.URL+"/elsewhere", w.root(), nil), 404)
	w.want(w.do("GET", "/scim2/Nothing", w.root(), nil), 404)
	w.want(w.do("GET", "/oauth2/nothing", "", nil), 404)
	if a := w.want(w.do("GET", "/o/api/users/v1/me/organizations", w.org(w.acme), nil), 404); !strings.Contains(a.Raw, "Organization specific routing failed.") {
		t.Errorf("answer %s", a.Raw)
	}
}

func TestSwitchKeepsCustomScopes(t *testing.T) { // FACTS.md section 1.2
	t.Parallel()
	w := newWorld(t, nil)
	w.app = w.sim.AddApplication(asgardeo.App{Name: "Custom", ClientID: "custom", ClientSecret: "x",
		OrganizationScopes: []string{"openid", "crm_read", "internal_login", "internal_org_user_mgt_list"}})
	a := w.want(w.switchTo(w.acme, "openid crm_read internal_login internal_org_user_mgt_list crm_write"), 200)
	if a.Text("scope") != "crm_read internal_org_user_mgt_list" {
		t.Errorf("scope %s", a.Raw)
	}
}
