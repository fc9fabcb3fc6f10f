package ledger_test

import (
	"errors"
	"reflect"
	"testing"

	"usher/identity"
	"usher/ledger"
	"usher/ledger/ledgertest"
)

// A copy that Multiply makes is an organization and an invite like the one it is
// of, found in every way there is.
func TestMultiply(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]ledgertest.Fresh{"sqlite": fresh, "postgres": ledgertest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			multiply(t, url(t))
		})
	}
}

func multiply(t *testing.T, url string) {
	l := open(t, url, nil)
	o := organization(t, l)
	i := draft(o, "person@example.com")
	i.Metadata = map[string]any{"team": "blue"}
	if err := l.Write(t.Context(), func(tx *ledger.Tx) error {
		if err := tx.InsertInvite(i); err != nil {
			return err
		}
		return tx.AppendEvent(i.ID, identity.InviteEvent{State: i.State})
	}); err != nil {
		t.Fatal(err)
	}
	history, err := l.History(t.Context(), i.ID)
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	const copies = 3
	if err := ledgertest.Multiply(t.Context(), url, copies); err != nil {
		t.Fatal(err)
	}
	l = open(t, url, nil)
	page, err := l.Organizations(t.Context(), ledger.OrganizationQuery{Access: identity.Access{Rules: []identity.AccessRule{{Connection: o.Connection, All: true}}}})
	if err != nil || len(page.Items) != 1+copies {
		t.Fatalf("%d organizations, want %d: %v", len(page.Items), 1+copies, err)
	}
	for n := range copies {
		want := *i
		want.ID, want.OrganizationID = ledgertest.CopyID(i.ID, n), ledgertest.CopyID(o.ID, n)
		for _, role := range []string{"", "member"} {
			listed, err := l.Invites(t.Context(), ledger.InviteQuery{OrganizationID: want.OrganizationID, Role: role})
			if err != nil || len(listed) != 1 || !reflect.DeepEqual(listed[0], want) {
				t.Errorf("copy %d, role %q: %+v, %v; want %+v", n, role, listed, err, want)
			}
		}
		if got, err := l.Invite(t.Context(), want.OrganizationID, want.ID); err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("copy %d: %+v, %v; want %+v", n, got, err, want)
		}
		if got, err := l.History(t.Context(), want.ID); err != nil || !reflect.DeepEqual(got, history) {
			t.Errorf("the history of copy %d: %+v, %v; want %+v", n, got, err, history)
		}
	}
}
