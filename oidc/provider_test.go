package oidc

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"usher/identity"
)

// provider is a real OpenID provider, zitadel/oidc, with the storage of its own
// example. Two things are changed: its clients get JWTs for access tokens, and
// people's tokens say which organization they are for.
type provider struct {
	*storage.Storage
	openid op.OpenIDProvider
	url    string
	asked  atomic.Int64 // discovery and keys
	opaque bool         // access tokens are no JWTs
}

type jwtClient struct{ op.Client }

func (jwtClient) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

func (p *provider) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := p.Storage.GetClientByClientID(ctx, id)
	if p.opaque {
		return c, err
	}
	return jwtClient{c}, err
}

func (p *provider) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	c, err := p.Storage.ClientCredentials(ctx, id, secret)
	return jwtClient{c}, err
}

func (p *provider) GetPrivateClaimsFromScopes(_ context.Context, user, _ string, scopes []string) (map[string]any, error) {
	if user != "id1" {
		return nil, nil
	}
	return map[string]any{
		"organization": map[string]any{"id": "tenant-1"}, "roles": []string{"Administrator"}, "scope": strings.Join(scopes, " "),
		"email": "test-user@zitadel.ch", "email_verified": true,
	}, nil
}

const redirectURI = "http://localhost:9999/auth/callback"

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	var handler atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/.well-known") || r.URL.Path == "/keys" {
			p.asked.Add(1)
		}
		handler.Load().(http.Handler).ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	web := storage.WebClient("web", "secret", redirectURI)
	p.Storage = storage.NewStorageWithClients(storage.NewUserStore(p.url), map[string]*storage.Client{"web": web})
	var err error
	p.openid, err = op.NewProvider(&op.Config{CryptoKey: [32]byte{1}, CodeMethodS256: true, AuthMethodPost: true}, p, op.StaticIssuer(p.url),
		op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	handler.Store(http.Handler(p.openid))
	return p
}

// tokens asks the token endpoint.
func (p *provider) tokens(t *testing.T, form url.Values, client, secret string) map[string]any {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(client, secret)
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var tokens map[string]any
	if err := json.Unmarshal(body, &tokens); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("token endpoint: %d %s (%v)", answer.StatusCode, body, err)
	}
	return tokens
}

// signIn goes through the authorization code flow as a person.
func (p *provider) signIn(t *testing.T) map[string]any {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{
		Jar: jar, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	visit := func(address string) *url.URL {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		next, err := answer.Location()
		if err != nil {
			t.Fatalf("%s: %d without Location", address, answer.StatusCode)
		}
		return next
	}
	login := visit(p.url + "/authorize?" + url.Values{
		"client_id": {"web"}, "redirect_uri": {redirectURI}, "response_type": {"code"},
		"scope": {"openid email " + storage.CustomScope}, "state": {"s"}, "nonce": {"n"},
	}.Encode())
	request := login.Query().Get("authRequestID")
	if err := p.CheckUsernamePassword("test-user@127.0.0.1", "verysecure", request); err != nil {
		t.Fatal(err)
	}
	back := visit(op.AuthCallbackURL(p.openid)(op.ContextWithIssuer(t.Context(), p.url), request))
	return p.tokens(t, url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {redirectURI}}, "web", "secret")
}

func (p *provider) config() IssuerConfig {
	return IssuerConfig{
		Name: "zitadel", Issuer: p.url, Audiences: []string{"web", "sid1"},
		Claims: ClaimsConfig{Organization: "organization.id"},
		Roles:  map[string]string{"Administrator": "admin"},
		Permissions: []PermissionRule{
			{Scope: storage.CustomScope, Grant: []identity.Permission{identity.InvitesRead}},
			{Role: "admin", Grant: []identity.Permission{identity.InvitesWrite}},
		},
		Services: []ServiceRule{{Client: "sid1", Role: "member", Grant: []identity.Permission{identity.MembersRead},
			Organizations: []OrganizationRule{{Connection: "c", All: true}}}},
	}
}

