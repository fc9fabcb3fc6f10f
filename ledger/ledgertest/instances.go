package ledgertest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
)

// longTTL is how long an instance lives here without a sign: longer than any
// test by the machine's clock, so that only the test's clock ends it.
const longTTL = 10 * time.Hour

// pair is one ledger opened twice, on one clock.
func (s *suite) pair(t *testing.T) (a, b *world) {
	t.Helper()
	a = &world{t: t, url: s.fresh(t), clock: newClock(), ttl: longTTL}
	if _, err := ledger.Up(t.Context(), a.url); err != nil {
		t.Fatal(err)
	}
	a.open("a")
	a.org = a.organization("acme")
	b = &world{t: t, url: a.url, clock: a.clock, org: a.org, ttl: longTTL}
	b.open("b")
	return a, b
}

// instances are several openings of one ledger at once.
func (s *suite) instances(t *testing.T) {
	if !s.shared {
		w := s.world(t)
		if l, err := ledger.Open(t.Context(), w.url, nil); err == nil {
			t.Error("opened a second time", l.Close())
		}
		if !w.Alive() {
			t.Error("not alive")
		}
		w.clock.Advance(1000 * time.Hour)
		if !w.Alive() {
			t.Error("not alive any more, though nobody else can be")
		}
		return
	}
	for name, run := range map[string]func(*suite, *testing.T){
		"what one writes the other reads": (*suite).seesTheOther,
		"one transaction at a time":       (*suite).oneAtATime,
		"takeover after death":            (*suite).takeover,
		"takeover after a clean end":      (*suite).cleanEnd,
		"claims":                          (*suite).claimsOfTwo,
		"one live invite":                 (*suite).oneLiveOfTwo,
		"twins":                           (*suite).twins,
		"expiry":                          (*suite).expiryOfTwo,
		"killed":                          (*suite).killedBeside,
		"down":                            (*suite).downBeside,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(s, t)
		})
	}
}

func (s *suite) seesTheOther(t *testing.T) {
	a, b := s.pair(t)
	i := a.insert("a@example.com", identity.StatePending)
	for n := range 5 {
		equal(t, "the invite", b.read(i.ID), a.read(i.ID))
		i.State, i.StateReason = identity.StateRevoked, number(n)
		w := []*world{a, b}[n%2]
		w.must(func(tx *ledger.Tx) error {
			if err := tx.UpdateInvite(i); err != nil {
				return err
			}
			return tx.AppendEvent(i.ID, identity.InviteEvent{State: i.State, Reason: i.StateReason})
		})
		for _, w := range []*world{a, b} {
			equal(t, "the reason", w.read(i.ID).StateReason, number(n))
			events, err := w.History(t.Context(), i.ID)
			if err != nil || len(events) != n+1 {
				t.Errorf("history: %v, %v", events, err)
			}
		}
		w.must(func(tx *ledger.Tx) error {
			a.org.Name, a.org.Slug = "name-"+number(n), "slug-"+number(n)
			return tx.UpdateOrganization(a.org)
		})
		for _, w := range []*world{a, b} {
			o, err := w.Organization(t.Context(), "slug-"+number(n))
			if err != nil || o.Name != "name-"+number(n) {
				t.Errorf("organization: %+v, %v", o, err)
			}
		}
	}
}

// oneAtATime: a transaction sees what every other one has written, whoever
// wrote it, and none runs beside it.
func (s *suite) oneAtATime(t *testing.T) {
	a, b := s.pair(t)
	i := a.insert("a@example.com", identity.StateSending)
	var inside, most atomic.Int32
	errs := together(t.Context(), 40, func(ctx context.Context, n int) error {
		return []*world{a, b}[n%2].Write(ctx, func(tx *ledger.Tx) error {
			most.Store(max(most.Load(), inside.Add(1)))
			defer inside.Add(-1)
			row, err := tx.Invite(i.OrganizationID, i.ID)
			if err != nil {
				return err
			}
			row.Attempt++
			return tx.UpdateInvite(row)
		})
	})
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	equal(t, "transactions at once", most.Load(), int32(1))
	equal(t, "what they have counted", b.read(i.ID).Attempt, 1+len(errs))
}

