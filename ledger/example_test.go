package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"usher/identity"
	"usher/ledger"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	url := "sqlite:" + filepath.Join(dir, "usher.db")
	if _, err := ledger.Up(ctx, url); err != nil {
		fmt.Println(err)
		return
	}
	l, err := ledger.Open(ctx, url, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = l.Close() }()

	org := &identity.Organization{Slug: "acme", Connection: "asgardeo-prod", ProviderID: "10084a8d"}
	send := func(email string) error {
		return l.Write(ctx, func(t *ledger.Tx) error {
			i := &identity.Invite{OrganizationID: org.ID, Connection: org.Connection, Email: email, EmailKey: email, State: identity.StateSending}
			if err := t.InsertInvite(i); err != nil {
				return err
			}
			return t.AppendEvent(i.ID, identity.InviteEvent{State: i.State})
		})
	}
	err = errors.Join(
		l.Write(ctx, func(t *ledger.Tx) error { return t.InsertOrganization(org) }),
		send("ada@example.com"),
	)
	fmt.Println(err)
	fmt.Println(identity.CodeOf(send("ada@example.com")))
	invites, err := l.Invites(ctx, ledger.InviteQuery{OrganizationID: org.ID})
	fmt.Println(len(invites), invites[0].Email, invites[0].State, err)
	// Output:
	// <nil>
	// invite_pending
	// 1 ada@example.com sending <nil>
}
