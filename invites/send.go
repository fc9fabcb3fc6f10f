package invites

import (
	"context"
	"errors"
	"time"

	"usher/identity"
	"usher/internal/redact"
	"usher/ledger"
	"usher/providers"
)

// Send invites one address. On success the vendor has taken the invitation.
//
// Codes: invalid_request, unknown_role, role_not_grantable, not_carried,
// email_not_deliverable, invite_pending (with the id of the living invite),
// already_member, quota_exceeded, rate_limited (the mail budget), conflict and
// the provider_ ones.
// provider_timeout carries the invite's id and means that it is uncertain;
// after any other error nothing was sent.
func (s *Service) Send(ctx context.Context, by Caller, org *identity.Organization, r SendRequest) (*identity.Invite, error) {
	c, err := s.connectionOf(org)
	if err != nil {
		return nil, err
	}
	ctx = providers.WithCaller(ctx, by.Credential)
	if r.Claim != nil && r.Claim.InviteID != "" {
		return s.reattach(ctx, c, by, org, r.Claim)
	}
	i, address, err := s.validate(c, by, r)
	if err != nil {
		return nil, err
	}
	i.OrganizationID, i.Connection = org.ID, org.Connection
	if err := c.Client.Check(s.inviteRequest(org, i, address, nil)); err != nil {
		return nil, err
	}
	id := identity.NewID(identity.PrefixInvite)
	defer s.busy.begin(id)()
	i.ID, i.State = id, identity.StateSending
	// The first step that is begun makes this durable, and no sooner is there
	// anything at the vendor.
	err = s.ledger.WriteAhead(ctx, func(tx *ledger.Tx) error {
		if _, err := tx.CloseExpired(org.ID, i.EmailKey); err != nil {
			return err
		}
		if err := s.withinMailBudget(tx, org.ID, i.EmailKey); err != nil {
			return err
		}
		if err := tx.InsertLeased(i, s.lease); err != nil {
			return err
		}
		if err := tx.AppendEvent(i.ID, identity.InviteEvent{State: i.State, Actor: by.Actor}); err != nil {
			return err
		}
		return tx.AttachInvite(r.Claim, i.ID, i.Attempt)
	})
	if err != nil {
		return nil, pendingText(err)
	}
	sent, err := s.deliver(ctx, c, org, i, ending{refused: fail, claim: r.Claim, fresh: true})
	if err != nil {
		return nil, s.unlessLost(ctx, org, id, err)
	}
	return sent, nil
}

// unlessLost returns why a sending did not succeed: cause, unless the invite that was
// written ahead of its first step is not there. Then nothing was begun at the vendor.
func (s *Service) unlessLost(ctx context.Context, org *identity.Organization, id string, cause error) error {
	if code := identity.CodeOf(cause); code != identity.CodeInternal && code != identity.CodeNotFound {
		return cause
	}
	_, err := s.ledger.Invite(ctx, org.ID, id)
	if lost := s.ledger.LostAhead(); lost != nil && err != nil {
		return lost
	}
	return cause
}

// withinMailBudget refuses a sending to an address that has been mailed often
// enough lately.
func (s *Service) withinMailBudget(tx *ledger.Tx, org, emailKey string) error {
	if s.options.Mails <= 0 {
		return nil
	}
	mailed, err := tx.Mailed(org, emailKey, tx.Now().Add(-s.options.MailWindow))
	if err != nil || len(mailed) < s.options.Mails {
		return err
	}
	free := mailed[len(mailed)-s.options.Mails].Add(s.options.MailWindow)
	return &identity.Error{
		Code: identity.CodeRateLimited, RetryAfter: max(free.Sub(tx.Now()), time.Second),
		Detail: "The address was mailed often enough for now.",
	}
}

// pendingText gives the refusal of a second living invite its words.
func pendingText(err error) error {
	var known *identity.Error
	if errors.As(err, &known) && known.Code == identity.CodeInvitePending {
		return &identity.Error{
			Code: identity.CodeInvitePending, InviteID: known.InviteID, Err: err,
			Detail: "The address has a living invite to this organization already.",
		}
	}
	return err
}

