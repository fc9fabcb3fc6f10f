package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"usher/identity"
	"usher/providers"
)

// Vendor is the simulated service. All methods may be called concurrently.
type Vendor struct {
	mu     sync.Mutex
	now    func() time.Time
	life   time.Duration
	orgs   map[string]*organization
	faults []*Fault
	next   int
	calls  map[string]int
}

type organization struct {
	invites []*invitation
	members []*membership
}

type invitation struct {
	id, ref, email string
	key            string
	roles          []string
	state          identity.State
	createdAt      time.Time
	expiresAt      time.Time
	mails          int
	links          []string // that were mailed
}

type membership struct {
	id, email, key string
	roles          []string
	createdAt      time.Time
}

// Death is what a call of a Fault with Dies panics with.
const Death = "memory: the caller died"

// Fault makes one call go wrong.
type Fault struct {
	Op    string // "invite", "invite many", "resend", "revoke", "accept", "list invites", "find member", "list members", "list roles"; empty: any
	Times int    // how often; 0 means once
	Acted bool   // the vendor acts, and the answer is lost
	// Rows is on how many rows of an "invite many" the vendor then acts; 0: all.
	Rows int
	// Unclear: the vendor does not act, and the caller cannot know that.
	Unclear bool
	Code    identity.Code // empty with Block alone
	// Block holds the call until it is closed or the context ends. Entered is
	// closed, if set, when a call gets there.
	Block   <-chan struct{}
	Entered chan<- struct{}
	// RetryAfter goes with rate limits.
	RetryAfter time.Duration
	// Refuses and Exhausts are what providers.Refused and providers.Exhausted
	// report of the error.
	Refuses, Exhausts bool
	// Dies: the caller's process does, as far as a test can have that: the call
	// panics, after the vendor has acted if Acted is set.
	Dies bool
}

// ErrFault is the error of a call that a Fault made go wrong.
type ErrFault struct {
	code  identity.Code
	acted bool
	after time.Duration

	refuses, exhausts bool
}

// Error implements error.
func (e *ErrFault) Error() string { return "memory: fault: " + string(e.code) }

// IdentityCode implements identity.Coder.
func (e *ErrFault) IdentityCode() identity.Code { return e.code }

// MayHaveActed implements providers.Uncertainer: everything but a refusal.
func (e *ErrFault) MayHaveActed() bool { return e.acted }

// RetryAfter implements providers.RetryAfterer.
func (e *ErrFault) RetryAfter() time.Duration { return e.after }

// Refused implements providers.Refuser.
func (e *ErrFault) Refused() bool { return e.refuses }

// Exhausted implements providers.Exhauster.
func (e *ErrFault) Exhausted() bool { return e.exhausts }

// NewVendor returns an empty service. Invitations live for life.
func NewVendor(now func() time.Time, life time.Duration) *Vendor {
	return &Vendor{now: now, life: life, orgs: map[string]*organization{}, calls: map[string]int{}}
}

// AddOrganization creates an organization under the vendor's id.
func (v *Vendor) AddOrganization(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.orgs[id] = &organization{}
}

// AddMember makes somebody a member without an invitation.
func (v *Vendor) AddMember(org, email string, roles ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.addMember(v.orgs[org], email, roles)
}

func (v *Vendor) addMember(o *organization, email string, roles []string) {
	v.next++
	o.members = append(o.members, &membership{
		id: fmt.Sprintf("mbr%06d", v.next), email: email, key: keyOf(email), roles: roles, createdAt: v.now(),
	})
}

// AddInvite creates an invitation as a vendor's dashboard would.
func (v *Vendor) AddInvite(org, email string, roles ...string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.addInvite(v.orgs[org], email, keyOf(email), "", roles).id
}

// AddOwnInvite creates an invitation that carries a reference of usher's, as
// one whose answer was lost.
func (v *Vendor) AddOwnInvite(org, email, inviteID string, roles ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.addInvite(v.orgs[org], email, keyOf(email), inviteID, roles)
}

func (v *Vendor) addInvite(o *organization, email, key, ref string, roles []string) *invitation {
	v.next++
	i := &invitation{
		id: fmt.Sprintf("rem%06d", v.next), ref: ref, email: email, key: key, roles: roles,
		state: identity.StatePending, createdAt: v.now(), expiresAt: v.now().Add(v.life), mails: 1,
	}
	o.invites = append(o.invites, i)
	return i
}

// Accept lets the invitee of a pending invitation join.
func (v *Vendor) Accept(org, email string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	o := v.orgs[org]
	i := v.pending(o, keyOf(email))
	if i == nil {
		return errors.New("memory: no pending invitation")
	}
	i.state = identity.StateAccepted
	v.addMember(o, i.email, i.roles)
	return nil
}

// Forget removes every invitation of an address, as a dashboard would.
func (v *Vendor) Forget(org, email string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	o := v.orgs[org]
	o.invites = slices.DeleteFunc(o.invites, func(i *invitation) bool { return i.key == keyOf(email) })
}

