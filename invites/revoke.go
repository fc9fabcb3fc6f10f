package invites

import (
	"context"
	"errors"

	"usher/identity"
	"usher/internal/redact"
	"usher/ledger"
	"usher/providers"
)

// stepRevoke is recorded while the vendor is asked to withdraw an invitation.
const stepRevoke = "revoke"

// Revoke withdraws an invite that is queued, pending or uncertain. A revoked
// one is answered unchanged.
//
// Codes: not_found, invite_not_pending (any other state), conflict (somebody
// works on it), unsupported_by_provider and the provider_ ones;
// provider_timeout means that the invite is uncertain until the vendor is
// asked.
func (s *Service) Revoke(ctx context.Context, by Caller, org *identity.Organization, id string) (*identity.Invite, error) {
	c, err := s.connectionOf(org)
	if err != nil {
		return nil, err
	}
	ctx = providers.WithCaller(ctx, by.Credential)
	defer s.busy.begin(id)()
	i, proceed, err := s.beginRevoke(ctx, c, by, org, id)
	if err != nil || !proceed {
		return i, err
	}
	ref, err := inviteRef(org, i)
	if err != nil {
		return nil, s.release(ctx, i, err)
	}
	err = c.Client.Revoke(s.whileAlive(ctx), ref)
	var failure *identity.Error
	switch {
	case err == nil:
		return i, s.endRevoke(ctx, i, identity.StateRevoked, "", by.Actor)
	case isCode(err, identity.CodeNotFound):
		return s.revokeGone(ctx, c, by, i, ref)
	case errors.As(err, &failure) && failure.Unknown:
		return s.revokeUnknown(ctx, c, org, i, err)
	default:
		return nil, s.keepPending(ctx, i, err)
	}
}

// beginRevoke leases the invite and records the step. proceed is false when
// there is nothing to ask the vendor.
func (s *Service) beginRevoke(ctx context.Context, c *Connection, by Caller, org *identity.Organization, id string) (i *identity.Invite, proceed bool, err error) {
	err = s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		if i, err = tx.Invite(org.ID, id); err != nil {
			return err
		}
		if _, err := tx.CloseExpired(org.ID, i.EmailKey); err != nil {
			return err
		}
		if i, err = tx.Invite(org.ID, id); err != nil {
			return err
		}
		switch i.State {
		case identity.StateRevoked:
			return nil
		case identity.StateQueued:
			return move(tx, i, identity.StateRevoked, "", by.Actor)
		case identity.StatePending, identity.StateUncertain:
		default:
			return notPending(i)
		}
		if !c.Client.Has(providers.CapRevoke) {
			return identity.Errorf(identity.CodeUnsupported, "The identity provider of this organization cannot withdraw an invitation.")
		}
		proceed = true
		if err := tx.Lease(id, s.lease); err != nil {
			return err
		}
		return tx.BeginStep(id, i.Attempt, stepRevoke)
	})
	if err != nil {
		return nil, false, err
	}
	return i, proceed, nil
}

// endRevoke records the outcome of a revocation and frees the invite.
func (s *Service) endRevoke(ctx context.Context, i *identity.Invite, to identity.State, reason string, by identity.Actor) error {
	err := s.persist(ctx, s.ledger.Persist, i, func(tx *ledger.Tx, row *identity.Invite) error {
		if err := tx.Hold(row.ID); err != nil {
			return err
		}
		if err := tx.DoneStep(row.ID, row.Attempt, stepRevoke, nil); err != nil {
			return err
		}
		if row.State != to {
			if err := move(tx, row, to, reason, by); err != nil {
				return err
			}
		}
		return tx.Unlease(row.ID)
	})
	if err != nil {
		return overtaken(err, i.ID)
	}
	return nil
}

// revokeGone handles an invitation the vendor does not have: its owner joined
// in the meantime, or there is nothing left to withdraw.
func (s *Service) revokeGone(ctx context.Context, c *Connection, by Caller, i *identity.Invite, ref providers.InviteRef) (*identity.Invite, error) {
	joined, err := s.joined(ctx, c, ref)
	if err == nil && !joined {
		err = s.shown(ctx, c, ref.Org)
	}
	if err != nil {
		return nil, s.keepPending(ctx, i, err)
	}
	if !joined {
		return i, s.endRevoke(ctx, i, identity.StateRevoked, identity.ReasonGoneAtProvider, by.Actor)
	}
	if err := s.endRevoke(ctx, i, identity.StateAccepted, "", identity.Actor{}); err != nil {
		return nil, err
	}
	return nil, notPending(i)
}

// revokeUnknown handles a lost answer: the invite is uncertain, and the vendor
// is asked at once.
func (s *Service) revokeUnknown(ctx context.Context, c *Connection, org *identity.Organization, i *identity.Invite, cause error) (*identity.Invite, error) {
	err := s.persist(ctx, s.ledger.Persist, i, func(tx *ledger.Tx, row *identity.Invite) error {
		if err := tx.Hold(row.ID); err != nil {
			return err
		}
		if row.State == identity.StatePending {
			if err := move(tx, row, identity.StateUncertain, identity.ReasonRevokeUnknown, identity.Actor{}); err != nil {
				return err
			}
		} else {
			row.StateReason = identity.ReasonRevokeUnknown
			if err := tx.UpdateInvite(row); err != nil {
				return err
			}
		}
		return tx.Unlease(row.ID)
	})
	if err != nil {
		return nil, overtaken(err, i.ID)
	}
	settled, _, err := s.settle(context.WithoutCancel(ctx), c, org, i, askOnly, nil)
	switch {
	case err != nil || settled.State == identity.StateUncertain:
		return nil, stillUncertain(i.ID, cause)
	case settled.State == identity.StateRevoked:
		return settled, nil
	case settled.State == identity.StatePending:
		return nil, about(cause, i.ID)
	default:
		return nil, notPending(settled)
	}
}

// keepPending frees an invite whose revocation the vendor refused.
func (s *Service) keepPending(ctx context.Context, i *identity.Invite, cause error) error {
	err := s.persist(ctx, s.ledger.Persist, i, func(tx *ledger.Tx, row *identity.Invite) error {
		if err := tx.Hold(row.ID); err != nil {
			return err
		}
		if err := tx.UndoStep(row.ID, row.Attempt, stepRevoke); err != nil {
			return err
		}
		return tx.Unlease(row.ID)
	})
	if err != nil {
		s.log.ErrorContext(ctx, "a refused revocation could not be recorded", "invite", i.ID, "error", redact.Text(err.Error()))
	}
	if isCode(err, identity.CodeConflict) {
		return overtaken(err, i.ID)
	}
	return about(cause, i.ID)
}

// joined reports whether the invitee is a member.
func (s *Service) joined(ctx context.Context, c *Connection, ref providers.InviteRef) (bool, error) {
	if !c.Client.CanFindMember() {
		return false, nil
	}
	_, err := c.Client.FindMember(ctx, ref)
	if isCode(err, identity.CodeNotFound) {
		return false, nil
	}
	return err == nil, err
}

// shown makes sure that the vendor has the organization, and lets usher see it: what
// it does not have may be that, and not the invitation.
func (s *Service) shown(ctx context.Context, c *Connection, org identity.OrgRef) error {
	if !c.Client.Has(providers.CapInviteList) {
		return nil
	}
	_, err := c.Client.ListInvites(ctx, org, identity.PageRequest{Limit: 1})
	if isCode(err, identity.CodeNotFound) {
		return &identity.Error{Code: identity.CodeProviderError, Err: err, Detail: "The identity provider does not know the organization, or does not show it."}
	}
	return err
}
