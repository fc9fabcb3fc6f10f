package asgardeo

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	schemaUser       = "urn:ietf:params:scim:schemas:core:2.0:User"
	schemaWSO2       = "urn:scim:wso2:schema"
	schemaEnterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// stamp is the time form of SCIM's meta.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// listRequest is a SCIM list or search, from the query or a body.
type listRequest struct {
	Filter             string   `json:"filter"`
	Domain             string   `json:"domain"`
	StartIndex         *int     `json:"startIndex"`
	Count              *int     `json:"count"`
	Attributes         []string `json:"attributes"`
	ExcludedAttributes []string `json:"excludedAttributes"`
	SortBy             string   `json:"sortBy"`
	SortOrder          string   `json:"sortOrder"`
}

// readList reads the query of a list call.
func (s *Simulator) readList(c *call) (listRequest, *filterError) {
	q := c.r.URL.Query()
	in := listRequest{Filter: q.Get("filter"), Domain: q.Get("domain"), SortBy: q.Get("sortBy"), SortOrder: q.Get("sortOrder") + q.Get("sortOder"),
		Attributes: names(q.Get("attributes")), ExcludedAttributes: names(q.Get("excludedAttributes"))}
	for name, into := range map[string]**int{"startIndex": &in.StartIndex, "count": &in.Count} {
		if !q.Has(name) {
			continue
		}
		n, err := strconv.Atoi(q.Get(name))
		if err != nil {
			return in, &filterError{http.StatusBadRequest, "invalidValue", "Invalid value for parameter " + name + "."}
		}
		*into = &n
	}
	return in, nil
}

func readSearch(c *call) (listRequest, *filterError) {
	var in listRequest
	if err := json.Unmarshal(c.body, &in); err != nil {
		return in, &filterError{http.StatusBadRequest, "invalidSyntax", "Request is unparsable, syntactically incorrect, or violates schema."}
	}
	return in, nil
}

