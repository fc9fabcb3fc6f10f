package roq_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"usher/sandbox/roq"
)

const listInvites = `query userInvites($filter: UserInviteFilterArgType, $limit: Int, $offset: Int, $order: UserInviteOrderArgType, $search: UserInviteSearchArgType) {
  userInvites(filter: $filter, limit: $limit, offset: $offset, order: $order, search: $search) { data ` + inviteFields + ` totalCount } }`

func emails(a answer, field string) []string {
	out := []string{}
	for n := range a.Len("data", field, "data") {
		out = append(out, a.Text("data", field, "data", n, "email"))
	}
	return out
}

func TestListInvites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invite("a@example.com", "firstName", "Ann", "locale", "de-DE")
	w.clock.Advance(time.Second)
	w.invite("b_b@example.com", "firstName", "Bob")
	w.clock.Advance(time.Second)
	canceled := w.invite("c@example.com", "firstName", "anna")
	w.must(w.byID("cancelUserInvite", canceled))
	w.must(w.sendIn(w.other, w.row("d@example.com")))
	tests := []struct {
		name string
		v    vars
		want []string // a, b, c, d
	}{
		{"all, newest first", nil, []string{"d", "c", "b", "a"}},
		{"email", vars{"filter": vars{"email": vars{"equalTo": "a@example.com"}}}, []string{"a"}},
		{"email is exact", vars{"filter": vars{"email": vars{"equalTo": "A@example.com"}}}, nil},
		{"status is text", vars{"filter": vars{"status": vars{"equalTo": "pending"}}}, []string{"d", "b", "a"}},
		{"unknown status", vars{"filter": vars{"status": vars{"equalTo": "sent"}}}, nil},
		{"not", vars{"filter": vars{"status": vars{"notEqualTo": "pending"}}}, []string{"c"}},
		{"in", vars{"filter": vars{"status": vars{"valueIn": []string{"canceled", "expired"}}}}, []string{"c"}},
		{"one for a list", vars{"filter": vars{"status": vars{"valueIn": "canceled"}}}, []string{"c"}},
		{"not in", vars{"filter": vars{"email": vars{"valueNotIn": []string{"a@example.com", "d@example.com"}}}}, []string{"c", "b"}},
		{"like", vars{"filter": vars{"email": vars{"like": "_@%"}}}, []string{"d", "c", "a"}},
		{"like, escaped", vars{"filter": vars{"email": vars{"like": `b\_b%`}}}, []string{"b"}},
		{"like knows case", vars{"filter": vars{"firstName": vars{"like": "ann%"}}}, []string{"c"}},
		{"iLike does not", vars{"filter": vars{"firstName": vars{"iLike": "ann%"}}}, []string{"c", "a"}},
		{"no dot means any letter", vars{"filter": vars{"email": vars{"like": "a.example.com"}}}, nil},
		{"and", vars{"filter": vars{"firstName": vars{"iLike": "ann%"}, "status": vars{"equalTo": "pending"}}}, []string{"a"}},
		{"tenant", vars{"filter": vars{"tenantId": vars{"equalTo": w.other}}}, []string{"d"}},
		{"ids", vars{"filter": vars{"id": vars{"valueIn": []string{canceled}}}}, []string{"c"}},
		{"null", vars{"filter": vars{"locale": vars{"equalTo": nil}}}, []string{"d", "c", "b"}},
		{"not null", vars{"filter": vars{"locale": vars{"notEqualTo": nil}}}, []string{"a"}},
		{"null is not unequal", vars{"filter": vars{"locale": vars{"notEqualTo": "en-US"}}}, []string{"a"}},
		{"nobody accepted", vars{"filter": vars{"acceptedByUserId": vars{"equalTo": nil}}}, []string{"d", "c", "b", "a"}},
		{"search", vars{"search": vars{"key": "firstName", "value": "nn"}}, []string{"c", "a"}},
		{"search knows case", vars{"search": vars{"key": "firstName", "value": "Ann"}}, []string{"a"}},
		{"ascending", vars{"order": vars{"sort": "email", "order": "ASC"}}, []string{"a", "b", "c", "d"}},
		{"descending", vars{"order": vars{"sort": "status", "order": "DESC"}}, []string{"d", "b", "a", "c"}},
		{"null is last", vars{"order": vars{"sort": "locale", "order": "ASC"}}, []string{"a", "b", "c", "d"}},
		{"null is first", vars{"order": vars{"sort": "locale", "order": "DESC"}}, []string{"d", "c", "b", "a"}},
		{"first page", vars{"limit": 2}, []string{"d", "c"}},
		{"by rows", vars{"limit": 2, "offset": 1}, []string{"c", "b"}},
		{"past the end", vars{"limit": 2, "offset": 9}, nil},
		{"limit 0 is the cap", vars{"limit": 0}, []string{"d", "c", "b", "a"}},
	}
	for _, test := range tests {
		a := w.must(w.do(listInvites, test.v))
		got := emails(a, "userInvites")
		for n := range got {
			got[n] = got[n][:1]
		}
		if !slices.Equal(got, append([]string{}, test.want...)) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
		total := float64(len(test.want))
		if test.v["limit"] != nil {
			total = 4
		}
		if a.At("data", "userInvites", "totalCount") != total {
			t.Errorf("%s: total %v", test.name, a.At("data", "userInvites", "totalCount"))
		}
	}
	w.refused(w.do(listInvites, vars{"offset": -1}), 500, "INTERNAL_ERROR")
	w.quirks(func(q *roq.Quirks) { q.ListCap, q.SearchIgnoresCase = 1, true })
	if a := w.must(w.do(listInvites, vars{"limit": 3, "search": vars{"key": "firstName", "value": "ANN"}})); a.Len("data", "userInvites", "data") != 1 || a.At("data", "userInvites", "totalCount") != 2.0 {
		t.Error(a.Raw)
	}
}