// Reopen makes the invitations of an address pending again.
func (v *Vendor) Reopen(org, email string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, i := range v.orgs[org].invites {
		if i.key == keyOf(email) {
			i.state = identity.StatePending
		}
	}
}

// ReopenLast makes the newest invitation of an address pending again.
func (v *Vendor) ReopenLast(org, email string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, i := range slices.Backward(v.orgs[org].invites) {
		if i.key == keyOf(email) {
			i.state, i.expiresAt = identity.StatePending, v.now().Add(v.life)
			return
		}
	}
}

// Mails returns how many invitation mails went to an address.
func (v *Vendor) Mails(org, email string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := 0
	for _, i := range v.orgs[org].invites {
		if i.key == keyOf(email) {
			n += i.mails
		}
	}
	return n
}

// Links returns the accept links that were mailed to an address, oldest first.
func (v *Vendor) Links(org, email string) (links []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, i := range v.orgs[org].invites {
		if i.key == keyOf(email) {
			links = append(links, i.links...)
		}
	}
	return links
}

// Calls returns how often an operation was called.
func (v *Vendor) Calls(op string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls[op]
}

// Heal takes all faults away.
func (v *Vendor) Heal() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults = nil
}

// Pending returns the addresses that have a living invitation.
func (v *Vendor) Pending(org string) map[string]bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pending(v.orgs[org], "")
	addresses := map[string]bool{}
	for _, i := range v.orgs[org].invites {
		if i.state == identity.StatePending {
			addresses[i.email] = true
		}
	}
	return addresses
}

// Inject adds a fault; faults apply in the order they were added.
func (v *Vendor) Inject(f Fault) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if f.Times == 0 {
		f.Times = 1
	}
	v.faults = append(v.faults, &f)
}

// keyOf is what the vendor compares addresses by.
func keyOf(email string) string {
	address, err := identity.ParseEmail(email)
	if err != nil {
		return email
	}
	return address.Key(identity.EmailLowercase)
}

// pending returns the living invitation of an address, or nil. Expired ones
// are closed on the way.
func (v *Vendor) pending(o *organization, key string) *invitation {
	for _, i := range o.invites {
		if i.state == identity.StatePending && !i.expiresAt.After(v.now()) {
			i.state = identity.StateExpired
		}
		if i.key == key && i.state == identity.StatePending {
			return i
		}
	}
	return nil
}

func (o *organization) member(key string) *membership {
	for _, m := range o.members {
		if m.key == key {
			return m
		}
	}
	return nil
}

// run carries out one call with the faults that apply to it.
func (v *Vendor) run(ctx context.Context, op string, org identity.OrgRef, act func(o *organization) error) error {
	return v.runWith(ctx, v.enter(op), org, act)
}

// runMany is run for a call of several rows; act is told how many to act on.
func (v *Vendor) runMany(ctx context.Context, org identity.OrgRef, rows int, act func(o *organization, most int) error) error {
	fault := v.enter("invite many")
	most := rows
	if fault != nil && fault.Rows > 0 {
		most = min(fault.Rows, rows)
	}
	return v.runWith(ctx, fault, org, func(o *organization) error { return act(o, most) })
}

// enter counts a call and returns the fault that applies to it, or nil.
func (v *Vendor) enter(op string) *Fault {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls[op]++
	return v.takeFault(op)
}

func (v *Vendor) runWith(ctx context.Context, fault *Fault, org identity.OrgRef, act func(o *organization) error) error {
	if fault != nil {
		if fault.Entered != nil {
			close(fault.Entered)
		}
		if fault.Block != nil {
			select {
			case <-fault.Block:
			case <-ctx.Done():
				return &ErrFault{code: identity.CodeProviderTimeout, acted: true}
			}
		}
		if fault.Dies && !fault.Acted {
			panic(Death)
		}
		if fault.Code != "" && !fault.Acted {
			return &ErrFault{code: fault.Code, after: fault.RetryAfter, acted: fault.Unclear, refuses: fault.Refuses, exhausts: fault.Exhausts}
		}
	}
	if err := ctx.Err(); err != nil {
		return &ErrFault{code: identity.CodeProviderTimeout}
	}
	if err := v.act(org, act); err != nil {
		return err
	}
	if fault != nil && fault.Dies {
		panic(Death)
	}
	if fault != nil && fault.Code != "" {
		return &ErrFault{code: fault.Code, acted: true}
	}
	return nil
}

func (v *Vendor) act(org identity.OrgRef, do func(o *organization) error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	o := v.orgs[org.ProviderID]
	if o == nil {
		return identity.Errorf(identity.CodeNotFound, "The provider does not know the organization.")
	}
	return do(o)
}

func (v *Vendor) takeFault(op string) *Fault {
	for n, f := range v.faults {
		if f.Op == "" || f.Op == op {
			f.Times--
			taken := *f
			if f.Times <= 0 {
				v.faults = slices.Delete(v.faults, n, n+1)
			}
			return &taken
		}
	}
	return nil
}

var _ identity.Coder = (*ErrFault)(nil)
var _ providers.Uncertainer = (*ErrFault)(nil)
