package scim2

import (
	"net/http"
	"strings"
)

const urnCore = "urn:ietf:params:scim:schemas:core:2.0:"

// filtered refuses a filter where discovery has none (RFC 7644 section 4).
func (s *Simulator) filtered(c *call) (reply, bool) {
	if !c.r.URL.Query().Has("filter") {
		return reply{}, false
	}
	return s.fail(&problem{http.StatusForbidden, "", "This endpoint takes no filter."}), true
}

// serviceProviderConfig says what Quirks say (RFC 7643 section 5).
func (s *Simulator) serviceProviderConfig(c *call) reply {
	if p, yes := s.filtered(c); yes {
		return p
	}
	on := func(v bool) map[string]any { return map[string]any{"supported": v} }
	schemes := []any{map[string]any{
		"type": "oauthbearertoken", "name": "OAuth Bearer Token", "description": "A bearer token in the Authorization header",
		"specUri": "https://www.rfc-editor.org/info/rfc6750", "primary": true,
	}}
	if len(s.clients) > 0 {
		schemes = append(schemes, map[string]any{
			"type": "oauth2", "name": "OAuth 2.0", "description": "Client credentials at " + strings.TrimSuffix(c.base, s.o.Path) + tokenPath,
			"specUri": "https://www.rfc-editor.org/info/rfc6749",
		})
	}
	return s.answer(http.StatusOK, map[string]any{
		"schemas":               []any{urnCore + "ServiceProviderConfig"},
		"patch":                 on(!s.q.NoPatch),
		"bulk":                  map[string]any{"supported": !s.q.NoBulk, "maxOperations": s.q.MaxOperations, "maxPayloadSize": s.q.MaxPayload},
		"filter":                map[string]any{"supported": s.q.Filters == "full" || s.q.Filters == "eq", "maxResults": s.q.MaxCount},
		"changePassword":        on(true),
		"sort":                  on(!s.q.NoSort),
		"etag":                  on(!s.q.NoETag),
		"authenticationSchemes": schemes,
		"meta":                  map[string]any{"resourceType": "ServiceProviderConfig", "location": c.base + "/ServiceProviderConfig"},
	})
}

// typeOf describes a resource type (RFC 7643 section 6).
func typeOf(c *call, k *kind) map[string]any {
	m := map[string]any{
		"schemas": []any{urnCore + "ResourceType"}, "id": k.name, "name": k.name, "description": k.core.Description.Value(),
		"endpoint": k.endpoint, "schema": k.core.ID,
		"meta": map[string]any{"resourceType": "ResourceType", "location": c.base + "/ResourceTypes/" + k.name},
	}
	if k.extension != nil {
		m["schemaExtensions"] = []any{map[string]any{"schema": k.extension.ID, "required": false}}
	}
	return m
}

func (s *Simulator) resourceTypes(c *call) reply {
	return s.discovered(c, []any{typeOf(c, s.users), typeOf(c, s.groups)})
}

func (s *Simulator) resourceType(c *call) reply {
	for _, k := range []*kind{s.users, s.groups} {
		if k.name == c.params["id"] {
			return s.answer(http.StatusOK, typeOf(c, k))
		}
	}
	return s.unknown(c)
}

// definitions are the schemas (RFC 7643 section 7).
func (s *Simulator) definitions(c *call) []any {
	var out []any
	for _, schema := range []map[string]any{s.users.core.ToMap(), s.groups.core.ToMap(), s.users.extension.ToMap()} {
		schema["meta"] = map[string]any{"resourceType": "Schema", "location": c.base + "/Schemas/" + schema["id"].(string)}
		out = append(out, schema)
	}
	return out
}

func (s *Simulator) schemas(c *call) reply { return s.discovered(c, s.definitions(c)) }

func (s *Simulator) schema(c *call) reply {
	for _, schema := range s.definitions(c) {
		if strings.EqualFold(schema.(map[string]any)["id"].(string), c.params["id"]) {
			return s.answer(http.StatusOK, schema)
		}
	}
	return s.unknown(c)
}

// discovered is a list that knows neither filter, order nor pages.
func (s *Simulator) discovered(c *call, resources []any) reply {
	if p, yes := s.filtered(c); yes {
		return p
	}
	n := len(resources)
	return s.answer(http.StatusOK, map[string]any{"schemas": []any{urnList}, "totalResults": n, "startIndex": 1, "itemsPerPage": n, "Resources": resources})
}