// Rows of the same millisecond keep an order, or paging would lose some.
func TestPagingLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 30 {
		w.invite(fmt.Sprintf("p%02d@example.com", n))
	}
	seen := map[string]bool{}
	for offset := 0; offset < 30; offset += 7 {
		for _, e := range emails(w.must(w.do(listInvites, vars{"limit": 7, "offset": offset})), "userInvites") {
			seen[e] = true
		}
	}
	if len(seen) != 30 {
		t.Errorf("%d of 30", len(seen))
	}
}

func TestListRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, one := range map[string]vars{
		"sort of the docs": {"order": vars{"sort": "CREATED_AT", "order": "ASC"}},
		"search by email":  {"search": vars{"key": "email", "value": "a"}},
		"filter by date":   {"filter": vars{"createdAt": vars{"equalTo": "2023-10-27T00:14:36.900Z"}}},
		"limit as text":    {"limit": "5"},
		"half a limit":     {"limit": 1.5},
	} {
		if a := w.refused(w.do(listInvites, one), 400, "GRAPHQL_VALIDATION_FAILED"); a.Status != 400 {
			t.Errorf("%s: %d", name, a.Status)
		}
	}
	for _, query := range []string{`{`, ``, `{userInvites{nope}}`, `query a{isTenantsActive} query b{isTenantsActive}`, `{tenants(search:{}){totalCount}}`, `subscription{x}`, `{userInvites}`} {
		if a := w.do(query, nil); a.Status != 400 || a.At("data") != nil {
			t.Errorf("%q: %d %s", query, a.Status, a.Raw)
		}
	}
	w.quirks(func(q *roq.Quirks) { q.ValidationStatus, q.VariableErrorCode = 200, "BAD_USER_INPUT" })
	if a := w.do(listInvites, vars{"limit": "5"}); a.Status != 200 || a.Text("errors", 0, "extensions", "code") != "BAD_USER_INPUT" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	w.quirks(func(q *roq.Quirks) { q.ErrorStatusAsHTTP = true })
	if a := w.byID("userInvite", "0b0e2f3a-9c1d-4e5f-8a7b-1c2d3e4f5a6b"); a.Status != 404 || a.Text("errors", 0, "extensions", "code") != "NOT_FOUND" {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
}
