package scim2

// Person is a user as AddUser takes it.
type Person struct {
	UserName   string // empty: Email
	Email      string // may be empty when UserName is set
	GivenName  string
	FamilyName string
	ExternalID string
	Inactive   bool
}

// AddUser makes a user that is seen at once, and returns its id. It checks
// nothing: two users may be given the same name.
func (s *Simulator) AddUser(p Person) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	body := map[string]any{"userName": p.UserName, "active": !p.Inactive}
	if p.UserName == "" {
		body["userName"] = p.Email
	}
	if p.Email != "" {
		body["emails"] = []any{map[string]any{"value": p.Email, "type": "work", "primary": true}}
	}
	name := map[string]any{}
	for key, v := range map[string]string{"givenName": p.GivenName, "familyName": p.FamilyName} {
		if v != "" {
			name[key] = v
		}
	}
	if len(name) > 0 {
		body["name"] = name
	}
	if p.ExternalID != "" {
		body["externalId"] = p.ExternalID
	}
	return s.addNow(s.users, body)
}

// AddGroup makes a group that is seen at once, with users and groups as
// members, and returns its id. Members that do not exist are left out.
func (s *Simulator) AddGroup(displayName string, members ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []any
	for _, id := range members {
		if r := s.byID[id]; r != nil {
			list = append(list, map[string]any{"value": id, "type": r.kind.name})
		}
	}
	return s.addNow(s.groups, withMembers(map[string]any{"displayName": displayName}, list))
}

func (s *Simulator) addNow(k *kind, body map[string]any) string {
	r := s.add(k, body)
	r.listed, r.found = r.created, r.created
	return r.id
}
