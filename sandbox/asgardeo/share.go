package asgardeo

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// shareRequest is a body of the user-sharing APIs, v1 and v2 alike.
type shareRequest struct {
	Criteria struct {
		UserIDs []string `json:"userIds"`
	} `json:"userCriteria"`
	Organizations  json.RawMessage  `json:"organizations"`
	OrgIDs         []string         `json:"orgIds"` // v2 unshare
	Policy         string           `json:"policy"`
	RoleAssignment *roleAssignment  `json:"roleAssignment"` // v2
	Roles          []namedRole      `json:"roles"`          // v1
	Operations     []shareOperation `json:"Operations"`
}

type shareTarget struct {
	OrgID          string          `json:"orgId"`
	Policy         string          `json:"policy"`
	RoleAssignment *roleAssignment `json:"roleAssignment"`
	Roles          []namedRole     `json:"roles"`
}

type roleAssignment struct {
	Mode  string      `json:"mode"`
	Roles []namedRole `json:"roles,omitempty"`
}

// namedRole is a role by name and audience, as sharing names roles (FACTS.md section 10).
type namedRole struct {
	DisplayName string `json:"displayName"`
	Audience    struct {
		Display string `json:"display"`
		Type    string `json:"type"`
	} `json:"audience"`
}

type shareOperation struct {
	Op    string      `json:"op"`
	Path  string      `json:"path"`
	Value []namedRole `json:"value"`
}

func wanted(a *roleAssignment, roles []namedRole) []namedRole {
	switch {
	case a == nil:
		return roles
	case strings.EqualFold(a.Mode, "NONE"):
		return nil
	}
	return a.Roles
}

func badShare(description string) reply {
	return apiError(http.StatusBadRequest, "USM-10001", "Invalid request.", description)
}

// process answers 202 whatever comes of it; the work is done after the lag and
// its failures show in the operation only (product-is#22806).
func (s *Simulator) process(op *operation, details string, units []func() *unit) reply {
	s.operations = append(s.operations, op)
	s.later(s.q.UserShareLagMS, func() {
		for _, do := range units {
			if u := do(); u != nil {
				op.units = append(op.units, u)
			}
		}
		op.finish(s.clock.Now())
	})
	return jsonReply(http.StatusAccepted, map[string]any{"status": "Processing", "details": details})
}

func (s *Simulator) readShare(c *call) (in shareRequest, ok bool) {
	err := json.Unmarshal(c.body, &in)
	return in, err == nil && len(in.Criteria.UserIDs) > 0
}

func (s *Simulator) shareUsers(c *call) reply {
	in, ok := s.readShare(c)
	var targets []shareTarget
	if !ok || json.Unmarshal(in.Organizations, &targets) != nil || len(targets) == 0 {
		return badShare("userCriteria.userIds and organizations are required.")
	}
	var units []func() *unit
	op := s.newOperation(c, "USER_SHARE", targets[0].Policy)
	for _, userID := range in.Criteria.UserIDs {
		for _, t := range targets {
			if t.OrgID == "" || t.Policy == "" {
				return badShare("orgId and policy are required.")
			}
			units = append(units, s.shareUnits(c.org, op, userID, t)...)
		}
	}
	return s.process(op, "User sharing process triggered successfully.", units)
}

func (s *Simulator) shareUsersWithAll(c *call) reply {
	in, ok := s.readShare(c)
	if !ok || in.Policy == "" {
		return badShare("userCriteria.userIds and policy are required.")
	}
	var units []func() *unit
	op := s.newOperation(c, "USER_SHARE", in.Policy)
	policy := "SELECTED_ORG_WITH_ALL_EXISTING_AND_FUTURE_CHILDREN"
	if strings.HasPrefix(in.Policy, "IMMEDIATE") {
		policy = "SELECTED_ORG_ONLY"
	}
	for _, userID := range in.Criteria.UserIDs {
		for _, o := range s.children(c.org) {
			units = append(units, s.shareUnits(c.org, op, userID, shareTarget{OrgID: o.id, Policy: policy, RoleAssignment: in.RoleAssignment, Roles: in.Roles})...)
		}
	}
	return s.process(op, "User sharing process triggered successfully.", units)
}

// shareUnits are the pieces of sharing one user with one organization: that
// one, and those below it where the policy says so.
func (s *Simulator) shareUnits(from string, op *operation, userID string, t shareTarget) []func() *unit {
	roles := wanted(t.RoleAssignment, t.Roles)
	units := []func() *unit{func() *unit { return s.shareOne(from, op, userID, t.OrgID, t.Policy, roles) }}
	if !strings.Contains(t.Policy, "CHILDREN") {
		return units
	}
	for _, o := range s.orgs {
		if o.id != t.OrgID && s.below(o.id, t.OrgID) {
			units = append(units, func() *unit { return s.shareOne(o.parent, op, userID, o.id, t.Policy, roles) })
		}
	}
	return units
}

