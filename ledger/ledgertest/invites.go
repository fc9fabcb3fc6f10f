package ledgertest

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
)

// full is an invite with every field set.
func (w *world) full(email string) *identity.Invite {
	at := func(d time.Duration) *time.Time { return ptr(w.Now().Add(d)) }
	return &identity.Invite{
		OrganizationID: w.org.ID, Connection: "one", ProviderID: "vendor-1", Email: "Ünïcode." + email, EmailKey: email,
		Roles: []string{"admin", "member", "a-role"}, State: identity.StatePending, StateReason: "adopted",
		GivenName: "Zoë", FamilyName: "O'Neil \"; --", Locale: "de-CH", Message: "line\nline\t\x01 🙂", RedirectURL: "https://a.example/?b=c&d",
		Metadata: map[string]any{"a": "b", "n": 1.5, "list": []any{"x", true, nil}, "map": map[string]any{"ключ": "值"}},
		Notify:   true, NotCarried: []string{"locale", "metadata"},
		Inviter:   identity.Actor{Issuer: "https://issuer.example", Subject: "sub", Email: "boss@example.com"},
		ExpiresAt: at(72 * time.Hour), AcceptedAt: at(time.Microsecond), SentAt: at(-time.Second), SyncedAt: at(time.Hour),
		UnmappedRoles: true, Attempt: 3, Reference: map[string]string{"user": "DEFAULT/a b", "": "empty"},
	}
}

func (s *suite) invites(t *testing.T) {
	w := s.world(t)
	start := w.Now()
	want := w.full("full@example.com")
	w.must(func(tx *ledger.Tx) error { return tx.InsertInvite(want) })
	if !strings.HasPrefix(want.ID, identity.PrefixInvite) || want.CreatedAt != start || want.UpdatedAt != start {
		t.Errorf("insert filled in %q, %v, %v", want.ID, want.CreatedAt, want.UpdatedAt)
	}
	reads := map[string]func(i *identity.Invite) (*identity.Invite, error){
		"invite": func(i *identity.Invite) (*identity.Invite, error) {
			return w.Invite(t.Context(), i.OrganizationID, i.ID)
		},
		"invite in a transaction": func(i *identity.Invite) (*identity.Invite, error) {
			return inTx(w, func(tx *ledger.Tx) (*identity.Invite, error) { return tx.Invite(i.OrganizationID, i.ID) })
		},
		"by provider id": func(i *identity.Invite) (*identity.Invite, error) {
			return inTx(w, func(tx *ledger.Tx) (*identity.Invite, error) {
				return tx.InviteByProviderID(i.OrganizationID, i.Connection, i.ProviderID)
			})
		},
		"live": func(i *identity.Invite) (*identity.Invite, error) {
			return inTx(w, func(tx *ledger.Tx) (*identity.Invite, error) { return tx.LiveInvite(i.OrganizationID, i.EmailKey) })
		},
		"latest": func(i *identity.Invite) (*identity.Invite, error) {
			return inTx(w, func(tx *ledger.Tx) (*identity.Invite, error) { return tx.LatestInvite(i.OrganizationID, i.EmailKey) })
		},
	}
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			got, err := read(want)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "read", got, want)
			for _, foreign := range []identity.Invite{
				{OrganizationID: "org_other", Connection: want.Connection, ID: want.ID, ProviderID: want.ProviderID, EmailKey: want.EmailKey},
				{OrganizationID: w.org.ID, Connection: "other", ID: "inv_other", ProviderID: "other", EmailKey: "other@example.com"},
				{OrganizationID: w.org.ID, Connection: want.Connection},
			} {
				got, err := read(&foreign)
				wantCode(t, "foreign", err, identity.CodeNotFound)
				if got != nil {
					t.Errorf("got %+v", got)
				}
			}
		})
	}
	t.Run("update writes everything that can change", func(t *testing.T) {
		w.clock.Advance(time.Hour)
		changed := &identity.Invite{
			ID: want.ID, OrganizationID: want.OrganizationID, Connection: "two", ProviderID: "vendor-2", Email: "x", EmailKey: "x",
			Roles: []string{"member", "owner"}, State: identity.StateAccepted, CreatedAt: start.Add(time.Hour), SentAt: ptr(w.clock.Now()),
		}
		w.must(func(tx *ledger.Tx) error { return tx.UpdateInvite(changed) })
		fresh := &identity.Invite{
			ID: want.ID, OrganizationID: want.OrganizationID, Connection: "two", ProviderID: "vendor-2", Email: want.Email, EmailKey: want.EmailKey,
			Roles: []string{"member", "owner"}, State: identity.StateAccepted, CreatedAt: start, UpdatedAt: w.Now(), SentAt: ptr(w.Now()),
		}
		equal(t, "given back", changed, fresh)
		equal(t, "read", w.read(want.ID), fresh)
		for role, n := range map[string]int{"admin": 0, "member": 1, "owner": 1} {
			found, err := w.Invites(t.Context(), ledger.InviteQuery{OrganizationID: w.org.ID, Role: role})
			if err != nil || len(found) != n {
				t.Errorf("role %s: %d invites, %v, want %d", role, len(found), err, n)
			}
		}
		full := w.full(want.EmailKey)
		full.ID, full.OrganizationID = want.ID, want.OrganizationID
		w.must(func(tx *ledger.Tx) error { return tx.UpdateInvite(full) })
		equal(t, "and back", w.read(want.ID), full)
	})
	t.Run("update of nothing", func(t *testing.T) {
		for _, i := range []identity.Invite{{ID: "inv_x", OrganizationID: w.org.ID}, {ID: want.ID, OrganizationID: "org_x"}} {
			err := w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.UpdateInvite(&i) })
			wantCode(t, i.ID, err, identity.CodeNotFound)
		}
	})
	t.Run("insert into nothing", func(t *testing.T) {
		i := w.draft("nobody@example.com", identity.StateFailed)
		i.OrganizationID = "org_nobody"
		err := w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.InsertInvite(i) })
		wantCode(t, "unknown organization", err, identity.CodeNotFound)
	})
	t.Run("insert with an id that is taken", func(t *testing.T) {
		i := w.draft("other@example.com", identity.StatePending)
		i.ID = want.ID
		err := w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.InsertInvite(i) })
		equal(t, "field", wantCode(t, "same id", err, identity.CodeConflict).Field, "/id")
	})
	t.Run("a vendor's id used again leads to the latest", func(t *testing.T) {
		var last *identity.Invite
		for range 3 {
			last = w.draft("again@example.com", identity.StateRevoked)
			last.ProviderID = "again"
			w.must(func(tx *ledger.Tx) error { return tx.InsertInvite(last) })
		}
		got, err := reads["by provider id"](last)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "id", got.ID, last.ID)
	})
}

