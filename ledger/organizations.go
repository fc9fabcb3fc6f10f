package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"usher/identity"
)

// defaultLimit is a page's size where none is asked for.
const defaultLimit = 50

// chunk is how many values one statement is given at most.
const chunk = 500

const organizationsOfConnection = `SELECT ` + organizationColumns + ` FROM organizations o
	WHERE o.connection = $1 AND o.id > $2 ORDER BY o.id LIMIT $3`

// Organizations returns a page of the organizations that an access allows,
// ordered by id. Page.Next is the last one's id, or empty at the end.
//
// Each part of the access is a look-up in an index that ends with the page, so
// the time depends on the page and on how many organizations are named one by
// one, not on how many there are.
func (l *Ledger) Organizations(ctx context.Context, q OrganizationQuery) (*identity.Page[identity.Organization], error) {
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	var found []identity.Organization
	for _, p := range parts(q.Access) {
		some, err := l.organizationsOf(ctx, p, q.After, limit+1)
		if err != nil {
			return nil, failed("list organizations", err)
		}
		found = append(found, some...)
	}
	slices.SortFunc(found, func(a, b identity.Organization) int { return cmp.Compare(a.ID, b.ID) })
	found = slices.CompactFunc(found, func(a, b identity.Organization) bool { return a.ID == b.ID })
	page := &identity.Page[identity.Organization]{Items: found}
	if len(found) > limit {
		page.Items = found[:limit]
		page.Next = found[limit-1].ID
	}
	return page, nil
}

// part is one condition of an access: all organizations of a connection, or
// those whose column has one of the values, which are sorted.
type part struct {
	connection string
	column     string // "" means all
	values     []string
}

// parts takes an access apart. What one part covers wholly is in no other.
func parts(a identity.Access) []part {
	var all []part
	whole := map[string]bool{}
	for _, r := range a.Rules {
		if r.All && !whole[r.Connection] {
			whole[r.Connection] = true
			all = append(all, part{connection: r.Connection})
		}
	}
	type key struct{ connection, column string }
	named := map[key][]string{}
	add := func(connection, column, value string) {
		if k := (key{connection, column}); value != "" && !whole[connection] {
			named[k] = append(named[k], value)
		}
	}
	for _, c := range a.Claimed {
		add(c.Connection, "provider_id", c.ProviderID)
	}
	for _, r := range a.Rules {
		for _, ref := range r.Organizations {
			add(r.Connection, "id", ref)
			if !strings.HasPrefix(ref, identity.PrefixOrganization) { // no slug begins so
				add(r.Connection, "slug", ref)
			}
		}
	}
	for k, values := range named {
		slices.Sort(values)
		all = append(all, part{connection: k.connection, column: k.column, values: slices.Compact(values)})
	}
	return all
}

// organizationsOf returns the organizations of a part behind a place, not
// necessarily in order, and among them the first ones up to the limit.
func (l *Ledger) organizationsOf(ctx context.Context, p part, after string, limit int) ([]identity.Organization, error) {
	if p.column == "" {
		rows, err := l.read.rows(ctx, organizationsOfConnection, p.connection, after, limit)
		return collect(rows, err, scanOrganization)
	}
	values := slices.DeleteFunc(slices.Clone(p.values), func(v string) bool { return !l.read.holds(v) })
	if p.column == "id" { // sorted like the list: what is before the page need not be asked for
		start, _ := slices.BinarySearch(values, after)
		values = values[start:]
	}
	var found []identity.Organization
	for some := range slices.Chunk(values, chunk) {
		more, err := l.organizationsIn(ctx, p.connection, p.column, some)
		if err != nil {
			return nil, err
		}
		for _, o := range more {
			if o.ID > after && o.Connection == p.connection {
				found = append(found, o)
			}
		}
		if p.column == "id" && len(found) >= limit { // nor what is behind it
			break
		}
	}
	return found, nil
}

// organizationsIn looks values of a column up. It asks for no more than that:
// an order, a limit or a connection would tempt the planner to walk through
// the connection's organizations instead. A provider id alone is no index.
func (l *Ledger) organizationsIn(ctx context.Context, connection, column string, values []string) ([]identity.Organization, error) {
	var args []any
	for _, v := range values {
		args = append(args, v)
	}
	where := `o.` + column + ` IN (` + placeholders(1, len(values)) + `)`
	if column == "provider_id" {
		args = append(args, connection)
		where += ` AND o.connection = $` + strconv.Itoa(len(args))
	}
	text := `SELECT ` + organizationColumns + ` FROM organizations o WHERE ` + where
	rows, err := reread(ctx, l.read, func() (*sql.Rows, error) { return l.read.db.QueryContext(ctx, text, args...) })
	return collect(rows, err, scanOrganization)
}

// placeholders returns "$4, $5, $6" for first 4 and n 3.
func placeholders(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(first + i))
	}
	return b.String()
}
