// Package nile simulates Nile Auth (one database of it) over HTTP, written
// from the vendor's observed and documented behaviour alone: sessions and
// their cookies, CSRF pairs, password and magic-link sign-in, password reset,
// e-mail verification, users, tenants, members, and tenant invites with their
// mails. Sign-up is open, as the vendor's is.
//
// One Simulator is one database below /v2/databases/{id}/. A request passes
//
//	fault.Injector (faults, call list, /_sandbox/ admin surface)
//	→ front (rate limit, only where a quirk sets one)
//	→ routes (one table: method, path, function)
//	→ the route's function, under the one mutex, which returns a reply
//	→ the mail it wants sent goes out, without the lock; where the vendor
//	  answers differently when the relay refuses it, so does the simulator
//
// Rows are written before their mail is sent, so a failed answer leaves them
// behind, as at the vendor. What is uncertain can be switched: see Quirks. Time
// is Options.Now plus what was advanced through POST /_sandbox/clock.
//
// The vendor has no pages: mailed links lead to the customer's application.
// Below /api/ the simulator stands in for one (see Simulator.AppURL), with a
// page each for an invite, a new password and a magic link.
//
// Not simulated: OAuth sign-in, multi-factor enrolment (a user that has it is
// refused at sign-in as the vendor does), GET /v2/openapi, and direct SQL.
// The vendor itself has no rate limits; so Options has no switch for them.
package nile
