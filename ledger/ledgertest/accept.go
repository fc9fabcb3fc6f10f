package ledgertest

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
)

// links: the secret of a link is found by its hash alone, and a later sending
// that has succeeded ends the links before it.
func (s *suite) links(t *testing.T) {
	w := s.world(t)
	i := w.insert("ada@example.com", identity.StateSending)
	const first, second, unknown = "first-secret-0123456789", "second-secret-0123456789", "unknown-secret-0123456789"
	insert := func(secret string) error {
		return w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.InsertLink(secret, i.ID, 1, []string{"admin", "member"}) })
	}
	wantCode(t, "without the lease", insert(first), identity.CodeConflict)
	wantCode(t, "lease", w.lease(i.ID, time.Hour), "")
	wantCode(t, "with the lease", insert(first), "")
	want := ledger.Link{
		InviteID: i.ID, OrganizationID: w.org.ID, Attempt: 1, Roles: []string{"admin", "member"},
		CreatedAt: w.Now(),
	}
	w.clock.Advance(time.Minute)
	w.must(func(tx *ledger.Tx) error { return tx.InsertLink(second, i.ID, 2, []string{"member"}) })
	found := func(secret string) ledger.Link {
		t.Helper()
		outside, err := w.Link(t.Context(), secret)
		if err != nil {
			t.Fatal(err)
		}
		inside, err := inTx(w, func(tx *ledger.Tx) (*ledger.Link, error) { return tx.Link(secret) })
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "read in and outside a transaction", *inside, *outside)
		return *outside
	}
	equal(t, "the first link", found(first), want)
	if found(second).Superseded {
		t.Error("a link that nothing followed is superseded")
	}
	w.must(func(tx *ledger.Tx) error { return tx.SupersedeLinks(i.ID, 2) })
	if !found(first).Superseded || found(second).Superseded {
		t.Error("not the links of the attempts before are superseded")
	}
	for _, secret := range []string{unknown, "", strings.ToUpper(first), i.ID} {
		if _, err := w.Link(t.Context(), secret); identity.CodeOf(err) != identity.CodeNotFound {
			t.Errorf("link %q: %v, want not_found", secret, err)
		}
	}
	wantCode(t, "link to nowhere", w.Write(t.Context(), func(tx *ledger.Tx) error {
		return tx.InsertLink(unknown, "inv_x", 1, nil)
	}), identity.CodeNotFound)

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(strings.TrimPrefix(w.url, "sqlite:") + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(first)) || bytes.Contains(text, []byte(second)) {
			t.Errorf("%s holds the secret of a link", filepath.Base(file))
		}
	}
}

// directory: connections and organizations are apart, nobody joins twice, and
// an invitation never changes an account.
func (s *suite) directory(t *testing.T) {
	w := s.world(t)
	d, other := w.Directory("one"), w.Directory("two")
	ada := ledger.DirectoryUser{Email: "Ada@Example.com", EmailKey: "ada@example.com", GivenName: "Ada", FamilyName: "Lovelace", Locale: "en"}
	var wait sync.WaitGroup
	joined := make([]error, 8)
	for n := range joined {
		wait.Go(func() { _, joined[n] = d.Join(t.Context(), "acme", ada, []string{"member"}) })
	}
	wait.Wait()
	succeeded := 0
	for _, err := range joined {
		if err == nil {
			succeeded++
			continue
		}
		wantCode(t, "joining again", err, identity.CodeAlreadyMember)
	}
	equal(t, "who joined", succeeded, 1)

	member, err := d.Member(t.Context(), "acme", "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	at := w.Now()
	equal(t, "the member", *member, identity.Member{
		ProviderID: member.ProviderID, UserName: "Ada@Example.com", Email: "Ada@Example.com",
		GivenName: "Ada", FamilyName: "Lovelace", Roles: []string{"member"}, CreatedAt: &at,
	})
	for _, nobody := range []func() (*identity.Member, error){
		func() (*identity.Member, error) { return d.Member(t.Context(), "other", "ada@example.com") },
		func() (*identity.Member, error) { return d.Member(t.Context(), "acme", "Ada@Example.com") },
		func() (*identity.Member, error) { return other.Member(t.Context(), "acme", "ada@example.com") },
	} {
		_, err := nobody()
		wantCode(t, "somebody else's member", err, identity.CodeNotFound)
	}

	renamed := ada
	renamed.GivenName, renamed.Email = "Eve", "ADA@example.com"
	again, err := d.Join(t.Context(), "other", renamed, []string{"admin"})
	if err != nil {
		t.Fatal(err)
	}
	if again.GivenName != "Ada" || again.Email != "Ada@Example.com" || !slices.Equal(again.Roles, []string{"admin"}) {
		t.Errorf("an invitation has changed an account: %+v", again)
	}
	if _, err := other.Join(t.Context(), "acme", renamed, []string{"member"}); err != nil {
		t.Errorf("the same address at another connection: %v", err)
	}

	for n := range 5 {
		address := "p" + strconv.Itoa(n) + "@example.com"
		if _, err := d.Join(t.Context(), "acme", ledger.DirectoryUser{Email: address, EmailKey: address}, []string{"member"}); err != nil {
			t.Fatal(err)
		}
	}
	var emails []string
	for p := (identity.PageRequest{Limit: 2}); ; {
		page, err := d.Members(t.Context(), "acme", p)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Items {
			emails = append(emails, m.Email)
		}
		if p.Cursor = page.Next; p.Cursor == "" {
			break
		}
	}
	equal(t, "the members", emails, []string{"Ada@Example.com", "p0@example.com", "p1@example.com", "p2@example.com", "p3@example.com", "p4@example.com"})
}
