package asgardeo

import (
	"context"
	"log/slog"
	"maps"
	"strings"

	"usher/identity"
	"usher/providers"
	"usher/providers/asgardeo/internal"
)

// invitations lists every invitation of an organization.
func (p *Provider) invitations(ctx context.Context, org identity.OrgRef) (rows []internal.Invitation, err error) {
	err = p.within(ctx, org, scopeListInvites, func(t *token) (err error) {
		rows, err = p.client.ListInvitations(ctx, t.value)
		return err
	})
	return rows, err
}

// pending returns the pending invitation with the id, else the one under the
// first of the user names that has one, or nil.
func (p *Provider) pending(ctx context.Context, org identity.OrgRef, id string, names []string) (*internal.Invitation, error) {
	rows, err := p.invitations(ctx, org)
	if err != nil {
		return nil, err
	}
	return p.choose(rows, internal.StatusPending, id, names), nil
}

func (p *Provider) choose(rows []internal.Invitation, status, id string, names []string) *internal.Invitation {
	for n := range rows {
		if id != "" && rows[n].ID == id && rows[n].Status == status {
			return &rows[n]
		}
	}
	for _, name := range names {
		for n := range rows {
			if rows[n].Status != status || rows[n].ID == "" {
				continue
			}
			if _, listed := p.cutStore(rows[n].Username); p.same(listed, name) {
				return &rows[n]
			}
		}
	}
	return nil
}

// Settle implements providers.Settler. not_sent is safe to act on: the vendor
// refuses a second invitation while one is pending, and Invite takes that
// refusal for its own lost call when its journal says that it made one.
func (p *Provider) Settle(ctx context.Context, r providers.InviteRequest) (*providers.Settlement, error) {
	names, err := p.names(ctx, r.Address, r.Reference, r.Journal)
	if err != nil {
		return nil, explain(err)
	}
	row, err := p.pending(ctx, r.Org, "", names)
	if err != nil {
		return nil, explain(err)
	}
	if row != nil {
		verdict := providers.VerdictSent
		if withdrawing := r.Journal.Step(stepDelete); withdrawing.Begun && !withdrawing.Done && !r.Journal.Step(stepInvite).Begun {
			verdict = providers.VerdictUnchanged
		}
		return &providers.Settlement{Verdict: verdict, Sent: p.settled(r, row)}, nil
	}
	for _, name := range names {
		member, err := p.member(ctx, r.Org, name)
		if err != nil {
			return nil, explain(err)
		}
		if member != nil {
			return &providers.Settlement{Verdict: providers.VerdictMember}, nil
		}
	}
	return &providers.Settlement{Verdict: providers.VerdictNotSent}, nil
}

// settled is what Invite would have answered for an invitation that is listed.
func (p *Provider) settled(r providers.InviteRequest, row *internal.Invitation) *providers.Sent {
	s := p.newSending(r)
	domain, name := p.cutStore(row.Username)
	s.account = &account{username: name, domain: domain}
	known := maps.Clone(r.Reference)
	if r.Journal != nil {
		step := r.Journal.Step(stepCreate)
		s.named = step.Begun && (!step.Done || step.Result[refCreated] == "true")
		if step.Result[refUsername] != "" {
			known = step.Result
		}
	}
	if p.same(known[refUsername], name) {
		s.account.domain, s.account.id = known[refDomain], known[refUserID]
		s.created = known[refCreated] == "true"
	}
	return s.sent(row)
}

// ListInvites implements providers.InviteLister. The vendor lists everything
// at once. Its invitations carry no reference of ours; what an invite's own
// reference already says is left alone.
func (p *Provider) ListInvites(ctx context.Context, org identity.OrgRef, r identity.PageRequest) (*identity.Page[providers.RemoteInvite], error) {
	if r.Cursor != "" {
		return nil, badCursor()
	}
	rows, err := p.invitations(ctx, org)
	if err != nil {
		return nil, explain(err)
	}
	page := &identity.Page[providers.RemoteInvite]{Items: make([]providers.RemoteInvite, 0, len(rows))}
	for n := range rows {
		row := &rows[n]
		state, ok := stateOf(row.Status)
		if !ok || row.ID == "" {
			p.deps.Logger.LogAttrs(ctx, slog.LevelWarn, "an invitation at the provider is listed in a way that is not understood",
				slog.String("organization", org.ID), slog.String("status", row.Status))
			continue
		}
		page.Items = append(page.Items, p.remote(row, state))
	}
	return page, nil
}

func stateOf(status string) (identity.State, bool) {
	switch strings.ToUpper(status) {
	case internal.StatusPending:
		return identity.StatePending, true
	case internal.StatusExpired:
		return identity.StateExpired, true
	default:
		return "", false
	}
}

func (p *Provider) remote(row *internal.Invitation, state identity.State) providers.RemoteInvite {
	_, name := p.cutStore(row.Username)
	roles, unmapped := p.portable(row.Roles)
	remote := providers.RemoteInvite{
		ProviderID: row.ID, Email: row.Email, State: state, Roles: roles, UnmappedRoles: unmapped, ExpiresAt: p.expiry(row),
	}
	switch {
	case remote.Email == "":
		remote.Email = name
	case !p.same(remote.Email, name):
		remote.Reference = map[string]string{refUsername: name}
	}
	return remote
}

func badCursor() error {
	return identity.FieldError(identity.CodeInvalidRequest, "query:cursor", "The cursor is not one of ours.")
}
