package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"math"
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

// Fill leaves the SQLite file no room for more than it has; room gives it back.
func (l *Ledger) Fill(ctx context.Context) (room func() error, err error) {
	set := func(pages int64) error {
		_, err := l.writer.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages))
		return err
	}
	var pages int64
	if err := l.writer.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages); err != nil {
		return nil, err
	}
	return func() error { return set(math.MaxUint32 - 1) }, set(pages)
}

// Look compares who lives with those who did.
func (l *Ledger) Look(ctx context.Context, lived string) {
	l.look(ctx, &watch{living: map[string]int64{lived: 0}})
}

// Refuse has everybody refused with err who has begun to wait before a time.
func (l *Ledger) Refuse(err error, before time.Time) { l.turn.refused = refusal{at: before, err: err} }

// Linger lets what nobody waits for go uncommitted for so long.
func (l *Ledger) Linger(d time.Duration) { l.turn.late = d }

// InviteByID reads an invite.
const InviteByID = inviteByID

// Writer is the writer's connection to a Postgres that has a ledger, with plans
// that may become so old.
func Writer(url string, replan time.Duration) (*sql.DB, error) {
	d, err := parsePostgres(url)
	if err != nil {
		return nil, err
	}
	d.(*server).replan = replan
	return d.connect(modeWrite, 1)
}
