package ledger

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"usher/identity"
)

func opened(t *testing.T) *Ledger {
	t.Helper()
	url := "sqlite:" + t.TempDir() + "/usher.db"
	if _, err := Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	l, err := Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestConnections(t *testing.T) {
	t.Parallel()
	l := opened(t)
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000", "query_only": "0",
		"temp_store": "2", "wal_autocheckpoint": "0",
	} {
		var got string
		if err := l.writer.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("writer: %s is %s, %v, want %s", pragma, got, err, want)
		}
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "10000", "query_only": "1"} {
		var got string
		if err := l.read.db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("readers: %s is %s, %v, want %s", pragma, got, err, want)
		}
	}
	if got := l.writer.Stats().MaxOpenConnections; got != 1 {
		t.Errorf("%d writers", got)
	}
	if _, err := l.read.db.ExecContext(t.Context(), "DELETE FROM organizations"); err == nil {
		t.Error("a reader may write")
	}
}

// TestPlans looks for statements that walk through a table instead of an
// index, and for lists that sort more than the page.
func TestPlans(t *testing.T) {
	t.Parallel()
	l := opened(t)
	lists := map[string]bool{
		organizationsOfConnection: true, uncertainInvites: true, batchList: true, countBatch: true, batchItems: true, batchItemsOf: true, queuedRows: true, receivedRows: true, failedRows: true,
	}
	for _, q := range queries() {
		text, _ := q.sql()
		lists[text] = len(q.States) < 2
	}
	walk := regexp.MustCompile(`^SCAN [a-z_]+( |$)`)
	for _, text := range Texts() {
		for _, step := range plan(t, l, text) {
			if walk.MatchString(step) && step != "SCAN CONSTANT ROW" && step != "SCAN instances" || lists[text] && strings.Contains(step, "TEMP B-TREE") {
				t.Errorf("%s\n\t%s", step, text)
			}
		}
	}
}

// A list's index is found among others only where the planner is not misled.
func TestPlanOfChosenIndex(t *testing.T) {
	t.Parallel()
	l := opened(t)
	byRole, _ := (&InviteQuery{Role: "r", Before: &InvitePosition{}}).sql()
	byState, _ := (&InviteQuery{States: []identity.State{"failed"}, Before: &InvitePosition{}}).sql()
	byAddress, _ := (&InviteQuery{EmailKey: "e", Before: &InvitePosition{}}).sql()
	for text, index := range map[string]string{
		byRole: "invite_roles_list", byState: "invites_state", byAddress: "invites_address",
		inviteLive: "invites_live", inviteLatest: "invites_address", inviteByProviderID: "invites_provider",
		expiredInvites: "invites_pending", expiredInviteOfAddress: "invites_live", uncertainInvites: "invites_unsettled",
		endedInvites:              "invites_ended",
		organizationsOfConnection: "organizations_connection", pruneKeys: "idempotency_age",
		receivedRows: "batch_rows_outcome", queuedRows: "batch_rows_outcome", failedRows: "batch_rows_outcome",
		unsettledRows: "batch_rows_outcome", unsentRows: "batch_rows_outcome", countBatch: "batch_rows_outcome",
	} {
		if steps := strings.Join(plan(t, l, text), "; "); !regexp.MustCompile(`INDEX ` + index + `\b`).MatchString(steps) {
			t.Errorf("%s, want index %s:\n\t%s", steps, index, text)
		}
	}
}

func plan(t *testing.T, l *Ledger, text string) []string {
	t.Helper()
	highest := 0
	for n := 1; n <= 40; n++ {
		if regexp.MustCompile(`\$` + placeholders(n, 1)[1:] + `\b`).MatchString(text) {
			highest = n
		}
	}
	args := make([]any, highest)
	for n := range args {
		args[n] = 1
	}
	rows, err := l.writer.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
	steps, err := collect(rows, err, func(s scanner) (step string, err error) {
		var id, parent, unused int
		return step, s.Scan(&id, &parent, &unused, &step)
	})
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return steps
}

// A statement that nobody has prepared is a mistake, and is found by whatever
// test touches it.
func TestUnpreparedStatement(t *testing.T) {
	t.Parallel()
	l := opened(t)
	err := l.Write(t.Context(), func(tx *Tx) error {
		_, err := tx.exec("DELETE FROM organizations")
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "not a prepared statement") {
		t.Errorf("got %v", err)
	}
}

// Key ids must stay what they are: another hash would repeat every request
// that is under a key today.
func TestKeyID(t *testing.T) {
	t.Parallel()
	k := IdempotencyKey{Issuer: "i", Subject: "s", Organization: "o", Method: "POST", Path: "/v1", Key: "k"}
	const want = "6cedaae55b2a35841e78fcd0b2a242168b8849593a2d62486f7d9ced9aefd621"
	if got := k.id(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWriteAfterPanicIsFit(t *testing.T) {
	t.Parallel()
	l := opened(t)
	func() {
		defer func() { _ = recover() }()
		_ = l.Write(t.Context(), func(*Tx) error { panic("boom") })
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := l.Write(ctx, func(*Tx) error { return nil }); err != nil {
		t.Errorf("the writer was not given back: %v", err)
	}
}
