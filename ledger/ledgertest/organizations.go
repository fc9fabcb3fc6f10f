package ledgertest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"

	"pgregory.net/rapid"
)

func (s *suite) organizations(t *testing.T) {
	w := s.world(t)
	start := w.Now()

	t.Run("read", func(t *testing.T) {
		want := &identity.Organization{
			ID: w.org.ID, Slug: "acme", Name: "acme", Connection: "one", ProviderID: "p-acme", CreatedAt: start, UpdatedAt: start,
		}
		equal(t, "inserted", w.org, want)
		if !strings.HasPrefix(w.org.ID, identity.PrefixOrganization) {
			t.Errorf("id %q", w.org.ID)
		}
		for ref, read := range map[string]func() (*identity.Organization, error){
			"id":   func() (*identity.Organization, error) { return w.Organization(t.Context(), w.org.ID) },
			"slug": func() (*identity.Organization, error) { return w.Organization(t.Context(), "acme") },
			"alias": func() (*identity.Organization, error) {
				return w.OrganizationByAlias(t.Context(), identity.Alias{Connection: "one", ProviderID: "p-acme"})
			},
			"in a transaction": func() (*identity.Organization, error) {
				return inTx(w, func(tx *ledger.Tx) (*identity.Organization, error) { return tx.Organization(w.org.ID) })
			},
		} {
			got, err := read()
			if err != nil {
				t.Errorf("%s: %v", ref, err)
			}
			equal(t, ref, got, want)
		}
	})
	t.Run("not found", func(t *testing.T) {
		for _, ref := range []string{"", "nobody", "ACME", "org_", w.org.ID + "x", "p-acme", "acme' OR '1'='1", "%"} {
			_, err := w.Organization(t.Context(), ref)
			wantCode(t, ref, err, identity.CodeNotFound)
		}
		for _, a := range []identity.Alias{{}, {Connection: "one"}, {ProviderID: "p-acme"}, {Connection: "two", ProviderID: "p-acme"}} {
			_, err := w.OrganizationByAlias(t.Context(), a)
			wantCode(t, a.Connection+"/"+a.ProviderID, err, identity.CodeNotFound)
		}
		_, err := inTx(w, func(tx *ledger.Tx) (*identity.Organization, error) { return tx.Organization("acme") })
		wantCode(t, "slug in a transaction", err, identity.CodeNotFound)
	})
	t.Run("conflicts", func(t *testing.T) {
		for _, tc := range []struct {
			name, wantField string
			o               identity.Organization
		}{
			{"slug", "/slug", identity.Organization{Slug: "acme", Connection: "one", ProviderID: "other"}},
			{"provider id", "/provider_id", identity.Organization{Slug: "other", Connection: "one", ProviderID: "p-acme"}},
			{"id", "/id", identity.Organization{ID: w.org.ID, Connection: "one", ProviderID: "other"}},
		} {
			o := tc.o
			err := w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.InsertOrganization(&o) })
			equal(t, tc.name+": field", wantCode(t, tc.name, err, identity.CodeConflict).Field, tc.wantField)
			equal(t, tc.name+": left alone", o, tc.o)
			_, err = w.OrganizationByAlias(t.Context(), identity.Alias{Connection: "one", ProviderID: "other"})
			wantCode(t, tc.name+": nothing is left", err, identity.CodeNotFound)
		}
	})
	t.Run("no slug is nobody's, one provider id in two connections is two", func(t *testing.T) {
		for _, c := range []string{"two", "three"} {
			o := &identity.Organization{Connection: c, ProviderID: "p-acme"}
			w.must(func(tx *ledger.Tx) error { return tx.InsertOrganization(o) })
			got, err := w.OrganizationByAlias(t.Context(), identity.Alias{Connection: c, ProviderID: "p-acme"})
			if err != nil {
				t.Fatal(err)
			}
			equal(t, c, got, o)
		}
	})
	t.Run("update", func(t *testing.T) { s.updateOrganization(t, w) })
	t.Run("two at once bind one", func(t *testing.T) {
		errs := together(t.Context(), 2, func(ctx context.Context, n int) error {
			o := &identity.Organization{Connection: "one", ProviderID: "twins"}
			return w.Write(ctx, func(tx *ledger.Tx) error { return tx.InsertOrganization(o) })
		})
		if errs[0] != nil {
			errs[0], errs[1] = errs[1], errs[0]
		}
		wantCode(t, "winner", errs[0], "")
		wantCode(t, "loser", errs[1], identity.CodeConflict)
	})
}

