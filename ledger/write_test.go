package ledger

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

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
	for l.turn.waiting.Load() < 5*each {
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

// One that gives up waiting leaves nobody waiting for a commit.
func TestWaiterThatGivesUp(t *testing.T) {
	t.Parallel()
	l := opened(t)
	ctx, cancel := context.WithCancel(t.Context())
	given := make(chan error)
	err := l.Write(t.Context(), func(*Tx) error {
		go func() { given <- l.Write(ctx, func(*Tx) error { return nil }) }()
		for l.turn.waiting.Load() == 0 {
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
