package oidc

import (
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"usher/identity"
)

func workosConfig(issuer, base string) IssuerConfig {
	return IssuerConfig{
		Name: "workos", Issuer: issuer, Preset: PresetWorkOS, JWKSURL: base + "/sso/jwks/client_01A",
		Roles: map[string]string{"admin": "admin", "member": "member"},
		Permissions: []PermissionRule{
			{Role: "admin", Grant: []identity.Permission{identity.InvitesWrite}},
			{Scope: "posts:read", Grant: []identity.Permission{identity.MembersRead}},
		},
	}
}

// workosToken writes an access token out, as FACTS.md section 11 shows it.
func workosToken(issuer string, now time.Time, with fields) string {
	c := changed(fields{
		"iss": issuer, "sub": "user_01A", "sid": "session_01A", "jti": "01H", "org_id": "org_01A",
		"role": "admin", "roles": []string{"admin"}, "permissions": []string{"posts:read"}, "entitlements": []string{"audit-logs"},
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}, with)
	return compact(mustJSON(fields{"alg": "RS256", "kid": "sso_oidc_key_pair_01A"}), mustJSON(c), rs256(firstKey()))
}

func TestWorkOSTokens(t *testing.T) {
	t.Parallel()
	both := []identity.Permission{identity.InvitesWrite, identity.MembersRead}
	noOrganization := fields{"org_id": nil, "role": nil, "roles": nil, "permissions": nil}
	for _, tt := range []struct {
		name   string
		claims fields
		org    string
		roles  []string
		grant  []identity.Permission
		want   reason
	}{
		{"with an organization", nil, "org_01A", []string{"admin"}, both, ""},
		{"no organization selected", noOrganization, "", nil, nil, ""},
		{"roles without organization", fields{"org_id": nil}, "", nil, nil, ""},
		{"role alone", fields{"roles": nil}, "org_01A", []string{"admin"}, both, ""},
		{"several roles", fields{"roles": []string{"admin", "member", "guest"}}, "org_01A", []string{"admin", "member"}, both, ""},
		{"an impersonator", fields{"act": fields{"sub": "admin@foo.com"}}, "org_01A", []string{"admin"}, both, ""},
		{"client_id is ours", fields{"client_id": "client_01A"}, "org_01A", []string{"admin"}, both, ""},
		{"aud is ours", fields{"aud": "client_01A"}, "org_01A", []string{"admin"}, both, ""},
		{"an e-mail address of a template", fields{"email": "a@example.com", "email_verified": true}, "org_01A", []string{"admin"}, both, ""},
		{"client_id of another client", fields{"client_id": "client_01B"}, "", nil, nil, reasonAudience},
		{"client_id is no string", fields{"client_id": []string{"client_01A"}}, "", nil, nil, reasonClaims},
		{"aud of another client", fields{"aud": "client_01B"}, "", nil, nil, reasonAudience},
		{"several organizations", fields{"org_id": []string{"org_01A", "org_01B"}}, "", nil, nil, reasonClaims},
		{"an empty organization", fields{"org_id": ""}, "", nil, nil, reasonClaims},
		{"the issuer's other form", fields{"iss": "https://api.workos.com"}, "", nil, nil, reasonUnknownIssuer},
	} {
		for _, form := range []string{"", "/user_management/client_01A"} {
			t.Run(tt.name+" "+form, func(t *testing.T) {
				t.Parallel()
				clock := newClock()
				i := newTestIssuer(t)
				i.play(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path != "/sso/jwks/client_01A" {
						t.Errorf("asked for %s", r.URL.Path)
					}
					writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public("sso_oidc_key_pair_01A", firstKey())}})
				})
				c := workosConfig(i.url+form, i.url)
				if form != "" {
					c.JWKSURL = "" // the issuer tells
				}
				a := open(t, &Options{Now: clock.Now, Trust: map[string][]string{"workos": {"c"}}}, c)
				token := workosToken(c.Issuer, clock.Now(), tt.claims)
				got, err := a.Authenticate(t.Context(), token)
				if tt.want != "" {
					if r := why(t, got, err); r != tt.want {
						t.Errorf("refused for %q, want %q: %v", r, tt.want, err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				want := &Principal{
					Issuer: c.Issuer, Subject: "user_01A", ClientID: "client_01A", Token: token, Roles: tt.roles,
					Permissions: granted(tt.grant...), Expires: time.Unix(clock.Now().Add(5*time.Minute).Unix(), 0),
				}
				if tt.org != "" {
					want.Access.Claimed = aliases(tt.org, "c")
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("principal is\n%+v\nwant\n%+v", got, want)
				}
			})
		}
	}
}

func TestWorkOSConfig(t *testing.T) {
	t.Parallel()
	const long = "https://api.workos.com/user_management/client_01A"
	for _, tt := range []struct {
		name, issuer, jwks, discovery string
		want                          []string
		keys                          string
	}{
		{"long form", long, "", "", nil, "https://api.workos.com/sso/jwks/client_01A"},
		{"short form", "https://api.workos.com", "https://api.workos.com/sso/jwks/client_01A", "", nil, "https://api.workos.com/sso/jwks/client_01A"},
		{"custom domain, long keys", "https://auth.example.com", "https://api.workos.com/sso/jwks/client_01A", "", nil, "https://api.workos.com/sso/jwks/client_01A"},
		{"short form without keys", "https://api.workos.com", "", "", []string{"jwks_url: is missing"}, ""},
		{"keys of nobody", "https://api.workos.com", "https://api.workos.com/jwks", "", []string{"jwks_url: does not end in /sso/jwks/"}, ""},
		{"keys of another client", long, "https://api.workos.com/sso/jwks/client_01B", "", []string{"jwks_url: is the key set of client_01B"}, ""},
		{"discovery", long, "", "https://api.workos.com/x", []string{"discovery_url: is not used with preset workos"}, ""},
	} {
		c := IssuerConfig{Name: "w", Issuer: tt.issuer, Preset: PresetWorkOS, JWKSURL: tt.jwks, DiscoveryURL: tt.discovery}
		checkProblems(t, c.Validate(), "", tt.want)
		if got := c.withDefaults().JWKSURL; len(tt.want) == 0 && got != tt.keys {
			t.Errorf("%s: keys at %s", tt.name, got)
		}
	}
}
