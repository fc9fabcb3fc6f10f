package providers

import (
	"context"
	"log/slog"
	"time"

	"usher/identity"
	"usher/internal/quota"
	"usher/internal/redact"
)

// DefaultTimeout bounds one operation, all its vendor calls and waits included.
const DefaultTimeout = 30 * time.Second

// ClientOptions configures NewClient. A nil pointer means all defaults.
type ClientOptions struct {
	Timeout time.Duration // of one operation; defaults to DefaultTimeout
	Logger  *slog.Logger  // defaults to slog.Default
	Now     func() time.Time
	Metrics *Metrics // nil: not measured
}

// Client is a connection as the rest of the house uses it: the adapter with
// its optional abilities resolved once, deadlines, error wrapping and metrics.
// All methods may be called concurrently; all errors are *identity.Error. An
// ability the connection lacks answers unsupported_by_provider.
type Client struct {
	name        string
	provider    Provider
	description Description
	timeout     time.Duration
	log         *slog.Logger
	now         func() time.Time
	metrics     *Metrics

	lister       InviteLister
	resender     Resender
	revoker      Revoker
	settler      Settler
	memberFinder MemberFinder
	roleLister   RoleLister
	checker      AddressChecker
	accepter     Accepter
	bulkInviter  BulkInviter
	pacer        Pacer
	withheld     map[Capability]bool
}

// NewClient wraps an opened adapter under its connection's name.
func NewClient(name string, p Provider, o *ClientOptions) *Client {
	if o == nil {
		o = &ClientOptions{}
	}
	c := &Client{
		name: name, provider: p, description: p.Describe(),
		timeout: o.Timeout, log: o.Logger, now: o.Now, metrics: o.Metrics,
		withheld: map[Capability]bool{},
	}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	if c.log == nil {
		c.log = slog.Default()
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.lister, _ = p.(InviteLister)
	c.resender, _ = p.(Resender)
	c.revoker, _ = p.(Revoker)
	c.settler, _ = p.(Settler)
	c.memberFinder, _ = p.(MemberFinder)
	c.roleLister, _ = p.(RoleLister)
	c.checker, _ = p.(AddressChecker)
	c.accepter, _ = p.(Accepter)
	c.bulkInviter, _ = p.(BulkInviter)
	c.pacer, _ = p.(Pacer)
	if w, ok := p.(Withholder); ok {
		for _, ability := range w.Withheld() {
			c.withheld[ability] = true
		}
	}
	return c
}

// Name returns the connection's name.
func (c *Client) Name() string { return c.name }

// Provider returns the kind of backend, e.g. "asgardeo".
func (c *Client) Provider() string { return c.description.Provider }

// Fields returns which optional parts of an invitation the connection carries.
func (c *Client) Fields() Fields { return c.description.Fields }

// Timeout returns how long one operation may take; in the background it may wait for
// its turn beside that.
func (c *Client) Timeout() time.Duration { return c.timeout }

// Close closes the adapter.
func (c *Client) Close() error { return c.provider.Close() }

// Capabilities returns every capability with its support, sorted by name.
func (c *Client) Capabilities() []CapabilityStatus {
	rows := []struct {
		capability Capability
		there      bool
	}{
		{CapAccept, c.accepter != nil},
		{CapInviteMany, c.bulkInviter != nil && c.description.Fields.Bulk > 0},
		{CapInviteList, c.lister != nil},
		{CapResend, c.resender != nil},
		{CapRevoke, c.revoker != nil},
		{CapInvite, true},
		{CapMembersList, true},
		{CapRolesList, c.roleLister != nil},
	}
	list := make([]CapabilityStatus, 0, len(rows))
	for _, row := range rows {
		status := CapabilityStatus{Capability: row.capability, Support: Native}
		how, emulated := c.description.Emulated[row.capability]
		switch {
		case !row.there || c.withheld[row.capability]:
			status.Support = Unsupported
		case emulated:
			status.Support, status.How = Emulated, how
		}
		list = append(list, status)
	}
	return list
}

// Has reports whether the connection supports a capability.
func (c *Client) Has(capability Capability) bool {
	for _, status := range c.Capabilities() {
		if status.Capability == capability {
			return status.Support != Unsupported
		}
	}
	return false
}

// CanFindMember reports whether FindMember can work.
func (c *Client) CanFindMember() bool { return c.memberFinder != nil }

// CanSettle reports whether the vendor can be asked about an uncertain send.
func (c *Client) CanSettle() bool { return c.settler != nil }

// Check refuses what the vendor cannot carry, before anything is recorded or
// sent. Codes: not_carried, email_not_deliverable.
func (c *Client) Check(r InviteRequest) error {
	f := c.description.Fields
	switch {
	case r.Message != "" && !f.Message:
		return c.notCarried("/message", "cannot carry a message")
	case r.RedirectURL != "" && !f.RedirectURL:
		return c.notCarried("/redirect_url", "cannot lead the invitee to a page of yours")
	case !r.Notify && !f.NotifyFalse:
		return c.notCarried("/notify", "always mails the invitation itself")
	case r.ExpiresAt != nil && !f.ExpiresAt:
		return c.notCarried("/expires_at", "decides itself when an invitation expires")
	case r.ExpiresAt != nil && f.MaxLife > 0 && r.ExpiresAt.After(c.now().Add(f.MaxLife)):
		return c.notCarried("/expires_at", "lets an invitation live for "+f.MaxLife.String()+" at most")
	case r.ExpiresAt != nil && r.ExpiresAt.Before(c.now().Add(f.MinLife)):
		return c.notCarried("/expires_at", "lets an invitation live for "+f.MinLife.String()+" at least")
	case f.MaxRoles > 0 && len(r.Roles) > f.MaxRoles:
		return c.notCarried("/roles", "takes fewer roles in one invitation")
	}
	if c.checker == nil {
		return nil
	}
	return c.wrap("check address", c.checker.CheckAddress(r.Address), false)
}

func (c *Client) notCarried(field, why string) error {
	return identity.FieldError(identity.CodeNotCarried, field, "The identity provider of this organization (%s) %s.", c.Provider(), why)
}

// Invite sends one invitation; see Provider.Invite.
func (c *Client) Invite(ctx context.Context, r InviteRequest) (*Sent, error) {
	return call(ctx, c, r.Org, "invite", true, func(ctx context.Context) (*Sent, error) {
		return c.provider.Invite(ctx, r)
	})
}

// Resend sends an invitation again.
func (c *Client) Resend(ctx context.Context, r ResendRequest) (*Sent, error) {
	if !c.Has(CapResend) {
		return nil, c.unsupported("resend")
	}
	return call(ctx, c, r.Org, "resend", true, func(ctx context.Context) (*Sent, error) {
		return c.resender.Resend(ctx, r)
	})
}

// Revoke withdraws an invitation; not_found when the vendor does not have it.
func (c *Client) Revoke(ctx context.Context, ref InviteRef) error {
	if !c.Has(CapRevoke) {
		return c.unsupported("revoke")
	}
	_, err := call(ctx, c, ref.Org, "revoke", true, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.revoker.Revoke(ctx, ref)
	})
	return err
}

