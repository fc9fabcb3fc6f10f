package oidc

import (
	"context"
	"crypto"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// load fetches the keys, after discovery where that is due.
func (s *keySet) load(ctx context.Context) (*keys, error) {
	from, err := s.keysURL(ctx)
	if err != nil {
		return nil, err
	}
	var document struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	err = s.fetcher.get(ctx, from, &document)
	if err == nil && document.Keys == nil {
		err = failed(classNotJSON, "GET %s: not a key set", from)
	}
	if err != nil {
		s.discovered = "" // it may have moved
		return nil, err
	}
	return s.usable(*document.Keys), nil
}

func (s *keySet) keysURL(ctx context.Context) (string, error) {
	if s.jwksURL != "" {
		return s.jwksURL, nil
	}
	now := s.now()
	if s.discovered != "" && now.Sub(s.discoveredAt) < rediscover {
		return s.discovered, nil
	}
	var document struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
		// RFC 8414 section 2
		Introspection string `json:"introspection_endpoint"`
	}
	if err := s.fetcher.get(ctx, s.discoveryURL, &document); err != nil {
		return "", err
	}
	// OpenID Connect Discovery section 4.3.
	if document.Issuer != s.issuer {
		return "", failed(classMismatch, "GET %s: the document is issuer %s's", s.discoveryURL, cut(document.Issuer))
	}
	if why := s.badEndpoint(document.Introspection); why == "" {
		s.introspection.Store(&document.Introspection)
	}
	if why := s.badEndpoint(document.JWKSURI); why != "" {
		return "", failed(classMismatch, "GET %s: jwks_uri %s %s", s.discoveryURL, cut(document.JWKSURI), why)
	}
	s.discovered, s.discoveredAt = document.JWKSURI, now
	return s.discovered, nil
}

// badEndpoint says why nothing is asked where discovery points, or "". An
// issuer that is not on loopback has no business pointing there over http.
func (s *keySet) badEndpoint(address string) string {
	if why := badAddress(address); why != "" {
		return why
	}
	if u, err := url.Parse(address); err == nil && u.Scheme == "http" && !loopbackAddress(s.issuer) {
		return "is http, and the issuer is not on loopback"
	}
	return ""
}

// usable keeps the keys that fit one of the issuer's algorithms. Keys of other
// kinds are passed over (RFC 7517 section 5).
func (s *keySet) usable(raw []json.RawMessage) *keys {
	k := &keys{}
	var marks []string
	for _, r := range raw {
		var key jose.JSONWebKey
		if err := json.Unmarshal(r, &key); err != nil {
			continue
		}
		if !slices.ContainsFunc(s.algorithms, func(alg string) bool { return fits(alg, &key) }) {
			continue
		}
		thumbprint, err := key.Thumbprint(crypto.SHA256)
		if err != nil {
			continue
		}
		k.list = append(k.list, key)
		marks = append(marks, strings.Join([]string{key.KeyID, key.Algorithm, key.Use, hex.EncodeToString(thumbprint)}, "\x00"))
	}
	slices.Sort(marks)
	k.fingerprint = strings.Join(marks, "\n")
	return k
}
