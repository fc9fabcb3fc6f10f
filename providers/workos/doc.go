// Package workos is the adapter for WorkOS, whose product for users and
// organizations is called AuthKit or User Management. What the vendor really
// does, and where its documents are silent, is in FACTS.md of its contract;
// comments here name the sections.
//
// An organization of ours is an organization there. One send is one call:
//
//	send_invitation: POST /user_management/invitations (a mail)
//
// and nothing is looked up before it: the vendor itself refuses members, people
// who are invited already, and unknown roles and organizations. A resend reads
// the invitation first. While it is pending the vendor mails it again
// (resend_invitation); otherwise another is sent. The named steps are
// journalled: begun before the call and done after it, taken back by a definite
// refusal. A third, withdraw_expired, frees an address whose invitation is over
// while the vendor still counts it as pending.
//
// An invitation holds no reference of ours. After a lost answer it is
// recognised by organization, address, role and times; a mail that was sent
// again by the vendor's event log, for which start says since when to look.
//
// Neither the paths of invitations nor those of users name an organization, and
// the API key reaches all of them. So whatever the vendor returns is compared
// with the organization and the address asked for, before anything is changed
// and before anything is believed.
//
// Package internal beside this one holds the wire: calls, types and the one
// table from the vendor's error codes to ours.
package workos