// inviteValues are values that something between here and the disk could
// damage.
func (s *suite) inviteValues(t *testing.T) {
	w := s.world(t)
	long := strings.Repeat("lang ß 🙂 ", 20_000)
	for name, change := range map[string]func(*identity.Invite){
		"long":   func(i *identity.Invite) { i.Message, i.Metadata = long, map[string]any{"long": long} },
		"quotes": func(i *identity.Invite) { i.GivenName, i.FamilyName = `Robert'); DROP TABLE invites;--`, `"\` },
		"unicode": func(i *identity.Invite) {
			i.GivenName, i.FamilyName = "👩‍👩‍👧‍👦 ﷺ", "e\u0301 \u202e \ufeff"
		},
		"decomposed":   func(i *identity.Invite) { i.EmailKey = "e\u0301@example.com" },
		"composed":     func(i *identity.Invite) { i.EmailKey = "\u00e9@example.com" },
		"upper case":   func(i *identity.Invite) { i.EmailKey = "QUOTES@example.com" },
		"numbers":      func(i *identity.Invite) { i.GivenName, i.ProviderID = "007", "1e3" },
		"placeholders": func(i *identity.Invite) { i.Message = "$1 ? :a @b %s %d {{x}} \\u0000" },
		"big and small": func(i *identity.Invite) {
			i.Metadata = map[string]any{"max": math.MaxFloat64, "min": -math.SmallestNonzeroFloat64, "int": float64(1 << 53)}
			i.Attempt = math.MaxInt32
		},
		"many roles": func(i *identity.Invite) {
			i.Roles = nil
			for n := range 200 {
				i.Roles = append(i.Roles, "role-"+number(n))
			}
		},
		"a role twice": func(i *identity.Invite) { i.Roles = []string{"b", "a", "b"} },
		"no roles":     func(i *identity.Invite) { i.Roles = nil },
		"silent":       func(i *identity.Invite) { i.Notify = false },
		"old":          func(i *identity.Invite) { i.ExpiresAt = ptr(time.Date(1901, 2, 3, 4, 5, 6, 7000, time.UTC)) },
		"far":          func(i *identity.Invite) { i.ExpiresAt = ptr(time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)) },
		"made before":  func(i *identity.Invite) { i.CreatedAt = w.Now().Add(-1000 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := w.draft(strings.ReplaceAll(name, " ", "-")+"@example.com", identity.StatePending)
			change(i)
			if err := w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.InsertInvite(i) }); err != nil {
				t.Fatal(err)
			}
			equal(t, "read", w.read(i.ID), i)
		})
	}
	t.Run("times are cut to microseconds, in the value too", func(t *testing.T) {
		t.Parallel()
		i := w.draft("times@example.com", identity.StatePending)
		zone := time.FixedZone("x", -7*3600)
		i.ExpiresAt = ptr(time.Date(2031, 1, 2, 3, 4, 5, 678_901_234, zone))
		i.CreatedAt = time.Date(2031, 1, 2, 3, 4, 5, 999_999_999, zone)
		w.must(func(tx *ledger.Tx) error { return tx.InsertInvite(i) })
		equal(t, "expires at", *i.ExpiresAt, time.Date(2031, 1, 2, 10, 4, 5, 678_901_000, time.UTC))
		equal(t, "created at", i.CreatedAt, time.Date(2031, 1, 2, 10, 4, 5, 999_999_000, time.UTC))
		equal(t, "read", w.read(i.ID), i)
	})
	t.Run("empty lists and maps come back nil", func(t *testing.T) {
		t.Parallel()
		i := w.draft("empty@example.com", identity.StatePending)
		i.Roles, i.NotCarried, i.Metadata, i.Reference = []string{}, []string{}, map[string]any{}, map[string]string{}
		w.must(func(tx *ledger.Tx) error { return tx.InsertInvite(i) })
		i.Roles, i.NotCarried, i.Metadata, i.Reference = nil, nil, nil, nil
		equal(t, "read", w.read(i.ID), i)
	})
	t.Run("what is no JSON is an error", func(t *testing.T) {
		t.Parallel()
		i := w.draft("nan@example.com", identity.StatePending)
		i.Metadata = map[string]any{"nan": math.NaN()}
		err := w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.InsertInvite(i) })
		wantCode(t, "NaN", err, identity.CodeInternal)
	})
}

func (s *suite) expiry(t *testing.T) {
	w := s.world(t)
	other := w.organization("other")
	now := w.Now()
	add := func(email string, state identity.State, expires *time.Time) *identity.Invite {
		i := w.draft(email, state)
		i.ExpiresAt = expires
		w.must(func(tx *ledger.Tx) error { return tx.InsertInvite(i) })
		return i
	}
	past, exactly, future := ptr(now.Add(-time.Microsecond)), ptr(now), ptr(now.Add(time.Microsecond))
	first := add("a@example.com", identity.StatePending, past)
	second := add("b@example.com", identity.StatePending, exactly)
	kept := []*identity.Invite{
		add("c@example.com", identity.StatePending, future),
		add("d@example.com", identity.StatePending, nil),
		add("e@example.com", identity.StateUncertain, past),
		add("f@example.com", identity.StateSending, past),
		add("g@example.com", identity.StateAccepted, past),
	}
	elsewhere := w.draft("a@example.com", identity.StatePending)
	elsewhere.OrganizationID, elsewhere.ExpiresAt = other.ID, past
	w.must(func(tx *ledger.Tx) error { return tx.InsertInvite(elsewhere) })

	closed := func(org, email string) []string {
		t.Helper()
		got, err := inTx(w, func(tx *ledger.Tx) ([]string, error) { return tx.CloseExpired(org, email) })
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	equal(t, "an address without", closed(w.org.ID, "c@example.com"), []string(nil))
	equal(t, "an address", closed(w.org.ID, "a@example.com"), []string{first.ID})
	equal(t, "the address again", closed(w.org.ID, "a@example.com"), []string(nil))
	equal(t, "all", closed(w.org.ID, ""), []string{second.ID})
	equal(t, "all again", closed(w.org.ID, ""), []string(nil))
	for _, i := range []*identity.Invite{first, second} {
		want := *i
		want.State = identity.StateExpired
		equal(t, i.EmailKey, w.read(i.ID), &want)
		events, err := w.History(t.Context(), i.ID)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, i.EmailKey, events, []identity.InviteEvent{{At: now, State: identity.StateExpired}})
	}
	for _, i := range kept {
		equal(t, i.EmailKey, w.read(i.ID), i)
	}
	got, err := w.Invite(t.Context(), other.ID, elsewhere.ID)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "another organization's", got, elsewhere)

	t.Run("but not while somebody works on it", func(t *testing.T) {
		busy := add("busy@example.com", identity.StatePending, past)
		w.must(func(tx *ledger.Tx) error { return tx.Lease(busy.ID, time.Minute) })
		equal(t, "the address", closed(w.org.ID, "busy@example.com"), []string(nil))
		equal(t, "all", closed(w.org.ID, ""), []string(nil))
		w.must(func(tx *ledger.Tx) error { return tx.Unlease(busy.ID) })
		equal(t, "afterwards", closed(w.org.ID, "busy@example.com"), []string{busy.ID})
	})
	t.Run("makes room in the same transaction", func(t *testing.T) {
		old := add("room@example.com", identity.StatePending, past)
		next := w.draft("room@example.com", identity.StateSending)
		w.must(func(tx *ledger.Tx) error {
			if _, err := tx.CloseExpired(w.org.ID, "room@example.com"); err != nil {
				return err
			}
			return tx.InsertInvite(next)
		})
		equal(t, "old", w.read(old.ID).State, identity.StateExpired)
	})
}

func (s *suite) history(t *testing.T) {
	w := s.world(t)
	i, other := w.insert("a@example.com", identity.StateSending), w.insert("b@example.com", identity.StateSending)
	at := w.Now()
	want := []identity.InviteEvent{
		{At: at, State: identity.StateSending, Actor: identity.Actor{Issuer: "i", Subject: "s", Email: "e"}},
		{At: at, State: identity.StatePending},
		{At: at.Add(-time.Hour), State: identity.StateUncertain, Reason: "provider_timeout"}, // a clock may go back
		{At: at.Add(time.Hour), State: identity.StateRevoked, Reason: identity.ReasonGoneAtProvider},
	}
	w.must(func(tx *ledger.Tx) error {
		for n, e := range want {
			e.At = e.At.In(time.FixedZone("x", 3600))
			if n == 1 {
				e.At = time.Time{} // now
			}
			if err := tx.AppendEvent(i.ID, e); err != nil {
				return err
			}
			if err := tx.AppendEvent(other.ID, identity.InviteEvent{State: identity.StateFailed}); err != nil {
				return err
			}
		}
		return nil
	})
	got, err := w.History(t.Context(), i.ID)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "history", got, want)
	if i := w.read(i.ID); i.History != nil {
		t.Error("a plain read carries the history")
	}
	got, err = w.History(t.Context(), "inv_nobody")
	if err != nil || len(got) != 0 {
		t.Errorf("history of nobody: %v, %v", got, err)
	}
	err = w.Write(t.Context(), func(tx *ledger.Tx) error {
		return tx.AppendEvent("inv_nobody", identity.InviteEvent{State: identity.StateFailed})
	})
	wantCode(t, "event of nobody", err, identity.CodeNotFound)

	t.Run("many at once, each with a place of its own", func(t *testing.T) {
		i := w.insert("many@example.com", identity.StateSending)
		errs := together(t.Context(), 20, func(ctx context.Context, n int) error {
			return w.Write(ctx, func(tx *ledger.Tx) error {
				return tx.AppendEvent(i.ID, identity.InviteEvent{State: identity.StateSending, Reason: number(n)})
			})
		})
		for _, err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		got, err := w.History(t.Context(), i.ID)
		if err != nil || len(got) != 20 {
			t.Errorf("%d events, %v", len(got), err)
		}
	})
}
