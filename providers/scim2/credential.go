package scim2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"usher/identity"
	"usher/internal/httpx"
	"usher/scim/client"
)

// credential is what the service is called with. It may be used concurrently.
type credential interface {
	// get returns a token to use.
	get(ctx context.Context) (string, error)
	// drop forgets a token that the service refused; false: another one cannot
	// be had.
	drop(ctx context.Context, refused string) bool
}

// fixed is a bearer token of the settings.
type fixed identity.Secret

func (f fixed) get(context.Context) (string, error) { return identity.Secret(f).Reveal(), nil }
func (f fixed) drop(context.Context, string) bool   { return false }
func authorize(ctx context.Context, h http.Header) error {
	token, _ := ctx.Value(tokenKey{}).(string)
	h.Set("Authorization", "Bearer "+token)
	return nil
}

// tokenKey leads from a call's context to the token it is made with.
type tokenKey struct{}

// call makes a call of the service with a token. One that is refused is
// replaced, once: nothing was done then.
func (p *Provider) call(ctx context.Context, do func(ctx context.Context) error) error {
	for try := 0; ; try++ {
		token, err := p.credential.get(ctx)
		if err != nil {
			return err
		}
		err = do(context.WithValue(ctx, tokenKey{}, token))
		var refused *client.Error
		if !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized || try > 0 || !p.credential.drop(ctx, token) {
			return err
		}
	}
}

// How long a token is used: until shortly before it expires, or at three
// quarters of a shorter life, and briefly if that is not said.
const (
	tokenEarly   = time.Minute
	tokenUnknown = 5 * time.Minute
)

// granted gets tokens with client credentials (RFC 6749 section 4.4) and keeps
// the last one: one caller fetches, the others wait for it.
type granted struct {
	config *clientcredentials.Config
	http   *http.Client
	now    func() time.Time
	turn   chan struct{} // holds one thing while nobody is at it

	// Guarded by turn.
	value string
	until time.Time
}

func newGranted(h *httpx.Client, s *settings, now func() time.Time) *granted {
	g := &granted{
		config: &clientcredentials.Config{
			ClientID: s.ClientID, ClientSecret: s.ClientSecret.Reveal(), TokenURL: s.TokenURL, Scopes: s.Scopes,
		},
		http: &http.Client{
			Transport:     carrier{h},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		now: now, turn: make(chan struct{}, 1),
	}
	g.turn <- struct{}{}
	return g
}

func (g *granted) get(ctx context.Context) (string, error) {
	select {
	case <-g.turn:
		defer func() { g.turn <- struct{}{} }()
	case <-ctx.Done():
		return "", &identity.Error{Code: identity.CodeProviderTimeout, Op: "wait for a token", Err: ctx.Err()}
	}
	if g.value != "" && g.now().Before(g.until) {
		return g.value, nil
	}
	token, err := g.config.Token(context.WithValue(ctx, oauth2.HTTPClient, g.http))
	if err != nil {
		return "", g.failed(err)
	}
	life := tokenUnknown
	if !token.Expiry.IsZero() {
		life = time.Until(token.Expiry) // the library reckons in the machine's time
		life -= min(tokenEarly, life/4)
	}
	g.value, g.until = token.AccessToken, g.now().Add(life)
	return g.value, nil
}

func (g *granted) drop(ctx context.Context, refused string) bool {
	select {
	case <-g.turn:
		defer func() { g.turn <- struct{}{} }()
	case <-ctx.Done():
		return false
	}
	if g.value == refused {
		g.value = ""
	}
	return true
}

// failed makes an error of one that may quote the whole answer. Nothing was
// changed by asking for a token.
func (g *granted) failed(err error) error {
	var known *httpx.Error
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &refused) && refused.Response.StatusCode >= http.StatusBadRequest:
		status := refused.Response.StatusCode
		code := httpx.StatusCode(status)
		if status == http.StatusBadRequest {
			code = identity.CodeProviderCredentials
		}
		if code == identity.CodeNotFound {
			code = identity.CodeProviderError
		}
		return &identity.Error{
			Code: code, RetryAfter: httpx.RetryAfter(refused.Response.Header, g.now()),
			Op: "token", Err: fmt.Errorf("scim2: the token endpoint answered %d", status),
		}
	default:
		return &identity.Error{Code: identity.CodeProviderError, Op: "token", Err: errors.New("scim2: the token endpoint's answer holds no token")}
	}
}

// carrier lets the OAuth library call through the house's client.
type carrier struct{ http *httpx.Client }

// RoundTrip implements http.RoundTripper.
func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(r.Context(), httpx.Call{
		Op: "token", Method: r.Method, URL: r.URL.String(), Header: r.Header, Body: body, Repeatable: true,
	})
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: answer.Status, Header: answer.Header, ContentLength: int64(len(answer.Body)),
		Body: io.NopCloser(bytes.NewReader(answer.Body)), Request: r,
	}, nil
}
