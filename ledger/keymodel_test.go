package ledger_test

import (
	"fmt"
	"maps"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"usher/identity"
	"usher/ledger"
)

// Whatever callers do in whatever order with whatever keys: what the ledger
// says of a key is what the rules say.
func TestKeysInAnyOrder(t *testing.T) {
	t.Parallel()
	l := open(t, fresh(t), nil)
	o := organization(t, l)
	var invites []string
	err := l.Write(t.Context(), func(tx *ledger.Tx) error {
		for n := range 2 {
			i := draft(o, fmt.Sprint(n, "@example.com"))
			if err := tx.InsertInvite(i); err != nil {
				return err
			}
			invites = append(invites, i.ID)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	rounds := 0
	rapid.Check(t, func(r *rapid.T) {
		rounds++
		m := &keys{t: t, l: l, invites: invites, round: rounds, records: map[ledger.IdempotencyKey]*keyModel{}}
		for range rapid.IntRange(1, 24).Draw(r, "steps") {
			step := rapid.SampledFrom([]func(*rapid.T){m.claim, m.claim, m.claim, m.attach, m.finish, m.release}).Draw(r, "step")
			step(r)
		}
		for k, known := range m.records {
			m.check(r, k, known.body)
		}
	})
}

// keys is what the ledger should hold, and the claims that were ever given.
type keys struct {
	t       *testing.T
	l       *ledger.Ledger
	invites []string
	round   int
	records map[ledger.IdempotencyKey]*keyModel
	claims  []*claimed
}

// keyModel is the record of one key. Held is nil where it is released or
// finished, answer where it is not finished.
type keyModel struct {
	body     string
	held     *ledger.Claim
	answer   *ledger.Answer
	inviteID string
	attempt  int
}

type claimed struct {
	claim  *ledger.Claim
	record *keyModel
}

// claim makes a request of one of few callers, in one of few places.
func (m *keys) claim(r *rapid.T) {
	either := func(what string, values ...string) string { return rapid.SampledFrom(values).Draw(r, what) }
	k := ledger.IdempotencyKey{
		Issuer: fmt.Sprint("https://i.example/", m.round), Subject: "ann", Organization: "org_1", Method: "POST", Path: "/v1/x", Key: either("key", "k", "k", "k", "K"),
	}
	other := either("other", "another", "", "\x00", "a\xff")
	switch either("differs in", "nothing", "nothing", "nothing", "nothing", "nothing", "nothing", "nothing", "issuer", "subject", "organization", "method", "path") {
	case "issuer":
		k.Issuer += other
	case "subject":
		k.Subject = other
	case "organization":
		k.Organization = other
	case "method":
		k.Method = other
	case "path":
		k.Path = other
	}
	m.check(r, k, either("body", "hash", "hash", "hash", "hash", "another\x00", ""))
}

// check claims a key and compares what comes with the model, which follows.
func (m *keys) check(r *rapid.T, k ledger.IdempotencyKey, body string) {
	known := m.records[k]
	c, answer, err := m.l.ClaimKey(m.t.Context(), k, []byte(body))
	switch {
	case known != nil && known.body != body:
		m.refused(r, k, c, answer, err, identity.CodeIdempotencyKeyReused)
	case known != nil && known.answer != nil:
		if err != nil || c != nil || !reflect.DeepEqual(answer, known.answer) {
			r.Fatalf("%q: got %+v, %+v, %v, want the answer %+v", k, c, answer, err, known.answer)
		}
	case known != nil && known.held != nil:
		m.refused(r, k, c, answer, err, identity.CodeIdempotencyInProgress)
	default:
		if known == nil {
			known = &keyModel{body: body}
			m.records[k] = known
		}
		if err != nil || answer != nil || c == nil || c.InviteID != known.inviteID || c.Attempt != known.attempt {
			r.Fatalf("%q: got %+v, %+v, %v, want a claim with %q and %d", k, c, answer, err, known.inviteID, known.attempt)
		}
		known.held = c
		m.claims = append(m.claims, &claimed{c, known})
	}
}

func (m *keys) refused(r *rapid.T, k ledger.IdempotencyKey, c *ledger.Claim, answer *ledger.Answer, err error, code identity.Code) {
	known, ok := err.(*identity.Error)
	if !ok || known.Code != code || known.Field != "header:Idempotency-Key" || c != nil || answer != nil {
		r.Fatalf("%q: got %+v, %+v, %v, want %s", k, c, answer, err, code)
	}
}

// any returns one of the claims that were ever given, and whether it is held.
func (m *keys) any(r *rapid.T) (*claimed, bool) {
	if len(m.claims) == 0 {
		return nil, false
	}
	c := rapid.SampledFrom(m.claims).Draw(r, "claim")
	return c, c.record.held == c.claim
}

// done compares what became of a change with whether the claim was held.
func done(r *rapid.T, held bool, err error) {
	if held != (err == nil) || err != nil && identity.CodeOf(err) != identity.CodeConflict {
		r.Fatalf("held: %v, and the change ends with %v", held, err)
	}
}

func (m *keys) attach(r *rapid.T) {
	c, held := m.any(r)
	if c == nil {
		return
	}
	id, attempt := rapid.SampledFrom(append(m.invites, "")).Draw(r, "invite"), rapid.IntRange(0, 3).Draw(r, "attempt")
	copied := *c.claim // a change that is refused leaves the claim alone
	err := m.l.Write(m.t.Context(), func(tx *ledger.Tx) error { return tx.AttachInvite(c.claim, id, attempt) })
	done(r, held, err)
	if held {
		c.record.inviteID, c.record.attempt = id, attempt
		copied.InviteID, copied.Attempt = id, attempt
	}
	if *c.claim != copied {
		r.Fatalf("the claim is %+v, want %+v", *c.claim, copied)
	}
}

func (m *keys) finish(r *rapid.T) {
	c, held := m.any(r)
	if c == nil {
		return
	}
	a := ledger.Answer{
		Status: rapid.IntRange(200, 499).Draw(r, "status"),
		Header: rapid.MapOfN(rapid.SampledFrom([]string{"Location", "Content-Type", "ETag"}), rapid.String(), 0, 3).Draw(r, "header"),
		Body:   rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(r, "body"),
	}
	given := ledger.Answer{Status: a.Status, Header: maps.Clone(a.Header), Body: append([]byte(nil), a.Body...)}
	done(r, held, m.l.FinishKey(m.t.Context(), c.claim, given))
	if !held {
		return
	}
	if len(a.Header) == 0 {
		a.Header = nil
	}
	if len(a.Body) == 0 {
		a.Body = nil
	}
	c.record.held, c.record.answer = nil, &a
}

func (m *keys) release(r *rapid.T) {
	c, held := m.any(r)
	if c == nil {
		return
	}
	done(r, held, m.l.ReleaseKey(m.t.Context(), c.claim))
	if held {
		c.record.held = nil
	}
}
