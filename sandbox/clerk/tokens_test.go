package clerk_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"usher/sandbox/clerk"
)

// claims verifies a token with the keys of both addresses.
func (w *world) claims(token string) m {
	w.t.Helper()
	private := w.get("/v1/jwks")
	public := w.want(w.do("GET", "/.well-known/jwks.json", nil, "Authorization", ""), 200)
	same(w.t, "keys", private.JSON, public.JSON)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(private.Raw), &set); err != nil {
		w.t.Fatal(err)
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		w.t.Fatal(err)
	}
	header := parsed.Headers[0]
	if header.KeyID != set.Keys[0].KeyID || header.ExtraHeaders[jose.HeaderType] != "JWT" || set.Keys[0].Use != "sig" {
		w.t.Fatalf("header %+v, keys %s", header, private.Raw)
	}
	var out m
	if err := parsed.Claims(set.Keys[0].Key, &out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// permit makes a role with the docs' example of permissions (FACTS.md section 9).
func (w *world) permit() {
	w.t.Helper()
	var ids []string
	for _, key := range []string{"org:dashboard:manage", "org:dashboard:read", "org:teams:read"} {
		ids = append(ids, w.post("/v1/organization_permissions", m{"name": key, "key": key}).Text("id"))
	}
	roles := w.get("/v1/organization_roles?query=org:member")
	for _, id := range ids {
		w.post("/v1/organization_roles/"+roles.Text("data", 0, "id")+"/permissions/"+id, nil)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.permit()
	mint := func(token clerk.Token) m {
		t.Helper()
		text, err := w.sim.UserToken(token)
		if err != nil {
			t.Fatal(err)
		}
		return w.claims(text)
	}
	now := start.Unix()
	two := mint(clerk.Token{User: w.member, Organization: w.acme, AuthorizedParty: "https://app.example.com"})
	same(t, "o", two["o"], m{"id": w.acme, "slg": "acme", "rol": "member", "per": "manage,read", "fpm": "3,2"})
	for name, want := range map[string]any{"v": 2, "fea": "o:dashboard,o:teams", "iss": w.sim.Issuer(), "sub": w.member, "azp": "https://app.example.com", "iat": now, "nbf": now - 10, "exp": now + 60} {
		same(t, name, two[name], want)
	}
	one := mint(clerk.Token{User: w.member, Organization: w.acme, Version: 1, Life: time.Hour, Pending: true})
	for name, want := range map[string]any{"org_id": w.acme, "org_slug": "acme", "org_role": "org:member", "org_permissions": []string{"org:dashboard:manage", "org:dashboard:read", "org:teams:read"},
		"exp": now + 3600, "sts": "pending", "v": nil, "o": nil, "azp": nil, "jti": nil} {
		same(t, "v1 "+name, one[name], want)
	}
	admin := mint(clerk.Token{User: w.admin, Organization: w.acme, Version: 1})
	same(t, "system permissions never", admin["org_permissions"], []string{})
	same(t, "none", mint(clerk.Token{User: w.admin, Organization: w.acme})["o"], m{"id": w.acme, "slg": "acme", "rol": "admin"})
	for _, version := range []int{1, 2} {
		plain := mint(clerk.Token{User: w.outside, Version: version})
		if slices.ContainsFunc(slices.Collect(maps.Keys(plain)), func(k string) bool { return k == "o" || k == "org_id" || k == "sts" || k == "aud" }) {
			t.Errorf("without an organization: %v", plain)
		}
	}
	for _, bad := range []clerk.Token{{User: "none"}, {User: w.outside, Organization: w.acme}, {User: w.admin, Organization: "none"}} {
		if _, err := w.sim.UserToken(bad); err == nil {
			t.Errorf("%+v was minted", bad)
		}
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.refused(w.do("POST", "/v1/sessions", m{"user_id": "none"}), 404, "resource_not_found")
	w.refused(w.do("POST", "/v1/sessions", m{"user_id": w.outside, "active_organization_id": w.acme}), 404, "resource_not_found")
	a := w.post("/v1/sessions", m{"user_id": w.admin})
	same(t, "active organization", a.Text("last_active_organization_id"), w.acme)
	token := func(version string) m {
		w.version = version
		defer func() { w.version = latest }()
		return w.claims(w.post("/v1/sessions/"+a.Text("id")+"/tokens", nil).Text("jwt"))
	}
	same(t, "by the newest version", token(latest)["v"], 2)
	same(t, "by an old version", token("2025-03-12")["org_role"], "org:admin")
	w.quirks(func(q *clerk.Quirks) { q.TokenVersion, q.NotBeforeSkewS = 1, 0 })
	old := token(latest)
	same(t, "by the quirk", []any{old["org_role"], old["nbf"]}, []any{"org:admin", start.Unix()})
	for _, seconds := range []any{29, 315360001, "90"} {
		w.want(w.do("POST", "/v1/sessions/"+a.Text("id")+"/tokens", m{"expires_in_seconds": seconds}), 422)
	}
	w.refused(w.do("POST", "/v1/sessions/none/tokens", nil), 404, "resource_not_found")
	w.refused(w.do("GET", "/v1/sessions", nil), 422, "form_param_missing")
	second := w.post("/v1/sessions", m{"user_id": w.admin}).Text("id")
	w.post("/v1/sessions/"+second+"/revoke", nil)
	same(t, "active", column(w.get("/v1/sessions?status=active&user_id="+w.admin).List(), "id"), []string{a.Text("id")})
	same(t, "revoked", column(w.get("/v1/sessions?status=revoked&paginated=true&user_id="+w.admin).List("data"), "id"), []string{second})
	w.refused(w.do("POST", "/v1/sessions/"+second+"/tokens", nil), 401, "authentication_invalid")
	w.advance(8 * 24 * time.Hour)
	same(t, "expired", w.get("/v1/sessions/"+a.Text("id")).Text("status"), "expired")
	third := w.post("/v1/sessions", m{"user_id": w.admin}).Text("id")
	w.post("/v1/users/"+w.admin+"/ban", nil)
	same(t, "of the banned", w.get("/v1/sessions/"+third).Text("status"), "revoked")
}
