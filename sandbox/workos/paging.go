package workos

import (
	"slices"
	"strconv"
)

const (
	defaultPage = 10
	largestPage = 100
)

// page is what a list call asks for (FACTS.md section 3).
type page struct {
	limit         int
	order         string // asc, desc or normal
	before, after string
}

// pageOf reads the paging parameters.
func (s *Simulator) pageOf(c *call, order string) (page, []problem) {
	p := page{limit: defaultPage, order: order, before: c.query.Get("before"), after: c.query.Get("after")}
	var wrong []problem
	if text := c.query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > largestPage {
			wrong = append(wrong, problem{Field: "limit", Code: "invalid_limit"})
		}
		p.limit = n
	}
	if text := c.query.Get("order"); text != "" {
		if !slices.Contains([]string{"asc", "desc", "normal"}, text) {
			wrong = append(wrong, problem{Field: "order", Code: "invalid_order"})
		}
		p.order = text
	}
	return p, wrong
}

// listReply answers one page of rows, which are in the order of their creation.
func listReply[T any](s *Simulator, c *call, rows []T, id func(T) string, view func(T) object) reply {
	p, wrong := s.pageOf(c, "desc")
	if len(wrong) > 0 {
		return invalid(wrong...)
	}
	return pageReply(s, p, rows, id, view)
}

func pageReply[T any](s *Simulator, p page, rows []T, id func(T) string, view func(T) object) reply {
	rows = slices.Clone(rows)
	if p.order != "asc" {
		slices.Reverse(rows)
	}
	before, after := p.before, p.after
	if p.order == "normal" {
		before, after = after, before
	}
	from, to := 0, len(rows)
	place := func(cursor string) int { return slices.IndexFunc(rows, func(r T) bool { return id(r) == cursor }) }
	for _, cursor := range []string{after, before} {
		if cursor != "" && place(cursor) < 0 && s.q.RefuseUnknownCursor {
			return invalid(problem{Field: "cursor", Code: "invalid_cursor"})
		}
	}
	if i := place(after); after != "" && i >= 0 {
		from = i + 1
	}
	if i := place(before); before != "" && i >= 0 {
		to = max(i, from)
	}
	switch {
	case after == "" && before != "" && place(before) >= 0:
		from = max(from, to-p.limit) // the page just before the cursor
	default:
		to = min(to, from+p.limit)
	}
	data := []object{}
	for _, r := range rows[from:to] {
		data = append(data, view(r))
	}
	first, last := any(nil), any(nil)
	if from < to {
		if from > 0 || s.q.BeforeOnFirstPage {
			first = id(rows[from])
		}
		if to < len(rows) {
			last = id(rows[to-1])
		}
	}
	if p.order == "normal" {
		first, last = last, first
	}
	return ok(object{"object": "list", "data": data, "list_metadata": object{"before": first, "after": last}})
}

// plainList is a list without pages (roles).
func plainList[T any](rows []T, view func(T) object) reply {
	data := []object{}
	for _, r := range rows {
		data = append(data, view(r))
	}
	return ok(object{"object": "list", "data": data})
}
