package identity

// Permission is something a principal may do within its organizations.
type Permission string

// The permissions a route can ask for.
const (
	InvitesRead        Permission = "invites:read"
	InvitesWrite       Permission = "invites:write"
	MembersRead        Permission = "members:read"
	OrganizationsWrite Permission = "organizations:write"
	ConnectionsRead    Permission = "connections:read"
)

// Permissions returns every permission.
func Permissions() []Permission {
	return []Permission{InvitesRead, InvitesWrite, MembersRead, OrganizationsWrite, ConnectionsRead}
}
