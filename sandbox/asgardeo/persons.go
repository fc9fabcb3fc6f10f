package asgardeo

import (
	"encoding/json"
	"net/http"
	"strings"
)

// resendCode mails the set-password link again (FACTS.md section 7).
func (s *Simulator) resendCode(c *call) reply {
	var in struct {
		User struct {
			UserName string `json:"username"`
			Realm    string `json:"realm"`
		} `json:"user"`
		Properties []attribute `json:"properties"`
	}
	if json.Unmarshal(c.body, &in) != nil {
		return apiError(http.StatusBadRequest, "UE-10000", "Bad Request", "The request body cannot be read.")
	}
	if in.Properties == nil {
		return apiError(http.StatusInternalServerError, "UE-50001", "Unexpected Error", "Server encountered an unexpected error.")
	}
	scenario := find(in.Properties, func(a attribute) bool { return a.Key == "RecoveryScenario" }).Value
	store, name := splitStore(in.User.UserName)
	if store == "" || in.User.Realm != "" {
		store = strings.ToUpper(in.User.Realm)
	}
	if store == "" {
		store = defaultStore
	}
	u := s.userByName(c.org, store, name)
	if u == nil || u.state != pendingPassword || scenario != s.q.AskPasswordScenario {
		return apiError(http.StatusBadRequest, "18003", "User recovery data is not found.",
			"User recovery data is not found. Please verify whether the user has an on-going recovery.")
	}
	if code := s.askCode(c, u, MailSetPassword); code != "" {
		return jsonReply(http.StatusCreated, code)
	}
	return empty(http.StatusCreated)
}

// offlineInviteLink returns a set-password link instead of mailing it.
func (s *Simulator) offlineInviteLink(c *call) reply {
	var in struct {
		UserName string `json:"username"`
		Store    string `json:"userstore"`
	}
	if json.Unmarshal(c.body, &in) != nil || in.UserName == "" || in.Store == "" {
		return apiError(http.StatusBadRequest, "UOM-10000", "Invalid request.", "username and userstore are required.")
	}
	u := s.userByName(c.org, strings.ToUpper(in.Store), in.UserName)
	if u == nil {
		return apiError(http.StatusBadRequest, "UOM-10001", "Invalid user.", "The user does not exist.")
	}
	if s.q.OfflineLinkLocked && u.locked {
		return apiError(http.StatusBadRequest, "17003", "User account is locked.", "User account is locked - "+u.name+".")
	}
	return reply{Status: http.StatusCreated, Kind: "text/plain", Body: []byte(s.codeLink(c, u, s.newAccountCode(u, MailSetPassword)))}
}

// myOrganizations are the organizations the signed-in user has an account in.
func (s *Simulator) myOrganizations(c *call) reply {
	keep, ok := s.orgFilter(c.query("filter"))
	if !ok {
		return orgError("ORG-60022")
	}
	var all []*organization
	for _, o := range s.orgs {
		member := find(s.users, func(u *user) bool { return u.org == o.id && u.parentID != "" && s.origin(u) == c.token.userID })
		near := o.parent == c.org || c.query("recursive") == "true"
		if member == nil || !near || !keep(o) {
			continue
		}
		if app := c.query("authorizedAppName"); app != "" && find(s.rolesOf(member), func(r *role) bool { return s.audienceName(r) == app }) == nil {
			continue
		}
		all = append(all, o)
	}
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
			row := s.orgBrief(o)
			delete(row, "hasChildren")
			rows = append(rows, row)
		}
		m["organizations"] = rows
	}
	return jsonReply(http.StatusOK, m)
}

func orgName(o *organization) map[string]any {
	return map[string]any{"id": o.id, "name": o.name, "orgHandle": o.handle}
}

func (s *Simulator) myRoot(*call) reply {
	return jsonReply(http.StatusOK, orgName(s.org(s.rootID)))
}

// myDescendants is the way from the user's own organization to the one the
// token is for.
func (s *Simulator) myDescendants(c *call) reply {
	path := []map[string]any{}
	for o := s.org(c.token.org); o != nil; o = s.org(o.parent) {
		path = append([]map[string]any{orgName(o)}, path...)
		if o.id == c.token.userOrg {
			break
		}
	}
	return jsonReply(http.StatusOK, path)
}
