package asgardeo

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const schemaGroup = "urn:ietf:params:scim:schemas:core:2.0:Group"

func (s *Simulator) addGroup(org, name string) *group {
	g := &group{id: s.newID(), org: org, name: name, created: s.clock.Now(), modified: s.clock.Now()}
	s.groups = append(s.groups, g)
	return g
}

func (s *Simulator) groupsOf(u *user) (out []*group) {
	for _, g := range s.groups {
		if g.org == u.org && slices.Contains(g.members, u.id) {
			out = append(out, g)
		}
	}
	return out
}

func (s *Simulator) groupJSON(c *call, g *group) map[string]any {
	members := []map[string]any{}
	for _, id := range g.members {
		if u := s.user(g.org, id); u != nil {
			members = append(members, map[string]any{"value": id, "display": u.store + "/" + u.name, "$ref": c.scim() + "/Users/" + id})
		}
	}
	m := map[string]any{
		"schemas": []string{schemaGroup}, "id": g.id, "displayName": defaultStore + "/" + g.name,
		"meta": map[string]any{"created": stamp(g.created), "lastModified": stamp(g.modified), "location": c.scim() + "/Groups/" + g.id, "resourceType": "Group"},
	}
	if len(members) > 0 {
		m["members"] = members
	}
	return m
}

func (s *Simulator) listGroups(c *call) reply {
	in, err := s.readList(c)
	return s.findGroups(c, in, err)
}

func (s *Simulator) searchGroups(c *call) reply {
	in, err := readSearch(c)
	return s.findGroups(c, in, err)
}

func (s *Simulator) findGroups(c *call, in listRequest, err *filterError) reply {
	keep := func(*group) bool { return true }
	if err == nil {
		keep, err = filterBy(s, in.Filter, func(path string) func(*group) string {
			switch strings.ToLower(strings.TrimPrefix(path, schemaGroup+":")) {
			case "displayname":
				return func(g *group) string { return g.name }
			case "id":
				return func(g *group) string { return g.id }
			}
			return nil
		})
	}
	if err != nil {
		return s.scimError(err.status, err.scimType, err.detail)
	}
	var found []map[string]any
	for _, g := range s.groups {
		if g.org == c.org && keep(g) {
			found = append(found, s.groupJSON(c, g))
		}
	}
	return s.listPage(in, found, 0)
}

// filterBy turns a filter over single-valued attributes into a test. A user
// store before a name is cut off.
func filterBy[T any](s *Simulator, text string, attribute func(string) func(T) string) (func(T) bool, *filterError) {
	var tests []func(T) bool
	if strings.TrimSpace(text) != "" {
		all, err := parseFilter(text)
		if err != nil {
			return nil, err
		}
		for _, cmp := range all {
			read := attribute(cmp.attribute)
			if read == nil {
				return nil, &filterError{http.StatusBadRequest, "invalidValue", "Unsupported attribute: " + cmp.attribute}
			}
			if store, rest := splitStore(cmp.value); slices.Contains(s.stores, store) {
				cmp.value = rest
			}
			compare := s.comparer(cmp)
			tests = append(tests, func(v T) bool { return compare(read(v)) })
		}
	}
	return func(v T) bool {
		return !slices.ContainsFunc(tests, func(test func(T) bool) bool { return !test(v) })
	}, nil
}

func (s *Simulator) getGroup(c *call) reply {
	if g := s.group(c.org, c.params["id"]); g != nil {
		return s.scimReply(http.StatusOK, s.groupJSON(c, g))
	}
	return s.notFound("Group")
}

type groupBody struct {
	DisplayName string      `json:"displayName"`
	Members     []reference `json:"members"`
}

type reference struct {
	Value string `json:"value"`
}

func ids(refs []reference) []string {
	out := make([]string, 0, len(refs))
	for _, r := range refs {
		out = append(out, r.Value)
	}
	return out
}

func (s *Simulator) readGroup(c *call, into *groupBody) *problem {
	if err := json.Unmarshal(c.body, into); err != nil {
		return &problem{http.StatusBadRequest, "invalidSyntax", "Request is unparsable, syntactically incorrect, or violates schema."}
	}
	_, into.DisplayName = splitStore(into.DisplayName)
	if into.DisplayName == "" {
		return invalid("Required attribute displayName is missing in the SCIM Object.")
	}
	return s.knownUsers(c.org, ids(into.Members))
}