func TestRealProvider(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	a := open(t, &Options{Trust: map[string][]string{"zitadel": {"c"}}}, p.config())
	asked := p.asked.Load()
	person := p.signIn(t)
	access, _ := person["access_token"].(string)
	service, _ := p.tokens(t, url.Values{"grant_type": {"client_credentials"}, "scope": {"openid"}}, "sid1", "verysecret")["access_token"].(string)

	t.Run("a person's access token", func(t *testing.T) {
		want := &Principal{
			Issuer: p.url, Subject: "id1", ClientID: "web", Email: "test-user@zitadel.ch", Token: access,
			Access: identity.Access{Claimed: aliases("tenant-1", "c")}, Roles: []string{"admin"},
			Permissions: granted(identity.InvitesRead, identity.InvitesWrite),
		}
		checkPrincipal(t, a, access, want)
		if got, want := want.Actor(), (identity.Actor{Issuer: p.url, Subject: "id1", Email: "test-user@zitadel.ch"}); got != want {
			t.Errorf("actor %+v, want %+v", got, want)
		}
	})
	t.Run("a service's access token", func(t *testing.T) {
		checkPrincipal(t, a, service, &Principal{
			Issuer: p.url, Subject: "sid1", ClientID: "sid1", Token: service, Roles: []string{"member"},
			Access:      identity.Access{Rules: []identity.AccessRule{{Connection: "c", All: true}}},
			Permissions: granted(identity.MembersRead),
		})
	})
	t.Run("an ID token", func(t *testing.T) {
		id, _ := person["id_token"].(string)
		got, err := a.Authenticate(t.Context(), id)
		if r := why(t, got, err); id == "" || r != reasonType {
			t.Errorf("refused for %q: %v", r, err)
		}
	})
	t.Run("for another audience", func(t *testing.T) {
		c := p.config()
		c.Audiences = []string{"another"}
		got, err := open(t, nil, c).Authenticate(t.Context(), access)
		if r := why(t, got, err); r != reasonAudience {
			t.Errorf("refused for %q: %v", r, err)
		}
	})
	t.Run("from another provider", func(t *testing.T) {
		got, err := open(t, nil, newProvider(t).config()).Authenticate(t.Context(), access)
		if r := why(t, got, err); r != reasonUnknownIssuer {
			t.Errorf("refused for %q: %v", r, err)
		}
	})
	if asked != 2 {
		t.Errorf("%d requests before the first token, want discovery and keys", asked)
	}
}

// The same provider with opaque tokens, which it is asked about.
func TestRealProviderIntrospection(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.opaque = true
	c := p.config()
	c.Audiences, c.AuthorizedParties = nil, []string{"web"}
	c.Introspection = IntrospectionConfig{ClientID: "web", ClientSecret: "secret"}
	a := open(t, &Options{Trust: map[string][]string{"zitadel": {"c"}}}, c)
	access, _ := p.signIn(t)["access_token"].(string)
	if strings.Contains(access, ".") {
		t.Fatalf("the token is not opaque: %s", access)
	}
	got, err := a.Authenticate(t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	want := &Principal{
		Issuer: p.url, Subject: "id1", ClientID: "web", Email: "test-user@zitadel.ch", Token: access, Expires: got.Expires,
		Permissions: granted(identity.InvitesRead),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("principal is\n%+v\nwant\n%+v", got, want)
	}
	refusedFor(t, a, Origin{}, access+"x", reasonInactive)
	c.AuthorizedParties = []string{"another"}
	refusedFor(t, open(t, nil, c), Origin{}, access, reasonAudience)
	c.Introspection.ClientSecret = "wrong"
	refusedFor(t, open(t, nil, c), Origin{}, access, reasonIssuerUnavailable)
}

// checkPrincipal compares all but the expiry, which the provider chooses.
func checkPrincipal(t *testing.T, a *Authenticator, token string, want *Principal) {
	t.Helper()
	got, err := a.Authenticate(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(got.Expires); left <= 0 || left > 24*time.Hour {
		t.Errorf("expires in %s", left)
	}
	got.Expires = time.Time{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("principal is\n%+v\nwant\n%+v", got, want)
	}
}
