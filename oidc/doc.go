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
// A token that begins with a configured prefix, or that does not look like a
// JWT where an issuer takes such tokens, is opaque; so is a session of Nile,
// encrypted (five parts, which nobody here reads) or not. It takes another way:
//
//	route            by prefix, or to the only issuer that takes tokens of its
//	                 shape, or to the one that the connection of the path's
//	                 organization trusts: it is shown to one issuer or to none
//	remembered?      by issuer and token: for 30 s at most, never past exp; a
//	                 refusal for 10 s
//	limits           of the source, of the issuer, and the pause after trouble
//	question         one request for all who wait: introspection (RFC 7662), or
//	                 Nile's /me with the session as its cookie
//	answer           active, exact iss, token_type, exp, nbf and iat with the one
//	                 leeway, sub, audience
//	principal        as above
//
// A source whose tokens fail makes usher ask issuers for so long, then no more:
// its bad tokens are refused without asking, and its good ones are accepted
// from memory, with the keys at hand, or, if opaque, because they were good
// before.
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
// row ([identity.Access] is the set, the ledger has the rows), who is behind a proxy ([WithOrigin] is
// told).
package oidc
