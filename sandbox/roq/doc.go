// Package roq simulates one environment of the ROQ Platform over HTTP, written
// from FACTS.md and the shapes beside it alone: service-account and user tokens,
// and the GraphQL of invitations, users, tenants, roles and user groups, in the
// form of 2023-11 (…V2) and in the one before it. A request passes
//
//	fault.Injector (faults, call list, /_sandbox/ admin surface)
//	→ routes (one table: method, path, function; and the people's pages)
//	→ identify (both headers on the server endpoint, one on the client's)
//	→ the GraphQL engine over schema.graphql, whose resolvers run under the one mutex
//	→ mails go out, then the envelope
//
// Invitations, as FACTS.md section 4.4 has them:
//
//	pending ── accept ──→ accepted
//	   │  ╲── cancel ──→ canceled ── resend ──→ pending
//	   ╰─ a day passes → expired  ── resend ──→ pending
//
// What FACTS.md calls inferred or unknown can be switched: see Quirks. Where it
// names no error code for a refusal, the code follows the pattern of those it
// names: TENANT_NOT_FOUND, USER_NOT_FOUND, ROLE_NOT_FOUND, USER_GROUP_NOT_FOUND.
// Time is Options.Now plus what was advanced through POST /_sandbox/clock.
//
// What a user's token may do is said by Role.Permissions; the vendor's own names
// of permissions are not known, so the names of root fields stand for them.
//
// Not simulated: files, chat, notifications and translations; refresh tokens;
// webhooks; a limit on the depth of queries, and rate limits, of which nothing
// is known. Filters on the single users of an invitation are taken and ignored.
package roq
