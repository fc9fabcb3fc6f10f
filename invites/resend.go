package invites

import (
	"context"
	"errors"
	"maps"
	"slices"

	"usher/identity"
	"usher/ledger"
	"usher/providers"
)

// Resend sends an invite again under the same id: from pending, expired,
// failed and uncertain. An uncertain invite is settled first. claim may be
// nil; if an earlier try under it reached the ledger, its outcome is answered
// and nothing is sent anew unless it shows that nothing was sent.
//
// Codes: not_found, invite_not_pending (any other state), invite_pending
// (another invite of the address lives), conflict (somebody works on it),
// role_not_grantable, rate_limited (the mail budget), unsupported_by_provider and the provider_ ones.
func (s *Service) Resend(ctx context.Context, by Caller, org *identity.Organization, id string, claim *ledger.Claim) (*identity.Invite, error) {
	c, err := s.connectionOf(org)
	if err != nil {
		return nil, err
	}
	ctx = providers.WithCaller(ctx, by.Credential)
	i, err := s.ledger.Invite(ctx, org.ID, id)
	if err != nil {
		return nil, err
	}
	if err := checkGrantable(c, by, grantedBy(c, i)); err != nil {
		return nil, err
	}
	if claim != nil && claim.InviteID != "" {
		return s.reattach(ctx, c, by, org, claim)
	}
	if !c.Client.Has(providers.CapResend) && i.State != identity.StateFailed {
		return nil, identity.Errorf(identity.CodeUnsupported, "The identity provider of this organization cannot send an invitation again.")
	}
	if i.State == identity.StateUncertain && c.Client.CanSettle() {
		if i, wentOn, err := s.settle(ctx, c, org, i, mayGoOn, claim); err != nil || wentOn {
			return wentOnAs(i, id, err)
		}
	}
	return s.resend(ctx, c, by, org, id, claim, 0)
}

// errOvertaken: somebody else has sent the invite again in the meantime.
var errOvertaken = errors.New("invites: another attempt was made")

// resend makes another attempt; after an attempt other than 0, only if that is
// still the last one.
func (s *Service) resend(ctx context.Context, c *Connection, by Caller, org *identity.Organization, id string, claim *ledger.Claim, after int) (i *identity.Invite, err error) {
	defer s.busy.begin(id)()
	before := identity.State("")
	err = s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		if i, before, err = s.beginResend(tx, org.ID, id, by.Actor, after); err != nil {
			return err
		}
		return tx.AttachInvite(claim, id, i.Attempt)
	})
	if err != nil {
		return nil, pendingText(err)
	}
	sent, err := s.deliver(ctx, c, org, i, ending{refused: func(cause error, untouched bool) (identity.State, string) {
		if untouched && before != identity.StateFailed {
			return before, string(identity.CodeOf(cause))
		}
		return fail(cause, untouched)
	}})
	if definite(err) && i.State == before && claim != nil {
		err = s.detach(ctx, claim, err)
	}
	return sent, err
}

// wentOnAs answers a resend of an invite that settling has just sent or tried to:
// that was the sending that is asked for.
func wentOnAs(i *identity.Invite, id string, cause error) (*identity.Invite, error) {
	switch {
	case cause != nil:
		return nil, stillUncertain(id, cause)
	case i.State == identity.StateUncertain || i.State == identity.StateSending:
		return nil, stillUncertain(i.ID, nil)
	default:
		return i, nil
	}
}

// grantedBy returns the roles that sending an invite again grants. One that was
// made elsewhere can have roles that the connection does not map: that takes
// somebody who may grant every role.
func grantedBy(c *Connection, i *identity.Invite) []string {
	if len(i.Roles) > 0 && !i.UnmappedRoles {
		return i.Roles
	}
	return slices.Sorted(maps.Keys(c.Roles))
}

// beginResend leases an invite and moves it to sending. An invite that had
// reached the vendor begins a new attempt; a failed one goes on with its steps.
func (s *Service) beginResend(tx *ledger.Tx, org, id string, by identity.Actor, after int) (*identity.Invite, identity.State, error) {
	i, err := tx.Invite(org, id)
	if err != nil {
		return nil, "", err
	}
	if _, err := tx.CloseExpired(org, i.EmailKey); err != nil {
		return nil, "", err
	}
	if i, err = tx.Invite(org, id); err != nil {
		return nil, "", err
	}
	if after != 0 && i.Attempt != after {
		return nil, "", errOvertaken
	}
	before := i.State
	switch before {
	case identity.StatePending, identity.StateExpired, identity.StateUncertain:
		i.Attempt++
	case identity.StateFailed:
	default:
		return nil, "", notPending(i)
	}
	if overdue(i, tx.Now()) {
		i.ExpiresAt = nil // that was for the sending that did not succeed
	}
	if err := s.withinMailBudget(tx, org, i.EmailKey); err != nil {
		return nil, "", err
	}
	if err := tx.Lease(id, s.lease); err != nil {
		return nil, "", err
	}
	return i, before, move(tx, i, identity.StateSending, "", by)
}

// definite reports an error after which it is known that nothing was sent.
func definite(err error) bool {
	var known *identity.Error
	return errors.As(err, &known) && !known.Unknown
}

// detach makes the next request under the claim a new try: this one ended with
// the invite as it was before.
func (s *Service) detach(ctx context.Context, claim *ledger.Claim, cause error) error {
	if err := s.ledger.Write(context.WithoutCancel(ctx), func(tx *ledger.Tx) error { return tx.AttachInvite(claim, "", 0) }); err != nil {
		return err
	}
	return cause
}

func notPending(i *identity.Invite) error {
	return &identity.Error{
		Code: identity.CodeInviteNotPending, InviteID: i.ID,
		Detail: "The invite is " + string(i.State) + ".",
	}
}
