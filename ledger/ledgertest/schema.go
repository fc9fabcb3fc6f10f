package ledgertest

import (
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
)

// applied returns the schema versions and which are applied.
func applied(t *testing.T, url string) map[string]bool {
	t.Helper()
	all, err := ledger.Status(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for n, v := range all {
		got[v.Name] = v.AppliedAt != nil
		if n > 0 && all[n-1].Version >= v.Version {
			t.Errorf("versions are not rising: %d, %d", all[n-1].Version, v.Version)
		}
	}
	if len(got) == 0 {
		t.Fatal("no schema versions")
	}
	return got
}

func names(all []ledger.SchemaVersion) map[string]bool {
	got := map[string]bool{}
	for _, v := range all {
		got[v.Name] = v.AppliedAt != nil
	}
	return got
}

func set(all map[string]bool, to bool) map[string]bool {
	got := map[string]bool{}
	for name := range all {
		got[name] = to
	}
	return got
}

func (s *suite) schema(t *testing.T) {
	for _, tc := range []struct {
		name string
		fill bool
	}{{"empty", false}, {"filled", true}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			url := s.fresh(t)
			none := set(applied(t, url), false)
			all := set(none, true)
			equal(t, "status of a fresh database", applied(t, url), none)
			if _, err := ledger.Open(t.Context(), url, nil); err == nil {
				t.Fatal("opened without a schema")
			}
			up(t, url, all)
			equal(t, "status after up", applied(t, url), all)
			up(t, url, map[string]bool{})
			if tc.fill {
				fill(t, url)
			}
			down, err := ledger.Down(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "taken away", names(down), none)
			equal(t, "status after down", applied(t, url), none)
			up(t, url, all)
			equal(t, "status after up again", applied(t, url), all)
			l, err := ledger.Open(t.Context(), url, nil)
			if err != nil {
				t.Fatal(err)
			}
			page, err := l.Organizations(t.Context(), ledger.OrganizationQuery{Access: everything("one")})
			if err != nil || len(page.Items) != 0 {
				t.Errorf("after down and up: %v, %v", page, err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func up(t *testing.T, url string, want map[string]bool) {
	t.Helper()
	done, err := ledger.Up(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "applied", names(done), want)
}

// fill puts a row into every table, so that going down meets foreign keys.
func fill(t *testing.T, url string) {
	t.Helper()
	w := &world{t: t, url: url, clock: newClock()}
	w.open("filler")
	w.org = w.organization("acme")
	c, _, err := w.ClaimKey(t.Context(), ledger.IdempotencyKey{Key: "k"}, []byte("hash"))
	if err != nil {
		t.Fatal(err)
	}
	i := w.draft("a@example.com", identity.StateSending)
	w.must(func(t *ledger.Tx) error {
		if err := t.InsertInvite(i); err != nil {
			return err
		}
		if err := t.AttachInvite(c, i.ID, 1); err != nil {
			return err
		}
		if err := t.AppendEvent(i.ID, identity.InviteEvent{State: i.State}); err != nil {
			return err
		}
		if err := t.Lease(i.ID, time.Minute); err != nil {
			return err
		}
		if err := t.BeginStep(i.ID, 1, "create"); err != nil {
			return err
		}
		return t.MapMembers(w.org.ID, "one", []identity.Member{{ProviderID: "m"}})
	})
	w.change("vendor", func(b *ledger.Budget) {
		b.Uses = []ledger.BudgetUse{{Class: "calls", Holder: "filler", Calls: 1, Until: w.Now()}}
	})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func everything(connections ...string) identity.Access {
	var a identity.Access
	for _, c := range connections {
		a.Rules = append(a.Rules, identity.AccessRule{Connection: c, All: true})
	}
	return a
}
