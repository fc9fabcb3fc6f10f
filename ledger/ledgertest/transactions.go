package ledgertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
)

func (s *suite) lifecycle(t *testing.T) {
	t.Run("ready until closed", func(t *testing.T) {
		t.Parallel()
		w := s.world(t)
		if err := w.Ready(t.Context()); err != nil {
			t.Error(err)
		}
		for range 2 { // closing again is no error
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
		wantCode(t, "ready after close", w.Ready(t.Context()), identity.CodeInternal)
		_, err := w.Organization(t.Context(), w.org.ID)
		wantCode(t, "read after close", err, identity.CodeInternal)
		called := false
		err = w.Write(t.Context(), func(*ledger.Tx) error { called = true; return nil })
		wantCode(t, "write after close", err, identity.CodeInternal)
		if called {
			t.Error("a transaction ran on a closed ledger")
		}
	})
	t.Run("close waits for the transaction under way", func(t *testing.T) {
		t.Parallel()
		w := s.world(t)
		begun, finish, closed := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		written := make(chan error, 1)
		i := w.draft("a@example.com", identity.StateSending)
		go func() {
			written <- w.Write(t.Context(), func(tx *ledger.Tx) error {
				close(begun)
				<-finish
				return tx.InsertInvite(i)
			})
		}()
		<-begun
		go func() { closed <- w.Close() }()
		close(finish)
		if err := <-written; err != nil {
			t.Error(err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		w.open("second")
		w.read(i.ID)
	})
	t.Run("now is UTC in microseconds", func(t *testing.T) {
		t.Parallel()
		w := s.world(t)
		w.clock.now = time.Date(2031, 5, 6, 7, 8, 9, 123456789, time.FixedZone("x", 3600))
		want := time.Date(2031, 5, 6, 6, 8, 9, 123456000, time.UTC)
		equal(t, "now", w.Now(), want)
		w.must(func(tx *ledger.Tx) error {
			equal(t, "now of a transaction", tx.Now(), want)
			w.clock.Advance(time.Hour)
			equal(t, "now of a transaction, later", tx.Now(), want)
			return nil
		})
	})
}

func (s *suite) transactions(t *testing.T) {
	boom := errors.New("boom")
	w := s.world(t)
	attempt := func(ctx context.Context, email string, end func() error) (panicked any, err error) {
		defer func() { panicked = recover() }()
		return nil, w.Write(ctx, func(t *ledger.Tx) error {
			if err := t.InsertInvite(w.draft(email, identity.StateSending)); err != nil {
				return err
			}
			return end()
		})
	}
	live := func(t *testing.T, email string) error {
		_, err := inTx(w, func(tx *ledger.Tx) (*identity.Invite, error) { return tx.LiveInvite(w.org.ID, email) })
		return err
	}

	t.Run("an error rolls back and comes out as it is", func(t *testing.T) {
		_, err := attempt(t.Context(), "error@example.com", func() error { return boom })
		if err != boom {
			t.Errorf("got %v, want the function's own error", err)
		}
		wantCode(t, "afterwards", live(t, "error@example.com"), identity.CodeNotFound)
	})
	t.Run("a panic rolls back and goes on", func(t *testing.T) {
		panicked, _ := attempt(t.Context(), "panic@example.com", func() error { panic(boom) })
		if panicked != any(boom) {
			t.Errorf("recovered %v, want the panic itself", panicked)
		}
		wantCode(t, "afterwards", live(t, "panic@example.com"), identity.CodeNotFound)
	})
	t.Run("cancellation before the commit rolls back", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := attempt(ctx, "cancel@example.com", func() error { cancel(); return nil })
		wantCode(t, "write", err, identity.CodeInternal)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want it to wrap context.Canceled", err)
		}
		wantCode(t, "afterwards", live(t, "cancel@example.com"), identity.CodeNotFound)
	})
	t.Run("cancellation is seen by the next statement", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var inside error
		_ = w.Write(ctx, func(tx *ledger.Tx) error {
			cancel()
			_, inside = tx.Organization(w.org.ID)
			return nil
		})
		if !errors.Is(inside, context.Canceled) {
			t.Errorf("got %v, want it to wrap context.Canceled", inside)
		}
	})
	t.Run("a cancelled context begins nothing", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		called := false
		err := w.Write(ctx, func(*ledger.Tx) error { called = true; return nil })
		if !errors.Is(err, context.Canceled) || called {
			t.Errorf("got %v, called %v", err, called)
		}
		for name, read := range map[string]func() error{
			"one":  func() error { _, err := w.Invite(ctx, w.org.ID, "inv_x"); return err },
			"many": func() error { _, err := w.Invites(ctx, ledger.InviteQuery{OrganizationID: w.org.ID}); return err },
		} {
			if err := read(); !errors.Is(err, context.Canceled) {
				t.Errorf("reading %s: got %v", name, err)
			}
		}
	})
	t.Run("whoever waits for the writer can give up", func(t *testing.T) {
		err := w.Write(t.Context(), func(*ledger.Tx) error {
			ctx, cancel := context.WithCancel(t.Context())
			waiting := make(chan error, 1)
			go func() { waiting <- w.Write(ctx, func(*ledger.Tx) error { return nil }) }()
			cancel()
			if err := <-waiting; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("readers do not see what is not committed and do not wait", func(t *testing.T) {
		i := w.draft("unseen@example.com", identity.StateSending)
		w.must(func(tx *ledger.Tx) error {
			if err := tx.InsertInvite(i); err != nil {
				return err
			}
			_, err := w.Invite(t.Context(), w.org.ID, i.ID)
			wantCode(t, "before the commit", err, identity.CodeNotFound)
			_, err = tx.Invite(w.org.ID, i.ID)
			return err
		})
		w.read(i.ID)
	})
	t.Run("many at once all commit", func(t *testing.T) {
		errs := together(t.Context(), 16, func(ctx context.Context, n int) error {
			return w.Write(ctx, func(tx *ledger.Tx) error {
				return tx.InsertInvite(w.draft("many"+number(n)+"@example.com", identity.StateQueued))
			})
		})
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		all, err := w.Invites(t.Context(), ledger.InviteQuery{OrganizationID: w.org.ID, States: []identity.State{identity.StateQueued}})
		if err != nil || len(all) != 16 {
			t.Errorf("%d invites, %v, want 16", len(all), err)
		}
	})
}
