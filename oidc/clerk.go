package oidc

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// clerkSession checks what is particular to a Clerk session token and returns
// its claims with the organization in the words of version 1: org_id, org_role
// and org_permissions, whatever the version. They are absent where no
// organization is active (contracts/clerk/FACTS.md section 9).
func clerkSession(claims map[string]any) (map[string]any, error) {
	if sub, _ := claims["sub"].(string); !strings.HasPrefix(sub, "user_") {
		return nil, errors.New("sub is no user's: a machine's token is not a session token")
	}
	if sid, _ := claims["sid"].(string); sid == "" {
		return nil, errors.New("sid is missing: not a session token")
	}
	// A pending session has unfinished tasks. A state nobody knows is no better.
	if state, ok := claims["sts"]; ok && state != "active" {
		return nil, errors.New("sts says that the session is not active")
	}
	version, marked := claims["v"]
	var active map[string]any
	var err error
	switch {
	case !marked:
		active, err = clerkFirst(claims)
	case version == json.Number("2"):
		active, err = clerkSecond(claims)
	default:
		err = fmt.Errorf("v is %s, and only version 2 has it", cut(fmt.Sprint(version)))
	}
	if err != nil {
		return nil, err
	}
	return withClaims(claims, active, "org_id", "org_role", "org_permissions"), nil
}

// withClaims returns claims in which the named ones are those of replaced, and
// absent where it has none.
func withClaims(claims, replaced map[string]any, names ...string) map[string]any {
	all := make(map[string]any, len(claims)+len(names))
	for name, v := range claims {
		if !slices.Contains(names, name) {
			all[name] = v
		}
	}
	for name, v := range replaced {
		all[name] = v
	}
	return all
}

// clerkFirst reads the organization of a version 1 token.
func clerkFirst(claims map[string]any) (map[string]any, error) {
	if _, ok := claims["o"]; ok {
		return nil, errors.New("o is version 2's, and the token has no v")
	}
	id, ok := claims["org_id"]
	if !ok {
		return nil, nil
	}
	if text, _ := id.(string); text == "" {
		return nil, errors.New("org_id is not a string")
	}
	active := map[string]any{"org_id": id}
	if role, ok := claims["org_role"]; ok {
		if _, text := role.(string); !text {
			return nil, errors.New("org_role is not a string")
		}
		active["org_role"] = role
	}
	if permissions, ok := claims["org_permissions"]; ok {
		if _, list := permissions.([]any); !list {
			return nil, errors.New("org_permissions is not a list")
		}
		active["org_permissions"] = permissions
	}
	return active, nil
}

// clerkSecond reads the organization of a version 2 token. A template may add
// version 1's claims for older readers; they must not say anything else.
func clerkSecond(claims map[string]any) (map[string]any, error) {
	o, present := claims["o"]
	if !present {
		if _, ok := claims["org_id"]; ok {
			return nil, errors.New("org_id names an organization, and version 2's o does not")
		}
		return nil, nil
	}
	organization, _ := o.(map[string]any)
	id, _ := organization["id"].(string)
	if id == "" {
		return nil, errors.New("o has no id")
	}
	if other, ok := claims["org_id"]; ok && other != id {
		return nil, errors.New("org_id and o.id name two organizations")
	}
	active := map[string]any{"org_id": id}
	if v, ok := organization["rol"]; ok {
		role, _ := v.(string)
		if role == "" {
			return nil, errors.New("o.rol is not a string")
		}
		active["org_role"] = "org:" + role
	}
	permissions, err := clerkPermissions(claims["fea"], organization)
	if err != nil {
		return nil, err
	}
	if len(permissions) > 0 {
		active["org_permissions"] = permissions
	}
	return active, nil
}

// clerkPermissions unfolds fea, o.per and o.fpm: the i-th number of fpm is a
// mask over the names in per, for the i-th organization feature in fea. The
// vendor's own readers disagree where fea also lists features of the user
// alone, so lists of two lengths are refused rather than guessed at.
func clerkPermissions(fea any, organization map[string]any) ([]any, error) {
	var texts [3]string
	for i, v := range []any{fea, organization["per"], organization["fpm"]} {
		text, ok := v.(string)
		if v != nil && !ok {
			return nil, errors.New("fea, o.per or o.fpm is not a string")
		}
		texts[i] = text
	}
	if texts[1] == "" && texts[2] == "" {
		return nil, nil
	}
	var features []string
	for _, f := range commas(texts[0]) {
		if scope, name, ok := strings.Cut(f, ":"); ok && strings.Contains(scope, "o") {
			features = append(features, name)
		}
	}
	names, masks := commas(texts[1]), commas(texts[2])
	if len(masks) != len(features) {
		return nil, errors.New("o.fpm and the organization's features in fea are not equally many")
	}
	var all []any
	for i, m := range masks {
		mask, err := strconv.ParseUint(m, 10, 64)
		if err != nil || len(names) < 64 && mask>>len(names) != 0 {
			return nil, errors.New("o.fpm does not fit o.per")
		}
		for bit, name := range names {
			if bit < 64 && mask&(1<<bit) != 0 {
				all = append(all, "org:"+features[i]+":"+name)
			}
		}
	}
	return all, nil
}

func commas(s string) []string {
	if s == "" {
		return nil
	}
	parts := strings.Split(s, ",")
	for i, p := range parts {
		parts[i] = strings.TrimSpace(p)
	}
	return parts
}
