package client_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"usher/identity"
	"usher/internal/httpx"
	"usher/scim"
	"usher/scim/client"
)

// collect returns the ids of all users, joined.
func collect(t *testing.T, c *client.Client) (string, error) {
	t.Helper()
	var ids []string
	for u, err := range client.All[scim.User](t.Context(), c, "/Users", scim.Filter{}) {
		if err != nil {
			return strings.Join(ids, " "), err
		}
		ids = append(ids, u.ID)
	}
	return strings.Join(ids, " "), nil
}

func upTo(n int) string {
	var ids []string
	for k := range n {
		ids = append(ids, strconv.Itoa(k+1))
	}
	return strings.Join(ids, " ")
}

// Everybody comes once, in order, whatever a service does to its totals and
// page sizes, and for no more calls than it takes to know.
func TestAllPagesToTheEnd(t *testing.T) {
	t.Parallel()
	honest := func(n, _ int) int { return n }
	page := func(_, page int) int { return page }
	cases := []struct {
		name  string
		n     int
		most  int
		total func(n, page int) int
		calls int32
	}{
		{"none", 0, 10, honest, 1},
		{"one", 1, 10, honest, 1},
		{"five", 5, 10, honest, 1},
		{"one page", 10, 10, honest, 2},
		{"exact pages", 20, 10, honest, 3},
		{"short last page", 23, 10, honest, 3},
		{"total is the page's size", 23, 10, page, 3},
		{"total is the page's size, one page", 7, 10, page, 1},
		{"total is too large", 23, 10, func(n, _ int) int { return n + 7 }, 4},
		{"total counts what is not there", 0, 10, func(int, int) int { return 1 }, 1},
		{"total is zero", 23, 10, func(int, int) int { return 0 }, 3},
		{"total is zero, short", 3, 10, func(int, int) int { return 0 }, 2},
		{"total is negative", 3, 10, func(int, int) int { return -1 }, 2},
		{"pages cut by the service", 23, 4, honest, 6},
		{"pages cut, total too large", 23, 4, func(n, _ int) int { return n + 1 }, 7},
		{"pages cut to one", 3, 1, honest, 4},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			handler := listing(tc.n, tc.most, tc.total)
			c := serve(t, func(w http.ResponseWriter, r *http.Request) { calls.Add(1); handler(w, r) })
			got, err := collect(t, c)
			if err != nil || got != upTo(tc.n) || calls.Load() != tc.calls {
				t.Errorf("got %s, %v after %d calls; want %s after %d", got, err, calls.Load(), upTo(tc.n), tc.calls)
			}
		})
	}
}

// A service that cuts pages to its own size and gives that for the total hides
// what follows twice over.
func TestPageCutAndTotalIsPage(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(listing(47, 20, func(_, page int) int { return page }))
	defer server.Close()
	c := client.New(httpx.New(nil), client.Options{BaseURL: server.URL, PageSize: 200})
	if got, err := collect(t, c); err != nil || got != upTo(47) {
		t.Errorf("got %s, %v", got, err)
	}
}

// A full page is never the last, whatever its size and total.
func TestFullPageWithItsSizeAsTotal(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(listing(21, 7, func(_, page int) int { return page }))
	defer server.Close()
	c := client.New(httpx.New(nil), client.Options{BaseURL: server.URL, PageSize: 7})
	if got, err := collect(t, c); err != nil || got != upTo(21) {
		t.Errorf("got %s, %v", got, err)
	}
}

// The page size is what is asked for.
func TestPageSize(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]string{0: "100", 7: "7"} {
		var asked []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.URL.Query().Get("startIndex")+"+"+r.URL.Query().Get("count"))
			_, _ = io.WriteString(w, `{"totalResults":0}`)
		}))
		if got, err := collect(t, client.New(httpx.New(nil), client.Options{BaseURL: server.URL, PageSize: size})); err != nil || got != "" {
			t.Errorf("got %s, %v", got, err)
		}
		server.Close()
		if fmt.Sprint(asked) != "[1+"+want+"]" {
			t.Errorf("asked for %v, want %s", asked, want)
		}
	}
}

