package asgardeo

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"usher/identity"
	"usher/providers"
	"usher/providers/asgardeo/internal"
)

// token is an access token and what it is good for. It is never changed.
type token struct {
	key     string // in the cache; empty: not ours to fetch again
	value   string
	missing []string // scopes that were asked for and not granted
	caller  bool     // the caller's own, or made from it
	userOrg string   // organization the token's user lives in; empty: not said
}

// need refuses a token that lacks a scope: the vendor drops scopes without a
// word, and the call would end in a 403 that does not say which (FACTS.md
// section 1.1).
func (t *token) need(scope string) error {
	if !slices.Contains(t.missing, scope) {
		return nil
	}
	if t.caller {
		return &identity.Error{
			Code: identity.CodePermissionDenied, Detail: "The identity provider does not let you do this in the organization.",
			Err: fmt.Errorf("asgardeo: the caller's token lacks the scope %s", scope),
		}
	}
	return &identity.Error{
		Code: identity.CodeProviderCredentials, Detail: "The gateway's application at the identity provider lacks the scope " + scope + ".",
		Err: fmt.Errorf("asgardeo: the token was granted without the scope %s", scope),
	}
}

// How tokens are kept: given up this long before they end, or at a quarter of
// a shorter life; held briefly when a scope is missing, so that an operator
// who grants it need not wait for an hour; and what life is assumed where the
// vendor says none.
const (
	tokenEarly      = time.Minute
	tokenIncomplete = 15 * time.Second
	tokenUnknown    = time.Minute
)

// tokens gets and keeps access tokens: one for the root organization, one for
// each organization, and those exchanged for callers. The cache belongs to one
// connection, so its keys are organization, scopes and credential.
type tokens struct {
	client   *internal.Client
	settings *settings
	now      func() time.Time
	lag      *lag
	cache    *cache[*token]
}

const rootKey = "root"

// root returns the service's token for the root organization.
func (t *tokens) root(ctx context.Context) (*token, error) {
	key := rootKey + "\n" + strings.Join(t.settings.RootScopes, " ")
	return t.cache.get(ctx, key, func(ctx context.Context) (*token, time.Time, error) {
		answer, err := t.client.ClientCredentials(ctx, t.settings.RootScopes)
		if err != nil {
			return nil, time.Time{}, err
		}
		made, until := t.keep(key, answer, t.settings.RootScopes)
		return made, until, nil
	})
}

// organization returns the service's token for an organization.
func (t *tokens) organization(ctx context.Context, org string) (*token, error) {
	key := "service\n" + org + "\n" + strings.Join(t.settings.OrganizationScopes, " ")
	return t.cache.get(ctx, key, func(ctx context.Context) (made *token, until time.Time, err error) {
		err = t.lag.retry(ctx, "switch "+org, func() (bool, error) {
			made, until, err = t.fromRoot(ctx, key, org)
			e := internal.AsAPIError(err)
			return e != nil && e.Reason == internal.ReasonNotShared, err
		})
		return made, until, err
	})
}

// fromRoot exchanges the root token. A root token that the vendor no longer
// takes is fetched anew, once.
func (t *tokens) fromRoot(ctx context.Context, key, org string) (*token, time.Time, error) {
	for try := 0; ; try++ {
		source, err := t.root(ctx)
		if err != nil {
			return nil, time.Time{}, err
		}
		made, until, err := t.exchange(ctx, key, source.value, org)
		e := internal.AsAPIError(err)
		if e == nil || e.Reason != internal.ReasonBadSource || try > 0 {
			return made, until, err
		}
		t.drop(source)
	}
}

// exchange gets a token for an organization from another token and makes sure
// that it is for that organization: below /o/ the token alone says whose data
// is read and written (FACTS.md sections 0 and 15.6).
func (t *tokens) exchange(ctx context.Context, key, source, org string) (*token, time.Time, error) {
	answer, err := t.client.SwitchOrganization(ctx, source, org, t.settings.OrganizationScopes)
	if err != nil {
		return nil, time.Time{}, err
	}
	claims, known, err := t.inspect(ctx, answer.AccessToken)
	if err != nil {
		return nil, time.Time{}, err
	}
	if known && claims.OrgID != org {
		return nil, time.Time{}, wrongOrganization()
	}
	made, until := t.keep(key, answer, t.settings.OrganizationScopes)
	made.userOrg = claims.UserOrg
	return made, until, nil
}

func wrongOrganization() error {
	return &identity.Error{
		Code: identity.CodeProviderError, Detail: "The identity provider answered for another organization than the one asked about.",
		Err: fmt.Errorf("asgardeo: the token is for another organization"),
	}
}

