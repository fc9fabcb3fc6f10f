package asgardeo

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// orgText are the errors of the organizations API (FACTS.md section 9).
func orgText() map[string]guestText {
	return map[string]guestText{
		"ORG-60000": {400, "Invalid request.", "The request body cannot be read."},
		"ORG-60015": {404, "Invalid organization.", "No organization has this id."},
		"ORG-60022": {400, "Unsupported filter.", "The filter is not supported."},
		"ORG-60025": {400, "Invalid limit.", "The limit has to be a number that is not negative."},
		"ORG-60026": {400, "Invalid cursor.", "The cursor of the page cannot be decoded."},
		"ORG-60070": {400, "Organization name unavailable.", "The name is required."},
		"ORG-60076": {400, "Organization name unavailable.", "An organization of this name exists already."},
		"ORG-60099": {400, "Organization has children.", "An organization with children cannot be deleted."},
		"ORG-60100": {400, "Organization handle unavailable.", "An organization of this handle exists already."},
	}
}

func orgError(code string) reply {
	t := orgText()[code]
	return apiError(t.status, code, t.message, t.description)
}

func (s *Simulator) addOrganization(name, handle, parent string, attributes []attribute, lagMS int) *organization {
	now := s.clock.Now()
	o := &organization{id: s.newID(), name: name, handle: handle, status: statusActive, parent: parent, attributes: attributes,
		created: now, modified: now, ready: s.after(lagMS)}
	if o.handle == "" {
		o.handle = o.id
	}
	s.orgs = append(s.orgs, o)
	for _, a := range s.apps {
		if !a.NotShared && a.Organization != o.id && s.below(o.id, a.Organization) {
			s.shareApp(a, o.id, max(lagMS, 0))
		}
	}
	return o
}

func (s *Simulator) shareApp(a *application, org string, lagMS int) {
	if org == a.Organization || s.org(org) == nil || !s.below(org, a.Organization) {
		return
	}
	if _, has := a.shared[org]; has {
		return
	}
	from := s.after(lagMS)
	a.shared[org] = share{id: s.newID(), from: from}
	for _, r := range slices.Clone(s.roles) {
		if r.org == a.Organization && r.audienceID == a.ID {
			s.shareRole(r, a, org, from)
		}
	}
}

func (s *Simulator) unshareApp(a *application, org string) {
	id := a.shared[org].id
	delete(a.shared, org)
	s.roles = slices.DeleteFunc(s.roles, func(r *role) bool { return r.org == org && id != "" && r.audienceID == id })
}

func (s *Simulator) children(id string) (out []*organization) {
	for _, o := range s.orgs {
		if o.parent == id {
			out = append(out, o)
		}
	}
	return out
}

// orgBrief is an organization in lists.
func (s *Simulator) orgBrief(o *organization) map[string]any {
	return map[string]any{"id": o.id, "name": o.name, "orgHandle": o.handle, "status": o.status, "version": "v1.0.0",
		"hasChildren": len(s.children(o.id)) > 0, "ref": "/t/" + s.o.Root + "/api/server/v1/organizations/" + o.id}
}

func (s *Simulator) orgJSON(o *organization) map[string]any {
	m := map[string]any{"id": o.id, "name": o.name, "orgHandle": o.handle, "status": o.status, "version": "v1.0.0",
		"created": stamp(o.created), "lastModified": stamp(o.modified), "type": "TENANT", "hasChildren": len(s.children(o.id)) > 0}
	if o.parent != "" {
		m["parent"] = map[string]any{"id": o.parent, "ref": "/t/" + s.o.Root + "/api/server/v1/organizations/" + o.parent}
	}
	if len(o.attributes) > 0 {
		m["attributes"] = o.attributes
	}
	return m
}

func (s *Simulator) listOrganizations(c *call) reply {
	var all []*organization
	recursive := c.query("recursive") == "true"
	for _, o := range s.orgs {
		if o.parent == c.org || recursive && o.id != c.org && s.below(o.id, c.org) {
			all = append(all, o)
		}
	}
	keep, ok := s.orgFilter(c.query("filter"))
	if !ok {
		return orgError("ORG-60022")
	}
	all = slices.DeleteFunc(all, func(o *organization) bool { return !keep(o) })
	page, links, code := cursorPage(c, all, func(o *organization) string { return o.id })
	if code != "" {
		return orgError(code)
	}
	m := map[string]any{}
	if len(links) > 0 {
		m["links"] = links
	}
	if len(page) > 0 {
		rows := make([]map[string]any, 0, len(page))
		for _, o := range page {
			rows = append(rows, s.orgBrief(o))
		}
		m["organizations"] = rows
	}
	return jsonReply(http.StatusOK, m)
}

// orgFilter takes name, id, status, orgHandle and attributes.{key}.
func (s *Simulator) orgFilter(text string) (func(*organization) bool, bool) {
	keep, err := filterBy(s, text, func(path string) func(*organization) string {
		switch path {
		case "name":
			return func(o *organization) string { return o.name }
		case "id":
			return func(o *organization) string { return o.id }
		case "status":
			return func(o *organization) string { return o.status }
		case "orgHandle":
			return func(o *organization) string { return o.handle }
		}
		if key, ok := strings.CutPrefix(path, "attributes."); ok {
			return func(o *organization) string {
				return find(o.attributes, func(a attribute) bool { return a.Key == key }).Value
			}
		}
		return nil
	})
	return keep, err == nil
}

