package asgardeo

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

const schemaRole = "urn:ietf:params:scim:schemas:extension:2.0:Role"

func (s *Simulator) addRole(org, name, audience, audienceID string, permissions []string) *role {
	r := &role{id: s.newID(), org: org, name: name, audience: audience, audienceID: audienceID,
		permissions: slices.Clone(permissions), users: map[string]time.Time{}, visible: s.clock.Now()}
	s.roles = append(s.roles, r)
	return r
}

// shareRole gives a root role its counterpart, with an id of its own, in an
// organization the application is shared with.
func (s *Simulator) shareRole(r *role, a *application, org string, from time.Time) {
	if find(s.roles, func(o *role) bool { return o.org == org && o.origin == r.id }) != nil {
		return
	}
	shared := s.addRole(org, r.name, "application", a.shared[org].id, r.permissions)
	shared.origin, shared.visible = r.id, from
}

func (s *Simulator) rolesOf(u *user) (out []*role) {
	for _, r := range s.roles {
		if from, has := r.users[u.id]; has && r.org == u.org && !from.After(s.clock.Now()) {
			out = append(out, r)
		}
	}
	return out
}

func (s *Simulator) audienceName(r *role) string {
	if r.audience == "organization" {
		if o := s.org(r.audienceID); o != nil {
			return o.name
		}
		return ""
	}
	if a := s.appIn(r.org, r.audienceID); a != nil {
		return a.Name
	}
	return ""
}

func (s *Simulator) audienceJSON(r *role) map[string]any {
	return map[string]any{"value": r.audienceID, "display": s.audienceName(r), "type": r.audience}
}

// roleJSON is a role as the list (brief) or a single read shows it.
func (s *Simulator) roleJSON(c *call, r *role, brief bool) map[string]any {
	version := "/v2"
	if strings.HasPrefix(c.rest, "/scim2/v3/") {
		version = "/v3"
	}
	m := map[string]any{
		"schemas": []string{schemaRole}, "id": r.id, "displayName": r.name, "audience": s.audienceJSON(r),
		"meta": map[string]any{"location": c.scim() + version + "/Roles/" + r.id, "resourceType": "Role"},
	}
	if brief {
		return m
	}
	var users, groups, permissions []map[string]any
	for _, id := range r.order {
		if u := s.user(r.org, id); u != nil && !r.users[id].After(s.clock.Now()) {
			users = append(users, map[string]any{"value": id, "display": u.store + "/" + u.name, "$ref": c.scim() + "/Users/" + id})
		}
	}
	for _, id := range r.groups {
		if g := s.group(r.org, id); g != nil {
			groups = append(groups, map[string]any{"value": id, "display": g.name, "$ref": c.scim() + "/Groups/" + id})
		}
	}
	for _, p := range r.permissions {
		permissions = append(permissions, map[string]any{"value": p, "display": p})
	}
	for name, list := range map[string][]map[string]any{"users": users, "groups": groups, "permissions": permissions} {
		if len(list) > 0 {
			m[name] = list
		}
	}
	return m
}

func (s *Simulator) listRoles(c *call) reply {
	in, err := s.readList(c)
	return s.findRoles(c, in, err)
}

func (s *Simulator) searchRoles(c *call) reply {
	in, err := readSearch(c)
	return s.findRoles(c, in, err)
}

func (s *Simulator) findRoles(c *call, in listRequest, err *filterError) reply {
	keep := func(*role) bool { return true }
	if err == nil {
		keep, err = s.roleFilter(in.Filter)
	}
	if err != nil {
		return s.scimError(err.status, err.scimType, err.detail)
	}
	var found []map[string]any
	for _, r := range s.roles {
		if r.org == c.org && !r.visible.After(s.clock.Now()) && keep(r) {
			found = append(found, s.roleJSON(c, r, true))
		}
	}
	return s.listPage(in, found, 0)
}

