package ledgertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
)

func testKey(key string) ledger.IdempotencyKey {
	return ledger.IdempotencyKey{Issuer: "https://i.example", Subject: "s", Organization: "org_1", Method: "POST", Path: "/v1/x", Key: key}
}

func testAnswer() ledger.Answer {
	body := make([]byte, 0, 1024)
	for n := range 1024 {
		body = append(body, byte(n)) // every byte, also those that are no text
	}
	return ledger.Answer{
		Status: 201, Body: body,
		Header: map[string]string{"Location": "/v1/ü?a=\"b\"", "Content-Type": "application/json", "ETag": `W/"1"`},
	}
}

func (s *suite) idempotency(t *testing.T) {
	body, otherBody := []byte("hash of the body"), []byte("hash of another")
	claim := func(t *testing.T, w *world, k ledger.IdempotencyKey) *ledger.Claim {
		t.Helper()
		c, a, err := w.ClaimKey(t.Context(), k, body)
		if err != nil || a != nil || c == nil {
			t.Fatalf("claim: %+v, %+v, %v, want a claim", c, a, err)
		}
		return c
	}
	refused := func(t *testing.T, w *world, k ledger.IdempotencyKey, hash []byte, code identity.Code) {
		t.Helper()
		c, a, err := w.ClaimKey(t.Context(), k, hash)
		equal(t, "field", wantCode(t, "claim", err, code).Field, "header:Idempotency-Key")
		if c != nil || a != nil {
			t.Errorf("got %+v, %+v beside the error", c, a)
		}
	}
	replayed := func(t *testing.T, w *world, k ledger.IdempotencyKey, want ledger.Answer) {
		t.Helper()
		c, a, err := w.ClaimKey(t.Context(), k, body)
		if err != nil || c != nil {
			t.Fatalf("claim: %+v, %v, want an answer", c, err)
		}
		equal(t, "answer", a, &want)
	}

	t.Run("from claim to replay", func(t *testing.T) {
		t.Parallel()
		w, k := s.world(t), testKey("k")
		c := claim(t, w, k)
		refused(t, w, k, body, identity.CodeIdempotencyInProgress)
		refused(t, w, k, otherBody, identity.CodeIdempotencyKeyReused)
		wantCode(t, "finish", w.FinishKey(t.Context(), c, testAnswer()), "")
		for range 3 {
			replayed(t, w, k, testAnswer())
		}
		refused(t, w, k, otherBody, identity.CodeIdempotencyKeyReused)
		wantCode(t, "finish again", w.FinishKey(t.Context(), c, ledger.Answer{Status: 500}), identity.CodeConflict)
		wantCode(t, "release afterwards", w.ReleaseKey(t.Context(), c), identity.CodeConflict)
		w.reopen("second")
		replayed(t, w, k, testAnswer())
		refused(t, w, k, otherBody, identity.CodeIdempotencyKeyReused)
	})
	t.Run("an empty answer", func(t *testing.T) {
		t.Parallel()
		w, k := s.world(t), testKey("k")
		wantCode(t, "finish", w.FinishKey(t.Context(), claim(t, w, k), ledger.Answer{Status: 204}), "")
		replayed(t, w, k, ledger.Answer{Status: 204})
	})
	t.Run("released", func(t *testing.T) {
		t.Parallel()
		w, k := s.world(t), testKey("k")
		c := claim(t, w, k)
		i := w.draft("a@example.com", identity.StateFailed)
		w.must(func(tx *ledger.Tx) error { return errors.Join(tx.InsertInvite(i), tx.AttachInvite(c, i.ID, 3)) })
		equal(t, "attached", c.InviteID, i.ID)
		wantCode(t, "release", w.ReleaseKey(t.Context(), c), "")
		refused(t, w, k, otherBody, identity.CodeIdempotencyKeyReused)
		again := claim(t, w, k)
		equal(t, "the invite of the first try", again.InviteID, i.ID)
		equal(t, "its attempt", again.Attempt, 3)
		refused(t, w, k, body, identity.CodeIdempotencyInProgress)
		wantCode(t, "the first claim is over", w.FinishKey(t.Context(), c, testAnswer()), identity.CodeConflict)
		wantCode(t, "the first claim is over", w.ReleaseKey(t.Context(), c), identity.CodeConflict)
		wantCode(t, "the second is not", w.FinishKey(t.Context(), again, testAnswer()), "")
		replayed(t, w, k, testAnswer())
	})
	t.Run("left by a dead holder", func(t *testing.T) {
		t.Parallel()
		w, k := s.world(t), testKey("k")
		c := claim(t, w, k)
		i := w.draft("a@example.com", identity.StateSending)
		w.must(func(tx *ledger.Tx) error { return errors.Join(tx.InsertInvite(i), tx.AttachInvite(c, i.ID, 1)) })
		w.reopen("second")
		refused(t, w, k, otherBody, identity.CodeIdempotencyKeyReused)
		again := claim(t, w, k)
		equal(t, "its invite", again.InviteID, i.ID)
		refused(t, w, k, body, identity.CodeIdempotencyInProgress)
		wantCode(t, "the dead one's claim", w.FinishKey(t.Context(), c, testAnswer()), identity.CodeConflict)
	})
	t.Run("attaching", func(t *testing.T) {
		t.Parallel()
		w, k := s.world(t), testKey("k")
		c := claim(t, w, k)
		i := w.insert("a@example.com", identity.StateFailed)
		attach := func(c *ledger.Claim, id string) error {
			return w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.AttachInvite(c, id, 1) })
		}
		wantCode(t, "unknown invite", attach(c, "inv_x"), identity.CodeNotFound)
		equal(t, "nothing attached", c.InviteID, "")
		wantCode(t, "foreign claim", attach(&ledger.Claim{ID: c.ID}, i.ID), identity.CodeConflict)
		_ = w.Write(t.Context(), func(tx *ledger.Tx) error {
			wantCode(t, "attach", tx.AttachInvite(c, i.ID, 1), "")
			return context.Canceled
		})
		wantCode(t, "release", w.ReleaseKey(t.Context(), c), "")
		equal(t, "an attachment that was rolled back", claim(t, w, k).InviteID, "")
	})
	t.Run("an organization", func(t *testing.T) {
		t.Parallel()
		w, k := s.world(t), testKey("k")
		c := claim(t, w, k)
		attach := func(id string) error {
			return w.Write(t.Context(), func(tx *ledger.Tx) error { return tx.AttachOrganization(c, id) })
		}
		wantCode(t, "unknown organization", attach("org_x"), identity.CodeNotFound)
		wantCode(t, "attach", attach(w.org.ID), "")
		wantCode(t, "release", w.ReleaseKey(t.Context(), c), "")
		again := claim(t, w, k)
		equal(t, "the organization of the first try", again.OrganizationID, w.org.ID)
		equal(t, "no invite", again.InviteID, "")
	})
	t.Run("no claim is no claim", func(t *testing.T) {
		t.Parallel()
		w := s.world(t)
		wantCode(t, "finish", w.FinishKey(t.Context(), nil, testAnswer()), "")
		wantCode(t, "release", w.ReleaseKey(t.Context(), nil), "")
		w.must(func(tx *ledger.Tx) error {
			return errors.Join(tx.AttachInvite(nil, "inv_x", 1), tx.AttachOrganization(nil, "org_x"))
		})
	})
	t.Run("no two keys are one", func(t *testing.T) {
		t.Parallel()
		w := s.world(t)
		type K = ledger.IdempotencyKey
		for _, k := range []K{
			{}, {Issuer: "a"}, {Subject: "a"}, {Organization: "a"}, {Method: "a"}, {Path: "a"}, {Key: "a"},
			{Issuer: "ab", Subject: "c"}, {Issuer: "a", Subject: "bc"}, {Issuer: "abc"},
			{Path: "/v1/a", Key: "b"}, {Path: "/v1/", Key: "ab"}, {Key: "A"}, {Key: "a "}, {Key: "a\x00"}, {Key: "\x00\x00\x00\x00\x00\x00\x00\x01a"},
		} {
			claim(t, w, k)
		}
	})
	t.Run("many at once, one gets it", func(t *testing.T) {
		t.Parallel()
		w := s.world(t)
		for round := range 5 {
			k := testKey(number(round))
			won := 0
			errs := together(t.Context(), 16, func(ctx context.Context, _ int) error {
				c, a, err := w.ClaimKey(ctx, k, body)
				if err == nil && (c == nil || a != nil) {
					t.Errorf("got %+v, %+v", c, a)
				}
				return err
			})
			for _, err := range errs {
				if err == nil {
					won++
				} else {
					wantCode(t, "loser", err, identity.CodeIdempotencyInProgress)
				}
			}
			equal(t, "winners", won, 1)
		}
	})
	t.Run("pruning", func(t *testing.T) { t.Parallel(); s.pruning(t) })
}

