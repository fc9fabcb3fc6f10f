package identity

import "time"

// State is where an invite stands.
type State string

// The states of an invite. queued, sending, pending and uncertain are live: at
// most one live invite exists for an address in an organization.
const (
	StateQueued    State = "queued"    // a batch row that has not been taken up yet
	StateSending   State = "sending"   // being translated into vendor calls right now
	StatePending   State = "pending"   // the vendor took it; the invitee has not answered
	StateUncertain State = "uncertain" // the vendor may or may not have taken it
	StateFailed    State = "failed"    // definitely not taken
	StateAccepted  State = "accepted"
	StateDeclined  State = "declined"
	StateExpired   State = "expired"
	StateRevoked   State = "revoked"
)

// States returns all states, live ones first.
func States() []State {
	return []State{
		StateQueued, StateSending, StatePending, StateUncertain,
		StateFailed, StateAccepted, StateDeclined, StateExpired, StateRevoked,
	}
}

// Live reports whether an invite in this state occupies its address.
func (s State) Live() bool {
	switch s {
	case StateQueued, StateSending, StatePending, StateUncertain:
		return true
	default:
		return false
	}
}

// Reasons an invite carries in StateReason beside the problem codes.
const (
	ReasonGoneAtProvider = "gone_at_provider" // the vendor no longer has it, and nobody joined
	ReasonNotSent        = "not_sent"         // the vendor shows that it never took it
	ReasonAdopted        = "adopted"          // made elsewhere, found at the vendor
	ReasonInterrupted    = "interrupted"      // usher stopped while it was being sent
	ReasonRevokeUnknown  = "revoke_unknown"   // a revocation whose outcome is not known yet
	ReasonBatchCancelled = "batch_cancelled"  // its batch was cancelled before it was sent
)

// Invite is one invitation of one e-mail address to one organization.
type Invite struct {
	ID             string // inv_…; survives resending and a move to another provider
	OrganizationID string
	Connection     string
	ProviderID     string // the vendor's id; empty until it is known

	Email    string // as typed
	EmailKey string // what addresses are compared by, see Address.Key
	Roles    []string
	// UnmappedRoles: the vendor's invitation grants more than Roles, which the
	// connection has no portable name for.
	UnmappedRoles bool

	State       State
	StateReason string

	GivenName   string
	FamilyName  string
	Locale      string
	Message     string
	RedirectURL string
	Metadata    map[string]any
	Notify      bool
	NotCarried  []string // fields the vendor could not hold, kept here only
	Inviter     Actor    // zero for an adopted invite

	ExpiresAt  *time.Time // nil: does not expire, or not known yet
	CreatedAt  time.Time
	UpdatedAt  time.Time
	AcceptedAt *time.Time
	SentAt     *time.Time
	SyncedAt   *time.Time // when the vendor was last asked about it

	// Attempt counts sendings: 1 for the first, one more for each resend of an
	// invite that had reached the vendor. Recorded steps belong to an attempt.
	Attempt int
	// Reference is what the adapter wants back when it is asked about this
	// invite again, e.g. the vendor's user name. Never shown to callers.
	Reference map[string]string

	History []InviteEvent // oldest first; filled by single reads only
}

// InviteEvent is one step in an invite's history.
type InviteEvent struct {
	At     time.Time
	State  State
	Reason string
	Actor  Actor // zero: usher itself
}

// Actor is who did something: the principal reduced to what is recorded.
type Actor struct {
	Issuer  string `json:"issuer,omitempty"`
	Subject string `json:"subject,omitempty"`
	Email   string `json:"email,omitempty"` // only if proven
}

// IsZero reports whether the actor is nobody in particular.
func (a Actor) IsZero() bool { return a == Actor{} }
