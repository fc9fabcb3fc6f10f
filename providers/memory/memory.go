package memory

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"usher/identity"
	"usher/internal/quota"
	"usher/providers"
)

// Options configures New.
type Options struct {
	Roles     map[string]string // portable key → the vendor's name; required
	EmailRule identity.EmailRule
	Fields    providers.Fields // Bulk: the vendor takes that many invitations in a call
	// BulkWhole: the vendor refuses a whole bulk call on account of one row.
	BulkWhole bool
	// Limiter is what Pace tells of; the calls themselves are not held back.
	Limiter *quota.Limiter
	// Silent: the vendor cannot be asked about uncertain sends.
	Silent bool
	// Alike: a resend that did not happen looks like one that did, as long as
	// the invitation of before is there.
	Alike bool
	// Withheld takes abilities back.
	Withheld []providers.Capability
}

// Provider is the adapter.
type Provider struct {
	vendor  *Vendor
	options Options
}

var (
	_ providers.Provider     = (*Provider)(nil)
	_ providers.InviteLister = (*Provider)(nil)
	_ providers.Resender     = (*Provider)(nil)
	_ providers.Revoker      = (*Provider)(nil)
	_ providers.Settler      = (*Provider)(nil)
	_ providers.MemberFinder = (*Provider)(nil)
	_ providers.RoleLister   = (*Provider)(nil)
	_ providers.Accepter     = (*Provider)(nil)
	_ providers.BulkInviter  = (*Provider)(nil)
	_ providers.Pacer        = (*Provider)(nil)
	_ providers.Withholder   = (*Provider)(nil)
)

// New returns an adapter for the vendor.
func New(v *Vendor, o Options) *Provider { return &Provider{vendor: v, options: o} }

// The one step of a send.
const stepInvite = "invite"

// refMails is the invitation and how often it had been mailed.
const refMails = "mails"

// Describe implements providers.Provider.
func (p *Provider) Describe() providers.Description {
	fields := p.options.Fields
	fields.Life = p.vendor.life
	return providers.Description{Provider: "memory", Fields: fields}
}

// Close implements providers.Provider.
func (p *Provider) Close() error { return nil }

// Withheld implements providers.Withholder.
func (p *Provider) Withheld() []providers.Capability { return p.options.Withheld }

// Invite implements providers.Provider.
func (p *Provider) Invite(ctx context.Context, r providers.InviteRequest) (*providers.Sent, error) {
	if r.Journal.Step(stepInvite).Begun {
		settled, err := p.Settle(ctx, r)
		if err != nil {
			return nil, err
		}
		if settled.Verdict == providers.VerdictSent {
			return settled.Sent, nil
		}
	}
	roles, err := p.toVendor(r.Roles)
	if err != nil {
		return nil, err
	}
	if err := r.Journal.Begin(ctx, stepInvite); err != nil {
		return nil, err
	}
	var sent *providers.Sent
	err = p.vendor.run(ctx, "invite", r.Org, func(o *organization) error {
		if err := p.mayInvite(o, r.EmailKey); err != nil {
			return err
		}
		sent = p.add(o, r, roles)
		return nil
	})
	return p.finish(ctx, r, sent, err)
}

// finish records how the one step of a send ended.
func (p *Provider) finish(ctx context.Context, r providers.InviteRequest, sent *providers.Sent, err error) (*providers.Sent, error) {
	if err != nil {
		if u, ok := err.(providers.Uncertainer); ok && u.MayHaveActed() {
			return nil, err
		}
		if undo := r.Journal.Undo(ctx, stepInvite); undo != nil {
			return nil, undo
		}
		return nil, err
	}
	return sent, r.Journal.Done(ctx, stepInvite, map[string]string{"id": sent.ProviderID})
}

