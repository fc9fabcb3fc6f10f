package clerk

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	defaultPage = 10
	largestPage = 500
	maxListed   = 100 // values of one filter
)

func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

func (c *call) queries(name string) []string { return c.r.URL.Query()[name] }

// cut is the page of a list that limit and offset ask for (FACTS.md section 6.4).
func cut[T any](c *call, list []T) ([]T, *failure) {
	limit, f := c.integer("limit", defaultPage)
	if f == nil && (limit < 1 || limit > largestPage) {
		f = invalid("limit", "limit has to be from 1 to 500.")
	}
	if f != nil {
		return nil, f
	}
	offset, f := c.integer("offset", 0)
	if f == nil && offset < 0 {
		f = invalid("offset", "offset must not be negative.")
	}
	if f != nil {
		return nil, f
	}
	from := min(offset, len(list))
	return list[from:min(from+limit, len(list))], nil
}

// paged is the envelope {data, total_count} of a list.
func paged[T any](c *call, list []*T, view func(*T) map[string]any) (any, *failure) {
	page, f := cut(c, list)
	if f != nil {
		return nil, f
	}
	return map[string]any{"data": views(page, view), "total_count": len(list)}, nil
}

func (c *call) integer(name string, or int) (int, *failure) {
	text := c.query(name)
	if text == "" {
		return or, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, badFormat(name, name+" has to be an integer.")
	}
	return n, nil
}

// instant reads a time in milliseconds; ok is false where there is none.
func (c *call) instant(name string) (at time.Time, ok bool, f *failure) {
	text := c.query(name)
	if text == "" {
		return time.Time{}, false, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, false, badFormat(name, name+" has to be a time in milliseconds.")
	}
	return time.UnixMilli(n), true, nil
}

func (c *call) flag(name string) (value, ok bool, f *failure) {
	switch text := c.query(name); text {
	case "":
		return false, false, nil
	case "true", "false":
		return text == "true", true, nil
	default:
		return false, false, badFormat(name, name+" has to be true or false.")
	}
}

// listed reads a filter of up to 100 values.
func (c *call) listed(name string) ([]string, *failure) {
	values := c.queries(name)
	if len(values) > maxListed {
		return nil, refuse("form_param_value_too_large", "At most 100 values are taken.", "param_name", name)
	}
	return values, nil
}

// signed reads a filter whose values may begin with + or -. A + that was not
// escaped has become a blank on its way and makes another value of it.
func (c *call) signed(name string) (func(own ...string) bool, *failure) {
	values, f := c.listed(name)
	if f != nil {
		return nil, f
	}
	var with, without []string
	for _, v := range values {
		if id, ok := strings.CutPrefix(v, "-"); ok {
			without = append(without, id)
		} else {
			with = append(with, strings.TrimPrefix(v, "+"))
		}
	}
	overlap := func(list, own []string) bool {
		return slices.ContainsFunc(own, func(id string) bool { return slices.Contains(list, id) })
	}
	return func(own ...string) bool {
		return (len(with) == 0 || overlap(with, own)) && !overlap(without, own)
	}, nil
}

// sorted orders a list that is in the order of creation by order_by, of which
// the first one counts. Rows that are equal keep the order of creation, or its
// reverse where the order is descending.
func sorted[T any](c *call, list []*T, by map[string]func(a, b *T) int) ([]*T, *failure) {
	order := cmp.Or(c.query("order_by"), "-created_at")
	name, descending := strings.CutPrefix(order, "-")
	name = strings.TrimPrefix(strings.TrimPrefix(name, "+"), " ") // a bare + arrives as a blank
	compare, ok := by[name]
	if !ok {
		return nil, invalid("order_by", "order_by is not one of the orders of this list.")
	}
	out := slices.Clone(list)
	slices.SortStableFunc(out, compare)
	if descending {
		slices.Reverse(out)
	}
	return out, nil
}

// folded tells whether a text contains another, whatever the case.
func folded(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}
