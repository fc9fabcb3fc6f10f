package nile

import "net/http"

// tenantRow is a row of public.tenants.
type tenantRow struct {
	ID      string  `json:"id"`
	Name    string  `json:"name"`
	Created stamp   `json:"created"`
	Updated stamp   `json:"updated"`
	Deleted *stamp  `json:"deleted"`
	Compute *string `json:"compute_id"`
}

// row shows a tenant. updated stays what it was on creation, also after a
// change, as was seen.
func (t *tenant) row() tenantRow {
	return tenantRow{ID: t.id, Name: t.name, Created: stamp(t.created), Updated: stamp(t.created), Deleted: stampOf(t.deleted)}
}

type tenantName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// postTenant makes the caller a member of what he makes.
func (s *Simulator) postTenant(c *call) reply {
	var in tenantName
	if p, ok := c.readJSON(&in); !ok {
		return p
	}
	u := s.userByID(c.user)
	switch {
	case in.Name == "":
		return text(http.StatusBadRequest, "name is required")
	case in.ID != "" && !isUUID(in.ID):
		return s.malformed(in.ID)
	case find(s.tenants, func(t *tenant) bool { return t.id == in.ID }) != nil:
		return text(http.StatusBadRequest, "tenant with id "+in.ID+" already exists.")
	case u == nil || u.deleted:
		return empty(http.StatusNotFound)
	case in.ID == "":
		in.ID = newID()
	}
	t := s.addTenant(in.ID, in.Name)
	s.addMember(t.id, c.user)
	p := rows(http.StatusOK, t.row())
	p.cookie = cookieTenant + "=" + t.id + "; Path=/; SameSite=lax"
	return p
}

func (s *Simulator) getTenant(c *call) reply {
	id := c.params["tenant"]
	if p, ok := s.context(id, c.user); !ok {
		return p
	}
	return rows(http.StatusOK, s.tenant(id).row())
}

func (s *Simulator) putTenant(c *call) reply {
	var in tenantName
	if p, ok := c.readJSON(&in); !ok {
		return p
	}
	if in.Name == "" {
		return text(http.StatusBadRequest, "name is required")
	}
	id := c.params["tenant"]
	if p, ok := s.context(id, c.user); !ok {
		return p
	}
	t := s.tenant(id)
	t.name = in.Name
	return rows(http.StatusOK, t.row())
}

// deleteTenant hides the tenant; its rows stay.
func (s *Simulator) deleteTenant(c *call) reply {
	id := c.params["tenant"]
	if p, ok := s.context(id, c.user); !ok {
		return p
	}
	now := s.clock.Now()
	s.tenant(id).deleted = &now
	return empty(http.StatusNoContent)
}

// listTenants lists the caller's own tenants, whoever the path names.
func (s *Simulator) listTenants(c *call) reply {
	out := []tenantName{}
	for _, t := range s.tenantsOf(c.user) {
		out = append(out, tenantName{t.id, t.name})
	}
	return rows(http.StatusOK, out)
}