func names(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// listPage cuts one page out of everything found and wraps it in a ListResponse.
// limit caps the page; 0 means no cap.
func (s *Simulator) listPage(in listRequest, found []map[string]any, limit int) reply {
	if in.SortBy != "" || in.SortOrder != "" {
		return s.scimError(http.StatusNotImplemented, "", "Sorting is not supported.")
	}
	start, count := 1, s.q.DefaultCount
	if in.StartIndex != nil {
		start = max(*in.StartIndex, 1)
	}
	if in.Count != nil {
		count = max(*in.Count, 0)
	}
	if limit > 0 {
		count = min(count, limit)
	}
	total := len(found)
	found = found[min(start-1, total):]
	found = found[:min(count, len(found))]
	switch {
	case in.Count != nil && *in.Count <= 0:
		total = 0
	case s.q.TotalResults == "page":
		total = len(found)
	case s.q.TotalResults == "larger":
		total += 7
	}
	for _, m := range found {
		project(m, in.Attributes, in.ExcludedAttributes)
	}
	m := map[string]any{"schemas": []string{schemaList}, "totalResults": total, "startIndex": start, "itemsPerPage": len(found)}
	if len(found) > 0 || s.q.EmptyResources {
		m["Resources"] = append([]map[string]any{}, found...)
	}
	return s.scimReply(http.StatusOK, m)
}

// project keeps what attributes asks for, whole top-level members at a time.
func project(m map[string]any, attributes, excluded []string) {
	top := func(path string) string {
		if name, _, ok := strings.Cut(path, "."); ok && !strings.HasPrefix(path, "urn:") {
			return name
		}
		for _, schema := range []string{schemaWSO2, schemaEnterprise} {
			if strings.HasPrefix(path, schema) {
				return schema
			}
		}
		return strings.TrimPrefix(path, schemaUser+":")
	}
	named := func(list []string, key string) bool {
		return slices.ContainsFunc(list, func(path string) bool { return strings.EqualFold(top(path), key) })
	}
	for key := range m {
		switch {
		case key == "id" || key == "schemas" || key == "meta":
		case len(attributes) > 0 && !named(attributes, key), named(excluded, key):
			delete(m, key)
		}
	}
}

func (s *Simulator) listUsers(c *call) reply {
	in, err := s.readList(c)
	return s.findUsers(c, in, err)
}

func (s *Simulator) searchUsers(c *call) reply {
	in, err := readSearch(c)
	return s.findUsers(c, in, err)
}

func (s *Simulator) findUsers(c *call, in listRequest, err *filterError) reply {
	var test func(*user) bool
	if err == nil {
		test, err = s.userFilter(in.Filter, in.Domain)
	}
	if err != nil {
		return s.scimError(err.status, err.scimType, err.detail)
	}
	var found []map[string]any
	for _, u := range s.users {
		if u.org == c.org && test(u) {
			found = append(found, s.userJSON(c, u))
		}
	}
	return s.listPage(in, found, s.q.CountCap)
}

func (s *Simulator) getUser(c *call) reply {
	u := s.user(c.org, c.params["id"])
	if u == nil {
		return s.notFound("User")
	}
	m := s.userJSON(c, u)
	project(m, names(c.query("attributes")), names(c.query("excludedAttributes")))
	return s.scimReply(http.StatusOK, m)
}

// userJSON is a user as SCIM shows it (FACTS.md section 2).
func (s *Simulator) userJSON(c *call, u *user) map[string]any {
	extension := schemaWSO2
	if s.q.EnterpriseExtension {
		extension = schemaEnterprise
	}
	m := map[string]any{}
	for k, v := range u.other {
		m[k] = v
	}
	m["schemas"] = []string{schemaUser, extension}
	m["id"] = u.id
	m["userName"] = u.store + "/" + u.name
	m["meta"] = map[string]any{"created": stamp(u.created), "lastModified": stamp(u.modified), "location": c.scim() + "/Users/" + u.id, "resourceType": "User"}
	if emails := s.emailsJSON(u); len(emails) > 0 {
		m["emails"] = emails
	}
	if name := nameJSON(u); len(name) > 0 {
		m["name"] = name
	}
	if u.external != "" {
		m["externalId"] = u.external
	}
	roles := []map[string]any{{"display": "everyone"}}
	for _, r := range s.rolesOf(u) {
		roles = append(roles, map[string]any{"display": r.name, "value": r.id, "$ref": c.scim() + "/v2/Roles/" + r.id,
			"audienceValue": r.audienceID, "audienceType": r.audience, "audienceDisplay": s.audienceName(r)})
	}
	m["roles"] = roles
	var groups []map[string]any
	for _, g := range s.groupsOf(u) {
		groups = append(groups, map[string]any{"display": g.name, "value": g.id, "$ref": c.scim() + "/Groups/" + g.id})
	}
	if len(groups) > 0 {
		m["groups"] = groups
	}
	if ext := s.extensionJSON(u); len(ext) > 0 {
		m[extension] = ext
	}
	return m
}

func (s *Simulator) emailsJSON(u *user) []any {
	var out []any
	for _, e := range u.emails {
		switch {
		case e.kind != "":
			out = append(out, map[string]any{"type": e.kind, "value": e.value})
		case s.q.EmailsAsObjects:
			out = append(out, map[string]any{"value": e.value, "primary": true})
		default:
			out = append(out, e.value)
		}
	}
	return out
}

func nameJSON(u *user) map[string]any {
	name := map[string]any{}
	if u.given != "" {
		name["givenName"] = u.given
	}
	if u.family != "" {
		name["familyName"] = u.family
	}
	return name
}

func (s *Simulator) extensionJSON(u *user) map[string]any {
	flag := func(v bool) any {
		if s.q.ExtensionBooleans {
			return v
		}
		return strconv.FormatBool(v)
	}
	ext := map[string]any{}
	for k, v := range u.extra {
		ext[k] = v
	}
	if u.state != "" {
		ext["accountState"] = u.state
	}
	if u.locked || u.state != "" {
		ext["accountLocked"] = flag(u.locked)
	}
	if u.managedOrg != "" {
		ext["managedOrg"], ext["sharedType"] = u.managedOrg, u.shared
	}
	return ext
}
