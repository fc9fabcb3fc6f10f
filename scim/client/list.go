package client

import (
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"usher/identity"
	"usher/scim"
)

// Query selects one page. The zero value asks for the service's first page.
type Query struct {
	Filter            scim.Filter
	StartIndex, Count int // 0: not sent
	Attributes        []string
}

func (q Query) values() url.Values {
	v := url.Values{}
	if f := q.Filter.String(); f != "" {
		v.Set("filter", f)
	}
	if q.StartIndex > 0 {
		v.Set("startIndex", strconv.Itoa(q.StartIndex))
	}
	if q.Count > 0 {
		v.Set("count", strconv.Itoa(q.Count))
	}
	if len(q.Attributes) > 0 {
		v.Set("attributes", strings.Join(q.Attributes, ","))
	}
	return v
}

// List returns one page of the resources below path, e.g. "/Users".
func List[T any](ctx context.Context, c *Client, path string, q Query) (*scim.ListResponse[T], error) {
	page := &scim.ListResponse[T]{}
	err := c.call(ctx, call{op: opList, method: http.MethodGet, path: path, query: q.values(), into: page, wanted: []int{http.StatusOK}})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// ListUsers returns one page of users, from startIndex, which counts from 1.
func (c *Client) ListUsers(ctx context.Context, startIndex, count int) (*scim.ListResponse[scim.User], error) {
	return List[scim.User](ctx, c, usersPath, Query{StartIndex: startIndex, Count: count})
}

const opList = "list"

// All yields every resource below path that the filter selects, page by page.
// Where it ends is decided by what comes, not by what the service says its
// total is: services send the page's size for it, or more than there is. A
// resource that came on the page before is not yielded again. A service that
// repeats a page ends the listing with provider_error. Where attributes are
// named, those and the id are asked for alone.
func All[T any](ctx context.Context, c *Client, path string, f scim.Filter, attributes ...string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		p := pager{asked: c.options.PageSize, start: 1, seen: map[uint64]bool{}, seed: maphash.MakeSeed()}
		for !p.done {
			page, err := List[json.RawMessage](ctx, c, path, Query{Filter: f, StartIndex: p.start, Count: p.asked, Attributes: attributes})
			if err != nil {
				yield(zero, err)
				return
			}
			fresh, err := p.turn(page)
			if err != nil {
				yield(zero, err)
				return
			}
			for _, raw := range fresh {
				var resource T
				if err := json.Unmarshal(raw, &resource); err != nil {
					yield(zero, listError("a resource cannot be read"))
					return
				}
				if !yield(resource, nil) {
					return
				}
			}
		}
	}
}

func listError(detail string) error {
	return &Error{Op: opList, Status: http.StatusOK, Detail: detail, code: identity.CodeProviderError}
}

// maxPages bounds a listing against a service that has no end.
const maxPages = 100_000

// pager keeps the place in a listing.
type pager struct {
	asked, start int
	pages        int
	largest      int // most resources on one page so far
	done         bool
	before       map[string]bool // keys of the resources on the page before
	seen         map[uint64]bool // fingerprints of all pages
	seed         maphash.Seed
}

// turn takes in a page and returns what is new on it.
func (p *pager) turn(page *scim.ListResponse[json.RawMessage]) ([]json.RawMessage, error) {
	got := len(page.Resources)
	if got == 0 {
		p.done = true
		return nil, nil
	}
	var hash maphash.Hash
	hash.SetSeed(p.seed)
	keys := make(map[string]bool, got)
	var fresh []json.RawMessage
	for _, raw := range page.Resources {
		key := idOf(raw)
		if key == "" {
			key = string(raw)
		}
		_, _ = hash.WriteString(strconv.Quote(key))
		if !p.before[key] && !keys[key] {
			fresh = append(fresh, raw)
		}
		keys[key] = true
	}
	p.pages++
	fingerprint := hash.Sum64()
	if p.seen[fingerprint] || p.pages > maxPages {
		return nil, listError("the listing does not come to an end: the service repeats itself")
	}
	p.seen[fingerprint] = true
	p.start += got
	p.done = p.last(page.TotalResults, got)
	p.before, p.largest = keys, max(p.largest, got)
	return fresh, nil
}

// last decides whether a page with resources was the last one.
//
//   - A service that gave more than it was asked for does not page; all that
//     its total counts has come.
//   - A full page is not the last: the total may be the page's size.
//   - Nor is a page after which the total has not been reached. It may be
//     more than there is; then the next page is empty.
//   - A page smaller than one before is the last. One of the same size may
//     have been cut to a size of the service's own.
//   - The first page, smaller than asked for, is the last if it holds the
//     total. A total below that is no total, and one that is a round number
//     may be the service's own page size: both are worth asking once more.
func (p *pager) last(total, got int) bool {
	const round, least = 5, 10 // what the page sizes of services are multiples of, and the least of them
	switch reached := p.start > total; {
	case got > p.asked:
		return total == got && p.largest == 0
	case got == p.asked, !reached:
		return false
	case p.largest > 0:
		return got < p.largest
	default:
		return total == got && (got%round != 0 || got < least)
	}
}

// FindUsers returns the users that a filter selects, all of them. A filter
// that selects everybody is refused; that is what All is for. What comes is
// what the service found, not yet what was meant: compare.
func (c *Client) FindUsers(ctx context.Context, f scim.Filter) ([]scim.User, error) {
	if f.String() == "" {
		return nil, &identity.Error{Code: identity.CodeInternal, Op: "find users", Err: errors.New("scim: the filter is empty")}
	}
	var all []scim.User
	for user, err := range All[scim.User](ctx, c, usersPath, f) {
		if err != nil {
			return nil, err
		}
		all = append(all, user)
	}
	return all, nil
}
