package asgardeo

import (
	"net/http"
	"strings"
)

// sharesOf are the shared accounts of a root user the query asks for.
func (s *Simulator) sharesOf(c *call) ([]*user, bool) {
	keep, err := filterBy(s, c.query("filter"), func(path string) func(*user) string {
		switch path {
		case "orgId":
			return func(u *user) string { return u.org }
		case "orgName":
			return func(u *user) string { return s.org(u.org).name }
		}
		return nil
	})
	if err != nil {
		return nil, false
	}
	var out []*user
	for _, u := range s.users {
		near := s.org(u.org).parent == c.org
		if u.parentID != "" && s.origin(u) == c.params["id"] && (near || c.query("recursive") == "true") && keep(u) {
			out = append(out, u)
		}
	}
	return out, true
}

func (s *Simulator) roleNames(u *user) []map[string]any {
	out := []map[string]any{}
	for _, r := range s.rolesOf(u) {
		out = append(out, map[string]any{"displayName": r.name, "audience": map[string]any{"display": s.audienceName(r), "type": r.audience}})
	}
	return out
}

func (s *Simulator) listShares(c *call) reply {
	all, ok := s.sharesOf(c)
	if !ok {
		return badShare("The filter is not supported.")
	}
	page, links, code := cursorPage(c, all, func(u *user) string { return u.id })
	if code != "" {
		return badShare("The cursor or limit is not valid.")
	}
	rows := []map[string]any{}
	for _, u := range page {
		o := s.org(u.org)
		row := map[string]any{
			"orgId": o.id, "orgName": o.name, "orgHandle": o.handle, "orgStatus": o.status,
			"orgRef": "/t/" + s.o.Root + "/api/server/v1/organizations/" + o.id, "hasChildren": len(s.children(o.id)) > 0,
			"depthFromRoot": s.depth(o), "parentOrgId": o.parent, "parentUserId": c.params["id"], "sharedUserId": u.id, "sharedType": u.shared,
		}
		if strings.Contains(c.query("attributes"), "roles") {
			row["roles"] = s.roleNames(u)
		}
		if strings.Contains(c.query("attributes"), "sharingMode") && u.policy != "" {
			row["sharingMode"] = map[string]any{"policy": u.policy, "roleAssignment": map[string]any{"mode": "NONE"}}
		}
		rows = append(rows, row)
	}
	m := map[string]any{"organizations": rows}
	if len(links) > 0 {
		m["links"] = links
	}
	return jsonReply(http.StatusOK, m)
}

func (s *Simulator) listSharedOrganizations(c *call) reply {
	all, ok := s.sharesOf(c)
	if !ok {
		return badShare("The filter is not supported.")
	}
	page, links, code := cursorPage(c, all, func(u *user) string { return u.id })
	if code != "" {
		return badShare("The cursor or limit is not valid.")
	}
	rows := []map[string]any{}
	for _, u := range page {
		rows = append(rows, map[string]any{"orgId": u.org, "orgName": s.org(u.org).name, "sharedUserId": u.id, "sharedType": u.shared,
			"rolesRef": "/api/server/v1/users/" + c.params["id"] + "/shared-roles?orgId=" + u.org})
	}
	m := map[string]any{"sharedOrganizations": rows}
	if len(links) > 0 {
		m["links"] = links
	}
	return jsonReply(http.StatusOK, m)
}

func (s *Simulator) listSharedRoles(c *call) reply {
	roles := []map[string]any{}
	for _, u := range s.users {
		if u.org == c.query("orgId") && u.parentID != "" && s.origin(u) == c.params["id"] {
			roles = append(roles, s.roleNames(u)...)
		}
	}
	return jsonReply(http.StatusOK, map[string]any{"roles": roles})
}
