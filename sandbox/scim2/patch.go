package scim2

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/elimity-com/scim/schema"
)

const (
	opAdd     = "add"
	opRemove  = "remove"
	opReplace = "replace"
)

// operation is one operation of a PATCH (RFC 7644 section 3.5.2).
type operation struct {
	op       string // lower case
	path     string // empty: none
	value    any
	hasValue bool
}

// patched is what a PATCH makes of a resource: the operations act in order on
// all that is known of it, and the outcome is shaped like a PUT's body.
func (s *Simulator) patched(c *call, r *record) (map[string]any, *problem) {
	m, p := s.message(c.body, urnPatch)
	if p != nil {
		return nil, p
	}
	list, ok := field(m, "Operations").([]any)
	if !ok || len(list) == 0 {
		return nil, bad(invalidSyntax, "A PATCH needs Operations.")
	}
	resource := clone(s.render(c, r, r.now)).(map[string]any)
	for _, item := range list {
		op, p := readOperation(item)
		if p == nil {
			p = s.apply(r, resource, op)
		}
		if p != nil {
			return nil, p
		}
	}
	return s.shape(r.kind, resource)
}

func readOperation(item any) (operation, *problem) {
	m, ok := item.(map[string]any)
	if !ok {
		return operation{}, bad(invalidSyntax, "An operation has to be an object.")
	}
	var o operation
	for name, v := range m {
		switch text, isText := v.(string); strings.ToLower(name) {
		case "op":
			o.op = strings.ToLower(text)
		case "path":
			if !isText && v != nil {
				return o, bad(invalidPath, "path has to be a string.")
			}
			o.path = text
		case "value":
			o.value, o.hasValue = v, true
		}
	}
	switch {
	case o.op != opAdd && o.op != opRemove && o.op != opReplace:
		return o, bad(invalidSyntax, "op has to be add, remove or replace.")
	case o.op == opRemove && o.path == "":
		return o, bad(noTarget, "remove needs a path.")
	case o.op != opRemove && !o.hasValue:
		return o, bad(invalidValue, "%s needs a value.", o.op)
	}
	return o, nil
}

// apply does one operation. Without a path, the value is an object whose names
// are the paths.
func (s *Simulator) apply(r *record, resource map[string]any, o operation) *problem {
	if o.path != "" {
		return s.applyAt(r, resource, o)
	}
	values, ok := o.value.(map[string]any)
	if !ok {
		return bad(invalidValue, "Without a path the value has to be an object.")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if strings.EqualFold(name, "schemas") || strings.EqualFold(name, "id") && values[name] == r.id {
			continue
		}
		p := s.applyAt(r, resource, operation{op: o.op, path: name, value: values[name], hasValue: true})
		if p != nil && p.scimType == invalidPath && s.q.UnknownAttributes == "ignore" {
			continue
		}
		if p != nil {
			return p
		}
	}
	return nil
}

// applyAt does one operation at its path.
func (s *Simulator) applyAt(r *record, resource map[string]any, o operation) *problem {
	p, err := parsePath(o.path)
	if err != nil {
		return bad(invalidPath, "The path cannot be read: %v", err)
	}
	t, ok := r.kind.locate(p.attribute)
	if ok && p.sub != nil {
		at := p.attribute
		at.SubAttribute = p.sub
		t, ok = r.kind.locate(at)
	}
	if !ok || p.where != nil && (t.whole || t.attr.AttributeType() != "complex" || p.attribute.SubAttribute != nil) {
		return bad(invalidPath, "%s is not an attribute.", o.path)
	}
	if t.whole {
		return s.applyExtension(r, resource, t.urn, o)
	}
	if t.attr.Mutability() == readOnly || t.sub != nil && t.sub.Mutability() == readOnly {
		return bad(mutability, "%s is read-only.", o.path)
	}
	holder := t.holder(resource)
	if holder == nil {
		holder = map[string]any{}
		resource[t.urn] = holder
	}
	if removes := o.op == opRemove || o.value == nil; removes && t.attr.Required() {
		return bad(mutability, "%s is required.", o.path)
	}
	switch {
	case p.where != nil:
		return s.applyWhere(holder, t, p.where, o)
	case t.sub != nil:
		return s.applySub(holder, t, o)
	}
	return s.applyWhole(holder, t.attr, o)
}