// reattach answers a repeated request whose first try began a sending. It never
// sends anew unless the ledger says that nothing of that sending happened. What
// somebody else has asked for since is not the request's: then the invite is
// answered as it stands.
func (s *Service) reattach(ctx context.Context, c *Connection, by Caller, org *identity.Organization, claim *ledger.Claim) (*identity.Invite, error) {
	for {
		i, err := s.settled(ctx, c, org, claim.InviteID)
		switch {
		case err != nil:
			return nil, err
		case i.Attempt != claim.Attempt:
			return i, nil
		case i.State != identity.StateFailed && !notResent(i):
			return i, nil
		}
		if err := checkGrantable(c, by, grantedBy(c, i)); err != nil {
			return nil, err
		}
		repeat := s.sendAgain
		if notResent(i) {
			repeat = s.resendAgain
		}
		if sent, overtaken, err := repeat(ctx, c, by, org, claim); !overtaken {
			return sent, err
		}
	}
}

// resendAgain makes another attempt at a resend that did not happen. overtaken
// reports that somebody else was faster.
func (s *Service) resendAgain(ctx context.Context, c *Connection, by Caller, org *identity.Organization, claim *ledger.Claim) (i *identity.Invite, overtaken bool, err error) {
	anew := *claim
	i, err = s.resend(ctx, c, by, org, claim.InviteID, &anew, claim.Attempt)
	return i, errors.Is(err, errOvertaken), err
}

// sendAgain takes up a failed sending under the key that began it. overtaken
// reports that somebody else was faster.
func (s *Service) sendAgain(ctx context.Context, c *Connection, by Caller, org *identity.Organization, claim *ledger.Claim) (i *identity.Invite, overtaken bool, err error) {
	defer s.busy.begin(claim.InviteID)()
	err = s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		if i, err = tx.Invite(org.ID, claim.InviteID); err != nil {
			return err
		}
		if overtaken = i.State != identity.StateFailed || i.Attempt != claim.Attempt; overtaken {
			return nil
		}
		if _, err := tx.CloseExpired(org.ID, i.EmailKey); err != nil {
			return err
		}
		if err := s.withinMailBudget(tx, org.ID, i.EmailKey); err != nil {
			return err
		}
		if err := tx.Lease(i.ID, s.lease); err != nil {
			return err
		}
		return move(tx, i, identity.StateSending, "", by.Actor)
	})
	if err != nil || overtaken {
		return nil, overtaken, pendingText(err)
	}
	i, err = s.deliver(ctx, c, org, i, ending{refused: fail, claim: claim})
	return i, false, err
}

// settled returns an invite once it is neither being sent nor uncertain,
// waiting for whoever in this process works on it. If that cannot be had in
// time: provider_timeout with the invite's id.
func (s *Service) settled(ctx context.Context, c *Connection, org *identity.Organization, id string) (*identity.Invite, error) {
	wait, cancel := context.WithTimeout(ctx, s.options.SettleTimeout)
	defer cancel()
	for {
		if err := s.busy.wait(wait, id); err != nil {
			return nil, stillUncertain(id, err)
		}
		i, err := s.ledger.Invite(ctx, org.ID, id)
		if err != nil {
			return nil, err
		}
		if i.State == identity.StateUncertain {
			if i, _, err = s.settle(ctx, c, org, i, mayGoOn, nil); err != nil {
				return nil, stillUncertain(id, err)
			}
		}
		if i.State != identity.StateUncertain && i.State != identity.StateSending {
			return i, nil
		}
		if !s.busy.working(id) {
			return nil, stillUncertain(id, nil)
		}
	}
}

func stillUncertain(id string, cause error) error {
	return &identity.Error{
		Code: identity.CodeProviderTimeout, InviteID: id, Unknown: true, Err: cause,
		Detail: "The identity provider has not confirmed the invitation. It is not repeated before the provider shows that it did not happen.",
	}
}

