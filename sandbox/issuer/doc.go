// Package issuer is a small OpenID Connect issuer for the sandbox: discovery,
// a key set, RS256 access tokens in the form of RFC 9068, and a token endpoint
// for service clients (RFC 6749 section 4.4). Its keys are made when it is
// made and never leave memory.
//
//	GET  {path}/.well-known/openid-configuration   discovery
//	GET  {path}/jwks                               public keys
//	POST {path}/token                              client_credentials
//	POST {path}/_sandbox/rotate                    a new signing key
//
// It signs in nobody: there is no authorization endpoint. Tests and the
// sandbox mint people's tokens with [Issuer.Mint].
package issuer
