package scim2

import "time"

// State is a dump for tests and for GET /_sandbox/state: everything that
// exists, also what readers do not see yet, and no secret.
type State struct {
	Now     time.Time    `json:"now"`
	Path    string       `json:"path"`
	Users   []UserState  `json:"users"`
	Groups  []GroupState `json:"groups"`
	Clients int          `json:"clients"` // registered at /token
	Tokens  int          `json:"tokens"`  // living ones, issued at /token
}

// UserState is one user.
type UserState struct {
	ID         string   `json:"id"`
	UserName   string   `json:"user_name"`
	ExternalID string   `json:"external_id,omitempty"`
	Emails     []string `json:"emails,omitempty"`
	Active     bool     `json:"active"`           // true where the attribute is unassigned
	Groups     []string `json:"groups,omitempty"` // names of the groups it is a direct member of
	Version    int      `json:"version"`
}

// GroupState is one group.
type GroupState struct {
	ID          string   `json:"id"`
	DisplayName string   `json:"display_name"`
	Members     []string `json:"members,omitempty"` // ids
	Version     int      `json:"version"`
}

// State returns the dump as of now.
func (s *Simulator) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := State{Now: s.clock.Now(), Path: s.o.Path, Clients: len(s.clients)}
	names := map[string][]string{}
	text := func(v any) string {
		t, _ := v.(string)
		return t
	}
	for _, r := range s.records {
		if r.kind != s.groups {
			continue
		}
		g := GroupState{ID: r.id, DisplayName: text(r.now.body["displayName"]), Members: memberIDs(r.now.body), Version: r.now.version}
		for _, id := range g.Members {
			names[id] = append(names[id], g.DisplayName)
		}
		out.Groups = append(out.Groups, g)
	}
	for _, r := range s.records {
		if r.kind != s.users {
			continue
		}
		body := r.now.body
		u := UserState{ID: r.id, UserName: text(body["userName"]), ExternalID: text(body["externalId"]), Active: body["active"] != false, Groups: names[r.id], Version: r.now.version}
		emails, _ := body["emails"].([]any)
		for _, e := range emails {
			u.Emails = append(u.Emails, memberID(e))
		}
		out.Users = append(out.Users, u)
	}
	for _, expires := range s.tokens {
		if expires.After(out.Now) {
			out.Tokens++
		}
	}
	return out
}