func (s *Simulator) shareOne(from string, op *operation, userID, orgID, policy string, roles []namedRole) *unit {
	u := &unit{id: s.newID(), operation: op.id, resident: userID, org: orgID, created: s.clock.Now(), status: "FAILED"}
	o := s.org(orgID)
	if o != nil {
		u.orgName = o.name
	}
	var source *user
	for _, account := range s.users {
		if account.org == from && s.origin(account) == userID {
			source = account
		}
	}
	switch {
	case o == nil || o.parent != from:
		u.message = "USM-10037: the organization is not an immediate child."
	case source == nil:
		u.message = "USM-10011: the user does not exist in the organization."
	default:
		account := s.shareUser(source, o, typeShared)
		if strings.Contains(policy, "FUTURE") {
			account.policy = policy
		}
		u.status, u.message = s.giveRoles(account, roles)
	}
	return u
}

func (s *Simulator) namedRole(org string, n namedRole) *role {
	return find(s.roles, func(r *role) bool {
		return r.org == org && r.name == n.DisplayName && strings.EqualFold(r.audience, n.Audience.Type) && s.audienceName(r) == n.Audience.Display &&
			!r.visible.After(s.clock.Now())
	})
}

func (s *Simulator) giveRoles(account *user, roles []namedRole) (status, message string) {
	status, message = "SUCCESS", "Successfully shared."
	for _, n := range roles {
		if r := s.namedRole(account.org, n); r != nil {
			r.add(account.id, s.after(s.q.RoleLagMS))
		} else {
			status, message = "PARTIALLY_COMPLETED", "A role was not found: "+n.DisplayName
		}
	}
	return status, message
}

func (s *Simulator) unshareUsers(c *call) reply {
	in, ok := s.readShare(c)
	orgs := in.OrgIDs
	if len(in.Organizations) > 0 && json.Unmarshal(in.Organizations, &orgs) != nil || !ok || len(orgs) == 0 {
		return badShare("userCriteria.userIds and the organizations are required.")
	}
	return s.unshare(c, in.Criteria.UserIDs, orgs)
}

func (s *Simulator) unshareUsersFromAll(c *call) reply {
	in, ok := s.readShare(c)
	if !ok {
		return badShare("userCriteria.userIds is required.")
	}
	return s.unshare(c, in.Criteria.UserIDs, nil)
}

// unshare removes shared accounts; nil organizations mean all.
func (s *Simulator) unshare(c *call, userIDs, orgs []string) reply {
	op := s.newOperation(c, "USER_UNSHARE", "")
	var units []func() *unit
	for _, userID := range userIDs {
		units = append(units, func() *unit {
			for _, u := range slices.Clone(s.users) {
				if u.parentID != "" && s.origin(u) == userID && (orgs == nil || slices.Contains(orgs, u.org)) {
					s.dropUser(u)
				}
			}
			return nil
		})
	}
	return s.process(op, "User unsharing process triggered successfully.", units)
}

// patchShares adds or removes roles of shared accounts.
func (s *Simulator) patchShares(c *call) reply {
	in, ok := s.readShare(c)
	if !ok || len(in.Operations) == 0 {
		return badShare("userCriteria.userIds and Operations are required.")
	}
	path := regexp.MustCompile(`^organizations\[orgId eq "?([^"\]]+)"?\]\.roles$`)
	op := s.newOperation(c, "USER_SHARE", "")
	var units []func() *unit
	for _, o := range in.Operations {
		m := path.FindStringSubmatch(o.Path)
		kind := strings.ToLower(o.Op)
		if m == nil || kind != "add" && kind != "remove" {
			return badShare("The operation is not supported.")
		}
		for _, userID := range in.Criteria.UserIDs {
			units = append(units, func() *unit { s.patchShare(userID, m[1], kind, o.Value); return nil })
		}
	}
	return s.process(op, "Role assignment patch operation processed successfully.", units)
}

func (s *Simulator) patchShare(userID, orgID, kind string, roles []namedRole) {
	for _, u := range s.users {
		if u.org != orgID || u.parentID == "" || s.origin(u) != userID {
			continue
		}
		for _, n := range roles {
			switch r := s.namedRole(orgID, n); {
			case r == nil:
			case kind == "add":
				r.add(u.id, s.clock.Now())
			default:
				r.remove(u.id)
			}
		}
	}
}
