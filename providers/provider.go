package providers

import (
	"context"
	"errors"
	"time"

	"usher/identity"
)

// Provider is the least an adapter must do. All methods may be called
// concurrently. Adapters return the vendor's error as it is; its type answers
// IdentityCode (identity.Coder) and, where the vendor may have acted although
// an error came back, MayHaveActed (Uncertainer).
//
// Optional abilities are the interfaces below: InviteLister, Resender,
// Revoker, Settler, MemberFinder, RoleLister, AddressChecker, Accepter,
// BulkInviter, Pacer, Withholder.
type Provider interface {
	// Describe returns constant facts about the connection.
	Describe() Description
	// Invite sends one invitation. It is resumable: called again with a
	// journal that holds steps, it goes on at the right one and asks the
	// vendor about a step that was begun and not completed.
	// Codes: already_member, invite_pending (the vendor has an invitation that
	// this journal did not begin), unknown_role, not_carried,
	// email_not_deliverable, quota_exceeded, not_found (the organization is
	// gone) and the provider_ ones.
	Invite(ctx context.Context, r InviteRequest) (*Sent, error)
	// ListMembers returns one page of an organization's members.
	ListMembers(ctx context.Context, org identity.OrgRef, p identity.PageRequest) (*identity.Page[identity.Member], error)
	// Close releases what the adapter holds. It is called once.
	Close() error
}

// InviteLister lists the vendor's own record of an organization's invitations.
type InviteLister interface {
	ListInvites(ctx context.Context, org identity.OrgRef, p identity.PageRequest) (*identity.Page[RemoteInvite], error)
}

// Resender sends an invitation again. Like Invite it is resumable by its
// journal. Where the vendor has no such call the adapter composes it and says
// so in Description.Emulated.
type Resender interface {
	Resend(ctx context.Context, r ResendRequest) (*Sent, error)
}

// Revoker withdraws an invitation. An invitation that is already gone is
// not_found; invites decides what that means.
type Revoker interface {
	Revoke(ctx context.Context, ref InviteRef) error
}

// Settler asks the vendor what became of a send or resend whose outcome is
// not known. It changes nothing. An error means that the vendor could not be
// asked now; the invite stays uncertain.
type Settler interface {
	Settle(ctx context.Context, r InviteRequest) (*Settlement, error)
}

// MemberFinder looks for the membership that an invitation leads to.
// not_found means that there is none. A member who merely carries the same
// unproven address is not the invitee.
type MemberFinder interface {
	FindMember(ctx context.Context, ref InviteRef) (*identity.Member, error)
}

// RoleLister lists the roles of an organization that the connection maps.
type RoleLister interface {
	ListRoles(ctx context.Context, org identity.OrgRef) ([]identity.Role, error)
}

// Accepter makes the invitee a member, in the name of who holds the link of the
// invitation (InviteRequest.Link): that it is the invite's, that the invite is
// open and not past its expiry has been checked. It may be asked again after it
// failed, or after a crash, and then goes on: what was done is done once. An
// account that exists is given the membership and is not changed otherwise.
//
// Codes: already_member, not_found (the vendor does not have the invitation any
// more), invite_expired (the vendor says so), unknown_role and the provider_
// ones.
type Accepter interface {
	Accept(ctx context.Context, r AcceptRequest) (*identity.Member, error)
}

// AddressChecker refuses addresses that the vendor cannot hold or cannot look
// up safely, before anything is recorded. Code: email_not_deliverable.
type AddressChecker interface {
	CheckAddress(a identity.Address) error
}

// Withholder takes back abilities that the connection's settings rule out. It
// can never add one. It is read once, by NewClient.
type Withholder interface {
	Withheld() []Capability
}

// Uncertainer is implemented by vendor errors after which the vendor may or
// may not have acted.
type Uncertainer interface{ MayHaveActed() bool }

// RetryAfterer is implemented by vendor errors that say when to try again.
type RetryAfterer interface{ RetryAfter() time.Duration }

// Refuser is implemented by vendor errors that tell an answer to what was asked,
// which another try would get again, from a failure that may pass.
type Refuser interface{ Refused() bool }

// Refused reports that the vendor has answered, and that another try would get
// the same answer.
func Refused(err error) bool {
	var r Refuser
	return errors.As(err, &r) && r.Refused()
}

// Exhauster is implemented by vendor errors of the code quota_exceeded. It says
// whether the organization can invite nobody any more until there is room again,
// whoever it is.
type Exhauster interface{ Exhausted() bool }

// Exhausted reports that no other invitation of the organization would be taken
// either.
func Exhausted(err error) bool {
	var e Exhauster
	return errors.As(err, &e) && e.Exhausted()
}

// Description is what a connection says about itself.
type Description struct {
	Provider string // asgardeo, clerk, …
	Fields   Fields
	// Emulated says, for each capability that usher supplies itself, how.
	Emulated map[Capability]string
}

// Fields says which optional parts of an invitation the vendor carries. A
// request that needs more is refused with not_carried before anything is sent.
type Fields struct {
	Message     bool
	RedirectURL bool
	NotifyFalse bool          // can create an invitation without mailing it
	ExpiresAt   bool          // the caller may choose the expiry
	MaxLife     time.Duration // longest life a caller may choose; 0: no limit
	MinLife     time.Duration // shortest life a caller may choose
	Life        time.Duration // fixed or default life; 0: does not expire
	MaxRoles    int           // 0: no limit
	Bulk        int           // most invitations that one InviteMany takes; 0: none
}