func (s *suite) pruning(t *testing.T) {
	w := s.world(t)
	body := []byte("body")
	claims := map[string]*ledger.Claim{}
	claim := func(key string) {
		t.Helper()
		c, _, err := w.ClaimKey(t.Context(), testKey(key), body)
		if err != nil {
			t.Fatal(err)
		}
		claims[key] = c
	}
	finish := func(key string) {
		t.Helper()
		wantCode(t, key, w.FinishKey(t.Context(), claims[key], testAnswer()), "")
	}
	claim("dead")
	w.reopen("second")
	claim("old")
	finish("old")
	claim("released")
	wantCode(t, "release", w.ReleaseKey(t.Context(), claims["released"]), "")
	claim("under way")
	claim("slow")
	w.clock.Advance(25 * time.Hour)
	finish("slow") // its day begins now
	claim("young")
	finish("young")
	prune := func(want int64) {
		t.Helper()
		n, err := w.PruneKeys(t.Context(), 24*time.Hour)
		if err != nil || n != want {
			t.Errorf("pruned %d, %v, want %d", n, err, want)
		}
	}
	prune(3) // dead, old, released
	prune(0)
	for key, want := range map[string]bool{"old": false, "slow": true, "young": true} {
		_, a, err := w.ClaimKey(t.Context(), testKey(key), body)
		if err != nil || (a != nil) != want {
			t.Errorf("%s: answer %v, %v, want one: %v", key, a, err, want)
		}
	}
	finish("under way")
	for n := range 1100 { // more than one small transaction takes
		claim("many" + number(n))
		if n%100 == 0 {
			finish("many" + number(n))
		}
	}
	w.reopen("third")
	w.clock.Advance(48 * time.Hour)
	prune(1100 + 4) // and old, claimed again, under way, slow, young
}
