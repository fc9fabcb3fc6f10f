package roq

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"usher/providers/roq/internal"
)

// graphql answers a GraphQL call with its data.
func (v *vendor) graphql(r *http.Request, op, query string, variables row) (row, error) {
	basic := base64.StdEncoding.EncodeToString([]byte(environment + ":" + secret))
	token, _ := strings.CutPrefix(r.Header.Get(internal.HeaderToken), "Bearer ")
	switch {
	case r.Header.Get("Authorization") != "", r.Header.Get(internal.HeaderServer) != "Basic "+basic:
		return nil, fail{kind: "UNAUTHENTICATED", code: "INVALID_AUTH_HEADER", status: 401}
	case !v.tokens[token]:
		return nil, fail{kind: "UNAUTHENTICATED", code: "INVALID_TOKEN", status: 401}
	}
	for _, i := range v.invites {
		if touched, err := time.Parse(time.RFC3339, i["updatedAt"].(string)); err == nil &&
			!v.job && i["status"] == "pending" && !touched.Add(24*time.Hour).After(v.Clock.Now()) {
			i["status"] = "expired"
		}
	}
	return execute(query, variables, func(field string, arguments row) (any, error) {
		switch field {
		case "tenants":
			return page(v.tenants, arguments, v.cap), nil
		case "roles":
			return page(v.roles, arguments, v.cap), nil
		case "users":
			return page(v.visible(arguments), arguments, v.cap), nil
		case "userInvites":
			return page(v.invites, arguments, v.cap), nil
		case "sendUserInvitesV2":
			v.sent = append(v.sent, arguments)
			return v.send(arguments["data"].(row))
		case "sendUserInvites":
			v.sent = append(v.sent, arguments)
			return v.send(arguments["userInvites"].(row))
		case "resendUserInvite":
			return v.resend(arguments["id"])
		case "cancelUserInvite":
			return v.cancel(arguments["id"])
		default:
			return nil, fail{kind: "GRAPHQL_VALIDATION_FAILED", code: "GRAPHQL_VALIDATION_FAILED", status: 400}
		}
	})
}

// visible hides users who were deactivated, unless they are asked for.
func (v *vendor) visible(arguments row) []row {
	filter, _ := arguments["filter"].(row)
	if all, ok := filter["withDeactivated"].(row); ok && all["equalTo"] == true {
		return v.users
	}
	return slices.DeleteFunc(slices.Clone(v.users), func(u row) bool { return u["active"] == false })
}

func (v *vendor) send(data row) (any, error) {
	if !slices.ContainsFunc(v.tenants, func(t row) bool { return t["id"] == data["tenantId"] }) {
		return nil, fail{kind: "NOT_FOUND", code: "TENANT_NOT_FOUND", status: 404}
	}
	success, failed := []row{}, []row{}
	for _, item := range data["userInvites"].([]any) {
		item := item.(row)
		if !slices.ContainsFunc(v.users, func(u row) bool { return u["id"] == item["createdByUserId"] }) {
			return nil, fail{kind: "BAD_USER_INPUT", code: "USER_NOT_FOUND", status: 400}
		}
		email := item["email"].(string)
		if code := v.standsInTheWay(data["tenantId"], email); code != "" {
			text, _ := json.Marshal(row{"message": "text of the vendor's", "variables": row{"email": email}, "errorCode": code})
			failed = append(failed, row{"email": email, "error": string(text), "firstName": "", "lastName": ""})
			continue
		}
		roles := []string{}
		for _, key := range item["roles"].([]any) {
			roles = append(roles, key.(string))
		}
		i := v.invite(data["tenantId"].(string), email, roles...)
		for _, name := range []string{"firstName", "lastName"} {
			if i[name] = item[name]; i[name] == nil {
				i[name] = ""
			}
		}
		i["locale"], i["data"], i["createdByUserId"] = item["locale"], item["data"], item["createdByUserId"]
		v.mails[strings.ToLower(email)]++
		success = append(success, i)
	}
	return row{"success": success, "errors": failed}, nil
}

func (v *vendor) standsInTheWay(tenant any, email string) string {
	for _, u := range v.users {
		if u["email"] == email && !v.silent {
			return "USER_ALREADY_EXISTS"
		}
	}
	for _, i := range v.invites {
		if i["email"] == email && i["tenantId"] == tenant && (i["status"] == "pending" || v.hardEnded && i["status"] != "accepted") {
			return "USER_INVITE_ALREADY_EXIST"
		}
	}
	return ""
}

func (v *vendor) byID(id any) (row, error) {
	n := slices.IndexFunc(v.invites, func(i row) bool { return i["id"] == id })
	if n < 0 {
		return nil, fail{kind: "NOT_FOUND", code: "USER_INVITATION_NOT_FOUND", status: 404}
	}
	return v.invites[n], nil
}

func (v *vendor) resend(id any) (any, error) {
	i, err := v.byID(id)
	if err != nil {
		return nil, err
	}
	if i["status"] == "accepted" {
		return nil, fail{kind: "BAD_USER_INPUT", code: "USER_INVITE_RESENDING_FAILED", status: 400, variables: row{"userInviteStatus": "accepted"}}
	}
	if !v.untouched {
		v.Clock.Advance(time.Millisecond)
		i["updatedAt"], i["statusUpdatedAt"] = v.stamp(), v.stamp()
	}
	i["status"] = "pending"
	v.mails[strings.ToLower(i["email"].(string))]++
	return i, nil
}

func (v *vendor) cancel(id any) (any, error) {
	i, err := v.byID(id)
	if err != nil {
		return nil, err
	}
	if i["status"] != "pending" {
		return nil, fail{kind: "BAD_USER_INPUT", code: "USER_INVITE_CANCELLATION_FAILED", status: 400, variables: row{"userInviteStatus": i["status"]}}
	}
	i["status"], i["updatedAt"], i["statusUpdatedAt"] = "canceled", v.stamp(), v.stamp()
	return i, nil
}
