package scim2

import (
	"maps"
	"strings"

	"github.com/elimity-com/scim/schema"
	filter "github.com/scim2/filter-parser/v2"
)

// selection is which attributes an answer shows (RFC 7644 section 3.9).
type selection struct {
	only   []string // attributes; empty: the default ones
	except []string // excludedAttributes
	list   bool     // the resource is one of many
}

// pick is one attribute that a selection names: as a whole, or sub-attributes
// of it (by lower-case name).
type pick struct {
	whole bool
	subs  map[string]bool
}

// picks are the named attributes by extension and name.
type picks map[[2]string]pick

// choice is a selection read for one kind.
type choice struct {
	only, except picks
	narrows      bool // only what is named is shown
	list         bool
}

func (k *kind) choose(sel selection) choice {
	return choice{only: k.picks(sel.only), except: k.picks(sel.except), narrows: len(sel.only) > 0, list: sel.list}
}

// picks reads attribute paths; what the kind does not have is left out.
func (k *kind) picks(paths []string) picks {
	all := picks{}
	for _, path := range paths {
		p, err := filter.ParseAttrPath([]byte(strings.TrimSpace(path)))
		if err != nil {
			continue
		}
		t, ok := k.locate(p)
		if !ok {
			continue
		}
		if t.whole {
			for _, a := range k.extension.Attributes {
				all[[2]string{t.urn, a.Name()}] = pick{whole: true}
			}
			continue
		}
		at := [2]string{t.urn, t.attr.Name()}
		one := all[at]
		if t.sub == nil {
			one.whole = true
		} else {
			if one.subs == nil {
				one.subs = map[string]bool{}
			}
			one.subs[strings.ToLower(t.sub.Name())] = true
		}
		all[at] = one
	}
	return all
}

// project is what of a rendered resource is returned: what the schema always or
// by default returns, narrowed by the choice. A password is not among it, since
// none is stored.
func (s *Simulator) project(k *kind, m map[string]any, by choice) map[string]any {
	out := s.projectPart("", k.attributes, m, by)
	out["schemas"] = m["schemas"]
	if k.extension == nil {
		return out
	}
	if part, ok := m[k.extension.ID].(map[string]any); ok {
		if part = s.projectPart(k.extension.ID, k.extension.Attributes, part, by); len(part) > 0 {
			out[k.extension.ID] = part
		}
	}
	return out
}

func (s *Simulator) projectPart(urn string, attributes schema.Attributes, m map[string]any, by choice) map[string]any {
	out := map[string]any{}
	for _, a := range attributes {
		v := m[a.Name()]
		if v == nil {
			continue
		}
		at := [2]string{urn, a.Name()}
		wanted, named := by.only[at]
		unwanted := by.except[at]
		if !s.returns(a, named, by.list) || a.Returned() != "always" && (unwanted.whole || by.narrows && !named) {
			continue
		}
		if wanted.whole {
			wanted.subs = nil
		}
		if v = narrow(v, wanted.subs, unwanted.subs); v != nil {
			out[a.Name()] = s.plain(v)
		}
	}
	return out
}

// returns tells whether an attribute is returned at all: members may be shown
// only on request.
func (s *Simulator) returns(a schema.CoreAttribute, named, list bool) bool {
	if a.Name() == "members" {
		switch s.q.Members {
		case "never":
			return false
		case "request":
			return named
		case "get":
			return !list
		}
	}
	return true
}

// narrow keeps of objects the sub-attributes that are asked for; nil where
// nothing is left.
func narrow(v any, only, except map[string]bool) any {
	if len(only) == 0 && len(except) == 0 {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		out := maps.Clone(v)
		maps.DeleteFunc(out, func(name string, _ any) bool {
			name = strings.ToLower(name)
			return len(only) > 0 && !only[name] || except[name]
		})
		if len(out) > 0 {
			return out
		}
		return nil
	case []any:
		var out []any
		for _, item := range v {
			if item = narrow(item, only, except); item != nil {
				out = append(out, item)
			}
		}
		if out != nil {
			return out
		}
		return nil
	}
	return v
}

// plain is a value as answers write it: booleans may be strings.
func (s *Simulator) plain(v any) any {
	if !s.q.StringBooleans {
		return v
	}
	switch v := v.(type) {
	case bool:
		if v {
			return "true"
		}
		return "false"
	case map[string]any:
		out := map[string]any{}
		for key, item := range v {
			out[key] = s.plain(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = s.plain(item)
		}
		return out
	}
	return v
}