func (s *suite) updateOrganization(t *testing.T, w *world) {
	other := w.organization("other")
	update := func(o *identity.Organization) error {
		return w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.UpdateOrganization(o) })
	}
	w.clock.Advance(time.Minute)
	o := *other
	o.SyncedAt = ptr(w.clock.Now())
	if err := update(&o); err != nil {
		t.Fatal(err)
	}
	want := *other
	want.SyncedAt = ptr(w.Now())
	equal(t, "a sync does not count as a change", o, want)

	o.Name, o.Slug, o.Connection, o.ProviderID = "Ötherß", "", "elsewhere", "elsewhere"
	if err := update(&o); err != nil {
		t.Fatal(err)
	}
	want.Name, want.Slug, want.UpdatedAt = "Ötherß", "", w.Now()
	got, err := w.Organization(t.Context(), other.ID)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "name and slug change, the binding does not", got, &want)
	_, err = w.Organization(t.Context(), "other")
	wantCode(t, "the old slug", err, identity.CodeNotFound)

	o = want
	o.Slug = "acme"
	equal(t, "field", wantCode(t, "a slug that is taken", update(&o), identity.CodeConflict).Field, "/slug")
	o.ID = "org_nobody"
	wantCode(t, "unknown", update(&o), identity.CodeNotFound)
}

// organizationLists compares lists with what identity.Access.Allows says.
func (s *suite) organizationLists(t *testing.T) {
	w := s.world(t)
	var all []identity.Organization
	w.must(func(tx *ledger.Tx) error {
		for _, c := range []string{"one", "two", "three"} {
			for n := range 30 {
				o := identity.Organization{Connection: c, ProviderID: "p" + number(n)}
				if n%3 > 0 {
					o.Slug = c + "-" + number(n)
				}
				if err := tx.InsertOrganization(&o); err != nil {
					return err
				}
				all = append(all, o)
			}
		}
		return nil
	})
	all = append(all, *w.org)
	slices.SortFunc(all, func(a, b identity.Organization) int { return strings.Compare(a.ID, b.ID) })

	rapid.Check(t, func(r *rapid.T) {
		a := drawAccess(r, all)
		limit := rapid.IntRange(1, 40).Draw(r, "limit")
		var got, want []identity.Organization
		for _, o := range all {
			if a.Allows(&o) {
				want = append(want, o)
			}
		}
		for after, pages := "", 0; ; pages++ {
			page, err := w.Organizations(t.Context(), ledger.OrganizationQuery{Access: a, After: after, Limit: limit})
			if err != nil {
				r.Fatal(err)
			}
			got = append(got, page.Items...)
			after = page.Next
			if after == "" {
				break
			}
			if len(page.Items) != limit || pages > len(all) {
				r.Fatalf("page %d of %d with more to come, limit %d", pages, len(page.Items), limit)
			}
		}
		if !slices.Equal(got, want) {
			r.Fatalf("got %d organizations, want %d:\n got %+v\nwant %+v", len(got), len(want), got, want)
		}
	})
	t.Run("nothing without access", func(t *testing.T) {
		page, err := w.Organizations(t.Context(), ledger.OrganizationQuery{})
		if err != nil || len(page.Items) != 0 || page.Next != "" {
			t.Errorf("got %+v, %v", page, err)
		}
	})
	t.Run("50 by default", func(t *testing.T) {
		page, err := w.Organizations(t.Context(), ledger.OrganizationQuery{Access: everything("one", "two", "three")})
		if err != nil || len(page.Items) != 50 || page.Next != page.Items[49].ID {
			t.Errorf("got %d, %q, %v", len(page.Items), page.Next, err)
		}
	})
}

func drawAccess(r *rapid.T, all []identity.Organization) identity.Access {
	connection := rapid.SampledFrom([]string{"one", "two", "three", "four", ""})
	one := rapid.SampledFrom(all)
	ref := rapid.OneOf(
		rapid.Map(one, func(o identity.Organization) string { return o.ID }),
		rapid.Map(one, func(o identity.Organization) string { return o.Slug }),
		rapid.SampledFrom([]string{"", "acme", "org_", "nobody", "p1", "'; DROP TABLE organizations; --"}),
	)
	claim := rapid.Custom(func(r *rapid.T) identity.Alias {
		o := one.Draw(r, "claimed")
		if rapid.IntRange(0, 3).Draw(r, "foreign") == 0 {
			o.Connection = connection.Draw(r, "claimed connection")
		}
		return identity.Alias{Connection: o.Connection, ProviderID: o.ProviderID}
	})
	rule := rapid.Custom(func(r *rapid.T) identity.AccessRule {
		return identity.AccessRule{
			Connection: connection.Draw(r, "connection"), All: rapid.IntRange(0, 4).Draw(r, "all") == 0,
			Organizations: rapid.SliceOfN(ref, 0, 20).Draw(r, "organizations"),
		}
	})
	return identity.Access{
		Claimed: rapid.SliceOfN(claim, 0, 3).Draw(r, "claims"),
		Rules:   rapid.SliceOfN(rule, 0, 4).Draw(r, "rules"),
	}
}