// applyExtension does an operation on a whole extension.
func (s *Simulator) applyExtension(r *record, resource map[string]any, urn string, o operation) *problem {
	if o.op == opRemove || o.value == nil {
		delete(resource, urn)
		return nil
	}
	values, ok := o.value.(map[string]any)
	if !ok {
		return bad(invalidValue, "The value of %s has to be an object.", urn)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if p := s.applyAt(r, resource, operation{op: o.op, path: urn + ":" + name, value: values[name], hasValue: true}); p != nil {
			return p
		}
	}
	return nil
}

// applyWhole does an operation on an attribute as a whole: adding to a list
// leaves out what is in it, and of an object only what is given changes
// (sections 3.5.2.1 and 3.5.2.3).
func (s *Simulator) applyWhole(holder map[string]any, a schema.CoreAttribute, o operation) *problem {
	if o.op == opRemove {
		return s.removeWhole(holder, a, o)
	}
	value, p := s.given(a, o.value)
	if p != nil {
		return p
	}
	name := a.Name()
	old, hadObject := holder[name].(map[string]any)
	object, isObject := value.(map[string]any)
	switch {
	case value == nil:
		if o.op == opReplace {
			delete(holder, name)
		}
	case a.MultiValued() && o.op == opAdd:
		list, _ := holder[name].([]any)
		holder[name] = added(list, value.([]any))
	case isObject && hadObject:
		maps.Copy(old, object)
	default:
		holder[name] = value
	}
	return nil
}

// given shapes an operation's value; a list may be given as one of its values.
func (s *Simulator) given(a schema.CoreAttribute, v any) (any, *problem) {
	if _, isList := v.([]any); a.MultiValued() && v != nil && !isList {
		v = []any{v}
	}
	return s.value(a, v)
}

// added appends the values that a list does not have yet. A new primary value
// takes the place of the old one (section 3.5.2).
func added(list, values []any) []any {
	for _, v := range values {
		if slices.ContainsFunc(list, func(old any) bool { return covers(old, v) }) {
			continue
		}
		if m, ok := v.(map[string]any); ok && m["primary"] == true {
			demote(list)
		}
		list = append(list, v)
	}
	return list
}

func demote(list []any) {
	for _, old := range list {
		if m, ok := old.(map[string]any); ok && m["primary"] == true {
			m["primary"] = false
		}
	}
}

// covers tells whether a value that is there says all that a given one says.
func covers(old, given any) bool {
	m, ok := given.(map[string]any)
	o, isObject := old.(map[string]any)
	if !ok || !isObject {
		return reflect.DeepEqual(old, given)
	}
	for name, v := range m {
		if !reflect.DeepEqual(o[name], v) {
			return false
		}
	}
	return true
}

// removeWhole unassigns an attribute. A value beside it has no meaning in
// section 3.5.2.2; what servers make of it differs.
func (s *Simulator) removeWhole(holder map[string]any, a schema.CoreAttribute, o operation) *problem {
	if !o.hasValue || o.value == nil || !a.MultiValued() || s.q.RemoveWithValue == "all" {
		delete(holder, a.Name())
		return nil
	}
	if s.q.RemoveWithValue == "refuse" {
		return bad(invalidValue, "remove takes no value.")
	}
	value, p := s.given(a, o.value)
	if p != nil {
		return p
	}
	values, _ := value.([]any)
	list, _ := holder[a.Name()].([]any)
	left := slices.DeleteFunc(slices.Clone(list), func(old any) bool {
		return slices.ContainsFunc(values, func(v any) bool { return covers(old, v) })
	})
	if len(left) == len(list) && !s.q.RemoveMissing {
		return bad(noTarget, "There is no such value.")
	}
	assign(holder, a.Name(), left)
	return nil
}

func assign(holder map[string]any, name string, list []any) {
	if len(list) == 0 {
		delete(holder, name)
		return
	}
	holder[name] = list
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, item := range v {
			out[key] = clone(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = clone(item)
		}
		return out
	}
	return v
}