// roleFilter takes displayName, audience.value and audience.type with eq, ne,
// co, sw, ew (FACTS.md section 8).
func (s *Simulator) roleFilter(text string) (func(*role) bool, *filterError) {
	if strings.TrimSpace(text) != "" {
		all, err := parseFilter(text)
		if err != nil {
			return nil, err
		}
		for _, cmp := range all {
			if cmp.op == "ge" || cmp.op == "le" {
				return nil, badFilter("Given filter operator is not supported.")
			}
		}
	}
	return filterBy(s, text, func(path string) func(*role) string {
		switch strings.ToLower(strings.TrimPrefix(path, schemaRole+":")) {
		case "displayname":
			return func(r *role) string { return r.name }
		case "audience.value":
			return func(r *role) string { return r.audienceID }
		case "audience.type":
			return func(r *role) string { return r.audience }
		}
		return nil
	})
}

func (s *Simulator) getRole(c *call) reply {
	r := s.role(c.org, c.params["id"])
	if r == nil {
		return s.notFound("Role")
	}
	m := s.roleJSON(c, r, false)
	project(m, names(c.query("attributes")), names(c.query("excludedAttributes")))
	return s.scimReply(http.StatusOK, m)
}

type roleBody struct {
	DisplayName string       `json:"displayName"`
	Audience    *audience    `json:"audience"`
	Users       []reference  `json:"users"`
	Groups      []reference  `json:"groups"`
	Permissions *[]reference `json:"permissions"`
}

type audience struct {
	Value   string `json:"value"`
	Display string `json:"display"`
	Type    string `json:"type"`
}

// roleAudience checks the audience of a new role; without one it is the organization.
func (s *Simulator) roleAudience(c *call, asked *audience) (audience, bool) {
	if asked == nil {
		return audience{Type: "organization", Value: c.org}, true
	}
	aud := *asked
	aud.Type = strings.ToLower(aud.Type)
	if aud.Type == "organization" {
		return aud, aud.Value == c.org
	}
	return aud, aud.Type == "application" && s.appIn(c.org, aud.Value) != nil
}

func (s *Simulator) postRole(c *call) reply {
	var in roleBody
	if err := json.Unmarshal(c.body, &in); err != nil {
		return s.refuse(&problem{http.StatusBadRequest, "invalidSyntax", "Request is unparsable, syntactically incorrect, or violates schema."})
	}
	aud, ok := s.roleAudience(c, in.Audience)
	switch {
	case in.DisplayName == "":
		return s.refuse(invalid("Required attribute displayName is missing in the SCIM Object."))
	case !ok:
		return s.refuse(invalid("Invalid role audience."))
	case find(s.roles, func(r *role) bool {
		return r.org == c.org && r.name == in.DisplayName && r.audienceID == aud.Value
	}) != nil:
		return s.scimError(http.StatusConflict, "", "Role with the given name: "+in.DisplayName+" already exists in the system.")
	}
	if p := s.knownUsers(c.org, ids(in.Users)); p != nil {
		return s.refuse(p)
	}
	r := s.addRole(c.org, in.DisplayName, aud.Type, aud.Value, nil)
	if in.Permissions != nil {
		r.permissions = ids(*in.Permissions)
	}
	for _, id := range ids(in.Users) {
		r.add(id, s.clock.Now())
	}
	r.groups = ids(in.Groups)
	if a := s.appIn(c.org, aud.Value); a != nil && a.Organization == c.org {
		for org, sh := range a.shared {
			s.shareRole(r, a, org, sh.from)
		}
	}
	return s.scimReply(http.StatusCreated, s.roleJSON(c, r, true)).With("Location", c.scim()+"/v2/Roles/"+r.id)
}

func (s *Simulator) deleteRole(c *call) reply {
	r := s.role(c.org, c.params["id"])
	if r == nil {
		return s.notFound("Role")
	}
	if r.origin != "" {
		return s.refuse(invalid("The shared role cannot be deleted here."))
	}
	s.roles = slices.DeleteFunc(s.roles, func(o *role) bool { return o == r || o.origin == r.id })
	return empty(http.StatusNoContent)
}
