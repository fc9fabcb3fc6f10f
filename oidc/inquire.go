package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"usher/identity"
)

const maxAnswer = 64 << 10 // bytes of an answer about a token

// introspection asks an issuer's introspection endpoint (RFC 7662).
type introspection struct {
	endpoint string // configured; empty: discovery says
	keys     *keySet
	client   string
	secret   identity.Secret
	inForm   bool // client_secret_post
	fetcher  *fetcher
	now      func() time.Time
}

func (n *introspection) shapes() []shape { return []shape{shapeOpaque, shapeUUID} }

func (n *introspection) strips() bool { return false }

func (n *introspection) fits(string) bool { return true }

// ask asks about a token (RFC 7662 section 2.1) and returns the members of an
// answer that says whether the token is active.
func (n *introspection) ask(ctx context.Context, token string) (map[string]any, error) {
	endpoint, err := n.where(ctx)
	if err != nil {
		return nil, err
	}
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	if n.inForm {
		form.Set("client_id", n.client)
		form.Set("client_secret", n.secret.Reveal())
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, failed(classConnect, "%w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if !n.inForm {
		// RFC 6749 section 2.3.1: both parts are form-encoded first.
		r.SetBasicAuth(url.QueryEscape(n.client), url.QueryEscape(n.secret.Reveal()))
	}
	body, err := n.fetcher.read(n.fetcher.direct, r, maxAnswer)
	if err != nil {
		return nil, err
	}
	answer, err := decodeObject(body)
	if err != nil {
		return nil, failed(classNotJSON, "POST %s: %w", endpoint, err)
	}
	if _, ok := answer["active"].(bool); !ok {
		return nil, failed(classNotJSON, "POST %s: the answer does not say whether the token is active", endpoint)
	}
	return answer, nil
}

// where returns the endpoint: the configured one, or what discovery says.
func (n *introspection) where(ctx context.Context) (string, error) {
	if n.endpoint != "" {
		return n.endpoint, nil
	}
	at := n.keys.introspection.Load()
	if at == nil && n.keys.current.Load() == nil {
		if err := n.keys.fetch(ctx, n.now(), false); err != nil {
			if errors.Is(err, errBackoff) {
				err = failed(classConnect, "discovery: %w", err)
			}
			return "", err
		}
		at = n.keys.introspection.Load()
	}
	if at == nil {
		return "", failed(classMismatch, "the issuer's discovery document names no introspection_endpoint that may be asked")
	}
	return *at, nil
}

// checkAnswer checks the members of an answer (RFC 7662 section 2.2), all
// optional there but active. What is present must hold, and sub must be there.
func (p *policy) checkAnswer(answer map[string]any, now time.Time) *refusal {
	if answer["active"] != true {
		return refuse(reasonInactive, "the issuer says that the token is not active")
	}
	if iss, ok := answer["iss"]; ok && iss != p.issuer {
		return refuse(reasonClaims, "iss is another issuer's")
	}
	for _, kind := range []struct {
		name  string
		known []string
	}{
		// Others are bound to a key (RFC 9449) or no access tokens at all.
		{"token_type", []string{"bearer", "access_token"}},
		{"token_use", []string{"access", "access_token"}},
	} {
		v, ok := answer[kind.name]
		if text, _ := v.(string); ok && !slices.Contains(kind.known, strings.ToLower(text)) {
			return refuse(reasonType, "%s says that this is not a bearer's access token", kind.name)
		}
	}
	if r := checkMarks(answer); r != nil {
		return r
	}
	if r := p.checkTime(answer, now, false); r != nil {
		return r
	}
	if r := checkSubject(answer); r != nil {
		return r
	}
	return p.checkAudience(answer)
}

// blamesRequest reports an answer that says no more than that the request was
// wrong: the token in it was, since nothing else changes.
func (e *fetchError) blamesRequest() bool {
	return slices.Contains([]int{
		http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong,
		http.StatusUnprocessableEntity, http.StatusRequestHeaderFieldsTooLarge,
	}, e.status)
}

// wait returns how long the answer asks to wait, a minute at most.
func (e *fetchError) wait() time.Duration {
	if e == nil {
		return 0
	}
	return min(e.retry, time.Minute)
}