// acts are what only the holder of an invite's lease may do.
func acts(w *world, i identity.Invite, secret string) map[string]error {
	write := func(fn func(*ledger.Tx) error) error { return w.Write(w.t.Context(), fn) }
	return map[string]error{
		"begin a step":  write(func(tx *ledger.Tx) error { return tx.BeginStep(i.ID, 1, "step") }),
		"record a link": write(func(tx *ledger.Tx) error { return tx.InsertLink(secret, i.ID, 1, nil) }),
		"hold":          write(func(tx *ledger.Tx) error { return tx.Hold(i.ID) }),
		"conclude": write(func(tx *ledger.Tx) error {
			if err := tx.Conclude(&i); err != nil {
				return err
			}
			return errTaken
		}),
	}
}

// errTaken undoes what would end a lease.
var errTaken = errors.New("done")

func wantActs(t *testing.T, who string, got map[string]error, want identity.Code) {
	t.Helper()
	for name, err := range got {
		if errors.Is(err, errTaken) {
			err = nil
		}
		wantCode(t, who+": "+name, err, want)
	}
}

func (s *suite) takeover(t *testing.T) {
	a, b := s.pair(t)
	i := a.insert("a@example.com", identity.StateSending)
	wantCode(t, "lease", a.lease(i.ID, 100*time.Hour), "")
	for _, step := range []time.Duration{0, longTTL / 2, longTTL/2 - time.Microsecond} {
		a.clock.Advance(step)
		b.must(func(*ledger.Tx) error { return nil }) // one that lives
		wantCode(t, "while its holder lives", b.lease(i.ID, time.Hour), identity.CodeConflict)
		equal(t, "interrupted", b.interrupted(), []string{})
		if !b.leased(i.ID) {
			t.Error("not leased")
		}
	}
	wantActs(t, "somebody else", acts(b, *i, "secret-of-b"), identity.CodeConflict)
	wantCode(t, "ending somebody else's lease", b.Write(t.Context(), func(tx *ledger.Tx) error { return tx.Unlease(i.ID) }), identity.CodeConflict)

	a.clock.Advance(time.Microsecond)
	if a.Alive() {
		t.Error("alive, though its time is over")
	}
	b.must(func(*ledger.Tx) error { return nil })
	if !b.Alive() {
		t.Error("one that writes is not alive")
	}
	equal(t, "interrupted once it is dead", b.interrupted(), []string{i.ID})
	if b.leased(i.ID) {
		t.Error("the lease of a dead holder counts")
	}
	wantActs(t, "back before anybody noticed", acts(a, *i, "secret-of-a"), "")
	if !a.Alive() || len(b.interrupted()) != 0 {
		t.Error("not alive again after writing")
	}

	a.clock.Advance(longTTL)
	wantCode(t, "taken over", b.lease(i.ID, time.Hour), "")
	wantActs(t, "the former holder", acts(a, *i, "another-secret"), identity.CodeConflict)
	wantActs(t, "the new one", acts(b, *i, "secret-of-b"), "")
	b.must(func(tx *ledger.Tx) error { return tx.Unlease(i.ID) })
	wantActs(t, "after the new one is done", acts(a, *i, "another-secret"), identity.CodeConflict)
	steps, err := b.Steps(t.Context(), i.ID, 1)
	if err != nil || len(steps) != 1 {
		t.Errorf("steps: %v, %v", steps, err)
	}
}

func (s *suite) cleanEnd(t *testing.T) {
	a, b := s.pair(t)
	i := a.insert("a@example.com", identity.StateSending)
	wantCode(t, "lease", a.lease(i.ID, 100*time.Hour), "")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	equal(t, "interrupted", b.interrupted(), []string{i.ID})
	wantCode(t, "lease", b.lease(i.ID, time.Hour), "")
}

