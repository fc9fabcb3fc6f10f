package workos

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type object = map[string]any

func opOf(r *http.Request) string {
	const invitations, memberships = "/user_management/invitations", "/user_management/organization_memberships"
	path := r.URL.Path
	switch {
	case path == invitations && r.Method == http.MethodPost:
		return "send"
	case path == invitations:
		return "list"
	case strings.HasSuffix(path, "/resend"):
		return "resend"
	case strings.HasSuffix(path, "/revoke"):
		return "revoke"
	case strings.HasPrefix(path, invitations+"/"):
		return "get"
	case path == memberships:
		return "memberships"
	case path == "/user_management/users":
		return "users"
	case strings.HasPrefix(path, "/user_management/users/"):
		return "user"
	case strings.HasPrefix(path, "/authorization/organizations/"):
		return "roles"
	case path == "/events":
		return "events"
	default:
		return "unknown " + r.Method + " " + path
	}
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Request-ID", "01J-request")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, code string) {
	reply(w, status, object{"code": code, "message": "Request could not be processed."})
}

func unknown(w http.ResponseWriter, what string) {
	reply(w, 404, object{"message": what + " not found."})
}

func millis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (v *vendor) serve(w http.ResponseWriter, r *http.Request, op string, body []byte) {
	if r.Header.Get("Authorization") != "Bearer "+apiKey {
		reply(w, 401, object{"message": "Unauthorized"})
		return
	}
	query := r.URL.Query()
	switch op {
	case "send":
		v.serveSend(w, body)
	case "list":
		v.serveList(w, r)
	case "get", "resend", "revoke":
		id := strings.TrimPrefix(r.URL.Path, "/user_management/invitations/")
		id, _, _ = strings.Cut(id, "/")
		n := slices.IndexFunc(v.rows, func(row *invitation) bool { return row.id == id })
		if n < 0 {
			unknown(w, "Invitation")
			return
		}
		v.serveOne(w, op, v.rows[n], body)
	case "memberships":
		v.serveMemberships(w, r)
	case "users":
		var found []any
		for _, u := range v.users {
			if strings.EqualFold(u.email, query.Get("email")) {
				found = append(found, userJSON(u))
			}
		}
		v.page(w, r, found)
	case "user":
		for _, u := range v.users {
			if strings.HasSuffix(r.URL.Path, "/"+u.id) {
				reply(w, 200, userJSON(u))
				return
			}
		}
		unknown(w, "User")
	case "roles":
		v.serveRoles(w, strings.Split(r.URL.Path, "/")[3])
	case "events":
		v.serveEvents(w, r)
	default:
		unknown(w, op)
	}
}

func known(org string) bool { return org == orgOne || org == orgTwo }

func (v *vendor) serveSend(w http.ResponseWriter, body []byte) {
	sent := struct {
		Email, Locale string
		Organization  string `json:"organization_id"`
		Role          string `json:"role_slug"`
		Days          int    `json:"expires_in_days"`
	}{Days: 7}
	if json.Unmarshal(body, &sent) != nil || sent.Email == "" {
		refuse(w, 422, "invalid_request_parameters")
		return
	}
	invited := func(row *invitation) bool {
		return row.org == sent.Organization && strings.EqualFold(row.email, sent.Email) && v.stateOf(row) == "pending"
	}
	member := func(m *membership) bool {
		return m.org == sent.Organization && m.status == "active" && m.user == v.person(sent.Email).id
	}
	switch {
	case sent.Days < 1:
		refuse(w, 400, "expires_in_days_too_short")
	case sent.Days > 30:
		refuse(w, 400, "expires_in_days_too_long")
	case !known(sent.Organization):
		unknown(w, "Organization")
	case !slices.Contains([]string{"org-admin", "member", "viewer"}, sent.Role):
		refuse(w, 400, "invalid_role")
	case slices.ContainsFunc(v.memberships, member):
		refuse(w, 400, "user_already_organization_member")
	case slices.ContainsFunc(v.rows, invited):
		refuse(w, 400, "email_already_invited_to_organization")
	default:
		row := v.make(sent.Organization, sent.Email, sent.Role, sent.Days)
		row.locale = sent.Locale
		reply(w, 201, v.rowJSON(row))
	}
}

func (v *vendor) serveOne(w http.ResponseWriter, op string, row *invitation, body []byte) {
	state := v.stateOf(row)
	switch {
	case op == "get":
	case op == "revoke" && state != "pending":
		refuse(w, 400, "invite_not_pending")
		return
	case op == "revoke":
		v.end(row, "revoked")
		v.forget(row)
	case len(body) == 0:
		refuse(w, 422, "invalid_request_parameters")
		return
	case state != "pending":
		refuse(w, 400, "invite_"+state)
		return
	default:
		v.mails[strings.ToLower(row.email)]++
		v.events = append(v.events, &event{row: row, at: v.Clock.Now()})
		if v.rotate {
			row.expires = v.Clock.Now().Add(time.Duration(row.days) * day)
		}
	}
	reply(w, 200, v.rowJSON(row))
}

