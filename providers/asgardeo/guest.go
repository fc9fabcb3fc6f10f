package asgardeo

import (
	"context"
	"errors"
	"slices"
	"time"

	"usher/providers"
	"usher/providers/asgardeo/internal"
)

// invite sends the guest invitation, unless this attempt has done so already.
func (s *sending) invite(ctx context.Context, roles []string) (*providers.Sent, error) {
	before := s.request.Journal.Step(stepInvite)
	if before.Begun {
		row, joined, err := s.became(ctx)
		if err != nil && !before.Done {
			return nil, err
		}
		if before.Done {
			return s.sent(row), nil
		}
		if row != nil || joined {
			return s.sent(row), s.request.Journal.Done(ctx, stepInvite, nil)
		}
	}
	err := s.step(ctx, stepInvite, func() (map[string]string, error) {
		err := s.inviteGuest(ctx, roles)
		e := internal.AsAPIError(err)
		if before.Begun && e != nil && slices.Contains(
			[]string{internal.CodeAlreadyInvited, internal.CodeSeveralInvites, internal.CodeAlreadyMember}, e.Code) {
			// The call that was begun before and lost arrives only now.
			return nil, nil
		}
		return nil, err
	})
	if e := internal.AsAPIError(err); e != nil && e.Code == internal.CodeUnknownUser {
		return nil, s.forgetAccount(ctx, err)
	}
	if err != nil {
		return nil, err
	}
	return s.sent(s.learn(ctx)), nil
}

// became asks what became of a guest invitation that was begun: its row if it
// is pending, or that the person has joined.
func (s *sending) became(ctx context.Context) (row *internal.Invitation, joined bool, err error) {
	names := []string{s.account.username}
	if row, err = s.pending(ctx, s.request.Org, "", names); err != nil || row != nil {
		return row, false, err
	}
	member, err := s.member(ctx, s.request.Org, s.account.username)
	return nil, member != nil, err
}

// inviteGuest makes the call. What the vendor definitely refused, because it
// has not caught up with itself or because role ids have changed, is tried
// again; nothing else is.
func (s *sending) inviteGuest(ctx context.Context, roles []string) error {
	body := internal.GuestInvite{
		Usernames: []string{s.account.username}, UserDomain: s.account.domain, Roles: roles,
		Properties: []internal.Property{{Key: "manageNotificationsInternally", Value: "true"}},
	}
	thing := "account " + s.request.Org.ProviderID + " " + s.account.username
	err := s.lag.retry(ctx, thing, func() (bool, error) {
		err := s.within(ctx, s.request.Org, scopeInvite, func(t *token) error {
			return s.client.InviteGuest(ctx, t.value, body)
		})
		e := internal.AsAPIError(err)
		return e != nil && e.Code == internal.CodeUnknownUser, err
	})
	if e := internal.AsAPIError(err); e == nil || e.Code != internal.CodeUnknownRole || len(s.request.Roles) == 0 {
		return err
	}
	s.dropRoles(ctx, s.request.Org)
	now, unknown := s.roleIDs(ctx, s.request.Org, s.request.Roles)
	if unknown != nil {
		return unknown
	}
	if slices.Equal(now, roles) {
		return err
	}
	body.Roles = now
	return s.within(ctx, s.request.Org, scopeInvite, func(t *token) error {
		return s.client.InviteGuest(ctx, t.value, body)
	})
}

// forgetAccount takes back what the journal knows about an account that the
// vendor does not: the next try looks for it again.
func (s *sending) forgetAccount(ctx context.Context, cause error) error {
	if !s.request.Journal.Step(stepCreate).Begun {
		return cause
	}
	if err := s.request.Journal.Undo(ctx, stepCreate); err != nil {
		return err
	}
	return cause
}

// learn returns the row of an invitation just sent where it could not be found
// again by the address alone, and nil where it can: a list costs the rate
// limit, so ids are usually learnt with the next listing.
func (s *sending) learn(ctx context.Context) *internal.Invitation {
	if s.same(s.account.username, s.address) && s.same(s.account.email, s.address) {
		return nil
	}
	row, err := s.pending(ctx, s.request.Org, "", []string{s.account.username})
	if err != nil {
		return nil
	}
	return row
}

// sent is the answer for an invitation. row is nil if it was not listed.
func (s *sending) sent(row *internal.Invitation) *providers.Sent {
	expires := s.deps.Now().Add(s.settings.inviteLife)
	sent := &providers.Sent{ExpiresAt: &expires, Reference: s.reference(), NotCarried: s.notCarried()}
	if row != nil {
		sent.ProviderID = row.ID
		if at := s.expiry(row); at != nil {
			sent.ExpiresAt = at
		}
	}
	return sent
}

// mayHaveActed reads an error. One that does not say may have.
func mayHaveActed(err error) bool {
	var u providers.Uncertainer
	return !errors.As(err, &u) || u.MayHaveActed()
}

// expiry reads when an invitation expires: JDBC's text form, without a zone
// (FACTS.md section 5). nil: it cannot be read.
func (p *Provider) expiry(row *internal.Invitation) *time.Time {
	for _, layout := range []string{"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", time.RFC3339Nano} {
		if at, err := time.ParseInLocation(layout, row.ExpiredAt, p.settings.expiryZone); err == nil {
			at = at.UTC()
			return &at
		}
	}
	return nil
}
