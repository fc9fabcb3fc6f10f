package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"usher/identity"
	"usher/internal/ijson"
	"usher/ledger"
)

const (
	headerKey = "Idempotency-Key"
	maxKey    = 255
)

// checkKey reads the Idempotency-Key of a request that writes.
func checkKey(x *exchange, r route, c *call) error {
	values := humagin.Unwrap(x).Request.Header.Values(headerKey)
	if len(values) == 0 || !writes(r.method) {
		return nil
	}
	key := values[0]
	if len(values) > 1 || key == "" || len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return badRequest("header:"+headerKey, "An Idempotency-Key is 1 to %d visible ASCII characters.", maxKey)
	}
	c.key = key
	return nil
}

// carryOut runs an operation that the guard has let through. One that writes
// runs to its end, whether its client waits or not, and under its key at most
// once.
func (a *API) carryOut(x *exchange, r route, c *call, next func(huma.Context)) {
	if !writes(r.method) {
		next(x)
		return
	}
	if r.streams() {
		x.ctx = context.WithoutCancel(x.ctx)
		a.carryOutUpload(x, r, c, next)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.ctx), a.timeout)
	defer cancel()
	x.ctx = ctx
	hash := sha256.Sum256(x.body)
	a.carryOutOnce(x, r, c, hash[:], next)
}

// carryOutOnce runs an operation that writes: under its key, where it has one,
// at most once for a body with this hash.
func (a *API) carryOutOnce(x *exchange, r route, c *call, hash []byte, next func(huma.Context)) {
	if c.key == "" {
		perform(x, next)
		return
	}
	claim, old, err := a.ledger.ClaimKey(x.ctx, idempotencyKey(x, r, c), hash)
	switch {
	case err != nil:
		x.refuse(err)
	case old != nil:
		x.replay(old)
	default:
		c.claim = claim
		a.performOnce(x, claim, next)
	}
}

// idempotencyKey names the request. The path holds the organization's id
// however the caller named it.
func idempotencyKey(x *exchange, r route, c *call) ledger.IdempotencyKey {
	k := ledger.IdempotencyKey{
		Issuer: c.caller.Actor.Issuer, Subject: c.caller.Actor.Subject, Method: r.method, Key: c.key,
	}
	if k.Issuer == "" { // the body holds the credential
		sum := sha256.Sum256(x.body)
		k.Subject = hex.EncodeToString(sum[:])
	}
	segments := strings.Split(r.path, "/")
	for n, segment := range segments {
		name, ok := strings.CutPrefix(segment, "{")
		if !ok {
			continue
		}
		segments[n] = url.PathEscape(x.Param(strings.TrimSuffix(name, "}")))
		if name == "org}" {
			k.Organization, segments[n] = c.org.ID, c.org.ID
		}
	}
	k.Path = strings.Join(segments, "/")
	return k
}

// performOnce performs an operation under a claim. Its answer is kept, unless
// the same request may be tried again, as Retry-After says too; then, and after a panic, the claim is
// released, and with it goes the invite that the next try attaches to.
func (a *API) performOnce(x *exchange, claim *ledger.Claim, next func(huma.Context)) {
	finished := false
	defer func() {
		if !finished {
			a.release(x, claim)
		}
	}()
	perform(x, next)
	finished = true
	if !kept(x.status) || x.header.Get("Retry-After") != "" {
		a.release(x, claim)
		return
	}
	if err := a.ledger.FinishKey(context.WithoutCancel(x.ctx), claim, x.recorded()); err != nil {
		a.log.ErrorContext(x.ctx, "an answer could not be recorded under its idempotency key",
			"request_id", requestOf(x.ctx).id, "claim", claim.ID, "error", logged(err.Error()))
		a.release(x, claim)
		if ledger.Passes(err) { // nor is what was written ahead of it recorded
			x.refuse(err)
		}
	}
}

func (a *API) release(x *exchange, claim *ledger.Claim) {
	if err := a.ledger.ReleaseKey(context.WithoutCancel(x.ctx), claim); err != nil {
		a.log.ErrorContext(x.ctx, "an idempotency key could not be released",
			"request_id", requestOf(x.ctx).id, "claim", claim.ID, "error", logged(err.Error()))
	}
}

// kept reports whether an answer is final. After any other the same key tries
// again.
func kept(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return false
	default:
		return status < http.StatusInternalServerError
	}
}

// perform checks the text of the body and hands over to Huma.
func perform(x *exchange, next func(huma.Context)) {
	if len(x.body) > 0 {
		if err := ijson.Check("The body", x.body); err != nil {
			x.refuse(err)
			return
		}
		if x.Operation().RequestBody == nil && !emptyObject(x.body) {
			x.refuse(identity.Errorf(identity.CodeInvalidRequest, "This operation takes no body."))
			return
		}
	}
	next(x)
}

// emptyObject allows what clients send when they have nothing to say.
func emptyObject(body []byte) bool {
	trimmed := bytes.Join(bytes.Fields(body), nil)
	return string(trimmed) == "{}"
}
