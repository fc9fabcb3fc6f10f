package clerk

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

type object = map[string]any

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, code string, meta object) {
	if meta == nil {
		meta = object{}
	}
	reply(w, status, json.RawMessage(problem(code, meta)))
}

func (v *vendor) serve(w http.ResponseWriter, r *http.Request, op string, body []byte) {
	path := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	switch {
	case r.Header.Get("Authorization") != "Bearer "+secret:
		refuse(w, 401, "clerk_key_invalid", nil)
		return
	case r.Header.Get("Clerk-API-Version") != "2026-05-12" || r.URL.Query().Has("__clerk_api_version"):
		refuse(w, 400, "api_version_invalid", nil)
		return
	}
	switch op {
	case "users":
		v.serveUsers(w, r.URL.Query())
		return
	case "set":
		v.serveSet(w, path[1])
		return
	case "roles":
		data := []object{v.role("role", "org:billing"), v.role("role", "org:member"), v.role("role", "org:admin")}
		for _, role := range data {
			role["is_creator_eligible"], role["permissions"] = false, []any{}
		}
		paged(w, r.URL.Query(), data)
		return
	}
	o := v.orgs[path[1]]
	if o == nil {
		refuse(w, 404, "resource_not_found", nil)
		return
	}
	switch op {
	case "organization":
		reply(w, 200, v.organization(path[1]))
	case "create":
		v.serveCreate(w, path[1], o, body)
	case "bulk":
		v.serveBulk(w, path[1], o, body)
	case "list":
		v.serveList(w, r.URL.Query(), path[1], o)
	case "members":
		v.serveMembers(w, r.URL.Query(), path[1], o)
	case "get", "revoke":
		v.serveOne(w, op, path[1], path[3], o)
	default:
		http.NotFound(w, r)
	}
}

func (v *vendor) object(org string, i *invitation) object {
	o := object{
		"object": "organization_invitation", "id": i.id, "email_address": i.email, "role": i.role, "role_name": strings.TrimPrefix(i.role, "org:"),
		"organization_id": org, "inviter_id": nil, "public_inviter_data": nil, "status": v.statusOf(i),
		"public_metadata": i.public, "private_metadata": i.private, "url": "https://clerk.example/v1/tickets/accept?ticket=" + ticket,
		"expires_at": i.expires.UnixMilli(), "created_at": i.created.UnixMilli(), "updated_at": i.created.UnixMilli(),
	}
	if v.saysOld && i.status == "pending" {
		o["status"] = "pending"
	}
	if v.noOrgID {
		delete(o, "organization_id")
	}
	if v.wrongOrg {
		o["organization_id"] = orgTwo
	}
	return o
}

func (v *vendor) serveList(w http.ResponseWriter, q url.Values, org string, o *organization) {
	rows := slices.Clone(o.invitations)
	if v.late > 0 && len(rows) > 0 {
		v.late--
		rows = rows[:len(rows)-1]
	}
	var data []object
	for _, i := range rows {
		row := v.object(org, i)
		switch {
		case !v.anything && q.Has("status") && row["status"] != q.Get("status"):
		case !v.anything && q.Has("email_address") && i.email != q.Get("email_address"):
		default:
			data = append(data, row)
		}
	}
	if q.Get("order_by") != "+created_at" {
		slices.Reverse(data)
	}
	paged(w, q, data)
}

// paged answers a page of a list that tells its length: ten rows if nobody says
// how many.
func paged(w http.ResponseWriter, q url.Values, data []object) {
	limit, offset := 10, 0
	if q.Has("limit") {
		limit, _ = strconv.Atoi(q.Get("limit"))
	}
	if q.Has("offset") {
		offset, _ = strconv.Atoi(q.Get("offset"))
	}
	if limit < 1 || limit > 500 || offset < 0 {
		refuse(w, 422, "form_param_value_invalid", object{"param_name": "limit"})
		return
	}
	page := data[min(offset, len(data)):min(offset+limit, len(data))]
	if page == nil {
		page = []object{}
	}
	reply(w, 200, object{"data": page, "total_count": len(data)})
}

func (v *vendor) serveOne(w http.ResponseWriter, op, org, id string, o *organization) {
	n := slices.IndexFunc(o.invitations, func(i *invitation) bool { return i.id == id })
	switch {
	case n < 0:
		refuse(w, 404, "resource_not_found", nil)
	case op == "revoke" && v.statusOf(o.invitations[n]) != "pending":
		refuse(w, 404, "organization_invitation_not_pending", nil)
	case op == "revoke":
		o.invitations[n].status = "revoked"
		fallthrough
	default:
		reply(w, 200, v.object(org, o.invitations[n]))
	}
}

