package oidc

import (
	"maps"
	"reflect"
	"testing"
	"time"

	"usher/identity"
)

const clerkOrigin = "https://app.example.com"

func clerkConfig(i *testIssuer) IssuerConfig {
	return IssuerConfig{
		Name: "clerk", Issuer: i.url, Preset: PresetClerk, JWKSURL: i.url + "/jwks", AuthorizedParties: []string{clerkOrigin},
		Roles: map[string]string{"org:admin": "admin", "org:member": "member"},
		Permissions: []PermissionRule{
			{Role: "admin", Grant: []identity.Permission{identity.InvitesWrite}},
			{Scope: "org:teams:read", Grant: []identity.Permission{identity.MembersRead}},
		},
	}
}

// clerkToken writes a session token out, as FACTS.md section 9 describes it.
func clerkToken(i *testIssuer, now time.Time, with fields) string {
	c := changed(fields{
		"iss": i.url, "sub": "user_2abc", "sid": "sess_2abc", "azp": clerkOrigin,
		"iat": now.Unix(), "nbf": now.Add(-10 * time.Second).Unix(), "exp": now.Add(time.Minute).Unix(), "fva": []int{2, -1},
	}, with)
	return compact(mustJSON(fields{"alg": "RS256", "kid": "k", "typ": "JWT", "cat": "cl_B7d4PD111AAA", "oiat": 1}), mustJSON(c), rs256(firstKey()))
}

// second is what version 2 adds.
func second(o, more fields) fields {
	all := fields{"v": 2, "jti": "j", "pla": "o:free", "fea": "o:dashboard,o:teams"}
	if o != nil {
		all["o"] = o
	}
	for name, v := range more {
		all[name] = v
	}
	return all
}

func docsOrganization() fields {
	return fields{"id": "org_A", "slg": "acme", "rol": "admin", "per": "manage,read", "fpm": "3,2"}
}

