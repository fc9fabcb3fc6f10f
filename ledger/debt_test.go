package ledger_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
	"usher/ledger/ledgertest"
)

// bulky is an invite that takes more room than any page has left.
func bulky(o *identity.Organization, email string) *identity.Invite {
	i := draft(o, email)
	i.Message = strings.Repeat("x", 100_000)
	return i
}

// A file that cannot grow refuses what takes room and says what to do; reading goes
// on, nothing that was there is lost, and what has to be recorded is, once there is
// room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	l := open(t, url, nil)
	o := organization(t, l)
	if err := insert(t, l, o, "before@example.com"); err != nil {
		t.Fatal(err)
	}
	room, err := l.Fill(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	write := func(email string) func(*ledger.Tx) error {
		return func(tx *ledger.Tx) error { return tx.InsertInvite(bulky(o, email)) }
	}
	full := func(what string, err error) {
		t.Helper()
		known, ok := errors.AsType[*ledger.DatabaseError](err)
		if !ok || known.Problem != "cannot grow" || known.Remedy != "make room on its disk" || !ledger.Passes(err) || identity.CodeOf(err) != identity.CodeInternal {
			t.Errorf("%s: %v", what, err)
		}
	}
	full("write", l.Write(t.Context(), write("refused@example.com")))
	full("write ahead", l.WriteAhead(t.Context(), write("ahead@example.com")))
	var owed, settled, tries atomic.Int32
	mark := func() func() { owed.Add(1); return func() { settled.Add(1) } }
	full("persist", l.Persist(t.Context(), func(tx *ledger.Tx) error {
		tries.Add(1)
		return write("owed@example.com")(tx)
	}, mark))
	full("persist ahead", l.PersistAhead(t.Context(), write("owed-ahead@example.com"), mark))
	if owed.Load() != 2 {
		t.Errorf("%d are owed", owed.Load())
	}
	eventually(t, "trying again", func() error {
		if tries.Load() < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if got := emails(t, l, o); len(got) != 1 || got["before@example.com"] != 1 {
		t.Errorf("recorded: %v", got)
	}
	if settled.Load() != 0 {
		t.Error("settled without room")
	}
	if err := room(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "recording what was owed", func() error {
		if settled.Load() != 2 {
			return errors.New("owed still")
		}
		return nil
	})
	got := emails(t, l, o)
	if len(got) != 3 || got["before@example.com"] != 1 || got["owed@example.com"] != 1 || got["owed-ahead@example.com"] != 1 {
		t.Errorf("recorded: %v", got)
	}
}

// What is owed when the ledger is closed is written then, and if it cannot be, who
// waits for it is told.
func TestOwedAtTheEnd(t *testing.T) {
	t.Parallel()
	for name, there := range map[string]bool{"with room": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := fresh(t)
			l := open(t, url, nil)
			o := organization(t, l)
			room, err := l.Fill(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			settled := make(chan struct{})
			err = l.Persist(t.Context(), func(tx *ledger.Tx) error { return tx.InsertInvite(bulky(o, "owed@example.com")) },
				func() func() { return func() { close(settled) } })
			if !ledger.Passes(err) {
				t.Fatalf("got %v", err)
			}
			if there {
				err = room()
			} else {
				err = nil
			}
			if err := errors.Join(err, l.Close()); err != nil {
				t.Fatal(err)
			}
			<-settled
			want := 0
			if there {
				want = 1
			}
			if got := emails(t, open(t, url, nil), o); got["owed@example.com"] != want {
				t.Errorf("recorded: %v", got)
			}
		})
	}
}

// What refuses by itself is not owed.
func TestNothingIsOwed(t *testing.T) {
	t.Parallel()
	l := open(t, fresh(t), nil)
	o := organization(t, l)
	owed := func() func() { t.Error("owed"); return func() {} }
	wrong := errors.New("wrong")
	for _, persist := range []func(context.Context, func(*ledger.Tx) error, func() func()) error{l.Persist, l.PersistAhead} {
		if err := persist(t.Context(), func(*ledger.Tx) error { return wrong }, owed); !errors.Is(err, wrong) || ledger.Passes(err) {
			t.Errorf("got %v", err)
		}
		err := persist(t.Context(), func(tx *ledger.Tx) error { return tx.InsertInvite(draft(o, identity.NewID("")+"@example.com")) }, owed)
		if err != nil {
			t.Error(err)
		}
	}
	if err := l.Write(t.Context(), func(*ledger.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if got := emails(t, l, o); len(got) != 2 {
		t.Errorf("recorded: %v", got)
	}
}

// A file that another program has locked is said to be; a key that could not be
// given back meanwhile is given back afterwards, by itself.
func TestLockedFile(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	l := open(t, url, nil)
	o := organization(t, l)
	key := ledger.IdempotencyKey{Key: "k"}
	claim, _, err := l.ClaimKey(t.Context(), key, []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	if err := insert(t, l, o, "before@example.com"); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	holder, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	for _, statement := range []string{"PRAGMA busy_timeout = 60000", "BEGIN IMMEDIATE"} {
		if _, err := holder.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	err = l.ReleaseKey(t.Context(), claim)
	if known, ok := errors.AsType[*ledger.DatabaseError](err); !ok || known.Problem != "is in use by another program" || !ledger.Passes(err) {
		t.Errorf("releasing: %v", err)
	}
	if err := l.Ready(t.Context()); err != nil {
		t.Errorf("reading: %v", err)
	}
	if _, _, err := l.ClaimKey(t.Context(), key, []byte("body")); identity.CodeOf(err) != identity.CodeIdempotencyInProgress {
		t.Errorf("the key meanwhile: %v", err)
	}
	if _, err := holder.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the key is free", func() error {
		again, _, err := l.ClaimKey(t.Context(), key, []byte("body"))
		if err == nil && again == nil {
			t.Error("no claim")
		}
		return err
	})
}

// Who waited while the database refused another after a long wait is refused as
// well, and who comes afterwards tries.
func TestRefusalIsShared(t *testing.T) {
	t.Parallel()
	l := open(t, fresh(t), nil)
	refused := errors.New("refused")
	nothing := func(*ledger.Tx) error { return nil }
	l.Refuse(refused, time.Now().Add(time.Hour))
	if err := l.Write(t.Context(), nothing); !errors.Is(err, refused) {
		t.Errorf("who came before: %v", err)
	}
	l.Refuse(refused, time.Now().Add(-time.Hour))
	if err := l.Write(t.Context(), nothing); err != nil {
		t.Errorf("who came afterwards: %v", err)
	}
}

// What was written ahead and lost with its connection is written again, once.
func TestLostAheadIsWrittenAgain(t *testing.T) {
	t.Parallel()
	url, p := proxied(t, ledgertest.Postgres(t))
	l := open(t, url, nil)
	o := organization(t, l)
	owed, settled := make(chan struct{}), make(chan struct{})
	first := true
	err := l.PersistAhead(t.Context(), func(tx *ledger.Tx) error {
		err := tx.InsertInvite(draft(o, "ahead@example.com"))
		if first {
			first = false
			p.cut()
		}
		return err
	}, func() func() {
		close(owed)
		return func() { close(settled) }
	})
	if err != nil {
		t.Fatalf("got %v", err)
	}
	<-owed
	p.mend()
	<-settled
	if got := emails(t, l, o); len(got) != 1 || got["ahead@example.com"] != 1 {
		t.Errorf("recorded: %v", got)
	}
}

// What was lost with the connection at its commit is owed once, and written again.
func TestLostCommitIsWrittenAgain(t *testing.T) {
	t.Parallel()
	url, p := proxied(t, ledgertest.Postgres(t))
	l := open(t, url, nil)
	o := organization(t, l)
	var owed, runs atomic.Int32
	settled := make(chan struct{})
	err := l.Persist(t.Context(), func(tx *ledger.Tx) error {
		err := tx.InsertInvite(draft(o, "lost@example.com"))
		if runs.Add(1) == 1 {
			p.cut()
			p.mend()
		}
		return err
	}, func() func() {
		owed.Add(1)
		return func() { close(settled) }
	})
	if !ledger.Passes(err) {
		t.Fatalf("got %v", err)
	}
	<-settled
	if got := emails(t, l, o); len(got) != 1 || owed.Load() != 1 || runs.Load() != 2 {
		t.Errorf("recorded: %v; owed %d times, run %d times", got, owed.Load(), runs.Load())
	}
}

// A key that was claimed in a commit that failed is not held by anybody else: who
// builds on it is told of the trouble, which passes.
func TestClaimLostWithItsCommit(t *testing.T) {
	t.Parallel()
	l := open(t, fresh(t), nil)
	l.Linger(time.Hour) // or the claim may be committed before what fails
	o := organization(t, l)
	room, err := l.Fill(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	claim, _, err := l.ClaimKey(t.Context(), ledger.IdempotencyKey{Key: "k"}, []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Write(t.Context(), func(tx *ledger.Tx) error { return tx.InsertInvite(bulky(o, "a@example.com")) }); !ledger.Passes(err) {
		t.Fatalf("got %v", err)
	}
	if err := room(); err != nil {
		t.Fatal(err)
	}
	attach := func() error {
		return l.Write(t.Context(), func(tx *ledger.Tx) error { return tx.AttachInvite(claim, "inv_x", 1) })
	}
	if err := attach(); !ledger.Passes(err) || identity.CodeOf(err) != identity.CodeInternal {
		t.Errorf("attached: %v", err)
	}
	if err := l.FinishKey(t.Context(), claim, ledger.Answer{Status: 201}); !ledger.Passes(err) {
		t.Errorf("finished: %v", err)
	}
	if err := l.ReleaseKey(t.Context(), claim); identity.CodeOf(err) != identity.CodeConflict {
		t.Errorf("released: %v", err)
	}
	claim, _, err = l.ClaimKey(t.Context(), ledger.IdempotencyKey{Key: "k"}, []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.ReleaseKey(t.Context(), claim); err != nil {
		t.Error(err)
	}
	if err := attach(); identity.CodeOf(err) != identity.CodeConflict {
		t.Errorf("attached to a claim that was given back: %v", err)
	}
}
