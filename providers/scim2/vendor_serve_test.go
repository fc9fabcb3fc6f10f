package scim2

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	filter "github.com/scim2/filter-parser/v2"
)

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/scim+json")
	w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}

func refuse(w http.ResponseWriter, status int, kind, detail string) {
	answer(w, status, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, "status": strconv.Itoa(status), "scimType": kind, "detail": detail,
	})
}

func (v *vendor) serve(w http.ResponseWriter, r *http.Request, path string, body []byte) {
	if v.before != nil {
		v.before(v, r.Method, path)
	}
	if path == "/token" {
		v.serveToken(w, r, body)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+v.bearer {
		refuse(w, 401, "", "who are you? "+r.Header.Get("Authorization"))
		return
	}
	kind, id, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	store, ok := map[string]map[string]map[string]any{"Users": v.users, "Groups": v.groups}[kind]
	switch {
	case kind == "ServiceProviderConfig" && !v.silent:
		supported := func(is bool) map[string]any { return map[string]any{"supported": is} }
		answer(w, 200, map[string]any{
			"patch": supported(v.patch), "etag": supported(v.etag), "filter": map[string]any{"supported": v.filter, "maxResults": 200},
		})
	case !ok:
		refuse(w, 404, "", "no such endpoint")
	case id == "" && r.Method == http.MethodGet:
		v.serveList(w, store, r.URL.Query())
	case id == "" && r.Method == http.MethodPost && kind == "Users":
		v.serveCreate(w, body)
	case store[id] == nil:
		refuse(w, 404, "", "no such resource")
	case r.Method == http.MethodGet:
		resource := store[id]
		if v.stale[id] > 0 {
			v.stale[id]--
			resource = v.old[id]
		}
		w.Header().Set("ETag", v.version(id))
		answer(w, 200, v.show(resource, r.URL.Query().Get("attributes"), v.hidden == "named"))
	case r.Method == http.MethodPut && kind == "Groups":
		v.servePut(w, r, id, body)
	case r.Method == http.MethodPatch && kind == "Groups" && v.patch:
		v.servePatch(w, id, body)
	default:
		refuse(w, 501, "", "not built")
	}
}

func (v *vendor) serveToken(w http.ResponseWriter, r *http.Request, body []byte) {
	form, _ := url.ParseQuery(string(body))
	if id, key, ok := r.BasicAuth(); !ok || id != "gateway" || key != "s%3Aecret" || form.Get("grant_type") != "client_credentials" {
		answer(w, 401, map[string]any{"error": "invalid_client", "error_description": "not you, " + r.Header.Get("Authorization")})
		return
	}
	v.tokens++
	v.bearer = fmt.Sprintf("granted-%d", v.tokens)
	answer(w, 200, map[string]any{"access_token": v.bearer, "token_type": "Bearer", "expires_in": 3600})
}

func (v *vendor) version(id string) string {
	if !v.etag {
		return ""
	}
	return `W/"` + strconv.Itoa(v.versions[id]) + `"`
}

// show is a resource as it is returned.
func (v *vendor) show(resource map[string]any, attributes string, hide bool) map[string]any {
	shown := maps.Clone(resource)
	if attributes != "" {
		maps.DeleteFunc(shown, func(key string, _ any) bool {
			return key != "id" && key != "schemas" && !slices.Contains(strings.Split(attributes, ","), key)
		})
	}
	if mine := v.within(resource); len(mine) > 0 && (attributes == "" || strings.Contains(attributes, "groups")) {
		shown["groups"] = mine
	}
	if members, _ := shown["members"].([]any); len(members) == 0 || v.hidden == "never" || hide && !strings.Contains(attributes, "members") || v.hidden == "single" && hide {
		delete(shown, "members")
	}
	return shown
}

// within returns the groups that a user is in.
func (v *vendor) within(user map[string]any) (mine []any) {
	for id, group := range v.groups {
		members, _ := group["members"].([]any)
		if slices.ContainsFunc(members, func(m any) bool {
			return v.users[fmt.Sprint(user["id"])] != nil && m.(map[string]any)["value"] == user["id"]
		}) {
			mine = append(mine, map[string]any{"value": id})
		}
	}
	return mine
}

func (v *vendor) serveList(w http.ResponseWriter, store map[string]map[string]any, query url.Values) {
	matches := func(map[string]any) bool { return true }
	if text := query.Get("filter"); text != "" {
		parsed, err := filter.ParseFilter([]byte(text))
		if err != nil || !v.filter || !v.understands(parsed) {
			refuse(w, 400, "invalidFilter", "not this one: "+text)
			return
		}
		matches = func(resource map[string]any) bool { return v.widens || v.matches(parsed, resource) }
	}
	start, _ := strconv.Atoi(query.Get("startIndex"))
	count, err := strconv.Atoi(query.Get("count"))
	if err != nil {
		count = 100
	}
	if v.most > 0 {
		count = min(count, v.most)
	}
	rows, total := []any{}, 0
	for _, id := range v.order {
		if store[id] == nil || !matches(store[id]) {
			continue
		}
		if total++; total >= start && len(rows) < count {
			rows = append(rows, v.show(store[id], query.Get("attributes"), v.hidden != ""))
		}
	}
	answer(w, 200, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"}, "totalResults": total, "startIndex": max(start, 1),
		"itemsPerPage": len(rows), "Resources": rows,
	})
}

