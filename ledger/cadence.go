package ledger

import "context"

// pendingOrganizations jumps from one organization to the next in the index
// invites_pending, whatever number of invites they have.
const pendingOrganizations = `WITH RECURSIVE walk(id) AS (
		SELECT (SELECT MIN(organization_id) FROM invites WHERE state = 'pending' AND organization_id > $1)
		UNION ALL
		SELECT (SELECT MIN(organization_id) FROM invites WHERE state = 'pending' AND organization_id > walk.id) FROM walk WHERE walk.id IS NOT NULL
	) SELECT id FROM walk WHERE id IS NOT NULL LIMIT $2`

// PendingOrganizations returns the ids of organizations with pending invites,
// in their order, after one.
func (l *Ledger) PendingOrganizations(ctx context.Context, after string, limit int) ([]string, error) {
	rows, err := l.read.rows(ctx, pendingOrganizations, after, limit)
	ids, err := collect(rows, err, func(s scanner) (id string, err error) { return id, s.Scan(&id) })
	return ids, failed("list organizations with pending invites", err)
}
