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

// remembered is a verified token.
type remembered struct {
	principal  *Principal // Token is empty
	issuer     *issuer
	generation uint64 // of the keys that verified it
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
	if !now.Before(r.until) || r.generation != r.issuer.keys.generation() {
		m.tokens.Remove(key)
		return nil, false
	}
	return r, true
}

// add remembers a token until its exp, a minute at most.
func (m *memory) add(key tokenKey, r *remembered, now time.Time) {
	r.until = now.Add(rememberFor)
	if r.principal.Expires.Before(r.until) {
		r.until = r.principal.Expires
	}
	if now.Before(r.until) {
		m.tokens.Add(key, r)
	}
}