func (v *vendor) understands(e filter.Expression) bool {
	switch e := e.(type) {
	case *filter.LogicalExpression:
		return !v.refuses["or"] && v.understands(e.Left) && v.understands(e.Right)
	case *filter.AttributeExpression:
		return !v.refuses[e.AttributePath.String()] && e.Operator == filter.EQ
	default:
		return false
	}
}

func (v *vendor) matches(e filter.Expression, resource map[string]any) bool {
	switch e := e.(type) {
	case *filter.LogicalExpression:
		left := v.matches(e.Left, resource)
		if v.firstOnly {
			return left
		}
		return left || v.matches(e.Right, resource)
	case *filter.AttributeExpression:
		attribute := e.AttributePath.String()
		var values []any
		switch attribute {
		case "emails.value":
			mails, _ := resource["emails"].([]any)
			for _, m := range mails {
				values = append(values, m.(map[string]any)["value"])
			}
		case "groups.value":
			for _, g := range v.within(resource) {
				values = append(values, g.(map[string]any)["value"])
			}
		default:
			values = []any{resource[attribute]}
		}
		return !v.blind[attribute] && slices.ContainsFunc(values, func(value any) bool {
			a, b := fmt.Sprint(value), fmt.Sprint(e.CompareValue)
			return a == b || !v.exact && attribute != "id" && strings.EqualFold(a, b)
		})
	}
	return false
}

func (v *vendor) serveCreate(w http.ResponseWriter, body []byte) {
	var user map[string]any
	if json.Unmarshal(body, &user) != nil || user["userName"] == nil {
		refuse(w, 400, "invalidValue", "a user needs a name")
		return
	}
	for _, other := range v.users {
		if !v.lax && strings.EqualFold(fmt.Sprint(other["userName"]), fmt.Sprint(user["userName"])) {
			refuse(w, 409, "uniqueness", "taken")
			return
		}
	}
	v.made++
	if v.approves {
		w.WriteHeader(202)
		return
	}
	id := v.user(user)
	w.Header().Set("Location", base+"/Users/"+id)
	answer(w, 201, user)
}

// exist refuses members that are nobody.
func (v *vendor) exist(members []any) bool {
	return !slices.ContainsFunc(members, func(m any) bool {
		o, ok := m.(map[string]any)
		id := fmt.Sprint(o["value"])
		return !ok || v.users[id] == nil && v.groups[id] == nil
	})
}

func (v *vendor) servePut(w http.ResponseWriter, r *http.Request, id string, body []byte) {
	var group map[string]any
	if json.Unmarshal(body, &group) != nil || group["displayName"] == nil || group["schemas"] == nil {
		refuse(w, 400, "invalidValue", "not a group")
		return
	}
	if match := r.Header.Get("If-Match"); v.etag && match != "" && match != v.version(id) {
		refuse(w, 412, "", "it has changed")
		return
	}
	members, _ := group["members"].([]any)
	if !v.exist(members) {
		refuse(w, 400, "invalidValue", "nobody")
		return
	}
	group["id"] = id
	v.old[id], v.stale[id] = v.groups[id], v.lag
	if !v.deaf {
		v.groups[id] = group
		v.versions[id]++
	}
	answer(w, 200, v.groups[id])
}

func (v *vendor) servePatch(w http.ResponseWriter, id string, body []byte) {
	var patch struct {
		Schemas    []string
		Operations []struct {
			Op, Path string
			Value    []any
		}
	}
	if json.Unmarshal(body, &patch) != nil || len(patch.Operations) != 1 || patch.Operations[0].Op != "add" || patch.Operations[0].Path != "members" {
		refuse(w, 400, "invalidSyntax", "not a patch of this service's")
		return
	}
	if !v.exist(patch.Operations[0].Value) {
		refuse(w, 400, "invalidValue", "nobody")
		return
	}
	v.old[id], v.stale[id] = maps.Clone(v.groups[id]), v.lag
	for _, m := range patch.Operations[0].Value {
		if !v.deaf {
			v.add(id, m.(map[string]any))
		}
	}
	w.WriteHeader(204)
}
