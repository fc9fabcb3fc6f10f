package asgardeo

import "net/http"

func (s *Simulator) serviceProviderConfig(*call) reply {
	on := func(v bool) map[string]any { return map[string]any{"supported": v} }
	return s.scimReply(http.StatusOK, map[string]any{
		"schemas":        []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":          on(true),
		"bulk":           map[string]any{"supported": true, "maxOperations": maxBulkOperations, "maxPayloadSize": maxBody},
		"filter":         map[string]any{"supported": true, "maxResults": 200},
		"changePassword": on(false),
		"sort":           on(false),
		"etag":           on(false),
		"authenticationSchemes": []map[string]any{
			{"type": "oauthbearertoken", "name": "OAuth Bearer Token", "description": "OAuth 2 access tokens", "primary": true},
		},
	})
}

func (s *Simulator) resourceTypes(c *call) reply {
	one := func(name, endpoint, schema string) map[string]any {
		return map[string]any{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"}, "id": name, "name": name, "endpoint": endpoint, "schema": schema,
			"meta": map[string]any{"location": c.scim() + "/ResourceType/" + name, "resourceType": "ResourceType"},
		}
	}
	return s.scimReply(http.StatusOK, map[string]any{
		"schemas":      []string{schemaList},
		"resourceType": []map[string]any{one("User", "/Users", schemaUser), one("Group", "/Groups", schemaGroup), one("Role", "/v2/Roles", schemaRole)},
	})
}

func schemas() []map[string]any {
	attr := func(name, kind, mutability string, required bool) map[string]any {
		return map[string]any{"name": name, "type": kind, "multiValued": false, "required": required, "caseExact": false,
			"mutability": mutability, "returned": "DEFAULT", "uniqueness": "NONE"}
	}
	return []map[string]any{
		{"id": schemaUser, "name": "User", "attributes": []map[string]any{
			attr("userName", "STRING", "IMMUTABLE", true), attr("externalId", "STRING", "READ_WRITE", false),
			attr("name", "COMPLEX", "READ_WRITE", false), attr("emails", "COMPLEX", "READ_WRITE", false),
			attr("password", "STRING", "WRITE_ONLY", false)}},
		{"id": schemaWSO2, "name": "Custom User", "attributes": []map[string]any{
			attr("askPassword", "BOOLEAN", "WRITE_ONLY", false), attr("verifyEmail", "BOOLEAN", "WRITE_ONLY", false),
			attr("accountState", "STRING", "READ_ONLY", false), attr("accountLocked", "BOOLEAN", "READ_WRITE", false),
			attr("managedOrg", "STRING", "READ_ONLY", false), attr("sharedType", "STRING", "READ_ONLY", false)}},
		{"id": schemaGroup, "name": "Group", "attributes": []map[string]any{attr("displayName", "STRING", "READ_WRITE", true)}},
		{"id": schemaRole, "name": "Role", "attributes": []map[string]any{attr("displayName", "STRING", "READ_WRITE", true)}},
	}
}

func (s *Simulator) listSchemas(*call) reply { return s.scimReply(http.StatusOK, schemas()) }

func (s *Simulator) getSchema(c *call) reply {
	for _, schema := range schemas() {
		if schema["id"] == c.params["id"] {
			return s.scimReply(http.StatusOK, schema)
		}
	}
	return s.notFound("Schema")
}
