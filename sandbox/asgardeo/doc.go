// Package asgardeo simulates Asgardeo (the WSO2 Identity Server cloud) over
// HTTP, written from the vendor's documented and read behaviour alone: tokens
// and organization_switch, SCIM users, groups, roles and bulk, organizations,
// guest invitations, user sharing, and the pages that mailed links lead to.
//
// One Simulator is one root organization below /t/{root}/. A request passes
//
//	fault.Injector (faults, call list, /_sandbox/ admin surface)
//	→ limits (per client address and path family)
//	→ routes (one table: method, path, scopes, function)
//	→ authorize (token, its organization, scopes)
//	→ the route's function, under the one mutex, which returns a reply
//	→ mails go out, then the reply
//
// Whatever the vendor does oddly is done oddly here, and what is uncertain can
// be switched: see Quirks. Time is Options.Now plus what was advanced through
// POST /_sandbox/clock; work the vendor does in the background is done when
// that clock has passed its due time.
//
// Not simulated: the authorization endpoint and user log-in (Simulator.UserToken
// makes a user's token instead), webhooks, /scim2/Me and organization discovery.
package asgardeo
