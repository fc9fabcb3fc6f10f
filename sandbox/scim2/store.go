package scim2

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// state is a record at one time. Its body is never changed, only replaced.
type state struct {
	body     map[string]any
	modified time.Time
	version  int
}

// record is one stored resource.
type record struct {
	kind    *kind
	id      string
	created time.Time
	now     state
	past    []past    // what readers still see instead
	listed  time.Time // from when lists show it
	found   time.Time // from when its id is found
}

// past is an older state with the time until which readers see it.
type past struct {
	until time.Time
	state
}

// newID returns the next id: UUID-shaped and the same in every run of the same
// calls. Secrets never come from here.
func (s *Simulator) newID() string {
	s.lastID++
	b := sha256.Sum256(fmt.Appendf(nil, "scim2 sandbox %d", s.lastID))
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func (s *Simulator) add(k *kind, body map[string]any) *record {
	now := s.clock.Now()
	r := &record{kind: k, id: s.newID(), created: now, now: state{body: body, modified: now, version: 1}, listed: s.after(s.q.ListLagMS), found: s.after(s.q.LookupLagMS)}
	s.records = append(s.records, r)
	s.byID[r.id] = r
	return r
}

// change gives a record a new body. Readers may go on seeing the old one for a
// while.
func (s *Simulator) change(r *record, body map[string]any) {
	now := s.clock.Now()
	r.past = slices.DeleteFunc(r.past, func(p past) bool { return !p.until.After(now) })
	if until := s.after(s.q.UpdateLagMS); until.After(now) {
		r.past = append(r.past, past{until: until, state: r.now})
	}
	r.now = state{body: body, modified: now, version: r.now.version + 1}
}

// drop deletes a record and its memberships.
func (s *Simulator) drop(r *record) {
	s.records = slices.DeleteFunc(s.records, func(o *record) bool { return o == r })
	delete(s.byID, r.id)
	for _, g := range s.records {
		if g.kind != s.groups || !slices.Contains(memberIDs(g.now.body), r.id) {
			continue
		}
		members, _ := g.now.body["members"].([]any)
		s.change(g, withMembers(g.now.body, slices.DeleteFunc(slices.Clone(members), func(m any) bool { return memberID(m) == r.id })))
	}
}

// seen is the state that readers see.
func (s *Simulator) seen(r *record) state {
	now := s.clock.Now()
	for _, p := range r.past {
		if p.until.After(now) {
			return p.state
		}
	}
	return r.now
}

// lookup finds a resource by its id.
func (s *Simulator) lookup(k *kind, id string) *record {
	r := s.byID[id]
	if r == nil || r.kind != k || r.found.After(s.clock.Now()) {
		return nil
	}
	return r
}

func (s *Simulator) after(ms int) time.Time {
	return s.clock.Now().Add(time.Duration(ms) * time.Millisecond)
}

func memberID(member any) string {
	m, _ := member.(map[string]any)
	id, _ := m["value"].(string)
	return id
}

func memberIDs(body map[string]any) []string {
	members, _ := body["members"].([]any)
	var ids []string
	for _, m := range members {
		ids = append(ids, memberID(m))
	}
	return ids
}

// withMembers is a copy of a group's body with other members.
func withMembers(body map[string]any, members []any) map[string]any {
	out := map[string]any{}
	for k, v := range body {
		out[k] = v
	}
	delete(out, "members")
	if len(members) > 0 {
		out["members"] = members
	}
	return out
}

// unique refuses what belongs to another resource already (RFC 7644 section
// 3.3, RFC 7643 section 4.1.1). r is nil for a new one.
func (s *Simulator) unique(k *kind, r *record, body map[string]any) *problem {
	for _, o := range s.records {
		if o == r || o.kind != k {
			continue
		}
		name := ""
		switch {
		case k == s.users && s.sameName(o.now.body["userName"], body["userName"]):
			name = "userName"
		case k == s.users && s.q.UniqueEmails && shareAddress(o.now.body, body):
			name = "emails"
		case k == s.groups && s.q.UniqueGroupNames && sameText(o.now.body["displayName"], body["displayName"]):
			name = "displayName"
		default:
			continue
		}
		return &problem{s.q.DuplicateStatus, uniqueness, "The value of " + name + " is in use already."}
	}
	return nil
}

func (s *Simulator) sameName(a, b any) bool {
	if s.q.CaseExactUserNames {
		return a == b
	}
	return sameText(a, b)
}

func sameText(a, b any) bool {
	x, _ := a.(string)
	y, _ := b.(string)
	return strings.EqualFold(x, y)
}

func shareAddress(a, b map[string]any) bool {
	of := func(body map[string]any) (out []string) {
		list, _ := body["emails"].([]any)
		for _, e := range list {
			if m, ok := e.(map[string]any); ok && m["value"] != nil {
				out = append(out, m["value"].(string))
			}
		}
		return out
	}
	others := of(b)
	return slices.ContainsFunc(of(a), func(v string) bool {
		return slices.ContainsFunc(others, func(o string) bool { return strings.EqualFold(o, v) })
	})
}

// settleMembers checks the members of a group's body and keeps of each what is
// its own: the id and the kind it has. A member is there once.
func (s *Simulator) settleMembers(body map[string]any) (map[string]any, *problem) {
	list, _ := body["members"].([]any)
	var out []any
	seen := map[string]bool{}
	for _, item := range list {
		id := memberID(item)
		if id == "" {
			return nil, bad(invalidValue, "A member needs a value.")
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		r := s.byID[id]
		if r == nil || r.found.After(s.clock.Now()) {
			if s.q.UnknownMembers == "ignore" {
				continue
			}
			return nil, bad(invalidValue, "There is no user or group %s.", id)
		}
		out = append(out, map[string]any{"value": id, "type": r.kind.name})
	}
	return withMembers(body, out), nil
}
