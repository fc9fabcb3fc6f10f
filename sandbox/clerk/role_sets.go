package clerk

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

const largestSet = 10

func (s *Simulator) roleSet(keyOrID string) *roleSet {
	return find(s.roleSets, func(r *roleSet) bool { return r.key == keyOrID || r.id == keyOrID })
}

func (s *Simulator) roleSetView(set *roleSet) map[string]any {
	item := func(r *role) map[string]any {
		members := len(filter(s.members, func(m *membership) bool { return m.org.roleSet == set && m.role == r }))
		return map[string]any{"object": "role_set_item", "id": r.id, "name": r.name, "key": r.key, "description": r.description,
			"members_count": members, "has_members": members > 0, "created_at": ms(r.created), "updated_at": ms(r.updated)}
	}
	kind := "custom"
	if set.initial {
		kind = "initial"
	}
	return map[string]any{"object": "role_set", "id": set.id, "name": set.name, "key": set.key, "description": set.description,
		"roles": views(set.roles, item), "default_role": item(set.member), "creator_role": item(set.creator), "type": kind,
		"role_set_migration": nil, "created_at": ms(set.created), "updated_at": ms(set.updated)}
}

func (s *Simulator) listRoleSets(c *call) (any, *failure) {
	query := c.query("query")
	list, f := sorted(c, filter(s.roleSets, func(r *roleSet) bool {
		return query == "" || r.id == query || folded(r.name, query) || folded(r.key, query)
	}), map[string]func(a, b *roleSet) int{
		"created_at": func(a, b *roleSet) int { return a.created.Compare(b.created) },
		"name":       func(a, b *roleSet) int { return cmp.Compare(a.name, b.name) },
		"key":        func(a, b *roleSet) int { return cmp.Compare(a.key, b.key) },
	})
	if f != nil {
		return nil, f
	}
	return paged(c, list, s.roleSetView)
}

func (s *Simulator) checkSetKey(set *roleSet, key string) *failure {
	switch {
	case !regexp.MustCompile(`^role_set:[a-z0-9_]+$`).MatchString(key):
		return badFormat("key", "key has to be role_set: and lower-case letters, digits and underscores.")
	case find(s.roleSets, func(o *roleSet) bool { return o != set && o.key == key }) != nil:
		return refuse("form_identifier_exists", "That key is taken. Please try another.", "param_name", "key")
	}
	return nil
}

// rolesByKey are the 1 to 10 roles a body lists.
func (s *Simulator) rolesByKey(in body, param string) ([]*role, *failure) {
	keys := in.texts(param)
	if len(keys) < 1 || len(keys) > largestSet {
		return nil, invalid(param, param+" has to hold 1 to 10 roles.")
	}
	var out []*role
	for _, key := range keys {
		r := s.roleByKey(key)
		if r == nil {
			return nil, notFound("role", "param_name", param)
		}
		if slices.Contains(out, r) {
			return nil, refuse("form_param_duplicate", "A role is listed twice.", "param_name", param)
		}
		out = append(out, r)
	}
	return out, nil
}

// setDefaults sets the default and the creator's role, if a body names them:
// both out of the set's roles, and the latter fit to create.
func setDefaults(set *roleSet, in body) *failure {
	for param, to := range map[string]**role{"default_role_key": &set.member, "creator_role_key": &set.creator} {
		if !in.given(param) {
			continue
		}
		r := find(set.roles, func(r *role) bool { return r.key == in.text(param) })
		if r == nil || param == "creator_role_key" && !r.creates() {
			return invalid(param, param+" has to be a role of the set that is fit for it.")
		}
		*to = r
	}
	return nil
}

func (s *Simulator) makeInitial(set *roleSet) {
	for _, other := range s.roleSets {
		other.initial = false
	}
	set.initial = true
}

func (s *Simulator) postRoleSet(c *call) (any, *failure) {
	roles := texts("roles")
	roles.required = true
	in, f := c.read(need("name"), plain("key"), text("description"), need("default_role_key"), need("creator_role_key"),
		field{name: "type", oneOf: []string{"initial", "custom"}}, roles)
	if f != nil {
		return nil, f
	}
	now := s.clock.Now()
	set := &roleSet{id: s.newID("roleset"), name: in.text("name"), key: in.text("key"), description: in.pointer("description"), created: now, updated: now}
	if set.key == "" {
		set.key = "role_set:" + strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(set.name), "_"), "_")
	}
	if f := s.checkSetKey(set, set.key); f != nil {
		return nil, f
	}
	if set.roles, f = s.rolesByKey(in, "roles"); f != nil {
		return nil, f
	}
	if f := setDefaults(set, in); f != nil {
		return nil, f
	}
	s.roleSets = append(s.roleSets, set)
	if in.text("type") == "initial" {
		s.makeInitial(set)
	}
	return s.roleSetView(set), nil
}

// setOf is the role set of the path.
func (s *Simulator) setOf(c *call) (*roleSet, *failure) {
	if set := s.roleSet(c.params["set"]); set != nil {
		return set, nil
	}
	return nil, notFound("role set", "param_name", "role_set_key_or_id")
}

func (s *Simulator) getRoleSet(c *call) (any, *failure) {
	set, f := s.setOf(c)
	if f != nil {
		return nil, f
	}
	return s.roleSetView(set), nil
}

