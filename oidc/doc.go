// Package oidc authenticates usher's callers: it verifies bearer tokens from
// any number of configured OpenID Connect issuers and turns their claims into
// a [Principal] by configuration. It knows no HTTP framework.
//
// The way of a token through [Authenticator.Authenticate]:
//
//	remembered?      by its SHA-256: for a minute at most, never past exp, and
//	                 only while its issuer's keys are the same
//	form             three canonical base64url parts, two JSON objects that
//	                 name no member twice, no crit, not nested, not too long
//	issuer           the unverified iss picks a configuration by exact string;
//	                 any other issuer ends here, without network work
//	header, claims   algorithm and typ from the issuer's lists, exp, nbf and iat
//	                 with one leeway, sub, audience, no ID token
//	key              by kid from the issuer's cached key set, of the type and
//	                 use that the algorithm asks for
//	signature        by coreos/go-oidc, with that one key
//	principal        organizations, permissions, portable roles, proven e-mail
//
// Nothing in a token makes usher fetch an address, and the cheap checks come
// before anything that may wait for an issuer. Key sets are fetched in one
// flight per issuer: at the start, when they grow old (while the old ones
// still serve), and for an unknown kid once a cool-down at most. A fetch that
// goes wrong is not repeated before a growing pause has passed.
//
// Every refusal is an *identity.Error with code unauthenticated.
//
// Not here: permission checks (package api), the choice of the organization
// row ([identity.Access] is the set, the ledger has the rows), opaque tokens.
package oidc
