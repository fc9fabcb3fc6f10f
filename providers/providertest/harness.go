package providertest

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"usher/identity"
	"usher/providers"
)

// Harness opens what the suite runs against.
type Harness struct {
	// Open starts a fresh vendor. It is called once for each case.
	Open func(t *testing.T) *Vendor
}

// Vendor is a simulated vendor with one connection to it.
type Vendor struct {
	Provider providers.Provider
	// Org and Other are two organizations with the roles admin and member, or
	// with Role alone if that is set. Org has the member MemberEmail, Other
	// nobody of that address.
	Org, Other  identity.OrgRef
	MemberEmail string
	Role        string
	// Accept lets the invitee do whatever the vendor's mails ask for; nil: he
	// accepts by usher's link, and the connection has an Accepter.
	Accept func(t *testing.T, org identity.OrgRef, email string)
	// Elsewhere makes an invitation as the vendor's dashboard would; nil where
	// the vendor keeps no invitations.
	Elsewhere func(t *testing.T, org identity.OrgRef, email string, role string)
	// Mailer is what the connection mails its invitations with; nil: the vendor
	// mails them. Its mails are then counted, and its failures tried.
	Mailer *Mailer
	// AnyOrganization: there is no vendor that could not know an organization.
	AnyOrganization bool
	// Invitations returns how many invitation mails went to an address.
	Invitations func(t *testing.T, email string) int
	// Fail makes the next calls of a kind fail; nil with a Mailer.
	Fail func(t *testing.T, f Failure)
	// Expire lets the clock pass the life of an invitation.
	Expire func(t *testing.T)
	// Secrets may never appear in an error's text.
	Secrets func() []string
	// Timeout is how long an operation may take; 0 means eight seconds.
	Timeout time.Duration
	// Calls returns how many calls the vendor has seen, and Pass lets time pass
	// for the connection. Both are nil where no calls are made; otherwise the
	// connection was opened with quotas.
	Calls func() int
	Pass  func(t *testing.T, d time.Duration)
}

// Failure is one way in which a vendor's invitation call goes wrong.
type Failure string

// The failures a harness can inject, each for every try of the next sending.
const (
	Refused     Failure = "refused"      // 429 with Retry-After: 7, see refusedFor
	Credentials Failure = "credentials"  // our credential is refused
	ServerError Failure = "server error" // 500, the vendor has not acted
	AnswerLost  Failure = "answer lost"  // the vendor acts and the connection is cut
	NotJSON     Failure = "not json"     // an HTML page, the vendor has not acted
	EndlessBody Failure = "endless body" // a body without end
	Hang        Failure = "hang"         // no answer, the vendor has not acted
	Unreachable Failure = "unreachable"  // nobody listens
	Back        Failure = "back"         // everything works again
)

// refusedFor is how long a vendor wants to be left alone after Refused.
const refusedFor = 7 * time.Second

// accepted lets the invitee of an invitation join.
func (v *Vendor) accepted(t *testing.T, c *providers.Client, r providers.InviteRequest, sent *providers.Sent) {
	t.Helper()
	if v.Accept != nil {
		v.Accept(t, r.Org, r.Address.Typed)
		return
	}
	r.Journal, r.Link = NewJournal(), ""
	if _, err := c.Accept(t.Context(), providers.AcceptRequest{InviteRequest: r, ProviderID: sent.ProviderID}); err != nil {
		t.Fatalf("accept: %v", err)
	}
}

// mailed returns how many invitation mails went to an address.
func (v *Vendor) mailed(t *testing.T, email string) int {
	t.Helper()
	if v.Mailer != nil {
		return len(v.Mailer.To(email))
	}
	return v.Invitations(t, email)
}

// Client wraps the vendor's provider as the house does.
func (v *Vendor) Client(t *testing.T) *providers.Client {
	t.Helper()
	timeout := v.Timeout
	if timeout == 0 {
		timeout = 8 * time.Second
	}
	return providers.NewClient("under-test", v.Provider, &providers.ClientOptions{
		Timeout: timeout, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
}

// role returns the role to use where the suite would use the one named.
func (v *Vendor) role(key string) string {
	if v.Role != "" {
		return v.Role
	}
	return key
}

// Request returns an invitation for the vendor's organization, with a link as
// the house hands it to adapters whose invitees accept by one.
func (v *Vendor) Request(t *testing.T, email string, roles ...string) providers.InviteRequest {
	t.Helper()
	address, err := identity.ParseEmail(email)
	if err != nil {
		t.Fatal(err)
	}
	if len(roles) == 0 {
		roles = []string{v.role("member")}
	}
	r := providers.InviteRequest{
		InviteID: identity.NewID(identity.PrefixInvite), Org: v.Org, Address: address,
		EmailKey: address.Key(identity.EmailLowercase), Roles: roles, Notify: true, Journal: NewJournal(),
	}
	if _, ok := v.Provider.(providers.Accepter); ok {
		r.Link = "https://usher.example.com/v1/invites/callback/secret-of-the-link"
	}
	return r
}

// Ref names the invitation a request made.
func Ref(r providers.InviteRequest, sent *providers.Sent) providers.InviteRef {
	return providers.InviteRef{
		InviteID: r.InviteID, Org: r.Org, ProviderID: sent.ProviderID, Address: r.Address,
		EmailKey: r.EmailKey, Reference: sent.Reference,
	}
}

// Journal is an in-memory providers.Journal that can stop an adapter at any
// point, as a crash would.
type Journal struct {
	mu    sync.Mutex
	steps map[string]providers.Step
	// Calls counts Begin and Done calls; CrashAt makes the call of that number
	// fail before (odd crashes) or after it is recorded.
	calls   int
	crashAt int
	record  bool
}

// NewJournal returns an empty journal.
func NewJournal() *Journal { return &Journal{steps: map[string]providers.Step{}} }

// CrashAt makes the n-th Begin or Done (from 1) fail; recorded says whether
// the ledger had written it before the crash.
func (j *Journal) CrashAt(n int, recorded bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls, j.crashAt, j.record = 0, n, recorded
}

// Steps returns a copy of what is recorded.
func (j *Journal) Steps() map[string]providers.Step {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.steps)
}

// Step implements providers.Journal.
func (j *Journal) Step(name string) providers.Step {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.steps[name]
}

// ErrCrash is what a journal answers at the point of the crash.
var errCrash = &identity.Error{Code: identity.CodeInternal, Detail: "crash", Unknown: true}

// Begin implements providers.Journal.
func (j *Journal) Begin(_ context.Context, name string) error {
	return j.set(name, providers.Step{Begun: true})
}

// Done implements providers.Journal.
func (j *Journal) Done(_ context.Context, name string, result map[string]string) error {
	return j.set(name, providers.Step{Begun: true, Done: true, Result: result})
}

// Undo implements providers.Journal.
func (j *Journal) Undo(_ context.Context, name string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.steps, name)
	return nil
}

func (j *Journal) set(name string, step providers.Step) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls++
	crash := j.calls == j.crashAt
	if !crash || j.record {
		j.steps[name] = step
	}
	if crash {
		return errCrash
	}
	return nil
}
