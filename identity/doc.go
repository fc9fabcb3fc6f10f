// Package identity is usher's vocabulary: organizations, invites, members,
// roles, users, the states an invite can be in, and the problem codes every
// layer speaks. It knows no HTTP, no vendor and no SQL, and imports nothing
// else of the house.
//
// ID is usher's own identifier, ProviderID the vendor's, ExternalID the one a
// SCIM client chose.
package identity
