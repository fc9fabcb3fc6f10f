// Package scim2 works with any SCIM 2.0 service (RFC 7643, RFC 7644): the
// directory is the service's, the invitations are usher's own.
//
// An organization is a group of the service, its provider_id that group's id. A
// role of it is another group, which the role map names by displayName;
// {organization} in there stands for the displayName of the organization's.
//
//	Invite   the organization's group, the roles' groups, the person: read
//	         a mail with a link (step mail); nothing is granted
//	Accept   the same is read again
//	         POST /Users, where there is no account   accept_user
//	         into each role's group                   accept_role_…
//	         into the organization's group, last      accept_organization
//
// Who is in the organization's group is a member, so half an acceptance has made
// nobody a member, and the next one goes on. Into a group means a PATCH that
// adds one member, and where the service has none a PUT of the group as it was
// read with one member more: under the group's entity tag where there are any,
// else one at a time in this process and looked at again afterwards.
//
// What the service can do is read from its ServiceProviderConfig and remembered.
// Without filters people and groups are looked for page by page, up to a bound.
// No filter finds more than it was meant to: what comes is compared.
package scim2
