// Package roq is the adapter for the ROQ platform. What the vendor really
// does, and how well each fact is known, is in FACTS.md of its contract;
// comments here name the sections. Nothing shows that the hosted platform still
// runs, so there is no default address.
//
// An organization of ours is a tenant there, and a member is a user of that
// tenant. Everything is GraphQL over POST, with the access token of a service
// account in one header and environment and API key in another. One send is:
//
//	usherLook: one query for the tenant, the person behind the address, what is
//	           pending, the roles, and the user who invites
//	sendUserInvites: the invitation, one row; the vendor mails it
//
// Several are one usherLook for all and one sendUserInvites with a row for each.
//
// The write is journalled as send_invitation: begun before its call and done
// after it; a definite refusal takes it back, and a write that was begun and
// not done is asked about before it is repeated. Sending again is the vendor's
// own operation (resend_invitation); what the invitation looked like before is
// recorded first (look_before_resend), since a difference is all that shows
// afterwards whether it was sent again.
//
// A call that succeeded can hold a refusal of its row, as a JSON document in a
// string. The vendor keeps no reference of ours (the older operation does), so
// invitations are found by tenant and address. An access token here reaches
// every tenant of the environment: each row that is read or answered is
// compared with the tenant that was asked for, and an invitation is read and
// compared before it is withdrawn or sent again.
//
// Package internal beside this one holds the wire: documents, types and the one
// table from the vendor's error codes to ours.
package roq