func (s *Simulator) patchRoleSet(c *call) (any, *failure) {
	in, f := c.read(text("name"), text("key"), text("description"), field{name: "type", null: true, oneOf: []string{"initial"}},
		text("default_role_key"), text("creator_role_key"))
	if f != nil {
		return nil, f
	}
	set, f := s.setOf(c)
	if f != nil {
		return nil, f
	}
	next := *set
	if in.given("key") {
		if f := s.checkSetKey(set, in.text("key")); f != nil {
			return nil, f
		}
		next.key = in.text("key")
	}
	if in.given("name") {
		next.name = in.text("name")
	}
	if in.has("description") {
		next.description = in.pointer("description")
	}
	if f := setDefaults(&next, in); f != nil {
		return nil, f
	}
	next.updated = s.clock.Now()
	*set = next
	if in.text("type") == "initial" {
		s.makeInitial(set)
	}
	return s.roleSetView(set), nil
}

func (s *Simulator) addToRoleSet(c *call) (any, *failure) {
	keys := texts("role_keys")
	keys.required = true
	in, f := c.read(keys, plain("default_role_key"), plain("creator_role_key"))
	if f != nil {
		return nil, f
	}
	set, f := s.setOf(c)
	if f != nil {
		return nil, f
	}
	added, f := s.rolesByKey(in, "role_keys")
	if f != nil {
		return nil, f
	}
	next := *set
	next.roles = slices.Clone(set.roles)
	for _, r := range added {
		if slices.Contains(next.roles, r) {
			return nil, refuse("form_param_duplicate", "A role is in the set already.", "param_name", "role_keys")
		}
		next.roles = append(next.roles, r)
	}
	if len(next.roles) > largestSet {
		return nil, invalid("role_keys", "A role set has at most 10 roles.")
	}
	if f := setDefaults(&next, in); f != nil {
		return nil, f
	}
	next.updated = s.clock.Now()
	*set = next
	return s.roleSetView(set), nil
}

// replaceInRoleSet takes a role out of a set and gives whoever has it another.
func (s *Simulator) replaceInRoleSet(c *call) (any, *failure) {
	in, f := c.read(need("role_key"), need("to_role_key"))
	if f != nil {
		return nil, f
	}
	set, f := s.setOf(c)
	if f != nil {
		return nil, f
	}
	from := find(set.roles, func(r *role) bool { return r.key == in.text("role_key") })
	to := find(set.roles, func(r *role) bool { return r.key == in.text("to_role_key") })
	switch {
	case from == nil:
		return nil, notFound("role", "param_name", "role_key")
	case to == nil:
		return nil, notFound("role", "param_name", "to_role_key")
	case from == to:
		return nil, invalid("to_role_key", "A role cannot take its own place.")
	case set.creator == from && !to.creates():
		return nil, invalid("to_role_key", "The role is not fit for the creator.")
	}
	set.roles = filter(set.roles, func(r *role) bool { return r != from })
	if set.member == from {
		set.member = to
	}
	if set.creator == from {
		set.creator = to
	}
	s.reassign(set, func(r *role) *role {
		if r == from {
			return to
		}
		return r
	})
	set.updated = s.clock.Now()
	return s.roleSetView(set), nil
}

// reassign changes the roles of the people and invitations of a set's organizations.
func (s *Simulator) reassign(set *roleSet, next func(*role) *role) {
	for _, m := range s.members {
		if m.org.roleSet == set {
			m.role = next(m.role)
		}
	}
	for _, i := range s.invitations {
		if i.org.roleSet == set {
			i.role = next(i.role)
		}
	}
}

// replaceRoleSet deletes a set; its organizations move to another, and their
// people to the roles the mappings name.
func (s *Simulator) replaceRoleSet(c *call) (any, *failure) {
	in, f := c.read(need("dest_role_set_key"), object("reassignment_mappings"))
	if f != nil {
		return nil, f
	}
	set, f := s.setOf(c)
	if f != nil {
		return nil, f
	}
	dest := s.roleSet(in.text("dest_role_set_key"))
	if dest == nil || dest == set {
		return nil, notFound("role set", "param_name", "dest_role_set_key")
	}
	mappings := map[*role]*role{}
	for from, to := range in.object("reassignment_mappings") {
		key, _ := to.(string)
		target := find(dest.roles, func(r *role) bool { return r.key == key })
		if target == nil || s.roleByKey(from) == nil {
			return nil, invalid("reassignment_mappings", "A mapping names a role that is not there.")
		}
		mappings[s.roleByKey(from)] = target
	}
	next := func(r *role) *role {
		if to := mappings[r]; to != nil {
			return to
		}
		return r
	}
	if find(s.members, func(m *membership) bool { return m.org.roleSet == set && !slices.Contains(dest.roles, next(m.role)) }) != nil {
		return nil, invalid("reassignment_mappings", "A member has a role that the other set does not have.")
	}
	s.reassign(set, next)
	for _, o := range s.orgs {
		if o.roleSet == set {
			o.roleSet = dest
		}
	}
	s.roleSets = filter(s.roleSets, func(o *roleSet) bool { return o != set })
	if set.initial {
		s.makeInitial(dest)
	}
	return map[string]any{"object": "role_set", "id": set.id, "deleted": true}, nil
}