func TestClerkSessions(t *testing.T) {
	t.Parallel()
	both := []identity.Permission{identity.InvitesWrite, identity.MembersRead}
	first := func(with fields) fields {
		all := fields{"org_id": "org_A", "org_slug": "acme", "org_role": "org:admin", "org_permissions": []string{"org:teams:read"}}
		maps.Copy(all, with) // nil stays: it takes a claim out of the token
		return all
	}
	organization := func(with fields) fields { return changed(docsOrganization(), with) }
	for _, tt := range []struct {
		name   string
		claims fields
		org    string // "": no organization
		roles  []string
		grant  []identity.Permission
		want   reason // "": accepted
	}{
		{"1: with an organization", first(nil), "org_A", []string{"admin"}, both, ""},
		{"1: personal account", nil, "", nil, nil, ""},
		{"1: role without organization", fields{"org_role": "org:admin", "org_permissions": []string{"org:teams:read"}}, "", nil, nil, ""},
		{"1: a role nobody mapped", first(fields{"org_role": "org:owner"}), "org_A", nil, both[1:], ""},
		{"1: a role without org:", first(fields{"org_role": "admin"}), "org_A", nil, both[1:], ""},
		{"1: organization is a list", first(fields{"org_id": []string{"org_A", "org_B"}}), "", nil, nil, reasonClaims},
		{"1: organization is empty", first(fields{"org_id": ""}), "", nil, nil, reasonClaims},
		{"1: role is a list", first(fields{"org_role": []string{"org:admin"}}), "", nil, nil, reasonClaims},
		{"1: permissions are a string", first(fields{"org_permissions": "org:teams:read"}), "", nil, nil, reasonClaims},
		{"1: with version 2's o", first(fields{"o": docsOrganization()}), "", nil, nil, reasonClaims},
		{"1: with version 2's o alone", fields{"o": docsOrganization()}, "", nil, nil, reasonClaims},

		{"2: with an organization", second(organization(nil), nil), "org_A", []string{"admin"}, both, ""},
		{"2: personal account", second(nil, nil), "", nil, nil, ""},
		{"2: without permissions", second(organization(fields{"per": nil, "fpm": nil}), nil), "org_A", []string{"admin"}, both[:1], ""},
		{"2: role with org: already", second(organization(fields{"rol": "org:admin"}), nil), "org_A", nil, both[1:], ""},
		{"2: role of another name", second(organization(fields{"rol": "member"}), nil), "org_A", []string{"member"}, both[1:], ""},
		{"2: version 1's claims, the same", second(organization(nil), first(nil)), "org_A", []string{"admin"}, both, ""},
		{"2: version 1's claims add no role", second(organization(fields{"rol": nil, "per": nil, "fpm": nil}), first(nil)), "org_A", nil, nil, ""},
		{"2: version 1's role without organization", second(nil, fields{"org_role": "org:admin"}), "", nil, nil, ""},
		{"2: version 1's claims, another organization", second(organization(nil), first(fields{"org_id": "org_B"})), "", nil, nil, reasonClaims},
		{"2: version 1's claims alone", second(nil, first(nil)), "", nil, nil, reasonClaims},
		{"2: o is a string", fields{"v": 2, "o": "org_A"}, "", nil, nil, reasonClaims},
		{"2: o is a list", fields{"v": 2, "o": []any{docsOrganization()}}, "", nil, nil, reasonClaims},
		{"2: o without id", second(organization(fields{"id": nil}), nil), "", nil, nil, reasonClaims},
		{"2: id is a list", second(organization(fields{"id": []string{"org_A", "org_B"}}), nil), "", nil, nil, reasonClaims},
		{"2: role is a list", second(organization(fields{"rol": []string{"admin"}}), nil), "", nil, nil, reasonClaims},
		{"2: a mask too many", second(organization(fields{"fpm": "3,2,1"}), nil), "", nil, nil, reasonClaims},
		{"2: a mask too few", second(organization(fields{"fpm": "3"}), nil), "", nil, nil, reasonClaims},
		{"2: a mask beyond the names", second(organization(fields{"fpm": "3,4"}), nil), "", nil, nil, reasonClaims},
		{"2: a mask that is no number", second(organization(fields{"fpm": "3,-1"}), nil), "", nil, nil, reasonClaims},
		{"2: features of user and organization", second(organization(nil), fields{"fea": "u:x,o:dashboard,o:teams"}), "org_A", []string{"admin"}, both, ""},
		{"2: masks over all features", second(organization(fields{"fpm": "0,3,2"}), fields{"fea": "u:x,o:dashboard,o:teams"}), "", nil, nil, reasonClaims},
		{"2: fpm is a number", second(organization(fields{"fpm": 3}), nil), "", nil, nil, reasonClaims},

		{"version as a string", second(organization(nil), fields{"v": "2"}), "", nil, nil, reasonClaims},
		{"version 1 by number", first(fields{"v": 1}), "", nil, nil, reasonClaims},
		{"version 3", second(organization(nil), fields{"v": 3}), "", nil, nil, reasonClaims},
		{"active", first(fields{"sts": "active"}), "org_A", []string{"admin"}, both, ""},
		{"pending", first(fields{"sts": "pending"}), "", nil, nil, reasonClaims},
		{"pending, version 2", second(organization(nil), fields{"sts": "pending"}), "", nil, nil, reasonClaims},
		{"a state nobody knows", first(fields{"sts": "revoked"}), "", nil, nil, reasonClaims},
		{"a machine", first(fields{"sub": "mch_2abc"}), "", nil, nil, reasonClaims},
		{"no session", first(fields{"sid": nil}), "", nil, nil, reasonClaims},
		{"another origin", first(fields{"azp": "https://evil.example"}), "", nil, nil, reasonAudience},
		{"no origin", first(fields{"azp": nil}), "", nil, nil, reasonAudience},
		{"client_id does not stand in", first(fields{"azp": nil, "client_id": clerkOrigin}), "", nil, nil, reasonAudience},
		{"client_id does not contradict", first(fields{"client_id": "x"}), "org_A", []string{"admin"}, both, ""},
		{"an e-mail address of a template", first(fields{"email": "a@example.com", "email_verified": true}), "org_A", []string{"admin"}, both, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			i := newTestIssuer(t, public("k", firstKey()))
			a := open(t, &Options{Now: clock.Now, Trust: map[string][]string{"clerk": {"c"}}}, clerkConfig(i))
			token := clerkToken(i, clock.Now(), tt.claims)
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
				Issuer: i.url, Subject: "user_2abc", ClientID: clerkOrigin, Token: token, Roles: tt.roles,
				Permissions: granted(tt.grant...), Expires: time.Unix(clock.Now().Add(time.Minute).Unix(), 0),
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

func TestClerkLeeway(t *testing.T) {
	t.Parallel()
	clock := newClock()
	i := newTestIssuer(t, public("k", firstKey()))
	a := open(t, &Options{Now: clock.Now}, clerkConfig(i))
	token := clerkToken(i, clock.Now(), nil)
	clock.Advance(time.Minute + 4*time.Second)
	if _, err := a.Authenticate(t.Context(), token); err != nil {
		t.Error(err)
	}
	clock.Advance(time.Second)
	if p, err := a.Authenticate(t.Context(), token); why(t, p, err) != reasonExpired {
		t.Error(err)
	}
}

func TestClerkPermissions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fea, per, fpm string
		want          []any
	}{
		{"o:dashboard,o:teams", "manage,read", "3,2", []any{"org:dashboard:manage", "org:dashboard:read", "org:teams:read"}}, // the example of Clerk's documentation
		{"o:dashboard,o:teams", "manage,read", "0,0", nil},
		{"uo:dashboard, ou:teams", "manage", "1, 1", []any{"org:dashboard:manage", "org:teams:manage"}},
		{"u:x", "", "", nil},
	} {
		got, err := clerkPermissions(tt.fea, map[string]any{"per": tt.per, "fpm": tt.fpm})
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%+v: %v, %v", tt, got, err)
		}
	}
}

func TestClerkDefaults(t *testing.T) {
	t.Parallel()
	got := IssuerConfig{Name: "c", Issuer: "https://clerk.example.com", Preset: PresetClerk, AuthorizedParties: []string{clerkOrigin}}
	checkProblems(t, got.Validate(), "", nil)
	want := got
	want.JWKSURL, want.Types, want.Algorithms, want.Leeway = "https://clerk.example.com/.well-known/jwks.json", []string{"JWT"}, []string{"RS256"}, 5*time.Second
	want.Claims = ClaimsConfig{Organization: "org_id", Scopes: "org_permissions", Roles: "org_role", Email: "-", EmailVerified: "email_verified", Client: "azp"}
	if got = got.withDefaults(); !reflect.DeepEqual(got, want) {
		t.Errorf("\n%+v\nwant\n%+v", got, want)
	}
}
