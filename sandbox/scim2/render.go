package scim2

import (
	"cmp"
	"maps"
	"strconv"
	"time"
)

// view is what one request sees of the store: who is a member of what.
type view struct {
	groupsOf map[string][]*record // by the id of a direct member
}

func (s *Simulator) viewOf(c *call) *view {
	if c.view != nil {
		return c.view
	}
	c.view = &view{groupsOf: map[string][]*record{}}
	for _, g := range s.records {
		if g.kind != s.groups {
			continue
		}
		for _, id := range memberIDs(s.seen(g).body) {
			c.view.groupsOf[id] = append(c.view.groupsOf[id], g)
		}
	}
	return c.view
}

// etag is the version of a state (RFC 7644 section 3.14); empty where there
// are none.
func (s *Simulator) etag(st state) string {
	if s.q.NoETag {
		return ""
	}
	return `W/"` + strconv.Itoa(st.version) + `"`
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func location(c *call, r *record) string { return c.base + r.kind.endpoint + "/" + r.id }

// render is all that the service knows of a resource: what is stored and what
// follows from it. It belongs to the caller but for the values it shares with
// the store.
func (s *Simulator) render(c *call, r *record, st state) map[string]any {
	m := maps.Clone(st.body)
	m["id"] = r.id
	names := []any{r.kind.core.ID}
	if r.kind.extension != nil && m[r.kind.extension.ID] != nil {
		names = append(names, r.kind.extension.ID)
		m[r.kind.extension.ID] = s.withManager(c, m[r.kind.extension.ID].(map[string]any))
	}
	m["schemas"] = names
	meta := map[string]any{"resourceType": r.kind.name, "created": stamp(r.created), "lastModified": stamp(st.modified), "location": location(c, r)}
	if tag := s.etag(st); tag != "" {
		meta["version"] = tag
	}
	m["meta"] = meta
	if r.kind == s.groups {
		s.renderMembers(c, m)
	} else if groups := s.groupsOf(c, r.id); len(groups) > 0 && !s.q.NoUserGroups {
		m["groups"] = groups
	}
	return m
}

// display is the name of a resource where another refers to it.
func (s *Simulator) display(r *record) string {
	body := s.seen(r).body
	name, _ := body["displayName"].(string)
	user, _ := body["userName"].(string)
	return cmp.Or(name, user)
}

func (s *Simulator) renderMembers(c *call, m map[string]any) {
	list, _ := m["members"].([]any)
	var out []any
	for _, item := range list {
		member := maps.Clone(item.(map[string]any))
		if r := s.byID[memberID(item)]; r != nil {
			member["$ref"] = location(c, r)
			member["display"] = s.display(r)
		}
		out = append(out, member)
	}
	if len(out) > 0 {
		m["members"] = out
	}
}

// groupsOf mirrors memberships on the user (RFC 7643 section 4.1.2): groups
// that have it as a member, and indirectly the groups that have those.
func (s *Simulator) groupsOf(c *call, id string) []any {
	v := s.viewOf(c)
	var out []any
	seen := map[string]bool{}
	for kind, level := "direct", v.groupsOf[id]; len(level) > 0; kind = "indirect" {
		var above []*record
		for _, g := range level {
			if seen[g.id] {
				continue
			}
			seen[g.id] = true
			out = append(out, map[string]any{"value": g.id, "$ref": location(c, g), "display": s.display(g), "type": kind})
			above = append(above, v.groupsOf[g.id]...)
		}
		level = above
	}
	return out
}

// withManager adds what follows from a manager's id (RFC 7643 section 4.3).
func (s *Simulator) withManager(c *call, extension map[string]any) map[string]any {
	manager, _ := extension["manager"].(map[string]any)
	id, _ := manager["value"].(string)
	r := s.byID[id]
	if r == nil {
		return extension
	}
	out, shown := maps.Clone(extension), maps.Clone(manager)
	shown["$ref"], shown["displayName"] = location(c, r), s.display(r)
	out["manager"] = shown
	return out
}