func (v *vendor) user(id string) *user {
	n := slices.IndexFunc(v.users, func(u *user) bool { return u.id == id })
	return v.users[n]
}

func (v *vendor) serveMembers(w http.ResponseWriter, q url.Values, org string, o *organization) {
	var data []object
	for _, m := range o.members {
		u := v.user(m.user)
		if wanted := q["user_id"]; len(wanted) > 0 && !slices.Contains(wanted, u.id) && !v.anything {
			continue
		}
		person := object{
			"user_id": u.id, "first_name": "A", "last_name": nil, "profile_image_url": "", "image_url": "", "has_image": false,
			"identifier": u.email, "username": nil, "banned": false, "deprovisioned": false,
		}
		if v.userNames {
			person["identifier"], person["username"] = "name-of-"+u.id, "name-of-"+u.id
		}
		named := org
		if v.wrongOrg {
			named = orgTwo
		}
		data = append(data, object{
			"object": "organization_membership", "id": m.id, "role": m.role, "role_name": m.role, "permissions": []any{},
			"public_metadata": object{}, "private_metadata": object{}, "organization": v.organization(named), "public_user_data": person,
			"created_at": m.created.UnixMilli(), "updated_at": m.created.UnixMilli(),
		})
	}
	paged(w, q, data)
}

func (v *vendor) organization(id string) object {
	o := object{
		"object": "organization", "id": id, "name": "One", "slug": "one", "has_image": false, "max_allowed_memberships": 5,
		"admin_delete_enabled": true, "public_metadata": object{}, "created_at": 1, "updated_at": 1, "role_set_key": "role_set:" + id,
	}
	if v.noSets {
		o["role_set_key"] = nil
	}
	return o
}

func (v *vendor) role(kind, key string) object {
	return object{
		"object": kind, "id": "role_" + key[4:], "name": strings.ToUpper(key[4:]), "key": key, "description": nil, "created_at": 1, "updated_at": 1,
	}
}

func (v *vendor) serveSet(w http.ResponseWriter, key string) {
	o := v.orgs[strings.TrimPrefix(key, "role_set:")]
	if o == nil {
		refuse(w, 404, "resource_not_found", nil)
		return
	}
	roles := []object{}
	for _, key := range o.roles {
		roles = append(roles, v.role("role_set_item", key))
	}
	reply(w, 200, object{
		"object": "role_set", "id": "rset_1", "name": "Default", "key": key, "description": nil, "roles": roles,
		"type": "custom", "created_at": 1, "updated_at": 1,
	})
}

// serveUsers answers with a bare list, as the vendor does, of users who have the
// address, verified or not.
func (v *vendor) serveUsers(w http.ResponseWriter, q url.Values) {
	data := []object{}
	for _, u := range v.users {
		within := func(org string) bool {
			o := v.orgs[org]
			return o != nil && slices.ContainsFunc(o.members, func(m *member) bool { return m.user == u.id })
		}
		switch {
		case v.anything:
		case q.Has("email_address") && !slices.Contains(q["email_address"], u.email),
			q.Has("user_id") && !slices.Contains(q["user_id"], u.id),
			q.Has("organization_id") && !slices.ContainsFunc(q["organization_id"], within):
			continue
		}
		status := "unverified"
		if u.verified {
			status = "verified"
		}
		o := object{
			"id": u.id, "object": "user", "primary_email_address_id": "idn_" + u.id[5:],
			"email_addresses": []any{object{
				"id": "idn_" + u.id[5:], "object": "email_address", "email_address": u.email, "reserved": false, "linked_to": []any{},
				"verification": object{"object": "verification_ticket", "status": status, "strategy": "ticket", "attempts": nil, "expire_at": nil},
				"created_at":   1, "updated_at": 1,
			}},
		}
		for _, name := range []string{
			"username", "first_name", "last_name", "primary_phone_number_id", "primary_web3_wallet_id", "external_id", "last_sign_in_at",
			"lockout_expires_in_seconds", "verification_attempts_remaining", "last_active_at", "mfa_enabled_at", "mfa_disabled_at", "legal_accepted_at",
		} {
			o[name] = nil
		}
		for _, name := range []string{
			"has_image", "password_enabled", "two_factor_enabled", "totp_enabled", "backup_code_enabled", "banned", "locked",
			"delete_self_enabled", "create_organization_enabled",
		} {
			o[name] = false
		}
		for _, name := range []string{"phone_numbers", "web3_wallets", "passkeys", "external_accounts", "saml_accounts", "enterprise_accounts"} {
			o[name] = []any{}
		}
		o["public_metadata"], o["created_at"], o["updated_at"] = object{}, 1, 1
		data = append(data, o)
	}
	reply(w, 200, data)
}
