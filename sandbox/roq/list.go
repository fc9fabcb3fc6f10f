package roq

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listArgs are the arguments that every list takes, apart from its filter.
type listArgs struct {
	Limit, Offset *int32
	Order         *order
	Search        *search
}

// order is every …OrderArgType: which columns may be sorted by is the schema's to say.
type order struct{ Order, Sort string }

// search is every …SearchArgType.
type search struct{ Key, Value string }

// page is every …PageModel.
type page[V any] struct {
	Data       []V
	TotalCount int32
}

// column reads what a list is sorted and searched by; nil is null.
type column[T any] func(row T, name string) *string

// list filters, sorts and cuts rows as FACTS.md section 4.5 describes: newest
// first unless an order is asked for, a limit of 0 or above the cap counts as
// the cap, offset counts rows, and the total counts all that matched.
func list[T, V any](s *Simulator, rows []T, keep func(T) bool, col column[T], a listArgs, view func(T) V) (*page[V], error) {
	out := &page[V]{Data: []V{}}
	limit, offset := s.q.ListCap, 0
	if a.Limit != nil && *a.Limit > 0 && int(*a.Limit) < limit {
		limit = int(*a.Limit)
	}
	if a.Offset != nil {
		offset = int(*a.Offset)
	}
	if offset < 0 || a.Limit != nil && *a.Limit < 0 {
		return out, internal() // the database refuses these
	}
	var found []T
	for _, row := range rows {
		if keep(row) && (a.Search == nil || s.contains(col(row, a.Search.Key), a.Search.Value)) {
			found = append(found, row)
		}
	}
	sortRows(found, a.Order, col)
	out.TotalCount = int32(len(found))
	found = found[min(offset, len(found)):]
	for _, row := range found[:min(limit, len(found))] {
		out.Data = append(out.Data, view(row))
	}
	return out, nil
}

// sortRows sorts rows that are in the order of their creation; null is larger
// than everything, as PostgreSQL has it.
func sortRows[T any](rows []T, o *order, col column[T]) {
	if o == nil {
		o = &order{Order: "DESC", Sort: "createdAt"}
	}
	if o.Order == "DESC" {
		slices.Reverse(rows)
	}
	slices.SortStableFunc(rows, func(a, b T) int {
		x, y := col(a, o.Sort), col(b, o.Sort)
		result := 0
		switch {
		case x != nil && y != nil:
			result = strings.Compare(*x, *y)
		case x == nil && y != nil:
			result = 1
		case x != nil:
			result = -1
		}
		if o.Order == "DESC" {
			return -result
		}
		return result
	})
}

// contains is SQL's LIKE %part%.
func (s *Simulator) contains(v *string, part string) bool {
	switch {
	case v == nil:
		return false
	case s.q.SearchIgnoresCase:
		return strings.Contains(strings.ToLower(*v), strings.ToLower(part))
	}
	return strings.Contains(*v, part)
}

// The columns below are sorted as text that sorts as their values do.

func timeColumn(at time.Time) *string {
	if at.IsZero() {
		return nil
	}
	return ptr(at.UTC().Format("2006-01-02T15:04:05.000000000Z"))
}

func boolColumn(v bool) *string { return ptr(strconv.FormatBool(v)) }

func jsonColumn(v map[string]any) *string {
	if v == nil {
		return nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return ptr(string(raw))
}

func ptr[T any](v T) *T { return &v }
