package oidc

import "context"

// asker is a way to ask an issuer about one token. It is safe for concurrent
// use.
type asker interface {
	// shapes are those of the tokens it is asked about without a prefix.
	shapes() []shape
	// strips reports whether a configured prefix is no part of the token.
	strips() bool
	// fits reports whether a token may be sent to the issuer at all.
	fits(token string) bool
	// ask returns the issuer's answer in the words of RFC 7662 section 2.2;
	// active is there and a bool. An error means that nothing was learnt about
	// the token.
	ask(ctx context.Context, token string) (map[string]any, error)
}
