package ledger

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"usher/identity"
)

const insertMember = `INSERT INTO members (id, organization_id, connection, provider_id, created_at)
	VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`

func memberStatements() []string { return []string{insertMember} }

// MapMembers is Tx.MapMembers in a transaction of its own, which is needed only
// where a member was not seen before.
func (l *Ledger) MapMembers(ctx context.Context, orgID, connection string, members []identity.Member) error {
	if err := ctx.Err(); err != nil {
		return failed("map members", err)
	}
	key := func(m identity.Member) string { return orgID + "\n" + connection + "\n" + m.ProviderID }
	missing, stamp := false, uint64(0)
	for n := range members {
		id, ok, at := l.kept.members.get(key(members[n]))
		members[n].ID, missing, stamp = id, missing || !ok, at
	}
	if !missing {
		return nil
	}
	known := make(map[string]string, len(members))
	for some := range slices.Chunk(members, chunk) {
		query, args := membersByProviderID(orgID, connection, some)
		rows, err := l.read.few(ctx, query, args...)
		if err := collectMembers(rows, err, known); err != nil {
			return failed("map members", err)
		}
	}
	for n := range members {
		if members[n].ID = known[members[n].ProviderID]; members[n].ID != "" {
			l.kept.members.put(key(members[n]), members[n].ID, stamp)
		}
	}
	if !slices.ContainsFunc(members, func(m identity.Member) bool { return m.ID == "" }) {
		return nil
	}
	return l.Write(ctx, func(t *Tx) error { return t.MapMembers(orgID, connection, members) })
}

// MapMembers fills in usher's id of each member, by the vendor's id within the
// organization and connection, and mints ids for those not seen before. Codes:
// not_found for an unknown organization.
func (t *Tx) MapMembers(orgID, connection string, members []identity.Member) error {
	const op = "map members"
	known := make(map[string]string, len(members))
	for some := range slices.Chunk(members, chunk) {
		if err := t.knownMembers(orgID, connection, some, known); err != nil {
			return failed(op, err)
		}
	}
	for n := range members {
		m := &members[n]
		if m.ProviderID == "" {
			return failed(op, errors.New("a member without the provider's id"))
		}
		if known[m.ProviderID] == "" {
			id := identity.NewID(identity.PrefixMember)
			added, err := t.exec(insertMember, id, orgID, connection, m.ProviderID, micros(t.now))
			if err != nil {
				return failed(op, err)
			}
			if added == 0 {
				return failed(op, errors.New("a member was recorded by another request at the same time"))
			}
			known[m.ProviderID] = id
		}
	}
	for n := range members {
		members[n].ID = known[members[n].ProviderID]
	}
	return nil
}

func (t *Tx) knownMembers(orgID, connection string, members []identity.Member, known map[string]string) error {
	if err := t.caller.Err(); err != nil {
		return err
	}
	query, args := membersByProviderID(orgID, connection, members)
	if t.led.write.foreign(args) {
		return errForeign
	}
	rows, err := t.tx.QueryContext(t.ctx, query, args...)
	return collectMembers(rows, t.spoiled(err), known)
}

// membersByProviderID looks some members up, a chunk at most. The last one is
// asked for several times, so that there are few texts and each stays prepared.
func membersByProviderID(orgID, connection string, members []identity.Member) (string, []any) {
	args := []any{orgID, connection}
	for _, m := range members {
		args = append(args, m.ProviderID)
	}
	size := 10
	for _, larger := range []int{50, 100, 200, chunk} {
		if size < len(members) {
			size = larger
		}
	}
	for n := len(members); n < size; n++ {
		args = append(args, args[len(args)-1])
	}
	return `SELECT provider_id, id FROM members
		WHERE organization_id = $1 AND connection = $2 AND provider_id IN (` + placeholders(3, size) + `)`, args
}

func collectMembers(rows *sql.Rows, err error, known map[string]string) error {
	_, err = collect(rows, err, func(s scanner) (struct{}, error) {
		var providerID, id string
		err := s.Scan(&providerID, &id)
		known[providerID] = id
		return struct{}{}, err
	})
	return err
}
