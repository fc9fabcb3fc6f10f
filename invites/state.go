package invites

import (
	"fmt"
	"slices"

	"usher/identity"
	"usher/ledger"
)

// moves lists where an invite may go from each state. The vendor's truth wins
// also late: expired, revoked and failed rows reopen when the vendor shows
// that the invitation lives or that the invitee joined. A row of a batch that
// was refused for a reason that passes is queued again.
func moves(from identity.State) []identity.State {
	const (
		queued    = identity.StateQueued
		sending   = identity.StateSending
		pending   = identity.StatePending
		uncertain = identity.StateUncertain
		failed    = identity.StateFailed
		accepted  = identity.StateAccepted
		declined  = identity.StateDeclined
		expired   = identity.StateExpired
		revoked   = identity.StateRevoked
	)
	switch from {
	case queued:
		return []identity.State{sending, failed, revoked}
	case sending:
		return []identity.State{queued, pending, uncertain, failed, accepted, expired, revoked}
	case pending:
		return []identity.State{sending, uncertain, accepted, declined, expired, revoked}
	case uncertain:
		return []identity.State{sending, pending, failed, accepted, declined, expired, revoked}
	case failed:
		return []identity.State{queued, sending, pending, accepted}
	case expired:
		return []identity.State{sending, pending, accepted}
	case revoked:
		return []identity.State{pending, accepted}
	default: // accepted and declined are final
		return nil
	}
}

// move changes an invite's state in a transaction and writes its history.
func move(tx *ledger.Tx, i *identity.Invite, to identity.State, reason string, by identity.Actor) error {
	return moveBy(tx, i, to, reason, by, tx.UpdateInvite)
}

// conclude is move for who gives up the lease with it.
func conclude(tx *ledger.Tx, i *identity.Invite, to identity.State, reason string, by identity.Actor) error {
	return moveBy(tx, i, to, reason, by, tx.Conclude)
}

func moveBy(tx *ledger.Tx, i *identity.Invite, to identity.State, reason string, by identity.Actor, write func(*identity.Invite) error) error {
	if !slices.Contains(moves(i.State), to) {
		return fmt.Errorf("invites: %s cannot go from %s to %s", i.ID, i.State, to)
	}
	if i.StateReason == identity.ReasonRevokeUnknown { // it is known now
		if err := tx.UndoStep(i.ID, i.Attempt, stepRevoke); err != nil {
			return err
		}
	}
	i.State, i.StateReason = to, reason
	now := tx.Now()
	if to == identity.StateAccepted && i.AcceptedAt == nil {
		i.AcceptedAt = &now
	}
	if err := write(i); err != nil {
		return err
	}
	return tx.AppendEvent(i.ID, identity.InviteEvent{At: now, State: to, Reason: reason, Actor: by})
}
