package scim2

import (
	"maps"
	"slices"
)

// applySub does an operation on a sub-attribute: of an object, or of every
// value of a list.
func (s *Simulator) applySub(holder map[string]any, t target, o operation) *problem {
	name := t.attr.Name()
	if !t.attr.MultiValued() {
		object, _ := holder[name].(map[string]any)
		if object == nil {
			object = map[string]any{}
		}
		if p := s.setSub(object, t, o); p != nil {
			return p
		}
		if holder[name] = object; len(object) == 0 {
			delete(holder, name)
		}
		return nil
	}
	list, _ := holder[name].([]any)
	if len(list) == 0 {
		return s.missing(o, "%s has no values.", name)
	}
	for _, item := range list {
		if p := s.setSub(item.(map[string]any), t, o); p != nil {
			return p
		}
	}
	return nil
}

// missing is the refusal where a path finds nothing to work on (section 3.12,
// table 9, noTarget).
func (s *Simulator) missing(o operation, format string, args ...any) *problem {
	if o.op == opRemove && s.q.RemoveMissing {
		return nil
	}
	return bad(noTarget, format, args...)
}

func (s *Simulator) setSub(object map[string]any, t target, o operation) *problem {
	name := t.sub.Name()
	if t.sub.Mutability() == immutable && object[name] != nil {
		return bad(mutability, "%s cannot be changed.", t.attr.Name()+"."+name)
	}
	if o.op == opRemove || o.value == nil {
		delete(object, name)
		return nil
	}
	value, p := s.given(*t.sub, o.value)
	if p != nil {
		return p
	}
	object[name] = value
	return nil
}

// applyWhere does an operation on the values that a filter selects, or on a
// sub-attribute of theirs. A filter that selects none has no target.
func (s *Simulator) applyWhere(holder map[string]any, t target, where *expression, o operation) *problem {
	test, p := s.compile(where, where.top, within(t.attr), false)
	if p != nil {
		return p
	}
	name := t.attr.Name()
	list, isList := holder[name].([]any)
	if !isList && holder[name] != nil {
		list = []any{holder[name]}
	}
	selected := func(v any) bool {
		m, ok := v.(map[string]any)
		return ok && test(m)
	}
	if !slices.ContainsFunc(list, selected) {
		return s.missing(o, "No value of %s matches.", name)
	}
	var left []any
	var touched []map[string]any
	for _, v := range list {
		if !selected(v) {
			left = append(left, v)
			continue
		}
		m := v.(map[string]any)
		next, p := s.setSelected(m, t, o)
		if p != nil {
			return p
		}
		if next != nil {
			touched = append(touched, next)
			left = append(left, next)
		}
	}
	onePrimary(left, touched)
	if !t.attr.MultiValued() && len(left) > 0 {
		holder[name] = left[0]
		return nil
	}
	assign(holder, name, left)
	return nil
}

// setSelected is what an operation makes of one selected value; nil: it goes.
func (s *Simulator) setSelected(m map[string]any, t target, o operation) (map[string]any, *problem) {
	switch {
	case t.sub != nil:
		if p := s.setSub(m, t, o); p != nil || len(m) == 0 {
			return nil, p
		}
		return m, nil
	case o.op == opRemove || o.value == nil:
		return nil, nil
	}
	value, p := s.single(t.attr, o.value)
	object, _ := value.(map[string]any)
	if p != nil || o.op == opReplace {
		return object, p
	}
	maps.Copy(m, object)
	return m, nil
}

// onePrimary takes the mark from the other values when an operation made one
// the primary one (section 3.5.2).
func onePrimary(list []any, touched []map[string]any) {
	for _, m := range touched {
		if m["primary"] != true {
			continue
		}
		demote(list)
		m["primary"] = true
		return
	}
}
