package main

import (
	"context"

	"usher/identity"
	"usher/ledger"
	"usher/providers"
)

// directory is the ledger's directory as adapters know it.
type directory struct{ *ledger.Directory }

// Join implements providers.Directory.
func (d directory) Join(ctx context.Context, organization string, p providers.Person, roles []string) (*identity.Member, error) {
	return d.Directory.Join(ctx, organization, ledger.DirectoryUser(p), roles)
}
