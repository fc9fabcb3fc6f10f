package roq

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"usher/identity"
	"usher/providers/roq/internal"
)

// How long an access token is used: until shortly before it expires, or at
// three quarters of a shorter life; an hour at most, as the vendor's own SDK
// does; and briefly if it does not say (FACTS.md section 3).
const (
	tokenEarly   = time.Minute
	tokenLongest = time.Hour
	tokenUnknown = 5 * time.Minute
)

// tokens gets and keeps the service account's access token. It may be used
// concurrently: one caller fetches, the others wait for it.
type tokens struct {
	client      *internal.Client
	environment string
	now         func() time.Time
	turn        chan struct{} // holds one thing while nobody is at it

	// Guarded by turn.
	value string
	until time.Time
}

func newTokens(client *internal.Client, environment string, now func() time.Time) *tokens {
	t := &tokens{client: client, environment: environment, now: now, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{}
	return t
}

// get returns a token to use.
func (t *tokens) get(ctx context.Context) (string, error) {
	select {
	case <-t.turn:
		defer func() { t.turn <- struct{}{} }()
	case <-ctx.Done():
		return "", &identity.Error{Code: identity.CodeProviderTimeout, Op: "wait for a token", Err: ctx.Err()}
	}
	if t.value != "" && t.now().Before(t.until) {
		return t.value, nil
	}
	value, err := t.client.Token(ctx)
	if err != nil {
		return "", err
	}
	until, err := t.keep(value)
	if err != nil {
		return "", err
	}
	t.value, t.until = value, until
	return value, nil
}

// keep says until when to use a token. One of another environment than the
// configured one is refused: it would reach somebody else's people.
func (t *tokens) keep(value string) (time.Time, error) {
	claims, ok := decodeJWT(value)
	if !ok {
		return t.now().Add(tokenUnknown), nil
	}
	if claims.Environment != "" && claims.Environment != t.environment {
		return time.Time{}, &identity.Error{
			Code: identity.CodeProviderError, Err: errors.New("roq: the token is for another environment"),
		}
	}
	if claims.Expires == 0 {
		return t.now().Add(tokenUnknown), nil
	}
	life := min(time.Unix(int64(claims.Expires), 0).Sub(t.now()), tokenLongest)
	return t.now().Add(life - min(tokenEarly, life/4)), nil
}

// claims are what is read of an access token.
type claims struct {
	Environment string  `json:"roqEnvironmentId"`
	Expires     float64 `json:"exp"`
}

// decodeJWT reads an access token. The signature is not checked, and need not
// be: the token came from the vendor and goes back to it.
func decodeJWT(value string) (claims, bool) {
	parts := strings.Split(value, ".")
	if len(parts) != 3 {
		return claims{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return claims{}, false
	}
	var c claims
	return c, json.Unmarshal(payload, &c) == nil
}

// drop forgets a token that the vendor refused.
func (t *tokens) drop(ctx context.Context, refused string) {
	select {
	case <-t.turn:
		defer func() { t.turn <- struct{}{} }()
	case <-ctx.Done():
		return
	}
	if t.value == refused {
		t.value = ""
	}
}

// use runs a call with a token. One that is refused is replaced, once: nothing
// was done then.
func (p *Provider) use(ctx context.Context, call func(token string) error) error {
	for try := 0; ; try++ {
		token, err := p.tokens.get(ctx)
		if err != nil {
			return err
		}
		err = call(token)
		refused := internal.AsAPIError(err)
		if refused == nil || !refused.Unauthorized() {
			return err
		}
		p.tokens.drop(ctx, token)
		if try > 0 {
			return err
		}
	}
}