func toSent(i *invitation) *providers.Sent {
	expires := i.expiresAt
	return &providers.Sent{
		ProviderID: i.id, ExpiresAt: &expires, NotCarried: []string{},
		Reference: map[string]string{"email": i.email, refMails: i.id + " " + strconv.Itoa(i.mails)},
	}
}

// Resend implements providers.Resender: the same id, a new life, another mail.
func (p *Provider) Resend(ctx context.Context, r providers.ResendRequest) (*providers.Sent, error) {
	if err := r.Journal.Begin(ctx, stepInvite); err != nil {
		return nil, err
	}
	var sent *providers.Sent
	err := p.vendor.run(ctx, "resend", r.Org, func(o *organization) error {
		if o.member(r.EmailKey) != nil {
			return identity.Errorf(identity.CodeAlreadyMember, "The address belongs to a member already.")
		}
		i := p.vendor.pending(o, r.EmailKey)
		if i == nil {
			roles, err := p.toVendor(r.Roles)
			if err != nil {
				return err
			}
			i = p.vendor.addInvite(o, r.Address.Typed, r.EmailKey, r.InviteID, roles)
		} else {
			i.mails++
			i.expiresAt = p.vendor.now().Add(p.vendor.life)
		}
		i.links = append(i.links, r.Link)
		sent = toSent(i)
		return nil
	})
	return p.finish(ctx, r.InviteRequest, sent, err)
}

// Revoke implements providers.Revoker.
func (p *Provider) Revoke(ctx context.Context, ref providers.InviteRef) error {
	return p.vendor.run(ctx, "revoke", ref.Org, func(o *organization) error {
		i := p.vendor.pending(o, ref.EmailKey)
		if i == nil {
			return identity.Errorf(identity.CodeNotFound, "The provider has no such invitation.")
		}
		i.state = identity.StateRevoked
		return nil
	})
}

// The one step of an acceptance.
const stepAccept = providers.AcceptPrefix + "join"

