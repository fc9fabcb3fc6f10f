// Package workos simulates WorkOS (AuthKit and its User Management API) over
// HTTP, written from the vendor's published interface document and FACTS.md
// alone: invitations, organization memberships, users, organizations and their
// domains, roles and permissions, events and webhooks, log-in, sessions, access
// tokens and their keys, and the page that an invitation's link leads to.
//
// One Simulator is one environment of the vendor: everything that one API key
// reaches. A request passes
//
//	fault.Injector (faults, call list, /_sandbox/ admin surface)
//	→ routes (one table: method, path, group, function)
//	→ authorize (API key, what it may do)
//	→ limits (per key, and per environment and kind of call)
//	→ the route's function, under the one mutex, which returns a reply
//	→ mails go out, then the reply, always with X-Request-ID
//
// An invitation and the membership behind it go together:
//
//	send ──→ pending ──┬─ accept, or the mailed page ─→ accepted   membership active
//	                   ├─ revoke ─────────────────────→ revoked    membership gone
//	                   └─ its time is over ───────────→ expired    membership stays pending
//
// What is uncertain about the vendor can be switched: see Quirks. Time is
// Options.Now plus what was advanced through POST /_sandbox/clock. Webhooks are
// queued and go out when Simulator.DeliverWebhooks or POST
// /_sandbox/webhooks/deliver says so.
//
// Not simulated: the authorization endpoint and its log-in pages
// (Simulator.AuthorizationCode and Simulator.UserToken stand in for them), magic
// links, e-mail verification and change, password reset, MFA, SSO and directory
// sync, JWT templates (Quirks.TokenClaims has their effect), several
// environments behind one address.
package workos
