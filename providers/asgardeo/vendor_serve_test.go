package asgardeo

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

func reply(w http.ResponseWriter, status int, kind string, body any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}

func oui(w http.ResponseWriter, status int, code string) {
	reply(w, status, "application/json", map[string]any{"code": code, "message": "m", "description": "d", "traceId": "t-1"})
}

func scimError(w http.ResponseWriter, status int, kind, detail string) {
	reply(w, status, typeSCIM, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, "status": fmt.Sprint(status), "scimType": kind, "detail": detail,
	})
}

func (v *vendor) serve(w http.ResponseWriter, r *http.Request, op string, form url.Values, body []byte) {
	switch op {
	case "token", "switch", "introspect":
		v.serveTokens(w, r, op, form)
		return
	}
	claims := v.claims(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	below := strings.HasPrefix(r.URL.Path, "/t/acme/o/")
	o := v.orgs[fmt.Sprint(claims["org_id"])]
	switch {
	case claims == nil:
		reply(w, 401, "application/json", map[string]any{"code": 401, "message": "Unauthorized", "description": "d"})
	case below && o == nil:
		oui(w, 500, "OUI-65001")
	case below:
		v.serveOrganization(w, r, op, o, body)
	default:
		v.serveRoot(w, r, op, body)
	}
}

func (v *vendor) jwt(claims map[string]any) string {
	v.next++
	claims["jti"] = v.next
	text, _ := json.Marshal(claims)
	token := "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString(text) + ".c2ln"
	if v.hide {
		opaque := fmt.Sprintf("opaque-%d", v.next)
		v.opaque[opaque] = claims
		return opaque
	}
	return token
}

func (v *vendor) claims(token string) map[string]any {
	claims := v.opaque[token]
	if claims == nil {
		parts := strings.Split(token, ".")
		if len(parts) != 3 {
			return nil
		}
		text, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil || json.Unmarshal(text, &claims) != nil {
			return nil
		}
	}
	var exp int64
	switch value := claims["exp"].(type) {
	case float64:
		exp = int64(value)
	case int64:
		exp = value
	}
	if v.revoked[token] || exp <= v.Clock.Now().Unix() {
		return nil
	}
	return claims
}

func (v *vendor) serveTokens(w http.ResponseWriter, r *http.Request, op string, form url.Values) {
	if id, given, ok := r.BasicAuth(); !ok || id != "gateway" || given != secret {
		reply(w, 401, "application/json", map[string]any{"error": "invalid_client", "error_description": "Client Authentication failed."})
		return
	}
	if op == "introspect" {
		claims := v.claims(form.Get("token"))
		if claims == nil {
			reply(w, 200, "application/json", map[string]any{"active": false})
			return
		}
		reply(w, 200, "application/json", map[string]any{"active": true, "org_id": claims["org_id"], "scope": claims["scope"], "exp": claims["exp"]})
		return
	}
	v.asked = append(v.asked, form.Get("scope"))
	var granted []string
	for _, scope := range strings.Fields(form.Get("scope")) {
		if !slices.Contains(v.dropped, scope) {
			granted = append(granted, scope)
		}
	}
	scope := strings.Join(granted, " ")
	claims := map[string]any{"org_id": rootOrg, "scope": scope, "exp": v.Clock.Now().Add(time.Hour).Unix()}
	if op == "switch" {
		org := form.Get("switching_organization")
		switch {
		case v.claims(form.Get("token")) == nil:
			reply(w, 400, "application/json", map[string]any{"error": "invalid_grant", "error_description": "Invalid token received."})
			return
		case v.orgs[org] == nil:
			reply(w, 400, "application/json", map[string]any{"error": "invalid_request", "error_description": "Invalid organization id: " + org})
			return
		}
		claims["org_id"], claims["user_org"] = org, rootOrg
		if v.wrong != "" {
			claims["org_id"] = v.wrong
		}
	}
	reply(w, 200, "application/json", map[string]any{
		"access_token": v.jwt(claims), "token_type": "Bearer", "expires_in": 3600, "scope": scope,
	})
}

// words reads a filter as the vendor does, as far as the adapter uses it.
func words(filter string) (attribute, value string) {
	attribute, rest, _ := strings.Cut(filter, " ")
	_, value, _ = strings.Cut(rest, " ")
	return attribute, strings.Trim(value, `"`)
}

func userJSON(p *person) map[string]any {
	extension := map[string]any{}
	if p.state != "" {
		extension["accountState"] = p.state
	}
	if p.verified != "" {
		extension["emailVerified"] = p.verified
	}
	return map[string]any{
		"id": p.id, "userName": p.userName, "emails": []any{p.email}, "urn:scim:wso2:schema": extension,
		"roles": []any{map[string]any{"display": "everyone"}},
		"meta":  map[string]any{"created": "2026-01-02T10:34:29.902Z", "location": baseURL + "/scim2/Users/" + p.id, "resourceType": "User"},
	}
}

func list(w http.ResponseWriter, resources []any) {
	body := map[string]any{
		"schemas":      []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"},
		"totalResults": len(resources), "startIndex": 1, "itemsPerPage": len(resources),
	}
	if len(resources) > 0 {
		body["Resources"] = resources
	}
	reply(w, 200, typeSCIM, body)
}

func (v *vendor) serveRoot(w http.ResponseWriter, r *http.Request, op string, body []byte) {
	switch op {
	case "find":
		attribute, value := words(r.URL.Query().Get("filter"))
		var found []any
		for _, p := range v.users {
			_, name, _ := strings.Cut(p.userName, "/")
			if (attribute == "emails" && strings.EqualFold(p.email, value)) || (attribute == "userName" && strings.EqualFold(name, value)) {
				found = append(found, userJSON(p))
			}
		}
		list(w, found)
	case "create":
		var sent struct {
			UserName string
			Emails   []struct{ Value string }
			Name     struct{ GivenName string }
			Custom   map[string]string `json:"urn:scim:wso2:schema"`
		}
		if json.Unmarshal(body, &sent) != nil || sent.Custom["askPassword"] != "true" {
			scimError(w, 400, "invalidSyntax", "not what is expected")
			return
		}
		if slices.ContainsFunc(v.users, func(p *person) bool { return strings.EqualFold(p.userName, sent.UserName) }) {
			scimError(w, 409, "", "User with the name: "+sent.UserName+" already exists in the system.")
			return
		}
		v.next++
		p := &person{id: fmt.Sprintf("user-%03d", v.next), userName: sent.UserName, email: sent.Emails[0].Value, state: "PENDING_AP", given: sent.Name.GivenName}
		v.users = append(v.users, p)
		v.mails["set_password "+strings.ToLower(p.email)]++
		reply(w, 201, typeSCIM, userJSON(p))
	case "resend":
		var sent struct {
			User       struct{ Username, Realm string }
			Properties []struct{ Key, Value string }
		}
		_ = json.Unmarshal(body, &sent)
		for _, p := range v.users {
			if p.userName == sent.User.Realm+"/"+sent.User.Username && p.state == "PENDING_AP" && len(sent.Properties) == 1 {
				v.mails["set_password_again "+strings.ToLower(p.email)]++
				w.WriteHeader(201)
				return
			}
		}
		oui(w, 400, "UAR-10001")
	default:
		reply(w, 404, "application/json", map[string]any{"code": 404, "message": op})
	}
}

func (v *vendor) serveOrganization(w http.ResponseWriter, r *http.Request, op string, o *suborg, body []byte) {
	query := r.URL.Query()
	switch op {
	case "applications":
		_, name := words(query.Get("filter"))
		if strings.EqualFold(name, "Team App") && o.app != "" {
			reply(w, 200, "application/json", map[string]any{"applications": []any{map[string]any{"id": o.app, "name": "Team App"}}})
			return
		}
		reply(w, 200, "application/json", map[string]any{"applications": []any{}})
	case "roles":
		var found []any
		for name, id := range o.roles {
			found = append(found, map[string]any{"id": id, "displayName": name, "audience": map[string]any{"value": o.app, "display": "Team App", "type": "application"}})
		}
		list(w, found)
	case "role":
		id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		users := []any{}
		for _, m := range o.members {
			if slices.Contains(m.roles, id) {
				users = append(users, map[string]any{"value": m.id, "display": m.userName})
			}
		}
		reply(w, 200, typeSCIM, map[string]any{"id": id, "displayName": "x", "users": users})
	case "invite":
		v.invite(w, o, body)
	case "list":
		v.listRows(w, o)
	case "delete":
		id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		n := slices.IndexFunc(o.rows, func(r *row) bool { return r.id == id })
		if n < 0 {
			oui(w, 400, "OUI-60001")
			return
		}
		o.rows = slices.Delete(o.rows, n, n+1)
		w.WriteHeader(204)
	default:
		v.listMembers(w, query, o)
	}
}

func (v *vendor) invite(w http.ResponseWriter, o *suborg, body []byte) {
	var sent struct {
		Usernames  []string
		UserDomain string
		Roles      []string
		Properties []struct{ Key, Value string }
	}
	_ = json.Unmarshal(body, &sent)
	for _, id := range sent.Roles {
		if !slices.ContainsFunc(slices.Collect(mapValues(o.roles)), func(known string) bool { return known == id }) {
			oui(w, 400, "OUI-60013")
			return
		}
	}
	name := sent.Usernames[0]
	result := map[string]any{"status": "Failed"}
	n := slices.IndexFunc(v.users, func(p *person) bool { return strings.EqualFold(p.userName, sent.UserDomain+"/"+name) })
	switch {
	case slices.ContainsFunc(o.members, func(m *joined) bool { return strings.EqualFold(m.userName, "DEFAULT/"+name) }):
		result["errorCode"] = "OUI-10032"
	case slices.ContainsFunc(o.rows, func(r *row) bool { return strings.EqualFold(r.username, name) && r.expires.After(v.Clock.Now()) }):
		result["errorCode"] = "OUI-10018"
	case n < 0:
		result["errorCode"] = "OUI-10011"
	default:
		result["status"] = "Successful"
		v.next++
		o.rows = append(o.rows, &row{
			id: fmt.Sprintf("inv-%03d", v.next), username: name, email: v.users[n].email, roles: sent.Roles, expires: v.Clock.Now().Add(v.life),
		})
		v.mails["guest_invitation "+strings.ToLower(v.users[n].email)]++
	}
	reply(w, 200, "application/json", []any{map[string]any{"username": name, "result": result}})
}

func mapValues(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, value := range m {
			if !yield(value) {
				return
			}
		}
	}
}

