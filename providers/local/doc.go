// Package local is the built-in directory: people, memberships and roles are
// kept in usher's own ledger, invitations are mailed over SMTP, and invitees
// accept by the link in the mail.
//
// One send is a look whether the address is a member, and a mail (step mail).
// Accepting is one transaction of the directory. There is no vendor: what the
// ledger says of an invite is the whole truth, so there is no list to compare
// with, and a mail whose fate is not known stays uncertain until a person sends
// or revokes it, or its reader accepts.
package local
