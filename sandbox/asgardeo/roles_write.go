package asgardeo

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// roleParts says which parts of a role a route may write: v2 all, v3 splits them.
type roleParts struct{ meta, users, groups bool }

func (s *Simulator) putRole(c *call) reply {
	return s.replaceRole(c, roleParts{meta: true, users: true, groups: true})
}
func (s *Simulator) putRoleMeta(c *call) reply   { return s.replaceRole(c, roleParts{meta: true}) }
func (s *Simulator) putRoleUsers(c *call) reply  { return s.replaceList(c, roleParts{users: true}) }
func (s *Simulator) putRoleGroups(c *call) reply { return s.replaceList(c, roleParts{groups: true}) }

func (s *Simulator) patchRole(c *call) reply {
	return s.changeRole(c, roleParts{meta: true, users: true, groups: true})
}
func (s *Simulator) patchRoleMeta(c *call) reply   { return s.changeRole(c, roleParts{meta: true}) }
func (s *Simulator) patchRoleUsers(c *call) reply  { return s.changeRole(c, roleParts{users: true}) }
func (s *Simulator) patchRoleGroups(c *call) reply { return s.changeRole(c, roleParts{groups: true}) }

func unreadable() *problem {
	return &problem{http.StatusBadRequest, "invalidSyntax", "Request is unparsable, syntactically incorrect, or violates schema."}
}

func (s *Simulator) replaceRole(c *call, may roleParts) reply {
	r := s.role(c.org, c.params["id"])
	if r == nil {
		return s.notFound("Role")
	}
	var in roleBody
	if json.Unmarshal(c.body, &in) != nil {
		return s.refuse(unreadable())
	}
	next := draft(r)
	if in.DisplayName != "" {
		next.name = in.DisplayName
	}
	if in.Permissions != nil {
		next.permissions = ids(*in.Permissions)
	}
	if may.users {
		next.users = ids(in.Users)
	}
	if may.groups {
		next.groups = ids(in.Groups)
	}
	return s.saveRole(c, r, next)
}

// replaceList takes the bare lists of PUT /v3/Roles/{id}/Users and /Groups.
func (s *Simulator) replaceList(c *call, may roleParts) reply {
	r := s.role(c.org, c.params["id"])
	if r == nil {
		return s.notFound("Role")
	}
	var in []reference
	if json.Unmarshal(c.body, &in) != nil {
		return s.refuse(unreadable())
	}
	next := draft(r)
	if may.users {
		next.users = ids(in)
	} else {
		next.groups = ids(in)
	}
	return s.saveRole(c, r, next)
}

func (s *Simulator) changeRole(c *call, may roleParts) reply {
	r := s.role(c.org, c.params["id"])
	if r == nil {
		return s.notFound("Role")
	}
	var in patchRequest
	if json.Unmarshal(c.body, &in) != nil || len(in.Operations) == 0 {
		return s.refuse(unreadable())
	}
	next := draft(r)
	for _, op := range in.Operations {
		if p := next.apply(op, may); p != nil {
			return s.refuse(p)
		}
	}
	return s.saveRole(c, r, next)
}

// roleDraft is a role's content while a write is checked.
type roleDraft struct {
	name                       string
	permissions, users, groups []string
}

func draft(r *role) *roleDraft {
	return &roleDraft{r.name, slices.Clone(r.permissions), slices.Clone(r.order), slices.Clone(r.groups)}
}

func (d *roleDraft) apply(op patchOperation, may roleParts) *problem {
	if op.Path == "" {
		values, ok := op.Value.(map[string]any)
		if !ok {
			return &problem{http.StatusBadRequest, "invalidSyntax", "The operation needs a path."}
		}
		for k, v := range values {
			if p := d.apply(patchOperation{Op: op.Op, Path: k, Value: v}, may); p != nil {
				return p
			}
		}
		return nil
	}
	path := strings.ToLower(op.Path)
	lists := map[string]*[]string{}
	if may.users {
		lists["users"] = &d.users
	}
	if may.groups {
		lists["groups"] = &d.groups
	}
	if may.meta {
		lists["permissions"] = &d.permissions
		if path == "displayname" {
			d.name = text(op.Value)
			return nil
		}
	}
	for name, list := range lists {
		one := selector(op.Path, name)
		if one == "" && path != name {
			continue
		}
		values := referencesIn(op.Value)
		if one != "" {
			values = []string{one}
		}
		return patchList(list, op.Op, values)
	}
	return &problem{http.StatusBadRequest, "invalidSyntax", "Unsupported path: " + op.Path}
}

func patchList(list *[]string, op string, values []string) *problem {
	switch strings.ToLower(op) {
	case "remove":
		*list = slices.DeleteFunc(*list, func(v string) bool { return len(values) == 0 || slices.Contains(values, v) })
		return nil
	case "replace":
		*list = nil
	case "add":
	default:
		return &problem{http.StatusBadRequest, "invalidSyntax", "Unknown operation: " + op}
	}
	for _, v := range values {
		if !slices.Contains(*list, v) {
			*list = append(*list, v)
		}
	}
	return nil
}

// saveRole checks a draft and keeps it. Name and permissions of a shared role
// belong to the organization that shares it (FACTS.md section 8).
func (s *Simulator) saveRole(c *call, r *role, d *roleDraft) reply {
	if r.origin != "" && (d.name != r.name || !slices.Equal(d.permissions, r.permissions)) {
		return s.refuse(invalid("Name and permissions of a shared role cannot be changed."))
	}
	if d.name == "" {
		return s.refuse(invalid("Required attribute displayName is missing in the SCIM Object."))
	}
	if p := s.knownUsers(r.org, d.users); p != nil {
		return s.refuse(p)
	}
	for _, id := range d.groups {
		if s.group(r.org, id) == nil {
			return s.refuse(invalid("Group: %s doesn't exist.", id))
		}
	}
	for _, o := range s.roles {
		if o.origin == r.id {
			o.name, o.permissions = d.name, slices.Clone(d.permissions)
		}
	}
	users := map[string]time.Time{}
	for _, id := range d.users {
		from, has := r.users[id]
		if !has {
			from = s.clock.Now()
		}
		users[id] = from
	}
	r.name, r.permissions, r.groups, r.order, r.users = d.name, d.permissions, d.groups, d.users, users
	return s.scimReply(http.StatusOK, s.roleJSON(c, r, true))
}
