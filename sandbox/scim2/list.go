package scim2

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	filter "github.com/scim2/filter-parser/v2"
)

// query is what a list or search asks for (RFC 7644 sections 3.4.2 and 3.4.3).
type query struct {
	filter, sortBy string
	descending     bool
	start          int // from 1
	count          int // -1: not asked
	selection
}

// readQuery reads the parameters of a GET.
func readQuery(r *http.Request) (query, *problem) {
	v := r.URL.Query()
	q := query{filter: v.Get("filter"), sortBy: v.Get("sortBy"), start: 1, count: -1}
	q.only, q.except, q.list = commas(v.Get("attributes")), commas(v.Get("excludedAttributes")), true
	for name, into := range map[string]*int{"startIndex": &q.start, "count": &q.count} {
		if !v.Has(name) {
			continue
		}
		n, err := strconv.Atoi(v.Get(name))
		if err != nil {
			return q, bad(invalidValue, "%s has to be a whole number.", name)
		}
		*into = n
	}
	return q, q.settle(v.Get("sortOrder"), v.Has("count"))
}

// settle checks the order and brings numbers into their range: below 1 the
// first index is 1, below 0 the count is 0 (section 3.4.2.4).
func (q *query) settle(order string, counted bool) *problem {
	switch order {
	case "", "ascending":
	case "descending":
		q.descending = true
	default:
		return bad(invalidValue, "sortOrder has to be ascending or descending.")
	}
	q.start = max(q.start, 1)
	if counted {
		q.count = max(q.count, 0)
	}
	return nil
}

func commas(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// readSearch reads a SearchRequest.
func (s *Simulator) readSearch(body []byte) (query, *problem) {
	q := query{start: 1, count: -1, selection: selection{list: true}}
	m, p := s.message(body, urnSearch)
	if p != nil {
		return q, p
	}
	order := ""
	for name, into := range map[string]*string{"filter": &q.filter, "sortBy": &q.sortBy, "sortOrder": &order} {
		if v := field(m, name); v != nil {
			text, ok := v.(string)
			if !ok {
				return q, bad(invalidSyntax, "%s has to be a string.", name)
			}
			*into = text
		}
	}
	for name, into := range map[string]*[]string{"attributes": &q.only, "excludedAttributes": &q.except} {
		if v := field(m, name); v != nil {
			list, ok := texts(v)
			if !ok {
				return q, bad(invalidSyntax, "%s has to be a list of strings.", name)
			}
			*into = list
		}
	}
	for name, into := range map[string]*int{"startIndex": &q.start, "count": &q.count} {
		if v := field(m, name); v != nil {
			n, ok := v.(float64)
			if !ok || n != float64(int(n)) {
				return q, bad(invalidSyntax, "%s has to be a whole number.", name)
			}
			*into = int(n)
		}
	}
	return q, q.settle(order, field(m, "count") != nil)
}

func (s *Simulator) list(c *call, k *kind) reply {
	q, p := readQuery(c.r)
	return s.find(c, q, p, k)
}

func (s *Simulator) search(c *call, k *kind) reply {
	q, p := s.readSearch(c.body)
	return s.find(c, q, p, k)
}

func (s *Simulator) listAll(c *call) reply {
	q, p := readQuery(c.r)
	return s.find(c, q, p, s.users, s.groups)
}

func (s *Simulator) searchAll(c *call) reply {
	q, p := s.readSearch(c.body)
	return s.find(c, q, p, s.users, s.groups)
}

// row is a resource that was found.
type row struct {
	kind     *kind
	resource map[string]any
}

// find answers a list or search over some kinds.
func (s *Simulator) find(c *call, q query, p *problem, kinds ...*kind) reply {
	if p != nil {
		return s.fail(p)
	}
	tests := map[*kind]predicate{}
	for _, k := range kinds {
		if tests[k], p = s.filterFor(k, q.filter, len(kinds) > 1); p != nil {
			return s.fail(p)
		}
	}
	var rows []row
	for _, r := range s.records {
		test := tests[r.kind]
		if test == nil || r.listed.After(s.clock.Now()) {
			continue
		}
		if m := s.render(c, r, s.seen(r)); test(m) {
			rows = append(rows, row{r.kind, m})
		}
	}
	if p := s.sort(rows, q, kinds); p != nil {
		return s.fail(p)
	}
	return s.answer(http.StatusOK, s.page(rows, q))
}

// sort orders rows by an attribute; of a list, by its primary or first value.
// What has none comes last in ascending order (section 3.4.2.3).
func (s *Simulator) sort(rows []row, q query, kinds []*kind) *problem {
	if q.sortBy == "" || s.q.NoSort {
		return nil
	}
	by, err := filter.ParseAttrPath([]byte(strings.TrimSpace(q.sortBy)))
	if err != nil {
		return bad(invalidPath, "sortBy cannot be read: %v", err)
	}
	targets := map[*kind]target{}
	for _, k := range kinds {
		t, ok := k.locate(by)
		if !ok || t.whole {
			continue
		}
		if sub, has := t.attr.SubAttributes().ContainsAttribute("value"); t.sub == nil && has {
			t.sub = &sub
		}
		if t.leaf().AttributeType() != "complex" {
			targets[k] = t
		}
	}
	if len(targets) == 0 {
		return bad(invalidPath, "%s is not an attribute to sort by.", q.sortBy)
	}
	key := func(r row) (string, bool) {
		t, ok := targets[r.kind]
		if !ok {
			return "", false
		}
		return s.sortKey(t, r.resource)
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		x, hasX := key(a)
		y, hasY := key(b)
		n := cmp.Compare(x, y)
		switch {
		case hasX && !hasY:
			n = -1
		case !hasX && hasY:
			n = 1
		}
		if q.descending {
			return -n
		}
		return n
	})
	return nil
}

func (s *Simulator) sortKey(t target, resource map[string]any) (string, bool) {
	if list, ok := t.holder(resource)[t.attr.Name()].([]any); ok && len(list) > 0 {
		first := list[0]
		for _, v := range list {
			if m, ok := v.(map[string]any); ok && m["primary"] == true {
				first = v
				break
			}
		}
		resource = map[string]any{t.attr.Name(): first}
		t.urn = ""
	}
	values := t.values(resource)
	if len(values) == 0 {
		return "", false
	}
	switch v := values[0].(type) {
	case string:
		return s.fold(t.leaf())(v), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// page cuts the asked page out (section 3.4.2.4).
func (s *Simulator) page(rows []row, q query) map[string]any {
	total := len(rows)
	count := q.count
	if count < 0 {
		if count = s.q.DefaultCount; count == 0 {
			count = total
		}
	}
	count = min(count, s.q.MaxCount)
	start := q.start
	if s.q.IgnoreStartIndex {
		start = 1
	}
	from := min(start-1, total)
	resources := []any{}
	by := map[*kind]choice{s.users: s.users.choose(q.selection), s.groups: s.groups.choose(q.selection)}
	for _, r := range rows[from:min(from+count, total)] {
		resources = append(resources, s.project(r.kind, r.resource, by[r.kind]))
	}
	if s.q.TotalResults == "page" {
		total = len(resources)
	}
	m := map[string]any{"schemas": []string{urnList}, "totalResults": total, "startIndex": q.start, "itemsPerPage": len(resources)}
	if len(resources) > 0 || !s.q.OmitEmptyResources {
		m["Resources"] = resources
	}
	return m
}
