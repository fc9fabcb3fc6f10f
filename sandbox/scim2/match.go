package scim2

import (
	"strings"
	"time"

	"github.com/elimity-com/scim/schema"
	filter "github.com/scim2/filter-parser/v2"
)

// predicate tests a rendered resource, or one value of a list.
type predicate func(map[string]any) bool

// resolver finds what a path of a filter names.
type resolver func(filter.AttributePath) (target, bool)

// filterFor turns the text of a filter into a test of one kind's resources.
// several: more than one kind is searched (RFC 7644 section 3.4.2.1).
func (s *Simulator) filterFor(k *kind, text string, several bool) (predicate, *problem) {
	always := func(map[string]any) bool { return true }
	if strings.TrimSpace(text) == "" || s.q.Filters == "ignored" {
		return always, nil
	}
	if s.q.Filters == "none" {
		return nil, bad(invalidFilter, "Filters are not supported.")
	}
	e, err := parseFilter(text)
	if err != nil {
		return nil, bad(invalidFilter, "The filter cannot be read: %v", err)
	}
	if a, ok := e.top.(*filter.AttributeExpression); s.q.Filters == "eq" && (!ok || a.Operator != filter.EQ) {
		return nil, bad(invalidFilter, "Only a single comparison with eq is supported.")
	}
	return s.compile(e, e.top, k.locate, several || !s.q.UnknownAttributesInvalid)
}

// compile turns an expression into a test. lenient: an attribute that does not
// exist has no value, instead of making the filter invalid.
func (s *Simulator) compile(e *expression, x filter.Expression, find resolver, lenient bool) (predicate, *problem) {
	switch x := x.(type) {
	case *filter.LogicalExpression:
		left, p := s.compile(e, x.Left, find, lenient)
		if p != nil {
			return nil, p
		}
		right, p := s.compile(e, x.Right, find, lenient)
		if p != nil {
			return nil, p
		}
		if x.Operator == filter.AND {
			return func(m map[string]any) bool { return left(m) && right(m) }, nil
		}
		return func(m map[string]any) bool { return left(m) || right(m) }, nil
	case *filter.NotExpression:
		inner, p := s.compile(e, x.Expression, find, lenient)
		if p != nil {
			return nil, p
		}
		return func(m map[string]any) bool { return !inner(m) }, nil
	case *filter.ValuePath:
		return s.compileValuePath(e, x, find, lenient)
	case *filter.AttributeExpression:
		return s.compileComparison(x, find, lenient)
	}
	return nil, bad(invalidFilter, "The filter cannot be read.")
}

// compileValuePath tests whether one value matches the filter between the
// brackets as a whole.
func (s *Simulator) compileValuePath(e *expression, x *filter.ValuePath, find resolver, lenient bool) (predicate, *problem) {
	t, ok := find(x.AttributePath)
	inner := e.innerOf(x.ValueFilter)
	switch {
	case !ok && lenient:
		return func(map[string]any) bool { return false }, nil
	case !ok || inner == nil || t.whole || t.sub != nil || t.attr.AttributeType() != "complex":
		return nil, bad(invalidFilter, "%s has no values to filter.", x.AttributePath)
	}
	test, p := s.compile(inner, inner.top, within(t.attr), lenient)
	if p != nil {
		return nil, p
	}
	return func(m map[string]any) bool {
		for _, v := range t.values(m) {
			if o, ok := v.(map[string]any); ok && test(o) {
				return true
			}
		}
		return false
	}, nil
}

// within finds the sub-attributes of a complex attribute.
func within(a schema.CoreAttribute) resolver {
	return func(p filter.AttributePath) (target, bool) {
		if p.URIPrefix != nil || p.SubAttribute != nil {
			return target{}, false
		}
		sub, ok := a.SubAttributes().ContainsAttribute(p.AttributeName)
		return target{attr: sub}, ok
	}
}