// cursorPage cuts a page by limit, after and before; cursors name the last or
// first row of the page they continue.
func cursorPage[T any](c *call, all []T, key func(T) string) (page []T, links []map[string]string, code string) {
	q := c.r.URL.Query()
	limit := len(all)
	if q.Has("limit") {
		n, err := strconv.Atoi(q.Get("limit"))
		if err != nil || n < 0 {
			return nil, nil, "ORG-60025"
		}
		limit = n
	}
	start := 0
	for name, step := range map[string]int{"after": 1, "before": -limit} {
		if !q.Has(name) {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(q.Get(name))
		at := slices.IndexFunc(all, func(v T) bool { return key(v) == string(raw) })
		if err != nil || at < 0 {
			return nil, nil, "ORG-60026"
		}
		start = max(at+step, 0)
	}
	end := min(start+limit, len(all))
	page = all[start:end]
	link := func(rel, name string, v T) {
		next := url.Values{}
		for k := range q {
			if k != "after" && k != "before" {
				next.Set(k, q.Get(k))
			}
		}
		next.Set(name, base64.StdEncoding.EncodeToString([]byte(key(v))))
		links = append(links, map[string]string{"rel": rel, "href": c.r.URL.Path + "?" + next.Encode()})
	}
	if end < len(all) && len(page) > 0 {
		link("next", "after", page[len(page)-1])
	}
	if start > 0 && len(page) > 0 {
		link("previous", "before", page[0])
	}
	return page, links, ""
}

// inSight finds an organization the caller may name: its own or one below.
func (s *Simulator) inSight(c *call) *organization {
	if o := s.org(c.params["id"]); o != nil && s.below(o.id, c.org) {
		return o
	}
	return nil
}

func (s *Simulator) getOrganization(c *call) reply {
	o := s.inSight(c)
	if o == nil {
		return orgError("ORG-60015")
	}
	m := s.orgJSON(o)
	if c.query("includePermissions") == "true" {
		m["permissions"] = append([]string{}, c.token.scopes...)
	}
	var path []map[string]any
	for p := o; p != nil; p = s.org(p.parent) {
		path = append([]map[string]any{{"id": p.id, "name": p.name, "depth": s.depth(p)}}, path...)
	}
	m["ancestorPath"] = path
	return jsonReply(http.StatusOK, m)
}

func (s *Simulator) getSelf(c *call) reply {
	return jsonReply(http.StatusOK, s.orgJSON(s.org(c.org)))
}

func (s *Simulator) organizationMetadata(c *call) reply {
	return jsonReply(http.StatusOK, s.orgJSON(s.org(c.org)))
}

func (s *Simulator) metaAttributes(c *call) reply {
	keys := []string{}
	for _, o := range s.orgs {
		for _, a := range o.attributes {
			if s.below(o.id, c.org) && !slices.Contains(keys, a.Key) {
				keys = append(keys, a.Key)
			}
		}
	}
	return jsonReply(http.StatusOK, map[string]any{"attributes": keys})
}

type organizationBody struct {
	Name       string      `json:"name"`
	Handle     string      `json:"orgHandle"`
	ParentID   string      `json:"parentId"`
	Status     string      `json:"status"`
	Type       string      `json:"type"`
	Attributes []attribute `json:"attributes"`
}

func (s *Simulator) postOrganization(c *call) reply {
	var in organizationBody
	if json.Unmarshal(c.body, &in) != nil {
		return orgError("ORG-60000")
	}
	if in.ParentID == "" {
		in.ParentID = c.org
	}
	switch parent := s.org(in.ParentID); {
	case strings.TrimSpace(in.Name) == "":
		return orgError("ORG-60070")
	case parent == nil || !s.below(in.ParentID, c.org):
		return orgError("ORG-60015")
	case s.nameTaken(in.Name):
		return orgError("ORG-60076")
	case in.Handle != "" && s.handleTaken(in.Handle):
		return orgError("ORG-60100")
	}
	o := s.addOrganization(in.Name, in.Handle, in.ParentID, in.Attributes, max(s.q.OrganizationLagMS, s.q.AppShareLagMS))
	o.ready = s.after(s.q.OrganizationLagMS)
	for _, a := range in.Attributes { // the creator owns it
		if a.Key == "creator.id" {
			if u := s.user(o.parent, a.Value); u != nil {
				s.shareUser(u, o, typeOwner)
			}
		}
	}
	return jsonReply(http.StatusCreated, s.orgJSON(o)).With("Location", c.home()+"/api/server/v1/organizations/"+o.id)
}

func (s *Simulator) nameTaken(name string) bool {
	return slices.ContainsFunc(s.orgs, func(o *organization) bool { return strings.EqualFold(o.name, name) })
}

func (s *Simulator) handleTaken(handle string) bool {
	return slices.ContainsFunc(s.orgs, func(o *organization) bool { return strings.EqualFold(o.handle, handle) })
}

func (s *Simulator) checkName(c *call) reply {
	var in organizationBody
	if json.Unmarshal(c.body, &in) != nil || in.Name == "" {
		return orgError("ORG-60000")
	}
	return jsonReply(http.StatusOK, map[string]bool{"available": !s.nameTaken(in.Name)})
}

func (s *Simulator) checkHandle(c *call) reply {
	var in organizationBody
	if json.Unmarshal(c.body, &in) != nil || in.Handle == "" {
		return orgError("ORG-60000")
	}
	return jsonReply(http.StatusOK, map[string]bool{"available": !s.handleTaken(in.Handle)})
}

func (s *Simulator) touch(o *organization) reply {
	o.modified = s.clock.Now().Truncate(time.Millisecond)
	return jsonReply(http.StatusOK, s.orgJSON(o))
}
