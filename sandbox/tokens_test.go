package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// claims verifies a token as a gateway would and returns what is in it,
// without the parts that are new each time.
func claims(t *testing.T, s *Sandbox, raw string, now time.Time) map[string]any {
	t.Helper()
	ctx := oidc.ClientContext(t.Context(), plain(t).client)
	provider, err := oidc.NewProvider(ctx, env(t, s)["USHER_ISSUER"])
	if err != nil {
		t.Fatal(err)
	}
	token, err := provider.Verifier(&oidc.Config{ClientID: "usher-demo", Now: func() time.Time { return now }}).Verify(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := token.Claims(&all); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"iss", "aud", "jti"} {
		if all[name] == nil {
			t.Errorf("no %s", name)
		}
		delete(all, name)
	}
	return all
}

func times(life time.Duration) map[string]any {
	now := float64(fixedNow().Unix())
	return map[string]any{"iat": now, "nbf": now, "exp": now + life.Seconds()}
}

func merge(maps ...map[string]any) map[string]any {
	all := map[string]any{}
	for _, m := range maps {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

func TestEnvTokens(t *testing.T) {
	t.Parallel()
	s := start(t, &Options{Now: fixedNow})
	vars := env(t, s)
	day := times(24 * time.Hour)
	for name, want := range map[string]map[string]any{
		"USHER_TOKEN":        {"sub": "demo-admin", "client_id": "demo-admin"},
		"USHER_TOKEN_READER": {"sub": "demo-reader", "client_id": "demo-reader"},
		"USHER_TOKEN_OUTSIDER": {
			"sub": "demo-person-outsider", "client_id": "demo-app", "email": "demo-outsider@example.net", "email_verified": true,
			"roles": []any{"member"}, "scope": "invites:read invites:write members:read connections:read",
		},
	} {
		if got := claims(t, s, vars[name], fixedNow()); !reflect.DeepEqual(got, merge(day, want)) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestServiceClient(t *testing.T) {
	t.Parallel()
	s := start(t, &Options{Now: fixedNow})
	id, secret := s.ServiceClient()
	c := clientcredentials.Config{ClientID: id, ClientSecret: secret, TokenURL: env(t, s)["USHER_ISSUER"] + "/token", AuthStyle: oauth2.AuthStyleInHeader}
	token, err := c.Token(oidc.ClientContext(t.Context(), plain(t).client))
	if err != nil {
		t.Fatal(err)
	}
	want := merge(times(24*time.Hour), map[string]any{
		"sub": "demo-admin", "client_id": "demo-admin", "scope": "invites:read invites:write members:read organizations:write connections:read",
	})
	if got := claims(t, s, token.AccessToken, fixedNow()); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	s := start(t, &Options{Now: fixedNow, TokenLife: 2 * time.Hour})
	org := env(t, s)["USHER_SANDBOX_ASGARDEO_ORGANIZATION_ID"]
	admin := map[string]any{
		"sub": "demo-person-admin", "client_id": "demo-app", "email": AdministratorEmail, "email_verified": true,
		"roles": []any{"admin"}, "scope": "invites:read invites:write members:read connections:read",
	}
	tests := []struct {
		name    string
		request TokenRequest
		want    map[string]any
	}{
		{"a service", TokenRequest{Kind: KindAdmin}, map[string]any{"sub": "demo-admin", "client_id": "demo-admin"}},
		{"a shorter life", TokenRequest{Kind: KindReader, TTL: time.Minute}, merge(times(time.Minute), map[string]any{"sub": "demo-reader", "client_id": "demo-reader"})},
		{"a person by slug", TokenRequest{Kind: KindAdmin, Organizations: []string{"acme-asgardeo"}}, merge(admin, map[string]any{"org_id": org})},
		{"the same by the vendor's id", TokenRequest{Kind: KindAdmin, Organizations: []string{org, "acme-asgardeo"}}, merge(admin, map[string]any{"org_id": org})},
		{"several organizations", TokenRequest{Kind: KindAdmin, Organizations: []string{"acme-asgardeo", "else"}}, merge(admin, map[string]any{"org_id": []any{org, "else"}})},
		{"a reading person", TokenRequest{Kind: KindReader, Organizations: []string{"else"}}, map[string]any{
			"sub": "demo-person-reader", "client_id": "demo-app", "email": "demo-reader@example.com", "email_verified": true,
			"roles": []any{"member"}, "scope": "invites:read members:read connections:read", "org_id": "else",
		}},
		{"own claims", TokenRequest{Kind: KindReader, Claims: map[string]any{"sub": "me", "client_id": nil, "x": 1}}, map[string]any{"sub": "me", "x": 1.0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			token, err := s.Token(test.request)
			if err != nil {
				t.Fatal(err)
			}
			want := merge(times(2*time.Hour), test.want)
			if got := claims(t, s, token.Value, fixedNow()); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			if exp := time.Unix(int64(want["exp"].(float64)), 0).UTC(); !token.ExpiresAt.Equal(exp) {
				t.Errorf("expires at %v, want %v", token.ExpiresAt, exp)
			}
		})
	}
}

func TestTokenRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, r := range map[string]TokenRequest{
		"no kind":                     {},
		"unknown kind":                {Kind: "root"},
		"an outsider who is inside":   {Kind: KindOutsider, Organizations: []string{"acme-asgardeo"}},
		"an empty organization":       {Kind: KindAdmin, Organizations: []string{""}},
		"a life that is over":         {Kind: KindAdmin, TTL: -time.Second},
		"a life longer than anything": {Kind: KindAdmin, TTL: maxTTL + 1},
	} {
		if token, err := s.Token(r); !errors.Is(err, ErrTokenRequest) || token.Value != "" {
			t.Errorf("%s: %+v, %v", name, token, err)
		}
	}
}

func TestTokenOverHTTP(t *testing.T) {
	t.Parallel()
	s := start(t, &Options{Now: fixedNow})
	b := plain(t)
	address := env(t, s)["USHER_ISSUER"] + "/_sandbox/token"
	var answer struct {
		Token   string    `json:"access_token"`
		Type    string    `json:"token_type"`
		Life    int       `json:"expires_in"`
		Expires time.Time `json:"expires_at"`
	}
	b.json(http.MethodPost, address, "", map[string]any{
		"kind": "reader", "organizations": []string{"acme-asgardeo"}, "ttl": "1h", "claims": map[string]any{"email": "me@example.com"},
	}, http.StatusOK, &answer)
	if answer.Type != "Bearer" || answer.Life != 3600 || !answer.Expires.Equal(fixedNow().Add(time.Hour)) {
		t.Errorf("answer %+v", answer)
	}
	if got := claims(t, s, answer.Token, fixedNow()); got["email"] != "me@example.com" || got["org_id"] != s.Organizations()[0].ProviderID {
		t.Errorf("claims %v", got)
	}
	for _, body := range []string{
		``, `{`, `[]`, `{}`, `{"kind":"root"}`, `{"kind":"admin","ttl":"soon"}`, `{"kind":"admin","ttl":"-1h"}`, `{"kind":"admin","ttl":"0s"}`,
		`{"kind":"admin","ttl":"10000h"}`, `{"kind":"admin","more":1}`, `{"kind":"outsider","organizations":["x"]}`,
		`{"kind":"` + strings.Repeat("a", maxTokenBody) + `"}`,
	} {
		status, text := b.do(http.MethodPost, address, nil, []byte(body))
		var refusal map[string]string
		if err := json.Unmarshal(text, &refusal); err != nil || status != http.StatusBadRequest || refusal["error"] != "invalid_request" || refusal["error_description"] == "" {
			t.Errorf("%.60s: %d %s", body, status, text)
		}
	}
	if status, _ := b.do(http.MethodGet, address, nil, nil); status == http.StatusOK {
		t.Error("GET mints tokens")
	}
}
