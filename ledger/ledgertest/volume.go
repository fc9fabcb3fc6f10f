package ledgertest

import (
	"slices"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
)

// volume looks for reads that walk through everything: with many thousand
// rows, each has a time that only a walk exceeds, whatever the machine.
func (s *suite) volume(t *testing.T) {
	if raceEnabled {
		t.Skip("SQLite under the race detector is too slow to be measured")
	}
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	w := s.world(t)
	const organizations, invites = 100_000, 30_000
	var refs, claims []string
	for start := 0; start < organizations; start += 10_000 {
		w.must(func(tx *ledger.Tx) error {
			for n := start; n < start+10_000; n++ {
				o := &identity.Organization{Slug: "slug-" + number(n), Connection: "many", ProviderID: "p" + number(n)}
				if n%1000 == 0 {
					o.Connection = "few"
				}
				if err := tx.InsertOrganization(o); err != nil {
					return err
				}
				if n%20 == 0 {
					refs, claims = append(refs, o.ID, o.Slug), append(claims, o.ProviderID)
				}
			}
			return nil
		})
	}
	states := []identity.State{identity.StateAccepted, identity.StateRevoked, identity.StateExpired, identity.StateDeclined}
	for start := 0; start < invites; start += 10_000 {
		w.must(func(tx *ledger.Tx) error {
			for n := start; n < start+10_000; n++ {
				i := w.draft("a"+number(n)+"@example.com", states[n%len(states)])
				if n == 17 {
					i.State, i.Roles = identity.StateUncertain, []string{"rare"}
				}
				if err := tx.InsertInvite(i); err != nil {
					return err
				}
			}
			return nil
		})
	}

	// fast runs a read a few times and takes the best, so that a busy machine
	// does not matter.
	fast := func(name string, limit time.Duration, read func() (int, error), want int) {
		t.Helper()
		var times []time.Duration
		for range 5 {
			start := time.Now()
			n, err := read()
			times = append(times, time.Since(start))
			if err != nil || n != want {
				t.Errorf("%s: %d rows, %v, want %d", name, n, err, want)
				return
			}
		}
		if best := slices.Min(times); best > limit {
			t.Errorf("%s takes %v, want less than %v", name, best, limit)
		}
	}
	page := func(a identity.Access, after string) func() (int, error) {
		return func() (int, error) {
			p, err := w.Organizations(t.Context(), ledger.OrganizationQuery{Access: a, After: after, Limit: 100})
			if err != nil {
				return 0, err
			}
			return len(p.Items), nil
		}
	}
	const quick, slow = 5 * time.Millisecond, 200 * time.Millisecond
	fast("all organizations", quick, page(everything("many"), ""), 100)
	fast("all organizations, from the middle", quick, page(everything("many"), refs[len(refs)/2]), 100)
	fast("few organizations among many", quick, page(everything("few"), ""), 100)
	fast("no organization", quick, page(everything("none"), ""), 0)
	one := identity.Alias{Connection: "many", ProviderID: "p77777"}
	fast("one claimed organization", quick, page(identity.Access{Claimed: []identity.Alias{one}}, ""), 1)
	named := identity.Access{Rules: []identity.AccessRule{{Connection: "many", Organizations: refs}}}
	for _, id := range claims {
		named.Claimed = append(named.Claimed, identity.Alias{Connection: "many", ProviderID: id})
	}
	fast("thousands of organizations by name", slow, page(named, ""), 100)

	list := func(q ledger.InviteQuery) func() (int, error) {
		q.OrganizationID = w.org.ID
		return func() (int, error) {
			all, err := w.Invites(t.Context(), q)
			return len(all), err
		}
	}
	rare := []identity.State{identity.StateUncertain}
	fast("invites", quick, list(ledger.InviteQuery{Limit: 20}), 20)
	fast("invites of a rare state", quick, list(ledger.InviteQuery{States: rare}), 1)
	fast("invites of rare states", quick, list(ledger.InviteQuery{States: append(rare, identity.StateQueued, identity.StateSending)}), 1)
	fast("invites of a rare role", quick, list(ledger.InviteQuery{Role: "rare"}), 1)
	fast("invites of an address", quick, list(ledger.InviteQuery{EmailKey: "a9@example.com"}), 1)
	fast("uncertain invites", quick, func() (int, error) { all, err := w.Uncertain(t.Context(), w.org.Connection, 10); return len(all), err }, 1)
	fast("interrupted invites", quick, func() (int, error) { all, err := w.Interrupted(t.Context()); return len(all), err }, 0)
	fast("expired invites", quick, func() (int, error) {
		all, err := inTx(w, func(tx *ledger.Tx) ([]string, error) { return tx.CloseExpired(w.org.ID, "") })
		return len(all), err
	}, 0)
}
