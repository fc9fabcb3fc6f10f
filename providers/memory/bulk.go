package memory

import (
	"context"
	"net/http"

	"usher/identity"
	"usher/internal/quota"
	"usher/providers"
)

// Of Options.Limiter: what the calls that send count as.
const (
	PathInvite = "/invite"
	PathBulk   = "/bulk"
)

// Pace implements providers.Pacer.
func (p *Provider) Pace(bulk bool) quota.Pace {
	path := PathInvite
	if bulk {
		path = PathBulk
	}
	return p.options.Limiter.Pace(http.MethodPost, path)
}

// InviteMany implements providers.BulkInviter. Options.Fields.Bulk turns it on.
func (p *Provider) InviteMany(ctx context.Context, r providers.BulkRequest) ([]providers.BulkOutcome, error) {
	outcomes := make([]providers.BulkOutcome, len(r.Invites))
	roles := make([][]string, len(r.Invites))
	var rows []int
	for n, invite := range r.Invites {
		if roles[n], outcomes[n].Err = p.toVendor(invite.Roles); outcomes[n].Err == nil {
			rows = append(rows, n)
		}
	}
	if len(rows) == 0 {
		return outcomes, nil
	}
	if err := r.Journal.Begin(ctx, stepInvite, rows); err != nil {
		return nil, err
	}
	err := p.vendor.runMany(ctx, r.Org, len(rows), func(o *organization, most int) error {
		return p.many(o, r, rows[:most], roles, outcomes)
	})
	if err != nil {
		return outcomes, p.refusedMany(ctx, r, rows, outcomes, err)
	}
	return outcomes, p.finishMany(ctx, r, rows, outcomes)
}

// many is what the vendor does with the rows of a call. With Options.BulkWhole
// the first row that it refuses ends all.
func (p *Provider) many(o *organization, r providers.BulkRequest, rows []int, roles [][]string, outcomes []providers.BulkOutcome) error {
	whole := true
	for _, n := range rows {
		if outcomes[n].Err = p.mayInvite(o, r.Invites[n].EmailKey); outcomes[n].Err != nil {
			whole = false
		}
	}
	if !whole && p.options.BulkWhole {
		return nil
	}
	for _, n := range rows {
		if outcomes[n].Err == nil {
			outcomes[n].Sent = p.add(o, r.Invites[n], roles[n])
		}
	}
	return nil
}

// refusedMany records that a call did not happen, unless that is not known.
func (p *Provider) refusedMany(ctx context.Context, r providers.BulkRequest, rows []int, outcomes []providers.BulkOutcome, err error) error {
	all := func(o providers.BulkOutcome) {
		for _, n := range rows {
			outcomes[n] = o
		}
	}
	if u, ok := err.(providers.Uncertainer); ok && u.MayHaveActed() {
		all(providers.BulkOutcome{Err: err})
		return nil
	}
	if undo := r.Journal.Undo(ctx, stepInvite, rows); undo != nil {
		all(providers.BulkOutcome{Err: undo})
		return nil
	}
	all(providers.BulkOutcome{})
	return err
}

// finishMany records how each row ended.
func (p *Provider) finishMany(ctx context.Context, r providers.BulkRequest, rows []int, outcomes []providers.BulkOutcome) error {
	var undone []int
	for _, n := range rows {
		sent := outcomes[n].Sent
		if sent == nil {
			undone = append(undone, n)
			continue
		}
		if err := r.Journal.Done(ctx, stepInvite, n, map[string]string{"id": sent.ProviderID}); err != nil {
			outcomes[n] = providers.BulkOutcome{Err: err}
		}
	}
	if len(undone) == 0 {
		return nil
	}
	if err := r.Journal.Undo(ctx, stepInvite, undone); err != nil {
		for _, n := range undone {
			outcomes[n].Err = err
		}
	}
	return nil
}

// mayInvite is the vendor's refusal of an address, or nil.
func (p *Provider) mayInvite(o *organization, key string) error {
	if o.member(key) != nil {
		return identity.Errorf(identity.CodeAlreadyMember, "The address belongs to a member already.")
	}
	if p.vendor.pending(o, key) != nil {
		return identity.Errorf(identity.CodeInvitePending, "The provider has an invitation already.")
	}
	return nil
}

// add makes an invitation as it is asked for.
func (p *Provider) add(o *organization, r providers.InviteRequest, roles []string) *providers.Sent {
	i := p.vendor.addInvite(o, r.Address.Typed, r.EmailKey, r.InviteID, roles)
	if r.ExpiresAt != nil {
		i.expiresAt = *r.ExpiresAt
	}
	if !r.Notify {
		i.mails = 0
	}
	i.links = append(i.links, r.Link)
	return toSent(i)
}
