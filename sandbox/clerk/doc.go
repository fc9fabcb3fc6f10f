// Package clerk simulates Clerk over HTTP, written from the vendor's documents
// and read behaviour alone: the Backend API's users, e-mail addresses,
// organizations, memberships, both kinds of invitations, roles, permissions,
// role sets, organization settings, sessions and their tokens, and the page of
// the Frontend API that a mailed ticket leads to.
//
// One Simulator is one instance with one secret key. A request passes
//
//	fault.Injector (faults, call list, /_sandbox/ admin surface)
//	→ routes (one table: method, path, limit, function)
//	→ version (header or query, FACTS.md section 1)
//	→ secret key
//	→ limits (general, and the route's own, FACTS.md section 3)
//	→ the route's function, under the one mutex, which returns a value or a failure
//	→ mails go out, then the answer
//
// Whatever the vendor is not known to do for certain can be switched: see
// Quirks. Time is Options.Now plus what was advanced through POST
// /_sandbox/clock; invitations expire and limits reset by that clock.
//
// Not simulated: the Frontend API apart from /v1/tickets/accept and the public
// keys, phone numbers and wallets (they are switched off for the instance, so
// their parameters are unknown ones), organization domains, directories,
// machines, JWT templates, session refresh, sign-in tokens, and webhooks.
package clerk