// ending says what becomes of an invite whose sending did not succeed.
type ending struct {
	// refused gives the state and reason after a definite refusal. untouched:
	// nothing of this attempt has reached the vendor.
	refused func(cause error, untouched bool) (identity.State, string)
	// later leaves a sending whose answer was lost to the settler, to go on
	// with; otherwise the vendor is asked at once.
	later bool
	// claim is of the key that the request came with, nil for none. Its end is
	// recorded after the outcome, and makes that durable.
	claim *ledger.Claim
	// fresh: the invite has just been recorded, so no step of it has.
	fresh bool
}

// fail: a send that was refused has failed, for the reason the code says.
func fail(cause error, _ bool) (identity.State, string) {
	return identity.StateFailed, string(identity.CodeOf(cause))
}

// deliver hands a leased invite in state sending to the vendor and records
// what became of it.
func (s *Service) deliver(ctx context.Context, c *Connection, org *identity.Organization, i *identity.Invite, end ending) (*identity.Invite, error) {
	address, err := identity.ParseEmail(i.Email)
	if err != nil {
		return nil, s.record(ctx, i, nil, identity.StateFailed, string(identity.CodeInvalidRequest), err)
	}
	j := s.newJournal(i)
	if !end.fresh {
		err = j.read(ctx)
	}
	if err != nil {
		return nil, s.record(ctx, i, nil, identity.StateUncertain, string(identity.CodeInternal), err)
	}
	request := s.inviteRequest(org, i, address, j)
	if c.Client.Has(providers.CapAccept) {
		if request.Link, err = s.newLink(ctx, i); err != nil {
			state, reason := end.refused(err, j.untouched())
			return nil, s.record(ctx, i, nil, state, reason, err)
		}
	}
	var sent *providers.Sent
	switch {
	case overdue(i, s.ledger.Now()):
		err = errOverdue()
	case i.Attempt == 1:
		sent, err = c.Client.Invite(s.whileAlive(ctx), request)
	default:
		sent, err = c.Client.Resend(s.whileAlive(ctx), providers.ResendRequest{InviteRequest: request, ProviderID: i.ProviderID})
	}
	var failure *identity.Error
	switch {
	case err == nil:
		write := s.ledger.Persist
		if end.claim != nil {
			write = s.ledger.PersistAhead
		}
		return i, s.recordSent(ctx, write, i, j, sent, identity.StatePending, "")
	case errors.As(err, &failure) && failure.Unknown && end.later:
		return nil, s.record(ctx, i, j, identity.StateUncertain, identity.ReasonInterrupted, failure)
	case errors.As(err, &failure) && failure.Unknown:
		return s.afterUnknown(ctx, c, org, i, j, failure)
	case isCode(err, identity.CodeInvitePending):
		return nil, s.adoptOwn(ctx, c, org, i, j, err)
	default:
		state, reason := end.refused(err, j.untouched())
		return nil, s.record(ctx, i, j, state, reason, err)
	}
}

// overdue reports that an invite was to expire before now and has not been sent: who
// gets it now could not accept it any more.
func overdue(i *identity.Invite, now time.Time) bool { return i.SentAt == nil && pastExpiry(i, now) }

func errOverdue() error {
	return invalid("/expires_at", "The expiry has passed before the invitation could be sent.")
}

// afterUnknown settles a send whose answer was lost: it is recorded as
// uncertain first, and the vendor is asked at once.
func (s *Service) afterUnknown(ctx context.Context, c *Connection, org *identity.Organization, i *identity.Invite, j *journal, cause *identity.Error) (*identity.Invite, error) {
	err := s.persist(ctx, s.ledger.Persist, i, func(tx *ledger.Tx, row *identity.Invite) error {
		if err := j.flush(tx); err != nil {
			return err
		}
		return conclude(tx, row, identity.StateUncertain, string(cause.Code), identity.Actor{})
	})
	if err != nil {
		return nil, overtaken(err, i.ID)
	}
	settled, _, err := s.settle(context.WithoutCancel(ctx), c, org, i, askOnly, nil)
	if err != nil {
		return nil, stillUncertain(i.ID, cause)
	}
	*i = *settled
	switch {
	case i.State == identity.StateUncertain || i.State == identity.StateSending:
		return nil, stillUncertain(i.ID, cause)
	case i.State == identity.StateFailed || notResent(i):
		definite := *cause
		definite.Unknown, definite.InviteID = false, i.ID
		return nil, &definite
	default:
		return i, nil
	}
}