// knownUsers refuses ids that are no accounts of the organization.
func (s *Simulator) knownUsers(org string, list []string) *problem {
	for _, id := range list {
		if s.user(org, id) == nil {
			return invalid("User: %s doesn't exist in the user store.", id)
		}
	}
	return nil
}

func (s *Simulator) postGroup(c *call) reply {
	var in groupBody
	if p := s.readGroup(c, &in); p != nil {
		return s.refuse(p)
	}
	if find(s.groups, func(g *group) bool { return g.org == c.org && strings.EqualFold(g.name, in.DisplayName) }) != nil {
		return s.scimError(http.StatusConflict, "", "Group with name: DEFAULT/"+in.DisplayName+" already exists in the system.")
	}
	g := s.addGroup(c.org, in.DisplayName)
	g.members = ids(in.Members)
	return s.scimReply(http.StatusCreated, s.groupJSON(c, g)).With("Location", c.scim()+"/Groups/"+g.id)
}

func (s *Simulator) putGroup(c *call) reply {
	g := s.group(c.org, c.params["id"])
	if g == nil {
		return s.notFound("Group")
	}
	var in groupBody
	if p := s.readGroup(c, &in); p != nil {
		return s.refuse(p)
	}
	g.name, g.members, g.modified = in.DisplayName, ids(in.Members), s.clock.Now()
	return s.scimReply(http.StatusOK, s.groupJSON(c, g))
}

func (s *Simulator) patchGroup(c *call) reply {
	g := s.group(c.org, c.params["id"])
	if g == nil {
		return s.notFound("Group")
	}
	var in patchRequest
	if err := json.Unmarshal(c.body, &in); err != nil || len(in.Operations) == 0 {
		return s.refuse(&problem{http.StatusBadRequest, "invalidSyntax", "The PATCH request has no readable operations."})
	}
	changed := *g
	changed.members = slices.Clone(g.members)
	for _, op := range in.Operations {
		if m, ok := op.Value.(map[string]any); ok && op.Path == "" {
			if name, ok := m["displayName"]; ok {
				_, changed.name = splitStore(text(name))
			}
			op.Path, op.Value = "members", m["members"]
			if op.Value == nil {
				continue
			}
		}
		if strings.EqualFold(op.Path, "displayName") {
			_, changed.name = splitStore(text(op.Value))
			continue
		}
		list, p := s.patchMembers(c.org, changed.members, op, "members")
		if p != nil {
			return s.refuse(p)
		}
		changed.members = list
	}
	changed.modified = s.clock.Now()
	*g = changed
	return s.scimReply(http.StatusOK, s.groupJSON(c, g))
}

// patchMembers applies one operation to a list of account ids: path "members"
// with values, or members[value eq id] to remove one.
func (s *Simulator) patchMembers(org string, list []string, op patchOperation, name string) ([]string, *problem) {
	values := referencesIn(op.Value)
	if one := selector(op.Path, name); one != "" {
		values = []string{one}
	} else if !strings.EqualFold(op.Path, name) {
		return nil, &problem{http.StatusBadRequest, "invalidSyntax", "Unsupported path: " + op.Path}
	}
	switch strings.ToLower(op.Op) {
	case "remove":
		if len(values) == 0 {
			return nil, nil
		}
		return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return slices.Contains(values, id) }), nil
	case "replace":
		list = nil
	case "add":
	default:
		return nil, &problem{http.StatusBadRequest, "invalidSyntax", "Unknown operation: " + op.Op}
	}
	if p := s.knownUsers(org, values); p != nil {
		return nil, p
	}
	for _, id := range values {
		if !slices.Contains(list, id) {
			list = append(slices.Clone(list), id)
		}
	}
	return list, nil
}

func referencesIn(v any) (out []string) {
	items, ok := v.([]any)
	if !ok {
		items = []any{v}
	}
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			out = append(out, text(m["value"]))
		}
	}
	return out
}

// selector reads the id of a path such as users[value eq 12], quoted or not.
func selector(path, name string) string {
	m := regexp.MustCompile(`(?i)^` + name + `\[value eq "?([^"\]]+)"?\]$`).FindStringSubmatch(path)
	if m == nil {
		return ""
	}
	return m[1]
}

func (s *Simulator) deleteGroup(c *call) reply {
	g := s.group(c.org, c.params["id"])
	if g == nil {
		return s.notFound("Group")
	}
	s.groups = slices.DeleteFunc(s.groups, func(o *group) bool { return o == g })
	return empty(http.StatusNoContent)
}
