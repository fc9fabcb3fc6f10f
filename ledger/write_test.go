package ledger

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"usher/identity"
)

// Writers that wait together share a commit, and what goes wrong for one of
// them is undone for that one alone.
func TestWritersShareACommit(t *testing.T) {
	t.Parallel()
	l := opened(t)
	organization := func(tx *Tx, name string) error {
		return tx.InsertOrganization(&identity.Organization{Name: name, Slug: name, Connection: "one", ProviderID: name})
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		err := l.Write(t.Context(), func(tx *Tx) error {
			close(entered)
			<-leave
			return organization(tx, "first")
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-entered

	var mu sync.Mutex
	groups := map[*group]bool{}
	join := func(tx *Tx, name string) error {
		mu.Lock()
		groups[l.turn.open] = true
		mu.Unlock()
		return organization(tx, name)
	}
	wrong := errors.New("wrong")
	cancelled, cancel := context.WithCancel(t.Context())
	defer cancel()
	const each = 5
	for n := range each {
		name := func(kind string) string { return fmt.Sprintf("%s-%d", kind, n) }
		all.Go(func() {
			if err := l.Write(t.Context(), func(tx *Tx) error { return join(tx, name("kept")) }); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			err := l.Write(t.Context(), func(tx *Tx) error { return errors.Join(join(tx, name("error")), wrong) })
			if !errors.Is(err, wrong) {
				t.Errorf("got %v", err)
			}
		})
		all.Go(func() {
			defer func() {
				if recover() != "boom" {
					t.Error("the panic is lost")
				}
			}()
			_ = l.Write(t.Context(), func(tx *Tx) error {
				_ = join(tx, name("panic"))
				panic("boom")
			})
		})
		all.Go(func() {
			_ = l.Write(t.Context(), func(tx *Tx) error {
				_ = join(tx, name("exit"))
				runtime.Goexit()
				return nil
			})
		})
		all.Go(func() {
			err := l.Write(cancelled, func(tx *Tx) error {
				defer cancel()
				return join(tx, name("cancelled"))
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
	for l.turn.line.waiting() < 5*each {
		runtime.Gosched()
	}
	close(leave)
	all.Wait()
	page, err := l.Organizations(t.Context(), OrganizationQuery{
		Access: identity.Access{Rules: []identity.AccessRule{{Connection: "one", All: true}}}, Limit: 100,
	})
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{}
	for _, o := range page.Items {
		kept[o.Name] = true
	}
	for n := range each {
		if name := fmt.Sprintf("kept-%d", n); !kept[name] {
			t.Errorf("%s is lost", name)
		}
	}
	if !kept["first"] || len(kept) != each+1 {
		t.Errorf("kept %v", kept)
	}
	if len(groups) > 2 {
		t.Errorf("%d transactions for %d writers", len(groups), 5*each)
	}
}

// What is owed to a ledger that is being closed is given up, and who waits for it is
// told.
func TestOwedTooLate(t *testing.T) {
	t.Parallel()
	l := opened(t)
	l.settleDebts(t.Context())
	told := false
	l.owe(debt{fn: func(*Tx) error { return nil }, owed: func() func() { return func() { told = true } }})
	if !told || len(l.debts.list) != 0 {
		t.Errorf("told %v, owed %d", told, len(l.debts.list))
	}
}

// One that gives up waiting leaves nobody waiting for a commit.
func TestWaiterThatGivesUp(t *testing.T) {
	t.Parallel()
	l := opened(t)
	ctx, cancel := context.WithCancel(t.Context())
	given := make(chan error)
	err := l.Write(t.Context(), func(*Tx) error {
		go func() { given <- l.Write(ctx, func(*Tx) error { return nil }) }()
		for l.turn.line.waiting() == 0 {
			runtime.Gosched()
		}
		cancel()
		if err := <-given; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// What is written ahead is seen by the next transaction, shares its commit, and
// is lost with nobody's.
func TestWriteAhead(t *testing.T) {
	t.Parallel()
	organization := func(name string) func(*Tx) error {
		return func(tx *Tx) error {
			return tx.InsertOrganization(&identity.Organization{ID: "org_" + name, Name: name, Slug: name, Connection: "one", ProviderID: name})
		}
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	there := func(t *testing.T, l *Ledger, name string) bool {
		t.Helper()
		_, err := l.Organization(t.Context(), "org_"+name)
		if err != nil && identity.CodeOf(err) != identity.CodeNotFound {
			t.Fatal(err)
		}
		return err == nil
	}
	// held is a ledger where only what the test does commits.
	held := func(t *testing.T) *Ledger {
		l := opened(t)
		l.turn.late = time.Hour
		return l
	}

	t.Run("a later Write makes it durable, in one commit", func(t *testing.T) {
		t.Parallel()
		l := held(t)
		must(t, l.WriteAhead(t.Context(), organization("ahead")))
		g := l.turn.open
		if there(t, l, "ahead") {
			t.Error("a reader sees what is not committed")
		}
		must(t, l.Write(t.Context(), func(tx *Tx) error {
			if l.turn.open != g {
				t.Error("another transaction")
			}
			if _, err := tx.Organization("org_ahead"); err != nil {
				t.Errorf("the next transaction does not see it: %v", err)
			}
			return organization("later")(tx)
		}))
		if !there(t, l, "ahead") || !there(t, l, "later") {
			t.Error("not committed")
		}
	})
	t.Run("what goes wrong later is undone alone", func(t *testing.T) {
		t.Parallel()
		l := held(t)
		must(t, l.WriteAhead(t.Context(), organization("ahead")))
		wrong := errors.New("wrong")
		for _, write := range []func(context.Context, func(*Tx) error) error{l.Write, l.WriteAhead} {
			err := write(t.Context(), func(tx *Tx) error { return errors.Join(organization("wrong")(tx), wrong) })
			if !errors.Is(err, wrong) {
				t.Errorf("got %v", err)
			}
		}
		must(t, l.Write(t.Context(), organization("later")))
		if !there(t, l, "ahead") || there(t, l, "wrong") || !there(t, l, "later") {
			t.Error("not what was written")
		}
	})
	t.Run("who is refused for it finds it", func(t *testing.T) {
		t.Parallel()
		for n, again := range []func(*Ledger) error{
			func(l *Ledger) error { return l.Write(t.Context(), organization("ahead")) },
			func(l *Ledger) error { return l.WriteAhead(t.Context(), organization("ahead")) },
		} {
			l := held(t)
			must(t, l.WriteAhead(t.Context(), organization("ahead")))
			if err := again(l); identity.CodeOf(err) != identity.CodeConflict {
				t.Errorf("%d: %v, want conflict", n, err)
			}
			if !there(t, l, "ahead") {
				t.Errorf("%d: refused for something that is not there", n)
			}
		}
	})
	t.Run("nobody comes", func(t *testing.T) {
		t.Parallel()
		l := opened(t)
		must(t, l.WriteAhead(t.Context(), organization("ahead")))
		for !there(t, l, "ahead") {
			runtime.Gosched() // the test's own time limit ends it
		}
	})
	t.Run("the ledger is closed", func(t *testing.T) {
		t.Parallel()
		l := held(t)
		must(t, l.WriteAhead(t.Context(), organization("ahead")))
		path := l.db.(*file).path
		must(t, l.Close())
		again, err := Open(t.Context(), "sqlite:"+path, nil)
		must(t, err)
		defer func() { must(t, again.Close()) }()
		if !there(t, again, "ahead") {
			t.Error("closing has lost it")
		}
	})
	t.Run("with the waiters of a shared commit", func(t *testing.T) {
		t.Parallel()
		l := opened(t)
		var all sync.WaitGroup
		for n := range 20 {
			write := l.Write
			if n%2 == 0 {
				write = l.WriteAhead
			}
			all.Go(func() {
				if err := write(t.Context(), organization(fmt.Sprint("o", n))); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		must(t, l.Write(t.Context(), func(*Tx) error { return nil }))
		for n := range 20 {
			if !there(t, l, fmt.Sprint("o", n)) {
				t.Errorf("o%d is lost", n)
			}
		}
	})
}