// notResent reports that the invite stands as it did before a resend that did
// not happen: the reason is then why not.
func notResent(i *identity.Invite) bool {
	switch i.StateReason {
	case "", identity.ReasonAdopted:
		return false
	default:
		return i.State == identity.StatePending || i.State == identity.StateExpired
	}
}

// record ends an operation on a leased invite with a state and returns the
// operation's error, now naming the invite.
func (s *Service) record(ctx context.Context, i *identity.Invite, j *journal, to identity.State, reason string, cause error) error {
	err := s.persist(ctx, s.ledger.Persist, i, func(tx *ledger.Tx, row *identity.Invite) error {
		if err := j.flush(tx); err != nil {
			return err
		}
		return conclude(tx, row, to, reason, identity.Actor{})
	})
	if err != nil {
		s.log.ErrorContext(ctx, "the outcome of an invite could not be recorded", "invite", i.ID, "state", to, "error", redact.Text(err.Error()))
	}
	if isCode(err, identity.CodeConflict) {
		return overtaken(err, i.ID)
	}
	return about(cause, i.ID)
}

// recordSent ends an operation on a leased invite that reached the vendor.
func (s *Service) recordSent(ctx context.Context, write write, i *identity.Invite, j *journal, sent *providers.Sent, to identity.State, reason string) error {
	err := s.persist(ctx, write, i, func(tx *ledger.Tx, row *identity.Invite) error {
		if err := j.flush(tx); err != nil {
			return err
		}
		if row.Attempt > 1 {
			if err := tx.SupersedeLinks(row.ID, row.Attempt); err != nil {
				return err
			}
		}
		applySent(row, sent, tx.Now())
		return conclude(tx, row, to, reason, identity.Actor{})
	})
	if err != nil {
		return overtaken(err, i.ID)
	}
	return nil
}

// applySent copies what the vendor told about a sending.
func applySent(i *identity.Invite, sent *providers.Sent, now time.Time) {
	if sent == nil {
		return
	}
	i.ProviderID, i.ExpiresAt, i.Reference = sent.ProviderID, sent.ExpiresAt, sent.Reference
	i.SentAt, i.SyncedAt = &now, &now
	if sent.NotCarried != nil {
		i.NotCarried = sent.NotCarried
	}
}

// inviteRequest is an invite as an adapter sees it.
func (s *Service) inviteRequest(org *identity.Organization, i *identity.Invite, a identity.Address, j *journal) providers.InviteRequest {
	r := providers.InviteRequest{
		InviteID: i.ID, Org: org.Ref(), Address: a, EmailKey: i.EmailKey, Roles: i.Roles,
		GivenName: i.GivenName, FamilyName: i.FamilyName, Locale: i.Locale, Message: i.Message,
		RedirectURL: i.RedirectURL, Metadata: i.Metadata, Notify: i.Notify,
		Inviter: i.Inviter, Organization: org.Name, Attempt: i.Attempt, Reference: i.Reference,
	}
	if j != nil {
		r.Journal = j
	}
	if i.SentAt == nil {
		r.ExpiresAt = i.ExpiresAt
	}
	return r
}

// inviteRef names an invite towards an adapter.
func inviteRef(org *identity.Organization, i *identity.Invite) (providers.InviteRef, error) {
	address, err := identity.ParseEmail(i.Email)
	if err != nil {
		return providers.InviteRef{}, err
	}
	return providers.InviteRef{
		InviteID: i.ID, Org: org.Ref(), ProviderID: i.ProviderID, Address: address,
		EmailKey: i.EmailKey, Reference: i.Reference,
	}, nil
}
