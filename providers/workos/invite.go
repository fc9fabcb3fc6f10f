package workos

import (
	"context"
	"strconv"

	"usher/identity"
	"usher/providers"
	"usher/providers/workos/internal"
)

// sending is one attempt to send an invitation under way.
type sending struct {
	*Provider
	request providers.InviteRequest
	address string // as the vendor is told it
	// before is what an invitation that is sent again has been; nil: there is
	// none.
	before *internal.Invitation
}

func (p *Provider) newSending(r providers.InviteRequest) *sending {
	return &sending{Provider: p, request: r, address: p.address(r.Address)}
}

// Invite implements providers.Provider.
func (p *Provider) Invite(ctx context.Context, r providers.InviteRequest) (*providers.Sent, error) {
	s := p.newSending(r)
	sent, err := s.invite(ctx)
	if err != nil {
		return nil, s.unsettled(explain(err))
	}
	return sent, nil
}

// body is the invitation as it is asked for. What the vendor would refuse is
// refused here.
func (s *sending) body() (internal.NewInvitation, error) {
	b := internal.NewInvitation{Email: s.address, OrganizationID: s.request.Org.ProviderID}
	if err := checkOrganization(s.request.Org); err != nil {
		return b, err
	}
	if err := s.CheckAddress(s.request.Address); err != nil {
		return b, err
	}
	var err error
	if b.RoleSlug, err = s.roleSlug(); err != nil {
		return b, err
	}
	if b.ExpiresInDays, err = s.days(); err != nil {
		return b, err
	}
	b.Locale, _ = internal.Locale(s.request.Locale)
	return b, nil
}

// invite sends an invitation, unless this attempt has done so already.
func (s *sending) invite(ctx context.Context) (*providers.Sent, error) {
	step := s.request.Journal.Step(stepSend)
	if step.Done {
		return s.sent(recorded(step)), nil
	}
	if step.Begun {
		row, err := s.lost(ctx)
		if err != nil {
			return nil, err
		}
		if row != nil {
			return s.sent(row), s.done(ctx, stepSend, row)
		}
	}
	body, err := s.body()
	switch {
	case err != nil && step.Begun:
		return nil, s.undo(ctx, stepSend, err) // it did not happen, and will not
	case err != nil:
		return nil, err
	case !step.Begun:
		if err := s.begin(ctx, s.before); err != nil {
			return nil, err
		}
	}
	row, err := s.step(ctx, stepSend, func() (*internal.Invitation, error) { return s.send(ctx, body, step.Begun) })
	if err != nil {
		return nil, err
	}
	return s.sent(row), nil
}

// send makes the call. again: it was begun before and its answer was lost, and
// may arrive only now.
func (s *sending) send(ctx context.Context, body internal.NewInvitation, again bool) (*internal.Invitation, error) {
	row, err := s.create(ctx, body)
	if !internal.Is(err, internal.CodeAlreadyInvited) && !(again && internal.Is(err, internal.CodeAlreadyMember)) {
		return row, err
	}
	rows, look := s.rows(ctx, s.request.Org, s.address)
	switch {
	case look != nil && again:
		return nil, &uncertain{look}
	case look != nil:
		return nil, err
	}
	if row := s.mine(rows); again && row != nil && !s.doubtful(row) {
		return row, nil
	}
	stale := pending(rows, "")
	if stale == nil || !s.past(stale) || internal.Is(err, internal.CodeAlreadyMember) {
		return nil, err
	}
	if err := s.withdraw(ctx, stale); err != nil {
		return nil, err
	}
	return s.create(ctx, body)
}

func (s *sending) create(ctx context.Context, body internal.NewInvitation) (*internal.Invitation, error) {
	row, err := s.client.SendInvitation(ctx, body)
	if err != nil {
		return nil, err
	}
	return row, s.fits(row, s.request.Org, s.address, true)
}

// withdraw frees an address whose invitation has run out and is still pending
// at the vendor. That nobody can use it any more makes this safe to repeat.
func (s *sending) withdraw(ctx context.Context, row *internal.Invitation) error {
	_, err := s.step(ctx, stepWithdraw, func() (*internal.Invitation, error) {
		if _, err := s.client.RevokeInvitation(ctx, row.ID); err != nil && !over(err) {
			return nil, err
		}
		return row, nil
	})
	return err
}

// over reports a refusal to withdraw what is not pending any more.
func over(err error) bool { return internal.IsGone(err) || internal.Is(err, internal.CodeNotPending) }

// lost looks for the invitation of a call that was begun and whose answer never
// came.
func (s *sending) lost(ctx context.Context) (*internal.Invitation, error) {
	rows, err := s.rows(ctx, s.request.Org, s.address)
	if err != nil {
		return nil, err
	}
	row := s.mine(rows)
	if row != nil && s.doubtful(row) {
		return nil, identity.Errorf(identity.CodeProviderTimeout, "The identity provider does not tell whether it sent the invitation.")
	}
	return row, nil
}

// sent is the answer for an invitation.
func (s *sending) sent(row *internal.Invitation) *providers.Sent {
	r := s.request
	sent := &providers.Sent{
		ProviderID: row.ID, ExpiresAt: row.ExpiresAt, Reference: map[string]string{refID: row.ID}, NotCarried: []string{},
	}
	if n := lifeOf(row); n > 0 {
		sent.Reference[refDays] = strconv.Itoa(n)
	} else if known := r.Reference[refDays]; known != "" {
		sent.Reference[refDays] = known
	}
	_, exact := internal.Locale(r.Locale)
	for _, field := range []struct {
		name string
		lost bool
	}{
		{"given_name", r.GivenName != ""},
		{"family_name", r.FamilyName != ""},
		{"locale", r.Locale != "" && !exact},
		{"expires_at", r.ExpiresAt != nil && row.ExpiresAt != nil && !row.ExpiresAt.Equal(*r.ExpiresAt)},
		{"metadata", len(r.Metadata) > 0},
	} {
		if field.lost {
			sent.NotCarried = append(sent.NotCarried, field.name)
		}
	}
	return sent
}

// roleSlug is the vendor's name of the one role that is asked for. An adopted
// invitation may have a role that is not mapped, and goes out again with that.
func (s *sending) roleSlug() (string, error) {
	roles := s.request.Roles
	switch {
	case len(roles) > 1:
		return "", identity.FieldError(identity.CodeNotCarried, "/roles", "The identity provider of this organization takes one role in an invitation.")
	case len(roles) == 1:
		if slug, ok := s.deps.Roles[roles[0]]; ok {
			return slug, nil
		}
		return "", identity.FieldError(identity.CodeUnknownRole, "/roles/0", "The organization has no such role at the identity provider.")
	case s.before != nil && s.before.RoleSlug != "":
		return s.before.RoleSlug, nil
	default:
		return "", identity.FieldError(identity.CodeUnknownRole, "/roles", "The invitation has no role that it could be sent with again.")
	}
}
