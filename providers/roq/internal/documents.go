package internal

// The fields of an invitation that every operation asks for: the scalars, as
// the vendor's own SDK does (FACTS.md section 4.3).
const inviteFields = `id email status tenantId firstName lastName locale data roleKeys createdAt updatedAt statusUpdatedAt userTokenId acceptedByUserId`

// What an invitation grants is also asked for as a relation: roleKeys can be
// null right after sending (FACTS.md section 4.3).
const grantedFields = inviteFields + ` roles { data { key } }`

const (
	personFields = `id email reference tenantId active`
	memberFields = personFields + ` firstName lastName createdAt roles { data { key } }`
)

// lookDocument reads in one call whatever decides about a sending. Each filter
// stands in the document itself, so that no variable can be left out of it: a
// filter that is null would match everything, or what has no value.
const lookDocument = `query usherLook(
  $tenant: ID!, $emails: [String!]!,
  $known: ID!, $withKnown: Boolean!,
  $roles: [String!]!, $withRoles: Boolean!,
  $inviter: ID!, $withInviter: Boolean!,
  $caller: StringFilterArgType!, $byEmail: Boolean!, $byReference: Boolean!
) {
  tenants(filter: {id: {equalTo: $tenant}}) { data { id } }
  users(filter: {email: {valueIn: $emails}}) { data { ` + memberFields + ` } }
  pending: userInvites(
    filter: {email: {valueIn: $emails}, tenantId: {equalTo: $tenant}, status: {equalTo: "pending"}}
    order: {order: DESC, sort: createdAt}
  ) { data { ` + grantedFields + ` } }
  known: userInvites(filter: {id: {equalTo: $known}}) @include(if: $withKnown) { data { ` + grantedFields + ` } }
  roles(filter: {key: {valueIn: $roles}}) @include(if: $withRoles) { data { key } }
  inviter: users(filter: {id: {equalTo: $inviter}}) @include(if: $withInviter) { data { ` + personFields + ` } }
  caller: users(filter: {email: $caller, tenantId: {equalTo: $tenant}}) @include(if: $byEmail) { data { ` + personFields + ` } }
  callerByReference: users(filter: {reference: $caller, tenantId: {equalTo: $tenant}}) @include(if: $byReference) { data { ` + personFields + ` } }
}`

const endedDocument = `query usherEnded($tenant: ID!, $emails: [String!]!) {
  userInvites(
    filter: {email: {valueIn: $emails}, tenantId: {equalTo: $tenant}, status: {valueIn: ["canceled", "expired"]}}
    order: {order: DESC, sort: createdAt}
  ) { data { ` + grantedFields + ` } }
}`

const holdersDocument = `query usherHolders($emails: [String!]!) {
  users(filter: {email: {valueIn: $emails}, withDeactivated: {equalTo: true}}) { data { ` + personFields + ` } }
}`

const memberDocument = `query usherMember($tenant: ID!, $id: ID!) {
  users(filter: {id: {equalTo: $id}, tenantId: {equalTo: $tenant}}) { data { ` + memberFields + ` } }
}`

// Members are sorted by address, which is the one unique thing that users can
// be sorted by.
const membersDocument = `query usherMembers($tenant: ID!, $limit: Int!, $offset: Int!) {
  tenants(filter: {id: {equalTo: $tenant}}) { data { id } }
  users(
    filter: {tenantId: {equalTo: $tenant}}
    limit: $limit, offset: $offset, order: {order: ASC, sort: email}
  ) { data { ` + memberFields + ` } totalCount }
}`

// Invitations are never deleted, and listed oldest first: new ones come at the
// end and move nothing.
const invitesDocument = `query usherInvites($tenant: ID!, $limit: Int!, $offset: Int!) {
  tenants(filter: {id: {equalTo: $tenant}}) { data { id } }
  userInvites(
    filter: {tenantId: {equalTo: $tenant}}
    limit: $limit, offset: $offset, order: {order: ASC, sort: createdAt}
  ) { data { ` + grantedFields + ` } totalCount }
}`

const rolesDocument = `query usherRoles($tenant: ID!, $keys: [String!]!) {
  tenants(filter: {id: {equalTo: $tenant}}) { data { id } }
  roles(filter: {key: {valueIn: $keys}}) { data { id key name } }
}`

// The operations that write, by the names that the vendor's SDK gives them.
const (
	OpSend   = "sendUserInvites"
	OpResend = "resendUserInvite"
	OpCancel = "cancelUserInvite"
)

const outcomeFields = `success { ` + inviteFields + ` } errors { email error firstName lastName }`

const sendDocument = `mutation sendUserInvites($data: UserInvitesCreateV2Dto!) {
  sendUserInvitesV2(data: $data) { ` + outcomeFields + ` }
}`

// sendV1Document is for instances of before November 2023 (FACTS.md section 4).
const sendV1Document = `mutation sendUserInvites($userInvites: UserInvitesCreateDto!) {
  sendUserInvites(userInvites: $userInvites) { ` + outcomeFields + ` }
}`

const resendDocument = `mutation resendUserInvite($userInviteId: ID!) {
  resendUserInvite(id: $userInviteId) { ` + inviteFields + ` }
}`

const cancelDocument = `mutation cancelUserInvite($userInviteId: ID!) {
  cancelUserInvite(id: $userInviteId) { ` + inviteFields + ` }
}`
