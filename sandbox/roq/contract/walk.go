package contract

import (
	"fmt"
	"math"
	"regexp"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// walk holds data against a selection.
type walk struct {
	schema    *ast.Schema
	variables map[string]any
	wrong     []string
}

func (w *walk) add(path, format string, args ...any) {
	w.wrong = append(w.wrong, path+": "+fmt.Sprintf(format, args...))
}

// fields are the fields of a selection, out of fragments too, without those
// that directives leave out. No type of this schema is abstract.
func (w *walk) fields(set ast.SelectionSet) (out []*ast.Field) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if w.included(s.Directives) {
				out = append(out, s)
			}
		case *ast.InlineFragment:
			if w.included(s.Directives) {
				out = append(out, w.fields(s.SelectionSet)...)
			}
		case *ast.FragmentSpread:
			if w.included(s.Directives) {
				out = append(out, w.fields(s.Definition.SelectionSet)...)
			}
		}
	}
	return out
}

func (w *walk) included(directives ast.DirectiveList) bool {
	for _, d := range directives {
		argument := d.Arguments.ForName("if")
		if argument == nil {
			continue
		}
		value, err := argument.Value.Value(w.variables)
		if err == nil && value == (d.Name == "skip") {
			return false
		}
	}
	return true
}

func (w *walk) object(of *ast.Definition, set ast.SelectionSet, value any, path string) {
	object, ok := value.(map[string]any)
	if !ok {
		w.add(path, "%v is no %s", value, of.Name)
		return
	}
	wanted := map[string]bool{}
	merged := map[string]ast.SelectionSet{}
	fields := w.fields(set)
	for _, f := range fields {
		merged[f.Alias] = append(slices.Clone(merged[f.Alias]), f.SelectionSet...)
	}
	for _, f := range fields {
		if wanted[f.Alias] {
			continue
		}
		wanted[f.Alias] = true
		got, has := object[f.Alias]
		switch {
		case !has:
			w.add(path, "%s was asked for and is not there", f.Alias)
		case f.Name == "__typename":
			if got != of.Name {
				w.add(path, "__typename %v of a %s", got, of.Name)
			}
		case f.Definition != nil:
			w.value(f.Definition.Type, merged[f.Alias], got, path+"."+f.Alias)
		}
	}
	for key := range object {
		if !wanted[key] {
			w.add(path, "%s was not asked for", key)
		}
	}
}

func (w *walk) value(t *ast.Type, set ast.SelectionSet, value any, path string) {
	if value == nil {
		if t.NonNull {
			w.add(path, "null for %s", t)
		}
		return
	}
	if t.Elem != nil {
		list, ok := value.([]any)
		if !ok {
			w.add(path, "no list")
		}
		for n, one := range list {
			w.value(t.Elem, set, one, fmt.Sprintf("%s.%d", path, n))
		}
		return
	}
	of := w.schema.Types[t.NamedType]
	switch of.Kind {
	case ast.Object:
		w.object(of, set, value, path)
	case ast.Enum:
		text, _ := value.(string)
		if of.EnumValues.ForName(text) == nil {
			w.add(path, "%v is no %s", value, of.Name)
		}
	default:
		if !fits(of.Name, value) {
			w.add(path, "%v is no %s", value, of.Name)
		}
	}
}

// fits tells whether a scalar has the vendor's form (FACTS.md section 2).
func fits(scalar string, value any) bool {
	text, isText := value.(string)
	switch scalar {
	case "Int":
		n, ok := value.(float64)
		return ok && n == math.Trunc(n)
	case "Boolean":
		_, ok := value.(bool)
		return ok
	case "JsonObject":
		_, ok := value.(map[string]any)
		return ok
	case "Date":
		return regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(text)
	case "ID":
		return regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(text)
	}
	return isText
}
