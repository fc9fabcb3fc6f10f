// Package clerk is the adapter for Clerk's Backend API. What the vendor really
// does, and what of it is not known, is in FACTS.md of its contract; comments
// here name the sections.
//
// An organization of ours is an organization of a Clerk instance, and a member
// is a user with a membership in it. One send is:
//
//	pending invitations of the address in the organization   (is one there already?)
//	create_invitation: the invitation, with its one role      (mailed by the vendor)
//
// The named step is journalled: it is begun before the call and done after it,
// a definite refusal takes it back, and a step that was begun and not done is
// asked about at the vendor before it is repeated. The invitation carries the
// id of our invite in its private metadata, and by that it is found again.
// Resending is a revocation (withdraw_invitation) and a new invitation.
//
// Several are sent by one call, after one look at what is pending and one at who
// is a member: a call is refused as a whole. Whether it then leaves nothing behind
// is not known (section 4.3), so after a refusal the list is looked at again. Each
// row is journalled as a creation by itself would be.
//
// Whether the vendor refuses a second pending invitation of an address or puts
// it in the place of the first is not known (section 4.6). The list is looked at
// before each creation, so that it does not matter.
//
// The link in the vendor's answers accepts the invitation for whoever holds it.
// It is never decoded, and no part of an answer is ever quoted.
//
// Package internal beside this one holds the wire: calls, types and the one
// table from the vendor's error codes to ours.
package clerk
