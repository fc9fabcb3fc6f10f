// Package asgardeo is the adapter for Asgardeo, the cloud of WSO2 Identity
// Server, and for servers that speak the same interfaces. What the vendor
// really does, and where its documents are wrong, is in FACTS.md of its
// contract; comments here name the sections.
//
// An organization of ours is a sub-organization there, and a member is a user
// of the root organization that was invited into it as a guest. One send is:
//
//	roles of the organization by name and application    (organization's token)
//	look-up of the person in the root organization       (root token)
//	create_user: an account that asks for a password     (root token, a mail)
//	guest_invite: the invitation with the role ids       (organization's token, a mail)
//	resend_password_mail: who never set a password       (root token, a mail)
//
// The named steps are journalled: a step is begun before its call and done
// after it, a definite refusal takes it back, and a step that was begun and
// not done is asked about at the vendor before it is repeated. Resending is a
// deletion (delete_invitation) and a new invitation.
//
// Asgardeo has no reference of ours on an invitation, no look-up of a single
// one, and tells its id only in the list; so invitations are matched by the
// user name, and ids are learnt when they are needed.
//
// Package internal beside this one holds the wire: calls, types and the one
// table from the vendor's error codes to ours.
package asgardeo
