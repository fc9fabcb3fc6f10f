package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"usher/identity"
)

// Invites returns an organization's invites, newest first: by CreatedAt, then
// by id, both falling. What is inserted meanwhile neither hides nor repeats
// what was there.
func (l *Ledger) Invites(ctx context.Context, q InviteQuery) ([]identity.Invite, error) {
	text, args := q.sql()
	rows, err := l.read.rows(ctx, text, args...)
	all, err := collect(rows, err, scanInvite)
	return all, failed("list invites", err)
}

// list builds a statement. There are not many different ones, so that each is
// prepared once.
type list struct {
	args []any
}

// arg adds a value and returns its placeholder.
func (b *list) arg(v any) string {
	b.args = append(b.args, v)
	return fmt.Sprintf("$%d", len(b.args))
}

// sql walks one index in the list's order and stops at the limit. For states
// it walks one for each state and merges: a rare state among many invites
// costs no more than a common one.
func (q *InviteQuery) sql() (string, []any) {
	var b list
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	tail := ` LIMIT ` + b.arg(limit)
	wanted := compactStates(q.States)
	if q.Role != "" || q.EmailKey != "" || len(wanted) <= 1 {
		return q.branch(&b, wanted) + tail, b.args
	}
	branches := make([]string, len(wanted))
	for n, state := range wanted {
		branches[n] = `SELECT * FROM (` + q.branch(&b, []identity.State{state}) + tail + `) s` + fmt.Sprint(n)
	}
	return strings.Join(branches, ` UNION ALL `) + ` ORDER BY created_at DESC, id DESC` + tail, b.args
}

// branch is the query for some states, without its limit.
func (q *InviteQuery) branch(b *list, wanted []identity.State) string {
	from, organization, created, id := `invites i`, `i.organization_id`, `i.created_at`, `i.id`
	var where []string
	if q.Role != "" {
		from = `invite_roles r JOIN invites i ON i.id = r.invite_id`
		organization, created, id = `r.organization_id`, `r.created_at`, `r.invite_id`
		where = append(where, `r.role = `+b.arg(q.Role))
	}
	where = append(where, organization+` = `+b.arg(q.OrganizationID))
	if q.EmailKey != "" {
		where = append(where, `i.email_key = `+b.arg(q.EmailKey))
	}
	if len(wanted) > 0 {
		marks := make([]string, len(wanted))
		for n, state := range wanted {
			marks[n] = b.arg(string(state))
		}
		where = append(where, `i.state IN (`+strings.Join(marks, `, `)+`)`)
	}
	if q.CreatedAfter != nil {
		where = append(where, created+` > `+b.arg(micros(*q.CreatedAfter)))
	}
	if q.Before != nil {
		where = append(where, `(`+created+`, `+id+`) < (`+b.arg(micros(q.Before.CreatedAt))+`, `+b.arg(q.Before.ID)+`)`)
	}
	return `SELECT ` + inviteColumns + ` FROM ` + from + ` WHERE ` + strings.Join(where, ` AND `) +
		` ORDER BY ` + created + ` DESC, ` + id + ` DESC`
}

// compactStates drops what is repeated; all states are the same as none.
func compactStates(given []identity.State) []identity.State {
	var wanted []identity.State
	for _, s := range given {
		if !slices.Contains(wanted, s) {
			wanted = append(wanted, s)
		}
	}
	for _, s := range identity.States() {
		if !slices.Contains(wanted, s) {
			return wanted
		}
	}
	return nil
}
