package issuer

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"go.uber.org/goleak"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fixedNow() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }

// serve starts an issuer on a server of its own, below a path.
func serve(t *testing.T, path string) *Issuer {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	i, err := New(Options{
		URL: "http://" + server.Listener.Addr().String() + path, Audience: "aud", Life: time.Hour, Now: fixedNow,
		Clients: []Client{
			{ID: "svc", Secret: "s3cret", Claims: map[string]any{"org_id": "o1"}, Scopes: []string{"a", "b"}},
			{ID: "odd:client/ü", Secret: "p%:+ä"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = i
	server.Start()
	t.Cleanup(server.Close)
	return i
}

// ownClient is an HTTP client that leaves no connections behind.
func ownClient(t *testing.T) context.Context {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return oidc.ClientContext(t.Context(), &http.Client{Transport: transport})
}

func TestDiscoveryAndVerification(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "/t/demo/oauth2/token"} {
		t.Run("path "+path, func(t *testing.T) {
			t.Parallel()
			i := serve(t, path)
			provider, err := oidc.NewProvider(ownClient(t), i.URL())
			if err != nil {
				t.Fatal(err)
			}
			verifier := provider.Verifier(&oidc.Config{ClientID: "aud", Now: fixedNow})
			raw, err := i.Mint(map[string]any{"sub": "p1", "roles": []string{"admin"}, "jti": "j"})
			if err != nil {
				t.Fatal(err)
			}
			token, err := verifier.Verify(t.Context(), raw)
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := token.Claims(&got); err != nil {
				t.Fatal(err)
			}
			now := float64(fixedNow().Unix())
			want := map[string]any{
				"iss": i.URL(), "aud": "aud", "sub": "p1", "jti": "j", "roles": []any{"admin"}, "iat": now, "nbf": now, "exp": now + 3600,
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
			if err != nil {
				t.Fatal(err)
			}
			if h := parsed.Headers[0]; h.KeyID != i.KeyID() || h.ExtraHeaders[jose.HeaderType] != TokenType {
				t.Errorf("header %+v", h)
			}
		})
	}
}

func TestVerifierRefuses(t *testing.T) {
	t.Parallel()
	i, other := serve(t, ""), serve(t, "")
	provider, err := oidc.NewProvider(ownClient(t), i.URL())
	if err != nil {
		t.Fatal(err)
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: "aud", Now: fixedNow})
	foreign, err := other.Mint(map[string]any{"iss": i.URL()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(t.Context(), foreign); err == nil {
		t.Error("another issuer's key was accepted")
	}
	for name, claims := range map[string]map[string]any{
		"expired":     {"exp": fixedNow().Add(-time.Minute).Unix()},
		"other aud":   {"aud": "else"},
		"no aud":      {"aud": nil},
		"other iss":   {"iss": i.URL() + "/"},
		"not yet":     {"nbf": fixedNow().Add(time.Hour).Unix()},
		"no iss":      {"iss": nil},
		"no exp left": {"exp": nil},
	} {
		raw, err := i.Mint(claims)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier.Verify(t.Context(), raw); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	i := serve(t, "/x")
	ctx := ownClient(t)
	verify := func(raw string) error {
		// A fresh provider each time: its key set remembers nothing.
		provider, err := oidc.NewProvider(ctx, i.URL())
		if err != nil {
			t.Fatal(err)
		}
		_, err = provider.Verifier(&oidc.Config{ClientID: "aud", Now: fixedNow}).Verify(ctx, raw)
		return err
	}
	mint := func() string {
		raw, err := i.Mint(nil)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	old, first := mint(), i.KeyID()
	provider, err := oidc.NewProvider(ctx, i.URL())
	if err != nil {
		t.Fatal(err)
	}
	warm := provider.Verifier(&oidc.Config{ClientID: "aud", Now: fixedNow})
	if _, err := warm.Verify(ctx, old); err != nil {
		t.Fatal(err)
	}
	if status, text := call(t, i, http.MethodPost, "/x/_sandbox/rotate", nil, ""); status != http.StatusOK || !strings.Contains(text, i.KeyID()) || i.KeyID() == first {
		t.Fatalf("rotate: %d %s", status, text)
	}
	fresh := mint()
	if err := verify(old); err != nil {
		t.Errorf("the old token after rotation: %v", err)
	}
	if _, err := warm.Verify(ctx, fresh); err != nil {
		t.Errorf("a client that knew the old key only: %v", err)
	}
	if status, text := call(t, i, http.MethodPost, "/x/_sandbox/rotate", nil, `{"drop": true}`); status != http.StatusOK {
		t.Fatalf("rotate: %d %s", status, text)
	}
	if err := verify(fresh); err == nil {
		t.Error("a token of a dropped key still verifies")
	}
	if err := verify(mint()); err != nil {
		t.Error(err)
	}
	for range maxKeys + 1 {
		if err := i.Rotate(false); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(i.publicKeys().Keys); n != maxKeys {
		t.Errorf("%d keys are published", n)
	}
	if status, _ := call(t, i, http.MethodPost, "/x/_sandbox/rotate", nil, `{"dorp": true}`); status != http.StatusBadRequest {
		t.Errorf("unknown field: %d", status)
	}
}

func TestKeySetHoldsNothingPrivate(t *testing.T) {
	t.Parallel()
	i := serve(t, "")
	status, text := call(t, i, http.MethodGet, "/jwks", nil, "")
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil || status != http.StatusOK || len(set.Keys) != 1 {
		t.Fatalf("%d %s %v", status, text, err)
	}
	for name, value := range set.Keys[0] {
		switch name {
		case "kty", "use", "alg", "kid", "e":
		case "n":
			if n, ok := value.(string); !ok || len(n) < 340 {
				t.Errorf("modulus %v is short", value)
			}
		default:
			t.Errorf("member %q is published", name)
		}
	}
	if other := serve(t, ""); other.KeyID() == i.KeyID() {
		t.Error("two issuers share a key")
	}
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	i := serve(t, "/p")
	ctx := ownClient(t)
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
		for id, secret := range map[string]string{"svc": "s3cret", "odd:client/ü": "p%:+ä"} {
			c := clientcredentials.Config{ClientID: id, ClientSecret: secret, TokenURL: i.URL() + "/token", AuthStyle: style}
			token, err := c.Token(ctx)
			if err != nil {
				t.Errorf("%s, style %d: %v", id, style, err)
				continue
			}
			provider, err := oidc.NewProvider(ctx, i.URL())
			if err != nil {
				t.Fatal(err)
			}
			verified, err := provider.Verifier(&oidc.Config{ClientID: "aud", Now: fixedNow}).Verify(ctx, token.AccessToken)
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Sub, Scope string
				ClientID   string `json:"client_id"`
				OrgID      string `json:"org_id"`
			}
			if err := verified.Claims(&got); err != nil {
				t.Fatal(err)
			}
			want := got
			want.Sub, want.ClientID, want.Scope, want.OrgID = id, id, "", ""
			if id == "svc" {
				want.Scope, want.OrgID = "a b", "o1"
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
	}
}

func TestTokenEndpointRefuses(t *testing.T) {
	t.Parallel()
	i := serve(t, "")
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	basic := func(user, password string) http.Header {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.SetBasicAuth(user, password)
		return http.Header{"Content-Type": form["Content-Type"], "Authorization": r.Header["Authorization"]}
	}
	good := url.Values{"grant_type": {"client_credentials"}, "client_id": {"svc"}, "client_secret": {"s3cret"}}
	with := func(name, value string) string {
		v := url.Values{}
		for k := range good {
			v[k] = good[k]
		}
		v.Set(name, value)
		return v.Encode()
	}
	tests := []struct {
		name   string
		header http.Header
		body   string
		status int
		code   string
	}{
		{"good", form, good.Encode(), 200, ""},
		{"one scope", form, with("scope", "b"), 200, ""},
		{"foreign scope", form, with("scope", "b c"), 400, "invalid_scope"},
		{"wrong secret", form, with("client_secret", "S3cret"), 401, "invalid_client"},
		{"no secret", form, with("client_secret", ""), 401, "invalid_client"},
		{"unknown client", form, with("client_id", "nobody"), 401, "invalid_client"},
		{"unknown client without secret", form, "grant_type=client_credentials&client_id=nobody", 401, "invalid_client"},
		{"nobody", form, "grant_type=client_credentials", 401, "invalid_client"},
		{"other grant", form, with("grant_type", "password"), 400, "unsupported_grant_type"},
		{"no grant", form, with("grant_type", ""), 400, "invalid_request"},
		{"a parameter twice", form, good.Encode() + "&client_id=svc", 400, "invalid_request"},
		{"twice authenticated", basic("svc", "s3cret"), good.Encode(), 400, "invalid_request"},
		{"Basic", basic("svc", "s3cret"), "grant_type=client_credentials", 200, ""},
		{"Basic with another client in the form", basic("svc", "s3cret"), "grant_type=client_credentials&client_id=other", 401, "invalid_client"},
		{"Basic with a bad escape", basic("svc%zz", "s3cret"), "grant_type=client_credentials", 401, "invalid_client"},
		{"Bearer", http.Header{"Content-Type": form["Content-Type"], "Authorization": {"Bearer x"}}, "grant_type=client_credentials", 401, "invalid_client"},
		{"JSON", http.Header{"Content-Type": {"application/json"}}, `{"grant_type":"client_credentials"}`, 400, "invalid_request"},
		{"broken form", form, "grant_type=%zz", 400, "invalid_request"},
		{"endless form", form, strings.Repeat("a", maxBody+1), 400, "invalid_request"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			status, text := call(t, i, http.MethodPost, "/token", test.header, test.body)
			var got struct {
				Error       string `json:"error"`
				Description string `json:"error_description"`
				Token       string `json:"access_token"`
				Type        string `json:"token_type"`
				Expires     int    `json:"expires_in"`
			}
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatalf("%v in %s", err, text)
			}
			if status != test.status || got.Error != test.code || (got.Description == "") != (test.code == "") {
				t.Errorf("%d %s, want %d %q", status, text, test.status, test.code)
			}
			if test.code == "" && (got.Token == "" || got.Type != "Bearer" || got.Expires != 3600) {
				t.Errorf("answer %s", text)
			}
			if strings.Contains(text, "s3cret") {
				t.Error("the secret is in the answer")
			}
		})
	}
}

func TestUnknownPaths(t *testing.T) {
	t.Parallel()
	i := serve(t, "/t/demo")
	for _, path := range []string{"/", "/jwks", "/t/demo", "/t/demox/jwks", "/t/demo/else", "/t/demo/_sandbox/rotate"} {
		status, text := call(t, i, http.MethodGet, path, nil, "")
		if status != http.StatusNotFound || !strings.Contains(text, `"error"`) {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]Options{
		"no url":         {Audience: "a"},
		"relative":       {URL: "/x", Audience: "a"},
		"other scheme":   {URL: "ftp://x", Audience: "a"},
		"query":          {URL: "http://x?y", Audience: "a"},
		"trailing slash": {URL: "http://x/", Audience: "a"},
		"unreadable":     {URL: "http://x:port", Audience: "a"},
		"no audience":    {URL: "http://x"},
		"no client id":   {URL: "http://x", Audience: "a", Clients: []Client{{Secret: "s"}}},
		"no secret":      {URL: "http://x", Audience: "a", Clients: []Client{{ID: "c"}}},
		"client twice":   {URL: "http://x", Audience: "a", Clients: []Client{{ID: "c", Secret: "s"}, {ID: "c", Secret: "s"}}},
	}
	for name, o := range tests {
		if _, err := New(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	i, err := New(Options{URL: "http://x", Audience: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if i.life != 24*time.Hour || i.Audience() != "a" {
		t.Errorf("defaults: %+v", i)
	}
}

func call(t *testing.T, i *Issuer, method, path string, header http.Header, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	res := w.Result()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s %s: Content-Type %q", method, path, got)
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("%s %s: Cache-Control %q", method, path, got)
	}
	return res.StatusCode, string(b)
}
