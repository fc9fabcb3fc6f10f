package ledger_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
)

// stocked is a ledger with one organization and n invites in it.
func stocked(b *testing.B, n int) (*ledger.Ledger, *identity.Organization, []string) {
	b.Helper()
	l := open(b, fresh(b), nil)
	o := organization(b, l)
	ids := make([]string, 0, n)
	for len(ids) < n {
		err := l.Write(b.Context(), func(tx *ledger.Tx) error {
			for range min(n-len(ids), 5000) {
				i := draft(o, fmt.Sprintf("person%d@example.com", len(ids)))
				i.State, i.Metadata = identity.StatePending, map[string]any{"team": "blue"}
				if err := tx.InsertInvite(i); err != nil {
					return err
				}
				ids = append(ids, i.ID)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return l, o, ids
}

func BenchmarkInvite(b *testing.B) {
	l, o, ids := stocked(b, 20_000)
	for n := 0; b.Loop(); n++ {
		if _, err := l.Invite(b.Context(), o.ID, ids[n*7919%len(ids)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHistory(b *testing.B) {
	l, _, ids := stocked(b, 20_000)
	ctx, cancel := context.WithCancel(b.Context()) // as a request's
	defer cancel()
	for n := 0; b.Loop(); n++ {
		if _, err := l.History(ctx, ids[n*7919%len(ids)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMapMembers(b *testing.B) {
	l := open(b, fresh(b), nil)
	o := organization(b, l)
	members := make([]identity.Member, 10)
	for n := range members {
		members[n].ProviderID = fmt.Sprint("7f3c2b1a-0000-4000-8000-", n)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for b.Loop() {
		if err := l.MapMembers(ctx, o.ID, "c", members); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInviteParallel(b *testing.B) {
	l, o, ids := stocked(b, 20_000)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for n := 0; p.Next(); n++ {
			if _, err := l.Invite(b.Context(), o.ID, ids[n*7919%len(ids)]); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkOrganization(b *testing.B) {
	l := open(b, fresh(b), nil)
	o := organization(b, l)
	for _, ref := range []string{o.ID, o.Slug} {
		b.Run(ref[:4], func(b *testing.B) {
			for b.Loop() {
				if _, err := l.Organization(b.Context(), ref); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkInvitesPageOf100(b *testing.B) {
	l, o, ids := stocked(b, 20_000)
	middle, err := l.Invite(b.Context(), o.ID, ids[len(ids)/2])
	if err != nil {
		b.Fatal(err)
	}
	before := &ledger.InvitePosition{CreatedAt: middle.CreatedAt, ID: middle.ID}
	for name, q := range map[string]ledger.InviteQuery{
		"first":  {},
		"middle": {Before: before},
		"state":  {Before: before, States: []identity.State{identity.StatePending}},
		"states": {Before: before, States: []identity.State{identity.StatePending, identity.StateUncertain, identity.StateFailed}},
		"role":   {Before: before, Role: "member"},
	} {
		q.OrganizationID, q.Limit = o.ID, 100
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if all, err := l.Invites(b.Context(), q); err != nil || len(all) != 100 {
					b.Fatal(len(all), err)
				}
			}
		})
	}
}

func BenchmarkInsertInvite(b *testing.B) {
	l, o, _ := stocked(b, 20_000)
	for n := 0; b.Loop(); n++ {
		i := draft(o, fmt.Sprintf("new%d@example.com", n))
		err := l.Write(b.Context(), func(tx *ledger.Tx) error {
			if err := tx.InsertInvite(i); err != nil {
				return err
			}
			return tx.AppendEvent(i.ID, identity.InviteEvent{State: i.State})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSend is what one invitation costs the ledger from the claim of its
// key to the answer kept, with two recorded steps.
func BenchmarkSend(b *testing.B) {
	l, o, _ := stocked(b, 20_000)
	ctx := b.Context()
	for n := 0; b.Loop(); n++ {
		c, _, err := l.ClaimKey(ctx, ledger.IdempotencyKey{Key: fmt.Sprint(n)}, []byte("body"))
		if err != nil {
			b.Fatal(err)
		}
		i := draft(o, fmt.Sprintf("new%d@example.com", n))
		steps := []func(tx *ledger.Tx) error{
			func(tx *ledger.Tx) error {
				if err := tx.InsertInvite(i); err != nil {
					return err
				}
				if err := tx.AttachInvite(c, i.ID, 1); err != nil {
					return err
				}
				if err := tx.AppendEvent(i.ID, identity.InviteEvent{State: i.State}); err != nil {
					return err
				}
				return tx.Lease(i.ID, time.Minute)
			},
			func(tx *ledger.Tx) error { return tx.BeginStep(i.ID, 1, "create") },
			func(tx *ledger.Tx) error { return tx.DoneStep(i.ID, 1, "create", map[string]string{"id": "1"}) },
			func(tx *ledger.Tx) error { return tx.BeginStep(i.ID, 1, "invite") },
			func(tx *ledger.Tx) error { return tx.DoneStep(i.ID, 1, "invite", map[string]string{"id": "2"}) },
			func(tx *ledger.Tx) error {
				i.State = identity.StatePending
				if err := tx.UpdateInvite(i); err != nil {
					return err
				}
				if err := tx.AppendEvent(i.ID, identity.InviteEvent{State: i.State}); err != nil {
					return err
				}
				return tx.Unlease(i.ID)
			},
		}
		for _, step := range steps {
			if err := l.Write(ctx, step); err != nil {
				b.Fatal(err)
			}
		}
		if err := l.FinishKey(ctx, c, ledger.Answer{Status: 201, Body: []byte(`{"id":"x"}`)}); err != nil {
			b.Fatal(err)
		}
	}
}