func (s *suite) claimsOfTwo(t *testing.T) {
	a, b := s.pair(t)
	k, body := testKey("k"), []byte("body")
	claim := func(w *world) (*ledger.Claim, *ledger.Answer, error) { return w.ClaimKey(t.Context(), k, body) }
	prune := func(want int64) {
		t.Helper()
		if n, err := b.PruneKeys(t.Context(), time.Nanosecond); err != nil || n != want {
			t.Errorf("pruned %d, %v, want %d", n, err, want)
		}
	}
	first, _, err := claim(a)
	wantCode(t, "claim", err, "")
	i := a.insert("a@example.com", identity.StateSending)
	a.must(func(tx *ledger.Tx) error { return tx.AttachInvite(first, i.ID, 1) })
	a.clock.Advance(longTTL / 10)
	_, _, err = claim(b)
	wantCode(t, "while its holder lives", err, identity.CodeIdempotencyInProgress)
	prune(0)

	a.clock.Advance(longTTL)
	second, _, err := claim(b)
	wantCode(t, "once it is dead", err, "")
	equal(t, "its invite", second.InviteID, i.ID)
	wantCode(t, "the dead one's answer", a.FinishKey(t.Context(), first, testAnswer()), identity.CodeConflict)
	_, _, err = claim(a)
	wantCode(t, "back again", err, identity.CodeIdempotencyInProgress)
	wantCode(t, "the answer", b.FinishKey(t.Context(), second, testAnswer()), "")
	for _, w := range []*world{a, b} {
		_, answer, err := claim(w)
		wantCode(t, "replay", err, "")
		equal(t, "the answer", *answer, testAnswer())
	}

	dead, _, err := a.ClaimKey(t.Context(), testKey("dead"), body)
	if err != nil || dead == nil {
		t.Fatal(err)
	}
	a.clock.Advance(longTTL)
	prune(2) // and the finished one
}

func (s *suite) oneLiveOfTwo(t *testing.T) {
	a, b := s.pair(t)
	for round := range 4 {
		email := "race" + number(round) + "@example.com"
		ids := make([]string, 50)
		errs := together(t.Context(), len(ids), func(ctx context.Context, n int) error {
			w := []*world{a, b}[n%2]
			i := w.draft(email, identity.StateSending)
			err := w.Write(ctx, func(tx *ledger.Tx) error { return tx.InsertLeased(i, time.Hour) })
			ids[n] = i.ID
			return err
		})
		winner := ""
		for n, err := range errs {
			if err == nil && winner != "" {
				t.Errorf("%s and %s live", winner, ids[n])
			}
			if err == nil {
				winner = ids[n]
			}
		}
		for _, err := range errs {
			if err != nil {
				equal(t, "the loser is given the winner", wantCode(t, email, err, identity.CodeInvitePending).InviteID, winner)
			}
		}
	}
}

func (s *suite) twins(t *testing.T) {
	a, b := s.pair(t)
	for round := range 5 {
		k, won := testKey(number(round)), 0
		errs := together(t.Context(), 20, func(ctx context.Context, n int) error {
			c, answer, err := []*world{a, b}[n%2].ClaimKey(ctx, k, []byte("body"))
			if err == nil && (c == nil || answer != nil) {
				t.Errorf("got %+v, %+v", c, answer)
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
}

// expiryOfTwo: what somebody works on does not expire, whoever looks.
func (s *suite) expiryOfTwo(t *testing.T) {
	a, b := s.pair(t)
	i := a.draft("a@example.com", identity.StatePending)
	i.ExpiresAt = ptr(a.Now().Add(-time.Hour))
	a.must(func(tx *ledger.Tx) error { return tx.InsertLeased(i, 100*time.Hour) })
	closed := func() int {
		all, err := inTx(b, func(tx *ledger.Tx) ([]string, error) { return tx.CloseExpired(b.org.ID, "") })
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	equal(t, "while its holder lives", closed(), 0)
	a.clock.Advance(longTTL)
	equal(t, "once it is dead", closed(), 1)
}

// killedBeside kills an instance without warning while another one lives.
func (s *suite) killedBeside(t *testing.T) {
	w := s.world(t)
	committed, half := slay(t, w.url, 25)
	w.clock.Advance(time.Second)
	equal(t, "before anybody can know", w.interrupted(), []string{})
	wantCode(t, "lease", w.lease(committed[0], time.Hour), identity.CodeConflict)
	w.clock.Advance(time.Minute)
	equal(t, "once its time is over", w.interrupted(), committed)
	for _, id := range committed {
		wantCode(t, "lease", w.lease(id, time.Hour), "")
	}
	equal(t, "taken over", w.interrupted(), []string{})
	_, err := w.Invite(t.Context(), w.org.ID, half)
	wantCode(t, "the half transaction's invite", err, identity.CodeNotFound)
	w.insert("half@example.com", identity.StateSending)
}

// downBeside: what others use is not taken away.
func (s *suite) downBeside(t *testing.T) {
	a, b := s.pair(t)
	for _, w := range []*world{a, b} {
		if _, err := ledger.Down(t.Context(), w.url); err == nil {
			t.Fatal("taken away under who uses it")
		}
		w.must(func(*ledger.Tx) error { return nil })
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ledger.Down(t.Context(), a.url); err != nil {
		t.Errorf("with nobody there: %v", err)
	}
}
