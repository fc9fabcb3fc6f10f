package ledger

import (
	"context"
	"time"

	"usher/identity"
)

// Texts are the statements that are not put together for each call, and lists of
// invites as they are asked for.
func Texts() []string {
	texts := append(writeStatements(), organizationByRef, organizationsOfConnection, eventsOfInvite, readSteps,
		interruptedInvites, uncertainInvites, endedInvites, livingOthers,
		batchByID, batchList, openBatches, countBatch, batchItems, batchItemsOf, queuedItems, staleUploads)
	for _, q := range queries() {
		text, _ := q.sql()
		texts = append(texts, text)
	}
	return texts
}

// queries are lists of invites by every filter.
func queries() []InviteQuery {
	at := time.Now()
	return []InviteQuery{
		{}, {Role: "r"}, {EmailKey: "e"}, {CreatedAfter: &at}, {Before: &InvitePosition{}},
		{States: []identity.State{"failed"}}, {States: []identity.State{"failed", "queued"}},
		{States: []identity.State{"failed", "queued"}, Before: &InvitePosition{}, CreatedAfter: &at},
		{States: []identity.State{"failed", "queued"}, Role: "r", Before: &InvitePosition{}},
		{States: []identity.State{"failed", "queued"}, EmailKey: "e", Role: "r", Before: &InvitePosition{}, CreatedAfter: &at},
	}
}

// Setting is what the writer's connection, or a reader's, has a server's setting
// at.
func (l *Ledger) Setting(ctx context.Context, name string, writer bool) (value string, err error) {
	db := l.read.db
	if writer {
		db = l.writer
	}
	err = db.QueryRowContext(ctx, `SELECT current_setting($1)`, name).Scan(&value)
	return value, err
}