// Accept implements providers.Accepter.
func (p *Provider) Accept(ctx context.Context, r providers.AcceptRequest) (*identity.Member, error) {
	roles, err := p.toVendor(r.Roles)
	if err != nil {
		return nil, err
	}
	if err := r.Journal.Begin(ctx, stepAccept); err != nil {
		return nil, err
	}
	var joined identity.Member
	err = p.vendor.run(ctx, "accept", r.Org, func(o *organization) error {
		if m := o.member(r.EmailKey); m != nil {
			return identity.Errorf(identity.CodeAlreadyMember, "The address belongs to a member already.")
		}
		i := p.vendor.pending(o, r.EmailKey)
		if i == nil {
			return identity.Errorf(identity.CodeNotFound, "The provider has no such invitation.")
		}
		i.state = identity.StateAccepted
		p.vendor.addMember(o, i.email, roles)
		joined = p.toMember(o.member(r.EmailKey), r.Org)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &joined, r.Journal.Done(ctx, stepAccept, nil)
}

// Settle implements providers.Settler.
func (p *Provider) Settle(ctx context.Context, r providers.InviteRequest) (*providers.Settlement, error) {
	settled := &providers.Settlement{Verdict: providers.VerdictNotSent}
	err := p.vendor.run(ctx, "settle", r.Org, func(o *organization) error {
		if p.options.Silent {
			settled.Verdict = providers.VerdictUnknown
			return nil
		}
		if o.member(r.EmailKey) != nil {
			settled.Verdict = providers.VerdictMember
			return nil
		}
		for _, i := range o.invites {
			if i.ref == r.InviteID && i.state == identity.StatePending {
				settled.Verdict, settled.Sent = providers.VerdictSent, toSent(i)
				if !p.options.Alike && settled.Sent.Reference[refMails] == r.Reference[refMails] {
					settled.Verdict = providers.VerdictUnchanged
				}
			}
		}
		return nil
	})
	return settled, err
}

// ListInvites implements providers.InviteLister.
func (p *Provider) ListInvites(ctx context.Context, org identity.OrgRef, r identity.PageRequest) (*identity.Page[providers.RemoteInvite], error) {
	var list []providers.RemoteInvite
	err := p.vendor.run(ctx, "list invites", org, func(o *organization) error {
		p.vendor.pending(o, "")
		for _, i := range o.invites {
			expires, created := i.expiresAt, i.createdAt
			roles := p.toPortable(i.roles)
			list = append(list, providers.RemoteInvite{
				ProviderID: i.id, InviteID: i.ref, Email: i.email, State: i.state, Roles: roles, UnmappedRoles: p.unmapped(i.roles),
				ExpiresAt: &expires, CreatedAt: &created, Reference: map[string]string{"email": i.email},
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return page(list, r)
}

// FindMember implements providers.MemberFinder.
func (p *Provider) FindMember(ctx context.Context, ref providers.InviteRef) (*identity.Member, error) {
	var found *identity.Member
	err := p.vendor.run(ctx, "find member", ref.Org, func(o *organization) error {
		m := o.member(ref.EmailKey)
		if m == nil {
			return identity.Errorf(identity.CodeNotFound, "Nobody of that address is a member.")
		}
		member := p.toMember(m, ref.Org)
		found = &member
		return nil
	})
	return found, err
}

// ListMembers implements providers.Provider.
func (p *Provider) ListMembers(ctx context.Context, org identity.OrgRef, r identity.PageRequest) (*identity.Page[identity.Member], error) {
	var list []identity.Member
	err := p.vendor.run(ctx, "list members", org, func(o *organization) error {
		for _, m := range o.members {
			list = append(list, p.toMember(m, org))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return page(list, r)
}

// ListRoles implements providers.RoleLister.
func (p *Provider) ListRoles(ctx context.Context, org identity.OrgRef) ([]identity.Role, error) {
	var roles []identity.Role
	err := p.vendor.run(ctx, "list roles", org, func(*organization) error {
		for key, name := range p.options.Roles {
			roles = append(roles, identity.Role{Key: key, Name: name, ProviderID: name})
		}
		slices.SortFunc(roles, func(a, b identity.Role) int { return strings.Compare(a.Key, b.Key) })
		return nil
	})
	return roles, err
}

func (p *Provider) toMember(m *membership, org identity.OrgRef) identity.Member {
	created := m.createdAt
	return identity.Member{
		OrganizationID: org.ID, ProviderID: m.id, UserName: m.email, Email: m.email,
		Roles: p.toPortable(m.roles), CreatedAt: &created,
	}
}

func (p *Provider) toVendor(roles []string) ([]string, error) {
	names := make([]string, len(roles))
	for n, key := range roles {
		name, ok := p.options.Roles[key]
		if !ok {
			return nil, identity.FieldError(identity.CodeUnknownRole, "/roles/"+strconv.Itoa(n), "The role is not mapped.")
		}
		names[n] = name
	}
	return names, nil
}

func (p *Provider) toPortable(names []string) []string {
	keys := []string{}
	for key, name := range p.options.Roles {
		if slices.Contains(names, name) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// unmapped reports a role that has no portable key.
func (p *Provider) unmapped(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return len(p.toPortable([]string{name})) == 0 })
}

// page cuts one page out of a list; the cursor is the position.
func page[T any](list []T, r identity.PageRequest) (*identity.Page[T], error) {
	start := 0
	if r.Cursor != "" {
		n, err := strconv.Atoi(r.Cursor)
		if err != nil || n < 0 {
			return nil, identity.FieldError(identity.CodeInvalidRequest, "query:cursor", "The cursor is not one of ours.")
		}
		start = min(n, len(list))
	}
	limit := r.Limit
	if limit <= 0 {
		limit = 50
	}
	end := min(start+limit, len(list))
	out := &identity.Page[T]{Items: list[start:end]}
	if end < len(list) {
		out.Next = strconv.Itoa(end)
	}
	return out, nil
}
