package invites

import (
	"path/filepath"
	"testing"
	"time"

	"usher/identity"
	"usher/ledger"
)

// A step that is taken back is taken back in the ledger too, done or not: a
// restart must not believe in what the vendor has lost.
func TestUndoOfADoneStep(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "usher.db")
	if _, err := ledger.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	i := &identity.Invite{Connection: "main", Email: "a@example.com", EmailKey: "a@example.com", Roles: []string{"member"}, State: identity.StateSending, Attempt: 1}
	err = l.Write(t.Context(), func(tx *ledger.Tx) error {
		org := &identity.Organization{Name: "one", Connection: "main", ProviderID: "one"}
		if err := tx.InsertOrganization(org); err != nil {
			return err
		}
		i.OrganizationID = org.ID
		return tx.InsertLeased(i, time.Hour)
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, written := range map[string]bool{"written already": true, "not written yet": false} {
		s := &Service{ledger: l}
		j, err := s.openJournal(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		steps := []func() error{
			func() error { return j.Begin(t.Context(), "create") },
			func() error { return j.Done(t.Context(), "create", map[string]string{"id": "1"}) },
		}
		if written {
			steps = append(steps, func() error { return j.Begin(t.Context(), "invite") })
		}
		steps = append(steps,
			func() error { return j.Undo(t.Context(), "create") },
			func() error { return l.Write(t.Context(), j.flush) },
		)
		for _, step := range steps {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		again, err := s.openJournal(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		if step := again.Step("create"); step.Begun {
			t.Errorf("%s: the ledger says %+v", name, step)
		}
	}
}