// InviteRequest is everything known about an invitation to send. Settle gets
// it too, so that the adapter can recognise it at the vendor.
type InviteRequest struct {
	InviteID string // usher's; put where the vendor keeps a reference of ours
	Org      identity.OrgRef
	Address  identity.Address
	EmailKey string   // the address as the connection compares it
	Roles    []string // portable keys, at least one

	GivenName, FamilyName, Locale string
	Message, RedirectURL          string
	ExpiresAt                     *time.Time
	Metadata                      map[string]any
	Notify                        bool

	Inviter identity.Actor
	// Organization is its name for people.
	Organization string
	// Attempt counts the sendings of the invite, from 1.
	Attempt int
	// Link is where the invitee accepts, where the connection has an Accepter;
	// otherwise, and for Settle, empty. It is a secret, and has no query. Each
	// call has a link of its own; those of former calls lead to the invite too,
	// until a later attempt has reached the vendor.
	Link string
	// Reference is what Sent.Reference held when the invite was last sent;
	// nil at first.
	Reference map[string]string
	// Journal is never nil, but in a BulkRequest, which has one for all.
	Journal Journal
}

// ResendRequest is an InviteRequest for an invitation that the vendor already
// holds or held.
type ResendRequest struct {
	InviteRequest
	ProviderID string // empty if never learnt
}

// AcceptPrefix begins the names of the steps of an Accept.
const AcceptPrefix = "accept_"

// AcceptRequest is an InviteRequest for an invitation that its invitee takes up.
// Roles are those that the link was made for; Link is empty. The journal is that
// of the sending, so names of steps begin with AcceptPrefix.
type AcceptRequest struct {
	InviteRequest
	ProviderID string // empty if never learnt
}

// InviteRef names an invitation the vendor was given before.
type InviteRef struct {
	InviteID   string
	Org        identity.OrgRef
	ProviderID string // empty if never learnt
	Address    identity.Address
	EmailKey   string
	Reference  map[string]string
}

// Sent is the vendor's answer to a send.
type Sent struct {
	ProviderID string     // empty where the vendor does not tell
	ExpiresAt  *time.Time // nil: does not expire
	Reference  map[string]string
	NotCarried []string // of given_name, family_name, locale, metadata
}

// RemoteInvite is an invitation as the vendor lists it.
type RemoteInvite struct {
	ProviderID string
	InviteID   string // our reference, where the vendor keeps it
	Email      string
	State      identity.State // pending, accepted, declined, expired or revoked
	Roles      []string       // portable keys; roles without a mapping are left out
	// UnmappedRoles: some were left out. Who sends the invitation again grants
	// those too.
	UnmappedRoles bool
	ExpiresAt     *time.Time
	CreatedAt     *time.Time
	Reference     map[string]string
}

// Verdict is what the vendor shows about an uncertain send.
type Verdict string

// The verdicts of Settle.
const (
	VerdictSent    Verdict = "sent"     // the invitation is there, pending
	VerdictMember  Verdict = "member"   // the invitee already joined
	VerdictNotSent Verdict = "not_sent" // it did not happen; sending again is safe
	VerdictUnknown Verdict = "unknown"  // the vendor cannot be asked
	// VerdictUnchanged: a resend did not happen, and the invitation that was
	// there before still stands. Sent describes that one.
	VerdictUnchanged Verdict = "unchanged"
)

// Settlement answers Settle. Sent is set with VerdictSent and VerdictUnchanged.
type Settlement struct {
	Verdict Verdict
	Sent    *Sent
}

// Journal is the ledger's record of the steps of one attempt to send. A step
// is begun before the vendor is called and done after. Begin is durable when it
// returns, and everything done before is durable with it; the last Done is
// durable with the outcome of the attempt. A crash can thus make a step that
// was done read as begun.
type Journal interface {
	// Step returns what is recorded about a step.
	Step(name string) Step
	Begin(ctx context.Context, name string) error
	Done(ctx context.Context, name string, result map[string]string) error
	// Undo takes back a Begin after the vendor definitely refused the call.
	Undo(ctx context.Context, name string) error
}

// Step is one recorded step. The zero value was never begun.
type Step struct {
	Begun  bool
	Done   bool
	Result map[string]string
}

// Config is one connection's settings, decoded into a fresh value with unknown
// fields refused.
type Config interface {
	// Validate reports every problem; each names its field.
	Validate() []error
	// Open makes the adapter. It makes no vendor call.
	Open(d Deps) (Provider, error)
}

// Needer is implemented by settings of connections that need more of the house
// than others.
type Needer interface{ Needs() Needs }

// Needs is what a connection needs of the house.
type Needs struct {
	Links bool // its invitees accept by a link to usher
	Mail  bool // usher mails its invitations itself
}

// Mailer mails invitations. An error answers IdentityCode and MayHaveActed.
// Codes: email_not_deliverable, provider_unavailable,
// provider_rejected_credentials, and provider_timeout where the mail may have
// gone out.
type Mailer interface {
	MailInvitation(ctx context.Context, r InviteRequest, expiresAt *time.Time) error
}

// Directory keeps people and their memberships of one connection.
// Organizations are named by the connection's own id of them. Addresses are
// compared by their key.
type Directory interface {
	// Member returns an address's membership. Codes: not_found.
	Member(ctx context.Context, organization, emailKey string) (*identity.Member, error)
	// Join makes a person a member with the roles, in one transaction. A person
	// who is not known is recorded; one who is stays as recorded. Codes:
	// already_member.
	Join(ctx context.Context, organization string, p Person, roles []string) (*identity.Member, error)
	// Members returns one page of an organization's members, oldest first.
	Members(ctx context.Context, organization string, p identity.PageRequest) (*identity.Page[identity.Member], error)
}

// Person is somebody whose address is proven.
type Person struct {
	Email, EmailKey               string
	GivenName, FamilyName, Locale string
}
