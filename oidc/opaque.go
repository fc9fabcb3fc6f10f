package oidc

import (
	"context"
	"time"
)

// introspect is Authenticate for an opaque token.
func (a *Authenticator) introspect(ctx context.Context, bearer string) (*Principal, error) {
	origin, now := originOf(ctx), a.now()
	i, bearer, refused := a.routes.find(ctx, bearer, origin.Organization)
	if refused != nil {
		a.metrics.verified("", string(refused.reason))
		return nil, refused.identity()
	}
	key := opaqueKeyOf(i.name, bearer)
	if r, ok := a.memory.find(key, now); ok {
		i.counters.hits.Inc()
		return r.principal.bearing(bearer), nil
	}
	var r *remembered
	if refused = a.doubts.refusal(key, now); refused == nil {
		r, refused = i.inquiries.ask(ctx, question{
			key: key, token: bearer, from: sourceOf(origin.Source), known: a.doubts.known(key, now),
		})
		if refused != nil {
			a.doubts.refuse(key, refused, now)
		}
	}
	if refused != nil {
		a.metrics.verified(i.name, string(refused.reason))
		return nil, refused.identity()
	}
	a.metrics.verified(i.name, outcomeAccepted)
	a.doubts.accept(key, r.goodUntil)
	return r.principal.bearing(bearer), nil
}

// admit checks the answer about an opaque token as tokens are checked, and
// makes a principal of it.
func (i *issuer) admit(claims map[string]any, now time.Time) (*remembered, *refusal) {
	if r := i.policy.checkAnswer(claims, now); r != nil {
		return nil, r
	}
	expires, err := numericDate(claims, "exp")
	goodUntil := expires
	if err != nil {
		// RFC 7662 lets exp be absent. The principal is then good for as long as
		// the answer is, and the token is known for a while.
		expires, goodUntil = now.Add(introspectFor), now.Add(knownFor)
	}
	return &remembered{principal: i.mapping.principal(claims, expires), issuer: i, opaque: true, goodUntil: goodUntil}, nil
}
