package asgardeo

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

func (s *Simulator) putOrganization(c *call) reply {
	o := s.inSight(c)
	if o == nil {
		return orgError("ORG-60015")
	}
	var in organizationBody
	if json.Unmarshal(c.body, &in) != nil || in.Name == "" || in.Status != statusActive && in.Status != statusDisabled {
		return orgError("ORG-60000")
	}
	if !strings.EqualFold(in.Name, o.name) && s.nameTaken(in.Name) {
		return orgError("ORG-60076")
	}
	o.name, o.status, o.attributes = in.Name, in.Status, in.Attributes
	return s.touch(o)
}

func (s *Simulator) patchOrganization(c *call) reply {
	if o := s.inSight(c); o != nil {
		return s.applyToOrganization(c, o)
	}
	return orgError("ORG-60015")
}

func (s *Simulator) patchSelf(c *call) reply { return s.applyToOrganization(c, s.org(c.org)) }

type organizationPatch struct {
	Operation string `json:"operation"`
	Path      string `json:"path"`
	Value     string `json:"value"`
}

func (s *Simulator) applyToOrganization(c *call, o *organization) reply {
	var in []organizationPatch
	if json.Unmarshal(c.body, &in) != nil {
		return orgError("ORG-60000")
	}
	next := *o
	next.attributes = slices.Clone(o.attributes)
	for _, op := range in {
		if !next.patch(op) {
			return orgError("ORG-60000")
		}
	}
	if !strings.EqualFold(next.name, o.name) && s.nameTaken(next.name) {
		return orgError("ORG-60076")
	}
	*o = next
	return s.touch(o)
}

func (o *organization) patch(op organizationPatch) bool {
	remove := op.Operation == "REMOVE"
	if !remove && op.Operation != "ADD" && op.Operation != "REPLACE" {
		return false
	}
	switch op.Path {
	case "/name":
		o.name = op.Value
		return !remove && op.Value != ""
	case "/status":
		o.status = op.Value
		return op.Value == statusActive || op.Value == statusDisabled
	}
	key, ok := strings.CutPrefix(op.Path, "/attributes/")
	if !ok || key == "" {
		return false
	}
	o.attributes = slices.DeleteFunc(o.attributes, func(a attribute) bool { return a.Key == key })
	if !remove {
		o.attributes = append(o.attributes, attribute{Key: key, Value: op.Value})
	}
	return true
}

func (s *Simulator) deleteOrganization(c *call) reply {
	o := s.inSight(c)
	switch {
	case o == nil || o.parent == "":
		return orgError("ORG-60015")
	case len(s.children(o.id)) > 0:
		return orgError("ORG-60099")
	}
	for _, u := range slices.Clone(s.users) {
		if u.org == o.id {
			s.dropUser(u)
		}
	}
	s.orgs = slices.DeleteFunc(s.orgs, func(x *organization) bool { return x == o })
	s.roles = slices.DeleteFunc(s.roles, func(r *role) bool { return r.org == o.id })
	s.groups = slices.DeleteFunc(s.groups, func(g *group) bool { return g.org == o.id })
	s.invitations = slices.DeleteFunc(s.invitations, func(i *invitation) bool { return i.org == o.id })
	for _, a := range s.apps {
		delete(a.shared, o.id)
	}
	return empty(http.StatusNoContent)
}

// sharedApp finds organization and application of a share route.
func (s *Simulator) sharedApp(c *call) (*organization, *application) {
	return s.inSight(c), s.app(c.params["app"])
}

// shareApplication shares with some or all organizations below, after a lag
// (FACTS.md section 1.2).
func (s *Simulator) shareApplication(c *call) reply {
	o, a := s.sharedApp(c)
	if o == nil || a == nil {
		return orgError("ORG-60015")
	}
	var in struct {
		All  bool     `json:"shareWithAllChildren"`
		Orgs []string `json:"sharedOrganizations"`
	}
	if json.Unmarshal(c.body, &in) != nil {
		return orgError("ORG-60000")
	}
	if in.All {
		for _, x := range s.orgs {
			if x.id != o.id && s.below(x.id, o.id) {
				in.Orgs = append(in.Orgs, x.id)
			}
		}
	}
	for _, id := range in.Orgs {
		s.shareApp(a, id, s.q.AppShareLagMS)
	}
	return empty(http.StatusOK)
}

func (s *Simulator) listAppShares(c *call) reply {
	o, a := s.sharedApp(c)
	if o == nil || a == nil {
		return orgError("ORG-60015")
	}
	rows := []map[string]any{}
	for _, x := range s.orgs {
		if x.id != o.id && s.below(x.id, o.id) && s.appID(a, x.id) != "" {
			rows = append(rows, s.orgBrief(x))
		}
	}
	return jsonReply(http.StatusOK, map[string]any{"organizations": rows})
}

func (s *Simulator) unshareApplication(c *call) reply {
	o, a := s.sharedApp(c)
	if o == nil || a == nil {
		return orgError("ORG-60015")
	}
	s.unshareApp(a, c.params["shared"])
	return empty(http.StatusNoContent)
}

// listApplications finds applications by name; the ids are those of the
// caller's organization (FACTS.md section 8).
func (s *Simulator) listApplications(c *call) reply {
	keep, err := filterBy(s, c.query("filter"), func(path string) func(*application) string {
		switch path {
		case "name":
			return func(a *application) string { return a.Name }
		case "clientId":
			return func(a *application) string { return a.ClientID }
		}
		return nil
	})
	if err != nil {
		return apiError(http.StatusBadRequest, "APP-60002", "Invalid filter.", err.detail)
	}
	var all []map[string]any
	for _, a := range s.apps {
		if s.appID(a, c.org) != "" && keep(a) {
			all = append(all, s.appJSON(c, a))
		}
	}
	limit, offset := number(c.query("limit"), 30), number(c.query("offset"), 0)
	page := all[min(offset, len(all)):]
	page = page[:min(limit, len(page))]
	m := map[string]any{"totalResults": len(all), "startIndex": offset + 1, "count": len(page), "links": []any{}}
	if len(page) > 0 {
		m["applications"] = page
	}
	return jsonReply(http.StatusOK, m)
}

func number(text string, otherwise int) int {
	n := json.Number(text)
	if v, err := n.Int64(); err == nil && v >= 0 {
		return int(v)
	}
	return otherwise
}

func (s *Simulator) appJSON(c *call, a *application) map[string]any {
	id := s.appID(a, c.org)
	m := map[string]any{"id": id, "name": a.Name, "access": "READ", "self": c.home() + "/api/server/v1/applications/" + id}
	if c.org == a.Organization {
		m["clientId"], m["access"] = a.ClientID, "WRITE"
	}
	return m
}

func (s *Simulator) getApplication(c *call) reply {
	a := s.appIn(c.org, c.params["id"])
	if a == nil {
		return apiError(http.StatusNotFound, "APP-60006", "Resource not found.", "No application has this id.")
	}
	return jsonReply(http.StatusOK, s.appJSON(c, a))
}
