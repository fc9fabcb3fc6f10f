package invites_test

import (
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
	"usher/ledger/ledgertest"
	"usher/providers/memory"
)

// What another process was sending when it ended is settled as soon as that is
// noticed, and not only when the settler would look anyway.
func TestDeathOfAnotherProcessIsActedUpon(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.url = ledgertest.Postgres(t)
	_, err := ledger.Up(t.Context(), h.url)
	must(t, err)
	other, err := ledger.Open(t.Context(), h.url, &ledger.Options{Now: h.clock.Now})
	must(t, err)
	defer func() { must(t, other.Close()) }()
	h.open()
	h.org = h.bind("one", "acme")
	i := &identity.Invite{
		OrganizationID: h.org.ID, Connection: h.org.Connection, Email: "left@example.com", EmailKey: "left@example.com",
		Roles: []string{"member"}, State: identity.StateSending, Notify: true, Attempt: 1,
	}
	must(t, other.Write(t.Context(), func(tx *ledger.Tx) error { return tx.InsertLeased(i, time.Hour) }))
	must(t, h.service.Start(t.Context())) // nobody ticks
	h.want(i.ID, identity.StateSending, "")
	must(t, other.Close())
	for end := time.Now().Add(time.Minute); h.get(i.ID).State != identity.StatePending; {
		if time.Now().After(end) {
			t.Fatalf("the invite is %s still", h.get(i.ID).State)
		}
	}
	h.mails("left@example.com", 1)
}

// A process that works for as long as its configuration lets it is not taken for one
// that has gone: no other takes over what it is sending, and nobody is mailed twice.
func TestLongCallIsNotTakenOver(t *testing.T) {
	t.Parallel()
	h := build(t)
	closeHouse(t, h.service, h.ledger)
	h.url, h.timeout = ledgertest.Postgres(t), 5*time.Minute // the longest that a connection may have
	_, err := ledger.Up(t.Context(), h.url)
	must(t, err)
	h.started()
	h.org = h.bind("one", "acme")
	other := *h
	other.tick = make(chan time.Time)
	entered, release := make(chan struct{}), make(chan struct{})
	h.vendor.Inject(memory.Fault{Op: "invite", Block: release, Entered: entered})
	batch := h.handIn(h.org, "x@example.com")
	<-entered
	other.started()
	const beat = 3 * time.Second
	for range (5*time.Minute + 30*time.Second) / beat { // it may wait for its turn as well
		h.clock.Advance(beat)
		for _, l := range []*ledger.Ledger{h.ledger, other.ledger} { // both give signs of life
			must(t, l.Write(t.Context(), func(*ledger.Tx) error { return nil }))
		}
	}
	other.pass()
	h.want(h.living("x@example.com"), identity.StateSending, "")
	close(release)
	h.onceEach(batch, []string{"x@example.com"})
	if n := h.vendor.Calls("invite"); n != 1 {
		t.Errorf("the vendor was asked %d times", n)
	}
}
