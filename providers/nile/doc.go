// Package nile is the adapter for Nile Auth. What the vendor really does, and
// what of it is not known, is in FACTS.md of its contract; comments here name
// the sections.
//
// An organization of ours is a tenant of one Nile database, and a member is a
// user of that tenant. There is no key for services: the adapter signs in as a
// user who is a member of every tenant, and keeps the session. One send is:
//
//	the tenant's invitations                 (is one of the address there already?)
//	create_invitation: POST of a form        (mailed by the vendor, with our link)
//
// The named step is journalled: it is begun before the call and done after it, a
// definite refusal takes it back, and a step that was begun and not done is
// asked about at the vendor before it is repeated. The vendor keeps no reference
// of ours, but it has one invitation of an address in a tenant, and each sending
// of it makes a new token: what the row looked like before is recorded first
// (look_before_sending) where there was one, so that what is listed afterwards
// shows whether it was sent. Sending again is the same POST. A row whose inviter
// has left can never be accepted, and is deleted first (delete_dead_invitation).
//
// The vendor writes the row before it mails, and says so in no other way than
// that it is there: after a refusal that came from the mail, what was written
// for it is deleted (delete_unmailed_invitation).
//
// The link in the mail is the gateway's. Accepting looks the invitation up and
// presents its token (accept_invitation): whoever knows a token can do that, so
// tokens are read for nothing else, and go nowhere.
//
// The vendor has no roles. The one that the connection names is what membership
// means.
//
// Package internal beside this one holds the wire: calls, types and the one
// table from the vendor's texts to our codes.
package nile