func (s *Simulator) compileComparison(x *filter.AttributeExpression, find resolver, lenient bool) (predicate, *problem) {
	t, ok := find(x.AttributePath)
	value, err := literal(x.CompareValue)
	if err != nil {
		return nil, bad(invalidFilter, "The filter cannot be read: %v", err)
	}
	if !ok {
		if lenient {
			// No value: nothing is there, and nothing is equal.
			found := x.Operator == filter.NE && value != nil || x.Operator == filter.EQ && value == nil
			return func(map[string]any) bool { return found }, nil
		}
		return nil, bad(invalidFilter, "%s is not an attribute.", x.AttributePath)
	}
	if x.Operator == filter.PR {
		if t.whole {
			return func(m map[string]any) bool { return m[t.urn] != nil }, nil
		}
		return func(m map[string]any) bool { return present(t.values(m)) }, nil
	}
	if !t.whole && t.sub == nil && t.attr.AttributeType() == "complex" {
		// A list of objects compares by its values; any other complex attribute
		// needs a sub-attribute.
		sub, ok := t.attr.SubAttributes().ContainsAttribute("value")
		if ok && t.attr.MultiValued() {
			t.sub = &sub
		}
	}
	if t.whole || t.leaf().AttributeType() == "complex" || t.leaf().Returned() == "never" {
		return nil, bad(invalidFilter, "%s cannot be compared.", x.AttributePath)
	}
	if value == nil {
		return nullTest(t, x)
	}
	test, p := s.comparer(t.leaf(), x.Operator, value)
	if p != nil {
		return nil, p
	}
	negative := x.Operator == filter.NE
	return func(m map[string]any) bool {
		values := t.values(m)
		for _, v := range values {
			if test(v) {
				return true
			}
		}
		return negative && len(values) == 0
	}, nil
}

// present tells whether there is a value that is not empty.
func present(values []any) bool {
	for _, v := range values {
		if text, ok := v.(string); !ok || text != "" {
			return true
		}
	}
	return false
}

// nullTest compares with null, which is what an unassigned attribute has (RFC
// 7643 section 2.5).
func nullTest(t target, x *filter.AttributeExpression) (predicate, *problem) {
	switch x.Operator {
	case filter.EQ:
		return func(m map[string]any) bool { return len(t.values(m)) == 0 }, nil
	case filter.NE:
		return func(m map[string]any) bool { return len(t.values(m)) > 0 }, nil
	}
	return nil, bad(invalidFilter, "%s cannot compare with null.", x.Operator)
}

// comparer tests one value of an attribute. What the attribute's type does not
// allow makes the filter invalid (RFC 7644 section 3.4.2.2, table 3).
func (s *Simulator) comparer(a schema.CoreAttribute, op filter.CompareOperator, value any) (func(any) bool, *problem) {
	refused := bad(invalidFilter, "%s cannot be compared with %v by %s.", a.Name(), value, op)
	if a.AttributeType() == "boolean" {
		want, ok := value.(bool)
		if !ok || op != filter.EQ && op != filter.NE {
			return nil, refused
		}
		return func(v any) bool { return (v == want) == (op == filter.EQ) }, nil
	}
	want, ok := value.(string)
	if !ok {
		return nil, refused
	}
	order := map[filter.CompareOperator]func(int) bool{
		filter.GT: func(n int) bool { return n > 0 }, filter.GE: func(n int) bool { return n >= 0 },
		filter.LT: func(n int) bool { return n < 0 }, filter.LE: func(n int) bool { return n <= 0 },
	}
	if ordered := order[op]; ordered != nil && a.AttributeType() == "binary" {
		return nil, refused
	}
	if a.AttributeType() == "dateTime" {
		return compareTimes(op, want, order, refused)
	}
	fold := s.fold(a)
	want = fold(want)
	of := func(test func(string) bool) (func(any) bool, *problem) {
		return func(v any) bool {
			text, ok := v.(string)
			return ok && test(fold(text))
		}, nil
	}
	switch op {
	case filter.EQ:
		return of(func(v string) bool { return v == want })
	case filter.NE:
		return of(func(v string) bool { return v != want })
	case filter.CO:
		return of(func(v string) bool { return strings.Contains(v, want) })
	case filter.SW:
		return of(func(v string) bool { return strings.HasPrefix(v, want) })
	case filter.EW:
		return of(func(v string) bool { return strings.HasSuffix(v, want) })
	}
	return of(func(v string) bool { return order[op](strings.Compare(v, want)) })
}

// compareTimes compares in the order of time, whatever the zones.
func compareTimes(op filter.CompareOperator, want string, order map[filter.CompareOperator]func(int) bool, refused *problem) (func(any) bool, *problem) {
	at, err := time.Parse(time.RFC3339, want)
	if err != nil {
		return nil, refused
	}
	order[filter.EQ] = func(n int) bool { return n == 0 }
	order[filter.NE] = func(n int) bool { return n != 0 }
	test := order[op]
	if test == nil {
		return nil, refused
	}
	return func(v any) bool {
		text, _ := v.(string)
		t, err := time.Parse(time.RFC3339, text)
		return err == nil && test(t.Compare(at))
	}, nil
}
