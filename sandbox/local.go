package sandbox

// openLocal describes the built-in directory: there is no vendor to simulate,
// and its people are in the connection's settings.
func openLocal() *vendor {
	row := vendorRow{provider: "local", slug: "acme-local"}
	const organization = "acme"
	return &vendor{
		organization: seed{row: row}.organization(organization),
		provider:     row.provider,
		settings: map[string]any{"members": []any{
			map[string]any{"organization": organization, "email": AdministratorEmail, "roles": []string{RoleAdmin}, "given_name": "Demo", "family_name": "Admin"},
			map[string]any{"organization": organization, "email": MemberEmail, "roles": []string{RoleMember}, "given_name": "Demo", "family_name": "Member"},
		}},
		roles: []RoleFacts{
			{Key: RoleAdmin, Provider: "Administrator", GrantableBy: []string{RoleAdmin}},
			{Key: RoleMember, Provider: "Member"},
		},
	}
}
