package ledger

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// Budget is what is recorded of one scope of a vendor's limits: which calls
// count in it, and until when the vendor wants none.
type Budget struct {
	Now         time.Time     // the ledger's; changing it has no effect
	PausedUntil time.Time     // zero: never
	Ahead       time.Duration // how far Now is known to have run ahead of time
	Uses        []BudgetUse   // by class, holder and nth
}

// BudgetUse is a number of calls that count together.
type BudgetUse struct {
	Class  string
	Holder string // who made them, or may make them
	Nth    int64  // tells a holder's uses of a class apart
	Calls  int
	Spare  int // of Calls: not under way
	Until  time.Time
}

const (
	// lockBudget changes nothing and keeps other transactions out of the scope.
	lockBudget = `INSERT INTO budgets (scope, paused_until, ahead) VALUES ($1, NULL, 0)
		ON CONFLICT (scope) DO UPDATE SET ahead = budgets.ahead RETURNING paused_until, ahead`
	readBudget   = `SELECT paused_until, ahead FROM budgets WHERE scope = $1`
	changeBudget = `UPDATE budgets SET paused_until = $2, ahead = $3 WHERE scope = $1`
	readUses     = `SELECT class, holder, nth, calls, spare, ends_at FROM budget_uses
		WHERE scope = $1 ORDER BY class, holder, nth`
	putUse = `INSERT INTO budget_uses (scope, class, holder, nth, calls, spare, ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (scope, class, holder, nth) DO UPDATE SET calls = excluded.calls, spare = excluded.spare, ends_at = excluded.ends_at`
	dropUse = `DELETE FROM budget_uses WHERE scope = $1 AND class = $2 AND holder = $3 AND nth = $4`
)

func budgetStatements() []string {
	return []string{lockBudget, changeBudget, readUses, putUse, dropUse}
}

// Shared tells that other processes may have the ledger open as well.
func (l *Ledger) Shared() bool { return l.db.shared() }

// Instance names this opening of the ledger, as the holder of what it leases.
func (l *Ledger) Instance() string { return l.instance }

// Budget returns what is recorded of a scope, without its uses; nothing for an
// unknown one.
func (l *Ledger) Budget(ctx context.Context, scope string) (*Budget, error) {
	b := &Budget{Now: l.Now()}
	err := b.scan(l.read.row(ctx, readBudget, scope))
	if errors.Is(err, sql.ErrNoRows) {
		return b, nil
	}
	return b, failed("read budget", err)
}

// ChangeBudget lets fn change what is recorded of a scope, in one transaction:
// nobody else changes it meanwhile. fn must not call the Ledger.
func (l *Ledger) ChangeBudget(ctx context.Context, scope string, fn func(*Budget)) error {
	return l.Write(ctx, func(t *Tx) error {
		b := &Budget{Now: t.now}
		if err := b.scan(t.row(lockBudget, scope)); err != nil {
			return failed("lock budget", err)
		}
		rows, err := t.rows(readUses, scope)
		if b.Uses, err = collect(rows, err, scanUse); err != nil {
			return failed("read budget", err)
		}
		was := *b
		was.Uses = slices.Clone(b.Uses)
		fn(b)
		return failed("change budget", t.saveBudget(scope, &was, b))
	})
}

// saveBudget writes what has changed.
func (t *Tx) saveBudget(scope string, was, b *Budget) error {
	if !b.PausedUntil.Equal(was.PausedUntil) || b.Ahead != was.Ahead {
		until := sql.NullInt64{Int64: micros(b.PausedUntil), Valid: !b.PausedUntil.IsZero()}
		if _, err := t.exec(changeBudget, scope, until, b.Ahead.Microseconds()); err != nil {
			return err
		}
	}
	gone := map[BudgetUse]BudgetUse{} // by key, with what is recorded
	for _, u := range was.Uses {
		gone[u.key()] = u
	}
	for _, u := range b.Uses {
		u.Until = instant(u.Until)
		recorded, ok := gone[u.key()]
		delete(gone, u.key())
		if ok && recorded == u {
			continue
		}
		if _, err := t.exec(putUse, scope, u.Class, u.Holder, u.Nth, u.Calls, u.Spare, micros(u.Until)); err != nil {
			return err
		}
	}
	for key := range gone {
		if _, err := t.exec(dropUse, scope, key.Class, key.Holder, key.Nth); err != nil {
			return err
		}
	}
	return nil
}

// key is what tells a use from others.
func (u BudgetUse) key() BudgetUse {
	return BudgetUse{Class: u.Class, Holder: u.Holder, Nth: u.Nth}
}

func (b *Budget) scan(s scanner) error {
	var until sql.NullInt64
	var ahead int64
	if err := s.Scan(&until, &ahead); err != nil {
		return err
	}
	if until.Valid {
		b.PausedUntil = fromMicros(until.Int64)
	}
	b.Ahead = time.Duration(ahead) * time.Microsecond
	return nil
}

func scanUse(s scanner) (u BudgetUse, err error) {
	var until int64
	err = s.Scan(&u.Class, &u.Holder, &u.Nth, &u.Calls, &u.Spare, &until)
	u.Until = fromMicros(until)
	return u, err
}
