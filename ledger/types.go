package ledger

import (
	"time"

	"usher/identity"
)

// SchemaVersion is one step of the ledger's schema history.
type SchemaVersion struct {
	Version   int64
	Name      string     // file name without its ending, e.g. "00001_ledger"
	AppliedAt *time.Time // nil: not applied
}

// OrganizationQuery asks for organizations, ordered by id.
type OrganizationQuery struct {
	Access identity.Access // the zero value allows none
	After  string          // id of the last one of the page before; empty: from the start
	Limit  int             // 0 means 50
}

// InviteQuery asks for an organization's invites, newest first.
type InviteQuery struct {
	OrganizationID string           // required
	States         []identity.State // empty: all
	EmailKey       string           // empty: all addresses
	Role           string           // portable key; empty: all
	CreatedAfter   *time.Time       // exclusive; nil: no limit
	Before         *InvitePosition  // the last one of the page before; nil: from the newest
	Limit          int              // 0 means 50
}

// InvitePosition is an invite's place in a list.
type InvitePosition struct {
	CreatedAt time.Time
	ID        string
}

// Step is what is recorded about one step of an attempt to send.
type Step struct {
	Name   string
	Begun  bool
	Done   bool
	Result map[string]string // nil until done, and where the step had none
}

// IdempotencyKey names one request of one caller. Only its hash is stored.
type IdempotencyKey struct {
	Issuer       string
	Subject      string
	Organization string // usher's id; empty where the route has none
	Method       string
	Path         string
	Key          string // the header's value
}

// Answer is a stored response. It is replayed byte for byte.
type Answer struct {
	Status int
	Header map[string]string // Location, Content-Type, ETag; an empty map comes back nil
	Body   []byte
}

// Claim is the right to carry out the request of one idempotency key. It ends
// with FinishKey or ReleaseKey.
type Claim struct {
	ID string // of the record; safe to log
	// InviteID and Attempt say which sending of which invite an earlier try
	// under this key began. AttachInvite sets them.
	InviteID string
	Attempt  int
	// OrganizationID is the organization that an earlier try under this key
	// made. AttachOrganization sets it.
	OrganizationID string
	// BatchID is the batch that an earlier try under this key handed in.
	// AttachBatch sets it.
	BatchID string

	made  time.Time // by this process's clock
	token string    // tells this claim from an earlier or later one of the same key
}
