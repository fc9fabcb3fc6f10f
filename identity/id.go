package identity

import (
	"encoding/base32"

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
	return string(idEncoding.AppendEncode([]byte(prefix), id[:]))
}

// idEncoding keeps the order of what it encodes (RFC 4648 section 7), in small
// letters.
var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)
