package invites

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"time"

	"usher/identity"
	"usher/ledger"
	"usher/providers"
)

// LandingStatus is what an invitee finds behind a link.
type LandingStatus string

// The statuses of a landing.
const (
	LandingReady    LandingStatus = "ready" // waiting to be accepted
	LandingAccepted LandingStatus = "accepted"
	LandingExpired  LandingStatus = "expired" // or followed by a later mail
	LandingRevoked  LandingStatus = "revoked"
)

// Landing is where a link leads to.
type Landing struct {
	Status LandingStatus
	// Page is the application's page for invitees of this connection; empty:
	// it has none.
	Page         string
	Organization *identity.Organization
	Invite       *identity.Invite
}

// Acceptance is what an invitee got by accepting.
type Acceptance struct {
	Invite       *identity.Invite
	Organization *identity.Organization
}

// maxLinkSecret bounds what is looked up as the secret of a link.
const maxLinkSecret = 128

// newLink makes a link for an attempt to send an invite and records the hash of
// its secret. What follows makes that durable, before anybody is given the link.
func (s *Service) newLink(ctx context.Context, i *identity.Invite) (string, error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	secret := base64.RawURLEncoding.EncodeToString(random)
	err := s.ledger.WriteAhead(ctx, func(tx *ledger.Tx) error { return tx.InsertLink(secret, i.ID, i.Attempt, i.Roles) })
	return s.options.Links + url.PathEscape(secret), err
}

// Landing tells what the secret of a link leads to. It changes nothing. Codes:
// not_found.
func (s *Service) Landing(ctx context.Context, secret string) (*Landing, error) {
	if !plausibleSecret(secret) {
		return nil, noLink()
	}
	link, err := s.ledger.Link(ctx, secret)
	if isCode(err, identity.CodeNotFound) {
		return nil, noLink()
	}
	if err != nil {
		return nil, err
	}
	i, err := s.ledger.Invite(ctx, link.OrganizationID, link.InviteID)
	if err != nil {
		return nil, err
	}
	org, err := s.ledger.Organization(ctx, i.OrganizationID)
	if err != nil {
		return nil, err
	}
	c, err := s.connectionOf(org)
	if err != nil {
		return nil, err
	}
	l := &Landing{Status: LandingReady, Page: c.AcceptURL, Organization: org, Invite: i}
	switch i.State {
	case identity.StateAccepted:
		l.Status = LandingAccepted
	case identity.StateRevoked, identity.StateDeclined, identity.StateFailed:
		l.Status = LandingRevoked
	case identity.StateExpired:
		l.Status = LandingExpired
	default:
		if linkOver(i, link, c.Client.Fields().Life, s.ledger.Now()) {
			l.Status = LandingExpired
		}
	}
	return l, nil
}

// Accept makes the invitee a member, in the name of whoever holds the secret of
// the invite's link. That it is open and not past its expiry is checked in the
// transaction that takes it up. Done once, it is over: the link is used.
//
// Codes: not_found (there is no such link), invite_expired, invite_not_pending,
// conflict (somebody works on it), unsupported_by_provider and the provider_
// ones, after which the link can be used again.
func (s *Service) Accept(ctx context.Context, secret string) (*Acceptance, error) {
	if !plausibleSecret(secret) {
		return nil, noLink()
	}
	ctx = context.WithoutCancel(ctx)
	i, link, org, err := s.takeUp(ctx, secret)
	if err != nil {
		return nil, err
	}
	defer s.busy.begin(i.ID)()
	c := s.connections[org.Connection] // takeUp fails without it
	request, j, err := s.acceptRequest(ctx, org, i, link)
	if err != nil {
		return nil, s.release(ctx, i, err)
	}
	_, err = c.Client.Accept(ctx, request)
	switch {
	case err == nil, isCode(err, identity.CodeAlreadyMember):
		return s.accepted(ctx, org, i, j)
	case isCode(err, identity.CodeInviteExpired):
		return nil, s.endAccept(ctx, i, j, identity.StateExpired, "", expired(i))
	case isCode(err, identity.CodeNotFound):
		return s.acceptGone(ctx, c, org, i, j, err)
	default:
		return nil, s.freed(ctx, i, j, err)
	}
}

// takeUp checks that the invite behind a link can be accepted now, and leases
// it, in one transaction.
func (s *Service) takeUp(ctx context.Context, secret string) (i *identity.Invite, link *ledger.Link, org *identity.Organization, err error) {
	var refused error
	err = s.ledger.Write(ctx, func(tx *ledger.Tx) error {
		if link, err = tx.Link(secret); err != nil {
			return err
		}
		if i, err = tx.Invite(link.OrganizationID, link.InviteID); err != nil {
			return err
		}
		if org, err = tx.Organization(link.OrganizationID); err != nil {
			return err
		}
		c, err := s.connectionOf(org)
		if err != nil {
			return err
		}
		closed, err := tx.CloseExpired(i.OrganizationID, i.EmailKey)
		if err != nil {
			return err
		}
		if len(closed) > 0 {
			if i, err = tx.Invite(link.OrganizationID, link.InviteID); err != nil {
				return err
			}
		}
		if refused = refuseLink(i, link, c.Client.Fields().Life, tx.Now()); refused != nil {
			return nil // what has expired stays recorded as such
		}
		return tx.Lease(i.ID, s.lease)
	})
	switch {
	case isCode(err, identity.CodeNotFound):
		return nil, nil, nil, noLink()
	case err == nil:
		err = refused
	}
	return i, link, org, err
}