// ids answers a page of users with these ids.
func ids(w io.Writer, total int, all ...int) {
	resources := []map[string]any{}
	for _, id := range all {
		resources = append(resources, map[string]any{"id": id, "userName": "u"})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"totalResults": total, "Resources": resources})
}

// Services that do not page as they should: an end, or an error, never a
// listing without end and never one that is silently short.
func TestListingsThatMisbehave(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		page  func(w io.Writer, call int) // call counts from 1
		want  string
		code  identity.Code
		calls int
	}{
		{"the same page", func(w io.Writer, _ int) { ids(w, 1000, 1) }, "1", identity.CodeProviderError, 2},
		{"the same full page", func(w io.Writer, _ int) { ids(w, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10) }, upTo(10), identity.CodeProviderError, 2},
		{"two pages in turn", func(w io.Writer, call int) { ids(w, 1000, 1+call%2) }, "2 1", identity.CodeProviderError, 3},
		{"does not page", func(w io.Writer, _ int) { ids(w, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12) }, upTo(12), "", 1},
		{"shifted by one", func(w io.Writer, call int) {
			switch call {
			case 1:
				ids(w, 4, 1, 2)
			case 2:
				ids(w, 4, 2, 3)
			default:
				ids(w, 4)
			}
		}, "1 2 3", "", 3},
		{"one joined meanwhile", func(w io.Writer, call int) {
			switch call {
			case 1:
				ids(w, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
			default:
				ids(w, 11, 10)
			}
		}, upTo(10), "", 2},
		{"twice on a page", func(w io.Writer, _ int) { ids(w, 3, 1, 1, 2) }, "1 2", "", 1},
		{"changing, but the same", func(w io.Writer, call int) {
			_, _ = fmt.Fprintf(w, `{"totalResults":9,"Resources":[{"id":"1","meta":{"version":"%d"}}]}`, call)
		}, "1", identity.CodeProviderError, 2},
		{"without ids", func(w io.Writer, _ int) {
			_, _ = io.WriteString(w, `{"totalResults":9,"Resources":[{"userName":"u"}]}`)
		}, "", identity.CodeProviderError, 2},
		{"no listing", func(w io.Writer, _ int) { _, _ = io.WriteString(w, `{"code":"OUI-1"}`) }, "", identity.CodeProviderError, 1},
		{"no listing later", func(w io.Writer, call int) {
			if call == 1 {
				ids(w, 1000, 1)
				return
			}
			_, _ = io.WriteString(w, `<html>`)
		}, "1", identity.CodeProviderError, 2},
		{"a resource that is none", func(w io.Writer, _ int) { _, _ = io.WriteString(w, `{"totalResults":1,"Resources":["x"]}`) }, "", identity.CodeProviderError, 1},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			got, err := collect(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
				calls++
				tc.page(w, calls)
			}))
			if got != tc.want || identity.CodeOf(err) != tc.code || calls != tc.calls {
				t.Errorf("got %q, %v after %d calls; want %q, %s after %d", got, err, calls, tc.want, tc.code, tc.calls)
			}
		})
	}
}

// Whoever stops listening ends the listing.
func TestListingIsLeft(t *testing.T) {
	t.Parallel()
	calls := 0
	handler := listing(100, 10, func(n, _ int) int { return n })
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { calls++; handler(w, r) })
	n := 0
	for range client.All[scim.User](t.Context(), c, "/Users", scim.Filter{}) {
		if n++; n == 12 {
			break
		}
	}
	if calls != 2 {
		t.Errorf("%d calls for 12 users", calls)
	}
}

func TestListUsers(t *testing.T) {
	t.Parallel()
	c := serve(t, listing(23, 10, func(n, _ int) int { return n }))
	page, err := c.ListUsers(t.Context(), 21, 10)
	if err != nil || page.TotalResults != 23 || page.StartIndex != 21 || len(page.Resources) != 3 || page.Resources[0].ID != "21" {
		t.Errorf("got %+v, %v", page, err)
	}
}
