// Package scim2 simulates a SCIM 2.0 service provider over HTTP, written from
// RFC 7643 (schema) and RFC 7644 (protocol) alone: users with the enterprise
// extension, groups with users and groups as members, filters, sorting, paging,
// PATCH, bulk, entity tags and discovery, behind a bearer token.
//
// One Simulator is one service below Options.Path. A request passes
//
//	fault.Injector (faults, call list, /_sandbox/ admin surface)
//	→ limits (per credential)
//	→ routes (one table: method, path, function)
//	→ authorize (bearer token; /token gives one for client credentials)
//	→ the route's function, under the one mutex, which returns a reply
//
// A body on its way in is shaped by the schema (names, types, what clients may
// write), then checked (required, unique, members exist), then stored. On its
// way out it is rendered (what the server knows), then projected (attributes,
// excludedAttributes, what is never returned).
//
// The RFCs leave much open, and services differ in more: see Quirks. Time is
// Options.Now plus what was advanced through POST /_sandbox/clock.
//
// Not simulated: /Me (501, as RFC 7644 section 3.11 allows), invitations and
// mails (SCIM has none), tokens of people, and tenants (one Simulator is one).
package scim2
