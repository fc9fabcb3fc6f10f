package ledgertest

import (
	"cmp"
	"slices"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"

	"pgregory.net/rapid"
)

func newestFirst(a, b identity.Invite) int {
	if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
		return c
	}
	return cmp.Compare(b.ID, a.ID)
}

// inviteLists compares lists with the same selection made in Go.
func (s *suite) inviteLists(t *testing.T) {
	w := s.world(t)
	other := w.organization("other")
	var all []identity.Invite
	w.must(func(tx *ledger.Tx) error {
		for n := range 150 {
			i := w.draft("a"+number(n%40)+"@example.com", identity.States()[n%9])
			if i.State.Live() {
				i.EmailKey = "live" + number(n) + "@example.com"
			}
			i.CreatedAt = w.Now().Add(time.Duration(n/4) * time.Microsecond) // four share an instant
			i.Roles = [][]string{{"member"}, {"admin", "member"}, {"owner"}}[n%3]
			if n%5 == 0 {
				i.OrganizationID = other.ID
			}
			if err := tx.InsertInvite(i); err != nil {
				return err
			}
			all = append(all, *i)
		}
		return nil
	})
	slices.SortFunc(all, newestFirst)

	t.Run("any filter, any page", func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) {
			q := drawQuery(r, w, other)
			var want []identity.Invite
			for _, i := range all {
				if matches(i, q) {
					want = append(want, i)
				}
			}
			got := readAll(r, w, q, len(all))
			if !slices.Equal(ids(got), ids(want)) {
				r.Fatalf("%+v:\n got %v\nwant %v", q, ids(got), ids(want))
			}
			for n := range got {
				equal(t, "row", got[n], want[n])
			}
		})
	})
	t.Run("50 by default", func(t *testing.T) {
		got, err := w.Invites(t.Context(), ledger.InviteQuery{OrganizationID: w.org.ID})
		if err != nil || len(got) != 50 {
			t.Errorf("%d, %v", len(got), err)
		}
	})
	t.Run("nothing of nobody", func(t *testing.T) {
		got, err := w.Invites(t.Context(), ledger.InviteQuery{OrganizationID: "org_nobody"})
		if err != nil || len(got) != 0 {
			t.Errorf("%d, %v", len(got), err)
		}
	})
	t.Run("while others insert", func(t *testing.T) { pagesUnderInserts(t, w, all) })
}

func drawQuery(r *rapid.T, w *world, other *identity.Organization) ledger.InviteQuery {
	q := ledger.InviteQuery{
		OrganizationID: rapid.SampledFrom([]string{w.org.ID, other.ID}).Draw(r, "organization"),
		States:         rapid.SliceOfN(rapid.SampledFrom(append(identity.States(), "nonsense")), 0, 12).Draw(r, "states"),
		Role:           rapid.SampledFrom([]string{"", "", "admin", "member", "owner", "nobody"}).Draw(r, "role"),
		Limit:          rapid.IntRange(1, 30).Draw(r, "limit"),
	}
	if rapid.IntRange(0, 3).Draw(r, "by address") == 0 {
		q.EmailKey = rapid.SampledFrom([]string{"a1@example.com", "a8@example.com", "live1@example.com", "nobody"}).Draw(r, "address")
	}
	if rapid.Bool().Draw(r, "by time") {
		// Nanoseconds must not let an invite of the same microsecond through.
		q.CreatedAfter = ptr(w.Now().Add(time.Duration(rapid.IntRange(-1000, 40_000).Draw(r, "after"))))
	}
	return q
}

func matches(i identity.Invite, q ledger.InviteQuery) bool {
	return i.OrganizationID == q.OrganizationID &&
		(len(q.States) == 0 || slices.Contains(q.States, i.State)) &&
		(q.EmailKey == "" || i.EmailKey == q.EmailKey) &&
		(q.Role == "" || slices.Contains(i.Roles, q.Role)) &&
		(q.CreatedAfter == nil || i.CreatedAt.After(*q.CreatedAfter))
}

// readAll pages to the end.
func readAll(t rapid.TB, w *world, q ledger.InviteQuery, most int) []identity.Invite {
	var got []identity.Invite
	for {
		page, err := w.Invites(w.t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > q.Limit {
			t.Fatalf("page of %d, limit %d", len(page), q.Limit)
		}
		got = append(got, page...)
		if len(page) < q.Limit {
			return got
		}
		if len(got) > most {
			t.Fatalf("more than there are: %d", len(got))
		}
		last := page[len(page)-1]
		q.Before = &ledger.InvitePosition{CreatedAt: last.CreatedAt, ID: last.ID}
	}
}

// pagesUnderInserts pages while invites come in at the top, at the same
// instants and far below: what was there is listed once, in order.
func pagesUnderInserts(t *testing.T, w *world, all []identity.Invite) {
	var existing []identity.Invite
	for _, i := range all {
		if i.OrganizationID == w.org.ID {
			existing = append(existing, i)
		}
	}
	known := map[string]bool{}
	for _, i := range existing {
		known[i.ID] = true
	}
	turn, done := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		for n := range 60 {
			if _, ok := <-turn; !ok {
				return
			}
			i := w.draft("new"+number(n)+"@example.com", identity.StatePending)
			i.CreatedAt = existing[n%len(existing)].CreatedAt.Add(time.Duration(n%3-1) * time.Microsecond)
			if err := w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.InsertInvite(i) }); err != nil {
				t.Error(err)
			}
		}
	})
	var got []string
	q := ledger.InviteQuery{OrganizationID: w.org.ID, Limit: 7}
	for {
		select {
		case turn <- struct{}{}: // an insert runs while the next page is read
		case <-done:
		}
		page, err := w.Invites(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page {
			if known[i.ID] {
				got = append(got, i.ID)
			}
		}
		if len(page) < q.Limit {
			break
		}
		last := page[len(page)-1]
		q.Before = &ledger.InvitePosition{CreatedAt: last.CreatedAt, ID: last.ID}
	}
	close(turn)
	wg.Wait()
	equal(t, "what was there", got, ids(existing))
}