func (v *vendor) listRows(w http.ResponseWriter, o *suborg) {
	var rows []any
	for _, r := range o.rows {
		status := "PENDING"
		if !r.expires.After(v.Clock.Now()) {
			status = "EXPIRED"
		}
		var roles []any
		for name, id := range o.roles {
			if slices.Contains(r.roles, id) {
				roles = append(roles, map[string]any{"id": id, "displayName": name, "audience": []any{map[string]any{"value": o.app, "display": "Team App", "type": "application"}}})
			}
		}
		entry := map[string]any{
			"id": r.id, "username": r.username, "email": r.email, "status": status, "expiredAt": r.expires.Format("2006-01-02 15:04:05.999"),
		}
		if roles != nil {
			entry["roles"] = roles
		}
		rows = append(rows, entry)
	}
	if rows == nil {
		reply(w, 200, "application/json", map[string]any{"invitations": nil})
		return
	}
	reply(w, 200, "application/json", map[string]any{"invitations": rows})
}

func (v *vendor) listMembers(w http.ResponseWriter, query url.Values, o *suborg) {
	_, value := words(query.Get("filter"))
	var found []any
	for _, m := range o.members {
		if value != "" && !strings.EqualFold(m.userName, "DEFAULT/"+value) {
			continue
		}
		found = append(found, map[string]any{
			"id": m.id, "userName": m.userName, "emails": []any{m.email},
			"urn:scim:wso2:schema": map[string]any{"managedOrg": m.managedOrg, "sharedType": "INVITED"},
			"meta":                 map[string]any{"created": "2026-01-02T10:34:29.902Z", "location": baseURL + "/o/scim2/Users/" + m.id},
		})
	}
	start, count := 1, 100
	_, _ = fmt.Sscan(query.Get("startIndex"), &start)
	_, _ = fmt.Sscan(query.Get("count"), &count)
	total := len(found)
	found = found[min(start-1, total):]
	found = found[:min(count, len(found))]
	body := map[string]any{
		"schemas":      []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"},
		"totalResults": len(found), "startIndex": start, "itemsPerPage": len(found), // the size of the page, as it has been
	}
	if len(found) > 0 {
		body["Resources"] = found
	}
	reply(w, 200, typeSCIM, body)
}
