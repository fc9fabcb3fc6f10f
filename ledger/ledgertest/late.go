package ledgertest

import (
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
)

// askedNext: of the invites that ended, the newest of each address, the one
// that the vendor was not asked about for the longest time first.
func (s *suite) askedNext(t *testing.T) {
	w := s.world(t)
	add := func(email string, state identity.State) string {
		w.clock.Advance(time.Second)
		return w.insert(email, state).ID
	}
	ended := func(limit int) []string {
		t.Helper()
		all, err := w.Ended(t.Context(), w.org.ID, w.Now().Add(-time.Hour), limit)
		if err != nil {
			t.Fatal(err)
		}
		return ids(all)
	}
	asked := func(id string) {
		w.clock.Advance(time.Second)
		w.must(func(tx *ledger.Tx) error { return tx.MarkAsked(id) })
	}
	add("old@example.com", identity.StateRevoked)
	w.clock.Advance(2 * time.Hour)
	a, b := add("a@example.com", identity.StateExpired), add("b@example.com", identity.StateRevoked)
	add("again@example.com", identity.StateRevoked)
	add("again@example.com", identity.StatePending)
	add("joined@example.com", identity.StateAccepted)
	add("failed@example.com", identity.StateFailed)
	asked(b)
	equal(t, "never asked first", ended(10), []string{a, b})
	asked(a)
	equal(t, "longest ago first", ended(10), []string{b, a})
	equal(t, "limited", ended(1), []string{b})
	other := w.organization("other")
	if all, err := w.Ended(t.Context(), other.ID, time.Unix(0, 0), 10); err != nil || len(all) != 0 {
		t.Errorf("of another organization: %v, %v", all, err)
	}
}

// mails: what counts is a sending that may have reached the vendor.
func (s *suite) mails(t *testing.T) {
	w := s.world(t)
	type event struct {
		state  identity.State
		reason string
	}
	const (
		sending, pending, uncertain = identity.StateSending, identity.StatePending, identity.StateUncertain
		failed, revoked, expired    = identity.StateFailed, identity.StateRevoked, identity.StateExpired
	)
	for name, c := range map[string]struct {
		events []event
		want   int
	}{
		"taken":                 {[]event{{sending, ""}, {pending, ""}}, 1},
		"under way":             {[]event{{sending, ""}}, 1},
		"refused":               {[]event{{sending, ""}, {failed, "quota_exceeded"}}, 0},
		"refused, then taken":   {[]event{{sending, ""}, {failed, "provider_error"}, {sending, ""}, {pending, ""}}, 1},
		"nobody knows":          {[]event{{sending, ""}, {uncertain, "provider_timeout"}}, 1},
		"found":                 {[]event{{sending, ""}, {uncertain, "provider_timeout"}, {pending, ""}}, 1},
		"not found":             {[]event{{sending, ""}, {uncertain, "provider_timeout"}, {failed, "not_sent"}}, 0},
		"interrupted":           {[]event{{sending, ""}, {uncertain, "interrupted"}, {sending, "interrupted"}, {uncertain, "interrupted"}, {sending, "interrupted"}, {pending, ""}}, 1},
		"two that nobody knows": {[]event{{sending, ""}, {uncertain, "provider_timeout"}, {sending, ""}, {uncertain, "provider_timeout"}}, 2},
		"resend refused":        {[]event{{sending, ""}, {pending, ""}, {sending, ""}, {pending, "provider_unavailable"}}, 1},
		"resend of an expired":  {[]event{{sending, ""}, {pending, ""}, {expired, ""}, {sending, ""}, {expired, "quota_exceeded"}}, 1},
		"revocation":            {[]event{{sending, ""}, {pending, ""}, {uncertain, "revoke_unknown"}, {pending, ""}, {revoked, ""}}, 1},
		"made elsewhere":        {[]event{{pending, "adopted"}}, 0},
	} {
		email := name + "@example.com"
		i := w.insert(email, failed)
		w.must(func(tx *ledger.Tx) error {
			for _, e := range c.events {
				if err := tx.AppendEvent(i.ID, identity.InviteEvent{State: e.state, Reason: e.reason}); err != nil {
					return err
				}
			}
			return nil
		})
		got, err := inTx(w, func(tx *ledger.Tx) ([]time.Time, error) {
			return tx.Mailed(w.org.ID, email, tx.Now().Add(-time.Second))
		})
		if err != nil || len(got) != c.want {
			t.Errorf("%s: %d mails, %v, want %d", name, len(got), err, c.want)
		}
		later, err := inTx(w, func(tx *ledger.Tx) ([]time.Time, error) { return tx.Mailed(w.org.ID, email, tx.Now()) })
		if err != nil || len(later) != 0 {
			t.Errorf("%s: %d mails after the window, %v", name, len(later), err)
		}
	}
}
