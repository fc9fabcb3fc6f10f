package workos_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"usher/sandbox/sandboxtest"
	"usher/sandbox/workos"
)

const authenticate = "/user_management/authenticate"

// claims verifies a token with the client's published key.
func (w *world) claims(token string) object {
	w.t.Helper()
	keys := w.want(w.do("GET", "/sso/jwks/client_world", nil, "Authorization", ""), 200)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(keys.Raw), &set); err != nil || len(set.Keys) != 1 {
		w.t.Fatalf("keys %s, %v", keys.Raw, err)
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		w.t.Fatalf("token %q: %v", token, err)
	}
	out := object{}
	if parsed.Headers[0].KeyID != set.Keys[0].KeyID {
		w.t.Errorf("key id %q", parsed.Headers[0].KeyID)
	}
	if err := parsed.Claims(set.Keys[0], &out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

func TestAccessToken(t *testing.T) { // FACTS.md section 11
	t.Parallel()
	w := newWorld(t)
	c := w.claims(w.sim.UserToken(w.boss, w.acme))
	if c["iss"] != w.srv.URL+"/user_management/client_world" || c["iss"] != w.sim.Issuer() || c["sub"] != w.boss || c["org_id"] != w.acme ||
		c["role"] != "admin" || c["aud"] != nil || c["sid"] == nil || c["jti"] == nil || c["exp"] != float64(start.Unix()+300) || c["iat"] != float64(start.Unix()) {
		t.Errorf("claims %v", c)
	}
	if p, _ := c["permissions"].([]any); len(p) != 1 || p[0] != "members:write" {
		t.Errorf("permissions %v", c["permissions"])
	}
	c = w.claims(w.sim.UserToken(w.boss, ""))
	for _, name := range []string{"org_id", "role", "roles", "permissions"} {
		if _, found := c[name]; found {
			t.Errorf("%s without an organization: %v", name, c)
		}
	}
	w.want(w.do("PUT", memberships+"/"+w.bossIn+"/deactivate", nil), 200)
	if c := w.claims(w.sim.UserToken(w.boss, w.acme)); c["org_id"] != nil || c["role"] != nil {
		t.Errorf("claims of a deactivated member %v", c)
	}
	w.want(w.do("PUT", memberships+"/"+w.bossIn+"/reactivate", nil), 200)
	w.quirks(func(q *workos.Quirks) {
		q.TokenIssuer, q.TokenAudience, q.TokenLifeSeconds = "host", "client_world", 60
		q.TokenClaims = map[string]any{"role": "none", "sub": "user_forged", "nbf": 1, "email": "x"}
	})
	c = w.claims(w.sim.UserToken(w.boss, w.acme))
	if c["iss"] != w.srv.URL || c["aud"] != "client_world" || c["role"] != "none" || c["sub"] != w.boss || c["email"] != "x" || c["nbf"] != nil || c["exp"] != float64(start.Unix()+60) {
		t.Errorf("claims %v", c)
	}
	w.quirks(func(q *workos.Quirks) { q.TokenIssuer = "https://auth.acme.example" })
	if c := w.claims(w.sim.UserToken(w.boss, w.acme)); c["iss"] != "https://auth.acme.example" {
		t.Errorf("claims %v", c)
	}
	w.refused(w.do("GET", "/sso/jwks/client_other", nil), 404, "entity_not_found")
	if w.sim.UserToken("user_unknown", "") != "" || w.sim.AuthorizationCode("user_unknown", "") != "" {
		t.Error("a token for nobody")
	}
}

func (w *world) login(body object) answer {
	w.t.Helper()
	in := object{"client_id": "client_world", "client_secret": apiKey}
	for k, v := range body {
		in[k] = v
	}
	return w.do("POST", authenticate, in, "Authorization", "")
}

func TestAuthenticate(t *testing.T) { // FACTS.md sections 2, 6.3, 11, 13.8
	t.Parallel()
	w := newWorld(t)
	password := object{"grant_type": "password", "email": "Boss@acme.example", "password": "a-long-password"}
	a := w.want(w.login(password), 200)
	if a.Text("user", "id") != w.boss || a.Text("organization_id") != w.acme || a.Text("user", "last_sign_in_at") == "" {
		t.Errorf("login %s", a.Raw)
	}
	if c := w.claims(a.Text("access_token")); c["org_id"] != w.acme {
		t.Errorf("claims %v", c)
	}
	b := w.want(w.login(object{"grant_type": "refresh_token", "refresh_token": a.Text("refresh_token")}), 200)
	if b.Text("refresh_token") == a.Text("refresh_token") {
		t.Error("the refresh token is the same")
	}
	beta := w.sim.AddOrganization("Beta")
	refresh := func(token, org string) answer {
		return w.login(object{"grant_type": "refresh_token", "refresh_token": token, "organization_id": org})
	}
	oauth := func(a answer, code string) {
		t.Helper()
		if a.Status != 400 || a.Text("error") != code || a.Text("error_description") == "" {
			t.Errorf("%d %s, want %s", a.Status, a.Raw, code)
		}
	}
	oauth(refresh(a.Text("refresh_token"), ""), "invalid_grant") // works once
	oauth(refresh(b.Text("refresh_token"), "org_unknown"), "organization_not_found")
	oauth(refresh(b.Text("refresh_token"), beta), "organization_membership_not_found")
	w.sim.AddMember(beta, w.boss, "member")
	switched := w.want(refresh(b.Text("refresh_token"), beta), 200)
	if c := w.claims(switched.Text("access_token")); c["org_id"] != beta || c["role"] != "member" {
		t.Errorf("claims %v", c)
	}
	choice := w.login(password)
	w.refused(choice, 403, "organization_selection_required")
	selection := object{"grant_type": "urn:workos:oauth:grant-type:organization-selection",
		"pending_authentication_token": choice.Text("pending_authentication_token"), "organization_id": beta}
	if got := w.want(w.login(selection), 200).Text("organization_id"); got != beta {
		t.Errorf("organization %s", got)
	}
	w.refused(w.login(selection), 400, "invalid_pending_authentication_token")
	code := w.sim.AuthorizationCode(w.boss, w.acme)
	w.refused(w.login(object{"grant_type": "authorization_code", "code": code, "invitation_token": "x"}), 422, "invalid_request_parameters")
	w.want(w.login(object{"grant_type": "authorization_code", "code": code}), 200)
	oauth(w.login(object{"grant_type": "authorization_code", "code": code}), "invalid_grant")
	w.refused(w.login(object{"grant_type": "password", "email": "boss@acme.example", "password": "wrong"}), 400, "invalid_credentials")
	oauth(w.do("POST", authenticate, object{"client_id": "client_other", "client_secret": apiKey, "grant_type": "password", "email": "a@b.example", "password": "x"}), "invalid_client")
	oauth(w.login(object{"grant_type": "password", "email": "a@b.example", "password": "x", "client_secret": "sk_test_wrong"}), "invalid_client")
	oauth(w.login(object{"grant_type": "client_credentials"}), "invalid_request")
	w.refused(w.login(object{"grant_type": "password"}), 422, "invalid_request_parameters")
}

func TestInvitationTokenAtLogin(t *testing.T) { // FACTS.md section 6.3
	t.Parallel()
	w := newWorld(t)
	w.user("a@corp.example", "password", "long enough!")
	w.user("b@corp.example", "password", "long enough!")
	login := func(email, token string) answer {
		return w.login(object{"grant_type": "password", "email": email, "password": "long enough!", "invitation_token": token})
	}
	a := w.want(w.send("a@corp.example"), 201)
	if got := login("a@corp.example", "nonsense"); got.Status != 400 || got.Text("error") != "invitation_invalid" {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	w.user("c@other.example", "password", "long enough!")
	if got := login("c@other.example", a.Text("token")); got.Status != 400 || got.Text("error") != "invitation_cannot_be_used_for_email" {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	// A colleague of the same domain takes it.
	got := w.want(login("b@corp.example", a.Text("token")), 200)
	b := w.get(invitations+"/"+a.Text("id"), 200)
	if got.Text("organization_id") != w.acme || b.Text("accepted_user_id") != got.Text("user", "id") || b.Text("email") != "a@corp.example" {
		t.Errorf("invitation %s", b.Raw)
	}
	if m := w.membershipOf("b@corp.example"); m.Status != "active" || w.membershipOf("a@corp.example").ID != "" {
		t.Errorf("membership %+v", m)
	}
}

func TestSessions(t *testing.T) { // FACTS.md section 7
	t.Parallel()
	w := newWorld(t)
	sid, _ := w.claims(w.sim.UserToken(w.boss, w.acme))["sid"].(string)
	a := w.get(users+"/"+w.boss+"/sessions", 200)
	if got := a.Column("data", "id"); !slices.Equal(got, []string{sid}) || a.Text("data", 0, "organization_id") != w.acme {
		t.Errorf("sessions %s", a.Raw)
	}
	w.want(w.do("POST", "/user_management/sessions/revoke", object{"session_id": sid}), 200)
	w.want(w.do("POST", "/user_management/sessions/revoke", object{"session_id": "session_unknown"}), 400)
	w.want(w.do("POST", "/user_management/sessions/revoke", object{}), 400)
	if got := w.get(users+"/"+w.boss+"/sessions", 200).Column("data", "id"); len(got) != 0 {
		t.Errorf("sessions %v", got)
	}
	w.refused(w.do("GET", users+"/user_unknown/sessions", nil), 404, "entity_not_found")
	w.sim.UserToken(w.boss, w.acme)
	w.advance(31 * 24 * time.Hour)
	if n := w.sim.State().Sessions; n != 0 {
		t.Errorf("%d sessions", n)
	}
}

func TestFormLogin(t *testing.T) { // FACTS.md section 1
	t.Parallel()
	w := looseWorld(t)
	a := w.do("POST", authenticate, "grant_type=password&client_id=client_world&client_secret="+apiKey+"&email=boss%40acme.example&password=a-long-password",
		"Content-Type", "application/x-www-form-urlencoded")
	w.want(a, 200)
}

func TestBaseFromRequest(t *testing.T) {
	t.Parallel()
	sim := workos.New(workos.Options{Key: sandboxtest.Key()})
	sim.AddKey("k")
	org := sim.AddOrganization("O")
	srv := httptest.NewServer(sim)
	defer srv.Close()
	w := &world{t: t, sim: sim, srv: srv}
	a := w.want(w.do("POST", invitations, object{"email": "a@b.example", "organization_id": org}, "Authorization", "bearer k"), 201)
	if got := a.Text("accept_invitation_url"); got[:len(srv.URL)] != srv.URL {
		t.Errorf("link %q", got)
	}
	if sim.ClientID() != "client_sandbox" {
		t.Errorf("client %q", sim.ClientID())
	}
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		if got := w.do(method, "/sso/jwks/client_sandbox", nil); got.Status != 200 {
			t.Errorf("%s: %d", method, got.Status)
		}
	}
}
