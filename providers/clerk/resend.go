package clerk

import (
	"context"

	"usher/identity"
	"usher/providers"
	"usher/providers/clerk/internal"
)

// Resend implements providers.Resender. The vendor sends no invitation again
// (FACTS.md section 4.6), so the pending one is revoked and a new one is
// created. That is not atomic: when the second step fails the error says so, and
// the next call with the same journal goes on at that step.
func (p *Provider) Resend(ctx context.Context, r providers.ResendRequest) (*providers.Sent, error) {
	s := p.newSending(r.InviteRequest)
	return s.alone(ctx, func(ctx context.Context) (*internal.Invitation, error) { return s.again(ctx, r.ProviderID) })
}

func (s *sending) again(ctx context.Context, id string) (*internal.Invitation, error) {
	row, err := s.made(ctx)
	if err != nil || row != nil {
		return row, err
	}
	role, err := s.vendorRole(s.request.Roles)
	if err != nil {
		return nil, err
	}
	base, err := s.withdraw(ctx, id, role)
	if err != nil {
		return nil, err
	}
	if role == "" && base != nil {
		role = base.Role // made elsewhere, with a role that is not mapped
	}
	if role == "" {
		return nil, identity.FieldError(identity.CodeUnknownRole, "/roles", "The invitation has no role that it could be sent with again.")
	}
	return s.create(ctx, role, base)
}

// withdraw revokes the pending invitation, if there is one, and returns the
// last one there was. Before anything is revoked it makes sure of what the
// vendor would refuse afterwards.
func (s *sending) withdraw(ctx context.Context, id, role string) (*internal.Invitation, error) {
	if step := s.request.Journal.Step(stepWithdraw); step.Done || s.request.Journal.Step(stepCreate).Begun {
		if isID(step.Result[refID]) {
			id = step.Result[refID]
		}
		return s.former(ctx, id)
	}
	rows, err := s.invitationsOf(ctx, s.request.Org, s.email, "")
	if err != nil {
		return nil, err
	}
	base := s.pending(rows, id)
	if base == nil {
		return s.latest(rows, id), nil
	}
	if err := s.mayCreate(ctx, role, base); err != nil {
		return nil, err
	}
	return base, s.step(ctx, stepWithdraw, func() (string, error) { return base.ID, s.revoke(ctx, base.ID) })
}

// former reads an invitation that was withdrawn; nil if it is not there.
func (s *sending) former(ctx context.Context, id string) (*internal.Invitation, error) {
	if !isID(id) {
		return nil, nil
	}
	row, err := s.get(ctx, id)
	if e := internal.AsAPIError(err); e != nil && e.IsGone() {
		return nil, nil
	}
	return row, err
}

// latest returns the invitation of the id, else the last one of this invite, or
// nil.
func (s *sending) latest(rows []*internal.Invitation, id string) (last *internal.Invitation) {
	for _, row := range rows {
		if row.ID == id {
			return row
		}
		if s.isOurs(row) {
			last = row
		}
	}
	return last
}

// mayCreate makes sure that the new invitation will not be refused for its life
// or its role once the old one is gone.
func (s *sending) mayCreate(ctx context.Context, role string, base *internal.Invitation) error {
	if _, err := s.days(); err != nil {
		return err
	}
	if role == "" || role == base.Role {
		return nil
	}
	roles, err := s.assignable(ctx, s.request.Org)
	if err != nil {
		return err
	}
	for _, r := range roles {
		if r.Key == role {
			return nil
		}
	}
	return unknownRole()
}

// revoke withdraws an invitation that was pending a moment ago. Where the
// vendor says that it is not, it was accepted, or there is nothing left to do.
func (s *sending) revoke(ctx context.Context, id string) error {
	err := s.withdrawn(ctx, s.request.Org, id)
	if e := internal.AsAPIError(err); e == nil || !e.IsGone() {
		return err
	}
	row, err := s.former(ctx, id)
	if err == nil && row != nil && row.Status == internal.StatusAccepted {
		return identity.Errorf(identity.CodeAlreadyMember, "The person has accepted the invitation.")
	}
	return err
}

// withdrawn revokes one invitation and makes sure that it is revoked.
func (p *Provider) withdrawn(ctx context.Context, org identity.OrgRef, id string) error {
	row, err := p.client.RevokeInvitation(ctx, org.ProviderID, id)
	if err != nil {
		return err
	}
	if err := belongs(row, org); err != nil {
		return &uncertain{err}
	}
	if row.ID != id || row.Status == internal.StatusPending {
		return &uncertain{&identity.Error{Code: identity.CodeProviderError, Detail: "The identity provider does not say that the invitation is revoked."}}
	}
	return nil
}

// Revoke implements providers.Revoker. The invitation and its organization are
// read before anything is changed.
func (p *Provider) Revoke(ctx context.Context, ref providers.InviteRef) error {
	if err := checkOrg(ref.Org); err != nil {
		return err
	}
	id, err := p.toRevoke(ctx, ref)
	if err != nil {
		return explain(err)
	}
	return explain(p.withdrawn(ctx, ref.Org, id))
}

// toRevoke returns the id of the invitation that is pending: the one that is
// known, or the one of the address where that is gone or was replaced.
func (p *Provider) toRevoke(ctx context.Context, ref providers.InviteRef) (string, error) {
	if isID(ref.ProviderID) {
		row, err := p.client.GetInvitation(ctx, ref.Org.ProviderID, ref.ProviderID)
		if e := internal.AsAPIError(err); err != nil && (e == nil || !e.IsGone()) {
			return "", err
		}
		if err == nil {
			if err := belongs(row, ref.Org); err != nil {
				return "", err
			}
			if p.isPending(row) {
				return row.ID, nil
			}
		}
	}
	rows, err := p.invitationsOf(ctx, ref.Org, email(ref.Address), internal.StatusPending)
	if err != nil {
		return "", err
	}
	if row := p.pending(rows, ""); row != nil {
		return row.ID, nil
	}
	return "", identity.Errorf(identity.CodeNotFound, "The identity provider has no such invitation, or it is not pending.")
}
