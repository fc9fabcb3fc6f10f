package identity

import (
	"encoding/base32"
	"strings"

	"github.com/google/uuid"
)

// The prefixes of usher's ids. They cannot begin a slug.
const (
	PrefixOrganization = "org_"
	PrefixInvite       = "inv_"
	PrefixMember       = "mem_"
	PrefixBatch        = "bat_"
)

// NewID returns a fresh id with the prefix: time-ordered, so that the ledger's
// indexes grow at their end, and with 74 random bits, so that it cannot be
// guessed. It is opaque and not a secret.
func NewID(prefix string) string {
	id := uuid.Must(uuid.NewV7())
	return prefix + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(id[:]))
}
