package api

import (
	"context"
	"time"

	"usher/identity"
	"usher/invites"
)

type (
	sendInput struct {
		InOrganization
		Body SendInvite
	}
	listInvitesInput struct {
		InOrganization
		Paging
		State        []string  `query:"state,explode" enum:"queued,sending,pending,uncertain,failed,accepted,declined,expired,revoked" doc:"Only invites in this state; may be repeated."`
		Email        string    `query:"email" doc:"Only invites of this address, compared as the connection compares addresses."`
		Role         string    `query:"role" maxLength:"100" doc:"Only invites with this portable role."`
		CreatedAfter time.Time `query:"created_after" doc:"Only invites made after this time."`
		Refresh      bool      `query:"refresh" doc:"Compare with the provider first, and wait for it."`
	}
	inviteInput struct {
		InOrganization
		Invite string `path:"invite" example:"inv_0dhvc8kt7g6qeb8ugt3i8f7m9c" doc:"The invite's id."`
	}

	inviteCreated struct {
		Location string `header:"Location" doc:"Where the invite can be read."`
		Body     Invite
	}
	inviteOutput  struct{ Body Invite }
	detailOutput  struct{ Body InviteDetail }
	invitesOutput struct{ Body InviteList }
)

func (a *API) sendInvite(ctx context.Context, in *sendInput) (*inviteCreated, error) {
	c := callOf(ctx)
	i, err := a.service.Send(ctx, c.caller, c.org, in.Body.request(c.claim))
	if err != nil {
		return nil, err
	}
	return &inviteCreated{Location: a.base + "/v1/organizations/" + c.org.ID + "/invites/" + i.ID, Body: newInvite(i)}, nil
}

func (a *API) listInvites(ctx context.Context, in *listInvitesInput) (*invitesOutput, error) {
	c := callOf(ctx)
	r := invites.ListRequest{Email: in.Email, Role: in.Role, Page: in.request(), Refresh: in.Refresh}
	for _, state := range in.State {
		r.States = append(r.States, identity.State(state))
	}
	if !in.CreatedAfter.IsZero() {
		r.CreatedAfter = &in.CreatedAfter
	}
	found, err := a.service.List(ctx, c.caller, c.org, r)
	if err != nil {
		return nil, err
	}
	return &invitesOutput{InviteList{Data: items(found.Items, newInvite), NextCursor: optional(&found.Next)}}, nil
}

func (a *API) getInvite(ctx context.Context, in *inviteInput) (*detailOutput, error) {
	if !plausibleRef(in.Invite) {
		return nil, noInvite()
	}
	i, err := a.service.Get(ctx, callOf(ctx).org, in.Invite)
	if err != nil {
		return nil, err
	}
	return &detailOutput{newInviteDetail(i)}, nil
}

func (a *API) resendInvite(ctx context.Context, in *inviteInput) (*inviteOutput, error) {
	if !plausibleRef(in.Invite) {
		return nil, noInvite()
	}
	c := callOf(ctx)
	i, err := a.service.Resend(ctx, c.caller, c.org, in.Invite, c.claim)
	if err != nil {
		return nil, err
	}
	return &inviteOutput{newInvite(i)}, nil
}

func (a *API) revokeInvite(ctx context.Context, in *inviteInput) (*inviteOutput, error) {
	if !plausibleRef(in.Invite) {
		return nil, noInvite()
	}
	c := callOf(ctx)
	i, err := a.service.Revoke(ctx, c.caller, c.org, in.Invite)
	if err != nil {
		return nil, err
	}
	return &inviteOutput{newInvite(i)}, nil
}

func noInvite() error {
	return identity.Errorf(identity.CodeNotFound, "There is no such invite.")
}