// Settle asks the vendor what became of a send. Where it cannot be asked at
// all the verdict is VerdictUnknown.
func (c *Client) Settle(ctx context.Context, r InviteRequest) (*Settlement, error) {
	if c.settler == nil {
		return &Settlement{Verdict: VerdictUnknown}, nil
	}
	return call(ctx, c, r.Org, "settle", false, func(ctx context.Context) (*Settlement, error) {
		return c.settler.Settle(ctx, r)
	})
}

// Accept makes an invitee a member; see Accepter.
func (c *Client) Accept(ctx context.Context, r AcceptRequest) (*identity.Member, error) {
	if !c.Has(CapAccept) {
		return nil, c.unsupported("accept")
	}
	return call(ctx, c, r.Org, "accept", true, func(ctx context.Context) (*identity.Member, error) {
		return c.accepter.Accept(ctx, r)
	})
}

// ListInvites returns one page of the vendor's own record.
func (c *Client) ListInvites(ctx context.Context, org identity.OrgRef, p identity.PageRequest) (*identity.Page[RemoteInvite], error) {
	if !c.Has(CapInviteList) {
		return nil, c.unsupported("list invites")
	}
	return call(ctx, c, org, "list invites", false, func(ctx context.Context) (*identity.Page[RemoteInvite], error) {
		return c.lister.ListInvites(ctx, org, p)
	})
}

// FindMember looks for the membership an invitation leads to.
func (c *Client) FindMember(ctx context.Context, ref InviteRef) (*identity.Member, error) {
	if c.memberFinder == nil {
		return nil, c.unsupported("find member")
	}
	return call(ctx, c, ref.Org, "find member", false, func(ctx context.Context) (*identity.Member, error) {
		return c.memberFinder.FindMember(ctx, ref)
	})
}

// ListMembers returns one page of members.
func (c *Client) ListMembers(ctx context.Context, org identity.OrgRef, p identity.PageRequest) (*identity.Page[identity.Member], error) {
	return call(ctx, c, org, "list members", false, func(ctx context.Context) (*identity.Page[identity.Member], error) {
		return c.provider.ListMembers(ctx, org, p)
	})
}

// ListRoles returns the mapped roles of an organization.
func (c *Client) ListRoles(ctx context.Context, org identity.OrgRef) ([]identity.Role, error) {
	if !c.Has(CapRolesList) {
		return nil, c.unsupported("list roles")
	}
	return call(ctx, c, org, "list roles", false, func(ctx context.Context) ([]identity.Role, error) {
		return c.roleLister.ListRoles(ctx, org)
	})
}

// call runs one operation under its deadline, in the name of its organization,
// wraps its error and measures it.
func call[T any](ctx context.Context, c *Client, org identity.OrgRef, op string, write bool, do func(context.Context) (T, error)) (T, error) {
	ctx, cancel := quota.WithTimeout(quota.WithOrganization(ctx, c.queueOf(org)), c.timeout)
	defer cancel()
	start := c.now()
	value, err := do(ctx)
	err = c.wrap(op, err, write)
	c.metrics.observe(c.name, op, identity.CodeOf(err), c.now().Sub(start))
	if err != nil {
		var zero T
		c.log.LogAttrs(ctx, level(err), "provider call ended in an error",
			slog.String("connection", c.name), slog.String("op", op), slog.String("error", redact.Text(err.Error())))
		return zero, err
	}
	return value, nil
}

// queueOf names whose turn an organization's calls take under the vendor's
// limits. Connections share those, so the vendor's id alone would not do.
func (c *Client) queueOf(org identity.OrgRef) string {
	if org.ID != "" {
		return org.ID
	}
	return c.name + "/" + org.ProviderID
}
