package asgardeo

import (
	"context"
	"strings"

	"usher/identity"
	"usher/providers"
	"usher/providers/asgardeo/internal"
)

// Resend implements providers.Resender. The vendor sends no guest invitation
// again (FACTS.md section 7), so the pending one is withdrawn and a new one is
// sent. That is not atomic: when the second step fails the error says so, and
// the next call with the same journal goes on at that step.
func (p *Provider) Resend(ctx context.Context, r providers.ResendRequest) (*providers.Sent, error) {
	s := p.newSending(r.InviteRequest)
	sent, err := s.again(ctx, r.ProviderID)
	if err != nil {
		return nil, s.unsettled(explain(err))
	}
	return sent, nil
}

func (s *sending) again(ctx context.Context, id string) (*providers.Sent, error) {
	r := s.request
	if err := s.CheckAddress(r.Address); err != nil {
		return nil, err
	}
	roles, err := s.roleIDs(ctx, r.Org, r.Roles)
	if err != nil {
		return nil, err
	}
	if err := s.mayInvite(ctx); err != nil {
		return nil, err
	}
	if err := s.knownAccount(ctx); err != nil {
		return nil, err
	}
	kept, err := s.withdraw(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(roles) == 0 {
		roles = kept
	}
	sent, err := s.invite(ctx, roles)
	if err != nil {
		return nil, err
	}
	s.remindPassword(ctx)
	return sent, nil
}

// knownAccount finds the account the invitation was sent to; if it is gone,
// the person is looked for as if invited anew.
func (s *sending) knownAccount(ctx context.Context) error {
	name := s.request.Reference[refUsername]
	if name == "" || s.request.Journal.Step(stepCreate).Begun {
		return s.ensureAccount(ctx)
	}
	found, err := s.lookUpName(ctx, name)
	if err != nil {
		return err
	}
	if found == nil {
		return s.ensureAccount(ctx)
	}
	s.account = found
	s.named = s.request.Reference[refCreated] == "true"
	return nil
}

// withdraw deletes the pending invitation, if there is one, and returns the
// role ids it had: an invitation made elsewhere may have roles that are not
// mapped, and goes out again with those.
func (s *sending) withdraw(ctx context.Context, id string) (roles []string, err error) {
	if step := s.request.Journal.Step(stepDelete); step.Done || s.request.Journal.Step(stepInvite).Begun {
		return strings.Fields(step.Result[refRoles]), nil
	}
	rows, err := s.invitations(ctx, s.request.Org)
	if err != nil {
		return nil, err
	}
	names := []string{s.account.username}
	row := s.choose(rows, internal.StatusPending, id, names)
	last := row
	if last == nil {
		last = s.choose(rows, internal.StatusExpired, id, names)
	}
	if last != nil {
		for _, role := range last.Roles {
			roles = append(roles, role.ID)
		}
	}
	if len(s.request.Roles) == 0 && len(roles) == 0 {
		return nil, identity.FieldError(identity.CodeUnknownRole, "/roles", "The invitation has no role that it could be sent with again.")
	}
	if row == nil {
		return roles, nil
	}
	return roles, s.step(ctx, stepDelete, func() (map[string]string, error) {
		err := s.delete(ctx, s.request.Org, row.ID)
		if isGone(err) {
			err = nil
		}
		return map[string]string{refID: row.ID, refRoles: strings.Join(roles, " ")}, err
	})
}

func (p *Provider) delete(ctx context.Context, org identity.OrgRef, id string) error {
	return p.within(ctx, org, scopeDelete, func(t *token) error { return p.client.DeleteInvitation(ctx, t.value, id) })
}

// isGone reports the vendor's answer for an invitation it does not have.
func isGone(err error) bool {
	e := internal.AsAPIError(err)
	return e != nil && e.Code == internal.CodeUnknownInvite
}

// Revoke implements providers.Revoker. The account in the root organization
// stays, even one that was made for this invitation.
func (p *Provider) Revoke(ctx context.Context, ref providers.InviteRef) error {
	if ref.ProviderID != "" {
		if err := p.delete(ctx, ref.Org, ref.ProviderID); !isGone(err) {
			return explain(err)
		}
	}
	// The id is not known, or is that of an invitation that was replaced.
	names, err := p.names(ctx, ref.Address, ref.Reference, nil)
	if err != nil {
		return explain(err)
	}
	row, err := p.pending(ctx, ref.Org, "", names)
	if err != nil {
		return explain(err)
	}
	if row == nil {
		return identity.Errorf(identity.CodeNotFound, "The identity provider has no such invitation.")
	}
	return explain(p.delete(ctx, ref.Org, row.ID))
}
