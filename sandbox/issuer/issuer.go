package issuer

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
)

// TokenType is the typ header of every token (RFC 9068 section 2.1).
const TokenType = "at+jwt"

// Options describe an issuer. URL and Audience are required.
type Options struct {
	URL      string           // the iss claim, without a trailing slash; its path may be empty or not
	Audience string           // the aud of every token
	Life     time.Duration    // how long tokens live; default 24 h
	Now      func() time.Time // default time.Now
	Clients  []Client         // who may use the token endpoint
}

// Client is a service that may ask for tokens with client_credentials.
type Client struct {
	ID     string
	Secret string
	// Claims are added to each of its tokens, beside sub and client_id.
	Claims map[string]any
	// Scopes are what it may ask for; without a scope parameter it gets all.
	// Others are refused with invalid_scope.
	Scopes []string
}

// Issuer signs tokens and serves its HTTP face. It is safe for concurrent use.
type Issuer struct {
	url      string
	audience string
	life     time.Duration
	now      func() time.Time
	clients  map[string]Client
	handler  http.Handler

	mu   sync.RWMutex
	keys []signingKey // newest first; the first signs
}

// New makes an issuer with a fresh key.
func New(o Options) (*Issuer, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("issuer: url: %w", err)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, fmt.Errorf("issuer: url %q is not an http address", o.URL)
	case u.RawQuery != "", u.Fragment != "", strings.HasSuffix(o.URL, "/"):
		return nil, fmt.Errorf("issuer: url %q has a query, a fragment or a trailing slash", o.URL)
	case o.Audience == "":
		return nil, errors.New("issuer: no audience")
	}
	i := &Issuer{url: o.URL, audience: o.Audience, life: o.Life, now: o.Now, clients: map[string]Client{}}
	if i.life <= 0 {
		i.life = 24 * time.Hour
	}
	if i.now == nil {
		i.now = time.Now
	}
	for _, c := range o.Clients {
		if c.ID == "" || c.Secret == "" {
			return nil, errors.New("issuer: a client without id or secret")
		}
		if _, ok := i.clients[c.ID]; ok {
			return nil, fmt.Errorf("issuer: client %q is there twice", c.ID)
		}
		i.clients[c.ID] = c
	}
	if err := i.Rotate(true); err != nil {
		return nil, err
	}
	i.handler = i.routes(u.Path)
	return i, nil
}

// URL returns the iss claim, which is also where discovery starts.
func (i *Issuer) URL() string { return i.url }

// Audience returns the aud of every token.
func (i *Issuer) Audience() string { return i.audience }

// Mint returns a signed token. Claims overlay the issuer's own (iss, aud, iat,
// nbf, exp, jti); a nil value leaves a claim out, so that tests can make
// tokens that must be refused. sub is the caller's to give.
func (i *Issuer) Mint(claims map[string]any) (string, error) {
	now := i.now()
	all := map[string]any{
		"iss": i.url,
		"aud": i.audience,
		"iat": now.Unix(),
		"nbf": now.Unix(),
		"exp": now.Add(i.life).Unix(),
		"jti": uuid.NewString(),
	}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	signer, err := i.signer()
	if err != nil {
		return "", fmt.Errorf("issuer: mint: %w", err)
	}
	token, err := jwt.Signed(signer).Claims(all).Serialize()
	if err != nil {
		return "", fmt.Errorf("issuer: mint: %w", err)
	}
	return token, nil
}

// clientToken mints what a service client gets for a scope parameter. The
// error's text is for the client.
func (i *Issuer) clientToken(c Client, scope string) (token, granted string, err error) {
	asked := strings.Fields(scope)
	for _, s := range asked {
		if !slices.Contains(c.Scopes, s) {
			return "", "", &oauthError{http.StatusBadRequest, "invalid_scope", "The client may not ask for one of the scopes."}
		}
	}
	if len(asked) == 0 {
		asked = c.Scopes
	}
	claims := map[string]any{"sub": c.ID, "client_id": c.ID}
	maps.Copy(claims, c.Claims)
	granted = strings.Join(asked, " ")
	if granted != "" {
		claims["scope"] = granted
	}
	token, err = i.Mint(claims)
	return token, granted, err
}