// keep turns an answer of the token endpoint into a token and says until when
// to use it.
func (t *tokens) keep(key string, answer *internal.Token, asked []string) (*token, time.Time) {
	made := &token{key: key, value: answer.AccessToken, missing: missing(asked, answer.Scope)}
	life := time.Duration(answer.ExpiresIn) * time.Second
	if life <= 0 {
		life = tokenUnknown
	}
	life -= min(tokenEarly, life/4)
	if len(made.missing) > 0 {
		life = min(life, tokenIncomplete)
	}
	return made, t.now().Add(life)
}

// missing returns the scopes that were asked for and not granted. An answer
// without scopes means all of them (RFC 6749 section 5.1).
func missing(asked []string, granted *internal.Scopes) []string {
	if granted == nil {
		return nil
	}
	var list []string
	for _, scope := range asked {
		if !slices.Contains(*granted, scope) {
			list = append(list, scope)
		}
	}
	return list
}

// inspect reads what a token is for: a JWT's claims, or the vendor's own word
// on an opaque one. known is false if it was not asked for. The signature is
// not checked, and need not be: the token came from the vendor over TLS or
// goes back to it, and only the vendor acts on it. A lie would make us refuse.
func (t *tokens) inspect(ctx context.Context, value string) (claims *internal.Claims, known bool, err error) {
	if claims := decodeJWT(value); claims != nil {
		return claims, true, nil
	}
	if !t.settings.introspect {
		return &internal.Claims{}, false, nil
	}
	claims, err = t.client.Introspect(ctx, value)
	if err == nil && !claims.Active {
		err = &identity.Error{
			Code: identity.CodeProviderCredentials, Err: fmt.Errorf("asgardeo: the vendor calls a token inactive"),
		}
	}
	return claims, true, err
}

func decodeJWT(value string) *internal.Claims {
	parts := strings.Split(value, ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return nil
	}
	claims := &internal.Claims{}
	if json.Unmarshal(payload, claims) != nil {
		return nil
	}
	return claims
}

// forCaller returns the token of a caller for an organization: the caller's
// own if it is for that organization, else one exchanged for it. Nothing of it
// is stored; what is remembered stays in memory under a hash and never
// outlives the caller's token.
func (t *tokens) forCaller(ctx context.Context, org string, caller providers.Caller) (*token, error) {
	own := decodeJWT(caller.Token)
	if own != nil && own.OrgID == org {
		return &token{
			value: caller.Token, caller: true, userOrg: own.UserOrg,
			missing: missing(t.settings.OrganizationScopes, own.Scope),
		}, nil
	}
	key := "caller\n" + org + "\n" + fingerprint(caller.Token) + "\n" + strings.Join(t.settings.OrganizationScopes, " ")
	return t.cache.get(ctx, key, func(ctx context.Context) (*token, time.Time, error) {
		if own == nil {
			claims, known, err := t.inspect(ctx, caller.Token)
			if err != nil {
				return nil, time.Time{}, err
			}
			if known && claims.OrgID == org {
				return &token{key: key, value: caller.Token, caller: true, missing: missing(t.settings.OrganizationScopes, claims.Scope)},
					time.Unix(claims.Expires, 0), nil
			}
			own = claims
		}
		made, until, err := t.exchange(ctx, key, caller.Token, org)
		if err != nil {
			return nil, time.Time{}, err
		}
		made.caller = true
		if ends := time.Unix(own.Expires, 0); ends.Before(until) {
			until = ends
		}
		return made, until, nil
	})
}

// fingerprint stands for a token where the token itself must not be kept.
func fingerprint(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// drop forgets a token that the vendor refused.
func (t *tokens) drop(bad *token) {
	if bad.key != "" {
		t.cache.drop(bad.key, func(kept *token) bool { return kept.value == bad.value })
	}
}

// use runs a call with a token. A 401 means that the token is not taken and
// that nothing was done, so a fresh one is tried, once; a 403 may come from a
// token older than a change of its scopes, so the next call gets a fresh one.
func (t *tokens) use(ctx context.Context, get func(context.Context) (*token, error), scope string, call func(t *token) error) error {
	for try := 0; ; try++ {
		tok, err := get(ctx)
		if err != nil {
			return err
		}
		if err := tok.need(scope); err != nil {
			return err
		}
		err = call(tok)
		refused := internal.AsAPIError(err)
		if refused == nil {
			return err
		}
		refused.Caller = tok.caller
		switch refused.Status {
		case http.StatusUnauthorized:
			t.drop(tok)
			if try == 0 && tok.key != "" {
				continue
			}
		case http.StatusForbidden:
			t.drop(tok)
		}
		return err
	}
}
