package oidc

import (
	"errors"
	"slices"
	"strings"
)

// path leads to a claim: the names of members, outermost first. A nil path
// leads nowhere.
type path []string

// parsePath reads the path syntax of ClaimsConfig.
func parsePath(s string) (path, error) {
	if s == "" || s == noClaim {
		return nil, nil
	}
	var p path
	var name strings.Builder
	end := func() error {
		if name.Len() == 0 {
			return errors.New("has an empty name in it")
		}
		p = append(p, name.String())
		name.Reset()
		return nil
	}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '.' || s[i+1] == '\\'):
			i++
			name.WriteByte(s[i])
		case s[i] == '\\':
			return nil, errors.New(`has a \ that is not before . or \`)
		case s[i] == '.':
			if err := end(); err != nil {
				return nil, err
			}
		default:
			name.WriteByte(s[i])
		}
	}
	if err := end(); err != nil {
		return nil, err
	}
	return p, nil
}

// values returns what is at the path: the elements where it is an array.
func (p path) values(claims map[string]any) []any {
	if len(p) == 0 {
		return nil
	}
	return collect(claims, p)
}

func collect(v any, p path) []any {
	if list, ok := v.([]any); ok {
		var all []any
		for _, e := range list {
			if _, nested := e.([]any); !nested {
				all = append(all, collect(e, p)...)
			}
		}
		return all
	}
	if len(p) == 0 {
		return []any{v}
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	next, ok := object[p[0]]
	if !ok {
		return nil
	}
	return collect(next, p[1:])
}

// texts returns the non-empty strings at the path, each once.
func (p path) texts(claims map[string]any) []string {
	var all []string
	for _, v := range p.values(claims) {
		if s, ok := v.(string); ok && s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// text returns the one string at the path; "" if there is none or more.
func (p path) text(claims map[string]any) string {
	values := p.values(claims)
	if len(values) != 1 {
		return ""
	}
	s, _ := values[0].(string)
	return s
}

// yes reports whether the one value at the path is true or "true".
func (p path) yes(claims map[string]any) bool {
	values := p.values(claims)
	return len(values) == 1 && (values[0] == true || values[0] == "true")
}

// words returns the distinct words of the strings at the path.
func (p path) words(claims map[string]any) map[string]bool {
	all := map[string]bool{}
	for _, s := range p.texts(claims) {
		for _, w := range strings.Fields(s) {
			all[w] = true
		}
	}
	return all
}
