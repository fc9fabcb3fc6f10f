package invites_test

import (
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
	"usher/ledger/ledgertest"
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
