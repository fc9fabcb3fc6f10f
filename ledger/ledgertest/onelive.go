package ledgertest

import (
	"context"
	"testing"

	"usher/identity"
	"usher/ledger"

	"pgregory.net/rapid"
)

func (s *suite) oneLive(t *testing.T) {
	w := s.world(t)
	t.Run("every pair of states", func(t *testing.T) {
		for _, first := range identity.States() {
			for _, second := range identity.States() {
				email := string(first) + "." + string(second) + "@example.com"
				old := w.insert(email, first)
				i := w.draft(email, second)
				err := w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.InsertInvite(i) })
				if !first.Live() || !second.Live() {
					wantCode(t, email, err, "")
					continue
				}
				equal(t, email, wantCode(t, email, err, identity.CodeInvitePending).InviteID, old.ID)
				equal(t, email+": left alone", i.ID, "")
			}
		}
	})
	t.Run("a change that would make two", func(t *testing.T) {
		ended := w.insert("change@example.com", identity.StateFailed)
		live := w.insert("change@example.com", identity.StatePending)
		update := func(i identity.Invite, state identity.State) error {
			i.State = state
			return w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.UpdateInvite(&i) })
		}
		for _, state := range identity.States() {
			err := update(*ended, state)
			if state.Live() {
				equal(t, string(state), wantCode(t, string(state), err, identity.CodeInvitePending).InviteID, live.ID)
			} else {
				wantCode(t, string(state), err, "")
			}
			wantCode(t, "the living one itself", update(*live, identity.StatePending), "")
		}
		wantCode(t, "the living one ends", update(*live, identity.StateRevoked), "")
		wantCode(t, "now there is room", update(*ended, identity.StateSending), "")
	})
	t.Run("another organization's do not count", func(t *testing.T) {
		other := w.organization("other")
		w.insert("both@example.com", identity.StatePending)
		i := w.draft("both@example.com", identity.StatePending)
		i.OrganizationID = other.ID
		w.must(func(tx *ledger.Tx) error { return tx.InsertInvite(i) })
	})
	t.Run("many at once", func(t *testing.T) {
		const rivals = 16
		for round := range 10 {
			email := "race" + number(round) + "@example.com"
			all := make([]*identity.Invite, rivals)
			errs := together(t.Context(), rivals, func(ctx context.Context, n int) error {
				all[n] = w.draft(email, identity.StateSending)
				return w.Write(ctx, func(tx *ledger.Tx) error { return tx.InsertInvite(all[n]) })
			})
			live, err := inTx(w, func(tx *ledger.Tx) (*identity.Invite, error) { return tx.LiveInvite(w.org.ID, email) })
			if err != nil {
				t.Fatal(err)
			}
			winners := 0
			for n, err := range errs {
				if err == nil {
					winners++
					equal(t, "winner", all[n].ID, live.ID)
					continue
				}
				equal(t, "the loser is given the winner", wantCode(t, email, err, identity.CodeInvitePending).InviteID, live.ID)
			}
			if winners != 1 {
				t.Errorf("%d winners", winners)
			}
		}
	})
	t.Run("whatever happens", func(t *testing.T) {
		rounds := 0
		rapid.Check(t, func(r *rapid.T) {
			rounds++
			m := &model{w: w, ctx: t.Context(), org: w.organization("model-" + number(rounds)), live: map[string]string{}, last: map[string]string{}}
			r.Repeat(map[string]func(*rapid.T){"insert": m.insert, "update": m.update, "expire": m.expire, "": m.check})
		})
	})
}

// model is what the ledger should hold: for each address the living invite and
// the one recorded last.
type model struct {
	w    *world
	ctx  context.Context
	org  *identity.Organization
	all  []identity.Invite
	live map[string]string
	last map[string]string
}

func (m *model) write(fn func(*ledger.Tx) error) error { return m.w.Write(m.ctx, fn) }

// settle compares an error with the rule, for invite id in a state.
func (m *model) settle(r *rapid.T, err error, i *identity.Invite) (done bool) {
	other := m.live[i.EmailKey]
	if i.State.Live() && other != "" && other != i.ID {
		if e, ok := err.(*identity.Error); !ok || e.Code != identity.CodeInvitePending || e.InviteID != other {
			r.Fatalf("%s of %s: got %v, want invite_pending of %s", i.State, i.EmailKey, err, other)
		}
		return false
	}
	if err != nil {
		r.Fatalf("%s of %s: %v", i.State, i.EmailKey, err)
	}
	switch {
	case i.State.Live():
		m.live[i.EmailKey] = i.ID
	case other == i.ID:
		delete(m.live, i.EmailKey)
	}
	return true
}

func (m *model) insert(r *rapid.T) {
	i := m.w.draft(rapid.SampledFrom([]string{"a@x.example", "b@x.example", "c@x.example"}).Draw(r, "email"), rapid.SampledFrom(identity.States()).Draw(r, "state"))
	i.OrganizationID = m.org.ID
	if m.settle(r, m.write(func(tx *ledger.Tx) error { return tx.InsertInvite(i) }), i) {
		m.all = append(m.all, *i)
		m.last[i.EmailKey] = i.ID
	}
}

func (m *model) update(r *rapid.T) {
	if len(m.all) == 0 {
		r.Skip("nothing to update")
	}
	n := rapid.IntRange(0, len(m.all)-1).Draw(r, "which")
	i := m.all[n]
	i.State = rapid.SampledFrom(identity.States()).Draw(r, "state")
	if rapid.Bool().Draw(r, "expires") {
		at := m.w.Now()
		i.ExpiresAt = &at
	}
	if m.settle(r, m.write(func(tx *ledger.Tx) error { return tx.UpdateInvite(&i) }), &i) {
		m.all[n] = i
	}
}

func (m *model) expire(r *rapid.T) {
	var closed []string
	err := m.write(func(tx *ledger.Tx) (err error) {
		closed, err = tx.CloseExpired(m.org.ID, "")
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	want := 0
	for n := range m.all {
		i := &m.all[n]
		if i.State != identity.StatePending || i.ExpiresAt == nil {
			continue
		}
		want++
		i.State = identity.StateExpired
		delete(m.live, i.EmailKey)
	}
	if len(closed) != want {
		r.Fatalf("closed %d, want %d", len(closed), want)
	}
}

// check compares the whole ledger with the model.
func (m *model) check(r *rapid.T) {
	for _, i := range m.all {
		got, err := m.w.Invite(m.ctx, m.org.ID, i.ID)
		if err != nil || got.State != i.State {
			r.Fatalf("%s: got %+v, %v, want %s", i.ID, got, err, i.State)
		}
	}
	err := m.write(func(tx *ledger.Tx) error {
		for email, id := range m.last {
			got, err := tx.LatestInvite(m.org.ID, email)
			if err != nil || got.ID != id {
				r.Fatalf("latest of %s: got %+v, %v, want %s", email, got, err, id)
			}
			got, err = tx.LiveInvite(m.org.ID, email)
			if want := m.live[email]; want == "" {
				if identity.CodeOf(err) != identity.CodeNotFound {
					r.Fatalf("live of %s: got %+v, %v, want none", email, got, err)
				}
			} else if err != nil || got.ID != want {
				r.Fatalf("live of %s: got %+v, %v, want %s", email, got, err, want)
			}
		}
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
}