// refuseLink says why the invite of a link cannot be accepted, if so. life is how
// long an invitation of the connection lives.
func refuseLink(i *identity.Invite, link *ledger.Link, life time.Duration, now time.Time) error {
	switch i.State {
	case identity.StateExpired:
		return expired(i)
	case identity.StatePending, identity.StateUncertain, identity.StateSending:
		if linkOver(i, link, life, now) {
			return expired(i)
		}
		return nil
	default:
		return notPending(i)
	}
}

func (s *Service) acceptRequest(ctx context.Context, org *identity.Organization, i *identity.Invite, link *ledger.Link) (providers.AcceptRequest, *journal, error) {
	address, err := identity.ParseEmail(i.Email)
	if err != nil {
		return providers.AcceptRequest{}, nil, err
	}
	j, err := s.openJournal(ctx, i)
	r := providers.AcceptRequest{InviteRequest: s.inviteRequest(org, i, address, j), ProviderID: i.ProviderID}
	r.Roles = link.Roles
	return r, j, err
}

// accepted records the membership. A comparison with the vendor may have seen
// it before.
func (s *Service) accepted(ctx context.Context, org *identity.Organization, i *identity.Invite, j *journal) (*Acceptance, error) {
	err := s.persist(ctx, s.ledger.Persist, i, func(tx *ledger.Tx, row *identity.Invite) error {
		now, err := tx.Invite(row.OrganizationID, row.ID)
		if err != nil {
			return err
		}
		*row = *now
		if err := j.flush(tx); err != nil {
			return err
		}
		if row.State == identity.StateAccepted {
			return tx.Unlease(row.ID)
		}
		return conclude(tx, row, identity.StateAccepted, "", identity.Actor{})
	})
	if err != nil {
		return nil, about(err, i.ID)
	}
	return &Acceptance{Invite: i, Organization: org}, nil
}

// acceptGone handles an invitation that the vendor does not have any more: its
// owner joined by another way, or it was withdrawn there.
func (s *Service) acceptGone(ctx context.Context, c *Connection, org *identity.Organization, i *identity.Invite, j *journal, cause error) (*Acceptance, error) {
	ref, err := inviteRef(org, i)
	if err != nil {
		return nil, s.freed(ctx, i, j, cause)
	}
	joined, err := s.joined(ctx, c, ref)
	switch {
	case err != nil:
		return nil, s.freed(ctx, i, j, err)
	case joined:
		return s.accepted(ctx, org, i, j)
	}
	err = s.endAccept(ctx, i, j, identity.StateRevoked, identity.ReasonGoneAtProvider, nil)
	if err == nil {
		err = notPending(i)
	}
	return nil, err
}

// endAccept ends an invite that cannot be accepted and returns cause.
func (s *Service) endAccept(ctx context.Context, i *identity.Invite, j *journal, to identity.State, reason string, cause error) error {
	err := s.persist(ctx, s.ledger.Persist, i, func(tx *ledger.Tx, row *identity.Invite) error {
		if err := j.flush(tx); err != nil {
			return err
		}
		return conclude(tx, row, to, reason, identity.Actor{})
	})
	if err != nil {
		return about(err, i.ID)
	}
	return cause
}

// freed gives an invite back that could not be accepted now.
func (s *Service) freed(ctx context.Context, i *identity.Invite, j *journal, cause error) error {
	err := s.persist(ctx, s.ledger.Persist, i, func(tx *ledger.Tx, row *identity.Invite) error {
		if err := j.flush(tx); err != nil {
			return err
		}
		return tx.Unlease(row.ID)
	})
	if err != nil {
		return about(errors.Join(err, cause), i.ID)
	}
	return about(cause, i.ID)
}

// linkOver reports that the link of a living invite is not good any more. What the
// invite says of its expiry is about the last sending that is known of; a link of
// one that may have happened since lives for as long as that would have let it.
func linkOver(i *identity.Invite, link *ledger.Link, life time.Duration, now time.Time) bool {
	unknown := i.State != identity.StatePending && i.StateReason != identity.ReasonRevokeUnknown && link.Attempt == i.Attempt
	asked := i.SentAt == nil && i.ExpiresAt != nil
	if unknown && !asked && life > 0 {
		return link.Superseded || !link.CreatedAt.Add(life).After(now)
	}
	return link.Superseded || pastExpiry(i, now)
}

// pastExpiry reports that an invite has outlived its expiry, whoever works on it.
func pastExpiry(i *identity.Invite, now time.Time) bool {
	return i.ExpiresAt != nil && !i.ExpiresAt.After(now)
}

func plausibleSecret(secret string) bool {
	return secret != "" && len(secret) <= maxLinkSecret && !strings.ContainsFunc(secret, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

func noLink() error {
	return identity.Errorf(identity.CodeNotFound, "There is no invitation behind this link.")
}

func expired(i *identity.Invite) error {
	return &identity.Error{Code: identity.CodeInviteExpired, InviteID: i.ID, Detail: "The invitation has expired, or a later mail has taken its place."}
}
