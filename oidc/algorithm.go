package oidc

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"

	"github.com/go-jose/go-jose/v4"
)

// algorithms returns the signature algorithms that may be configured, all of
// them asymmetric (RFC 7518 section 3.1, RFC 8037).
func algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// Bits of an RSA modulus: RFC 7518 section 3.3 demands the least; the most
// bounds the work that a key can make.
const (
	minModulus = 2048
	maxModulus = 8192
)

// fits reports whether a published key may verify signatures of an algorithm:
// its type, curve and size must be right, and use and alg must not say
// otherwise.
func fits(alg string, key *jose.JSONWebKey) bool {
	if key.Use != "" && key.Use != "sig" || key.Algorithm != "" && key.Algorithm != alg {
		return false
	}
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		bits := k.N.BitLen()
		return (alg[:2] == "RS" || alg[:2] == "PS") && bits >= minModulus && bits <= maxModulus
	case *ecdsa.PublicKey:
		return alg == "ES256" && k.Curve == elliptic.P256() ||
			alg == "ES384" && k.Curve == elliptic.P384() ||
			alg == "ES512" && k.Curve == elliptic.P521()
	case ed25519.PublicKey:
		return alg == "EdDSA"
	default: // private and symmetric keys, which nobody should publish
		return false
	}
}
