package providers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"usher/identity"
	"usher/internal/quota"
	"usher/internal/redact"
)

// BulkInviter sends several invitations of one organization in one call of the
// vendor. Each is an invitation as Invite would send it: it carries the same,
// its steps have the same names, and after a crash or a lost answer it is one
// for Settle, and for Invite to go on with.
//
// What the vendor would refuse is looked for beforehand where that is cheap, by
// one look for all rows, so that one of them does not cost the others their
// turn. A vendor whose refusal of a call may leave some of its rows done is
// asked which, before any of them counts as untried.
type BulkInviter interface {
	// InviteMany returns one outcome for each row, in their order. An error is
	// about the call: why rows were left untried. Who does not know what became
	// of a row says so in its outcome. An error with nil outcomes is about all
	// rows; if the vendor may have acted (see Uncertainer), each of them has it.
	InviteMany(ctx context.Context, r BulkRequest) ([]BulkOutcome, error)
}

// BulkRequest is what InviteMany sends.
type BulkRequest struct {
	Org identity.OrgRef
	// Invites are its rows: all of Org, each of another address, and none of
	// which anything is begun in this attempt. Their own journals are not used.
	Invites []InviteRequest
	Journal BulkJournal
}

// BulkJournal is the Journal of several attempts at once, which are named by
// their places in BulkRequest.Invites. What Journal says of Begin, Done and Undo
// holds here, and Begin and Undo are one record: for all of them or none.
type BulkJournal interface {
	Begin(ctx context.Context, name string, n []int) error
	Done(ctx context.Context, name string, n int, result map[string]string) error
	Undo(ctx context.Context, name string, n []int) error
}

// BulkOutcome is what became of one row: it was sent, or it has an error with
// the codes and the meaning of Invite's. With neither it was not tried: nothing
// of it happened and nothing of it is begun.
type BulkOutcome struct {
	Sent *Sent
	Err  error
}

// Untried reports that the vendor was not given the row, or refused it on
// account of others.
func (o BulkOutcome) Untried() bool { return o.Sent == nil && o.Err == nil }

// Singly reports what to do with the rows that InviteMany left untried, by the
// error that it came back with: true, to send each by itself, because the vendor
// refuses one that it does not name, or takes no bulk calls now. False: to send
// them together again: at once without an error, since those that stood in the
// way have theirs; else later, when the vendor is up or has room.
func Singly(err error) bool {
	switch identity.CodeOf(err) {
	case "", identity.CodeProviderRateLimited, identity.CodeProviderUnavailable, identity.CodeProviderTimeout,
		identity.CodeProviderCredentials, identity.CodeInternal:
		return false
	default:
		return true
	}
}

// Pacer tells the pace at which the vendor lets the connection send.
type Pacer interface {
	// Pace returns that of the call that sends one invitation, or several.
	Pace(bulk bool) quota.Pace
}

// Pace returns how many invitations, or with bulk how many InviteMany, the
// vendor lets all organizations together send in any span of a length; no calls:
// no such limit is known. Look-ups that a sending needs besides are reckoned in where
// they count in the same.
func (c *Client) Pace(bulk bool) (calls int, window time.Duration) {
	limit := c.pace(bulk).Limit()
	return limit.Calls, limit.Window
}

// Wait returns how long it is until the vendor has room for such a call; 0: now.
// A call that comes earlier waits for its turn, or is refused with
// provider_rate_limited and not sent.
func (c *Client) Wait(ctx context.Context, bulk bool) (time.Duration, error) {
	wait, err := c.pace(bulk).Wait(ctx)
	if err != nil {
		return 0, &identity.Error{Code: identity.CodeInternal, Op: "ask for room", Connection: c.name, Err: err}
	}
	return wait, nil
}

func (c *Client) pace(bulk bool) quota.Pace {
	if c.pacer == nil || bulk && !c.Has(CapInviteMany) {
		return quota.Pace{}
	}
	return c.pacer.Pace(bulk)
}

// InviteMany sends several invitations in one call; see BulkInviter. There is
// always one outcome for each row. An error is about the rows that were left
// untried, and says by Singly what to do with them.
func (c *Client) InviteMany(ctx context.Context, r BulkRequest) ([]BulkOutcome, error) {
	none := make([]BulkOutcome, len(r.Invites))
	if !c.Has(CapInviteMany) {
		return none, c.unsupported(opInviteMany)
	}
	if err := c.checkMany(r); err != nil {
		return none, &identity.Error{Code: identity.CodeInternal, Op: opInviteMany, Connection: c.name, Err: err}
	}
	outcomes := none
	_, err := call(ctx, c, r.Org, opInviteMany, true, func(ctx context.Context) (struct{}, error) {
		got, err := c.bulkInviter.InviteMany(ctx, r)
		switch {
		case len(got) == len(none):
			outcomes = got
		case got != nil || err == nil:
			err = fmt.Errorf("%d outcomes for %d rows", len(got), len(none))
		}
		return struct{}{}, err
	})
	return c.settledMany(ctx, r, outcomes, err)
}

const opInviteMany = "invite many"

// checkMany refuses what no caller should ask for.
func (c *Client) checkMany(r BulkRequest) error {
	if n := len(r.Invites); n == 0 || n > c.description.Fields.Bulk {
		return fmt.Errorf("%d invitations in a call that takes 1 to %d", n, c.description.Fields.Bulk)
	}
	seen := map[string]bool{}
	for n, invite := range r.Invites {
		switch {
		case invite.Org != r.Org:
			return fmt.Errorf("invitation %d is of another organization", n)
		case seen[invite.EmailKey]:
			return fmt.Errorf("invitation %d is of the same address as one before", n)
		}
		seen[invite.EmailKey] = true
	}
	return nil
}

// settledMany wraps the errors of the rows. Where the vendor may have acted and
// a row does not say what became of it, nobody knows.
func (c *Client) settledMany(ctx context.Context, r BulkRequest, outcomes []BulkOutcome, err error) ([]BulkOutcome, error) {
	var known *identity.Error
	unknown := errors.As(err, &known) && known.Unknown
	settled := make([]BulkOutcome, len(outcomes))
	for n, o := range outcomes {
		switch {
		case o.Err != nil:
			settled[n].Err = c.wrap(opInviteMany, o.Err, true)
			c.log.LogAttrs(ctx, level(settled[n].Err), "an invitation of several was not sent",
				slog.String("connection", c.name), slog.String("invite", r.Invites[n].InviteID),
				slog.String("error", redact.Text(settled[n].Err.Error())))
		case o.Sent == nil && unknown:
			settled[n].Err = err
		default:
			settled[n] = o
		}
	}
	return settled, err
}
