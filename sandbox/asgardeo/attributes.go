package asgardeo

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// problem is a SCIM refusal on its way to a reply.
type problem struct {
	status           int
	scimType, detail string
}

func (s *Simulator) refuse(p *problem) reply { return s.scimError(p.status, p.scimType, p.detail) }

func invalid(format string, args ...any) *problem {
	return &problem{http.StatusBadRequest, "invalidValue", fmt.Sprintf(format, args...)}
}

// isTrue reads a flag that clients send as a boolean or as text.
func isTrue(v any) bool { return v == true || fmt.Sprint(v) == "true" }

func text(v any) string {
	t, _ := v.(string)
	return strings.TrimSpace(t)
}

// extension collects the extension attributes of a user body from both schemas
// that carry them.
func extension(body map[string]any) map[string]any {
	out := map[string]any{}
	for _, schema := range []string{schemaEnterprise, schemaWSO2} {
		m, ok := body[schema].(map[string]any)
		if !ok {
			continue
		}
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// readEmails reads addresses given as strings or objects. The primary one is
// the first without a type, or marked so.
func readEmails(v any) ([]email, *problem) {
	list, ok := v.([]any)
	if v != nil && !ok {
		return nil, &problem{http.StatusBadRequest, "invalidSyntax", "Attribute emails has to be a list."}
	}
	var out []email
	for _, item := range list {
		e := email{value: text(item)}
		if m, ok := item.(map[string]any); ok {
			e = email{value: text(m["value"]), kind: text(m["type"])}
			if isTrue(m["primary"]) {
				e.kind = ""
			}
		}
		if e.value == "" {
			return nil, invalid("Error in adding the user: an e-mail address is empty.")
		}
		if !looksLikeEmail(e.value) {
			return nil, invalid("Error in adding the user: value of http://wso2.org/claims/emailaddress does not match the pattern.")
		}
		if e.kind == "" && slices.ContainsFunc(out, func(o email) bool { return o.kind == "" }) {
			e.kind = "other"
		}
		out = append(out, e)
	}
	return out, nil
}

func looksLikeEmail(v string) bool {
	at := strings.LastIndexByte(v, '@')
	return at > 0 && at < len(v)-1 && !strings.ContainsAny(v, " \t\r\n<>") && len(v) <= 320
}

// setAttributes writes the attributes of a create or PUT body, or of what a
// PATCH made of one, into a user.
func setAttributes(u *user, body map[string]any) *problem {
	emails, p := readEmails(body["emails"])
	if p != nil {
		return p
	}
	u.emails = emails
	name, _ := body["name"].(map[string]any)
	u.given, u.family = text(name["givenName"]), text(name["familyName"])
	u.external = text(body["externalId"])
	u.extra = map[string]any{}
	for k, v := range extension(body) {
		switch k {
		case "accountLocked":
			u.locked = isTrue(v)
		case "askPassword", "verifyEmail", "accountState", "managedOrg", "sharedType": // written by the server alone, or acted upon
		default:
			u.extra[k] = v
		}
	}
	u.other = map[string]any{}
	for k, v := range body {
		switch k {
		case "schemas", "id", "userName", "meta", "emails", "name", "externalId", "roles", "groups", "password", schemaWSO2, schemaEnterprise, schemaUser:
		default:
			u.other[k] = v
		}
	}
	return nil
}

// body is a user as setAttributes takes it.
func (s *Simulator) userBody(u *user) map[string]any {
	extra := map[string]any{}
	maps.Copy(extra, u.extra)
	m := map[string]any{"name": nameJSON(u), schemaWSO2: extra}
	for k, v := range u.other {
		m[k] = v
	}
	var emails []any
	for _, e := range u.emails {
		emails = append(emails, map[string]any{"value": e.value, "type": e.kind, "primary": e.kind == ""})
	}
	m["emails"] = emails
	if u.external != "" {
		m["externalId"] = u.external
	}
	return m
}

// patchOperation is one operation of a SCIM PATCH.
type patchOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

type patchRequest struct {
	Operations []patchOperation `json:"Operations"`
}

// applyPatch changes a body: values without a path are merged, a path names an
// attribute, its sub-attribute, or one of an extension.
func applyPatch(body map[string]any, op patchOperation) *problem {
	kind := strings.ToLower(op.Op)
	if kind != "add" && kind != "replace" && kind != "remove" {
		return &problem{http.StatusBadRequest, "invalidSyntax", "Unknown operation: " + op.Op}
	}
	if op.Path == "" {
		values, ok := op.Value.(map[string]any)
		if !ok || kind == "remove" {
			return &problem{http.StatusBadRequest, "invalidSyntax", "The operation needs a path."}
		}
		for k, v := range values {
			if p := applyPatch(body, patchOperation{Op: kind, Path: k, Value: v}); p != nil {
				return p
			}
		}
		return nil
	}
	parent, key := patchTarget(body, op.Path)
	if strings.EqualFold(key, "userName") {
		return &problem{http.StatusBadRequest, "mutability", "Attribute userName cannot be modified."}
	}
	if kind == "remove" {
		delete(parent, key)
		return nil
	}
	merge(parent, key, kind == "add", op)
	return nil
}

// merge writes one value: objects are merged, lists grow when something is added.
func merge(parent map[string]any, key string, grow bool, op patchOperation) {
	add, isMap := op.Value.(map[string]any)
	old, hadMap := parent[key].(map[string]any)
	list, isList := op.Value.([]any)
	had, hadList := parent[key].([]any)
	switch {
	case isMap && hadMap:
		for k, v := range add {
			old[k] = v
		}
	case grow && isList && hadList:
		parent[key] = append(had, list...)
	default:
		parent[key] = op.Value
	}
}

func patchTarget(body map[string]any, path string) (parent map[string]any, key string) {
	sub := func(name string) map[string]any {
		m, ok := body[name].(map[string]any)
		if !ok {
			m = map[string]any{}
			body[name] = m
		}
		return m
	}
	for _, schema := range []string{schemaWSO2, schemaEnterprise} {
		if rest, ok := strings.CutPrefix(path, schema); ok && rest != "" {
			return sub(schema), rest[1:]
		}
	}
	path = strings.TrimPrefix(path, schemaUser+":")
	if strings.HasPrefix(path, "urn:") {
		return body, path
	}
	if name, rest, ok := strings.Cut(path, "."); ok {
		return sub(name), rest
	}
	return body, path
}