func (v *vendor) rowJSON(row *invitation) object {
	o := object{
		"object": "invitation", "id": row.id, "email": row.email, "state": v.stateOf(row), "organization_id": row.org,
		"accepted_at": nil, "revoked_at": nil, "inviter_user_id": nil, "accepted_user_id": nil, "role_slug": row.role,
		"expires_at": millis(row.expires), "created_at": millis(row.created), "updated_at": millis(row.created),
		"token": "Z1uX3RbwcIl5fIGJJJCXXisdI", "accept_invitation_url": "https://your-app.com/invite?invitation_token=Z1uX3RbwcIl5fIGJJJCXXisdI",
	}
	if row.accepter != "" {
		o["accepted_user_id"] = row.accepter
	}
	if row.ended != nil {
		o[row.state+"_at"] = millis(*row.ended)
	}
	if row.org == "" {
		o["organization_id"] = nil
	}
	if v.bareRows {
		delete(o, "role_slug")
	}
	return o
}

// page answers a page of what is listed, newest first unless asked otherwise.
func (v *vendor) page(w http.ResponseWriter, r *http.Request, all []any) {
	query := r.URL.Query()
	limit := 10
	if n, err := strconv.Atoi(query.Get("limit")); err == nil {
		limit = n
	}
	if query.Get("order") != "asc" {
		slices.Reverse(all)
	}
	if after := query.Get("after"); after != "" {
		n := slices.IndexFunc(all, func(one any) bool { return one.(object)["id"] == after })
		all = all[n+1:]
	}
	var next any
	if len(all) > limit {
		all = all[:limit]
		next = all[limit-1].(object)["id"]
	}
	if all == nil {
		all = []any{}
	}
	reply(w, 200, object{"object": "list", "data": all, "list_metadata": object{"before": nil, "after": next}})
}

func (v *vendor) serveList(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if !ascii(query.Get("email")) {
		refuse(w, 422, "invalid_request_parameters")
		return
	}
	var found []any
	for _, row := range v.rows {
		if query.Get("organization_id") != "" && row.org != query.Get("organization_id") && !v.foreign {
			continue
		}
		if query.Get("email") == "" || strings.EqualFold(row.email, query.Get("email")) || v.otherAddress {
			found = append(found, v.rowJSON(row))
		}
	}
	v.page(w, r, found)
}

func userJSON(u *user) object {
	first, _, _ := strings.Cut(u.email, "@")
	return object{
		"object": "user", "id": u.id, "email": u.email, "email_verified": u.verified, "first_name": first, "last_name": nil,
		"profile_picture_url": nil, "external_id": nil, "last_sign_in_at": nil,
		"created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z",
	}
}

func (v *vendor) serveMemberships(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	org, who := query.Get("organization_id"), query.Get("user_id")
	statuses := strings.Split(query.Get("statuses"), ",")
	switch {
	case org == "" && who == "":
		refuse(w, 400, "missing_user_id_or_organization_id")
		return
	case !known(org):
		unknown(w, "Organization")
		return
	}
	var found []any
	for _, m := range v.memberships {
		if (m.org != org && !v.foreign) || (who != "" && m.user != who) || (!slices.Contains(statuses, m.status) && !v.statusless) {
			continue
		}
		u := v.users[slices.IndexFunc(v.users, func(u *user) bool { return u.id == m.user })]
		var roles []any
		for _, slug := range m.roles {
			roles = append(roles, object{"slug": slug})
		}
		o := object{
			"object": "organization_membership", "id": m.id, "user_id": m.user, "organization_id": m.org, "status": m.status,
			"directory_managed": false, "role": roles[0], "roles": roles, "user": userJSON(u),
			"created_at": "2026-01-02T10:34:29.902Z", "updated_at": "2026-01-02T10:34:29.902Z",
		}
		if v.bareMembers {
			delete(o, "user")
			delete(o, "roles")
		}
		found = append(found, o)
	}
	v.page(w, r, found)
}

func (v *vendor) serveRoles(w http.ResponseWriter, org string) {
	if !known(org) {
		unknown(w, "Organization")
		return
	}
	list := []any{}
	for n, role := range []struct{ slug, kind, resource string }{
		{"org-admin", "OrganizationRole", "organization"}, {"member", "EnvironmentRole", "organization"},
		{"viewer", "EnvironmentRole", "organization"}, {"editor", "EnvironmentRole", "project"},
	} {
		list = append(list, object{
			"object": "role", "id": fmt.Sprintf("role_%d", n), "slug": role.slug, "name": "Role " + role.slug, "description": nil,
			"type": role.kind, "resource_type_slug": role.resource, "permissions": []any{},
			"created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z",
		})
	}
	reply(w, 200, object{"object": "list", "data": list})
}

func (v *vendor) serveEvents(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	switch {
	case v.noEvents:
		reply(w, 403, object{"message": "Forbidden"})
		return
	case query.Get("events") == "":
		reply(w, 422, object{"message": "Validation failed.", "errors": []any{object{"field": "events", "code": "required"}}})
		return
	case query.Get("after") != "" && query.Get("range_start") != "":
		reply(w, 400, object{"message": "range_start cannot be combined with after."})
		return
	}
	found := []any{}
	since, _ := time.Parse(time.RFC3339, query.Get("range_start"))
	if v.lateEvents--; v.lateEvents < 0 {
		for n, e := range v.events {
			if query.Get("events") != "invitation.resent" || e.row.org != query.Get("organization_id") || e.at.Before(since) {
				continue
			}
			data := v.rowJSON(e.row)
			delete(data, "token")
			delete(data, "accept_invitation_url")
			found = append(found, object{
				"object": "event", "id": fmt.Sprintf("event_%d", n), "event": "invitation.resent", "data": data,
				"created_at": millis(e.at), "context": object{},
			})
		}
	}
	v.page(w, r, found)
}
