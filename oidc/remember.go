package oidc

import (
	"crypto/sha256"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	defaultCacheSize = 10000
	rememberFor      = time.Minute
)

// tokenKey is the SHA-256 of a token: what it is remembered by, so that no
// token lies in memory.
type tokenKey [sha256.Size]byte

// keyOf hashes a token. Tokens of the usual size are hashed on the stack.
func keyOf(token string) tokenKey {
	var buffer [2048]byte
	if len(token) > len(buffer) {
		return sha256.Sum256([]byte(token))
	}
	return sha256.Sum256(buffer[:copy(buffer[:], token)])
}

// opaqueKeyOf hashes an opaque token together with its issuer: another issuer
// that has seen it can say nothing about it. No JWT hashes to the same.
func opaqueKeyOf(issuer, token string) tokenKey {
	return sha256.Sum256([]byte(issuer + "\x00" + token))
}

// remembered is a verified token.
type remembered struct {
	principal  *Principal // Token is empty
	issuer     *issuer
	generation uint64    // of the keys that verified it
	opaque     bool      // the issuer was asked; no key verified it
	goodUntil  time.Time // of an opaque token: how long it counts as good before
	until      time.Time
}

// memory remembers verified tokens.
type memory struct {
	tokens *lru.Cache[tokenKey, *remembered]
}

func newMemory(size int) (*memory, error) {
	if size <= 0 {
		size = defaultCacheSize
	}
	tokens, err := lru.New[tokenKey, *remembered](size)
	if err != nil {
		return nil, err
	}
	return &memory{tokens: tokens}, nil
}

// find returns a token's principal while it is good.
func (m *memory) find(key tokenKey, now time.Time) (*remembered, bool) {
	r, ok := m.tokens.Get(key)
	if !ok {
		return nil, false
	}
	if !now.Before(r.until) || !r.opaque && r.generation != r.issuer.keys.generation() {
		m.tokens.Remove(key)
		return nil, false
	}
	return r, true
}

// add remembers a token until its exp, a minute at most, or 30 s where the
// issuer may revoke it any time.
func (m *memory) add(key tokenKey, r *remembered, now time.Time) {
	longest := rememberFor
	if r.opaque {
		longest = introspectFor
	}
	r.until = now.Add(longest)
	if r.principal.Expires.Before(r.until) {
		r.until = r.principal.Expires
	}
	if now.Before(r.until) {
		m.tokens.Add(key, r)
	}
}

// doubts remembers what is known of opaque tokens beyond their answers: which
// were refused a moment ago, and which were good before.
type doubts struct {
	refused *lru.Cache[tokenKey, doubt]
	good    *lru.Cache[tokenKey, time.Time] // until exp
}

type doubt struct {
	refused *refusal
	until   time.Time
}

func newDoubts(size int) (*doubts, error) {
	if size <= 0 {
		size = defaultCacheSize
	}
	refused, err := lru.New[tokenKey, doubt](size)
	if err != nil {
		return nil, err
	}
	good, err := lru.New[tokenKey, time.Time](size)
	return &doubts{refused: refused, good: good}, err
}

// refusal returns why a token was refused a moment ago; nil: it was not.
func (d *doubts) refusal(key tokenKey, now time.Time) *refusal {
	known, ok := d.refused.Get(key)
	if !ok {
		return nil
	}
	left := known.until.Sub(now)
	if left <= 0 {
		d.refused.Remove(key)
		return nil
	}
	r := *known.refused
	if r.retry > 0 {
		r.retry = left
	}
	return &r
}

// refuse remembers a refusal that the issuer's answer led to, or the want of
// one. A limit says nothing about the token.
func (d *doubts) refuse(key tokenKey, r *refusal, now time.Time) {
	switch r.reason {
	case reasonTooManyFailures:
	case reasonIssuerUnavailable:
		if r.retry > 0 {
			d.refused.Add(key, doubt{r, now.Add(r.retry)})
		}
	default:
		d.refused.Add(key, doubt{r, now.Add(refuseFor)})
		d.good.Remove(key)
	}
}

// accept remembers that a token was good until it expires.
func (d *doubts) accept(key tokenKey, expires time.Time) { d.good.Add(key, expires) }

// known reports whether a token was good before and has not expired.
func (d *doubts) known(key tokenKey, now time.Time) bool {
	expires, ok := d.good.Get(key)
	return ok && now.Before(expires)
}
