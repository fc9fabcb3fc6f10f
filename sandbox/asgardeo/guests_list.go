package asgardeo

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// listInvitations answers all invitations of the organization: no paging, and
// one filter only (FACTS.md section 5).
func (s *Simulator) listInvitations(c *call) reply {
	q := c.r.URL.Query()
	for _, p := range []struct{ name, code string }{
		{"limit", "OUI-60004"}, {"offset", "OUI-60005"}, {"sortOrder", "OUI-60006"}, {"sortBy", "OUI-60007"},
	} {
		if q.Has(p.name) {
			return guestError(p.code)
		}
	}
	want := ""
	if q.Has("filter") {
		switch q.Get("filter") {
		case "status eq " + statusPending:
			want = statusPending
		case "status eq " + statusExpired:
			want = statusExpired
		default:
			return guestError("OUI-60009")
		}
	}
	var rows []map[string]any
	for _, i := range s.invitations {
		if i.org == c.org && (want == "" || s.invitationStatus(i) == want) {
			rows = append(rows, s.invitationJSON(i))
		}
	}
	switch {
	case len(rows) > 0:
		return jsonReply(http.StatusOK, map[string]any{"invitations": rows})
	case s.q.EmptyInvitations == "absent":
		return jsonReply(http.StatusOK, map[string]any{})
	case s.q.EmptyInvitations == "list":
		return jsonReply(http.StatusOK, map[string]any{"invitations": []any{}})
	}
	return jsonReply(http.StatusOK, map[string]any{"invitations": nil})
}

func (s *Simulator) invitationJSON(i *invitation) map[string]any {
	m := map[string]any{"id": i.id, "username": i.name, "email": "", "status": s.invitationStatus(i), "expiredAt": s.jdbcTime(i.expires)}
	if u := s.guest(i); u != nil {
		m["email"] = u.primary()
	}
	var roles, groups []map[string]any
	for _, id := range i.roles { // names are those of now; what is gone is not shown
		if r := s.role(i.org, id); r != nil {
			roles = append(roles, map[string]any{"id": id, "displayName": r.name, "audience": []any{s.audienceJSON(r)}})
		}
	}
	for _, id := range i.groups {
		if g := s.group(i.org, id); g != nil {
			groups = append(groups, map[string]any{"id": id, "displayName": g.name})
		}
	}
	if len(roles) > 0 {
		m["roles"] = roles
	}
	if len(groups) > 0 {
		m["groups"] = groups
	}
	return m
}

// jdbcTime is a java.sql.Timestamp as text: no zone, one to nine digits.
func (s *Simulator) jdbcTime(t time.Time) string {
	out := t.UTC().Add(time.Duration(s.q.ExpiredAtOffsetMinutes) * time.Minute).Format("2006-01-02 15:04:05.999999999")
	if !strings.Contains(out, ".") {
		out += ".0"
	}
	return out
}

func (s *Simulator) deleteInvitation(c *call) reply {
	i := find(s.invitations, func(i *invitation) bool { return i.id == c.params["id"] && i.org == c.org })
	if i == nil {
		return guestError("OUI-60001")
	}
	s.dropInvitation(i)
	return empty(http.StatusNoContent)
}

func (s *Simulator) dropInvitation(i *invitation) {
	s.invitations = slices.DeleteFunc(s.invitations, func(o *invitation) bool { return o == i })
}

func (s *Simulator) byCode(code string) *invitation {
	return find(s.invitations, func(i *invitation) bool { return code != "" && i.code == code })
}

func confirmationCode(c *call) string {
	var in struct {
		Code string `json:"confirmationCode"`
	}
	if json.Unmarshal(c.body, &in) != nil {
		return ""
	}
	return in.Code
}

func (s *Simulator) introspectInvitation(c *call) reply {
	i := s.byCode(confirmationCode(c))
	if i == nil {
		return guestError("OUI-60002")
	}
	return jsonReply(http.StatusOK, map[string]any{"confirmationCode": i.code, "username": i.name,
		"userOrganization": i.parent, "initiatedOrganization": i.org, "status": s.invitationStatus(i)})
}

func (s *Simulator) acceptInvitation(c *call) reply {
	if _, code := s.accept(confirmationCode(c)); code != "" {
		return guestError(code)
	}
	return empty(http.StatusNoContent)
}

// accept turns an invitation into a shared user with its roles and groups;
// whoever holds the code accepts (FACTS.md section 4.2). It returns the OUI
// code it fails with.
func (s *Simulator) accept(code string) (*organization, string) {
	i := s.byCode(code)
	if i == nil {
		return nil, "OUI-60010"
	}
	o := s.org(i.org)
	if !s.alive(i) {
		s.dropInvitation(i)
		return o, "OUI-60010"
	}
	u := s.guest(i)
	if o == nil || u == nil {
		return o, "OUI-65005"
	}
	if s.userByName(o.id, defaultStore, u.name) != nil {
		s.dropInvitation(i)
		return o, "OUI-60012"
	}
	account := s.shareUser(u, o, typeInvited)
	for _, id := range i.roles {
		if r := s.role(o.id, id); r != nil {
			r.add(account.id, s.after(s.q.RoleLagMS))
		}
	}
	for _, id := range i.groups {
		if g := s.group(o.id, id); g != nil {
			g.members = append(g.members, account.id)
		}
	}
	s.dropInvitation(i)
	return o, ""
}
